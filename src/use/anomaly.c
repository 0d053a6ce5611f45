/* Scores of odd rows: nearest neighbours and Mahalanobis, both by matrix products. */
#include "use/anomaly.h"

#include "use/neighbours.h"
#include "use/standardise.h"

#include <inttypes.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256, SECTIONS = 16 };

/* ---- neighbours ---- */

/* The first k of k + 1 that are not the row itself; of many twins it may not be among them. */
static void leave_own_out(int32_t *rows, float *similarity, int k, int64_t own)
{
    int kept = 0;
    for (int i = 0; i <= k && kept < k; i++) {
        if (rows[i] == own)
            continue;
        rows[kept] = rows[i];
        similarity[kept++] = similarity[i];
    }
}

static double mean_distance(const float *similarity, int k)
{
    double sum = 0;
    for (int i = 0; i < k; i++)
        sum += 1 - (double)similarity[i];
    return sum > 0 ? sum / k : 0; /* similarities may exceed 1 by rounding */
}

tacit_status anomaly_neighbours(work *w, matrix queries, matrix normal, bool leave_out, int k, double *score,
                                int32_t *rows)
{
    const int asked = k + leave_out;
    if (k < 1 || asked > normal.rows)
        return context_fail(w->context, TACIT_ARGUMENT,
                            "anomaly: %d neighbours among %" PRId64
                            " normal examples: expected 1 to %" PRId64,
                            k, normal.rows, normal.rows - leave_out);
    int32_t *found = memory_alloc(w->context, (size_t)queries.rows, (size_t)asked * sizeof *found);
    float *similarity = memory_alloc(w->context, (size_t)queries.rows, (size_t)asked * sizeof *similarity);
    tacit_status status = TACIT_NOMEM;
    if (found && similarity)
        status = neighbours_find(w, queries, normal, asked, found, similarity);
    for (int64_t q = 0; status == TACIT_OK && q < queries.rows; q++) {
        if (leave_out)
            leave_own_out(found + q * asked, similarity + q * asked, k, q);
        memcpy(rows + q * k, found + q * asked, sizeof *rows * (size_t)k);
        score[q] = mean_distance(similarity + q * asked, k);
    }
    memory_free(w->context, found);
    memory_free(w->context, similarity);
    return status;
}

/* ---- covariance ---- */

typedef struct moments {
    work *work;
    matrix rows;
    const float *mean;
    int64_t sections, section_rows;
    double *products; /* (sections, D, D): sums of the rows' outer products, centred */
    double *fourths;  /* (sections): sums of |x - mean|^4 */
} moments;

static void centre_rows(const moments *m, int64_t first, int64_t rows, float *out, double *fourths)
{
    const int64_t columns = m->rows.columns;
    for (int64_t r = 0; r < rows; r++) {
        double square = 0;
        for (int64_t j = 0; j < columns; j++) {
            const float centred = m->rows.data[(first + r) * columns + j] - m->mean[j];
            out[r * columns + j] = centred;
            square += (double)centred * (double)centred;
        }
        *fourths += square * square;
    }
}

/* A tile's product is in f32, the sum over tiles in double. */
static tacit_status add_products(void *user, int64_t section, int worker)
{
    const moments *m = user;
    arena *a = m->work->arenas[worker];
    const int64_t d = m->rows.columns, first = section * m->section_rows;
    const int64_t rows = block_length(m->rows.rows, m->section_rows, section);
    float *centred = arena_take(a, sizeof(float) * BLOCK_ROWS * (size_t)d);
    float *product = arena_take(a, sizeof(float) * (size_t)(d * d));
    double *sum = m->products + section * d * d;
    if (!centred || !product)
        return TACIT_NOMEM;
    for (int64_t at = 0; at < rows; at += BLOCK_ROWS) {
        const int64_t count = rows - at < BLOCK_ROWS ? rows - at : BLOCK_ROWS;
        const matmul_shape shape = {.batch = 1, .m = d, .n = d, .k = count, .src_transposed = true};
        centre_rows(m, first + at, count, centred, &m->fourths[section]);
        TRY(backend_matmul(m->work->backends[worker], a, &shape, centred, centred, NULL, product));
        for (int64_t i = 0; i < d * d; i++)
            sum[i] += (double)product[i];
    }
    return TACIT_OK;
}

/* The share of the identity: Ledoit and Wolf's b^2 / d^2, where both are divided by D alike. */
static double find_shrinkage(const double *s, int64_t d, double trace, double fourths, double count)
{
    const double mean = trace / (double)d;
    double norm = 0, distance = 0;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            const double other = s[i * d + j] - (i == j ? mean : 0);
            norm += s[i * d + j] * s[i * d + j];
            distance += other * other;
        }
    const double error = fourths / (count * count) - norm / count;
    if (!(error < distance))
        return 1;
    return error > 0 ? error / distance : 0;
}

/* Sums to the shrunk covariance, in the first section. */
static tacit_status shrink_covariance(const moments *m, gaussian *g)
{
    const int64_t d = m->rows.columns;
    double *s = m->products, trace = 0, fourths = m->fourths[0];
    for (int64_t k = 1; k < m->sections; k++) {
        fourths += m->fourths[k];
        for (int64_t i = 0; i < d * d; i++)
            s[i] += m->products[k * d * d + i];
    }
    for (int64_t i = 0; i < d * d; i++)
        s[i] /= (double)m->rows.rows;
    for (int64_t i = 0; i < d; i++)
        trace += s[i * d + i];
    if (!(trace > 0))
        return context_fail(m->work->context, TACIT_ARGUMENT,
                            "anomaly: the %" PRId64
                            " normal examples are all the same: nothing tells what is "
                            "odd",
                            m->rows.rows);
    g->shrinkage = find_shrinkage(s, d, trace, fourths, (double)m->rows.rows);
    for (int64_t i = 0; i < d * d; i++)
        s[i] *= 1 - g->shrinkage;
    for (int64_t i = 0; i < d; i++)
        s[i * d + i] += g->shrinkage * trace / (double)d;
    return TACIT_OK;
}

/* Inverse of the Cholesky factor, zeros above the diagonal. */
static tacit_status invert_factor(gaussian *g, double *s)
{
    const lapack_int d = (lapack_int)g->columns;
    lapack_int failed = LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', d, s, d);
    if (!failed)
        failed = LAPACKE_dtrtri(LAPACK_ROW_MAJOR, 'L', 'N', d, s, d);
    if (failed)
        return context_fail(g->context, TACIT_ARGUMENT,
                            "anomaly: the covariance of the normal examples has no inverse: they are too few "
                            "or too alike");
    for (int64_t i = 0; i < g->columns; i++)
        for (int64_t j = 0; j <= i; j++)
            g->whitener[i * g->columns + j] = (float)s[i * g->columns + j];
    return TACIT_OK;
}

static tacit_status fit_moments(moments *m, gaussian *g, float *deviation)
{
    TRY(columns_measure(m->work, m->rows, g->mean, deviation));
    m->mean = g->mean;
    TRY(blocks_run(m->work, m->sections, add_products, m));
    TRY(shrink_covariance(m, g));
    return invert_factor(g, m->products);
}

tacit_status gaussian_fit(gaussian *out, work *w, matrix normal)
{
    const int64_t blocks = blocks_of(normal.rows, BLOCK_ROWS);
    const size_t d = (size_t)normal.columns;
    moments m = {.work = w, .rows = normal};
    *out = (gaussian){.context = w->context, .columns = normal.columns};
    if (normal.rows < 2 || normal.columns < 1 || normal.columns > INT32_MAX)
        return context_fail(w->context, TACIT_ARGUMENT,
                            "anomaly: %" PRId64 " normal examples, expected at least 2", normal.rows);
    m.section_rows = blocks_of(blocks, SECTIONS) * BLOCK_ROWS;
    m.sections = blocks_of(normal.rows, m.section_rows);
    m.products = memory_alloc(w->context, (size_t)m.sections * d, d * sizeof *m.products);
    m.fourths = memory_alloc(w->context, (size_t)m.sections, sizeof *m.fourths);
    float *deviation = memory_alloc(w->context, d, sizeof *deviation);
    out->mean = memory_alloc(w->context, d, sizeof *out->mean);
    out->whitener = memory_alloc(w->context, d, d * sizeof *out->whitener);
    tacit_status status = TACIT_NOMEM;
    if (m.products && m.fourths && deviation && out->mean && out->whitener)
        status = fit_moments(&m, out, deviation);
    memory_free(w->context, m.products);
    memory_free(w->context, m.fourths);
    memory_free(w->context, deviation);
    if (status != TACIT_OK)
        gaussian_fini(out);
    return status;
}

void gaussian_fini(gaussian *g)
{
    memory_free(g->context, g->mean);
    memory_free(g->context, g->whitener);
    g->mean = g->whitener = NULL;
}

/* ---- Mahalanobis ---- */

typedef struct scoring {
    const gaussian *gaussian;
    work *work;
    matrix queries;
    double *score;
} scoring;

static tacit_status score_block(void *user, int64_t block, int worker)
{
    const scoring *s = user;
    const gaussian *g = s->gaussian;
    arena *a = s->work->arenas[worker];
    const int64_t d = g->columns, first = block * BLOCK_ROWS;
    const int64_t rows = block_length(s->queries.rows, BLOCK_ROWS, block);
    const matmul_shape shape = {.batch = 1, .m = rows, .n = d, .k = d, .wei_transposed = true};
    float *centred = arena_take(a, sizeof(float) * BLOCK_ROWS * (size_t)d);
    float *white = arena_take(a, sizeof(float) * BLOCK_ROWS * (size_t)d);
    if (!centred || !white)
        return TACIT_NOMEM;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < d; j++)
            centred[r * d + j] = s->queries.data[(first + r) * d + j] - g->mean[j];
    TRY(backend_matmul(s->work->backends[worker], a, &shape, centred, g->whitener, NULL, white));
    for (int64_t r = 0; r < rows; r++) {
        double square = 0;
        for (int64_t j = 0; j < d; j++)
            square += (double)white[r * d + j] * (double)white[r * d + j];
        s->score[first + r] = sqrt(square);
    }
    return TACIT_OK;
}

tacit_status gaussian_score(const gaussian *g, work *w, matrix queries, double *score)
{
    scoring s = {g, w, queries, score};
    return blocks_run(w, blocks_of(queries.rows, BLOCK_ROWS), score_block, &s);
}

/* ---- threshold ---- */

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double anomaly_threshold(double *scores, int64_t count, double rate)
{
    /* A hair less, so that (99 + 1)(1 - 0.01) is 99 and not 100 by rounding. */
    const int64_t rank = (int64_t)ceil((double)(count + 1) * (1 - rate) - 1e-9);
    qsort(scores, (size_t)count, sizeof *scores, rising);
    return scores[rank < 1 ? 0 : rank > count ? count - 1 : rank - 1];
}
