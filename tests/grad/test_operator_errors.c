/* What operators refuse: values that do not exist, shapes that do not fit, numbers out of range. Each gives
 * the invalid value and a sentence; the tape's failure is sticky until the reset. */
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
    for (int i = 0; i < 64; i++)
        whole[i] = 0;
}

/* The tape has failed with `expected`, and the message holds all parts (NULL: none). */
static void expect_refused(value v, tacit_status expected, const char *first, const char *second)
{
    assert_int_equal(v.id, 0);
    assert_fails(rig.context, tape_status(rig.tape), expected, first);
    if (second)
        assert_fails(rig.context, tape_status(rig.tape), expected, second);
    assert_int_equal(op_gelu(rig.tape, input(shape_1(3))).id, 0);
    assert_int_equal(tape_status(rig.tape), expected);
    begin();
}

static void test_shapes_of_layers(void **state)
{
    (void)state;
    const value none = {0};
    begin();
    expect_refused(op_linear(rig.tape, input(shape_2(3, 5)), input(shape_2(7, 4)), none), TACIT_SHAPE,
                   "(3, 5)", "(7, 4)");
    expect_refused(op_linear(rig.tape, input(shape_2(3, 5)), input(shape_1(5)), none), TACIT_SHAPE, "(3, 5)",
                   "(5)");
    expect_refused(op_linear(rig.tape, input(shape_2(3, 5)), input(shape_2(7, 5)), input(shape_1(5))),
                   TACIT_SHAPE, "(7, 5)", "(5)");
    const value square = input(shape_2(5, 5));
    expect_refused(op_linear(rig.tape, square, square, none), TACIT_ARGUMENT, "weights", NULL);
    const value row = input(shape_1(5));
    expect_refused(op_linear(rig.tape, row, input(shape_2(5, 5)), row), TACIT_ARGUMENT, "bias", NULL);
    expect_refused(op_layer_norm(rig.tape, input(shape_2(3, 5)), input(shape_1(4)), input(shape_1(4))),
                   TACIT_SHAPE, "(3, 5)", "(4)");
    expect_refused(op_layer_norm(rig.tape, input(shape_2(3, 5)), input(shape_1(5)), input(shape_1(6))),
                   TACIT_SHAPE, "(3, 5)", "(6)");
    expect_refused(op_scale(rig.tape, input(shape_3(2, 3, 5)), input(shape_1(3))), TACIT_SHAPE, "(2, 3, 5)",
                   "gain (3)");
    expect_refused(op_batch_norm(rig.tape, input(shape_2(3, 5)), input(shape_1(4)), none), TACIT_SHAPE,
                   "(3, 5)", "(4)");
    expect_refused(op_batch_norm(rig.tape, input(shape_2(3, 5)), none, input(shape_1(6))), TACIT_SHAPE,
                   "(3, 5)", "(6)");
    expect_refused(op_batch_norm(rig.tape, input(shape_2(1, 5)), none, none), TACIT_SHAPE, "(1, 5)",
                   "two rows");
    expect_refused(op_batch_norm(rig.tape, input(shape_3(2, 3, 5)), none, none), TACIT_SHAPE, "(2, 3, 5)",
                   NULL);
    expect_refused(op_batch_norm_views(rig.tape, input(shape_2(5, 5)), none, none, 2), TACIT_SHAPE, "(5, 5)",
                   "2 views");
    expect_refused(op_batch_norm_views(rig.tape, input(shape_2(2, 5)), none, none, 2), TACIT_SHAPE, "(2, 5)",
                   "two rows");
    expect_refused(op_batch_norm_views(rig.tape, input(shape_2(4, 5)), none, none, 0), TACIT_SHAPE, "(4, 5)",
                   "0 views");
    expect_refused(op_normalize_rows(rig.tape, input(shape_2(5, 1))), TACIT_SHAPE, "(5, 1)", NULL);
    expect_refused(op_add(rig.tape, input(shape_2(3, 5)), input(shape_2(5, 3))), TACIT_SHAPE, "(3, 5)",
                   "(5, 3)");
    expect_refused(op_add(rig.tape, input(shape_2(3, 5)), input(shape_1(15))), TACIT_SHAPE, "(3, 5)", "(15)");
    expect_refused(op_reshape(rig.tape, input(shape_2(3, 5)), shape_1(14)), TACIT_SHAPE, "(3, 5)", "(14)");
}

static void test_shapes_of_attention(void **state)
{
    (void)state;
    begin();
    expect_refused(op_attention(rig.tape, input(shape_2(3, 12)), 2), TACIT_SHAPE, "(3, 12)", "2 heads");
    expect_refused(op_attention(rig.tape, input(shape_3(2, 3, 12)), 3), TACIT_SHAPE, "(2, 3, 12)", "3 heads");
    expect_refused(op_attention(rig.tape, input(shape_3(2, 3, 13)), 1), TACIT_SHAPE, "(2, 3, 13)", NULL);
    expect_refused(op_attention(rig.tape, input(shape_3(2, 3, 12)), 0), TACIT_SHAPE, "(2, 3, 12)", NULL);
    expect_refused(op_attention(rig.tape, input(shape_3(2, 3, 12)), -1), TACIT_SHAPE, "(2, 3, 12)", NULL);
    expect_refused(op_attention(rig.tape, input(shape_3(2, 0, 12)), 2), TACIT_SHAPE, "(2, 0, 12)", NULL);
    expect_refused(op_attention(rig.tape, input(shape_3(2, 3, 0)), 2), TACIT_SHAPE, "(2, 3, 0)", NULL);
}

static void test_shapes_of_rows(void **state)
{
    (void)state;
    const value none = {0};
    begin();
    expect_refused(op_add_rows(rig.tape, input(shape_3(2, 3, 5)), input(shape_2(2, 5)), none), TACIT_SHAPE,
                   "(2, 5)", "3");
    expect_refused(op_add_rows(rig.tape, input(shape_3(2, 3, 5)), input(shape_2(3, 6)), none), TACIT_SHAPE,
                   "(3, 6)", "5");
    expect_refused(
        op_add_rows(rig.tape, input(shape_3(2, 3, 5)), input(shape_2(4, 5)), index_value(shape_2(2, 4))),
        TACIT_SHAPE, "(4, 5)", NULL);
    expect_refused(op_add_rows(rig.tape, input(shape_3(2, 3, 5)), input(shape_1(5)), none), TACIT_SHAPE,
                   "(5)", NULL);
    expect_refused(op_prepend(rig.tape, input(shape_3(2, 3, 5)), input(shape_1(4))), TACIT_SHAPE, "(4)", "5");
    expect_refused(op_prepend(rig.tape, input(shape_2(3, 5)), input(shape_1(5))), TACIT_SHAPE, "(3, 5)",
                   NULL);
    expect_refused(op_gather_rows(rig.tape, input(shape_3(2, 3, 5)), index_value(shape_2(3, 2))), TACIT_SHAPE,
                   "(3, 2)", "2 examples");
    expect_refused(op_gather_rows(rig.tape, input(shape_3(2, 3, 5)), input(shape_2(2, 2))), TACIT_SHAPE,
                   "index", NULL);
    expect_refused(
        op_scatter_rows(rig.tape, input(shape_3(2, 3, 5)), index_value(shape_2(2, 2)), input(shape_1(5)), 8),
        TACIT_SHAPE, "3", "2");
    expect_refused(
        op_scatter_rows(rig.tape, input(shape_3(2, 3, 5)), index_value(shape_2(2, 3)), input(shape_1(4)), 8),
        TACIT_SHAPE, "5", NULL);
    expect_refused(op_mean_tokens(rig.tape, input(shape_3(2, 3, 5)), 3), TACIT_SHAPE, "3", NULL);
    expect_refused(op_mean_tokens(rig.tape, input(shape_3(2, 3, 5)), -1), TACIT_SHAPE, "-1", NULL);
    expect_refused(op_take_token(rig.tape, input(shape_3(2, 3, 5)), 3), TACIT_SHAPE, "3", NULL);
    expect_refused(op_take_token(rig.tape, input(shape_2(3, 5)), 0), TACIT_SHAPE, "(3, 5)", NULL);
    expect_refused(op_mean_regions(rig.tape, input(shape_2(7, 5)), 1, 2, 1), TACIT_SHAPE, "(7, 5)", NULL);
    expect_refused(op_mean_regions(rig.tape, input(shape_3(2, 7, 5)), 0, 2, 1), TACIT_SHAPE, "(2, 7, 5)",
                   "2 rows");
    expect_refused(op_mean_regions(rig.tape, input(shape_3(2, 7, 5)), 1, 2, 3), TACIT_SHAPE, "3 regions",
                   NULL);
    expect_refused(op_mean_regions(rig.tape, input(shape_3(2, 7, 5)), 1, 2, 0), TACIT_SHAPE, "0 regions",
                   NULL);
    expect_refused(op_mean_regions(rig.tape, input(shape_3(2, 7, 5)), 1, 0, 1), TACIT_SHAPE, "0 rows", NULL);
    expect_refused(op_mean_regions(rig.tape, input(shape_3(2, 7, 5)), 7, 1, 1), TACIT_SHAPE, "7 tokens",
                   NULL);
    expect_refused(op_mean_regions(rig.tape, input(shape_3(2, 7, 5)), -1, 2, 1), TACIT_SHAPE, "-1 tokens",
                   NULL);
    expect_refused(op_patchify(rig.tape, input(shape_4(1, 6, 8, 3)), 4), TACIT_SHAPE, "(1, 6, 8, 3)", "4");
    expect_refused(op_patchify(rig.tape, input(shape_4(1, 6, 8, 3)), 0), TACIT_SHAPE, "(1, 6, 8, 3)", NULL);
    expect_refused(op_patchify(rig.tape, input(shape_3(6, 8, 3)), 2), TACIT_SHAPE, "(6, 8, 3)", NULL);
}

static void test_indices_out_of_range(void **state)
{
    (void)state;
    begin();
    whole[3] = 3;
    expect_refused(op_gather_rows(rig.tape, input(shape_3(2, 3, 5)), index_value(shape_2(2, 2))),
                   TACIT_ARGUMENT, "index 3", NULL);
    whole[1] = -1;
    expect_refused(op_gather_rows(rig.tape, input(shape_3(2, 3, 5)), index_value(shape_2(2, 2))),
                   TACIT_ARGUMENT, "index -1", NULL);
    whole[5] = 8;
    expect_refused(
        op_scatter_rows(rig.tape, input(shape_3(2, 3, 5)), index_value(shape_2(2, 3)), input(shape_1(5)), 8),
        TACIT_ARGUMENT, "index 8", NULL);
    whole[0] = 4;
    expect_refused(
        op_add_rows(rig.tape, input(shape_3(2, 3, 5)), input(shape_2(4, 5)), index_value(shape_2(2, 3))),
        TACIT_ARGUMENT, "index 4", NULL);
}

static value entropy(shape query, shape keys, shape target, shape exclude, float temperature)
{
    return op_cross_entropy(rig.tape, input(query), input(keys), index_value(target),
                            exclude.rank ? index_value(exclude) : (value){0}, temperature);
}

static void test_losses(void **state)
{
    (void)state;
    const shape q = shape_2(3, 5), k = shape_2(4, 5), three = shape_1(3), none = {0};
    begin();
    expect_refused(op_info_nce(rig.tape, input(q), input(k), input(k), 1.0f), TACIT_SHAPE, "query (3, 5)",
                   "positive (4, 5)");
    expect_refused(op_info_nce(rig.tape, input(q), input(q), input(shape_2(4, 6)), 1.0f), TACIT_SHAPE,
                   "query (3, 5)", "negatives (4, 6)");
    expect_refused(op_info_nce(rig.tape, input(q), input(q), input(k), 0.0f), TACIT_SHAPE, "info_nce",
                   "temperature 0");
    expect_refused(op_info_nce(rig.tape, input(q), input(q), input(k), NAN), TACIT_SHAPE, "info_nce",
                   "temperature nan");
    expect_refused(op_mean_square_error(rig.tape, input(q), input(k)), TACIT_SHAPE, "(3, 5)", "(4, 5)");
    expect_refused(op_weighted_square_error(rig.tape, input(q), input(q), input(k)), TACIT_SHAPE, "(3, 5)",
                   "weights (4, 5)");
    expect_refused(op_weighted_square_error(rig.tape, input(q), input(q), input(q)), TACIT_ARGUMENT,
                   "sum to 0", NULL);
    expect_refused(entropy(q, shape_2(4, 6), three, none, 1.0f), TACIT_SHAPE, "(3, 5)", "(4, 6)");
    expect_refused(entropy(shape_1(5), k, three, none, 1.0f), TACIT_SHAPE, "(5)", "(4, 5)");
    expect_refused(entropy(q, k, shape_1(4), none, 1.0f), TACIT_SHAPE, "target", "3 rows");
    expect_refused(entropy(q, k, three, shape_1(2), 1.0f), TACIT_SHAPE, "exclude", "3 rows");
    expect_refused(entropy(q, k, three, none, 0.0f), TACIT_SHAPE, "temperature 0", NULL);
    expect_refused(entropy(q, k, three, none, -1.0f), TACIT_SHAPE, "temperature -1", NULL);
    expect_refused(entropy(q, k, three, none, NAN), TACIT_SHAPE, "temperature", NULL);
    whole[2] = 4;
    expect_refused(entropy(q, k, three, none, 1.0f), TACIT_SHAPE, "target", "4 keys");
    whole[2] = -2;
    expect_refused(entropy(q, k, three, none, 1.0f), TACIT_SHAPE, "target", NULL);
    expect_refused(entropy(q, shape_2(0, 5), three, none, 1.0f), TACIT_SHAPE, "keys (0, 5)", NULL);
}

static value classes(shape logits, shape label, float smoothing)
{
    return op_softmax_cross_entropy(rig.tape, input(logits), index_value(label), smoothing);
}

static void test_losses_of_classes(void **state)
{
    (void)state;
    const shape q = shape_2(3, 5), three = shape_1(3);
    begin();
    expect_refused(classes(q, shape_1(4), 0.0f), TACIT_SHAPE, "logits (3, 5)", "label (4)");
    expect_refused(classes(shape_1(5), shape_1(5), 0.0f), TACIT_SHAPE, "logits (5)", NULL);
    expect_refused(classes(q, three, 1.0f), TACIT_SHAPE, "smoothing 1", NULL);
    expect_refused(classes(q, three, NAN), TACIT_SHAPE, "smoothing", NULL);
    whole[1] = 5;
    expect_refused(classes(q, three, 0.0f), TACIT_SHAPE, "label 5 of 5 classes", NULL);
    whole[1] = -1;
    expect_refused(classes(q, three, 0.0f), TACIT_SHAPE, "label -1", NULL);
}

static void test_losses_by_dimension(void **state)
{
    (void)state;
    const shape q = shape_2(3, 5), k = shape_2(4, 5), one_row = shape_2(1, 5);
    const vicreg_weights good = {25, 25, 1}, negative = {25, -1, 1}, not_a_number = {25, 25, NAN};
    begin();
    expect_refused(op_redundancy(rig.tape, input(q), input(k), 1), TACIT_SHAPE, "(3, 5)", "(4, 5)");
    expect_refused(op_redundancy(rig.tape, input(shape_1(5)), input(shape_1(5)), 1), TACIT_SHAPE, "(5)",
                   NULL);
    expect_refused(op_redundancy(rig.tape, input(q), input(q), -1), TACIT_SHAPE, "weight -1", NULL);
    expect_refused(op_redundancy(rig.tape, input(q), input(q), NAN), TACIT_SHAPE, "weight", NULL);
    expect_refused(op_vicreg(rig.tape, input(q), input(k), good), TACIT_SHAPE, "(3, 5)", "(4, 5)");
    expect_refused(op_vicreg(rig.tape, input(one_row), input(one_row), good), TACIT_SHAPE, "(1, 5)",
                   "two rows");
    expect_refused(op_vicreg(rig.tape, input(q), input(q), negative), TACIT_SHAPE, "weights 25, -1, 1", NULL);
    expect_refused(op_vicreg(rig.tape, input(q), input(q), not_a_number), TACIT_SHAPE, "weights", NULL);
}

/* Every operator on an invalid value, or on one that was forgotten, fails the tape and does nothing else. */
static value apply_to(int operator, value x)
{
    const value row = input(shape_1(6)), table = input(shape_2(3, 6)), index = index_value(shape_2(2, 3));
    switch (operator) {
    case 0:
        return op_linear(rig.tape, x, table, (value){0});
    case 1:
        return op_layer_norm(rig.tape, x, row, row);
    case 2:
        return op_gelu(rig.tape, x);
    case 3:
        return op_relu(rig.tape, x);
    case 4:
        return op_attention(rig.tape, x, 1);
    case 5:
        return op_add(rig.tape, x, x);
    case 6:
        return op_add_rows(rig.tape, x, table, (value){0});
    case 7:
        return op_prepend(rig.tape, x, row);
    case 8:
        return op_gather_rows(rig.tape, x, index);
    case 9:
        return op_scatter_rows(rig.tape, x, index, row, 4);
    case 10:
        return op_mean_tokens(rig.tape, x, 0);
    case 11:
        return op_take_token(rig.tape, x, 0);
    case 12:
        return op_l2_normalize(rig.tape, x);
    case 13:
        return op_batch_norm(rig.tape, x, (value){0}, (value){0});
    case 14:
        return op_patchify(rig.tape, x, 1);
    case 15:
        return op_normalize_rows(rig.tape, x);
    case 16:
        return op_mean_square_error(rig.tape, x, x);
    case 17:
        return op_cross_entropy(rig.tape, x, x, index, (value){0}, 1.0f);
    case 18:
        return op_mean_regions(rig.tape, x, 1, 2, 1);
    case 19:
        return op_redundancy(rig.tape, x, x, 1.0f);
    case 20:
        return op_vicreg(rig.tape, x, x, (vicreg_weights){1, 1, 1});
    case 21:
        return op_info_nce(rig.tape, x, x, x, 1.0f);
    case 22:
        return op_embed_rows(rig.tape, index, x);
    case 23:
        return op_attention_masked(rig.tape, x, 1, true, (value){0});
    case 24:
        return op_gelu_tanh(rig.tape, x);
    case 25:
        return op_layer_norm_eps(rig.tape, x, row, row, 1e-5f);
    case 26:
        return op_mean_valid(rig.tape, x, index);
    case 27:
        return op_take_last(rig.tape, x, index);
    case 28:
        return op_dropout(rig.tape, x, 0.5f);
    case 29:
        return op_rotary(rig.tape, x, 1, 10000.0f);
    case 30:
        return op_scale(rig.tape, x, row);
    default:
        return op_reshape(rig.tape, x, shape_1(36));
    }
}

enum { OPERATORS = 32 };

static void test_invalid_and_forgotten_values(void **state)
{
    (void)state;
    for (int i = 0; i < OPERATORS; i++) {
        begin();
        expect_refused(apply_to(i, (value){0}), TACIT_STATE, "invalid", NULL);
        expect_refused(apply_to(i, (value){1000}), TACIT_STATE, "invalid", NULL);
        expect_refused(apply_to(i, (value){-1}), TACIT_STATE, "invalid", NULL);
        const value x = input(shape_3(2, 3, 6)), sum = op_add(rig.tape, x, x);
        tape_forget(rig.tape, sum, (value){0});
        expect_refused(apply_to(i, sum), TACIT_STATE, "forgotten", NULL);
    }
}

/* The first failure is the one that is told. */
static void test_first_failure_stays(void **state)
{
    (void)state;
    begin();
    const value bad = op_add(rig.tape, input(shape_1(3)), input(shape_1(4)));
    const value more = op_linear(rig.tape, bad, input(shape_2(3, 5)), (value){0});
    assert_int_equal(more.id, 0);
    assert_int_equal(tape_output(rig.tape, DTYPE_F32, shape_1(4)).id, 0);
    assert_int_equal(tape_backward(rig.tape, more, NULL, 1.0f), TACIT_SHAPE);
    assert_fails(rig.context, tape_status(rig.tape), TACIT_SHAPE, "add: (3) and (4) differ");
    tape_reset(rig.tape, TAPE_TRAINING);
    context_begin(rig.context);
    assert_int_equal(tape_status(rig.tape), TACIT_OK);
    assert_true(op_gelu(rig.tape, input(shape_1(3))).id > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_of_layers),
        cmocka_unit_test(test_shapes_of_attention),
        cmocka_unit_test(test_shapes_of_rows),
        cmocka_unit_test(test_indices_out_of_range),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_losses_of_classes),
        cmocka_unit_test(test_losses_by_dimension),
        cmocka_unit_test(test_invalid_and_forgotten_values),
        cmocka_unit_test(test_first_failure_stays),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
