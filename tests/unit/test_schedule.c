/* The learning rate: warm-up, cosine, and their ends. */
#include "support.h"

#include "train/optimizer.h"

static void warm_up_is_linear(void **state)
{
    (void)state;
    for (int64_t step = 1; step <= 40; step++)
        assert_near(schedule_cosine(0.8, 0.1, step, 40, 100), 0.02 * (double)step, 1e-15, 0);
}

static void then_half_a_cosine(void **state)
{
    (void)state;
    assert_near(schedule_cosine(0.8, 0.2, 30, 20, 40), 0.5, 1e-15, 0); /* half way: the mean */
    assert_near(schedule_cosine(1, 0, 2, 0, 6), 0.75, 1e-15, 0);       /* a third: (1 + cos 60 degrees) / 2 */
    assert_near(schedule_cosine(1, 0, 4, 0, 6), 0.25, 1e-15, 0);
    for (int64_t step = 11; step <= 100; step++)
        assert_true(schedule_cosine(1, 0.01, step, 10, 100) < schedule_cosine(1, 0.01, step - 1, 10, 100));
}

static void ends(void **state)
{
    (void)state;
    assert_true(schedule_cosine(0.3, 0.001, 100, 10, 100) == 0.001);
    assert_true(schedule_cosine(0.3, 0.001, 101, 10, 100) == 0.001);
    assert_true(schedule_cosine(0.3, 0.001, 10, 10, 100) == 0.3);
    assert_true(schedule_cosine(0.3, 0.001, 1, 0, 1) == 0.001);
    assert_near(schedule_cosine(0.3, 0, 1, 0, 1000000), 0.3, 1e-11, 0); /* no warm-up */
    assert_near(schedule_cosine(0.3, 0, 5, 10, 5), 0.15, 1e-15, 0); /* a run that is over in its warm-up */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_up_is_linear),
        cmocka_unit_test(then_half_a_cosine),
        cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
