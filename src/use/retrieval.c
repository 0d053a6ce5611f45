/* See retrieval.h. */
#include "use/retrieval.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "use/similarities.h"

/* Tells the sample apart from others of the same stream. */
enum { SAMPLE_EPOCH = 79 };

typedef struct measuring {
    work *work;
    const int32_t *labels;
    int64_t keys;
    int k;
    const int64_t *examples; /* (queries): which rows ask */
    double *precision;       /* (queries) */
    double *average;         /* (queries); below 0: nothing to find */
} measuring;

typedef struct found {
    float similarity;
    int32_t row;
} found;

static int nearest_first(const void *a, const void *b)
{
    const found *x = a, *y = b;
    if (x->similarity != y->similarity)
        return x->similarity < y->similarity ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* A run of equal similarities counts as a whole: its precision is that at its end. */
static double average_precision(const measuring *m, const found *sorted, int64_t count, int32_t label)
{
    int64_t relevant = 0, pending = 0;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        pending += m->labels[sorted[i].row] == label;
        if (i + 1 < count && sorted[i + 1].similarity == sorted[i].similarity)
            continue;
        relevant += pending;
        sum += (double)pending * (double)relevant / (double)(i + 1);
        pending = 0;
    }
    return relevant > 0 ? sum / (double)relevant : -1;
}

static tacit_status measure_query(void *user, int64_t query, const float *similarity, int worker)
{
    const measuring *m = user;
    arena *a = m->work->arenas[worker];
    const size_t size = sizeof(found) * (size_t)m->keys;
    const int64_t self = m->examples[query];
    found *sorted = arena_take(a, size);
    int64_t count = 0, hits = 0;
    if (!sorted)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < m->keys; i++)
        if (i != self)
            sorted[count++] = (found){similarity[i], (int32_t)i};
    qsort(sorted, (size_t)count, sizeof *sorted, nearest_first);
    for (int i = 0; i < m->k; i++)
        hits += m->labels[sorted[i].row] == m->labels[self];
    m->precision[query] = (double)hits / m->k;
    m->average[query] = average_precision(m, sorted, count, m->labels[self]);
    arena_give(a, sorted, size);
    return TACIT_OK;
}

static tacit_status summarise(const measuring *m, tacit_context *context, int64_t queries, retrieval *out)
{
    *out = (retrieval){0};
    for (int64_t q = 0; q < queries; q++) {
        if (m->average[q] < 0) {
            out->left_out++;
            continue;
        }
        out->queries++;
        out->precision += m->precision[q];
        out->average_precision += m->average[q];
    }
    if (out->queries < 1)
        return context_fail(context, TACIT_ARGUMENT,
                            "retrieval: each of %" PRId64 " examples is the only one with its label",
                            queries);
    out->precision /= (double)out->queries;
    out->average_precision /= (double)out->queries;
    return TACIT_OK;
}

/* unit (N, D) receives all rows, asking (queries, D) those that ask, examples their numbers. */
static tacit_status prepare(work *w, matrix x, int64_t queries, uint64_t seed, float *unit, float *asking,
                            int64_t *examples)
{
    TRY(unit_rows(w, "embeddings", x, unit));
    for (int64_t q = 0; q < queries; q++) {
        examples[q] = queries == x.rows ? q
                                        : (int64_t)draw_permuted(seed, DRAW_SAMPLE, SAMPLE_EPOCH,
                                                                 (uint64_t)x.rows, (uint64_t)q);
        memcpy(asking + q * x.columns, unit + examples[q] * x.columns, sizeof *unit * (size_t)x.columns);
    }
    return TACIT_OK;
}

tacit_status retrieval_measure(work *w, matrix x, const int32_t *labels, int k, int64_t most, uint64_t seed,
                               retrieval *out)
{
    tacit_context *c = w->context;
    const int64_t queries = x.rows < most ? x.rows : most;
    const size_t width = (size_t)x.columns;
    if (k < 1 || k >= x.rows || x.rows > INT32_MAX)
        return context_fail(c, TACIT_ARGUMENT,
                            "retrieval: %d nearest of %" PRId64 " examples: expected fewer than examples", k,
                            x.rows);
    float *unit = memory_alloc(c, (size_t)x.rows, width * sizeof *unit);
    float *asking = memory_alloc(c, (size_t)queries, width * sizeof *asking);
    int64_t *examples = memory_alloc(c, (size_t)queries, sizeof *examples);
    double *scores = memory_alloc(c, (size_t)queries, 2 * sizeof *scores);
    measuring m = {w, labels, x.rows, k, examples, scores, scores ? scores + queries : NULL};
    tacit_status status = TACIT_NOMEM;
    if (unit && asking && examples && scores)
        status = prepare(w, x, queries, seed, unit, asking, examples);
    if (status == TACIT_OK)
        status = similarities_run(w, (matrix){queries, x.columns, asking}, (matrix){x.rows, x.columns, unit},
                                  measure_query, &m);
    if (status == TACIT_OK)
        status = summarise(&m, c, queries, out);
    memory_free(c, unit);
    memory_free(c, asking);
    memory_free(c, examples);
    memory_free(c, scores);
    return status;
}
