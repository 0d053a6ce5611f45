/* What a person sees of long work, on stderr: a line that is drawn over and over on a terminal; elsewhere a
 * plain line at each epoch's end; nothing when quiet. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "tacit.h"

typedef struct progress {
    bool quiet;
    bool terminal;               /* stderr is one */
    bool drawn;                  /* the cursor is behind a line that will be drawn over */
    double drawn_at, started_at; /* seconds of the monotonic clock; 0: not yet */
} progress;

void progress_init(progress *p, bool quiet);

/* A sentence that stays. */
void progress_note(progress *p, const char *line);

/* A step of training. */
void progress_step(progress *p, const tacit_progress *step);

/* `done` of `all` examples; the speed is measured from done = 0 or the first call on. */
void progress_count(progress *p, const char *what, int64_t done, int64_t all);

/* What is being done, where nobody knows how long it takes. */
void progress_stage(progress *p, const char *what);

/* Removes the line that is drawn over. */
void progress_clear(progress *p);

#endif
