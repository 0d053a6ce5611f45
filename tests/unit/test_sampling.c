/* One word out of many: what is never drawn, how often the rest is, and words that were there already. */
#include "support.h"

#include "use/sampling.h"

enum { MOST = 16 };

static int32_t draw_one(const float *logits, int64_t count, const tacit_generate_options *o, int64_t number)
{
    candidate space[MOST];
    draws d = draws_at(7, DRAW_TEST, 0, (uint64_t)number, 0);
    return sampling_draw(logits, count, o, &d, space);
}

/* How often each of `count` words is drawn in `times`. */
static void draw_many(const float *logits, int64_t count, const tacit_generate_options *o, int64_t times,
                      int64_t seen[MOST])
{
    memset(seen, 0, MOST * sizeof *seen);
    for (int64_t i = 0; i < times; i++) {
        const int32_t id = draw_one(logits, count, o, i);
        assert_in_range(id, 0, count - 1);
        seen[id]++;
    }
}

static tacit_generate_options usual(void)
{
    tacit_generate_options o = tacit_generate_options_default();
    o.temperature = 1.0;
    return o;
}

static void without_temperature_the_likeliest(void **state)
{
    (void)state;
    const float logits[] = {1, 3, -2, 3, 2.9999f}, none[] = {-INFINITY, -INFINITY, -9};
    tacit_generate_options o = usual();
    o.temperature = 0.0;
    for (int64_t i = 0; i < 50; i++) {
        assert_int_equal(draw_one(logits, 5, &o, i), 1); /* of equal ones the first */
        assert_int_equal(draw_one(none, 3, &o, i), 2);
    }
    o.top_k = 3;
    o.top_p = 0.1;
    assert_int_equal(draw_one(logits, 5, &o, 0), 1);
}

/* 20,000 draws: each word as often as its share says, within five deviations. */
static void check_shares(const float *logits, const tacit_generate_options *o, const double *shares,
                         int64_t count)
{
    enum { TIMES = 20000 };
    int64_t seen[MOST];
    draw_many(logits, count, o, TIMES, seen);
    for (int64_t i = 0; i < count; i++) {
        const double want = shares[i] * TIMES, deviation = sqrt(want * (1 - shares[i]));
        assert_near((double)seen[i], want, 5 * deviation, 0);
    }
}

/* Logits whose words have these shares at temperature 1. */
static void from_shares(const double *shares, int64_t count, float *logits)
{
    for (int64_t i = 0; i < count; i++)
        logits[i] = shares[i] > 0 ? (float)log(shares[i]) + 3.5f : -INFINITY;
}

static void words_come_as_often_as_they_should(void **state)
{
    (void)state;
    static const double shares[] = {0.05, 0.4, 0.3, 0, 0.25};
    float logits[5];
    double hot[5], sum = 0;
    tacit_generate_options o = usual();
    from_shares(shares, 5, logits);
    check_shares(logits, &o, shares, 5);
    for (int cold = 0; cold < 2; cold++, sum = 0) {
        o.temperature = cold ? 0.5 : 3.0;
        for (int i = 0; i < 5; i++)
            sum += hot[i] = shares[i] > 0 ? pow(shares[i], 1 / o.temperature) : 0;
        for (int i = 0; i < 5; i++)
            hot[i] /= sum;
        check_shares(logits, &o, hot, 5);
    }
}

static void the_smallest_temperature_is_no_number_less(void **state)
{
    (void)state;
    const float logits[] = {1, 2, -INFINITY, 1.9999f};
    tacit_generate_options o = usual();
    o.temperature = 1e-300;
    for (int64_t i = 0; i < 50; i++)
        assert_int_equal(draw_one(logits, 4, &o, i), 1);
}

static void only_the_k_likeliest(void **state)
{
    (void)state;
    static const double shares[] = {0.1, 0.3, 0.2, 0.4};
    static const double of_two[] = {0, 3.0 / 7, 0, 4.0 / 7}, of_three[] = {0, 3.0 / 9, 2.0 / 9, 4.0 / 9};
    float logits[4];
    tacit_generate_options o = usual();
    from_shares(shares, 4, logits);
    o.top_k = 2;
    check_shares(logits, &o, of_two, 4);
    o.top_k = 3;
    check_shares(logits, &o, of_three, 4);
    o.top_k = 4;
    check_shares(logits, &o, shares, 4);
    o.top_k = 1000;
    check_shares(logits, &o, shares, 4);
    /* Of equal ones at the border the first stay. */
    static const float equal[] = {0, 1, 1, 1, 1};
    static const double first_two[] = {0, 0.5, 0.5, 0, 0};
    o.top_k = 2;
    check_shares(equal, &o, first_two, 5);
}

/* The fewest whose shares add up to that much, to the last bit: four equal words have a quarter each. */
static void only_the_likeliest_share(void **state)
{
    (void)state;
    static const float equal[] = {2, 2, 2, 2, -INFINITY};
    static const struct {
        double top_p;
        int kept;
    } cases[] = {{1e-9, 1}, {0.25, 1}, {0.2500001, 2}, {0.5, 2}, {0.51, 3}, {0.75, 3}, {0.76, 4}, {1.0, 4}};
    tacit_generate_options o = usual();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double shares[5] = {0};
        o.top_p = cases[i].top_p;
        for (int k = 0; k < cases[i].kept; k++)
            shares[k] = 1.0 / cases[i].kept;
        check_shares(equal, &o, shares, 5);
    }
}

/* The share is one of those that top-k leaves, and of shares at this temperature. */
static void cuts_go_together(void **state)
{
    (void)state;
    static const double shares[] = {0.1, 0.3, 0.2, 0.4}, first[] = {0, 0, 0, 1};
    static const double both[] = {0, 3.0 / 7, 0, 4.0 / 7};
    float logits[4];
    tacit_generate_options o = usual();
    from_shares(shares, 4, logits);
    o.top_k = 2;
    o.top_p = 0.56; /* 4/7 are more */
    check_shares(logits, &o, first, 4);
    o.top_p = 0.58;
    check_shares(logits, &o, both, 4);
    o.top_k = 0;
    o.top_p = 0.5; /* at temperature 1 two words, at 0.5 the likeliest has 16 of 30 */
    check_shares(logits, &o, both, 4);
    o.temperature = 0.5;
    check_shares(logits, &o, first, 4);
}

static void one_word_is_drawn_always(void **state)
{
    (void)state;
    const float logits[] = {-1e30f};
    const tacit_generate_options o = usual();
    assert_int_equal(draw_one(logits, 1, &o, 3), 0);
}

static void words_that_were_there_are_less_likely(void **state)
{
    (void)state;
    const float start[] = {4, -3, 0, 5, -INFINITY, 2};
    const int32_t seen[] = {1, 0, 1, 2, 4, 0, 1};
    float logits[6];
    memcpy(logits, start, sizeof logits);
    sampling_penalise(logits, seen, 7, 2.0);
    const float want[] = {2, -6, 0, 5, -INFINITY, 2};
    assert_memory_equal(logits, want, sizeof want);
    sampling_penalise(logits, seen, 7, 0.5); /* below 1 they are more likely */
    assert_memory_equal(logits, start, sizeof start);
    sampling_penalise(logits, seen, 7, 1.0);
    assert_memory_equal(logits, start, sizeof start);
    sampling_penalise(logits, seen, 0, 5.0);
    assert_memory_equal(logits, start, sizeof start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_temperature_the_likeliest),
        cmocka_unit_test(words_come_as_often_as_they_should),
        cmocka_unit_test(the_smallest_temperature_is_no_number_less),
        cmocka_unit_test(only_the_k_likeliest),
        cmocka_unit_test(only_the_likeliest_share),
        cmocka_unit_test(cuts_go_together),
        cmocka_unit_test(one_word_is_drawn_always),
        cmocka_unit_test(words_that_were_there_are_less_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
