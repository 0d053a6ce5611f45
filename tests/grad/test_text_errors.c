/* What the operators of models of text refuse; as test_operator_errors.c for all others. */
#include "support.h"

#include "grad/case_run.h"

static tape_rig rig;
static float numbers[4096];
static int32_t whole[64];

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

/* Zeros of a shape, as an input that wants a gradient. */
static value input(shape s)
{
    const tensor x = tensor_of(DTYPE_F32, s, numbers);
    return tape_input(rig.tape, &x, true);
}

static value index_value(shape s)
{
    const tensor x = tensor_of(DTYPE_I32, s, whole);
    return tape_constant(rig.tape, &x);
}

static void begin(void)
{
    context_begin(rig.context);
    tape_reset(rig.tape, TAPE_TRAINING);
    memset(whole, 0, sizeof whole);
}

/* The tape has failed with `expected`, and the message holds both parts. */
static void expect_refused(value v, tacit_status expected, const char *first, const char *second)
{
    assert_int_equal(v.id, 0);
    assert_fails(rig.context, tape_status(rig.tape), expected, first);
    assert_fails(rig.context, tape_status(rig.tape), expected, second);
    begin();
}

static void test_embed_rows(void **state)
{
    (void)state;
    const shape ids = shape_2(2, 3), table = shape_2(5, 4);
    begin();
    expect_refused(op_embed_rows(rig.tape, index_value(shape_1(6)), input(table)), TACIT_SHAPE, "ids (B, T)",
                   "(6)");
    expect_refused(op_embed_rows(rig.tape, index_value(ids), input(shape_1(4))), TACIT_SHAPE, "(2, 3)",
                   "(4)");
    expect_refused(op_embed_rows(rig.tape, input(ids), input(table)), TACIT_SHAPE, "embed rows", "(2, 3)");
    whole[4] = 5;
    expect_refused(op_embed_rows(rig.tape, index_value(ids), input(table)), TACIT_ARGUMENT, "id 5", "5 rows");
    whole[4] = -2;
    expect_refused(op_embed_rows(rig.tape, index_value(ids), input(table)), TACIT_ARGUMENT, "id -2",
                   "5 rows");
}

static value masked(shape qkv, int heads, shape lengths)
{
    return op_attention_masked(rig.tape, input(qkv), heads, true,
                               lengths.rank ? index_value(lengths) : (value){0});
}

static void test_attention_masked(void **state)
{
    (void)state;
    const shape qkv = shape_3(2, 3, 12), two = shape_1(2), none = {0};
    begin();
    expect_refused(masked(shape_2(3, 12), 2, none), TACIT_SHAPE, "(3, 12)", "2 heads");
    expect_refused(masked(qkv, 3, none), TACIT_SHAPE, "(2, 3, 12)", "3 heads");
    expect_refused(masked(qkv, 0, none), TACIT_SHAPE, "(2, 3, 12)", "0 heads");
    expect_refused(masked(qkv, -1, none), TACIT_SHAPE, "(2, 3, 12)", "-1 heads");
    expect_refused(masked(shape_3(2, 0, 12), 1, none), TACIT_SHAPE, "(2, 0, 12)", "1 heads");
    expect_refused(masked(shape_3(2, 3, 0), 1, none), TACIT_SHAPE, "(2, 3, 0)", "1 heads");
    expect_refused(masked(qkv, 2, shape_1(3)), TACIT_SHAPE, "lengths of 2", "(3)");
    expect_refused(masked(qkv, 2, shape_2(2, 1)), TACIT_SHAPE, "lengths of 2", "(2, 1)");
    expect_refused(op_attention_masked(rig.tape, input(qkv), 2, false, input(two)), TACIT_SHAPE,
                   "lengths of 2", "(2)");
    whole[1] = 4;
    expect_refused(masked(qkv, 2, two), TACIT_ARGUMENT, "length 4", "3 tokens");
    whole[1] = -1;
    expect_refused(masked(qkv, 2, two), TACIT_ARGUMENT, "length -1", "3 tokens");
}

static void test_lengths_of_tokens(void **state)
{
    (void)state;
    const shape x = shape_3(2, 3, 5), two = shape_1(2);
    begin();
    expect_refused(op_mean_valid(rig.tape, input(shape_2(2, 5)), index_value(two)), TACIT_SHAPE, "mean valid",
                   "(2, 5)");
    expect_refused(op_take_last(rig.tape, input(shape_2(2, 5)), index_value(two)), TACIT_SHAPE, "take last",
                   "(2, 5)");
    expect_refused(op_mean_valid(rig.tape, input(x), index_value(shape_1(3))), TACIT_SHAPE, "mean valid",
                   "lengths of 2");
    expect_refused(op_take_last(rig.tape, input(x), input(two)), TACIT_SHAPE, "take last", "lengths of 2");
    whole[0] = 4;
    expect_refused(op_mean_valid(rig.tape, input(x), index_value(two)), TACIT_ARGUMENT,
                   "mean valid: length 4", "3 tokens");
    whole[0] = -1;
    expect_refused(op_take_last(rig.tape, input(x), index_value(two)), TACIT_ARGUMENT, "take last: length -1",
                   "3 tokens");
}

static const int64_t examples[2] = {4, 9};

static value dropped(shape x, float rate, int64_t views)
{
    tape_set_noise(rig.tape, &(tape_noise){1, 0, examples, 2, views});
    const value y = op_dropout(rig.tape, input(x), rate);
    tape_set_noise(rig.tape, NULL);
    return y;
}

static void test_dropout(void **state)
{
    (void)state;
    const shape x = shape_3(4, 3, 5);
    const int64_t large = INT64_C(1) << 26;
    begin();
    expect_refused(dropped(x, -0.1f, 2), TACIT_ARGUMENT, "dropout", "rate -0.1");
    expect_refused(dropped(x, 1.0f, 2), TACIT_ARGUMENT, "dropout", "rate 1");
    expect_refused(dropped(x, NAN, 2), TACIT_ARGUMENT, "dropout", "rate nan");
    expect_refused(dropped(x, 0.5f, 3), TACIT_SHAPE, "(4, 3, 5)", "2 examples with 3 views");
    expect_refused(dropped(x, 0.5f, 0), TACIT_SHAPE, "(4, 3, 5)", "0 views");
    expect_refused(dropped(x, 0.5f, 257), TACIT_SHAPE, "(4, 3, 5)", "257 views");
    expect_refused(dropped(shape_2(2, large), 0.5f, 1), TACIT_UNSUPPORTED, "67108864 numbers", "operator 0");
}

/* As many operators of a lane can draw as there are counters for them. */
static void test_too_many_dropouts(void **state)
{
    (void)state;
    begin();
    tape_set_noise(rig.tape, &(tape_noise){1, 0, examples, 2, 1});
    value x = input(shape_2(2, 3));
    for (int i = 0; i < 1024; i++)
        x = op_dropout(rig.tape, x, 0.5f);
    assert_ok(rig.context, tape_status(rig.tape));
    expect_refused(op_dropout(rig.tape, x, 0.5f), TACIT_UNSUPPORTED, "3 numbers", "operator 1024");
    tape_set_noise(rig.tape, NULL);
}

static void test_rotary(void **state)
{
    (void)state;
    begin();
    expect_refused(op_rotary(rig.tape, input(shape_2(3, 12)), 2, 1e4f), TACIT_SHAPE, "(3, 12)", "2 heads");
    expect_refused(op_rotary(rig.tape, input(shape_3(2, 3, 12)), 4, 1e4f), TACIT_SHAPE, "(2, 3, 12)",
                   "even size");
    expect_refused(op_rotary(rig.tape, input(shape_3(2, 3, 12)), 0, 1e4f), TACIT_SHAPE, "rotary", "0 heads");
    expect_refused(op_rotary(rig.tape, input(shape_3(2, 3, 0)), 1, 1e4f), TACIT_SHAPE, "rotary", "(2, 3, 0)");
    expect_refused(op_rotary(rig.tape, input(shape_3(2, 3, 12)), 2, 0.0f), TACIT_ARGUMENT, "rotary",
                   "base 0");
    expect_refused(op_rotary(rig.tape, input(shape_3(2, 3, 12)), 2, NAN), TACIT_ARGUMENT, "rotary",
                   "base nan");
}

static void test_layer_norm_eps(void **state)
{
    (void)state;
    const shape x = shape_2(3, 5), row = shape_1(5);
    begin();
    expect_refused(op_layer_norm_eps(rig.tape, input(x), input(shape_1(4)), input(row), 1e-5f), TACIT_SHAPE,
                   "(3, 5)", "(4)");
    expect_refused(op_layer_norm_eps(rig.tape, input(x), input(row), input(row), 0.0f), TACIT_ARGUMENT,
                   "layer norm", "epsilon 0");
    expect_refused(op_layer_norm_eps(rig.tape, input(x), input(row), input(row), NAN), TACIT_ARGUMENT,
                   "layer norm", "epsilon nan");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embed_rows),     cmocka_unit_test(test_attention_masked),
        cmocka_unit_test(test_rotary),         cmocka_unit_test(test_lengths_of_tokens),
        cmocka_unit_test(test_dropout),        cmocka_unit_test(test_too_many_dropouts),
        cmocka_unit_test(test_layer_norm_eps),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
