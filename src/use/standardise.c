/* Column statistics and standardisation, by blocks of rows. */
#include "use/standardise.h"

#include "op/kernel.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

enum { MEASURE_ROWS = 2048, STANDARDISE_ROWS = 512 };

typedef struct measure {
    matrix features;
    double *sums; /* (blocks, 2, columns): of the differences to row 0, and of their squares */
    int64_t *bad; /* (blocks): the first row with a number that is not finite, or -1 */
} measure;

/* A kernel has one symbol for each instruction set, and only static ones stay inside the library. */
KERNEL static bool finite_kernel(const float *row, int64_t columns)
{
    /* x - x is 0 for every finite x and NaN for all others; one sum instead of a branch for each number. */
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < columns; j++)
        sum += row[j] - row[j];
    return sum == 0;
}

bool row_is_finite(const float *row, int64_t columns)
{
    return finite_kernel(row, columns);
}

/* Differences to row 0 rather than to nothing: a constant column then has exactly no variance, and since row
 * 0 is one of the rows, its distance from the mean is at most sqrt(rows) deviations, so little cancels in var
 * = E d^2 - (E d)^2. */
KERNEL static void add_row(const float *row, const float *origin, int64_t columns, double *sum,
                           double *square)
{
#pragma omp simd
    for (int64_t j = 0; j < columns; j++) {
        const double difference = (double)row[j] - (double)origin[j];
        sum[j] += difference;
        square[j] += difference * difference;
    }
}

static tacit_status measure_block(void *user, int64_t i, int worker)
{
    (void)worker;
    measure *m = user;
    const int64_t columns = m->features.columns, first = i * MEASURE_ROWS;
    double *sum = m->sums + 2 * columns * i, *square = sum + columns;
    m->bad[i] = -1;
    for (int64_t r = first; r < first + block_length(m->features.rows, MEASURE_ROWS, i); r++) {
        const float *row = m->features.data + r * columns;
        if (m->bad[i] < 0 && !row_is_finite(row, columns))
            m->bad[i] = r;
        add_row(row, m->features.data, columns, sum, square);
    }
    return TACIT_OK;
}

static void finish_column(const measure *m, int64_t j, float *mean, float *deviation)
{
    const int64_t columns = m->features.columns;
    double sum = 0, square = 0;
    for (int64_t i = 0; i < blocks_of(m->features.rows, MEASURE_ROWS); i++) {
        sum += m->sums[2 * columns * i + j];
        square += m->sums[2 * columns * i + columns + j];
    }
    const double shift = sum / (double)m->features.rows;
    const double variance = square / (double)m->features.rows - shift * shift;
    mean[j] = (float)((double)m->features.data[j] + shift);
    deviation[j] = variance > 0 ? (float)sqrt(variance) : 0;
    if (!(deviation[j] >= FLT_MIN))
        deviation[j] = 1;
}

static tacit_status finish_measure(const measure *m, tacit_context *context, float *mean, float *deviation)
{
    for (int64_t i = 0; i < blocks_of(m->features.rows, MEASURE_ROWS); i++)
        if (m->bad[i] >= 0)
            return context_fail(context, TACIT_NONFINITE,
                                "features: row %" PRId64 " holds a number that is not finite", m->bad[i]);
    for (int64_t j = 0; j < m->features.columns; j++)
        finish_column(m, j, mean, deviation);
    return TACIT_OK;
}

tacit_status columns_measure(work *w, matrix features, float *mean, float *deviation)
{
    const size_t blocks = (size_t)blocks_of(features.rows, MEASURE_ROWS);
    measure m = {.features = features};
    tacit_status status = TACIT_NOMEM;
    m.sums = memory_alloc(w->context, blocks, 2 * (size_t)features.columns * sizeof *m.sums);
    m.bad = memory_alloc(w->context, blocks, sizeof *m.bad);
    if (m.sums && m.bad)
        status = blocks_run(w, (int64_t)blocks, measure_block, &m);
    if (status == TACIT_OK)
        status = finish_measure(&m, w->context, mean, deviation);
    memory_free(w->context, m.sums);
    memory_free(w->context, m.bad);
    return status;
}

/* In double: the difference of two large f32 need not be an f32. */
KERNEL static void standardise_kernel(const float *row, int64_t columns, const float *mean,
                                      const float *deviation, float *out)
{
#pragma omp simd
    for (int64_t j = 0; j < columns; j++)
        out[j] = (float)(((double)row[j] - (double)mean[j]) / (double)deviation[j]);
}

void row_standardise(const float *row, int64_t columns, const float *mean, const float *deviation, float *out)
{
    standardise_kernel(row, columns, mean, deviation, out);
}

typedef struct standardise {
    matrix features;
    const int64_t *rows;
    int64_t count;
    const float *mean, *deviation;
    float *out;
} standardise;

static tacit_status standardise_block(void *user, int64_t i, int worker)
{
    (void)worker;
    const standardise *s = user;
    const int64_t columns = s->features.columns, first = i * STANDARDISE_ROWS;
    for (int64_t r = first; r < first + block_length(s->count, STANDARDISE_ROWS, i); r++) {
        const int64_t source = s->rows ? s->rows[r] : r;
        row_standardise(s->features.data + source * columns, columns, s->mean, s->deviation,
                        s->out + r * columns);
    }
    return TACIT_OK;
}

tacit_status rows_standardise(work *w, matrix features, const int64_t *rows, int64_t count, const float *mean,
                              const float *deviation, float *out)
{
    standardise s = {features, rows, count, mean, deviation, out};
    return blocks_run(w, blocks_of(count, STANDARDISE_ROWS), standardise_block, &s);
}
