/* A learner: encoder, method and parameters put together from settings. What is trained, saved, opened and
 * used. */
#ifndef OBJECTIVE_LEARNER_H
#define OBJECTIVE_LEARNER_H

#include "objective/objective.h"

typedef struct learner {
    tacit_context *context;
    parameters parameters;
    encoder *encoder;
    method method;
} learner;

/* Settings read: "method", "encoder", "patch", "readout", "width", and the method's own. `view` is (H, W, C).
 * Parameters are allocated and zero. */
tacit_status learner_create(learner **out, tacit_context *context, const settings *s, shape view);
void learner_destroy(learner *l);

#endif
