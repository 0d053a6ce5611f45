/* Workers, with primitives and memory for each: what anything that runs on all cores is given. */
#ifndef OP_WORK_H
#define OP_WORK_H

#include "base/arena.h"
#include "base/team.h"
#include "op/onednn.h"

/* Results never depend on how many workers there are: work is cut into blocks of rows of a fixed size, and
 * sums over blocks are taken in the order of the blocks. */
typedef struct work {
    tacit_context *context;
    team *team;
    int workers;
    backend **backends; /* (workers) */
    arena **arenas;     /* (workers) */
} work;

/* As many workers as context_threads says. */
tacit_status work_create(work **out, tacit_context *context);
void work_destroy(work *w);

#endif
