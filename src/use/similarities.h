/* Rows of length 1, and the similarities of one row with all others: what search, retrieval, verification
 * and identification score by. */
#ifndef USE_SIMILARITIES_H
#define USE_SIMILARITIES_H

#include "use/matrix.h"

/* out (N, D), which may be x.data: rows of length 1, a row of zeros stays. A row that is not finite is
 * TACIT_NONFINITE; `what` ("embeddings") names x in the message. */
tacit_status unit_rows(work *w, const char *what, matrix x, float *out);

/* Told the similarities (keys.rows) of one query with all keys, from any worker; may take memory of the
 * worker's arena. */
typedef tacit_status (*similarity_job)(void *user, int64_t query, const float *similarity, int worker);

/* Calls job for each query. Both are rows of length 1 (unit_rows) of equal width, else TACIT_SHAPE; the
 * similarities are cosines, f32 products that may exceed 1 by rounding. At most a few rows of similarities a
 * worker are in memory. The same bits for any number of workers. */
tacit_status similarities_run(work *w, matrix queries, matrix keys, similarity_job job, void *user);

#endif
