/* The few-label protocol: stratified keyed draws, and the mean and deviation over them. */
#include "support.h"

#include "base/philox.h"
#include "use/class_rows.h"
#include "use/few_labels.h"
#include "use/probe.h"
#include "use/standardise.h"

enum { ROWS = 330, CLASSES = 4, COLUMNS = 3 };

/* Classes of 100, 200, 25 and 5 rows, mixed. */
static void make_labels(int32_t labels[ROWS])
{
    for (int i = 0; i < ROWS; i++) {
        const int at = i * 7 % ROWS; /* 7 and 330 have no common factor */
        labels[at] = i < 100 ? 0 : i < 300 ? 1 : i < 325 ? 2 : 3;
    }
}

static void draws_are_stratified_and_keyed(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    int32_t labels[ROWS];
    int64_t draws_seen[6][CLASSES * 10] = {{0}}, filled;
    make_labels(labels);
    for (int draw = 0; draw < 6; draw++) {
        int64_t *rows = draws_seen[draw];
        /* The last one has another seed. */
        assert_ok(context, few_labels_draw(context, labels, ROWS, CLASSES, 10, draw < 5 ? 3 : 4, draw % 5,
                                           rows, &filled));
        assert_int_equal(filled, 35);
        bool seen[ROWS] = {false};
        for (int i = 0; i < filled; i++) {
            assert_in_range(rows[i], 0, ROWS - 1);
            assert_false(seen[rows[i]]);
            seen[rows[i]] = true;
            assert_int_equal(labels[rows[i]], i / 10);
        }
        for (int before = 0; before < draw; before++)
            assert_memory_not_equal(rows, draws_seen[before], sizeof draws_seen[0]);
    }
    int64_t again[CLASSES * 10] = {0};
    assert_ok(context, few_labels_draw(context, labels, ROWS, CLASSES, 10, 3, 2, again, &filled));
    assert_memory_equal(again, draws_seen[2], sizeof again);
    tacit_context_destroy(context);
}

/* 2000 draws of 5 of 25 rows: each row 400 times on average, deviation 18. */
static void every_row_is_drawn_alike(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    int32_t labels[50];
    int counts[50] = {0};
    for (int i = 0; i < 50; i++)
        labels[i] = i % 2;
    for (int draw = 0; draw < 2000; draw++) {
        int64_t rows[10], filled;
        assert_ok(context, few_labels_draw(context, labels, 50, 2, 5, 1, draw, rows, &filled));
        for (int i = 0; i < filled; i++)
            counts[rows[i]]++;
    }
    for (int i = 0; i < 50; i++)
        assert_in_range(counts[i], 400 - 5 * 18, 400 + 5 * 18);
    tacit_context_destroy(context);
}

/* The rows that a selection holds out are another draw than the first few labels of the same seed. */
static void held_out_rows_are_another_draw(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    int32_t labels[100] = {0};
    int64_t rows[10], order[100], filled, kept, common = 0;
    assert_ok(context, few_labels_draw(context, labels, 100, 1, 10, 1, 0, rows, &filled));
    assert_ok(context, class_rows_hold_out(context, labels, 100, 1, 1, order, &kept));
    assert_int_equal(kept, 90);
    for (int i = 0; i < 10; i++)
        for (int j = 90; j < 100; j++)
            common += rows[i] == order[j];
    assert_in_range(common, 0, 5);
    tacit_context_destroy(context);
}

static void labels_outside_are_named(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const int32_t labels[] = {0, 1, -1};
    int64_t rows[4], filled;
    assert_fails(context, few_labels_draw(context, labels, 3, 2, 2, 1, 0, rows, &filled), TACIT_ARGUMENT,
                 "row 2");
    tacit_context_destroy(context);
}

/* Blobs `distance` apart. */
static void make_blobs(float *data, const int32_t *labels, int count, float distance, uint64_t example)
{
    draws d = draws_at(2, DRAW_TEST, 0, example, 0);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < COLUMNS; j++)
            data[i * COLUMNS + j] = (labels[i] == j ? distance : 0) + draw_normal(&d);
}

static void result_is_mean_and_deviation_of_the_draws(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w;
    enum { DRAWS = 5 };
    static float train[ROWS * COLUMNS], test[ROWS * COLUMNS];
    float mean[COLUMNS], deviation[COLUMNS];
    int32_t labels[ROWS], predicted[ROWS];
    int64_t rows[CLASSES * 3], filled;
    double accuracies[DRAWS], sum = 0, square = 0;
    make_labels(labels);
    make_blobs(train, labels, ROWS, 2, 1);
    make_blobs(test, labels, ROWS, 2, 2);
    const matrix m = {ROWS, COLUMNS, train}, t = {ROWS, COLUMNS, test};
    assert_ok(context, work_create(&w, context));
    assert_ok(context, columns_measure(w, m, mean, deviation));
    for (int draw = 0; draw < DRAWS; draw++) {
        probe p;
        assert_ok(context, few_labels_draw(context, labels, ROWS, CLASSES, 3, 8, draw, rows, &filled));
        assert_ok(context,
                  probe_fit_rows(&p, w, m, labels, CLASSES, FEW_LABELS_L2, rows, filled, mean, deviation));
        assert_ok(context, probe_predict(&p, w, t, predicted));
        accuracies[draw] = accuracy_of(predicted, labels, ROWS);
        sum += accuracies[draw];
        probe_fini(&p);
    }
    for (int draw = 0; draw < DRAWS; draw++)
        square += pow(accuracies[draw] - sum / DRAWS, 2);
    few_labels_result result;
    assert_ok(context, few_labels_evaluate(w, m, labels, t, labels, CLASSES, 3, DRAWS, 8, &result));
    assert_int_equal(result.per_class, 3);
    assert_int_equal(result.draws, DRAWS);
    assert_near(result.mean, sum / DRAWS, 1e-12, 0);
    assert_near(result.deviation, sqrt(square / (DRAWS - 1)), 1e-12, 0);
    assert_true(result.deviation > 0);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void separable_classes_need_one_label(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w;
    static float train[ROWS * COLUMNS];
    int32_t labels[ROWS];
    make_labels(labels);
    make_blobs(train, labels, ROWS, 100, 3);
    const matrix m = {ROWS, COLUMNS, train};
    few_labels_result result;
    assert_ok(context, work_create(&w, context));
    assert_ok(context, few_labels_evaluate(w, m, labels, m, labels, CLASSES, 1, 3, 1, &result));
    assert_true(result.mean == 1 && result.deviation == 0);
    assert_ok(context, few_labels_evaluate(w, m, labels, m, labels, CLASSES, 2, 1, 1, &result));
    assert_true(result.mean == 1 && result.deviation == 0);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void wrong_arguments_are_named(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w;
    const float data[] = {1, 2};
    const int32_t labels[] = {0, 1};
    const matrix m = {2, 1, data};
    few_labels_result result;
    assert_ok(context, work_create(&w, context));
    assert_fails(context, few_labels_evaluate(w, m, labels, m, labels, 2, 0, 1, 1, &result), TACIT_ARGUMENT,
                 "0 labels");
    context_begin(context);
    assert_fails(context, few_labels_evaluate(w, m, labels, m, labels, 2, 1, 0, 1, &result), TACIT_ARGUMENT,
                 "0 draws");
    context_begin(context);
    const matrix none = {0, 1, data};
    assert_fails(context, few_labels_evaluate(w, m, labels, none, labels, 2, 1, 1, 1, &result),
                 TACIT_ARGUMENT, "0 test");
    work_destroy(w);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_stratified_and_keyed),
        cmocka_unit_test(every_row_is_drawn_alike),
        cmocka_unit_test(held_out_rows_are_another_draw),
        cmocka_unit_test(labels_outside_are_named),
        cmocka_unit_test(result_is_mean_and_deviation_of_the_draws),
        cmocka_unit_test(separable_classes_need_one_label),
        cmocka_unit_test(wrong_arguments_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
