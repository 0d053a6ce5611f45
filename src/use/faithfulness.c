#include "use/faithfulness.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

enum { BLOCK_ROWS = 32, SAMPLE_EPOCH = 3 };

typedef struct ranking_job {
    work *work;
    matrix x;
    const double *y;
    int k;
    int64_t asked; /* rows of the sample */
    uint64_t seed;
    int64_t *trust, *continuity; /* (asked): by how much ranks exceed k */
} ranking_job;

static int64_t row_of(const ranking_job *j, int64_t i)
{
    return (int64_t)draw_permuted(j->seed, DRAW_SAMPLE, SAMPLE_EPOCH, (uint64_t)j->x.rows, (uint64_t)i);
}

static bool is_nearer(const double *distance, int64_t a, int64_t b)
{
    return distance[a] < distance[b] || (distance[a] == distance[b] && a < b);
}

/* The k nearest of `count` to the row `own`, nearest first. */
static void find_nearest(const double *distance, int64_t count, int64_t own, int k, int64_t *nearest)
{
    int found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i == own || (found == k && !is_nearer(distance, i, nearest[k - 1])))
            continue;
        int at = found < k ? found++ : k - 1;
        for (; at > 0 && is_nearer(distance, i, nearest[at - 1]); at--)
            nearest[at] = nearest[at - 1];
        nearest[at] = i;
    }
}

/* Sum over the rows `of` of how far their rank, from 1, is above k. */
static int64_t excess(const double *distance, int64_t count, int64_t own, const int64_t *of, int k)
{
    int64_t sum = 0;
    for (int n = 0; n < k; n++) {
        int64_t rank = 1;
        for (int64_t i = 0; i < count; i++)
            rank += i != own && i != of[n] && is_nearer(distance, i, of[n]);
        sum += rank > k ? rank - k : 0;
    }
    return sum;
}

/* One row; `truth` and `map` (N) and `nearest` (2, k) are its memory. */
static void rank_row(const ranking_job *j, int64_t at, const float *similarity, double *truth, double *map,
                     int64_t *nearest)
{
    const int64_t own = row_of(j, at), count = j->x.rows;
    for (int64_t i = 0; i < count; i++) {
        const double across = j->y[2 * i] - j->y[2 * own], down = j->y[2 * i + 1] - j->y[2 * own + 1];
        truth[i] = -(double)similarity[i];
        map[i] = across * across + down * down;
    }
    find_nearest(map, count, own, j->k, nearest);
    find_nearest(truth, count, own, j->k, nearest + j->k);
    j->trust[at] = excess(truth, count, own, nearest, j->k);
    j->continuity[at] = excess(map, count, own, nearest + j->k, j->k);
}

static tacit_status rank_rows(void *user, int64_t block, int worker)
{
    const ranking_job *j = user;
    const int64_t first = block * BLOCK_ROWS, rows = block_length(j->asked, BLOCK_ROWS, block);
    const int64_t count = j->x.rows, columns = j->x.columns;
    arena *a = j->work->arenas[worker];
    float *queries = arena_take(a, (size_t)(rows * columns) * sizeof *queries);
    float *similarity = arena_take(a, (size_t)(rows * count) * sizeof *similarity);
    double *distances = arena_take(a, 2 * (size_t)count * sizeof *distances);
    int64_t *nearest = arena_take(a, 2 * (size_t)j->k * sizeof *nearest);
    const matmul_shape product = {.batch = 1, .m = rows, .n = count, .k = columns, .wei_transposed = true};
    if (!queries || !similarity || !distances || !nearest)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < rows; i++)
        memcpy(queries + i * columns, j->x.data + row_of(j, first + i) * columns,
               (size_t)columns * sizeof *queries);
    TRY(backend_matmul(j->work->backends[worker], a, &product, queries, j->x.data, NULL, similarity));
    for (int64_t i = 0; i < rows; i++)
        rank_row(j, first + i, similarity + i * count, distances, distances + count, nearest);
    return TACIT_OK;
}

/* 1 - 2 / (N k (2N - 3k - 1)) sum, N being the rows asked outside the brackets. */
static double share_of(const ranking_job *j, const int64_t *sums)
{
    double sum = 0.0;
    for (int64_t i = 0; i < j->asked; i++)
        sum += (double)sums[i];
    const double most = (double)j->k * (double)(2 * j->x.rows - 3 * j->k - 1) * (double)j->asked;
    return 1.0 - 2.0 * sum / most;
}

tacit_status faithfulness_measure(work *w, matrix x, const double *y, int k, int64_t most, uint64_t seed,
                                  faithfulness *out)
{
    ranking_job j = {.work = w, .x = x, .y = y, .k = k, .seed = seed};
    if (k < 1 || 2 * x.rows <= 3 * (int64_t)k + 1)
        return context_fail(w->context, TACIT_ARGUMENT, "%d neighbours of %lld examples: too many to measure",
                            k, (long long)x.rows);
    j.asked = x.rows < most ? x.rows : most;
    j.trust = memory_alloc(w->context, (size_t)j.asked, sizeof *j.trust);
    j.continuity = memory_alloc(w->context, (size_t)j.asked, sizeof *j.continuity);
    tacit_status status = TACIT_NOMEM;
    if (j.trust && j.continuity)
        status = blocks_run(w, blocks_of(j.asked, BLOCK_ROWS), rank_rows, &j);
    if (status == TACIT_OK)
        *out = (faithfulness){share_of(&j, j.trust), share_of(&j, j.continuity)};
    memory_free(w->context, j.trust);
    memory_free(w->context, j.continuity);
    return status;
}
