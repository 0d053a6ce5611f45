/* Principal components (Pearson 1901): the directions in which rows differ most, as a linear code of few
 * numbers. */
#ifndef USE_PCA_H
#define USE_PCA_H

#include "use/matrix.h"

enum { PCA_COLUMNS = 4096 }; /* at most: the covariance matrix is whole in memory */

typedef struct pca {
    tacit_context *context;
    int64_t columns, components; /* D, K */
    float *mean;                 /* (D) */
    float *axes;                 /* (K, D): unit length, the greatest variance first */
    double *variance;            /* (K): of the rows along each axis, over N */
} pca;

/* Of x (N, D), finite, N >= 1, 1 <= K <= D. An axis has two directions: its number of greatest magnitude (of
 * equal ones the first) is made positive. TACIT_ARGUMENT for other sizes, TACIT_LIMIT for D above
 * PCA_COLUMNS, TACIT_NONFINITE names a row. After a failure nothing is owned. The bits do not depend on the
 * workers. */
tacit_status pca_fit(pca *out, work *w, matrix x, int64_t components);
void pca_fini(pca *p);

/* codes (N, K) = (x - mean) axes^T. x (N, D): another D is TACIT_SHAPE. */
tacit_status pca_transform(const pca *p, work *w, matrix x, float *codes);

/* out (N, D) = codes axes + mean. codes (N, K): another K is TACIT_SHAPE. */
tacit_status pca_reconstruct(const pca *p, work *w, matrix codes, float *out);

#endif
