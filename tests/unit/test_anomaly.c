/* Scores of odd rows against direct double computations, and the threshold. */
#include "support.h"

#include "base/philox.h"
#include "use/anomaly.h"

#include <lapacke.h>

enum { ROWS = 700, D = 6, QUERIES = 300, K = 3 };

static float normal_data[ROWS * D], query_data[QUERIES * D];
static const matrix normal = {ROWS, D, normal_data}, queries = {QUERIES, D, query_data};

/* Correlated columns of different sizes, not about 0; every third query is moved away. */
static void make_data(void)
{
    draws d = draws_at(9, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS + QUERIES; i++) {
        float *row = i < ROWS ? normal_data + i * D : query_data + (i - ROWS) * D;
        const float common = draw_normal(&d);
        for (int j = 0; j < D; j++)
            row[j] = 5 + (float)(j + 1) * (common + 0.5f * draw_normal(&d)) +
                     (i >= ROWS && i % 3 == 0 && j % 2 == 0 ? 12.0f : 0);
    }
}

static work *make_work(tacit_context *context, int threads)
{
    work *w;
    assert_ok(context, tacit_context_set_threads(context, threads));
    assert_ok(context, work_create(&w, context));
    return w;
}

/* Ledoit and Wolf straight from their definition: b^2 is the mean of |x x^T - S|^2 / n, row by row. */
static double direct_covariance(const double mean[D], double s[D * D])
{
    double trace = 0, error = 0, distance = 0;
    memset(s, 0, sizeof(double) * D * D);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D * D; i++)
            s[i] += ((double)normal_data[r * D + i / D] - mean[i / D]) *
                    ((double)normal_data[r * D + i % D] - mean[i % D]) / ROWS;
    for (int i = 0; i < D; i++)
        trace += s[i * D + i];
    for (int i = 0; i < D * D; i++) {
        const double other = s[i] - (i / D == i % D ? trace / D : 0);
        distance += other * other;
        for (int r = 0; r < ROWS; r++) {
            const double product = ((double)normal_data[r * D + i / D] - mean[i / D]) *
                                   ((double)normal_data[r * D + i % D] - mean[i % D]);
            error += (product - s[i]) * (product - s[i]) / ((double)ROWS * ROWS);
        }
    }
    const double share = error < distance ? error / distance : 1;
    for (int i = 0; i < D * D; i++)
        s[i] = (1 - share) * s[i] + (i / D == i % D ? share * trace / D : 0);
    return share;
}

static void mahalanobis_is_the_direct_one(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    double mean[D] = {0}, s[D * D], score[QUERIES];
    gaussian g;
    make_data();
    for (int i = 0; i < ROWS * D; i++)
        mean[i % D] += (double)normal_data[i] / ROWS;
    const double share = direct_covariance(mean, s);
    assert_ok(context, gaussian_fit(&g, w, normal));
    assert_ok(context, gaussian_score(&g, w, queries, score));
    assert_true(share > 1e-4 && share < 0.5);
    assert_near(g.shrinkage, share, 0, 1e-4);
    for (int q = 0; q < QUERIES; q++) {
        double solved[D], factors[D * D], square = 0;
        lapack_int pivots[D];
        memcpy(factors, s, sizeof s);
        for (int j = 0; j < D; j++)
            solved[j] = (double)query_data[q * D + j] - mean[j];
        assert_int_equal(LAPACKE_dgesv(LAPACK_ROW_MAJOR, D, 1, factors, D, pivots, solved, 1), 0);
        for (int j = 0; j < D; j++)
            square += solved[j] * ((double)query_data[q * D + j] - mean[j]);
        assert_near(score[q], sqrt(square), 1e-5, 1e-4);
    }
    gaussian_fini(&g);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Fewer rows than columns: the sample covariance has no inverse, the shrunk one has. */
static void few_rows_are_shrunk(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    double score[QUERIES];
    gaussian g;
    make_data();
    assert_ok(context, gaussian_fit(&g, w, (matrix){3, D, normal_data}));
    assert_ok(context, gaussian_score(&g, w, queries, score));
    assert_true(g.shrinkage > 0 && g.shrinkage <= 1);
    for (int q = 0; q < QUERIES; q++)
        assert_true(isfinite(score[q]) && score[q] > 0);
    gaussian_fini(&g);
    work_destroy(w);
    tacit_context_destroy(context);
}

static double direct_distance(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int j = 0; j < D; j++) {
        ab += (double)a[j] * (double)b[j];
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    return 1 - ab / sqrt(aa * bb);
}

/* Mean of the K smallest distances, without row `own`. */
static double direct_score(const float *query, int own)
{
    double sum = 0, after = -1;
    for (int k = 0; k < K; k++) {
        double least = (double)INFINITY;
        for (int r = 0; r < ROWS; r++) {
            const double distance = direct_distance(query, normal_data + r * D);
            if (r != own && distance > after && distance < least)
                least = distance;
        }
        sum += least;
        after = least;
    }
    return sum / K;
}

static void neighbours_are_the_direct_ones(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    static double score[ROWS];
    static int32_t rows[ROWS * K];
    make_data();
    assert_ok(context, anomaly_neighbours(w, queries, normal, false, K, score, rows));
    for (int q = 0; q < QUERIES; q++)
        assert_near(score[q], direct_score(query_data + q * D, -1), 2e-6, 0);
    assert_ok(context, anomaly_neighbours(w, normal, normal, true, K, score, rows));
    for (int q = 0; q < ROWS; q++) {
        for (int k = 0; k < K; k++)
            assert_int_not_equal(rows[q * K + k], q);
        if (q % 10 == 0)
            assert_near(score[q], direct_score(normal_data + q * D, q), 2e-6, 0);
    }
    work_destroy(w);
    tacit_context_destroy(context);
}

/* More twins than neighbours: the row itself need not be found, and nothing is lost. */
static void twins_are_at_no_distance(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    float same[8 * 2];
    double score[8];
    int32_t rows[8 * K];
    for (int i = 0; i < 16; i++)
        same[i] = (float)(1 + i % 2);
    const matrix twins = {8, 2, same};
    assert_ok(context, anomaly_neighbours(w, twins, twins, true, K, score, rows));
    for (int i = 0; i < 8; i++) {
        assert_near(score[i], 0, 1e-6, 0);
        for (int k = 0; k < K; k++)
            assert_true(rows[i * K + k] != i && rows[i * K + k] >= 0 && rows[i * K + k] < 8);
    }
    gaussian g;
    assert_fails(context, gaussian_fit(&g, w, twins), TACIT_ARGUMENT,
                 "the 8 normal examples are all the same");
    gaussian_fini(&g);
    context_begin(context);
    assert_fails(context, gaussian_fit(&g, w, (matrix){1, 2, same}), TACIT_ARGUMENT, "expected at least 2");
    context_begin(context);
    assert_fails(context, anomaly_neighbours(w, twins, twins, true, 8, score, rows), TACIT_ARGUMENT,
                 "8 neighbours among 8 normal examples: expected 1 to 7");
    context_begin(context);
    same[3] = (float)NAN;
    assert_fails(context, gaussian_fit(&g, w, twins), TACIT_NONFINITE, "row 1 ");
    work_destroy(w);
    tacit_context_destroy(context);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    static double score[3][2][QUERIES];
    static int32_t rows[3][QUERIES * K];
    make_data();
    for (int t = 0; t < 3; t++) {
        tacit_context *context = test_context();
        work *w = make_work(context, t + 1);
        gaussian g;
        assert_ok(context, gaussian_fit(&g, w, normal));
        assert_ok(context, gaussian_score(&g, w, queries, score[t][0]));
        assert_ok(context, anomaly_neighbours(w, queries, normal, false, K, score[t][1], rows[t]));
        assert_memory_equal(score[t], score[0], sizeof score[0]);
        assert_memory_equal(rows[t], rows[0], sizeof rows[0]);
        gaussian_fini(&g);
        work_destroy(w);
        tacit_context_destroy(context);
    }
}

/* 99 scores at a rate of 0.01: the largest; 199: the 198th; too few: the largest. */
static void threshold_by_hand(void **state)
{
    (void)state;
    const int counts[3] = {9, 99, 199}, wanted[3] = {9, 99, 198};
    double scores[199];
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < counts[c]; i++)
            scores[i] = counts[c] - i;
        assert_near(anomaly_threshold(scores, counts[c], 0.01), wanted[c], 0, 0);
    }
    double half[3] = {3, 1, 2}, one[1] = {4};
    assert_near(anomaly_threshold(half, 3, 0.5), 2, 0, 0);
    assert_near(anomaly_threshold(half, 3, 0.999), 1, 0, 0);
    assert_near(anomaly_threshold(one, 1, 0.1), 4, 0, 0);
}

static tacit_status fit_and_score(tacit_context *context, void *user)
{
    work *w;
    gaussian g;
    double score[5];
    int32_t rows[5 * K];
    const matrix few = {5, D, normal_data};
    (void)user;
    context->threads = 1;
    TRY(work_create(&w, context));
    tacit_status status = gaussian_fit(&g, w, few);
    if (status == TACIT_OK)
        status = gaussian_score(&g, w, few, score);
    if (status == TACIT_OK)
        status = anomaly_neighbours(w, few, few, true, K, score, rows);
    gaussian_fini(&g);
    work_destroy(w);
    return status;
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    make_data();
    assert_true(test_each_failed_allocation(fit_and_score, NULL) >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mahalanobis_is_the_direct_one),  cmocka_unit_test(few_rows_are_shrunk),
        cmocka_unit_test(neighbours_are_the_direct_ones), cmocka_unit_test(twins_are_at_no_distance),
        cmocka_unit_test(bits_do_not_depend_on_threads),  cmocka_unit_test(threshold_by_hand),
        cmocka_unit_test(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
