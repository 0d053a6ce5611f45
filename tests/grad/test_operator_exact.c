/* Operators where the answer is known without a reference: small whole numbers (f32 sums of them are exact),
 * analytic values of the losses, and the edges: no rows, rows without length, one of a thing. */
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

/* ---- whole numbers ---- */

static void whole_inputs(operator_case *c)
{
    for (int i = 0; i < c->problem.inputs; i++)
        fill_whole(c->problem.input[i], c->problem.count[i], 70 + (uint64_t)i, 8);
    fill_whole(c->problem.upstream, c->problem.output_count, 80, 8);
    c->problem.forward(&c->problem);
    c->problem.backward(&c->problem);
}

static bool is_exact(const float *got, const double *want, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!((double)got[i] == want[i]))
            return false;
    return true;
}

static void check_exact(const operator_spec *spec)
{
    operator_case *c = case_create(spec, 1);
    whole_inputs(c);
    run_result result = case_run(&rig, c, (run_options){.passes = 1});
    if (!is_exact(result.output, c->problem.output, c->problem.output_count))
        fail_msg("%s: output is not exact", c->name);
    for (int i = 0; i < c->problem.differentiable; i++)
        if (!is_exact(result.gradient[i], c->problem.gradient[i], c->problem.count[i]))
            fail_msg("%s: gradient of input %d is not exact", c->name, i);
    result_destroy(&result);
    case_destroy(c);
}

static bool keeps_whole_numbers(const operator_row *row)
{
    const operator_row *exact[] = {&row_linear,         &row_linear_bias, &row_add,        &row_add_rows,
                                   &row_add_rows_index, &row_gather_rows, &row_prepend,    &row_scatter_rows,
                                   &row_relu,           &row_take_token,  &row_embed_rows, &row_take_last};
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        if (row == exact[i])
            return true;
    return false;
}

static void test_whole_numbers_are_exact(void **state)
{
    (void)state;
    int count, checked = 0;
    const operator_spec *specs = operator_specs(&count);
    for (int i = 0; i < count; i++)
        if (keeps_whole_numbers(specs[i].row)) {
            check_exact(&specs[i]);
            checked++;
        }
    assert_true(checked > 25);
}

/* ---- cross-entropy ---- */

typedef struct contrast {
    int64_t rows, width;
    float *z;
    int32_t *target, *self;
} contrast;

/* `rows` embeddings: all the same, of unit length. Row i pairs with row i + rows/2. */
static contrast contrast_create(int64_t rows, int64_t width)
{
    contrast c = {rows, width, malloc((size_t)(rows * width) * sizeof(float)),
                  malloc((size_t)rows * sizeof(int32_t)), malloc((size_t)rows * sizeof(int32_t))};
    assert_non_null(c.z);
    assert_non_null(c.target);
    assert_non_null(c.self);
    for (int64_t i = 0; i < rows * width; i++)
        c.z[i] = (float)(1 / sqrt((double)width));
    for (int64_t i = 0; i < rows; i++) {
        c.target[i] = (int32_t)((i + rows / 2) % rows);
        c.self[i] = (int32_t)i;
    }
    return c;
}

static void contrast_destroy(contrast *c)
{
    free(c->z);
    free(c->target);
    free(c->self);
}

/* The loss; *z is the value of the embeddings. */
static value nt_xent(const contrast *c, float temperature, value *z)
{
    tape_reset(rig.tape, TAPE_TRAINING);
    const tensor embeddings = tensor_of(DTYPE_F32, shape_2(c->rows, c->width), c->z);
    const tensor target = tensor_of(DTYPE_I32, shape_1(c->rows), c->target);
    const tensor self = tensor_of(DTYPE_I32, shape_1(c->rows), c->self);
    *z = tape_input(rig.tape, &embeddings, true);
    const value loss = op_cross_entropy(rig.tape, *z, *z, tape_constant(rig.tape, &target),
                                        tape_constant(rig.tape, &self), temperature);
    assert_ok(rig.context, tape_status(rig.tape));
    return loss;
}

/* All 2N embeddings alike: each of the other 2N-1 is as likely, and there is nowhere to go along the sphere.
 */
static void test_identical_embeddings(void **state)
{
    (void)state;
    const int64_t rows[] = {2, 6, 128, 130, 256, 258, 1400};
    const float temperatures[] = {0.05f, 0.5f, 1.0f};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof temperatures / sizeof *temperatures; j++) {
            contrast c = contrast_create(rows[i], 16);
            value z;
            const value loss = nt_xent(&c, temperatures[j], &z);
            const double want = log((double)(rows[i] - 1));
            assert_near((double)tape_f32(rig.tape, loss)[0], want, 1e-6, 1e-6);
            contrast_destroy(&c);
        }
}

/* Temperature 0.05 and lower: exp(1 / temperature) alone would overflow below 0.0113. */
static void test_low_temperature_does_not_overflow(void **state)
{
    (void)state;
    const float temperatures[] = {0.05f, 0.01f, 0.002f};
    contrast c = contrast_create(700, 8);
    double numbers[700 * 8], *dz = ref_alloc(700 * 8), *dkeys = ref_alloc(700 * 8),
                             *unit = ref_alloc(700 * 8);
    fill_normal(numbers, 700 * 8, 5, 1);
    ref_l2_normalize(700, 8, numbers, unit);
    copy_to_float(c.z, unit, 700 * 8);
    for (int64_t i = 0; i < 700 * 8; i++)
        unit[i] = (double)c.z[i];
    for (size_t j = 0; j < sizeof temperatures / sizeof *temperatures; j++) {
        value z;
        const value loss = nt_xent(&c, temperatures[j], &z);
        const ref_contrast r = {700, 700, 8, c.target, c.self, (double)temperatures[j]};
        assert_near((double)tape_f32(rig.tape, loss)[0], ref_cross_entropy(&r, unit, unit), 0, 1e-5);
        assert_ok(rig.context, tape_backward(rig.tape, loss, NULL, 1.0f));
        ref_cross_entropy_backward(&r, unit, unit, 1, dz, dkeys);
        for (int64_t i = 0; i < 700 * 8; i++)
            dz[i] += dkeys[i];
        /* Logits of 1 / temperature carry an error of that many units of the last place. */
        assert_true(near_float("gradient", tape_gradient(rig.tape, z), dz, 700 * 8,
                               8.0 / (double)temperatures[j], 0, true));
    }
    free(dz);
    free(dkeys);
    free(unit);
    contrast_destroy(&c);
}

/* Pairs alike, all others orthogonal or opposite: the loss is what the formula says, whatever the row. */
static void test_two_directions(void **state)
{
    (void)state;
    contrast c = contrast_create(4, 2);
    const float z[8] = {1, 0, 0, 1, 1, 0, 0, 1};
    memcpy(c.z, z, sizeof z);
    value v;
    const value loss = nt_xent(&c, 0.5f, &v);
    assert_near((double)tape_f32(rig.tape, loss)[0], log(exp(2) + 2) - 2, 1e-6, 0);
    contrast_destroy(&c);
}

/* ---- edges ---- */

/* A batch of nothing has outputs of nothing, and zeros for the gradients of parameters. */
static void test_no_rows(void **state)
{
    (void)state;
    float nothing[1] = {0}, block[12] = {0}, gradients[12];
    bool written[2] = {false, false};
    for (int i = 0; i < 12; i++)
        gradients[i] = NAN;
    const tensor parameters[2] = {tensor_of(DTYPE_F32, shape_2(2, 5), block),
                                  tensor_of(DTYPE_F32, shape_1(2), block + 10)};
    assert_ok(rig.context, tape_bind(rig.tape, parameters, 2, block));
    tape_bind_gradients(rig.tape, gradients, written);
    tape_reset(rig.tape, TAPE_TRAINING);
    const tensor x = tensor_of(DTYPE_F32, shape_3(0, 4, 5), nothing);
    const value y =
        op_gelu(rig.tape, op_linear(rig.tape, tape_input(rig.tape, &x, true), (value){1}, (value){2}));
    assert_ok(rig.context, tape_status(rig.tape));
    assert_true(shape_equal(tape_tensor(rig.tape, y)->shape, shape_3(0, 4, 2)));
    assert_ok(rig.context, tape_backward(rig.tape, y, NULL, 1.0f));
    for (int i = 0; i < 12; i++)
        assert_true(gradients[i] == 0.0f);
    tape_bind_gradients(rig.tape, NULL, NULL);
    assert_ok(rig.context, tape_bind(rig.tape, NULL, 0, NULL));
}

/* A row of zeros has no direction: it stays zero, and its gradient is finite. */
static void test_row_without_length(void **state)
{
    (void)state;
    float numbers[8] = {0, 0, 0, 0, 3, 0, 4, 0};
    tape_reset(rig.tape, TAPE_TRAINING);
    const tensor x = tensor_of(DTYPE_F32, shape_2(2, 4), numbers);
    const value in = tape_input(rig.tape, &x, true), y = op_l2_normalize(rig.tape, in);
    const double want[8] = {0, 0, 0, 0, 0.6, 0, 0.8, 0};
    assert_ok(rig.context, tape_status(rig.tape));
    assert_true(near_float("unit rows", tape_f32(rig.tape, y), want, 8, 2, 0, true));
    assert_ok(rig.context, tape_backward(rig.tape, y, NULL, 1.0f));
    for (int i = 0; i < 8; i++)
        assert_true(isfinite(tape_gradient(rig.tape, in)[i]));
}

/* A column that never varies, and one far from zero: variance 0 and a mean that dwarfs the deviation. */
static void test_batch_norm_of_hard_columns(void **state)
{
    (void)state;
    enum { ROWS = 300 };
    float numbers[ROWS * 2];
    double wide[ROWS * 2], want[ROWS * 2];
    for (int i = 0; i < ROWS; i++) {
        numbers[2 * i] = 7.0f;
        numbers[2 * i + 1] = 4096.0f + (float)(i % 5) * 0.25f;
        wide[2 * i] = (double)numbers[2 * i];
        wide[2 * i + 1] = (double)numbers[2 * i + 1];
    }
    ref_batch_norm(ROWS, 2, wide, NULL, NULL, want);
    tape_reset(rig.tape, TAPE_TRAINING);
    const tensor x = tensor_of(DTYPE_F32, shape_2(ROWS, 2), numbers);
    const value y = op_batch_norm(rig.tape, tape_input(rig.tape, &x, true), (value){0}, (value){0});
    assert_ok(rig.context, tape_status(rig.tape));
    /* The mean itself is known to half a unit of the last place of 4096, 2.4e-4 of 0.35. */
    assert_true(near_float("hard columns", tape_f32(rig.tape, y), want, ROWS * 2, 8192, 0, true));
    for (int i = 0; i < ROWS; i++)
        assert_true(tape_f32(rig.tape, y)[2 * i] == 0.0f);
}

/* GELU far out: 0 on one side and x on the other, no NaN between. */
static void test_gelu_tails(void **state)
{
    (void)state;
    float numbers[6] = {-1e30f, -40.0f, -9.0f, 9.0f, 40.0f, 1e30f};
    const double want[6] = {0, 0, 0, 9, 40, 1e30};
    tape_reset(rig.tape, TAPE_TRAINING);
    const tensor x = tensor_of(DTYPE_F32, shape_1(6), numbers);
    const value in = tape_input(rig.tape, &x, true), y = op_gelu(rig.tape, in);
    for (int i = 0; i < 6; i++)
        assert_near((double)tape_f32(rig.tape, y)[i], want[i], 2e-6, 1e-6);
    assert_ok(rig.context, tape_backward(rig.tape, y, NULL, 1.0f));
    for (int i = 0; i < 6; i++)
        assert_near((double)tape_gradient(rig.tape, in)[i], i < 3 ? 0 : 1, 1e-6, 0);
}

/* The promise of op_gelu, over the range where Phi is neither 0 nor 1 and somewhat beyond. */
static void test_gelu_accuracy(void **state)
{
    (void)state;
    enum { COUNT = 4001 };
    float numbers[COUNT];
    for (int i = 0; i < COUNT; i++)
        numbers[i] = (float)(i - COUNT / 2) * 0.004f;
    tape_reset(rig.tape, TAPE_INFERENCE);
    const tensor x = tensor_of(DTYPE_F32, shape_1(COUNT), numbers);
    const value y = op_gelu(rig.tape, tape_input(rig.tape, &x, false));
    for (int i = 0; i < COUNT; i++) {
        double exact, in = (double)numbers[i];
        ref_gelu(1, &in, &exact);
        assert_near((double)tape_f32(rig.tape, y)[i], exact, 2.5e-7 * fmax(1, fabs(in)), 0);
    }
}

/* NaN in, NaN out: no maximum or comparison swallows it. */
static void test_nan_is_not_swallowed(void **state)
{
    (void)state;
    const operator_row *rows[] = {&row_linear,        &row_layer_norm, &row_gelu,
                                  &row_attention,     &row_batch_norm, &row_add,
                                  &row_l2_normalize,  &row_relu,       &row_mean_square_error,
                                  &row_cross_entropy, &row_info_nce};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const operator_spec spec = {rows[i], 4, 1, 4, 2, false};
        operator_case *c = case_create(&spec, 3);
        c->problem.input[0][1] = (double)NAN;
        run_result result = case_run(&rig, c, (run_options){.inference = true});
        bool seen = false;
        for (int64_t at = 0; at < c->problem.output_count; at++)
            seen |= isnan(result.output[at]);
        if (!seen)
            fail_msg("%s: NaN was swallowed", c->name);
        result_destroy(&result);
        case_destroy(c);
    }
}

/* ---- losses by dimension ---- */

/* Rows of a Hadamard matrix without its first column: three columns of mean 0 and variance 1, which do not
 * correlate. */
static const float whitened[4 * 3] = {1, 1, 1, -1, 1, -1, 1, -1, -1, -1, -1, 1};

static tensor rows_of_three(const float *numbers, int64_t rows)
{
    return tensor_of(DTYPE_F32, shape_2(rows, 3), (void *)(uintptr_t)numbers);
}

/* Two views of the same whitened numbers are as redundancy reduction wants them: loss and gradient are 0.
 * With one of them negated, each C_ii is -1. */
static void test_redundancy_of_whitened_views(void **state)
{
    (void)state;
    float negative[4 * 3];
    for (int i = 0; i < 12; i++)
        negative[i] = -whitened[i];
    for (int turn = 0; turn < 2; turn++) {
        const tensor a = rows_of_three(whitened, 4), b = rows_of_three(turn ? negative : whitened, 4);
        tape_reset(rig.tape, TAPE_TRAINING);
        const value x = tape_input(rig.tape, &a, true);
        const value loss = op_redundancy(rig.tape, x, tape_input(rig.tape, &b, true), 0.5f);
        assert_ok(rig.context, tape_status(rig.tape));
        assert_true(*tape_f32(rig.tape, loss) == (turn ? 12.0f : 0.0f));
        assert_ok(rig.context, tape_backward(rig.tape, loss, NULL, 1.0f));
        for (int i = 0; i < 12; i++)
            assert_true(tape_gradient(rig.tape, x)[i] == (turn ? whitened[i] : 0.0f));
    }
}

/* One column twice: C is all ones where the columns meet, so that only the weighted terms are left. */
static void test_redundancy_of_equal_columns(void **state)
{
    (void)state;
    const float twice[4 * 3] = {1, 1, 1, -1, -1, -1, 1, 1, 1, -1, -1, -1};
    const tensor a = rows_of_three(twice, 4);
    tape_reset(rig.tape, TAPE_TRAINING);
    const value loss =
        op_redundancy(rig.tape, tape_input(rig.tape, &a, true), tape_input(rig.tape, &a, true), 0.25f);
    assert_ok(rig.context, tape_status(rig.tape));
    assert_true(*tape_f32(rig.tape, loss) == 6 * 0.25f);
}

static float vicreg_of(const float *one, const float *two, int64_t rows, vicreg_weights w)
{
    const tensor a = rows_of_three(one, rows), b = rows_of_three(two, rows);
    tape_reset(rig.tape, TAPE_INFERENCE);
    const value loss = op_vicreg(rig.tape, tape_input(rig.tape, &a, true), tape_input(rig.tape, &b, true), w);
    assert_ok(rig.context, tape_status(rig.tape));
    return *tape_f32(rig.tape, loss);
}

/* All rows alike: no distance, no covariance, and each half of the variance term is (1 - sqrt(1e-4)) / 2.
 * With the whitened numbers, of unbiased variance 4/3, variance and covariance are 0; against their negation
 * the distance is 4. */
static void test_vicreg_terms(void **state)
{
    (void)state;
    const vicreg_weights invariance = {1, 0, 0}, variance = {0, 1, 0}, covariance = {0, 0, 1};
    float constant[5 * 3], negative[4 * 3];
    for (int i = 0; i < 15; i++)
        constant[i] = 0.5f + (float)(i % 3);
    for (int i = 0; i < 12; i++)
        negative[i] = -whitened[i];
    assert_true(vicreg_of(constant, constant, 5, invariance) == 0.0f);
    assert_true(vicreg_of(constant, constant, 5, covariance) == 0.0f);
    assert_near((double)vicreg_of(constant, constant, 5, variance), 1 - sqrt(1e-4), 1e-7, 0);
    assert_near((double)vicreg_of(constant, whitened, 4, variance), (1 - sqrt(1e-4)) / 2, 1e-7, 0);
    assert_true(vicreg_of(whitened, negative, 4, invariance) == 4.0f);
    assert_true(vicreg_of(whitened, negative, 4, variance) == 0.0f);
    assert_true(vicreg_of(whitened, negative, 4, covariance) == 0.0f);
}

/* The statistics of views are apart: of two views that differ by a shift and a scale only, batch norm makes
 * the same; together they are not. */
static void test_batch_norm_of_views(void **state)
{
    (void)state;
    const value none = {0};
    float both[8 * 3];
    for (int r = 0; r < 4; r++)
        for (int i = 0; i < 3; i++) {
            both[(2 * r) * 3 + i] = whitened[r * 3 + i];
            both[(2 * r + 1) * 3 + i] = 8.0f * whitened[r * 3 + i] + 100.0f;
        }
    const tensor x = rows_of_three(both, 8);
    tape_reset(rig.tape, TAPE_INFERENCE);
    const value input = tape_input(rig.tape, &x, false);
    const float *apart = tape_f32(rig.tape, op_batch_norm_views(rig.tape, input, none, none, 2));
    const float *together = tape_f32(rig.tape, op_batch_norm(rig.tape, input, none, none));
    assert_ok(rig.context, tape_status(rig.tape));
    for (int i = 0; i < 24; i++) {
        const double want = (double)whitened[i / 6 * 3 + i % 3];
        assert_near((double)apart[i], want, 1e-5, 0);
        assert_true(fabs((double)together[i] - want) > 1e-2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers_are_exact),
        cmocka_unit_test(test_identical_embeddings),
        cmocka_unit_test(test_low_temperature_does_not_overflow),
        cmocka_unit_test(test_two_directions),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_row_without_length),
        cmocka_unit_test(test_batch_norm_of_hard_columns),
        cmocka_unit_test(test_gelu_tails),
        cmocka_unit_test(test_gelu_accuracy),
        cmocka_unit_test(test_nan_is_not_swallowed),
        cmocka_unit_test(test_redundancy_of_whitened_views),
        cmocka_unit_test(test_redundancy_of_equal_columns),
        cmocka_unit_test(test_vicreg_terms),
        cmocka_unit_test(test_batch_norm_of_views),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
