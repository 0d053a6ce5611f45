/* A scan: each job takes a span of keys in tiles that stay in the cache while all queries look at them, and
 * keeps the best k of each query; the spans' lists are merged in their order. */
#include "use/search.h"

#include <inttypes.h>
#include <string.h>

#include "base/kernel.h"

enum { SPAN_ROWS = 16384, TILE_ROWS = 512, QUERIES = 16 };

/* Nearest first; equal similarity by smaller row, because rows come in rising order. */
typedef struct best {
    int32_t *rows;
    float *similarity;
    int k, *count;
} best;

typedef struct scan {
    work *work;
    matrix queries, keys;
    int k;
    int64_t spans;
    int32_t *rows;     /* (spans, Q, k) */
    float *similarity; /* (spans, Q, k) */
    int *counts;       /* (spans, Q) */
} scan;

static void best_add(best *b, int32_t row, float similarity)
{
    int at = *b->count;
    while (at > 0 && similarity > b->similarity[at - 1])
        at--;
    if (at == b->k)
        return;
    const int kept = *b->count < b->k ? *b->count : b->k - 1;
    memmove(b->rows + at + 1, b->rows + at, sizeof *b->rows * (size_t)(kept - at));
    memmove(b->similarity + at + 1, b->similarity + at, sizeof *b->similarity * (size_t)(kept - at));
    b->rows[at] = row;
    b->similarity[at] = similarity;
    *b->count = kept + 1;
}

static bool best_wants(const best *b, float similarity)
{
    return *b->count < b->k || similarity > b->similarity[b->k - 1];
}

/* out (rows) = keys (rows, D) times the query (D). */
KERNEL static void multiply(const float *query, const float *keys, int64_t rows, int64_t columns, float *out)
{
    for (int64_t r = 0; r < rows; r++) {
        const float *key = keys + r * columns;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < columns; i++)
            sum += query[i] * key[i];
        out[r] = sum;
    }
}

static best best_of(const scan *s, int64_t span, int64_t query)
{
    const int64_t list = span * s->queries.rows + query;
    return (best){s->rows + list * s->k, s->similarity + list * s->k, s->k, s->counts + list};
}

static tacit_status scan_span(void *user, int64_t span, int worker)
{
    const scan *s = user;
    float products[TILE_ROWS];
    const int64_t columns = s->keys.columns, rows = block_length(s->keys.rows, SPAN_ROWS, span);
    (void)worker;
    for (int64_t tile = 0; tile < rows; tile += TILE_ROWS) {
        const int64_t first = span * SPAN_ROWS + tile, left = rows - tile;
        const int64_t count = left < TILE_ROWS ? left : TILE_ROWS;
        for (int64_t q = 0; q < s->queries.rows; q++) {
            best b = best_of(s, span, q);
            multiply(s->queries.data + q * columns, s->keys.data + first * columns, count, columns, products);
            for (int64_t i = 0; i < count; i++)
                if (best_wants(&b, products[i]))
                    best_add(&b, (int32_t)(first + i), products[i]);
        }
    }
    return TACIT_OK;
}

/* The first span's list takes up those of the others. */
static void merge(const scan *s, int64_t query, int32_t *rows, float *similarity)
{
    best all = best_of(s, 0, query);
    for (int64_t span = 1; span < s->spans; span++) {
        const best other = best_of(s, span, query);
        for (int i = 0; i < *other.count && best_wants(&all, other.similarity[i]); i++)
            best_add(&all, other.rows[i], other.similarity[i]);
    }
    memcpy(rows, all.rows, sizeof *rows * (size_t)s->k);
    memcpy(similarity, all.similarity, sizeof *similarity * (size_t)s->k);
}

static tacit_status scan_queries(work *w, matrix queries, matrix keys, int k, int32_t *rows,
                                 float *similarity)
{
    scan s = {.work = w, .queries = queries, .keys = keys, .k = k, .spans = blocks_of(keys.rows, SPAN_ROWS)};
    const size_t lists = (size_t)(s.spans * queries.rows);
    tacit_status status = TACIT_NOMEM;
    s.rows = memory_alloc(w->context, lists, (size_t)k * sizeof *s.rows);
    s.similarity = memory_alloc(w->context, lists, (size_t)k * sizeof *s.similarity);
    s.counts = memory_alloc(w->context, lists, sizeof *s.counts);
    if (s.rows && s.similarity && s.counts)
        status = blocks_run(w, s.spans, scan_span, &s);
    for (int64_t q = 0; status == TACIT_OK && q < queries.rows; q++)
        merge(&s, q, rows + q * k, similarity + q * k);
    memory_free(w->context, s.rows);
    memory_free(w->context, s.similarity);
    memory_free(w->context, s.counts);
    return status;
}

tacit_status search_nearest(work *w, matrix queries, matrix keys, int k, int32_t *rows, float *similarity)
{
    if (queries.columns != keys.columns || keys.columns < 1)
        return context_fail(w->context, TACIT_SHAPE,
                            "search: queries of %" PRId64 " features, keys of %" PRId64, queries.columns,
                            keys.columns);
    if (k < 1 || k > keys.rows || keys.rows > INT32_MAX)
        return context_fail(w->context, TACIT_ARGUMENT,
                            "search: %d nearest of %" PRId64 " examples: expected 1 to all of them", k,
                            keys.rows);
    for (int64_t q = 0; q < queries.rows; q += QUERIES) {
        const int64_t left = queries.rows - q, count = left < QUERIES ? left : QUERIES;
        const matrix some = {count, queries.columns, queries.data + q * queries.columns};
        TRY(scan_queries(w, some, keys, k, rows + q * k, similarity + q * k));
    }
    return TACIT_OK;
}
