/* Lanes: a batch cut into small runs of examples, each taken all the way through the network by one worker.
 *
 *   pointwise   leaf by leaf: forward and backward of its lanes          -> leaf gradient -> tree
 *   batchwise   lane by lane: forward (and of further views, the target) -> embeddings of the batch
 *               whole batch: couple                                      -> loss, gradient of the embeddings
 *               leaf by leaf: (forward again,) backward of its lanes     -> leaf gradient -> tree
 *
 * A leaf is a fixed run of lanes whose gradients one worker accumulates in order. Whether a batchwise lane is
 * kept or run again changes nothing in the result: its views come from keyed random numbers. */
#ifndef TRAIN_LANES_H
#define TRAIN_LANES_H

#include "data/views.h"
#include "objective/learner.h"
#include "op/work.h"
#include "train/tree.h"

typedef struct lanes_options {
    int64_t batch;   /* examples of a step */
    int64_t lane;    /* examples of a lane */
    int64_t leaf;    /* lanes of a leaf */
    uint64_t memory; /* bytes that kept lanes may hold */
    uint64_t seed;
    const int32_t *labels; /* of the data set's examples, kept; NULL: none */
} lanes_options;

typedef struct lanes lanes;

/* All arguments are kept, of the options the labels only. Of a method with a target, training must have begun
 * (learner_begin). */
tacit_status lanes_create(lanes **out, const learner *l, const views *v, work *w, const lanes_options *o);
void lanes_destroy(lanes *l);

typedef struct lanes_result {
    double loss;               /* mean over the batch */
    gradient_buffer *gradient; /* give back with lanes_give */
    double wait_share;         /* of the workers' time, spent reading and augmenting */
    const float *embeddings;   /* batchwise: (batch * views, D), borrowed until the next step; else NULL */
    int64_t rows;
    bool rerun; /* lanes were run twice */
} lanes_result;

/* Loss and gradient of one batch of examples (batch numbers) in an epoch. */
tacit_status lanes_step(lanes *l, const int64_t *examples, uint32_t epoch, lanes_result *out);
void lanes_give(lanes *l, gradient_buffer *gradient);

/* Lane and leaf sizes by fixed rules from the learner and the batch, never from the machine. */
int64_t lanes_default_lane(const learner *l, int64_t batch);
int64_t lanes_default_leaf(const learner *l, int64_t batch, int64_t lane);

#endif
