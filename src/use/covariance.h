/* Covariance of rows, and the linear map that makes it 1: what principal components, odd rows and learnt
 * metrics have in common. */
#ifndef USE_COVARIANCE_H
#define USE_COVARIANCE_H

#include "use/matrix.h"

/* Rows of a tile of these products. */
enum { COVARIANCE_ROWS = 512 };

/* Columns first .. first+count-1 of the rows from .. from+rows-1 of x, less the mean of the row: out (rows,
 * count). The mean of row r is row mean_of[r] of means (, D), or the only one where mean_of is NULL. */
void rows_centre(matrix x, const float *means, const int32_t *mean_of, int64_t from, int64_t rows,
                 int64_t first, int64_t count, float *out);

/* sum (D, D) += (x - mean)(x - mean)^T over the finite rows of x (N, D), means as of rows_centre.
 * Products of tiles are in f32, their sum in double in the order of the tiles. */
tacit_status scatter_add(work *w, matrix x, const float *means, const int32_t *mean_of, double *sum);

double trace_of(const double *covariance, int64_t columns);

/* (1 - share) S + share m I with m = trace(S) / D, in place. */
void covariance_shrink(double *covariance, int64_t columns, double share);

typedef struct whitener {
    tacit_context *context;
    int64_t columns;
    float *mean;   /* (D) */
    float *factor; /* (D, D) W, lower triangle, zeros above: W (x - mean) has covariance 1 */
} whitener;

/* Zeros; on failure *out is empty. whitener_fini may be called in any case. */
tacit_status whitener_create(whitener *out, tacit_context *context, int64_t columns);
void whitener_fini(whitener *w);

/* W becomes the inverse of the Cholesky factor of a covariance (D, D), which is destroyed. False where that
 * has no inverse. */
bool whitener_set(whitener *w, double *covariance);

/* out (rows, D) = W (x - mean) of the finite rows first .. first+rows-1 of x, at most COVARIANCE_ROWS; may be
 * those of x. In a job of a worker, of whose arena it takes memory. */
tacit_status whitener_block(const whitener *how, work *w, int worker, matrix x, int64_t first, int64_t rows,
                            float *out);

/* All rows: out (N, D), which may be x.data. */
tacit_status whitener_apply(const whitener *how, work *w, matrix x, float *out);

#endif
