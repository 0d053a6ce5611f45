/* Cosine similarities in tiles, and the best k of each row.
 *
 *   queries (Q, D)   blocks of QUERY_ROWS, one job each
 *   keys    (N, D)   a copy of rows of length 1 in tiles of KEY_ROWS; the last tile is filled up with zeros,
 * so that every tile has one shape and equal keys have equal similarities wherever they are
 *
 * The best k of a row so far are a heap with the worst on top. Keys come in rising rows, so a later one
 * enters only if its similarity is larger than the worst; most of a tile is refused by comparing a run of it
 * with that one number. */
#include "use/neighbours.h"

#include <inttypes.h>
#include <math.h>

#include "op/kernel.h"
#include "use/standardise.h"

enum { QUERY_ROWS = 256, KEY_ROWS = 1024, RUN = 64 };

typedef struct search {
    work *work;
    matrix queries, keys;
    int k;
    float *tiles;          /* (tiles * KEY_ROWS, D) */
    int32_t *rows;         /* (Q, k) results, or NULL: the job's own */
    float *similarity;     /* (Q, k) */
    const int32_t *labels; /* of the keys; NULL: no vote */
    int32_t label_count;
    double temperature;
    int32_t *predicted; /* (Q) */
} search;

/* out = row / ||row||, or zeros; false when the row is not finite. In double: squares of f32 can overflow
 * f32. */
KERNEL static bool normalise_row(const float *row, int64_t columns, float *out)
{
    double square = 0;
#pragma omp simd reduction(+ : square)
    for (int64_t j = 0; j < columns; j++)
        square += (double)row[j] * (double)row[j];
    const double scale = square > 0 ? 1 / sqrt(square) : 0;
#pragma omp simd
    for (int64_t j = 0; j < columns; j++)
        out[j] = (float)((double)row[j] * scale);
    return isfinite(square);
}

static tacit_status normalise_rows(tacit_context *context, const char *what, matrix m, int64_t first,
                                   int64_t rows, float *out)
{
    for (int64_t r = 0; r < rows; r++)
        if (!normalise_row(m.data + (first + r) * m.columns, m.columns, out + r * m.columns))
            return context_fail(context, TACIT_NONFINITE,
                                "%s: row %" PRId64 " holds a number that is not finite", what, first + r);
    return TACIT_OK;
}

static tacit_status normalise_keys(void *user, int64_t tile, int worker)
{
    (void)worker;
    const search *s = user;
    return normalise_rows(s->work->context, "keys", s->keys, tile * KEY_ROWS,
                          block_length(s->keys.rows, KEY_ROWS, tile),
                          s->tiles + tile * KEY_ROWS * s->keys.columns);
}

/* ---- the best k ---- */

typedef struct heap {
    int32_t *rows; /* (k), the worst first */
    float *similarity;
    int k;
} heap;

static bool is_worse(const heap *h, int a, int b)
{
    return h->similarity[a] < h->similarity[b] ||
           (h->similarity[a] == h->similarity[b] && h->rows[a] > h->rows[b]);
}

/* Puts a pair where the top was and lets it sink among the first `count`. */
static void heap_sink(heap *h, int count, int32_t row, float similarity)
{
    int at = 0;
    h->rows[0] = row;
    h->similarity[0] = similarity;
    for (;;) {
        int child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && is_worse(h, child + 1, child))
            child++;
        if (!is_worse(h, child, at))
            return;
        const int32_t swapped_row = h->rows[at];
        const float swapped = h->similarity[at];
        h->rows[at] = h->rows[child];
        h->similarity[at] = h->similarity[child];
        h->rows[child] = swapped_row;
        h->similarity[child] = swapped;
        at = child;
    }
}

/* Worse than every key: k <= N, so none of these is left in the end. */
static void heap_start(heap *h)
{
    for (int i = 0; i < h->k; i++) {
        h->rows[i] = INT32_MAX;
        h->similarity[i] = -INFINITY;
    }
}

/* Nearest first: the worst goes to the end, again and again. */
static void heap_sort(heap *h)
{
    for (int count = h->k - 1; count > 0; count--) {
        const int32_t worst_row = h->rows[0];
        const float worst = h->similarity[0];
        heap_sink(h, count, h->rows[count], h->similarity[count]);
        h->rows[count] = worst_row;
        h->similarity[count] = worst;
    }
}

KERNEL static bool any_above(const float *similarity, float bound)
{
    int above = 0;
#pragma omp simd reduction(| : above)
    for (int j = 0; j < RUN; j++)
        above |= similarity[j] > bound;
    return above;
}

/* One row of a tile (KEY_ROWS similarities, `count` of them real) into its heap. */
static void heap_scan(heap *h, const float *similarity, int64_t count, int32_t first_row)
{
    for (int64_t run = 0; run < count; run += RUN) {
        if (!any_above(similarity + run, h->similarity[0]))
            continue;
        const int64_t end = run + RUN < count ? run + RUN : count;
        for (int64_t j = run; j < end; j++)
            if (similarity[j] > h->similarity[0])
                heap_sink(h, h->k, first_row + (int32_t)j, similarity[j]);
    }
}

/* ---- a block of queries ---- */

static heap heap_of(int32_t *rows, float *similarity, int k, int64_t query)
{
    return (heap){rows + query * k, similarity + query * k, k};
}

/* The k nearest keys of `count` normalised queries. */
static tacit_status search_tiles(const search *s, const float *queries, int64_t count, int worker,
                                 int32_t *rows, float *similarity)
{
    arena *a = s->work->arenas[worker];
    float *tile = arena_take(a, sizeof(float) * KEY_ROWS * (size_t)count);
    if (!tile)
        return TACIT_NOMEM;
    const int64_t columns = s->keys.columns;
    const matmul_shape product = {
        .batch = 1, .m = count, .n = KEY_ROWS, .k = columns, .wei_transposed = true};
    for (int64_t i = 0; i < blocks_of(s->keys.rows, KEY_ROWS); i++) {
        const float *keys = s->tiles + i * KEY_ROWS * columns;
        TRY(backend_matmul(s->work->backends[worker], a, &product, queries, keys, NULL, tile));
        for (int64_t q = 0; q < count; q++) {
            heap h = heap_of(rows, similarity, s->k, q);
            heap_scan(&h, tile + q * KEY_ROWS, block_length(s->keys.rows, KEY_ROWS, i),
                      (int32_t)(i * KEY_ROWS));
        }
    }
    return TACIT_OK;
}

/* Weights relative to the nearest, which is 1: the vote is the same and nothing overflows. */
static int32_t vote(const search *s, const heap *h, double *votes)
{
    for (int32_t c = 0; c < s->label_count; c++)
        votes[c] = 0;
    for (int i = 0; i < h->k; i++)
        votes[s->labels[h->rows[i]]] +=
            exp(((double)h->similarity[i] - (double)h->similarity[0]) / s->temperature);
    int32_t most = 0;
    for (int32_t c = 1; c < s->label_count; c++)
        if (votes[c] > votes[most])
            most = c;
    return most;
}

static tacit_status vote_block(const search *s, arena *a, int64_t first, int64_t count, int32_t *rows,
                               float *similarity)
{
    double *votes = arena_take(a, sizeof *votes * (size_t)s->label_count);
    if (!votes)
        return TACIT_NOMEM;
    for (int64_t q = 0; q < count; q++) {
        const heap h = heap_of(rows, similarity, s->k, q);
        s->predicted[first + q] = vote(s, &h, votes);
    }
    return TACIT_OK;
}

static tacit_status search_block(void *user, int64_t i, int worker)
{
    const search *s = user;
    arena *a = s->work->arenas[worker];
    const int64_t first = i * QUERY_ROWS, count = block_length(s->queries.rows, QUERY_ROWS, i);
    const size_t found = (size_t)count * (size_t)s->k;
    float *queries = arena_take(a, sizeof(float) * (size_t)(count * s->queries.columns));
    int32_t *rows = s->rows ? s->rows + first * s->k : arena_take(a, sizeof *rows * found);
    float *similarity =
        s->similarity ? s->similarity + first * s->k : arena_take(a, sizeof *similarity * found);
    if (!queries || !rows || !similarity)
        return TACIT_NOMEM;
    TRY(normalise_rows(s->work->context, "queries", s->queries, first, count, queries));
    for (int64_t q = 0; q < count; q++) {
        heap h = heap_of(rows, similarity, s->k, q);
        heap_start(&h);
    }
    TRY(search_tiles(s, queries, count, worker, rows, similarity));
    for (int64_t q = 0; q < count; q++) {
        heap h = heap_of(rows, similarity, s->k, q);
        heap_sort(&h);
    }
    return s->labels ? vote_block(s, a, first, count, rows, similarity) : TACIT_OK;
}

/* ---- the two questions ---- */

static tacit_status check(const search *s)
{
    tacit_context *context = s->work->context;
    if (s->queries.columns != s->keys.columns || s->keys.columns < 1)
        return context_fail(context, TACIT_SHAPE,
                            "neighbours: queries of %" PRId64 " features, keys of %" PRId64,
                            s->queries.columns, s->keys.columns);
    if (s->keys.rows >= INT32_MAX - KEY_ROWS)
        return context_fail(context, TACIT_LIMIT, "neighbours: %" PRId64 " keys are too many for 32-bit rows",
                            s->keys.rows);
    if (s->k < 1 || s->k > s->keys.rows)
        return context_fail(context, TACIT_ARGUMENT,
                            "neighbours: k is %d, expected 1 to the %" PRId64 " keys", s->k, s->keys.rows);
    return TACIT_OK;
}

static tacit_status search_run(search *s)
{
    TRY(check(s));
    const int64_t tiles = blocks_of(s->keys.rows, KEY_ROWS);
    s->tiles =
        memory_alloc(s->work->context, (size_t)tiles * KEY_ROWS, (size_t)s->keys.columns * sizeof(float));
    if (!s->tiles)
        return TACIT_NOMEM;
    tacit_status status = blocks_run(s->work, tiles, normalise_keys, s);
    if (status == TACIT_OK)
        status = blocks_run(s->work, blocks_of(s->queries.rows, QUERY_ROWS), search_block, s);
    memory_free(s->work->context, s->tiles);
    return status;
}

tacit_status neighbours_find(work *w, matrix queries, matrix keys, int k, int32_t *rows, float *similarity)
{
    search s = {.work = w, .queries = queries, .keys = keys, .k = k, .rows = rows, .similarity = similarity};
    return search_run(&s);
}

tacit_status neighbours_classify(work *w, matrix queries, matrix keys, const int32_t *key_labels,
                                 int32_t label_count, int k, float temperature, int32_t *predicted)
{
    if (!(temperature > 0))
        return context_fail(w->context, TACIT_ARGUMENT, "neighbours: temperature is %g, expected more than 0",
                            (double)temperature);
    for (int64_t i = 0; i < keys.rows; i++)
        if (key_labels[i] < 0 || key_labels[i] >= label_count)
            return context_fail(w->context, TACIT_ARGUMENT,
                                "labels: row %" PRId64 " has label %" PRId32 ", outside 0 to %" PRId32, i,
                                key_labels[i], label_count - 1);
    search s = {.work = w,
                .queries = queries,
                .keys = keys,
                .k = k,
                .labels = key_labels,
                .label_count = label_count,
                .temperature = (double)temperature,
                .predicted = predicted};
    return search_run(&s);
}
