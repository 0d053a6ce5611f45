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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tied_table),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
