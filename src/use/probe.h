/* The linear probe: multinomial logistic regression on frozen features. */
#ifndef USE_PROBE_H
#define USE_PROBE_H

#include "use/matrix.h"

/* A fitted classifier. Features are standardised with the training set's mean and deviation (a constant column: 1). */
typedef struct probe {
    tacit_context *context;
    int64_t columns;
    int32_t classes;
    float *mean, *deviation; /* (columns) */
    float *wei;              /* (classes, columns) on standardised features */
    float *bias;             /* (classes) */
    double l2;               /* chosen strength */
} probe;

/* Minimises mean cross-entropy + l2/2 ||wei||^2 by L-BFGS; the bias is not penalised. labels (rows) 0..classes-1. */
tacit_status probe_fit(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes, double l2);

/* Chooses l2 among `strengths` by accuracy on a tenth of the training rows (stratified, keyed by `seed`; never a test
 * row; ties: the larger), then fits all rows with it. Fewer than 10 rows of a class on average: l2 is the middle one
 * and nothing is held out. strengths NULL: 1e-6 .. 1e-1 by powers of ten. */
tacit_status probe_select(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes,
                          const double *strengths, int strength_count, uint64_t seed);

tacit_status probe_predict(const probe *p, work *w, matrix features, int32_t *predicted); /* (rows) */
void probe_fini(probe *p);

/* Share of predicted == truth. */
double accuracy_of(const int32_t *predicted, const int32_t *truth, int64_t count);

/* Rows of a draw of `per_class` labels of each class, keyed by (seed, draw); classes with fewer give all they have.
 * rows must hold classes * per_class; returns the number filled, classes in order. */
tacit_status few_labels_draw(tacit_context *context, const int32_t *labels, int64_t count, int32_t classes, int per_class,
                             uint64_t seed, int draw, int64_t *rows, int64_t *filled);

/* Test accuracy of a probe on `per_class` labels, over `draws` draws: mean and sample deviation. */
typedef struct few_labels_result {
    int per_class, draws;
    double mean, deviation;
} few_labels_result;
tacit_status few_labels_evaluate(work *w, matrix train, const int32_t *train_labels, matrix test,
                                 const int32_t *test_labels, int32_t classes, int per_class, int draws, uint64_t seed,
                                 few_labels_result *out);

#endif
