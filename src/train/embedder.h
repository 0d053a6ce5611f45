/* Embeddings of examples as they are used: plain views, no augmentation, no gradient. */
#ifndef TRAIN_EMBEDDER_H
#define TRAIN_EMBEDDER_H

#include "data/views.h"
#include "objective/learner.h"
#include "op/work.h"

typedef struct embedder embedder;

/* Learner, views and work are kept. `stops`: a run ends early when the context is asked to stop; a trainer,
 * which must save first, lets it end. */
tacit_status embedder_create(embedder **out, const learner *l, const views *v, work *w, bool stops);
void embedder_destroy(embedder *e);

/* Mean and variance that batch norms of the encoder use in inference, into its parameters: those of the first
 * `count` named examples (NULL: 0 .. count-1) in lanes of up to 64, averaged over the lanes ("precise batch
 * norm", Wu and Johnson 2021, section 3.2). A function of the parameters and the examples alone. Nothing
 * happens to encoders without batch norm. `p` is the learner's. */
tacit_status embedder_calibrate(embedder *e, parameters *p, const int64_t *examples, int64_t count);

/* Told now and then, from the calling thread; may be NULL. */
typedef void (*embedder_progress)(void *user, int64_t done, int64_t all);

/* Embeddings (count, D) of examples[0 .. count-1]; examples NULL: first .. first + count - 1. Every lane has
 * the same shape (the last is filled up), so an example's bits do not depend on its neighbours. One that
 * stops does so between rounds of lanes, with TACIT_CANCELLED. */
tacit_status embedder_run(embedder *e, const int64_t *examples, int64_t first, int64_t count, float *out,
                          embedder_progress progress, void *user);

/* How well the method (one with `restore`) predicts examples, given as they are: errors (count), each the
 * mean square error of a pixel in [0, 1]. Otherwise as embedder_run. */
tacit_status embedder_run_restore(embedder *e, const int64_t *examples, int64_t first, int64_t count,
                                  double *errors, embedder_progress progress, void *user);

/* Mean loss of a pointwise method over examples first .. first + count - 1 by plain views; what the method
 * draws, it draws as in epoch 0 of `seed`. */
tacit_status embedder_run_loss(embedder *e, uint64_t seed, int64_t first, int64_t count, double *mean);

#endif
