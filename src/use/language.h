/* How well a method of self-prediction predicts the words of texts. */
#ifndef USE_LANGUAGE_H
#define USE_LANGUAGE_H

#include "data/token_store.h"
#include "objective/learner.h"
#include "op/work.h"

typedef struct language_measure {
    int64_t predicted; /* tokens that were asked for */
    double loss;       /* mean of -log of the true token's share, nats */
} language_measure;

/* Windows of the store's tokens, one behind the other. What is predicted from what was before it: every token
 * but the first. What is predicted from all others: as the method chooses, which it does as in epoch 0 of
 * `seed`, in whole windows only (or one that is not, if there is no other). TACIT_ARGUMENT: fewer than two
 * tokens, or a method that predicts no words. */
tacit_status language_run(const learner *l, work *w, const token_store *s, uint64_t seed,
                          language_measure *out);

#endif
