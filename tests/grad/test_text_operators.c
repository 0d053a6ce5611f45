/* Operators of models of text where the answer is known without a reference. */
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

/* ---- a table that is used twice ---- */

enum { SIDE = 5, TOKENS = 6 };

static const int32_t tied_ids[TOKENS] = {0, 4, -1, 4, 2, 0};

static value tied_model(value x, value ids, bool embed_first)
{
    const value table = {1}, none = {0};
    const value rows = embed_first ? op_embed_rows(rig.tape, ids, table) : none;
    const value logits = op_linear(rig.tape, x, table, none);
    return op_add(rig.tape, logits, embed_first ? rows : op_embed_rows(rig.tape, ids, table));
}

/* Gradient of a table (5, 5) that op_embed_rows and op_linear share, the one before or after the other. */
static void tied_gradient(bool embed_first, const float *upstream, float *numbers, float *gradient)
{
    float block[SIDE * SIDE] = {0};
    int32_t ids[TOKENS];
    bool written[1] = {false};
    memcpy(ids, tied_ids, sizeof ids);
    const tensor table = tensor_of(DTYPE_F32, shape_2(SIDE, SIDE), block);
    const tensor index = tensor_of(DTYPE_I32, shape_2(1, TOKENS), ids);
    const tensor x = tensor_of(DTYPE_F32, shape_3(1, TOKENS, SIDE), numbers);
    assert_ok(rig.context, tape_bind(rig.tape, &table, 1, block));
    tape_bind_gradients(rig.tape, gradient, written);
    tape_reset(rig.tape, TAPE_TRAINING);
    const value y = tied_model(tape_constant(rig.tape, &x), tape_constant(rig.tape, &index), embed_first);
    assert_ok(rig.context, tape_backward(rig.tape, y, upstream, 1.0f));
    tape_bind_gradients(rig.tape, NULL, NULL);
    assert_ok(rig.context, tape_bind(rig.tape, NULL, 0, NULL));
}

static void test_tied_table(void **state)
{
    (void)state;
    float x[TOKENS * SIDE], dy[TOKENS * SIDE];
    for (int i = 0; i < TOKENS * SIDE; i++) {
        x[i] = (float)(i % 7 - 3);
        dy[i] = (float)(i % 4 - 1);
    }
    for (int order = 0; order < 2; order++) {
        float got[SIDE * SIDE] = {NAN};
        tied_gradient(order == 0, dy, x, got);
        for (int row = 0; row < SIDE; row++)
            for (int i = 0; i < SIDE; i++) {
                float want = 0.0f;
                for (int t = 0; t < TOKENS; t++)
                    want +=
                        dy[t * SIDE + row] * x[t * SIDE + i] + (tied_ids[t] == row ? dy[t * SIDE + i] : 0.0f);
                assert_true(got[row * SIDE + i] == want);
            }
    }
}

/* ---- the loss over a vocabulary ---- */

/* Loss of words that predict themselves through one table; its gradient (5, 5). */
static float words_loss(float *block, const int32_t *targets, float *gradient)
{
    int32_t ids[TOKENS], copied[TOKENS];
    bool written[1] = {false};
    memcpy(ids, tied_ids, sizeof ids);
    memcpy(copied, targets, sizeof copied);
    const tensor table = tensor_of(DTYPE_F32, shape_2(SIDE, SIDE), block);
    const tensor index = tensor_of(DTYPE_I32, shape_2(1, TOKENS), ids);
    const tensor target = tensor_of(DTYPE_I32, shape_1(TOKENS), copied);
    assert_ok(rig.context, tape_bind(rig.tape, &table, 1, block));
    tape_bind_gradients(rig.tape, gradient, written);
    tape_reset(rig.tape, TAPE_TRAINING);
    const value rows = op_embed_rows(rig.tape, tape_constant(rig.tape, &index), (value){1});
    const value query = op_reshape(rig.tape, rows, shape_2(TOKENS, SIDE));
    const value loss =
        op_cross_entropy(rig.tape, query, (value){1}, tape_constant(rig.tape, &target), (value){0}, 1.0f);
    assert_ok(rig.context, tape_status(rig.tape));
    const float result = *tape_f32(rig.tape, loss);
    assert_ok(rig.context, tape_backward(rig.tape, loss, NULL, 1.0f));
    tape_bind_gradients(rig.tape, NULL, NULL);
    assert_ok(rig.context, tape_bind(rig.tape, NULL, 0, NULL));
    return result;
}

/* The table hears from both of its uses. */
static void test_words_and_their_table(void **state)
{
    (void)state;
    const int32_t targets[TOKENS] = {1, -1, 3, 4, -1, 0};
    float block[SIDE * SIDE], got[SIDE * SIDE];
    double table[SIDE * SIDE], query[TOKENS * SIDE], dquery[TOKENS * SIDE], want[SIDE * SIDE];
    fill_normal(table, SIDE * SIDE, 4, 1);
    copy_to_float(block, table, SIDE * SIDE);
    const ref_contrast c = {TOKENS, SIDE, SIDE, targets, NULL, 1};
    ref_embed_rows(1, TOKENS, SIDE, table, tied_ids, query);
    assert_near((double)words_loss(block, targets, got), ref_cross_entropy(&c, query, table), 1e-6, 0);
    ref_cross_entropy_backward(&c, query, table, 1, dquery, want);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; tied_ids[t] >= 0 && i < SIDE; i++)
            want[tied_ids[t] * SIDE + i] += dquery[t * SIDE + i];
    assert_true(near_float("table", got, want, SIDE * SIDE, 30, 0, true));
}

/* Nothing to count: loss and gradients are 0, whatever the memory held. */
static void test_no_word_is_counted(void **state)
{
    (void)state;
    const int32_t targets[TOKENS] = {-1, -1, -1, -1, -1, -1};
    float block[SIDE * SIDE], got[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        block[i] = (float)i;
        got[i] = NAN;
    }
    assert_true(words_loss(block, targets, got) == 0.0f);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(got[i] == 0.0f);
}

/* Logits in the hundreds, as a model of language may have early on: no exponential overflows. */
static void test_words_far_apart(void **state)
{
    (void)state;
    const int32_t targets[TOKENS] = {0, 1, 2, 3, 4, 0};
    float block[SIDE * SIDE] = {0}, got[SIDE * SIDE];
    for (int i = 0; i < SIDE; i++)
        block[i * SIDE + i] = 20.0f;
    /* Queries 0, 4, none, 4, 2, 0: rows 2 (no query: ln 5), 1, 3, 4 miss their target by 400; row 0 and the
     * last hit it. */
    assert_near((double)words_loss(block, targets, got), (3 * 400 + log(5)) / TOKENS, 0, 1e-6);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(isfinite(got[i]));
}

/* ---- gelu_tanh ---- */

/* Far out it is 0 on one side and x on the other, and so are its slopes. */
static void test_gelu_tanh_tails(void **state)
{
    (void)state;
    float numbers[9] = {-INFINITY, -1e30f, -40.0f, -9.0f, 9.0f, 40.0f, 1e30f, INFINITY, NAN};
    tape_reset(rig.tape, TAPE_TRAINING);
    const tensor x = tensor_of(DTYPE_F32, shape_1(9), numbers);
    const value in = tape_input(rig.tape, &x, true), y = op_gelu_tanh(rig.tape, in);
    for (int i = 0; i < 4; i++)
        assert_near((double)tape_f32(rig.tape, y)[i], 0, 2e-6, 0);
    for (int i = 4; i < 8; i++)
        assert_true(tape_f32(rig.tape, y)[i] == numbers[i]);
    assert_true(isnan(tape_f32(rig.tape, y)[8]));
    assert_ok(rig.context, tape_backward(rig.tape, y, NULL, 1.0f));
    for (int i = 0; i < 8; i++)
        assert_near((double)tape_gradient(rig.tape, in)[i], i < 4 ? 0 : 1, 1e-6, 0);
    assert_true(isnan(tape_gradient(rig.tape, in)[8]));
}

/* The promise of op_gelu_tanh. */
static void test_gelu_tanh_accuracy(void **state)
{
    (void)state;
    enum { COUNT = 24001 };
    static float numbers[COUNT];
    for (int i = 0; i < COUNT; i++)
        numbers[i] = (float)(i - COUNT / 2) * 0.001f;
    tape_reset(rig.tape, TAPE_TRAINING);
    const tensor x = tensor_of(DTYPE_F32, shape_1(COUNT), numbers);
    const value in = tape_input(rig.tape, &x, true), y = op_gelu_tanh(rig.tape, in);
    static float got[COUNT];
    memcpy(got, tape_f32(rig.tape, y), sizeof got);
    assert_ok(rig.context, tape_backward(rig.tape, y, NULL, 1.0f));
    for (int i = 0; i < COUNT; i++) {
        double at = (double)numbers[i], exact, one = 1, slope;
        ref_gelu_tanh(1, &at, &exact);
        ref_gelu_tanh_backward(1, &at, &one, &slope);
        assert_near((double)got[i], exact, 2.5e-7 * fmax(1, fabs(at)), 0);
        assert_near((double)tape_gradient(rig.tape, in)[i], slope, 1e-6, 0);
    }
}

/* ---- masks ---- */

/* Output of causal attention, of 2 heads, over tokens whose last ones are `rest` times what they were. */
static void attend(float rest, const int32_t *lengths, float *y)
{
    enum { BATCH = 2, LENGTH = 70, DEPTH = 8 };
    static float numbers[BATCH * LENGTH * 3 * DEPTH];
    int32_t copied[BATCH] = {LENGTH, LENGTH};
    for (int i = 0; i < BATCH * LENGTH * 3 * DEPTH; i++) {
        const int token = i / (3 * DEPTH) % LENGTH;
        numbers[i] = sinf((float)i) * (token < 50 ? 1.0f : rest);
    }
    if (lengths)
        memcpy(copied, lengths, sizeof copied);
    tape_reset(rig.tape, TAPE_INFERENCE);
    const tensor x = tensor_of(DTYPE_F32, shape_3(BATCH, LENGTH, 3 * DEPTH), numbers);
    const tensor l = tensor_of(DTYPE_I32, shape_1(BATCH), copied);
    const value out = op_attention_masked(rig.tape, tape_constant(rig.tape, &x), 2, lengths == NULL,
                                          tape_constant(rig.tape, &l));
    assert_ok(rig.context, tape_status(rig.tape));
    memcpy(y, tape_f32(rig.tape, out), BATCH * LENGTH * DEPTH * sizeof *y);
}

/* What a token can not see changes no bit of its output. */
static void test_unseen_tokens_change_nothing(void **state)
{
    (void)state;
    enum { EXAMPLE = 70 * 8, SEEN = 50 * 8 };
    static float one[2 * EXAMPLE], two[2 * EXAMPLE];
    const int32_t lengths[2] = {50, 50};
    for (int turn = 0; turn < 2; turn++) {
        attend(1.0f, turn ? lengths : NULL, one);
        attend(-3.0f, turn ? lengths : NULL, two);
        for (int b = 0; b < 2; b++) {
            assert_memory_equal(one + b * EXAMPLE, two + b * EXAMPLE, SEEN * sizeof *one);
            for (int i = SEEN; i < EXAMPLE; i++)
                assert_true(turn ? two[b * EXAMPLE + i] == 0.0f
                                 : one[b * EXAMPLE + i] != two[b * EXAMPLE + i]);
        }
    }
}

/* ---- rotary ---- */

/* The first token is not turned. A query's product with a key, both the same at every position, depends on
 * how far apart they are and on nothing else. */
static void test_rotary_knows_distances(void **state)
{
    (void)state;
    enum { LENGTH = 40, DEPTH = 8 };
    static float numbers[LENGTH * 3 * DEPTH];
    for (int i = 0; i < LENGTH * 3 * DEPTH; i++)
        numbers[i] = sinf((float)(i % (3 * DEPTH)));
    tape_reset(rig.tape, TAPE_INFERENCE);
    const tensor x = tensor_of(DTYPE_F32, shape_3(1, LENGTH, 3 * DEPTH), numbers);
    const float *y = tape_f32(rig.tape, op_rotary(rig.tape, tape_constant(rig.tape, &x), 1, 10000.0f));
    assert_ok(rig.context, tape_status(rig.tape));
    assert_memory_equal(y, numbers, 3 * DEPTH * sizeof *y);
    for (int far = 0; far < 10; far++) {
        double first = 0;
        for (int at = far; at < LENGTH; at++) {
            double product = 0;
            for (int i = 0; i < DEPTH; i++)
                product += (double)y[at * 3 * DEPTH + i] * (double)y[(at - far) * 3 * DEPTH + DEPTH + i];
            first = at == far ? product : first;
            assert_near(product, first, 1e-6, 0);
        }
    }
}

/* ---- dropout ---- */

enum { EXAMPLES = 6, VIEWS = 2, ROW = 300, DRAWN = EXAMPLES * VIEWS * ROW };

static const int64_t lane_examples[EXAMPLES] = {11, 5, 90, 2, 41, 8};
static float ones[DRAWN];

/* Two dropouts, one after the other, of examples first .. first + count - 1; the values they have alone. */
static void drop(tape_noise noise, int64_t first, float *one, float *two)
{
    for (int i = 0; i < DRAWN; i++)
        ones[i] = 1.0f;
    noise.examples = lane_examples + first;
    tape_set_noise(rig.tape, &noise);
    tape_reset(rig.tape, TAPE_TRAINING);
    const size_t size = (size_t)(noise.count * VIEWS * ROW) * sizeof *one;
    const tensor x = tensor_of(DTYPE_F32, shape_3(noise.count * VIEWS, 3, ROW / 3), ones);
    const value in = tape_input(rig.tape, &x, true);
    memcpy(one + first * VIEWS * ROW, tape_f32(rig.tape, op_dropout(rig.tape, in, 0.25f)), size);
    memcpy(two + first * VIEWS * ROW, tape_f32(rig.tape, op_dropout(rig.tape, in, 0.25f)), size);
    assert_ok(rig.context, tape_status(rig.tape));
    tape_set_noise(rig.tape, NULL);
}

/* Cut into lanes or not, run once or twice: the same. */
static void test_dropout_does_not_depend_on_the_cut(void **state)
{
    (void)state;
    static float whole[2][DRAWN], again[2][DRAWN], cut[2][DRAWN];
    const tape_noise noise = {7, 1, NULL, EXAMPLES, VIEWS};
    tape_noise part = noise;
    drop(noise, 0, whole[0], whole[1]);
    drop(noise, 0, again[0], again[1]);
    part.count = 2;
    for (int64_t first = 0; first < EXAMPLES; first += part.count)
        drop(part, first, cut[0], cut[1]);
    assert_memory_equal(whole, again, sizeof whole);
    assert_memory_equal(whole, cut, sizeof whole);
}

/* How many of `count` numbers two masks agree on: 0.25^2 + 0.75^2 of them when they have nothing in common.
 */
static void expect_unrelated(const float *a, const float *b, int count)
{
    int same = 0;
    for (int i = 0; i < count; i++)
        same += (a[i] == 0.0f) == (b[i] == 0.0f);
    assert_near(same / (double)count, 0.625, 5 * sqrt(0.25 / count), 0);
}

static void test_dropout_masks_are_unrelated(void **state)
{
    (void)state;
    static float base[2][DRAWN], seed[2][DRAWN], epoch[2][DRAWN];
    drop((tape_noise){7, 1, NULL, EXAMPLES, VIEWS}, 0, base[0], base[1]);
    drop((tape_noise){8, 1, NULL, EXAMPLES, VIEWS}, 0, seed[0], seed[1]);
    drop((tape_noise){7, 2, NULL, EXAMPLES, VIEWS}, 0, epoch[0], epoch[1]);
    expect_unrelated(base[0], base[1], DRAWN);
    expect_unrelated(base[0], seed[0], DRAWN);
    expect_unrelated(base[0], epoch[0], DRAWN);
    expect_unrelated(base[0], base[0] + ROW, ROW);
    expect_unrelated(base[0], base[0] + VIEWS * ROW, ROW);
    int kept = 0;
    for (int i = 0; i < DRAWN; i++) {
        assert_true(base[0][i] == 0.0f || base[0][i] == 1.0f / 0.75f);
        kept += base[0][i] != 0.0f;
    }
    assert_near(kept / (double)DRAWN, 0.75, 5 * sqrt(0.1875 / DRAWN), 0);
}

/* The value itself: without noise, at rate 0, and wherever nothing is learned. */
static void test_dropout_as_identity(void **state)
{
    (void)state;
    const tape_mode modes[] = {TAPE_INFERENCE, TAPE_CALIBRATION, TAPE_TRAINING, TAPE_TRAINING};
    const tensor x = tensor_of(DTYPE_F32, shape_2(EXAMPLES * VIEWS, ROW), ones);
    const tape_noise noise = {7, 1, lane_examples, EXAMPLES, VIEWS};
    for (int i = 0; i < 4; i++) {
        tape_set_noise(rig.tape, i == 2 ? NULL : &noise);
        tape_reset(rig.tape, modes[i]);
        const value in = tape_input(rig.tape, &x, true);
        assert_int_equal(op_dropout(rig.tape, in, i == 3 ? 0.0f : 0.5f).id, in.id);
        assert_ok(rig.context, tape_status(rig.tape));
    }
    tape_set_noise(rig.tape, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tied_table),
        cmocka_unit_test(test_words_and_their_table),
        cmocka_unit_test(test_no_word_is_counted),
        cmocka_unit_test(test_words_far_apart),
        cmocka_unit_test(test_gelu_tanh_tails),
        cmocka_unit_test(test_gelu_tanh_accuracy),
        cmocka_unit_test(test_unseen_tokens_change_nothing),
        cmocka_unit_test(test_rotary_knows_distances),
        cmocka_unit_test(test_dropout_does_not_depend_on_the_cut),
        cmocka_unit_test(test_dropout_masks_are_unrelated),
        cmocka_unit_test(test_dropout_as_identity),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
