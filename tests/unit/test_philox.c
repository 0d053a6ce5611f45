/* Philox against the known answers of Random123, and what is drawn from it against what it promises. */
#include "support.h"

#include "base/philox.h"

static void check_answer(const uint32_t counter[4], const uint32_t key[2], const uint32_t answer[4])
{
    uint32_t out[4];
    philox4x32(counter, key, out);
    assert_memory_equal(out, answer, sizeof out);
}

static void known_answers(void **state)
{
    (void)state;
    const uint32_t zero[4] = {0}, ones[4] = {~0U, ~0U, ~0U, ~0U};
    const uint32_t counter[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   key[2] = {0xa4093822, 0x299f31d0};
    check_answer(zero, zero, (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    check_answer(ones, ones, (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    check_answer(counter, key, (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

/* A model made today must be made again by tomorrow's version: these numbers may never change. */
static void draws_are_frozen(void **state)
{
    (void)state;
    const uint64_t seed = UINT64_C(0x299f31d0a4093822), example = UINT64_C(0x1234567890);
    draws d = draws_at(seed, DRAW_TEST, 7, example, 3);
    const uint32_t counter[4] = {0, 0x0f030012, 0x34567890, 7}, key[2] = {0xa4093822, 0x299f31d0};
    const uint32_t next[4] = {1, 0x0f030012, 0x34567890, 7};
    uint32_t block[4];
    philox4x32(counter, key, block);
    for (int i = 0; i < 4; i++)
        assert_int_equal(draw_u32(&d), block[i]);
    philox4x32(next, key, block);
    assert_true(draw_u64(&d) == ((uint64_t)block[0] << 32 | block[1]));
}

static void streams_differ(void **state)
{
    (void)state;
    const struct {
        uint64_t seed;
        draw_stream stream;
        uint32_t epoch;
        uint64_t example;
        uint32_t view;
    } at[] = {{1, DRAW_ORDER, 0, 0, 0},
              {2, DRAW_ORDER, 0, 0, 0},
              {1, DRAW_INIT, 0, 0, 0},
              {1, DRAW_ORDER, 1, 0, 0},
              {1, DRAW_ORDER, 0, 1, 0},
              {1, DRAW_ORDER, 0, 0, 1},
              {UINT64_C(1) << 32, DRAW_ORDER, 0, 0, 0},
              {1, DRAW_ORDER, 0, UINT64_C(1) << 32, 0}};
    enum { COUNT = sizeof at / sizeof *at };
    uint64_t first[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        draws d = draws_at(at[i].seed, at[i].stream, at[i].epoch, at[i].example, at[i].view);
        first[i] = draw_u64(&d);
        for (size_t j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    }
}

/* Mean and variance of `count` draws of `draw`, within five standard errors (roughly) of the true ones. */
static void check_moments(double (*draw)(draws *d), double mean, double variance)
{
    enum { COUNT = 200000 };
    draws d = draws_at(5, DRAW_TEST, 0, 0, 0);
    double sum = 0, squares = 0;
    for (int i = 0; i < COUNT; i++) {
        const double x = draw(&d) - mean;
        sum += x;
        squares += x * x;
    }
    assert_near(sum / COUNT, 0, 5 * sqrt(variance / COUNT), 0);
    assert_near(squares / COUNT, variance, 5 * variance * sqrt(2.0 / COUNT), 0);
}

static double one_uniform(draws *d)
{
    const float u = draw_uniform(d);
    assert_true(u >= 0.0F && u < 1.0F);
    return (double)u;
}

static double one_double(draws *d)
{
    const double u = draw_uniform_double(d);
    assert_true(u >= 0.0 && u < 1.0);
    return u;
}

static double one_range(draws *d)
{
    const float u = draw_range(d, -2.0F, 4.0F);
    assert_true(u >= -2.0F && u < 4.0F);
    return (double)u;
}

static double one_normal(draws *d)
{
    return (double)draw_normal(d);
}

static void moments(void **state)
{
    (void)state;
    check_moments(one_uniform, 0.5, 1.0 / 12);
    check_moments(one_double, 0.5, 1.0 / 12);
    check_moments(one_range, 1.0, 3.0);
    check_moments(one_normal, 0.0, 1.0);
}

/* 1 + (1 - 2^-24) rounds to 2 in single precision: the upper end must stay out even then. */
static void range_excludes_its_end(void **state)
{
    (void)state;
    draws d = {.block = {0, 0, 0, UINT32_MAX}, .left = 1};
    assert_true(draw_range(&d, 1.0F, 2.0F) < 2.0F);
    d.left = 1;
    assert_true(draw_range(&d, 3.0F, 3.0F) == 3.0F);
}

static void below_is_fair(void **state)
{
    (void)state;
    enum { SIDES = 7, COUNT = 140000 };
    int counts[SIDES] = {0};
    draws d = draws_at(9, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < COUNT; i++) {
        const uint64_t side = draw_below(&d, SIDES);
        assert_true(side < SIDES);
        counts[side]++;
    }
    double chi_square = 0;
    for (int i = 0; i < SIDES; i++)
        chi_square += pow(counts[i] - COUNT / SIDES, 2) / (COUNT / SIDES);
    assert_true(chi_square < 22.5); /* 6 degrees of freedom, one in a thousand */
    assert_int_equal(draw_below(&d, 1), 0);
}

/* With a bound of three quarters of 2^64 the plain remainder would fall below 2^62 half the time, not a
 * third. */
static void below_has_no_bias(void **state)
{
    (void)state;
    enum { COUNT = 30000 };
    const uint64_t quarter = UINT64_C(1) << 62;
    draws d = draws_at(11, DRAW_TEST, 0, 0, 0);
    int low = 0;
    for (int i = 0; i < COUNT; i++)
        low += draw_below(&d, 3 * quarter) < quarter;
    assert_near((double)low / COUNT, 1.0 / 3, 0.015, 0);
}

static void check_permutation(uint64_t count)
{
    char *seen = calloc(count, 1);
    assert_non_null(seen);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t to = draw_permuted(3, DRAW_ORDER, 2, count, i);
        assert_true(to < count);
        assert_false(seen[to]);
        seen[to] = 1;
    }
    free(seen);
}

static void permutation_is_a_bijection(void **state)
{
    (void)state;
    for (uint64_t count = 1; count <= 130; count++)
        check_permutation(count);
    check_permutation(1023);
    check_permutation(1024);
    check_permutation(1025);
    check_permutation(50000);
}

static void permutation_of_a_large_count(void **state)
{
    (void)state;
    const uint64_t count = (UINT64_C(1) << 63) - 1;
    uint64_t last = count;
    for (uint64_t i = 0; i < 100; i++) {
        const uint64_t to = draw_permuted(1, DRAW_ORDER, 0, count, count - 1 - i);
        assert_true(to < count && to != last);
        last = to;
    }
}

/* How many of 1000 stay where they are in another epoch, stream or seed: one on average. */
static void permutation_depends_on_its_key(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    int fixed = 0, epochs = 0, streams = 0, seeds = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        const uint64_t to = draw_permuted(1, DRAW_ORDER, 0, COUNT, i);
        fixed += to == i;
        epochs += to == draw_permuted(1, DRAW_ORDER, 1, COUNT, i);
        streams += to == draw_permuted(1, DRAW_SAMPLE, 0, COUNT, i);
        seeds += to == draw_permuted(2, DRAW_ORDER, 0, COUNT, i);
    }
    assert_true(fixed < 10 && epochs < 10 && streams < 10 && seeds < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(draws_are_frozen),
        cmocka_unit_test(streams_differ),
        cmocka_unit_test(moments),
        cmocka_unit_test(range_excludes_its_end),
        cmocka_unit_test(below_is_fair),
        cmocka_unit_test(below_has_no_bias),
        cmocka_unit_test(permutation_is_a_bijection),
        cmocka_unit_test(permutation_of_a_large_count),
        cmocka_unit_test(permutation_depends_on_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
