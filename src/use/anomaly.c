/* Scores of odd rows: nearest neighbours and Mahalanobis, both by matrix products. */
#include "use/anomaly.h"

#include "use/neighbours.h"
#include "use/standardise.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

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

typedef struct fourths_job {
    matrix rows;
    const float *mean;
    double *sums; /* (blocks): of |x - mean|^4 */
} fourths_job;

static tacit_status add_fourths(void *user, int64_t block, int worker)
{
    const fourths_job *j = user;
    const int64_t columns = j->rows.columns, first = block * BLOCK_ROWS;
    (void)worker;
    for (int64_t r = first; r < first + block_length(j->rows.rows, BLOCK_ROWS, block); r++) {
        double square = 0;
        for (int64_t c = 0; c < columns; c++) {
            const float centred = j->rows.data[r * columns + c] - j->mean[c];
            square += (double)centred * (double)centred;
        }
        j->sums[block] += square * square;
    }
    return TACIT_OK;
}

static tacit_status sum_fourths(work *w, matrix rows, const float *mean, double *out)
{
    const int64_t blocks = blocks_of(rows.rows, BLOCK_ROWS);
    fourths_job j = {rows, mean, memory_alloc(w->context, (size_t)blocks, sizeof(double))};
    const tacit_status status = j.sums ? blocks_run(w, blocks, add_fourths, &j) : TACIT_NOMEM;
    *out = 0;
    for (int64_t i = 0; status == TACIT_OK && i < blocks; i++)
        *out += j.sums[i];
    memory_free(w->context, j.sums);
    return status;
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

/* s (D, D): sums of products, to the shrunk covariance. */
static tacit_status shrink(gaussian *g, work *w, matrix normal, double *s)
{
    const int64_t d = normal.columns;
    double fourths;
    TRY(sum_fourths(w, normal, g->whitener.mean, &fourths));
    for (int64_t i = 0; i < d * d; i++)
        s[i] /= (double)normal.rows;
    const double trace = trace_of(s, d);
    if (!(trace > 0))
        return context_fail(w->context, TACIT_ARGUMENT,
                            "anomaly: the %" PRId64
                            " normal examples are all the same: nothing tells what is "
                            "odd",
                            normal.rows);
    g->shrinkage = find_shrinkage(s, d, trace, fourths, (double)normal.rows);
    covariance_shrink(s, d, g->shrinkage);
    return TACIT_OK;
}

static tacit_status fit_moments(gaussian *g, work *w, matrix normal, double *s, float *deviation)
{
    TRY(columns_measure(w, normal, g->whitener.mean, deviation));
    TRY(scatter_add(w, normal, g->whitener.mean, NULL, s));
    TRY(shrink(g, w, normal, s));
    if (!whitener_set(&g->whitener, s))
        return context_fail(w->context, TACIT_ARGUMENT,
                            "anomaly: the covariance of the normal examples has no inverse: they are too few "
                            "or too alike");
    return TACIT_OK;
}

tacit_status gaussian_fit(gaussian *out, work *w, matrix normal)
{
    const size_t d = (size_t)normal.columns;
    *out = (gaussian){.shrinkage = 0};
    if (normal.rows < 2 || normal.columns < 1 || normal.columns > INT32_MAX)
        return context_fail(w->context, TACIT_ARGUMENT,
                            "anomaly: %" PRId64 " normal examples, expected at least 2", normal.rows);
    TRY(whitener_create(&out->whitener, w->context, normal.columns));
    double *s = memory_alloc(w->context, d, d * sizeof *s);
    float *deviation = memory_alloc(w->context, d, sizeof *deviation);
    const tacit_status status = s && deviation ? fit_moments(out, w, normal, s, deviation) : TACIT_NOMEM;
    memory_free(w->context, s);
    memory_free(w->context, deviation);
    if (status != TACIT_OK)
        gaussian_fini(out);
    return status;
}

void gaussian_fini(gaussian *g)
{
    whitener_fini(&g->whitener);
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
    const int64_t d = s->queries.columns, first = block * BLOCK_ROWS;
    const int64_t rows = block_length(s->queries.rows, BLOCK_ROWS, block);
    float *white = arena_take(s->work->arenas[worker], sizeof(float) * (size_t)(rows * d));
    if (!white)
        return TACIT_NOMEM;
    TRY(whitener_block(&s->gaussian->whitener, s->work, worker, s->queries, first, rows, white));
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
