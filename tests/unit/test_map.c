/* Maps: the sums of the quadtree, the gradient of t-SNE, blobs that stay together, and how a map is measured.
 */
#include "support.h"

#include "base/philox.h"
#include "use/faithfulness.h"
#include "use/neighbours.h"
#include "use/quadtree.h"
#include "use/tsne.h"

enum { ROWS = 600, COLUMNS = 12, BLOBS = 4, K = 45 };

static work *make_work(tacit_context *context, int threads)
{
    work *w;
    assert_ok(context, tacit_context_set_threads(context, threads));
    assert_ok(context, work_create(&w, context));
    return w;
}

static void random_places(double *y, int64_t count, double deviation)
{
    draws d = draws_at(17, DRAW_TEST, 0, 0, 0);
    for (int64_t i = 0; i < 2 * count; i++)
        y[i] = deviation * (double)draw_normal(&d);
}

/* ---- the quadtree ---- */

static double repel_exactly(const double *y, int64_t count, int64_t i, double force[2])
{
    double sum = 0;
    force[0] = force[1] = 0;
    for (int64_t j = 0; j < count; j++) {
        const double across = y[2 * i] - y[2 * j], down = y[2 * i + 1] - y[2 * j + 1];
        const double k = 1 / (1 + across * across + down * down);
        if (j == i)
            continue;
        sum += k;
        force[0] += k * k * across;
        force[1] += k * k * down;
    }
    return sum;
}

/* Largest error of sums and forces, over the largest of each. */
static void tree_errors(const double *y, int64_t count, double theta, double *of_sum, double *of_force)
{
    quadtree q;
    tacit_context *context = test_context();
    double most = 0, most_force = 0;
    *of_sum = *of_force = 0;
    assert_ok(context, quadtree_init(&q, context, count));
    quadtree_build(&q, y);
    for (int64_t i = 0; i < count; i++) {
        double want[2], got[2];
        const double sum = repel_exactly(y, count, i, want), found = quadtree_repel(&q, y, i, theta, got);
        *of_sum = fmax(*of_sum, fabs(found - sum));
        *of_force = fmax(*of_force, hypot(got[0] - want[0], got[1] - want[1]));
        most = fmax(most, sum);
        most_force = fmax(most_force, hypot(want[0], want[1]));
    }
    *of_sum /= most;
    *of_force /= most_force;
    quadtree_fini(&q);
    tacit_context_destroy(context);
}

static void test_the_tree_adds_up(void **state)
{
    (void)state;
    static double y[2 * ROWS];
    double of_sum, of_force;
    random_places(y, ROWS, 8);
    tree_errors(y, ROWS, 0, &of_sum, &of_force);
    if (!(of_sum <= 1e-13 && of_force <= 1e-13))
        fail_msg("exact: sum off by %g, force by %g", of_sum, of_force);
    tree_errors(y, ROWS, 0.5, &of_sum, &of_force);
    if (!(of_sum <= 0.02 && of_force <= 0.05 && of_sum > 1e-9))
        fail_msg("theta 0.5: sum off by %g, force by %g", of_sum, of_force);
}

/* Points at one place do not split for ever; all at one place have nothing to say but their number. */
static void test_points_at_one_place(void **state)
{
    (void)state;
    double y[2 * 40], of_sum, of_force;
    random_places(y, 40, 1);
    for (int i = 0; i < 20; i++)
        memcpy(y + 2 * i, y + 2 * 20, 2 * sizeof *y);
    tree_errors(y, 40, 0, &of_sum, &of_force);
    if (!(of_sum <= 1e-13 && of_force <= 1e-13))
        fail_msg("half at one place: sum off by %g, force by %g", of_sum, of_force);
    quadtree q;
    double force[2];
    tacit_context *context = test_context();
    for (int i = 0; i < 40; i++)
        y[2 * i] = y[2 * i + 1] = 3;
    assert_ok(context, quadtree_init(&q, context, 40));
    quadtree_build(&q, y);
    assert_near(quadtree_repel(&q, y, 7, 0.5, force), 39, 0, 1e-12);
    assert_true(force[0] == 0 && force[1] == 0);
    quadtree_fini(&q);
    tacit_context_destroy(context);
}

/* ---- t-SNE ---- */

static float data[ROWS * COLUMNS];

/* Directions about corners of a simplex; label of a row: i % BLOBS. */
static matrix make_blobs(void)
{
    draws d = draws_at(5, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        double squares = 0;
        for (int j = 0; j < COLUMNS; j++) {
            const float x = 0.15f * draw_normal(&d) + (j == i % BLOBS ? 1.0f : 0.0f);
            data[i * COLUMNS + j] = x;
            squares += (double)x * (double)x;
        }
        for (int j = 0; j < COLUMNS; j++)
            data[i * COLUMNS + j] = (float)((double)data[i * COLUMNS + j] / sqrt(squares));
    }
    return (matrix){ROWS, COLUMNS, data};
}

static void find_affinities(tacit_context *context, work *w, matrix x, affinities *a)
{
    int32_t *found = calloc((size_t)x.rows * (K + 1), sizeof *found);
    float *similarity = calloc((size_t)x.rows * (K + 1), sizeof *similarity);
    int32_t *neighbours = calloc((size_t)x.rows * K, sizeof *neighbours);
    double *squares = calloc((size_t)x.rows * K, sizeof *squares);
    assert_true(found && similarity && neighbours && squares);
    assert_ok(context, neighbours_find(w, x, x, K + 1, found, similarity));
    for (int64_t i = 0; i < x.rows; i++)
        for (int j = 0, to = 0; j <= K && to < K; j++)
            if (found[i * (K + 1) + j] != i) {
                neighbours[i * K + to] = found[i * (K + 1) + j];
                squares[i * K + to++] = fmax(0, 2 - 2 * (double)similarity[i * (K + 1) + j]);
            }
    assert_ok(context, affinities_create(a, w, neighbours, squares, x.rows, K, 15));
    free(found);
    free(similarity);
    free(neighbours);
    free(squares);
}

static double affinity(const affinities *a, int64_t i, int64_t j)
{
    for (int64_t at = a->first[i]; at < a->first[i + 1]; at++)
        if (a->others[at] == j)
            return a->p[at];
    return 0;
}

static void test_affinities(void **state)
{
    (void)state;
    affinities a;
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    find_affinities(context, w, make_blobs(), &a);
    double sum = 0;
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t at = a.first[i]; at < a.first[i + 1]; at++) {
            assert_true(at == a.first[i] || a.others[at] > a.others[at - 1]);
            assert_near(affinity(&a, a.others[at], i), a.p[at], 0, 1e-15);
            sum += a.p[at];
        }
    assert_near(sum, 1, 1e-12, 0);
    affinities_fini(&a);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Three neighbours, at squares s, s, and far: perplexity 2 leaves the far one out; the entropy of each row is
 * log 2. */
static void test_perplexity(void **state)
{
    (void)state;
    affinities a;
    static const int32_t neighbours[] = {1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2};
    static const double squares[] = {1, 1, 50, 1, 1, 50, 1, 1, 50, 50, 50, 90};
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    assert_ok(context, affinities_create(&a, w, neighbours, squares, 4, 3, 2));
    assert_near(affinity(&a, 0, 1), (0.5 + 0.5) / 8, 1e-6, 0);
    assert_near(affinity(&a, 0, 3), 0.5 / 8, 1e-6, 0); /* wanted by row 3 alone */
    affinities_fini(&a);
    assert_int_equal(affinities_create(&a, w, neighbours, squares, 4, 3, 3.5), TACIT_ARGUMENT);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Exact gradient against central differences of the divergence; and one with theta is another. */
static void test_gradient(void **state)
{
    (void)state;
    affinities a;
    static double y[2 * ROWS], gradient[2 * ROWS], coarse[2 * ROWS];
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    find_affinities(context, w, make_blobs(), &a);
    random_places(y, ROWS, 2);
    assert_ok(context, tsne_gradient(w, &a, 0, y, gradient));
    assert_ok(context, tsne_gradient(w, &a, 0.5, y, coarse));
    double worst = 0, most = 0, of_coarse = 0;
    for (int64_t i = 0; i < 2 * ROWS; i += 97) {
        const double step = 1e-4, at = y[i];
        y[i] = at + step;
        const double above = tsne_divergence(&a, y);
        y[i] = at - step;
        const double below = tsne_divergence(&a, y);
        y[i] = at;
        worst = fmax(worst, fabs((above - below) / (2 * step) - gradient[i]));
        of_coarse = fmax(of_coarse, fabs(coarse[i] - gradient[i]));
        most = fmax(most, fabs(gradient[i]));
    }
    if (!(worst <= 1e-6 * most))
        fail_msg("gradient off by %g of %g", worst, most);
    if (!(of_coarse > 1e-6 * most && of_coarse <= 0.1 * most))
        fail_msg("with theta 0.5 off by %g of %g", of_coarse, most);
    affinities_fini(&a);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void run_tsne(int threads, double *y)
{
    affinities a;
    tacit_context *context = test_context();
    work *w = make_work(context, threads);
    const tsne_options o = {.iterations = 400, .theta = 0.5};
    find_affinities(context, w, make_blobs(), &a);
    random_places(y, ROWS, 1e-4);
    const double before = tsne_divergence(&a, y);
    assert_ok(context, tsne_run(w, &a, &o, y));
    if (!(tsne_divergence(&a, y) < 0.4 * before))
        fail_msg("divergence %g, %g at first", tsne_divergence(&a, y), before);
    affinities_fini(&a);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void test_blobs_stay_together(void **state)
{
    (void)state;
    static double y[2 * ROWS], again[2 * ROWS];
    int wrong = 0;
    run_tsne(1, y);
    for (int i = 0; i < ROWS; i++) { /* the nearest on the map is of the same blob */
        int nearest = i ? 0 : 1;
        for (int j = 0; j < ROWS; j++)
            if (j != i && hypot(y[2 * i] - y[2 * j], y[2 * i + 1] - y[2 * j + 1]) <
                              hypot(y[2 * i] - y[2 * nearest], y[2 * i + 1] - y[2 * nearest + 1]))
                nearest = j;
        wrong += nearest % BLOBS != i % BLOBS;
    }
    assert_int_equal(wrong, 0);
    run_tsne(3, again);
    assert_memory_equal(y, again, sizeof y);
}

static void test_a_request_to_stop_is_heard(void **state)
{
    (void)state;
    affinities a;
    static double y[2 * ROWS];
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    const tsne_options o = {.iterations = 100, .theta = 0.5};
    find_affinities(context, w, make_blobs(), &a);
    random_places(y, ROWS, 1e-4);
    tacit_context_cancel(context);
    assert_int_equal(tsne_run(w, &a, &o, y), TACIT_CANCELLED);
    affinities_fini(&a);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* ---- how far it can be believed ---- */

/* The definition, by sorting nothing. */
static double trust_plainly(const double *truth, const double *map, int count, int k)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            int rank_map = 1, rank_truth = 1;
            for (int l = 0; l < count; l++) {
                const double *m = map + i * count, *t = truth + i * count;
                if (l == i || l == j)
                    continue;
                rank_map += m[l] < m[j] || (m[l] == m[j] && l < j);
                rank_truth += t[l] < t[j] || (t[l] == t[j] && l < j);
            }
            if (j != i && rank_map <= k && rank_truth > k)
                sum += rank_truth - k;
        }
    return 1 - 2 * sum / ((double)count * k * (2.0 * count - 3.0 * k - 1));
}

enum { ROUND = 50 };

static void test_faithfulness_is_its_definition(void **state)
{
    (void)state;
    static float x[ROUND * 2];
    static double y[2 * ROUND], truth[ROUND * ROUND], map[ROUND * ROUND];
    faithfulness f;
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    random_places(y, ROUND, 1);
    for (int i = 0; i < ROUND; i++) {
        x[2 * i] = (float)(i * 7 % 31 - 15); /* whole numbers, so that their products are exact */
        x[2 * i + 1] = (float)(i * i % 37 - 18);
    }
    for (int i = 0; i < ROUND; i++)
        for (int j = 0; j < ROUND; j++) {
            truth[i * ROUND + j] =
                -((double)x[2 * i] * (double)x[2 * j] + (double)x[2 * i + 1] * (double)x[2 * j + 1]);
            map[i * ROUND + j] = hypot(y[2 * i] - y[2 * j], y[2 * i + 1] - y[2 * j + 1]);
        }
    assert_ok(context, faithfulness_measure(w, (matrix){ROUND, 2, x}, y, 7, 1000, 1, &f));
    assert_near(f.trustworthiness, trust_plainly(truth, map, ROUND, 7), 1e-12, 0);
    assert_near(f.continuity, trust_plainly(map, truth, ROUND, 7), 1e-12, 0);
    assert_true(f.trustworthiness < 0.7);
    for (int i = 0; i < ROUND; i++) {
        y[2 * i] = cos(0.37 * i * i);
        y[2 * i + 1] = sin(0.37 * i * i);
        x[2 * i] = (float)y[2 * i];
        x[2 * i + 1] = (float)y[2 * i + 1];
    }
    assert_ok(context, faithfulness_measure(w, (matrix){ROUND, 2, x}, y, 7, 20, 1, &f));
    assert_near(f.trustworthiness, 1, 1e-3, 0); /* ranks of near equal distances may be swapped by rounding */
    assert_near(f.continuity, 1, 1e-3, 0);
    assert_int_equal(faithfulness_measure(w, (matrix){ROUND, 2, x}, y, 33, 20, 1, &f), TACIT_ARGUMENT);
    work_destroy(w);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_tree_adds_up),
        cmocka_unit_test(test_points_at_one_place),
        cmocka_unit_test(test_affinities),
        cmocka_unit_test(test_perplexity),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_blobs_stay_together),
        cmocka_unit_test(test_a_request_to_stop_is_heard),
        cmocka_unit_test(test_faithfulness_is_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
