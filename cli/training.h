/* What `train` and `resume` share: how a run that is going on is shown, and what is said at its end. */
#ifndef CLI_TRAINING_H
#define CLI_TRAINING_H

#include "command.h"

/* Progress, advice and --overwrite for the library; `user` is the session. */
tacit_train_options training_options(session *s);

/* After tacit_train or tacit_resume: where things are and what to do next; returns the exit code. `data` is
 * the path to evaluate on, or NULL. */
int training_finish(session *s, tacit_status status, const char *run, const char *data);

#endif
