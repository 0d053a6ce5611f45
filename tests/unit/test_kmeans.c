/* k-means on made blobs, its edges, and the choice of the number of groups. */
#include "support.h"

#include "base/philox.h"
#include "use/agreement.h"
#include "use/kmeans.h"
#include "use/silhouette.h"

enum { ROWS = 900, COLUMNS = 8, BLOBS = 5 };

static float data[ROWS * COLUMNS];
static int32_t truth[ROWS];
static const matrix blobs = {ROWS, COLUMNS, data};
static const kmeans_options standard = {.groups = BLOBS, .restarts = 4, .iterations = 50, .seed = 1};

/* Blobs of deviation 0.3 about corners that are at least sqrt(2) x 3 apart, of 100, 140, ... rows. */
static void make_blobs(void)
{
    draws d = draws_at(5, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        const int at = i * 7 % ROWS;
        truth[i] = at < 100 ? 0 : at < 240 ? 1 : at < 420 ? 2 : at < 640 ? 3 : 4;
        for (int j = 0; j < COLUMNS; j++)
            data[i * COLUMNS + j] = 0.3f * draw_normal(&d) + (j == truth[i] ? 3 : 0);
    }
}

static work *make_work(tacit_context *context, int threads)
{
    work *w;
    assert_ok(context, tacit_context_set_threads(context, threads));
    assert_ok(context, work_create(&w, context));
    return w;
}

/* Sizes 260, 220, 180, 140, 100: labels 4 to 0 in the order of the groups. */
static void blobs_are_found(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    kmeans m;
    make_blobs();
    assert_ok(context, kmeans_fit(&m, w, blobs, &standard));
    double inertia = 0;
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(m.group[i], 4 - truth[i]);
        double square = 0;
        for (int j = 0; j < COLUMNS; j++) {
            const double difference =
                (double)data[i * COLUMNS + j] - (double)m.centres[m.group[i] * COLUMNS + j];
            square += difference * difference;
        }
        assert_near(m.distance[i], sqrt(square), 1e-12, 1e-12);
        inertia += square;
    }
    assert_near(m.inertia, inertia, 0, 1e-12);
    for (int c = 0; c < BLOBS; c++) {
        assert_int_equal(m.size[c], 260 - 40 * c);
        for (int j = 0; j < COLUMNS; j++) { /* the centre is the mean of its rows */
            double mean = 0;
            for (int i = 0; i < ROWS; i++)
                mean += m.group[i] == c ? (double)data[i * COLUMNS + j] / (double)m.size[c] : 0;
            assert_near(m.centres[c * COLUMNS + j], mean, 1e-6, 0);
        }
    }
    kmeans_fini(&m);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    kmeans m[3];
    tacit_context *context[3];
    make_blobs();
    for (int t = 0; t < 3; t++) {
        context[t] = test_context();
        work *w = make_work(context[t], t + 1);
        const kmeans_options o = {.groups = 9, .restarts = 2, .iterations = 6, .seed = 3};
        assert_ok(context[t], kmeans_fit(&m[t], w, blobs, &o));
        assert_true(m[t].inertia == m[0].inertia);
        assert_memory_equal(m[t].centres, m[0].centres, sizeof(float) * 9 * COLUMNS);
        assert_memory_equal(m[t].group, m[0].group, sizeof(int32_t) * ROWS);
        assert_memory_equal(m[t].distance, m[0].distance, sizeof(double) * ROWS);
        work_destroy(w);
    }
    for (int t = 0; t < 3; t++) {
        kmeans_fini(&m[t]);
        tacit_context_destroy(context[t]);
    }
}

/* As many groups as rows: each has one, whatever the draws; one group: the mean. */
static void ends_of_the_number_of_groups(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    kmeans m;
    make_blobs();
    const matrix few = {12, COLUMNS, data};
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_ok(context, kmeans_fit(&m, w, few, &(kmeans_options){12, 1, 50, seed}));
        for (int c = 0; c < 12; c++)
            assert_int_equal(m.size[c], 1);
        assert_near(m.inertia, 0, 1e-12, 0);
        kmeans_fini(&m);
    }
    assert_ok(context, kmeans_fit(&m, w, few, &(kmeans_options){1, 1, 50, 1}));
    assert_int_equal(m.size[0], 12);
    kmeans_fini(&m);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Three different rows, many times each, in five groups: no number is wrong, and two groups stay empty. */
static void fewer_different_rows_than_groups(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    kmeans m;
    float same[30 * 2];
    for (int i = 0; i < 30; i++) {
        same[2 * i] = (float)(i % 3);
        same[2 * i + 1] = 1;
    }
    assert_ok(context, kmeans_fit(&m, w, (matrix){30, 2, same}, &(kmeans_options){5, 3, 50, 1}));
    for (int i = 0; i < 30; i++)
        assert_int_equal(m.group[i], m.group[i % 3]);
    assert_near(m.inertia, 0, 1e-12, 0);
    assert_true(m.size[2] == 10 && m.size[3] == 0 && m.size[4] == 0);
    kmeans_fini(&m);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void wrong_questions_are_refused(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    kmeans m;
    int32_t groups;
    double silhouette;
    float bad[4] = {0, 1, (float)NAN, 3};
    const matrix two = {2, 2, bad};
    assert_fails(context, kmeans_fit(&m, w, two, &(kmeans_options){3, 1, 1, 1}), TACIT_ARGUMENT,
                 "3 groups of 2 examples: expected no more groups than examples");
    kmeans_fini(&m);
    context_begin(context);
    assert_fails(context, kmeans_fit(&m, w, two, &(kmeans_options){0, 1, 1, 1}), TACIT_ARGUMENT,
                 "0 groups, 1 restarts, 1 iterations: all must be above 0");
    context_begin(context);
    assert_fails(context, kmeans_fit(&m, w, two, &(kmeans_options){1, 1, 1, 1}), TACIT_NONFINITE,
                 "row 1 holds a number that is not finite");
    context_begin(context);
    assert_fails(context, silhouette_choose(w, two, 5, &standard, &groups, &silhouette), TACIT_ARGUMENT,
                 "2 to 5 groups of 2 examples");
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Points 0, 1 | 4 | 10, 10 on a line, worked by hand. */
static void silhouette_by_hand(void **state)
{
    (void)state;
    const double at[5] = {0, 1, 4, 10, 10};
    const int32_t group[5] = {0, 0, 1, 2, 2}, one[5] = {0};
    float distances[25];
    double sums[3];
    int64_t sizes[3];
    for (int i = 0; i < 25; i++)
        distances[i] = (float)fabs(at[i / 5] - at[i % 5]);
    const double wanted = ((4 - 1) / 4.0 + (3 - 1) / 3.0 + 0 + 1 + 1) / 5;
    assert_near(silhouette_mean(distances, group, 5, 3, sums, sizes), wanted, 1e-14, 0);
    assert_near(silhouette_mean(distances, one, 5, 1, sums, sizes), 0, 0, 0);
}

static void number_of_blobs_is_chosen(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    int32_t groups = 0;
    double silhouette = 0;
    make_blobs();
    assert_ok(context, silhouette_choose(w, blobs, 9, &standard, &groups, &silhouette));
    assert_int_equal(groups, BLOBS);
    assert_true(silhouette > 0.6 && silhouette < 1);
    work_destroy(w);
    tacit_context_destroy(context);
}

static tacit_status choose_and_fit(tacit_context *context, void *user)
{
    work *w;
    kmeans m;
    kmeans_options o = standard;
    double silhouette;
    (void)user;
    context->threads = 1;
    TRY(work_create(&w, context));
    tacit_status status = silhouette_choose(w, (matrix){40, COLUMNS, data}, 3, &o, &o.groups, &silhouette);
    if (status == TACIT_OK) {
        status = kmeans_fit(&m, w, (matrix){40, COLUMNS, data}, &o);
        kmeans_fini(&m);
    }
    work_destroy(w);
    return status;
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    make_blobs();
    assert_true(test_each_failed_allocation(choose_and_fit, NULL) >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blobs_are_found),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(ends_of_the_number_of_groups),
        cmocka_unit_test(fewer_different_rows_than_groups),
        cmocka_unit_test(wrong_questions_are_refused),
        cmocka_unit_test(silhouette_by_hand),
        cmocka_unit_test(number_of_blobs_is_chosen),
        cmocka_unit_test(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
