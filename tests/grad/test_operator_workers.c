/* Operators on very many rows over 1, 2 and 3 workers: the same bits forward and backward, and the same
 * numbers as without workers. */
#include "support.h"

#include "grad/case_run.h"

/* Above 2000 rows, no multiple of any block or tile. */
static const operator_spec specs[] = {
    {&row_linear_bias, 2103, 1, 33, 17, false},
    {&row_relu, 2103, 1, 33, 0, false},
    {&row_gelu, 2103, 1, 33, 0, false},
    {&row_gelu_tanh, 2103, 1, 33, 0, false},
    {&row_batch_norm, 2103, 1, 33, 0, false},
    {&row_batch_norm_affine, 2103, 1, 33, 0, false},
    {&row_l2_normalize, 2103, 1, 33, 0, false},
    {&row_cross_entropy, 2103, 1, 17, 2311, false},
    {&row_cross_entropy_exclude, 2103, 1, 17, 2311, false},
    {&row_cross_entropy_words, 1103, 1, 17, 2311, false},
    {&row_info_nce, 1103, 1, 17, 2311, false},
    {&row_nt_xent, 2104, 1, 17, 0, false},
    {&row_batch_norm_views, 2104, 1, 33, 2, false},
    {&row_redundancy, 517, 1, 261, 0, false},
    {&row_vicreg, 517, 1, 261, 0, false},
    {&row_add, 2103, 1, 33, 0, false},
    {&row_scale, 2103, 1, 33, 0, false},
    {&row_mean_square_error, 2103, 1, 33, 0, false},
    {&row_layer_norm, 2103, 1, 33, 0, false},
    {&row_attention, 60, 17, 24, 2, false},
    {&row_attention_causal_lengths, 9, 70, 24, 2, false},
    {&row_embed_rows, 9, 70, 33, 65, false},
    {&row_linear, 1, 1, 3, 2, false},
    {&row_cross_entropy_exclude, 3, 1, 5, 4, false},
};

static int64_t array_count(const operator_case *c, int i)
{
    return i < 0 ? c->problem.output_count : c->problem.count[i];
}

static const float *array_of(const run_result *result, int i)
{
    return i < 0 ? result->output : result->gradient[i];
}

static void expect_same(const operator_case *c, const run_result *got, const run_result *want, int workers)
{
    for (int i = -1; i < c->problem.differentiable; i++)
        if (!same_bits(c->name, array_of(got, i), array_of(want, i), array_count(c, i), true))
            fail_msg("%s: %d workers: array %d", c->name, workers, i);
}

/* Blocks of rows change the order of sums, so the bits without workers may be others. */
static void expect_near(const operator_case *c, const run_result *got, const run_result *want)
{
    for (int i = -1; i < c->problem.differentiable; i++) {
        const int64_t count = array_count(c, i);
        double *wide = malloc((size_t)count * sizeof *wide);
        assert_non_null(wide);
        for (int64_t at = 0; at < count; at++)
            wide[at] = (double)array_of(want, i)[at];
        if (!near_float(c->name, array_of(got, i), wide, count, case_ulps(c), 0, true))
            fail_msg("%s: with and without workers: array %d", c->name, i);
        free(wide);
    }
}

static void check(const operator_spec *spec, tape_rig *rigs, const run_options *options)
{
    operator_case *c = case_create(spec, 9);
    run_result alone = case_run(&rigs[0], c, *options), first = case_run(&rigs[1], c, *options);
    expect_near(c, &first, &alone);
    for (int workers = 1; workers <= 3; workers++)
        for (int repeat = 0; repeat < 2; repeat++) {
            run_result next = case_run(&rigs[workers], c, *options);
            expect_same(c, &next, &first, workers);
            result_destroy(&next);
        }
    result_destroy(&alone);
    result_destroy(&first);
    case_destroy(c);
}

static void test_same_bits_for_any_number_of_workers(void **state)
{
    (void)state;
    tape_rig rigs[4];
    const run_options once = {.wants = WANT_ALL}, accumulated = {.passes = 2};
    for (int workers = 0; workers < 4; workers++)
        rig_open(&rigs[workers], workers);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        check(&specs[i], rigs, &once);
        check(&specs[i], rigs, &accumulated);
    }
    for (int workers = 0; workers < 4; workers++)
        rig_close(&rigs[workers]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_for_any_number_of_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
