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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embed_rows),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
