/* The best matching against all permutations; agreement of partitions on cases worked by hand. */
#include "support.h"

#include "base/philox.h"
#include "use/agreement.h"
#include "use/matching.h"

enum { SIDE = 6 };

/* The best sum by trying everything: rows `row` on, columns not in `taken`. A row may stay alone. */
static int64_t best_by_force(const int64_t *weight, int rows, int columns, int row, unsigned taken, int free)
{
    if (row == rows)
        return 0;
    int64_t best = INT64_MIN / 2;
    if (free > 0)
        best = best_by_force(weight, rows, columns, row + 1, taken, free - 1);
    for (int j = 0; j < columns; j++) {
        if (taken >> j & 1)
            continue;
        const int64_t sum =
            weight[row * columns + j] + best_by_force(weight, rows, columns, row + 1, taken | 1u << j, free);
        best = sum > best ? sum : best;
    }
    return best;
}

static void matching_is_the_best(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    draws d = draws_at(4, DRAW_TEST, 0, 0, 0);
    for (int trial = 0; trial < 300; trial++) {
        const int rows = 1 + (int)draw_below(&d, SIDE), columns = 1 + (int)draw_below(&d, SIDE);
        int64_t weight[SIDE * SIDE], column[SIDE], total, sum = 0;
        unsigned taken = 0;
        int alone = 0;
        for (int i = 0; i < rows * columns; i++)
            weight[i] = (int64_t)draw_below(&d, 12) - 3;
        assert_ok(context, matching_find(context, weight, rows, columns, column, &total));
        for (int i = 0; i < rows; i++) {
            alone += column[i] < 0;
            if (column[i] < 0)
                continue;
            assert_in_range(column[i], 0, columns - 1);
            assert_false(taken >> column[i] & 1);
            taken |= 1u << column[i];
            sum += weight[i * columns + column[i]];
        }
        assert_int_equal(alone, rows > columns ? rows - columns : 0);
        assert_int_equal(sum, total);
        assert_int_equal(total, best_by_force(weight, rows, columns, 0, 0, alone));
    }
    int64_t none, column[1];
    assert_fails(context, matching_find(context, NULL, 0, 3, column, &none), TACIT_ARGUMENT,
                 "0 rows and 3 columns");
    tacit_context_destroy(context);
}

/* Groups {a a a b} {b b} {c}: counts 3 1 0 / 0 2 0 / 0 0 1. */
static void agreement_by_hand(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const int32_t group[7] = {0, 0, 0, 0, 1, 1, 2}, label[7] = {0, 0, 0, 1, 1, 1, 2};
    agreement a;
    assert_ok(context, agreement_measure(context, group, 3, label, 3, 7, &a));
    assert_near(a.accuracy, 6.0 / 7, 1e-15, 0);
    /* Pairs: both 3 + 1 = 4, groups 6 + 1 = 7, labels 3 + 3 = 6, all 21: (4 - 2) / (6.5 - 2). */
    assert_near(a.ari, 2.0 / 4.5, 1e-14, 0);
    const double groups = -(4.0 / 7 * log(4.0 / 7) + 2.0 / 7 * log(2.0 / 7) + 1.0 / 7 * log(1.0 / 7));
    const double labels = -(6.0 / 7 * log(3.0 / 7) + 1.0 / 7 * log(1.0 / 7));
    const double mutual = 3.0 / 7 * log(3.0 * 7 / (4 * 3)) + 1.0 / 7 * log(1.0 * 7 / (4 * 3)) +
                          2.0 / 7 * log(2.0 * 7 / (2 * 3)) + 1.0 / 7 * log(7.0);
    assert_near(a.nmi, 2 * mutual / (groups + labels), 1e-14, 0);
    tacit_context_destroy(context);
}

static void agreement_at_its_ends(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const int32_t one[6] = {0, 0, 1, 1, 2, 2}, renamed[6] = {3, 3, 0, 0, 1, 1}, constant[6] = {0},
                  crossed[6] = {0, 1, 0, 1, 0, 1};
    agreement a;
    assert_ok(context, agreement_measure(context, one, 3, renamed, 4, 6, &a));
    assert_near(a.accuracy, 1, 0, 0);
    assert_near(a.nmi, 1, 1e-14, 0);
    assert_near(a.ari, 1, 1e-14, 0);
    assert_ok(context, agreement_measure(context, one, 3, crossed, 2, 6, &a));
    assert_near(a.accuracy, 2.0 / 6, 1e-15, 0);
    assert_near(a.nmi, 0, 1e-14, 0);
    assert_near(a.ari, (0 - 1.2) / (4.5 - 1.2), 1e-14, 0); /* expected 3 x 6 / 15 */
    assert_ok(context, agreement_measure(context, constant, 1, constant, 1, 6, &a));
    assert_true(a.accuracy == 1 && a.nmi == 1 && a.ari == 1);
    assert_ok(context, agreement_measure(context, constant, 1, one, 3, 6, &a));
    assert_true(a.nmi == 0 && a.ari == 0);
    assert_fails(context, agreement_measure(context, one, 2, one, 3, 6, &a), TACIT_ARGUMENT,
                 "example 4 has group 2 and label 2: outside 0 to 1 and 0 to 2");
    tacit_context_destroy(context);
}

static tacit_status agree(tacit_context *context, void *user)
{
    const int32_t one[3] = {0, 1, 2};
    agreement a;
    (void)user;
    return agreement_measure(context, one, 3, one, 3, 3, &a);
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    assert_int_equal(test_each_failed_allocation(agree, NULL), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching_is_the_best),
        cmocka_unit_test(agreement_by_hand),
        cmocka_unit_test(agreement_at_its_ends),
        cmocka_unit_test(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
