/* The linear probe: its objective against double precision, its optimum where that is known, and how it
 * chooses. */
#include "support.h"

#include "base/philox.h"
#include "use/class_rows.h"
#include "use/logistic.h"
#include "use/probe.h"
#include "use/standardise.h"

typedef struct fixture {
    tacit_context *context;
    work *work;
} fixture;

static fixture begin(void)
{
    fixture f = {.context = test_context()};
    assert_ok(f.context, tacit_context_set_threads(f.context, 1));
    assert_ok(f.context, work_create(&f.work, f.context));
    return f;
}

static void end(fixture *f)
{
    work_destroy(f->work);
    tacit_context_destroy(f->context);
}

/* Normal rows; label = (largest of the first `classes` columns + `noise` * normal). classes <= columns. */
static float *random_problem(int64_t rows, int64_t columns, int32_t classes, float noise, uint64_t example,
                             int32_t *labels)
{
    float *data = test_malloc(sizeof *data * (size_t)(rows * columns));
    draws d = draws_at(11, DRAW_TEST, 0, example, 0);
    for (int64_t i = 0; i < rows * columns; i++)
        data[i] = draw_normal(&d);
    for (int64_t i = 0; i < rows; i++) {
        float largest = -INFINITY;
        for (int32_t c = 0; c < classes; c++) {
            const float score = data[i * columns + c] + noise * draw_normal(&d);
            if (score > largest) {
                largest = score;
                labels[i] = c;
            }
        }
    }
    return data;
}

/* ---- objective ---- */

static double reference_objective(matrix m, const int32_t *labels, int32_t classes, double l2,
                                  const double *x)
{
    double loss = 0, square = 0;
    for (int64_t i = 0; i < m.rows; i++) {
        double sum = 0, own = 0;
        for (int32_t c = 0; c < classes; c++) {
            double logit = x[classes * m.columns + c];
            for (int64_t j = 0; j < m.columns; j++)
                logit += x[c * m.columns + j] * (double)m.data[i * m.columns + j];
            sum += exp(logit);
            own = c == labels[i] ? logit : own;
        }
        loss += log(sum) - own;
    }
    for (int64_t j = 0; j < classes * m.columns; j++)
        square += x[j] * x[j];
    return loss / (double)m.rows + l2 / 2 * square;
}

/* Nine blocks, more than one thread's slots, the last one with a short strip. */
static void gradient_agrees_with_central_differences(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 8 * 2048 + 300, COLUMNS = 4, CLASSES = 3 };
    static int32_t labels[ROWS];
    float *data = random_problem(ROWS, COLUMNS, CLASSES, 0.5f, 1, labels);
    const matrix m = {ROWS, COLUMNS, data};
    logistic *l;
    assert_ok(f.context, logistic_create(&l, f.work, m, labels, CLASSES));
    assert_int_equal(logistic_length(l), 16);
    double x[16] = {0}, gradient[16], objective;
    draws d = draws_at(1, DRAW_TEST, 0, 0, 0);
    for (int j = 0; j < COLUMNS * CLASSES + CLASSES; j++)
        x[j] = (double)draw_normal(&d);
    assert_ok(f.context, logistic_evaluate(l, 0.1, x, &objective, gradient));
    assert_near(objective, reference_objective(m, labels, CLASSES, 0.1, x), 0, 1e-6);
    for (int j = 0; j < COLUMNS * CLASSES + CLASSES; j++) {
        const double at = x[j], step = 1e-5;
        x[j] = at + step;
        const double above = reference_objective(m, labels, CLASSES, 0.1, x);
        x[j] = at - step;
        const double below = reference_objective(m, labels, CLASSES, 0.1, x);
        x[j] = at;
        assert_near(gradient[j], (above - below) / (2 * step), 2e-7, 2e-6);
    }
    assert_true(gradient[15] == 0);
    logistic_destroy(l);
    test_free(data);
    end(&f);
}

static void rows_that_do_not_count_are_not_seen(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 50, KEPT = 20 };
    int32_t labels[ROWS];
    float *data = random_problem(ROWS, 3, 3, 0.5f, 2, labels);
    logistic *l;
    assert_ok(f.context, logistic_create(&l, f.work, (matrix){ROWS, 3, data}, labels, 3));
    logistic_set_rows(l, KEPT);
    double x[16], gradient[16], objective;
    for (int j = 0; j < 16; j++)
        x[j] = j < 12 ? 0.1 * j - 0.5 : 0;
    assert_ok(f.context, logistic_evaluate(l, 0, x, &objective, gradient));
    assert_near(objective, reference_objective((matrix){KEPT, 3, data}, labels, 3, 0, x), 0, 1e-6);
    logistic_destroy(l);
    test_free(data);
    end(&f);
}

/* ---- optimum ---- */

/* x = +1 or -1, and of each the share p belongs to class (x > 0). By symmetry wei = (-v, v), and v solves
 * sigmoid(2v) + l2 v = p. */
static double known_weight(double p, double l2)
{
    double low = 0, high = 50;
    for (int i = 0; i < 100; i++) {
        const double v = (low + high) / 2;
        if (1 / (1 + exp(-2 * v)) + l2 * v < p)
            low = v;
        else
            high = v;
    }
    return low;
}

static void overlapping_classes_have_the_known_optimum(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 5000 };
    static float data[ROWS];
    static int32_t labels[ROWS];
    for (int i = 0; i < ROWS; i++) {
        data[i] = i % 2 ? 7 : 3; /* standardised: +1, -1 */
        labels[i] = i / 2 % 10 < 8 ? i % 2 : 1 - i % 2;
    }
    const double strengths[] = {0, 1e-3, 1e-1, 10};
    for (int s = 0; s < 4; s++) {
        probe p;
        assert_ok(f.context, probe_fit(&p, f.work, (matrix){ROWS, 1, data}, labels, 2, strengths[s]));
        const double v = known_weight(0.8, strengths[s]);
        assert_near((double)p.mean[0], 5, 1e-6, 0);
        assert_near((double)p.deviation[0], 2, 1e-6, 0);
        assert_near((double)p.wei[1], v, 1e-4, 1e-3);
        assert_near((double)p.wei[0], -v, 1e-4, 1e-3);
        assert_near((double)(p.bias[1] - p.bias[0]), 0, 1e-4, 0);
        assert_near(p.l2, strengths[s], 0, 0);
        probe_fini(&p);
    }
    end(&f);
}

/* Without information the bias gives the logarithm of the classes' shares, whatever l2 is: it is not
 * penalised. */
static void bias_is_not_penalised(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 1000 };
    float data[2 * ROWS];
    int32_t labels[ROWS];
    for (int i = 0; i < ROWS; i++) {
        data[2 * i] = 1e6f;
        data[2 * i + 1] = 0;
        labels[i] = i % 10 == 0 ? 0 : i % 10 < 4 ? 1 : 2;
    }
    probe p;
    assert_ok(f.context, probe_fit(&p, f.work, (matrix){ROWS, 2, data}, labels, 3, 1));
    assert_true(p.deviation[0] == 1 && p.deviation[1] == 1);
    assert_near((double)(p.bias[1] - p.bias[0]), log(3), 1e-3, 0);
    assert_near((double)(p.bias[2] - p.bias[0]), log(6), 1e-3, 0);
    for (int j = 0; j < 6; j++)
        assert_near((double)p.wei[j], 0, 1e-6, 0);
    probe_fini(&p);
    end(&f);
}

/* At the optimum of a strictly convex function, f is smaller than anywhere near, and so is the reference. */
static void optimum_is_a_minimum_of_the_reference(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 600, COLUMNS = 5, CLASSES = 4, WEIGHTS = COLUMNS * CLASSES };
    int32_t labels[ROWS];
    float mean[COLUMNS], deviation[COLUMNS], standard[ROWS * COLUMNS];
    float *data = random_problem(ROWS, COLUMNS, CLASSES, 1, 3, labels);
    probe p;
    const matrix m = {ROWS, COLUMNS, data};
    assert_ok(f.context, probe_fit(&p, f.work, m, labels, CLASSES, 0.01));
    assert_ok(f.context, columns_measure(f.work, m, mean, deviation));
    assert_ok(f.context, rows_standardise(f.work, m, NULL, ROWS, mean, deviation, standard));
    double x[WEIGHTS + CLASSES];
    for (int j = 0; j < WEIGHTS + CLASSES; j++)
        x[j] = (double)(j < WEIGHTS ? p.wei[j] : p.bias[j - WEIGHTS]);
    const matrix s = {ROWS, COLUMNS, standard};
    for (int j = 0; j < WEIGHTS + CLASSES; j++) {
        const double at = x[j];
        x[j] = at + 1e-4;
        const double above = reference_objective(s, labels, CLASSES, 0.01, x);
        x[j] = at - 1e-4;
        const double below = reference_objective(s, labels, CLASSES, 0.01, x);
        x[j] = at;
        assert_near((above - below) / 2e-4, 0, 4e-4, 0);
    }
    probe_fini(&p);
    test_free(data);
    end(&f);
}

static void separable_classes_are_separated(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 900, TEST = 600, COLUMNS = 3 };
    int32_t labels[ROWS], predicted[TEST];
    float data[ROWS * COLUMNS];
    draws d = draws_at(4, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % 3;
        for (int j = 0; j < COLUMNS; j++)
            data[i * COLUMNS + j] = (j == labels[i] ? 500.0f : -300.0f) + 20 * draw_normal(&d);
    }
    const double strengths[] = {0, 1e-6, 1e-2};
    for (int s = 0; s < 3; s++) {
        probe p;
        assert_ok(f.context,
                  probe_fit(&p, f.work, (matrix){ROWS - TEST, COLUMNS, data}, labels, 3, strengths[s]));
        const matrix test = {TEST, COLUMNS, data + (ROWS - TEST) * COLUMNS};
        assert_ok(f.context, probe_predict(&p, f.work, test, predicted));
        assert_true(accuracy_of(predicted, labels + ROWS - TEST, TEST) == 1);
        probe_fini(&p);
    }
    end(&f);
}

static void accuracy_is_a_share(void **state)
{
    (void)state;
    const int32_t a[] = {1, 2, 3, 4}, b[] = {1, 0, 3, 0};
    assert_true(accuracy_of(a, b, 4) == 0.5);
    assert_true(accuracy_of(a, a, 4) == 1);
    assert_true(accuracy_of(a, b, 0) == 0);
}

/* ---- statistics ---- */

static void statistics_are_exact_far_from_zero(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 5000, COLUMNS = 5 };
    static float data[ROWS * COLUMNS], out[ROWS * COLUMNS];
    for (int i = 0; i < ROWS; i++) {
        data[i * COLUMNS] = (float)(i % 2);
        data[i * COLUMNS + 1] = 1e6f + (float)(i % 2);
        data[i * COLUMNS + 2] = 0.1f; /* constant, and not exact in binary */
        data[i * COLUMNS + 3] =
            i == 0 ? 1e30f : 0; /* row 0, from which differences are taken, is the odd one */
        data[i * COLUMNS + 4] = i % 2 ? 3e38f : -3e38f;
    }
    float mean[COLUMNS], deviation[COLUMNS];
    const matrix m = {ROWS, COLUMNS, data};
    assert_ok(f.context, columns_measure(f.work, m, mean, deviation));
    const double means[] = {0.5, 1e6 + 0.5, (double)0.1f, 1e30 / ROWS, 0};
    const double deviations[] = {0.5, 0.5, 1, 1e30 * sqrt((ROWS - 1.0) / ROWS / ROWS), 3e38};
    for (int j = 0; j < COLUMNS; j++) {
        assert_near((double)mean[j], means[j], j == 4 ? 1e31 : 0, 1e-6);
        assert_near((double)deviation[j], deviations[j], 0, 1e-6);
    }
    assert_true(mean[2] == 0.1f);
    assert_ok(f.context, rows_standardise(f.work, m, NULL, ROWS, mean, deviation, out));
    const double last[] = {1, 1, 0, -1 / sqrt(ROWS - 1.0), 1};
    for (int j = 0; j < COLUMNS; j++)
        assert_near((double)out[(ROWS - 1) * COLUMNS + j], last[j], 1e-6, 1e-6);
    end(&f);
}

static void rows_can_be_named(void **state)
{
    (void)state;
    fixture f = begin();
    const float data[] = {1, 2, 3, 4, 5, 6}, mean[] = {1, 1}, deviation[] = {1, 2};
    const int64_t rows[] = {2, 0};
    float out[4];
    assert_ok(f.context, rows_standardise(f.work, (matrix){3, 2, data}, rows, 2, mean, deviation, out));
    const float expected[] = {4, 2.5f, 0, 0.5f};
    assert_memory_equal(out, expected, sizeof out);
    end(&f);
}

/* ---- errors ---- */

static void wrong_arguments_are_named(void **state)
{
    (void)state;
    fixture f = begin();
    float data[] = {1, 2, 3, 4, 5, 6};
    int32_t labels[] = {0, 1, 0}, predicted[3];
    const matrix m = {3, 2, data};
    const double wrong = (double)NAN;
    probe p;
    const int32_t same[] = {1, 1, 1}, outside[] = {0, 1, 2};
    assert_fails(f.context, probe_fit(&p, f.work, m, same, 2, 1), TACIT_ARGUMENT, "one class");
    assert_null(p.wei);
    context_begin(f.context);
    assert_fails(f.context, probe_fit(&p, f.work, m, outside, 2, 1), TACIT_ARGUMENT, "label 2");
    context_begin(f.context);
    assert_fails(f.context, probe_fit(&p, f.work, (matrix){0, 2, data}, labels, 2, 1), TACIT_ARGUMENT,
                 "0 rows");
    context_begin(f.context);
    assert_fails(f.context, probe_fit(&p, f.work, m, labels, 1, 1), TACIT_ARGUMENT, "1 classes");
    context_begin(f.context);
    assert_fails(f.context, probe_fit(&p, f.work, m, labels, 2, -1), TACIT_ARGUMENT, "l2");
    context_begin(f.context);
    assert_fails(f.context, probe_select(&p, f.work, m, labels, 2, &wrong, 1, 1), TACIT_ARGUMENT, "l2");
    context_begin(f.context);
    assert_fails(f.context, probe_select(&p, f.work, m, labels, 2, &wrong, 0, 1), TACIT_ARGUMENT,
                 "0 strengths");
    context_begin(f.context);
    data[5] = INFINITY;
    assert_fails(f.context, probe_fit(&p, f.work, m, labels, 2, 1), TACIT_NONFINITE, "row 2");
    context_begin(f.context);
    data[5] = 6;
    assert_ok(f.context, probe_fit(&p, f.work, m, labels, 2, 1));
    assert_fails(f.context, probe_predict(&p, f.work, (matrix){2, 3, data}, predicted), TACIT_SHAPE,
                 "fitted on 2");
    context_begin(f.context);
    data[2] = NAN;
    assert_fails(f.context, probe_predict(&p, f.work, m, predicted), TACIT_NONFINITE, "row 1");
    probe_fini(&p);
    probe_fini(&p);
    end(&f);
}

static void first_row_that_is_not_finite_is_named(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 9000 };
    static float data[ROWS];
    data[8000] = NAN;
    data[4500] = -INFINITY;
    float mean, deviation;
    assert_fails(f.context, columns_measure(f.work, (matrix){ROWS, 1, data}, &mean, &deviation),
                 TACIT_NONFINITE, "row 4500");
    end(&f);
}

/* ---- choice ---- */

static void a_tenth_of_each_class_is_held_out(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 1131, CLASSES = 4 };
    const int64_t sizes[CLASSES] = {1000, 100, 30, 1}, tenths[CLASSES] = {100, 10, 3, 0};
    int32_t labels[ROWS];
    int64_t order[ROWS], again[ROWS], other[ROWS], kept;
    for (int64_t i = 0, c = 0, end_of_class = sizes[0]; i < ROWS; i++) {
        if (i == end_of_class)
            end_of_class += sizes[++c];
        labels[i] = (int32_t)c;
    }
    assert_ok(f.context, class_rows_hold_out(f.context, labels, ROWS, CLASSES, 9, order, &kept));
    assert_int_equal(kept, ROWS - 113);
    bool seen[ROWS] = {false};
    int64_t held[CLASSES] = {0};
    for (int64_t i = 0; i < ROWS; i++) {
        assert_in_range(order[i], 0, ROWS - 1);
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
        held[labels[order[i]]] += i >= kept;
        if (i > 0 && i != kept)
            assert_true(order[i] > order[i - 1]);
    }
    for (int c = 0; c < CLASSES; c++)
        assert_int_equal(held[c], tenths[c]);
    assert_ok(f.context, class_rows_hold_out(f.context, labels, ROWS, CLASSES, 9, again, &kept));
    assert_memory_equal(order, again, sizeof order);
    assert_ok(f.context, class_rows_hold_out(f.context, labels, ROWS, CLASSES, 10, other, &kept));
    assert_memory_not_equal(order, other, sizeof order);
    end(&f);
}

/* What probe_select is said to do, done by hand: fits on the kept rows alone, accuracy on the held-out ones
 * alone. */
static double choose_by_hand(const fixture *f, matrix m, const int32_t *labels, int32_t classes,
                             const double *falling, int count, uint64_t seed, double *least)
{
    int64_t *order = test_malloc(sizeof *order * (size_t)m.rows), kept;
    float *mean = test_malloc(sizeof *mean * (size_t)m.columns),
          *deviation = test_malloc(sizeof *mean * (size_t)m.columns);
    assert_ok(f->context, class_rows_hold_out(f->context, labels, m.rows, classes, seed, order, &kept));
    assert_ok(f->context, columns_measure(f->work, m, mean, deviation));
    int32_t *predicted = test_malloc(sizeof *predicted * (size_t)m.rows);
    double best = -1, chosen = 0;
    *least = 2;
    for (int i = 0; i < count; i++) {
        probe p;
        assert_ok(f->context,
                  probe_fit_rows(&p, f->work, m, labels, classes, falling[i], order, kept, mean, deviation));
        assert_ok(f->context, probe_predict(&p, f->work, m, predicted));
        int64_t right = 0;
        for (int64_t r = kept; r < m.rows; r++)
            right += predicted[order[r]] == labels[order[r]];
        const double accuracy = (double)right / (double)(m.rows - kept);
        *least = accuracy < *least ? accuracy : *least;
        if (accuracy > best) {
            best = accuracy;
            chosen = falling[i];
        }
        probe_fini(&p);
    }
    assert_true(*least < best);
    test_free(order), test_free(mean), test_free(deviation), test_free(predicted);
    return chosen;
}

static void strength_is_chosen_on_held_out_rows(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 600, COLUMNS = 80, CLASSES = 3 };
    const double falling[] = {100, 0.03, 1e-6}, mixed[] = {0.03, 1e-6, 100};
    int32_t labels[ROWS];
    for (uint64_t seed = 0; seed < 3; seed++) {
        float *data = random_problem(ROWS, COLUMNS, CLASSES, 1.5f, 20 + seed, labels);
        const matrix m = {ROWS, COLUMNS, data};
        double least;
        const double chosen = choose_by_hand(&f, m, labels, CLASSES, falling, 3, seed, &least);
        probe p, all;
        assert_ok(f.context, probe_select(&p, f.work, m, labels, CLASSES, mixed, 3, seed));
        assert_near(p.l2, chosen, 0, 0);
        /* The final fit is of all rows: the minimum that probe_fit finds. */
        assert_ok(f.context, probe_fit(&all, f.work, m, labels, CLASSES, chosen));
        for (int j = 0; j < COLUMNS * CLASSES; j++)
            assert_near((double)p.wei[j], (double)all.wei[j], 5e-3, 0);
        probe_fini(&p);
        probe_fini(&all);
        test_free(data);
    }
    end(&f);
}

static void ties_go_to_the_larger_strength(void **state)
{
    (void)state;
    fixture f = begin();
    enum { ROWS = 100 };
    float data[ROWS];
    int32_t labels[ROWS];
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % 2;
        data[i] = (float)(labels[i] * 10 + i % 3);
    }
    const double strengths[] = {1e-5, 1e-2, 1e-3};
    probe p;
    assert_ok(f.context, probe_select(&p, f.work, (matrix){ROWS, 1, data}, labels, 2, strengths, 3, 1));
    assert_near(p.l2, 1e-2, 0, 0);
    probe_fini(&p);
    end(&f);
}

static void few_rows_take_the_middle_strength(void **state)
{
    (void)state;
    fixture f = begin();
    const double strengths[] = {4, 1, 2};
    int32_t labels[19];
    float *data = random_problem(19, 2, 2, 0.1f, 30, labels);
    const matrix m = {19, 2, data};
    probe p;
    assert_ok(f.context, probe_select(&p, f.work, m, labels, 2, strengths, 3, 1));
    assert_near(p.l2, 2, 0, 0);
    probe_fini(&p);
    assert_ok(f.context, probe_select(&p, f.work, m, labels, 2, NULL, 0, 1));
    assert_near(p.l2, 1e-3, 0, 0);
    probe_fini(&p);
    test_free(data);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_agrees_with_central_differences),
        cmocka_unit_test(rows_that_do_not_count_are_not_seen),
        cmocka_unit_test(overlapping_classes_have_the_known_optimum),
        cmocka_unit_test(bias_is_not_penalised),
        cmocka_unit_test(optimum_is_a_minimum_of_the_reference),
        cmocka_unit_test(separable_classes_are_separated),
        cmocka_unit_test(accuracy_is_a_share),
        cmocka_unit_test(statistics_are_exact_far_from_zero),
        cmocka_unit_test(rows_can_be_named),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(first_row_that_is_not_finite_is_named),
        cmocka_unit_test(a_tenth_of_each_class_is_held_out),
        cmocka_unit_test(strength_is_chosen_on_held_out_rows),
        cmocka_unit_test(ties_go_to_the_larger_strength),
        cmocka_unit_test(few_rows_take_the_middle_strength),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
