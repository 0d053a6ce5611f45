/* What the uses work on: a matrix of embeddings, and the workers and primitives to do it with. */
#ifndef USE_MATRIX_H
#define USE_MATRIX_H

#include "base/arena.h"
#include "base/team.h"
#include "op/onednn.h"

/* Dense rows of f32, borrowed. */
typedef struct matrix {
    int64_t rows, columns;
    const float *data;
} matrix;

/* Workers with a backend and an arena each. Results never depend on how many there are: work is cut into blocks of
 * rows of a fixed size, and sums over blocks are taken in the order of the blocks. */
typedef struct work {
    tacit_context *context;
    team *team;
    int workers;
    backend **backends; /* (workers) */
    arena **arenas;     /* (workers) */
} work;

tacit_status work_create(work **out, tacit_context *context);
void work_destroy(work *w);

#endif
