#include "use/pca.h"

#include "use/covariance.h"
#include "use/standardise.h"

#include <lapacke.h>
#include <math.h>

/* Rows of a matrix product. */
enum { BLOCK_ROWS = 512 };

/* ---- axes ---- */

/* The number of greatest magnitude becomes positive. */
static void turn(float *axis, int64_t columns)
{
    int64_t greatest = 0;
    for (int64_t c = 1; c < columns; c++)
        if (fabsf(axis[c]) > fabsf(axis[greatest]))
            greatest = c;
    const float sign = axis[greatest] < 0.0f ? -1.0f : 1.0f;
    for (int64_t c = 0; c < columns; c++)
        axis[c] *= sign;
}

/* The largest eigenvalues and their vectors come in rising order; `sum` is destroyed. */
static tacit_status find_axes(pca *p, int64_t rows, double *sum, double *values, double *vectors,
                              lapack_int *support)
{
    const lapack_int n = (lapack_int)p->columns, k = (lapack_int)p->components;
    lapack_int found = 0;
    const int failed = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'U', n, sum, n, 0.0, 0.0, n - k + 1, n, 0.0,
                                      &found, values, vectors, n, support);
    if (failed == LAPACK_WORK_MEMORY_ERROR)
        return context_fail(p->context, TACIT_NOMEM, "principal components: no memory for LAPACK");
    if (failed || found != k)
        return context_fail(p->context, TACIT_BACKEND, "principal components: LAPACK dsyevr returned %d",
                            failed);
    for (int64_t i = 0; i < k; i++) {
        const int64_t from = k - 1 - i;
        p->variance[i] = values[from] > 0.0 ? values[from] / (double)rows : 0.0;
        for (int64_t c = 0; c < n; c++)
            p->axes[i * n + c] = (float)vectors[from * n + c];
        turn(p->axes + i * n, n);
    }
    return TACIT_OK;
}

static tacit_status fit(pca *p, work *w, matrix x, double *sum)
{
    const size_t n = (size_t)p->columns, k = (size_t)p->components;
    double *values = memory_alloc(p->context, n, sizeof *values);
    double *vectors = memory_alloc(p->context, n * k, sizeof *vectors);
    lapack_int *support = memory_alloc(p->context, 2 * k, sizeof *support);
    tacit_status status = values && vectors && support ? TACIT_OK : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = scatter_add(w, x, p->mean, NULL, sum);
    if (status == TACIT_OK)
        status = find_axes(p, x.rows, sum, values, vectors, support);
    memory_free(p->context, values);
    memory_free(p->context, vectors);
    memory_free(p->context, support);
    return status;
}

static tacit_status check(tacit_context *context, matrix x, int64_t components)
{
    if (x.rows < 1 || components < 1 || components > x.columns)
        return context_fail(context, TACIT_ARGUMENT,
                            "principal components: %lld of %lld rows of %lld numbers: expected at least one "
                            "row, and 1 to as many components as numbers",
                            (long long)components, (long long)x.rows, (long long)x.columns);
    if (x.columns > PCA_COLUMNS)
        return context_fail(context, TACIT_LIMIT,
                            "principal components: rows of %lld numbers: expected at most %d",
                            (long long)x.columns, (int)PCA_COLUMNS);
    return TACIT_OK;
}

tacit_status pca_fit(pca *out, work *w, matrix x, int64_t components)
{
    tacit_context *context = w->context;
    *out = (pca){.context = context, .columns = x.columns, .components = components};
    TRY(check(context, x, components));
    const size_t n = (size_t)x.columns, k = (size_t)components;
    out->mean = memory_alloc(context, n, sizeof(float));
    out->axes = memory_alloc(context, n * k, sizeof(float));
    out->variance = memory_alloc(context, k, sizeof(double));
    float *deviation = memory_alloc(context, n, sizeof *deviation);
    double *sum = memory_alloc(context, n * n, sizeof *sum);
    tacit_status status = TACIT_NOMEM;
    if (out->mean && out->axes && out->variance && deviation && sum)
        status = columns_measure(w, x, out->mean, deviation);
    if (status == TACIT_OK)
        status = fit(out, w, x, sum);
    memory_free(context, deviation);
    memory_free(context, sum);
    if (status != TACIT_OK)
        pca_fini(out);
    return status;
}

void pca_fini(pca *p)
{
    if (p->context) {
        memory_free(p->context, p->mean);
        memory_free(p->context, p->axes);
        memory_free(p->context, p->variance);
    }
    *p = (pca){0};
}

/* ---- there and back ---- */

typedef struct projection {
    const pca *pca;
    work *work;
    matrix from;
    float *to;
} projection;

static tacit_status transform_block(void *user, int64_t i, int worker)
{
    const projection *j = user;
    const pca *p = j->pca;
    arena *a = j->work->arenas[worker];
    const int64_t first = i * BLOCK_ROWS, rows = block_length(j->from.rows, BLOCK_ROWS, i);
    const matmul_shape shape = {
        .batch = 1, .m = rows, .n = p->components, .k = p->columns, .wei_transposed = true};
    float *x = arena_take(a, sizeof(float) * (size_t)(rows * p->columns));
    if (!x)
        return TACIT_NOMEM;
    rows_centre(j->from, p->mean, NULL, first, rows, 0, p->columns, x);
    return backend_matmul(j->work->backends[worker], a, &shape, x, p->axes, NULL,
                          j->to + first * p->components);
}

static tacit_status reconstruct_block(void *user, int64_t i, int worker)
{
    const projection *j = user;
    const pca *p = j->pca;
    const int64_t first = i * BLOCK_ROWS, rows = block_length(j->from.rows, BLOCK_ROWS, i);
    const matmul_shape shape = {.batch = 1, .m = rows, .n = p->columns, .k = p->components, .bias = true};
    return backend_matmul(j->work->backends[worker], j->work->arenas[worker], &shape,
                          j->from.data + first * p->components, p->axes, p->mean, j->to + first * p->columns);
}

static tacit_status check_width(const pca *p, matrix x, int64_t wanted)
{
    if (x.columns != wanted)
        return context_fail(p->context, TACIT_SHAPE, "principal components: rows of %lld numbers, not %lld",
                            (long long)x.columns, (long long)wanted);
    return TACIT_OK;
}

tacit_status pca_transform(const pca *p, work *w, matrix x, float *codes)
{
    projection j = {p, w, x, codes};
    TRY(check_width(p, x, p->columns));
    return blocks_run(w, blocks_of(x.rows, BLOCK_ROWS), transform_block, &j);
}

tacit_status pca_reconstruct(const pca *p, work *w, matrix codes, float *out)
{
    projection j = {p, w, codes, out};
    TRY(check_width(p, codes, p->components));
    return blocks_run(w, blocks_of(codes.rows, BLOCK_ROWS), reconstruct_block, &j);
}
