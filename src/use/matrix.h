/* What the uses work on: a matrix of embeddings, cut into blocks of rows for the workers. */
#ifndef USE_MATRIX_H
#define USE_MATRIX_H

#include "op/work.h"

/* Dense rows of f32, borrowed. */
typedef struct matrix {
    int64_t rows, columns;
    const float *data;
} matrix;

/* Runs job(user, i, worker) for i = 0 .. count-1 on the workers. A job may use backends[worker] and
 * arenas[worker]; the arena is reset after each. After a failure no further job is started; the first failure
 * is returned. */
typedef tacit_status (*block_job)(void *user, int64_t i, int worker);
tacit_status blocks_run(work *w, int64_t count, block_job job, void *user);

/* Number of blocks of `size` that cover `count`, and how many of `count` are in block i. */
int64_t blocks_of(int64_t count, int64_t size);
int64_t block_length(int64_t count, int64_t size, int64_t i);

#endif
