/* Silhouettes of a sample, from one matrix of distances for all numbers of groups. */
#include "use/silhouette.h"

#include "base/philox.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BLOCK_ROWS = 256, SAMPLE_EPOCH = 2 };

/* ---- the mean ---- */

static double row_silhouette(const double *sums, const int64_t *sizes, int32_t own, int32_t groups)
{
    double nearest = (double)INFINITY;
    for (int32_t c = 0; c < groups; c++)
        if (c != own && sizes[c] && sums[c] / (double)sizes[c] < nearest)
            nearest = sums[c] / (double)sizes[c];
    if (sizes[own] < 2 || isinf(nearest))
        return 0;
    const double inside = sums[own] / (double)(sizes[own] - 1);
    const double larger = inside > nearest ? inside : nearest;
    return larger > 0 ? (nearest - inside) / larger : 0;
}

double silhouette_mean(const float *distances, const int32_t *group, int64_t count, int32_t groups,
                       double *sums, int64_t *sizes)
{
    double total = 0;
    memset(sizes, 0, sizeof *sizes * (size_t)groups);
    for (int64_t i = 0; i < count; i++)
        sizes[group[i]]++;
    for (int64_t i = 0; i < count; i++) {
        memset(sums, 0, sizeof *sums * (size_t)groups);
        for (int64_t j = 0; j < count; j++)
            sums[group[j]] += j == i ? 0 : (double)distances[i * count + j];
        total += row_silhouette(sums, sizes, group[i], groups);
    }
    return total / (double)count;
}

/* ---- the sample ---- */

typedef struct sample {
    work *work;
    matrix x;         /* the drawn rows */
    float *rows;      /* its memory */
    float *distances; /* (rows, rows) */
    double *squares;  /* (rows): |x|^2 */
    double *sums;     /* (most) */
    int64_t *sizes;   /* (most) */
} sample;

static tacit_status fill_distances(void *user, int64_t block, int worker)
{
    sample *s = user;
    const int64_t n = s->x.rows, first = block * BLOCK_ROWS, rows = block_length(n, BLOCK_ROWS, block);
    float *out = s->distances + first * n;
    const matmul_shape product = {.batch = 1, .m = rows, .n = n, .k = s->x.columns, .wei_transposed = true};
    TRY(backend_matmul(s->work->backends[worker], s->work->arenas[worker], &product,
                       s->x.data + first * s->x.columns, s->x.data, NULL, out));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            const double square = s->squares[first + i] + s->squares[j] - 2 * (double)out[i * n + j];
            out[i * n + j] = square > 0 ? (float)sqrt(square) : 0;
        }
    return TACIT_OK;
}

static void draw_sample(sample *s, matrix x, uint64_t seed)
{
    for (int64_t i = 0; i < s->x.rows; i++) {
        const int64_t row =
            (int64_t)draw_permuted(seed, DRAW_SAMPLE, SAMPLE_EPOCH, (uint64_t)x.rows, (uint64_t)i);
        memcpy(s->rows + i * x.columns, x.data + row * x.columns, sizeof(float) * (size_t)x.columns);
        for (int64_t j = 0; j < x.columns; j++)
            s->squares[i] += (double)s->rows[i * x.columns + j] * (double)s->rows[i * x.columns + j];
    }
}

static tacit_status sample_create(sample *s, matrix x, int32_t most, uint64_t seed)
{
    tacit_context *context = s->work->context;
    const size_t rows = (size_t)s->x.rows;
    s->rows = memory_alloc(context, rows, (size_t)x.columns * sizeof *s->rows);
    s->distances = memory_alloc(context, rows, rows * sizeof *s->distances);
    s->squares = memory_alloc(context, rows, sizeof *s->squares);
    s->sums = memory_alloc(context, (size_t)most, sizeof *s->sums);
    s->sizes = memory_alloc(context, (size_t)most, sizeof *s->sizes);
    if (!s->rows || !s->distances || !s->squares || !s->sums || !s->sizes)
        return TACIT_NOMEM;
    s->x.data = s->rows;
    draw_sample(s, x, seed);
    return blocks_run(s->work, blocks_of(s->x.rows, BLOCK_ROWS), fill_distances, s);
}

static void sample_fini(sample *s)
{
    tacit_context *context = s->work->context;
    memory_free(context, s->rows);
    memory_free(context, s->distances);
    memory_free(context, s->squares);
    memory_free(context, s->sums);
    memory_free(context, s->sizes);
}

/* ---- the choice ---- */

static tacit_status try_groups(const sample *s, const kmeans_options *o, int32_t candidate, int32_t *groups,
                               double *silhouette)
{
    kmeans m;
    kmeans_options tried = *o;
    tried.groups = candidate;
    TRY(kmeans_fit(&m, s->work, s->x, &tried));
    const double mean = silhouette_mean(s->distances, m.group, s->x.rows, candidate, s->sums, s->sizes);
    if (mean > *silhouette) {
        *silhouette = mean;
        *groups = candidate;
    }
    kmeans_fini(&m);
    return TACIT_OK;
}

tacit_status silhouette_choose(work *w, matrix x, int32_t most, const kmeans_options *o, int32_t *groups,
                               double *silhouette)
{
    const int64_t rows = x.rows < SILHOUETTE_SAMPLE ? x.rows : SILHOUETTE_SAMPLE;
    sample s = {.work = w, .x = {rows, x.columns, NULL}};
    if (rows < 3 || most < 2)
        return context_fail(w->context, TACIT_ARGUMENT,
                            "cluster: choosing among 2 to %" PRId32 " groups of %" PRId64
                            " examples: expected at least 2 groups and 3 examples",
                            most, rows);
    *groups = 2;
    *silhouette = -1;
    tacit_status status = sample_create(&s, x, most, o->seed);
    for (int32_t k = 2; status == TACIT_OK && k <= most && k < rows; k++)
        status = try_groups(&s, o, k, groups, silhouette);
    sample_fini(&s);
    return status;
}
