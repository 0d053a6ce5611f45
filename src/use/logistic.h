/* Multinomial logistic regression: the objective, its gradient, and its minimum by L-BFGS. */
#ifndef USE_LOGISTIC_H
#define USE_LOGISTIC_H

#include "use/matrix.h"

/* f(x) = mean over rows of -log softmax(features wei^T + bias)[label]  +  l2/2 ||wei||^2.
 * x holds wei (classes, columns), then bias (classes), then zeros up to logistic_length. */
typedef struct logistic logistic;

/* Everything given is kept, not owned. Features are finite, labels 0 .. classes-1. TACIT_LIMIT when there are
 * more parameters than L-BFGS can count. */
tacit_status logistic_create(logistic **out, work *w, matrix features, const int32_t *labels,
                             int32_t classes);
void logistic_destroy(logistic *l);

/* Only the first `rows` of the features count from now on; at least 1. */
void logistic_set_rows(logistic *l, int64_t rows);

/* Numbers in x and in a gradient. */
int64_t logistic_length(const logistic *l);

/* f(x) into *objective and its gradient, both doubles from f32 products. */
tacit_status logistic_evaluate(logistic *l, double l2, const double *x, double *objective, double *gradient);

/* x (64-byte aligned) is where to start, and then where f is least: gradient norm under 1e-4 of max(1,
 * ||x||), no more than 1e-5 of f gained in 10 iterations, or `iterations` done. */
tacit_status logistic_minimise(logistic *l, double l2, int iterations, double *x);

#endif
