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

/* Strength of the penalty of every few-label probe. With so few labels none can be held out to choose it, so
 * it is fixed, by measurement: raw Fashion-MNIST pixels, 5 draws from training rows 0 .. 49,999, accuracy (%)
 * on rows 50,000 .. 59,999.
 *
 *   labels a class   l2 = .001   .01    .03    .1     .3     1      statistics of the few rows, l2 = .03
 *   1                48.8        46.9   46.8   46.8   46.7   46.6   40.5
 *   5                64.8        64.7   64.9   64.9   65.0   65.0   61.5
 *   10               70.2        70.3   70.3   70.3   70.3   70.0   68.5
 *   100              79.6        80.4   80.7   80.5   79.5   77.1   80.4 */
#define FEW_LABELS_L2 0.03

/* The probes' features are standardised with mean and deviation of all of `train`, which asks for no label
 * and is better than those of the few rows (see above). Labels outside 0 .. classes-1, or numbers below 1:
 * TACIT_ARGUMENT. */
tacit_status few_labels_evaluate(work *w, matrix train, const int32_t *train_labels, matrix test,
                                 const int32_t *test_labels, int32_t classes, int per_class, int draws,
                                 uint64_t seed, few_labels_result *out);

#endif
