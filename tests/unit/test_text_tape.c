/* A small model of language on the tape: the same bits however a batch is cut, no allocation after the first
 * step, and an allocation that fails at any moment of a step. */
#include "support.h"

#include "grad/check.h"
#include "op/onednn.h"
#include "op/op.h"

enum { EXAMPLES = 4, TOKENS = 37, WORDS = 19, WIDTH = 12, HEADS = 2, PARAMETERS = 3, BLOCK = 1024 };

static const int64_t examples[EXAMPLES] = {40, 7, 7000, 1};

typedef struct network {
    float block[BLOCK], gradients[BLOCK];
    bool written[PARAMETERS];
    tensor parameters[PARAMETERS];
    int64_t count;
    int32_t ids[EXAMPLES * TOKENS], targets[EXAMPLES * TOKENS], lengths[EXAMPLES];
} network;

static void network_create(network *n)
{
    const shape shapes[PARAMETERS] = {shape_2(WORDS, 3 * WIDTH), shape_1(WIDTH), shape_1(WIDTH)};
    const int32_t lengths[EXAMPLES] = {TOKENS, 9, 0, 30};
    double numbers[BLOCK];
    *n = (network){.count = 0};
    for (int i = 0; i < PARAMETERS; i++) {
        n->parameters[i] = tensor_of(DTYPE_F32, shapes[i], n->block + n->count);
        n->count += shape_count(shapes[i]);
    }
    assert_true(n->count <= BLOCK);
    fill_normal(numbers, n->count, 1, 0.5);
    copy_to_float(n->block, numbers, n->count);
    memcpy(n->lengths, lengths, sizeof lengths);
    for (int i = 0; i < EXAMPLES * TOKENS; i++) {
        n->ids[i] = i % TOKENS < lengths[i / TOKENS] ? i * 5 % WORDS : -1;
        n->targets[i] = n->ids[i];
    }
}

/* `count` examples from `first` on to a row each: (count, WIDTH); *hidden is what the tokens came to. */
static value model(tape *t, network *n, int64_t first, int64_t count, value *hidden)
{
    tape_set_noise(t, &(tape_noise){5, 2, examples + first, count, 1});
    tape_reset(t, TAPE_TRAINING);
    const tensor ids = tensor_of(DTYPE_I32, shape_2(count, TOKENS), n->ids + first * TOKENS);
    const tensor lengths = tensor_of(DTYPE_I32, shape_1(count), n->lengths + first);
    const value length = tape_constant(t, &lengths);
    value x = op_rotary(t, op_embed_rows(t, tape_constant(t, &ids), (value){1}), HEADS, 10000.0f);
    x = op_dropout(t, op_attention_masked(t, x, HEADS, true, length), 0.1f);
    x = op_gelu_tanh(t, op_layer_norm_eps(t, x, (value){2}, (value){3}, 1e-5f));
    *hidden = x;
    return op_add(t, op_mean_valid(t, x, length), op_take_last(t, x, length));
}

/* The loss of one step: the hidden rows are to tell their tokens, by thirds of the table's rows. */
static tacit_status step(tape *t, network *n, float *loss)
{
    memset(n->written, 0, sizeof n->written);
    TRY(tape_bind(t, n->parameters, PARAMETERS, n->block));
    tape_bind_gradients(t, n->gradients, n->written);
    value hidden;
    model(t, n, 0, EXAMPLES, &hidden);
    const tensor targets = tensor_of(DTYPE_I32, shape_1(EXAMPLES * TOKENS), n->targets);
    const value query = op_reshape(t, hidden, shape_2(EXAMPLES * TOKENS, WIDTH));
    const value keys = op_reshape(t, (value){1}, shape_2(3 * WORDS, WIDTH));
    const value result = op_cross_entropy(t, query, keys, tape_constant(t, &targets), (value){0}, 1.0f);
    if (tape_status(t) == TACIT_OK)
        *loss = tape_f32(t, result)[0];
    return tape_backward(t, result, NULL, 1.0f);
}

typedef struct rig {
    test_memory memory;
    tacit_context *context;
    backend *backend;
    tape *tape;
} rig;

static void rig_open(rig *r)
{
    *r = (rig){.tape = NULL};
    r->context = test_context_on(&r->memory);
    backend_thread_start();
}

static tacit_status rig_fill(rig *r)
{
    TRY(backend_create(&r->backend, r->context));
    return tape_create(&r->tape, r->context, r->backend);
}

static void rig_close(rig *r)
{
    tape_destroy(r->tape);
    backend_destroy(r->backend);
    tacit_context_destroy(r->context);
    assert_int_equal(r->memory.alive, 0);
}

/* Rows of all examples, taken `count` at a time. */
static void rows_of(rig *r, network *n, int64_t count, float *rows)
{
    for (int64_t first = 0; first < EXAMPLES; first += count) {
        value hidden;
        assert_ok(r->context, tape_bind(r->tape, n->parameters, PARAMETERS, n->block));
        const value y = model(r->tape, n, first, count, &hidden);
        assert_ok(r->context, tape_status(r->tape));
        memcpy(rows + first * WIDTH, tape_f32(r->tape, y), (size_t)(count * WIDTH) * sizeof *rows);
    }
}

static void same_bits_for_any_cut(void **state)
{
    (void)state;
    static rig r;
    static network n;
    float whole[EXAMPLES * WIDTH], cut[EXAMPLES * WIDTH];
    rig_open(&r);
    assert_ok(r.context, rig_fill(&r));
    network_create(&n);
    rows_of(&r, &n, EXAMPLES, whole);
    for (int64_t count = 1; count < EXAMPLES; count *= 2) {
        rows_of(&r, &n, count, cut);
        assert_true(same_bits("rows", cut, whole, EXAMPLES * WIDTH, true));
    }
    rig_close(&r);
}

static void no_allocation_after_the_first_step(void **state)
{
    (void)state;
    static rig r;
    static network n;
    float loss = NAN, first = NAN, gradients[BLOCK];
    rig_open(&r);
    assert_ok(r.context, rig_fill(&r));
    network_create(&n);
    assert_ok(r.context, step(r.tape, &n, &first));
    memcpy(gradients, n.gradients, sizeof gradients);
    const int64_t calls = r.memory.calls;
    for (int i = 0; i < 3; i++) {
        assert_ok(r.context, step(r.tape, &n, &loss));
        assert_int_equal(r.memory.calls, calls);
        assert_true(same_bits("loss", &loss, &first, 1, true));
        assert_true(same_bits("gradients", n.gradients, gradients, n.count, true));
    }
    rig_close(&r);
}

/* As in test_tape.c: each time, the same tape then trains as if nothing had been. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    static rig r;
    static network n;
    float want = NAN, loss = NAN;
    network_create(&n);
    rig_open(&r);
    assert_ok(r.context, rig_fill(&r));
    assert_ok(r.context, step(r.tape, &n, &want));
    rig_close(&r);
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        rig_open(&r);
        r.memory.fail_at = r.memory.calls + k;
        tacit_status status = rig_fill(&r);
        status = status ? status : step(r.tape, &n, &loss);
        failed = r.memory.calls >= r.memory.fail_at;
        assert_int_equal(status, failed ? TACIT_NOMEM : TACIT_OK);
        if (failed)
            assert_fails(r.context, status, TACIT_NOMEM, "memory");
        context_begin(r.context);
        if (r.tape) {
            assert_ok(r.context, step(r.tape, &n, &loss));
            assert_true(same_bits("loss after a failure", &loss, &want, 1, true));
        }
        rig_close(&r);
    }
}

/* Operators that draw are numbered from each reset, and from each call that sets the noise. */
static void noise_is_numbered(void **state)
{
    (void)state;
    static rig r;
    const tape_noise noise = {5, 2, examples, EXAMPLES, 1};
    rig_open(&r);
    assert_ok(r.context, rig_fill(&r));
    assert_null(tape_noise_of(r.tape));
    tape_set_noise(r.tape, &noise);
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(tape_noise_number(r.tape), 0);
        assert_int_equal(tape_noise_number(r.tape), 1);
        if (turn == 0)
            tape_reset(r.tape, TAPE_TRAINING);
        else
            tape_set_noise(r.tape, &noise);
        assert_memory_equal(tape_noise_of(r.tape), &noise, sizeof noise);
    }
    tape_set_noise(r.tape, NULL);
    assert_null(tape_noise_of(r.tape));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_for_any_cut),
        cmocka_unit_test(no_allocation_after_the_first_step),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(noise_is_numbered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
