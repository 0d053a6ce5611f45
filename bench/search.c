/* How long one query over 1,000,000 x 128 embeddings takes, beside reading the matrix from memory. Best and
 * median of several runs, milliseconds. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/philox.h"
#include "use/search.h"
#include "use/similarities.h"

enum { ROWS = 1000000, D = 128, K = 10, RUNS = 21, BLOCK = 16384 };

typedef struct reading {
    matrix x;
    uint64_t *sums; /* (blocks): so that nothing is left out as unused */
} reading;

static tacit_status read_block(void *user, int64_t block, int worker)
{
    const reading *r = user;
    const uint32_t *words = (const uint32_t *)(const void *)(r->x.data + block * BLOCK * D);
    const int64_t count = block_length(r->x.rows, BLOCK, block) * D;
    uint32_t sum = 0;
    (void)worker;
    for (int64_t i = 0; i < count; i++)
        sum ^= words[i];
    r->sums[block] = sum;
    return TACIT_OK;
}

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, double times[RUNS])
{
    qsort(times, RUNS, sizeof *times, rising);
    printf("%-8s best %7.1f ms  median %7.1f ms\n", name, 1e3 * times[0], 1e3 * times[RUNS / 2]);
}

static tacit_status measure(work *w, float *data, float *query)
{
    double reads[RUNS], queries[RUNS];
    uint64_t sums[ROWS / BLOCK + 1];
    int32_t rows[K];
    float similarity[K];
    const matrix x = {ROWS, D, data}, q = {1, D, query};
    reading r = {x, sums};
    draws d = draws_at(1, DRAW_TEST, 0, 0, 0);
    for (int64_t i = 0; i < (int64_t)ROWS * D; i++)
        data[i] = draw_uniform(&d) - 0.5f;
    for (int i = 0; i < D; i++)
        query[i] = draw_uniform(&d) - 0.5f;
    TRY(unit_rows(w, "keys", x, data));
    TRY(unit_rows(w, "query", q, query));
    for (int run = 0; run < RUNS; run++) {
        const double start = clock_seconds();
        TRY(blocks_run(w, blocks_of(ROWS, BLOCK), read_block, &r));
        const double between = clock_seconds();
        TRY(search_nearest(w, q, x, K, rows, similarity));
        queries[run] = clock_seconds() - between;
        reads[run] = between - start;
    }
    printf("%d x %d, %d workers, the %d nearest\n", ROWS, D, w->workers, K);
    print_times("reading", reads);
    print_times("query", queries);
    printf("query / reading, medians: %.2f\n", queries[RUNS / 2] / reads[RUNS / 2]);
    return TACIT_OK;
}

int main(void)
{
    tacit_context *context = NULL;
    work *w = NULL;
    tacit_status status = tacit_context_create(&context, NULL);
    if (status == TACIT_OK)
        status = work_create(&w, context);
    float *data = status == TACIT_OK ? memory_alloc(context, ROWS, D * sizeof *data) : NULL;
    float *query = data ? memory_alloc(context, D, sizeof *query) : NULL;
    if (query)
        status = measure(w, data, query);
    if (!query || status != TACIT_OK)
        fprintf(stderr, "bench: %s\n", context ? tacit_context_message(context) : "out of memory");
    if (context) {
        memory_free(context, data);
        memory_free(context, query);
        work_destroy(w);
    }
    tacit_context_destroy(context);
    return query && status == TACIT_OK ? 0 : 1;
}
