/* The linear probe: multinomial logistic regression on frozen features. */
#ifndef USE_PROBE_H
#define USE_PROBE_H

#include "use/matrix.h"

/* A fitted classifier. Features are standardised with the training set's mean and deviation (a constant
 * column: 1). */
typedef struct probe {
    tacit_context *context;
    int64_t columns;
    int32_t classes;
    float *mean, *deviation; /* (columns) */
    float *wei;              /* (classes, columns) on standardised features */
    float *bias;             /* (classes) */
    double l2;               /* chosen strength */
} probe;

/* Common to the functions that fit: labels (rows) are 0 .. classes-1, of at least two kinds, else
 * TACIT_ARGUMENT; a feature that is not finite is TACIT_NONFINITE and named by its row. One standardised copy
 * of the features is made. On failure *out is empty; in any case probe_fini may be called. */

/* Minimises mean cross-entropy + l2/2 ||wei||^2 by L-BFGS; the bias is not penalised. */
tacit_status probe_fit(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes,
                       double l2);

/* The same for the `count` rows of the features that `rows` names (NULL: the first `count`), standardised
 * with the given mean and deviation (columns) of finite features; mean NULL: those of all the features,
 * measured here. */
tacit_status probe_fit_rows(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes,
                            double l2, const int64_t *rows, int64_t count, const float *mean,
                            const float *deviation);

/* Chooses l2 among `strengths` by accuracy on a tenth of the training rows (stratified, keyed by `seed`;
 * never a test row; ties: the larger), then fits all rows with it. Fewer than 10 rows of a class on average:
 * l2 is the middle one (of two, the larger) and nothing is held out. strengths NULL: 1e-6 .. 1e-1 by powers
 * of ten. Mean and deviation are those of all training rows; each strength starts where the next larger one
 * ended. */
tacit_status probe_select(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes,
                          const double *strengths, int strength_count, uint64_t seed);

/* Class of each row -> predicted (rows); ties: the smaller. TACIT_NONFINITE names a row that has no finite
 * logits. */
tacit_status probe_predict(const probe *p, work *w, matrix features, int32_t *predicted);
void probe_fini(probe *p);

/* Share of predicted == truth. */
double accuracy_of(const int32_t *predicted, const int32_t *truth, int64_t count);

#endif
