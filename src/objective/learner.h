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

/* Settings read: "method", "encoder", "patch", "readout", "width",
 * those of transformers and of texts, and the method's own. `view` is (H, W, C),
 * or (columns) where the examples are rows; an encoder for the other kind is TACIT_ARGUMENT. Parameters are
 * allocated and zero. */
tacit_status learner_create(learner **out, tacit_context *context, const settings *s, shape view);
void learner_destroy(learner *l);

/* What the model is used for: pictures (B, H, W, C) -> embeddings (B, learner_width). */
value learner_embed(const learner *l, tape *t, value pictures);
int64_t learner_width(const learner *l);
/* First values of the parameters and of the method's state, before training. Settings read: "seed", "batch",
 * and the method's own. Once for a learner. */
tacit_status learner_begin(learner *l, const settings *s);

/* Around the work of step 0 .. steps-1: what the method changes beside the parameters. */
void learner_before_step(const learner *l, int64_t step, int64_t steps);
void learner_after_step(const learner *l, int64_t step);

#endif
