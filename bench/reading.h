/* Reading memory once with all workers: what other work is measured beside. */
#ifndef BENCH_READING_H
#define BENCH_READING_H

#include "base/clock.h"
#include "use/matrix.h"

enum { READING_BLOCK = 1 << 19 }; /* numbers a worker reads at a time */

typedef struct reading {
    const float *numbers; /* (count) */
    int64_t count;
    uint32_t *sums; /* (reading_blocks): so that nothing is left out as unused */
} reading;

static inline int64_t reading_blocks(int64_t count)
{
    return blocks_of(count, READING_BLOCK);
}

static inline tacit_status reading_block(void *user, int64_t i, int worker)
{
    const reading *r = user;
    const uint32_t *words = (const uint32_t *)(const void *)(r->numbers + i * READING_BLOCK);
    const int64_t count = block_length(r->count, READING_BLOCK, i);
    uint32_t sum = 0;
    (void)worker;
    for (int64_t k = 0; k < count; k++)
        sum ^= words[k];
    r->sums[i] = sum;
    return TACIT_OK;
}

/* *seconds it took. */
static inline tacit_status reading_time(work *w, reading *r, double *seconds)
{
    const double start = clock_seconds();
    TRY(blocks_run(w, reading_blocks(r->count), reading_block, r));
    *seconds = clock_seconds() - start;
    return TACIT_OK;
}

/* For qsort. */
static inline int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#endif
