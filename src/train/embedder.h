/* Embeddings of examples as they are used: plain views, no augmentation, no gradient. */
#ifndef TRAIN_EMBEDDER_H
#define TRAIN_EMBEDDER_H

#include "data/views.h"
#include "objective/learner.h"
#include "op/work.h"

typedef struct embedder embedder;

/* Learner, views and work are kept. */
tacit_status embedder_create(embedder **out, const learner *l, const views *v, work *w);
void embedder_destroy(embedder *e);

/* Told now and then, from the calling thread; may be NULL. */
typedef void (*embedder_progress)(void *user, int64_t done, int64_t all);

/* Embeddings (count, D) of examples[0 .. count-1]; examples NULL: first .. first + count - 1. Every lane has
 * the same shape (the last is filled up), so an example's bits do not depend on its neighbours. Stops between
 * rounds of lanes with TACIT_CANCELLED when asked to. */
tacit_status embedder_run(embedder *e, const int64_t *examples, int64_t first, int64_t count, float *out,
                          embedder_progress progress, void *user);

#endif
