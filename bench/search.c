/* How long one query over 1,000,000 x 128 embeddings takes, beside reading the matrix from memory. Best and
 * median of several runs, milliseconds. */
#include <stdio.h>
#include <stdlib.h>

#include "reading.h"

#include "base/philox.h"
#include "use/search.h"
#include "use/similarities.h"

enum { ROWS = 1000000, D = 128, K = 10, RUNS = 21 };

static void print_times(const char *name, double times[RUNS])
{
    qsort(times, RUNS, sizeof *times, rising);
    printf("%-8s best %7.1f ms  median %7.1f ms\n", name, 1e3 * times[0], 1e3 * times[RUNS / 2]);
}

static tacit_status measure(work *w, float *data, float *query)
{
    double reads[RUNS], queries[RUNS];
    uint32_t sums[(int64_t)ROWS * D / READING_BLOCK + 1];
    int32_t rows[K];
    float similarity[K];
    const matrix x = {ROWS, D, data}, q = {1, D, query};
    reading r = {data, (int64_t)ROWS * D, sums};
    draws d = draws_at(1, DRAW_TEST, 0, 0, 0);
    for (int64_t i = 0; i < (int64_t)ROWS * D; i++)
        data[i] = draw_uniform(&d) - 0.5f;
    for (int i = 0; i < D; i++)
        query[i] = draw_uniform(&d) - 0.5f;
    TRY(unit_rows(w, "keys", x, data));
    TRY(unit_rows(w, "query", q, query));
    for (int run = 0; run < RUNS; run++) {
        TRY(reading_time(w, &r, &reads[run]));
        const double between = clock_seconds();
        TRY(search_nearest(w, q, x, K, rows, similarity));
        queries[run] = clock_seconds() - between;
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
