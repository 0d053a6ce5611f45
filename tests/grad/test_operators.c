/* Every operator in f32 on the tape against the double-precision reference, at every size of the list of
 * cases, and the promises of the tape that every operator must keep. Tolerance: case_ulps of the largest
 * number of the array. */
#include "support.h"

#include "grad/case_run.h"
#include "ref/reference.h"

static tape_rig rig;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig, 0);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* Calls `visit` for each case that is an operator of the library. */
static void for_each_operator(void (*visit)(operator_case *c))
{
    int count;
    const operator_spec *specs = operator_specs(&count);
    for (int i = 0; i < count; i++) {
        if (!specs[i].row->apply)
            continue;
        operator_case *c = case_create(&specs[i], 1000 + (uint64_t)i);
        visit(c);
        case_destroy(c);
    }
}

static bool has_gradients(const operator_case *c)
{
    return c->problem.differentiable > 0;
}

/* Least magnitude of the numbers whose difference a gradient is: of a loss, small; of all else, that of the
 * upstream gradient; of a row without spread or length, 1 / sqrt(epsilon) times that. */
static double gradient_scale(const operator_case *c)
{
    if (c->spec->degenerate)
        return 1e3;
    return c->problem.output_count == 1 ? 1e-3 : 1;
}

static bool output_is_near(const operator_case *c, const run_result *result, bool report)
{
    return near_float(c->name, result->output, c->problem.output, c->problem.output_count, case_ulps(c), 0,
                      report);
}

static bool gradient_is_near(const operator_case *c, const run_result *result, int i, bool report)
{
    char what[160];
    snprintf(what, sizeof what, "%s: gradient of input %d", c->name, i);
    return result->gradient[i] && near_float(what, result->gradient[i], c->problem.gradient[i],
                                             c->problem.count[i], case_ulps(c), gradient_scale(c), report);
}

static void run_reference(operator_case *c)
{
    c->problem.forward(&c->problem);
    if (has_gradients(c))
        c->problem.backward(&c->problem);
}

static void check_against_reference(operator_case *c)
{
    run_reference(c);
    run_result result = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    if (!output_is_near(c, &result, true))
        fail_msg("%s: output", c->name);
    for (int i = 0; i < c->problem.inputs; i++)
        if (i < c->problem.differentiable ? !gradient_is_near(c, &result, i, true)
                                          : result.gradient[i] != NULL)
            fail_msg("%s: gradient of input %d", c->name, i);
    result_destroy(&result);
}

static void test_against_the_reference(void **state)
{
    (void)state;
    for_each_operator(check_against_reference);
}

/* ---- negative control: a small error planted in a right result is seen ---- */

static double magnitude(const double *x, int64_t count, double least)
{
    for (int64_t i = 0; i < count; i++)
        least = fmax(least, fabs(x[i]));
    return least;
}

static void check_perturbed(operator_case *c)
{
    run_reference(c);
    run_result result = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    const problem *p = &c->problem;
    const double off = 2.5 * case_ulps(c) * 0x1p-23;
    const int64_t at = p->output_count / 2;
    result.output[at] += (float)(off * magnitude(p->output, p->output_count, 0));
    if (magnitude(p->output, p->output_count, 0) > 0 && output_is_near(c, &result, false))
        fail_msg("%s: an output that is off was accepted", c->name);
    for (int i = 0; i < p->differentiable; i++) {
        const double scale = magnitude(p->gradient[i], p->count[i], gradient_scale(c));
        result.gradient[i][p->count[i] - 1] += (float)(off * scale);
        if (gradient_is_near(c, &result, i, false))
            fail_msg("%s: a gradient of input %d that is off was accepted", c->name, i);
        result.gradient[i][p->count[i] - 1] = NAN;
        if (gradient_is_near(c, &result, i, false))
            fail_msg("%s: NaN in the gradient of input %d was accepted", c->name, i);
    }
    result_destroy(&result);
}

static void test_perturbed_results_are_refused(void **state)
{
    (void)state;
    for_each_operator(check_perturbed);
}

/* ---- promises of the tape ---- */

static void expect_same(const operator_case *c, const run_result *got, const run_result *want,
                        const char *what)
{
    char text[192];
    for (int i = -1; i < c->problem.differentiable; i++) {
        const float *a = i < 0 ? got->output : got->gradient[i],
                    *b = i < 0 ? want->output : want->gradient[i];
        snprintf(text, sizeof text, "%s: %s: array %d", c->name, what, i);
        if (!a || !b || !same_bits(text, a, b, i < 0 ? c->problem.output_count : c->problem.count[i], true))
            fail_msg("%s", text);
    }
}

static void check_repeated(operator_case *c)
{
    run_result first = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    run_result second = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    expect_same(c, &second, &first, "second run");
    result_destroy(&first);
    result_destroy(&second);
}

static void test_repeated_runs_give_the_same_bits(void **state)
{
    (void)state;
    for_each_operator(check_repeated);
}

static void check_inference(operator_case *c)
{
    if (c->spec->row->only_training)
        return;
    run_result training = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    run_result inference = case_run(&rig, c, (run_options){.wants = WANT_ALL, .inference = true});
    if (!same_bits(c->name, inference.output, training.output, c->problem.output_count, true))
        fail_msg("%s: inference", c->name);
    for (int i = 0; i < c->problem.inputs; i++)
        assert_null(inference.gradient[i]);
    result_destroy(&training);
    result_destroy(&inference);
}

static void test_inference_gives_the_bits_of_training(void **state)
{
    (void)state;
    for_each_operator(check_inference);
}

/* Values that no backward reads are forgotten and overwritten. */
static void check_forget(operator_case *c)
{
    run_result kept = case_run(&rig, c, (run_options){.wants = WANT_ALL, .in_between = true});
    run_result forgotten = case_run(&rig, c, (run_options){.wants = WANT_ALL, .forget = true});
    expect_same(c, &forgotten, &kept, "forgotten values");
    result_destroy(&kept);
    result_destroy(&forgotten);
}

static void test_forgotten_values_give_the_same_gradients(void **state)
{
    (void)state;
    for_each_operator(check_forget);
}

/* A gradient that is not wanted changes nothing in those that are. */
static void check_each_input_alone(operator_case *c)
{
    run_result all = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    for (int i = 0; i < c->problem.differentiable; i++) {
        run_result one = case_run(&rig, c, (run_options){.wants = 1u << i});
        for (int j = 0; j < c->problem.inputs; j++)
            if (j != i ? one.gradient[j] != NULL
                       : !one.gradient[i] ||
                             !same_bits(c->name, one.gradient[i], all.gradient[i], c->problem.count[i], true))
                fail_msg("%s: only input %d wants a gradient: gradient of input %d", c->name, i, j);
        result_destroy(&one);
    }
    result_destroy(&all);
}

static void test_each_input_alone(void **state)
{
    (void)state;
    for_each_operator(check_each_input_alone);
}

/* Multiplies the reference's gradients, and its output when asked. */
static void scale_reference(operator_case *c, double factor, double output_factor)
{
    problem *p = &c->problem;
    for (int64_t i = 0; i < p->output_count; i++)
        p->output[i] *= output_factor;
    for (int i = 0; i < p->differentiable; i++)
        for (int64_t at = 0; at < p->count[i]; at++)
            p->gradient[i][at] *= factor;
}

static void expect_near_reference(const operator_case *c, const run_result *result, const char *what)
{
    if (!output_is_near(c, result, true))
        fail_msg("%s: %s: output", c->name, what);
    for (int i = 0; i < c->problem.differentiable; i++)
        if (!gradient_is_near(c, result, i, true))
            fail_msg("%s: %s: gradient of input %d", c->name, what, i);
}

static void check_used_twice(operator_case *c)
{
    run_reference(c);
    scale_reference(c, 2, 2);
    run_result result = case_run(&rig, c, (run_options){.wants = WANT_ALL, .twice = true});
    expect_near_reference(c, &result, "used twice");
    result_destroy(&result);
}

static void test_second_contribution_adds(void **state)
{
    (void)state;
    for_each_operator(check_used_twice);
}

/* The same block over two passes, as two lanes of a batch use it; what no gradient flows to stays unwritten.
 */
static void check_parameters(operator_case *c)
{
    run_reference(c);
    run_result inputs = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    run_result once = case_run(&rig, c, (run_options){.passes = 1});
    expect_same(c, &once, &inputs, "as parameters");
    scale_reference(c, 2, 1);
    run_result twice = case_run(&rig, c, (run_options){.passes = 2});
    expect_near_reference(c, &twice, "parameters over two passes");
    for (int i = c->problem.differentiable; i < c->problem.inputs; i++)
        assert_null(twice.gradient[i]);
    result_destroy(&inputs);
    result_destroy(&once);
    result_destroy(&twice);
}

static void test_parameters_accumulate(void **state)
{
    (void)state;
    for_each_operator(check_parameters);
}

/* A scale that is a power of two is exact all the way through. */
static void check_scaled(operator_case *c)
{
    run_result one = case_run(&rig, c, (run_options){.wants = WANT_ALL});
    run_result half = case_run(&rig, c, (run_options){.wants = WANT_ALL, .scale = 0.5f});
    for (int i = 0; i < c->problem.differentiable; i++)
        for (int64_t at = 0; at < c->problem.count[i]; at++)
            half.gradient[i][at] *= 2.0f;
    expect_same(c, &half, &one, "scale");
    result_destroy(&one);
    result_destroy(&half);
}

static void test_scale_of_backward(void **state)
{
    (void)state;
    for_each_operator(check_scaled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_reference),
        cmocka_unit_test(test_perturbed_results_are_refused),
        cmocka_unit_test(test_repeated_runs_give_the_same_bits),
        cmocka_unit_test(test_inference_gives_the_bits_of_training),
        cmocka_unit_test(test_forgotten_values_give_the_same_gradients),
        cmocka_unit_test(test_each_input_alone),
        cmocka_unit_test(test_second_contribution_adds),
        cmocka_unit_test(test_parameters_accumulate),
        cmocka_unit_test(test_scale_of_backward),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
