/* See covariance.h. */
#include "use/covariance.h"

#include <lapacke.h>

/* Columns of the covariance that one worker sums. */
enum { STRIP = 128 };

/* ---- sums ---- */

void rows_centre(matrix x, const float *means, const int32_t *mean_of, int64_t from, int64_t rows,
                 int64_t first, int64_t count, float *out)
{
    for (int64_t r = from; r < from + rows; r++) {
        const float *row = x.data + r * x.columns + first;
        const float *mean = means + (mean_of ? mean_of[r] : 0) * x.columns + first;
        for (int64_t c = 0; c < count; c++)
            *out++ = row[c] - mean[c];
    }
}

typedef struct scatter {
    work *work;
    matrix x;
    const float *means;
    const int32_t *mean_of;
    double *sum;
} scatter;

/* One strip of columns, over all rows. */
static tacit_status add_strip(void *user, int64_t i, int worker)
{
    const scatter *s = user;
    arena *a = s->work->arenas[worker];
    const int64_t all = s->x.columns, first = i * STRIP, columns = block_length(all, STRIP, i);
    float *left = arena_take(a, sizeof(float) * (size_t)(COVARIANCE_ROWS * all));
    float *right = arena_take(a, sizeof(float) * (size_t)(COVARIANCE_ROWS * columns));
    float *product = arena_take(a, sizeof(float) * (size_t)(all * columns));
    if (!left || !right || !product)
        return TACIT_NOMEM;
    for (int64_t b = 0; b < blocks_of(s->x.rows, COVARIANCE_ROWS); b++) {
        const int64_t rows = block_length(s->x.rows, COVARIANCE_ROWS, b);
        const matmul_shape shape = {.batch = 1, .m = all, .n = columns, .k = rows, .src_transposed = true};
        rows_centre(s->x, s->means, s->mean_of, b * COVARIANCE_ROWS, rows, 0, all, left);
        rows_centre(s->x, s->means, s->mean_of, b * COVARIANCE_ROWS, rows, first, columns, right);
        TRY(backend_matmul(s->work->backends[worker], a, &shape, left, right, NULL, product));
        for (int64_t r = 0; r < all; r++)
            for (int64_t c = 0; c < columns; c++)
                s->sum[r * all + first + c] += (double)product[r * columns + c];
    }
    return TACIT_OK;
}

tacit_status scatter_add(work *w, matrix x, const float *means, const int32_t *mean_of, double *sum)
{
    scatter s = {w, x, means, mean_of, sum};
    return blocks_run(w, blocks_of(x.columns, STRIP), add_strip, &s);
}

/* ---- shrinking ---- */

double trace_of(const double *covariance, int64_t columns)
{
    double sum = 0;
    for (int64_t i = 0; i < columns; i++)
        sum += covariance[i * columns + i];
    return sum;
}

void covariance_shrink(double *covariance, int64_t columns, double share)
{
    const double mean = trace_of(covariance, columns) / (double)columns;
    for (int64_t i = 0; i < columns * columns; i++)
        covariance[i] *= 1 - share;
    for (int64_t i = 0; i < columns; i++)
        covariance[i * columns + i] += share * mean;
}

/* ---- whitening ---- */

tacit_status whitener_create(whitener *out, tacit_context *context, int64_t columns)
{
    const size_t d = (size_t)columns;
    *out = (whitener){.context = context, .columns = columns};
    out->mean = memory_alloc(context, d, sizeof *out->mean);
    out->factor = memory_alloc(context, d, d * sizeof *out->factor);
    if (out->mean && out->factor)
        return TACIT_OK;
    whitener_fini(out);
    return TACIT_NOMEM;
}

void whitener_fini(whitener *w)
{
    if (w->context) {
        memory_free(w->context, w->mean);
        memory_free(w->context, w->factor);
    }
    *w = (whitener){0};
}

/* A lower triangle by rows is an upper one by columns: as such LAPACK works on it without a copy. */
bool whitener_set(whitener *w, double *covariance)
{
    const lapack_int d = (lapack_int)w->columns;
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', d, covariance, d) ||
        LAPACKE_dtrtri(LAPACK_COL_MAJOR, 'U', 'N', d, covariance, d))
        return false;
    for (int64_t i = 0; i < w->columns; i++)
        for (int64_t j = 0; j <= i; j++)
            w->factor[i * w->columns + j] = (float)covariance[i * w->columns + j];
    return true;
}

tacit_status whitener_block(const whitener *how, work *w, int worker, matrix x, int64_t first, int64_t rows,
                            float *out)
{
    arena *a = w->arenas[worker];
    const int64_t d = how->columns;
    const matmul_shape shape = {.batch = 1, .m = rows, .n = d, .k = d, .wei_transposed = true};
    float *centred = arena_take(a, sizeof(float) * (size_t)(rows * d));
    if (!centred)
        return TACIT_NOMEM;
    rows_centre(x, how->mean, NULL, first, rows, 0, d, centred);
    return backend_matmul(w->backends[worker], a, &shape, centred, how->factor, NULL, out);
}

typedef struct whitening {
    const whitener *whitener;
    work *work;
    matrix x;
    float *out;
} whitening;

static tacit_status whiten_rows(void *user, int64_t block, int worker)
{
    const whitening *j = user;
    const int64_t first = block * COVARIANCE_ROWS;
    return whitener_block(j->whitener, j->work, worker, j->x, first,
                          block_length(j->x.rows, COVARIANCE_ROWS, block), j->out + first * j->x.columns);
}

tacit_status whitener_apply(const whitener *how, work *w, matrix x, float *out)
{
    whitening j = {how, w, x, out};
    return blocks_run(w, blocks_of(x.rows, COVARIANCE_ROWS), whiten_rows, &j);
}
