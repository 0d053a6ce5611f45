/* Is the model any good? Simple classifiers on its embeddings, beside the same on raw pixels and on the
 * embeddings of the same encoder before training. */
#ifndef USE_EVALUATE_H
#define USE_EVALUATE_H

#include "data/views.h"
#include "objective/learner.h"
#include "use/matrix.h"

/* Labelled examples of one representation: features (N, D) and labels (N). */
typedef struct labelled {
    matrix features;
    const int32_t *labels;
} labelled;

/* Scores of one representation. Features of both parts are standardised by the columns' mean and deviation
 * over the training part (no label is used) before the neighbours are sought; the probe and the few-label
 * probes do the same. */
tacit_status evaluate_features(work *w, labelled train, labelled test, int32_t classes,
                               const tacit_evaluation_options *o, tacit_scores *out);

/* Plain views of `rows` (count) of the data as features (count, H W C), into out. */
tacit_status evaluate_pixels(work *w, const views *v, const int64_t *rows, int64_t count, float *out);

#endif
