/* The double-precision reference against central differences, and the checker against planted errors: a
 * checker that lets a wrong gradient pass would make every other gradient test worthless. */
#include "support.h"

#include "grad/cases.h"

enum { DIFFERENCES_LIMIT = 700 }; /* numbers: larger problems are left to the f32 tests */

static bool can_difference(const operator_case *c)
{
    return c->problem.differentiable > 0 && !c->spec->degenerate && case_inputs_count(c) <= DIFFERENCES_LIMIT;
}

/* Calls `visit` for each case that central differences can check; returns how many. */
static int for_each_case(void (*visit)(operator_case *c))
{
    int count, visited = 0;
    const operator_spec *specs = operator_specs(&count);
    for (int i = 0; i < count; i++) {
        operator_case *c = case_create(&specs[i], 100 + (uint64_t)i);
        if (can_difference(c)) {
            visit(c);
            visited++;
        }
        case_destroy(c);
    }
    return visited;
}

static void expect_agreement(operator_case *c)
{
    if (gradient_check(&c->problem, c->problem.backward, NULL, true) != GRADIENT_AGREES)
        fail_msg("%s", c->name);
}

static void test_backward_agrees_with_differences(void **state)
{
    (void)state;
    assert_true(for_each_case(expect_agreement) > 40);
}

/* ---- negative controls ---- */

static double *last_gradient(problem *p, int64_t *count)
{
    *count = p->count[p->differentiable - 1];
    return p->gradient[p->differentiable - 1];
}

static int64_t largest(const double *x, int64_t count)
{
    int64_t at = 0;
    for (int64_t i = 1; i < count; i++)
        if (fabs(x[i]) > fabs(x[at]))
            at = i;
    return at;
}

static void scale_gradient(problem *p, double factor)
{
    int64_t count;
    double *g = last_gradient(p, &count);
    for (int64_t i = 0; i < count; i++)
        g[i] *= factor;
}

static void plant_sign(problem *p)
{
    scale_gradient(p, -1);
}

static void plant_one_percent(problem *p)
{
    scale_gradient(p, 1.01);
}

static void plant_zero(problem *p)
{
    scale_gradient(p, 0);
}

static void plant_zero_element(problem *p)
{
    int64_t count;
    double *g = last_gradient(p, &count);
    g[largest(g, count)] = 0;
}

static void plant_sign_of_element(problem *p)
{
    int64_t count;
    double *g = last_gradient(p, &count);
    const int64_t at = largest(g, count);
    g[at] = -g[at];
}

static void plant_nan(problem *p)
{
    int64_t count;
    double *g = last_gradient(p, &count);
    g[count - 1] = (double)NAN;
}

static void plant_infinity(problem *p)
{
    p->gradient[0][0] = (double)INFINITY;
}

static const struct {
    const char *name;
    problem_plant plant;
} plants[] = {
    {"the sign flipped", plant_sign},
    {"scaled by 1.01", plant_one_percent},
    {"all zero", plant_zero},
    {"one element zero", plant_zero_element},
    {"the sign of one element flipped", plant_sign_of_element},
    {"a NaN", plant_nan},
    {"an infinity", plant_infinity},
};

enum { REFUSALS_LIMIT = 200 }; /* numbers: each planted error costs a whole comparison */

static void expect_refusals(operator_case *c)
{
    if (case_inputs_count(c) > REFUSALS_LIMIT)
        return;
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++)
        if (gradient_check(&c->problem, c->problem.backward, plants[i].plant, false) != GRADIENT_DIFFERS)
            fail_msg("%s: a gradient with %s was accepted", c->name, plants[i].name);
}

static void test_planted_errors_are_refused(void **state)
{
    (void)state;
    for_each_case(expect_refusals);
}

/* Whether the mistake of this operator shows at this size: there are several examples (so that "all but the
 * last" is not nothing), and several tokens (a softmax over one has no gradient to lose). */
static bool mistake_shows(const operator_case *c)
{
    return can_difference(c) && c->spec->b >= 2 && c->problem.count[0] >= 4;
}

static void expect_mistake_refused(operator_case *c)
{
    if (mistake_shows(c) &&
        gradient_check(&c->problem, c->spec->row->mistaken, NULL, false) != GRADIENT_DIFFERS)
        fail_msg("%s: a backward with a missing or misplaced term was accepted", c->name);
}

static void test_missing_terms_are_refused(void **state)
{
    (void)state;
    for_each_case(expect_mistake_refused);
}

/* No operator with gradients is without a size that differences can check and at which its mistake shows. */
static bool size_is_checked(const operator_spec *spec)
{
    operator_case *c = case_create(spec, 1);
    const bool checked = mistake_shows(c) && case_inputs_count(c) <= REFUSALS_LIMIT;
    case_destroy(c);
    return checked;
}

static void test_every_operator_is_checked(void **state)
{
    (void)state;
    int count;
    const operator_spec *specs = operator_specs(&count);
    for (int i = 0; i < count; i++) {
        bool checked = specs[i].row->differentiable == 0;
        for (int j = 0; j < count && !checked; j++)
            checked = specs[j].row == specs[i].row && size_is_checked(&specs[j]);
        if (!checked)
            fail_msg("%s: no size for differences", specs[i].row->name);
    }
}

/* A function that does not depend on its input agrees with a zero gradient, and proves nothing. */
static void constant_forward(problem *p)
{
    p->output[0] = 3;
}

static void constant_backward(problem *p)
{
    p->gradient[0][0] = p->gradient[0][1] = 0;
}

static void test_trivial_gradient_is_refused(void **state)
{
    (void)state;
    double input[2] = {1, 2}, gradient[2], output[1], upstream[1] = {1};
    problem p = {.name = "constant",
                 .inputs = 1,
                 .differentiable = 1,
                 .count = {2},
                 .output_count = 1,
                 .input = {input},
                 .gradient = {gradient},
                 .output = output,
                 .upstream = upstream,
                 .forward = constant_forward,
                 .backward = constant_backward};
    assert_int_equal(gradient_check(&p, p.backward, NULL, false), GRADIENT_TRIVIAL);
}

/* ---- the comparisons themselves ---- */

static void test_near_double(void **state)
{
    (void)state;
    const double want[3] = {1, -2, 0};
    const double close[3] = {1 + 1e-8, -2, 1e-8}, sign[3] = {1, 2, 0}, not_a_number[3] = {1, (double)NAN, 0};
    assert_true(near_double("close", close, want, 3, 1e-7, 0, false));
    assert_false(near_double("sign", sign, want, 3, 1e-7, 1e-7, false));
    assert_false(near_double("nan", not_a_number, want, 3, 1e-7, 1e-7, false));
    assert_false(near_double("nan wanted", want, not_a_number, 3, 1e-7, 1e-7, false));
    assert_false(near_double("nan first", not_a_number + 1, want, 2, 1e9, 0, false));
}

static void test_near_float(void **state)
{
    (void)state;
    const double want[3] = {1, -2, 0};
    const float right[3] = {1, -2, 0}, off[3] = {1, -2, 2e-6f}, not_a_number[3] = {NAN, -2, 0};
    assert_true(near_float("right", right, want, 3, 1, 0, false));
    assert_true(near_float("8 ulp of 2", off, want, 3, 9, 0, false));
    assert_false(near_float("8 ulp of 2", off, want, 3, 7, 0, false));
    assert_false(near_float("nan", not_a_number, want, 3, 1e9, 0, false));
}

static void test_same_bits(void **state)
{
    (void)state;
    const float a[2] = {1, 0.0f}, b[2] = {1, -0.0f};
    assert_true(same_bits("same", a, a, 2, false));
    assert_false(same_bits("the sign of zero", a, b, 2, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backward_agrees_with_differences),
        cmocka_unit_test(test_planted_errors_are_refused),
        cmocka_unit_test(test_missing_terms_are_refused),
        cmocka_unit_test(test_every_operator_is_checked),
        cmocka_unit_test(test_trivial_gradient_is_refused),
        cmocka_unit_test(test_near_double),
        cmocka_unit_test(test_near_float),
        cmocka_unit_test(test_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
