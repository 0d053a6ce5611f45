/* A metric learnt from rows of known groups: within-class covariance normalisation (Hatch, Kajarekar and
 * Stolcke 2006, "Within-class covariance normalization for SVM-based speaker recognition"). What varies
 * within a group is made small, so that the cosine hears what tells groups apart. */
#ifndef USE_WITHIN_H
#define USE_WITHIN_H

#include "use/covariance.h"

enum { WITHIN_COLUMNS = 8192, WITHIN_FOLDS = 5 }; /* at most */

typedef struct within {
    whitener whitener; /* mean of all rows; W of the covariance within groups, shrunk */
    double shrinkage;  /* r */
    double eer;        /* equal error rate, 0 to 1, that r was chosen by: mean over the folds */
    int32_t folds;
    int32_t groups;   /* with two rows or more */
    int64_t left_out; /* rows that are alone in their group: of them only the mean knows */
} within;

/* x (N, D), group (N) 0 .. groups-1. S is the covariance of the rows about the mean of their group, pooled:
 * over N' - G' for N' rows in G' groups of two or more. C = (1 - r) S + r m I with m = trace(S) / D, and W
 * is the inverse of its Cholesky factor. r is one of 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9 and 1: groups
 * are dealt to WITHIN_FOLDS folds, or to half as many as there are groups; each fold is scored, by the equal
 * error rate of up to 3,000 pairs of either kind (pairs_draw), when the others are fitted. The r of the
 * lowest mean wins, of equal ones the largest. A function of x, group and seed.
 *
 * TACIT_LIMIT: D above WITHIN_COLUMNS. TACIT_ARGUMENT: fewer than 4 groups of two rows, or groups of rows
 * that are all the same. TACIT_NONFINITE names a row. On failure *out is empty; within_fini may be called in
 * any case. Four matrices (D, D) and a copy of x are in memory. */
tacit_status within_fit(within *out, work *w, matrix x, const int32_t *group, int32_t groups, uint64_t seed);
void within_fini(within *f);

/* out (N, D) = W (x - mean) of finite rows; out may be x.data. */
tacit_status within_apply(const within *f, work *w, matrix x, float *out);

#endif
