/* How odd rows are beside rows that are normal: two scores, higher is odder, and a threshold. */
#ifndef USE_ANOMALY_H
#define USE_ANOMALY_H

#include "use/covariance.h"

/* score (Q): mean cosine distance, 1 - similarity, to the k nearest rows of normal (N, D); rows (Q, k):
 * those, nearest first. leave_out: queries are the same rows as normal, and none is its own neighbour. k is 1
 * to N, with leave_out to N - 1, else TACIT_ARGUMENT; a row that is not finite is TACIT_NONFINITE. */
tacit_status anomaly_neighbours(work *w, matrix queries, matrix normal, bool leave_out, int k, double *score,
                                int32_t *rows);

/* Mean and shrunk covariance of normal rows. */
typedef struct gaussian {
    whitener whitener;
    double shrinkage; /* share of the identity in the covariance, 0 to 1 */
} gaussian;

/* Covariance S of normal (N, D), shrunk to (1 - r) S + r m I with m = trace(S) / D and the r of Ledoit and
 * Wolf (2004, "A well-conditioned estimator for large-dimensional covariance matrices", equations 14 and 22;
 * r is 1 where N is small); W is the inverse of its Cholesky factor. Fewer than 2 rows, or rows that are all
 * the same: TACIT_ARGUMENT. TACIT_NONFINITE names a row that is not finite. On failure *out is empty; in any
 * case gaussian_fini may be called. */
tacit_status gaussian_fit(gaussian *out, work *w, matrix normal);
void gaussian_fini(gaussian *g);

/* score (Q): Mahalanobis distance ||W (x - mean)|| (Mahalanobis 1936) of finite queries (Q, D), f32 products.
 */
tacit_status gaussian_score(const gaussian *g, work *w, matrix queries, double *score);

/* The threshold that a new normal example exceeds with probability at most `rate`, from the scores (count >=
 * 1) of normal examples that were not fitted: the ceil((count + 1)(1 - rate))-th smallest (split conformal
 * prediction; Vovk, Gammerman and Shafer 2005; Lei et al. 2018), or the largest where that many are not there
 * (count < 1 / rate - 1). scores are sorted. */
double anomaly_threshold(double *scores, int64_t count, double rate);

#endif
