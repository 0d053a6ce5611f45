/* Sheets of pictures in RUN/samples: what the model sees, what it restores, what it takes for alike. */
#ifndef TRAIN_SAMPLES_H
#define TRAIN_SAMPLES_H

#include "data/augment/augment.h"
#include "objective/learner.h"

typedef struct samples {
    tacit_context *context;
    const dataset *data;
    const views *views;
    const picture_view_options *look; /* how a view becomes a picture again */
    const learner *learner;
    const char *folder;
    int rows; /* examples on a sheet */
    uint64_t seed;
} samples;

/* views.png: plain view and random views of the first examples of a keyed sample, before the first step. */
tacit_status samples_views(const samples *s);

/* epoch-NNNN.png: what the method shows of them, if it shows anything. `t` is a tape bound to the parameters.
 */
tacit_status samples_demonstrate(const samples *s, tape *t, int64_t epoch);

/* neighbours-NNNN.png: each of the first rows of a sample with its nearest others. embeddings (count, D) of
 * `examples`. */
tacit_status samples_neighbours(const samples *s, const int64_t *examples, const float *embeddings,
                                int64_t count, int64_t epoch);

#endif
