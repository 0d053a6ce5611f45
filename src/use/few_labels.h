/* How good frozen features are with few labels: probes on draws of some labels a class. */
#ifndef USE_FEW_LABELS_H
#define USE_FEW_LABELS_H

#include "use/matrix.h"

/* Rows of a draw of `per_class` labels of each class, keyed by (seed, draw); classes with fewer give all they
 * have. rows must hold classes * per_class; *filled is the number filled, classes in order. */
tacit_status few_labels_draw(tacit_context *context, const int32_t *labels, int64_t count, int32_t classes,
                             int per_class, uint64_t seed, int draw, int64_t *rows, int64_t *filled);

/* Test accuracy of a probe on `per_class` labels, over `draws` draws: mean and sample deviation (0 for one
 * draw). */
typedef struct few_labels_result {
    int per_class, draws;
    double mean, deviation;
} few_labels_result;

/* Strength of the penalty of every few-label probe. With so few labels nothing can be held out to choose it,
 * so it is fixed: the best of the powers of ten on raw Fashion-MNIST pixels (training rows only). */
#define FEW_LABELS_L2 1e-2

/* The probes' features are standardised with mean and deviation of all of `train`, which asks for no label.
 */
tacit_status few_labels_evaluate(work *w, matrix train, const int32_t *train_labels, matrix test,
                                 const int32_t *test_labels, int32_t classes, int per_class, int draws,
                                 uint64_t seed, few_labels_result *out);

#endif
