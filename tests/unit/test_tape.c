/* The tape's memory and its gradients: no allocation after the first step, sharing of gradient buffers,
 * forgetting, states that are refused, and an allocation that fails at any moment of a training step. */
#include "support.h"

#include "grad/check.h"
#include "op/op.h"
#include "op/work.h"

/* ---- a small network: linear, gelu, linear, attention, layer norm, squared error ---- */

enum {
    EXAMPLES = 3,
    TOKENS = 5,
    WIDTH = 8,
    HIDDEN = 12,
    PARAMETERS = 6,
    BLOCK = 512,
    INPUTS = EXAMPLES * TOKENS * WIDTH
};

typedef struct network {
    float block[BLOCK], gradients[BLOCK], input[INPUTS], target[INPUTS];
    bool written[PARAMETERS];
    tensor parameters[PARAMETERS];
    int64_t count;
} network;

static void fill(float *x, int64_t count, uint64_t seed)
{
    double numbers[BLOCK];
    fill_normal(numbers, count, seed, 0.5);
    copy_to_float(x, numbers, count);
}

static void network_create(network *n)
{
    const shape shapes[PARAMETERS] = {shape_2(HIDDEN, WIDTH), shape_1(HIDDEN), shape_2(3 * WIDTH, HIDDEN),
                                      shape_1(3 * WIDTH),     shape_1(WIDTH),  shape_1(WIDTH)};
    *n = (network){.count = 0};
    for (int i = 0; i < PARAMETERS; i++) {
        n->parameters[i] = tensor_of(DTYPE_F32, shapes[i], n->block + n->count);
        n->count += shape_count(shapes[i]);
    }
    assert_true(n->count <= BLOCK);
    fill(n->block, n->count, 1);
    fill(n->input, INPUTS, 2);
    fill(n->target, INPUTS, 3);
}

/* The loss of one step, and gradients in n->gradients. */
static tacit_status step(tape *t, network *n, float *loss)
{
    memset(n->written, 0, sizeof n->written);
    TRY(tape_bind(t, n->parameters, PARAMETERS, n->block));
    tape_bind_gradients(t, n->gradients, n->written);
    tape_reset(t, TAPE_TRAINING);
    const tensor input = tensor_of(DTYPE_F32, shape_3(EXAMPLES, TOKENS, WIDTH), n->input);
    const tensor target = tensor_of(DTYPE_F32, shape_3(EXAMPLES, TOKENS, WIDTH), n->target);
    const value x = tape_constant(t, &input);
    const value hidden = op_gelu(t, op_linear(t, x, (value){1}, (value){2}));
    const value mixed = op_attention(t, op_linear(t, hidden, (value){3}, (value){4}), 2);
    const value y = op_layer_norm(t, op_add(t, mixed, x), (value){5}, (value){6});
    const value result = op_mean_square_error(t, y, tape_constant(t, &target));
    if (tape_status(t) == TACIT_OK)
        *loss = tape_f32(t, result)[0];
    return tape_backward(t, result, NULL, 1.0f);
}

/* ---- allocations ---- */

typedef struct rig {
    tacit_context *context;
    backend *backend;
    tape *tape;
} rig;

static void rig_open(rig *r, test_memory *memory)
{
    *r = (rig){.context = test_context_on(memory)};
    backend_thread_start();
}

static tacit_status rig_fill(rig *r)
{
    TRY(backend_create(&r->backend, r->context));
    return tape_create(&r->tape, r->context, r->backend);
}

static void rig_close(rig *r, test_memory *memory)
{
    tape_destroy(r->tape);
    backend_destroy(r->backend);
    tacit_context_destroy(r->context);
    assert_int_equal(memory->alive, 0);
}

static void no_allocation_after_the_first_step(void **state)
{
    (void)state;
    test_memory memory = {0};
    rig r;
    network n;
    float loss = NAN, first = NAN, gradients[BLOCK];
    rig_open(&r, &memory);
    assert_ok(r.context, rig_fill(&r));
    network_create(&n);
    assert_ok(r.context, step(r.tape, &n, &first));
    memcpy(gradients, n.gradients, sizeof gradients);
    const size_t held = tape_memory(r.tape);
    int64_t calls = memory.calls;
    for (int i = 0; i < 3; i++) {
        assert_ok(r.context, step(r.tape, &n, &loss));
        assert_int_equal(memory.calls, calls);
        assert_int_equal(tape_memory(r.tape), held);
        assert_true(same_bits("loss", &loss, &first, 1, true));
        assert_true(same_bits("gradients", n.gradients, gradients, n.count, true));
    }
    rig_close(&r, &memory);
}

/* One long step needs several blocks; from the reset on they are one, and the same step allocates nothing. */
static void blocks_become_one(void **state)
{
    (void)state;
    enum { COUNT = 1 << 18, LAYERS = 9 };
    test_memory memory = {0};
    rig r;
    float *numbers = calloc(COUNT, sizeof *numbers);
    assert_non_null(numbers);
    rig_open(&r, &memory);
    assert_ok(r.context, rig_fill(&r));
    const tensor x = tensor_of(DTYPE_F32, shape_1(COUNT), numbers);
    int64_t calls = 0;
    for (int round = 0; round < 4; round++) {
        tape_reset(r.tape, TAPE_TRAINING);
        if (round == 2)
            calls = memory.calls;
        value v = tape_input(r.tape, &x, true);
        for (int i = 0; i < LAYERS; i++)
            v = op_gelu(r.tape, v);
        assert_ok(r.context, tape_backward(r.tape, v, NULL, 1.0f));
    }
    assert_int_equal(memory.calls, calls);
    rig_close(&r, &memory);
    free(numbers);
}

/* What is forgotten in inference is used again at once: depth costs no memory. */
static void inference_memory_does_not_grow_with_depth(void **state)
{
    (void)state;
    enum { COUNT = 1 << 16 };
    float *numbers = calloc(COUNT, sizeof *numbers);
    assert_non_null(numbers);
    size_t held[2];
    for (int deep = 0; deep < 2; deep++) {
        test_memory memory = {0};
        rig r;
        rig_open(&r, &memory);
        assert_ok(r.context, rig_fill(&r));
        tape_reset(r.tape, TAPE_INFERENCE);
        const tensor x = tensor_of(DTYPE_F32, shape_1(COUNT), numbers);
        value v = tape_input(r.tape, &x, false);
        for (int i = 0; i < (deep ? 64 : 4); i++) {
            const value next = op_gelu(r.tape, v);
            tape_forget(r.tape, v, next);
            v = next;
        }
        assert_ok(r.context, tape_status(r.tape));
        held[deep] = tape_memory(r.tape);
        rig_close(&r, &memory);
    }
    assert_int_equal(held[0], held[1]);
    free(numbers);
}

/* Fails allocation k of creation and of two steps, for k = 1, 2, 3 ... until none is left to fail; each time
 * the same tape then trains as if nothing had been. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    static network n;
    float want = NAN, loss = NAN;
    test_memory memory = {0};
    rig r;
    network_create(&n);
    rig_open(&r, &memory);
    assert_ok(r.context, rig_fill(&r));
    assert_ok(r.context, step(r.tape, &n, &want));
    rig_close(&r, &memory);
    bool failed = true;
    int64_t k = 1;
    for (; failed; k++) {
        memory = (test_memory){0};
        rig_open(&r, &memory);
        memory.fail_at = memory.calls + k;
        tacit_status status = rig_fill(&r);
        status = status ? status : step(r.tape, &n, &loss);
        status = status ? status : step(r.tape, &n, &loss);
        failed = memory.calls >= memory.fail_at;
        assert_int_equal(status, failed ? TACIT_NOMEM : TACIT_OK);
        if (failed)
            assert_fails(r.context, status, TACIT_NOMEM, "memory");
        context_begin(r.context);
        if (r.tape) {
            assert_ok(r.context, step(r.tape, &n, &loss));
            assert_true(same_bits("loss after a failure", &loss, &want, 1, true));
        }
        rig_close(&r, &memory);
    }
    assert_true(k > 6); /* backend, table, tape, slots, arena, block, ... */
}

/* The same for the workers of a large coupling. */
static void any_allocation_of_workers_may_fail(void **state)
{
    (void)state;
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        test_memory memory = {0};
        tacit_context *context = test_context_on(&memory);
        assert_ok(context, tacit_context_set_threads(context, 2));
        memory.fail_at = memory.calls + k;
        work *w;
        const tacit_status status = work_create(&w, context);
        failed = memory.calls >= memory.fail_at;
        assert_int_equal(status, failed ? TACIT_NOMEM : TACIT_OK);
        assert_true((w == NULL) == failed);
        work_destroy(w);
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
        assert_true(k < 100);
    }
}

/* ---- gradients ---- */

typedef struct fixture {
    test_memory memory;
    rig rig;
    float numbers[6];
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){.numbers = {1, -2, 3, -4, 5, -6}};
    rig_open(&f.rig, &f.memory);
    assert_ok(f.rig.context, rig_fill(&f.rig));
    tape_reset(f.rig.tape, TAPE_TRAINING);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    rig_close(&f->rig, &f->memory);
    return 0;
}

static value input(fixture *f, bool with_gradient)
{
    const tensor x = tensor_of(DTYPE_F32, shape_2(2, 3), f->numbers);
    return tape_input(f->rig.tape, &x, with_gradient);
}

static void expect_gradient(fixture *f, value v, const float want[6])
{
    const float *got = tape_gradient(f->rig.tape, v);
    assert_non_null(got);
    assert_true(same_bits("gradient", got, want, 6, true));
}

/* a feeds two sums, one of which feeds two more: the buffer that they share is copied before it is added to.
 *   b = a + c,  d = b + c,  e = b + a,  y = d + e = 3a + ... : dy/da = 1 (b in d) + 1 (b in e) + 1 = 3, dy/dc
 * = 3 */
static void shared_gradients_are_copied(void **state)
{
    fixture *f = *state;
    tape *t = f->rig.tape;
    const value a = input(f, true), c = input(f, true);
    const value b = op_add(t, a, c), d = op_add(t, b, c), e = op_add(t, b, a);
    const float seed[6] = {1, 2, 3, 4, 5, 6}, three[6] = {3, 6, 9, 12, 15, 18};
    assert_ok(f->rig.context, tape_backward(t, op_add(t, d, e), seed, 1.0f));
    expect_gradient(f, a, three);
    expect_gradient(f, c, three);
}

/* x in both places of one addition, and the same through a change of shape and an operator that reads its
 * input. */
static void one_value_twice_in_one_operator(void **state)
{
    fixture *f = *state;
    tape *t = f->rig.tape;
    const value x = input(f, true), other = input(f, true);
    const value doubled = op_add(t, x, x);
    const value flat = op_reshape(t, doubled, shape_1(6));
    const value again = op_reshape(t, op_add(t, flat, flat), shape_2(2, 3));
    const value y = op_relu(t, op_add(t, again, other));
    const float seed[6] = {1, 2, 3, 4, 5, 6};
    const float x4[6] = {4, 0, 12, 0, 20, 0}, once[6] = {1, 0, 3, 0, 5, 0};
    assert_ok(f->rig.context, tape_backward(t, y, seed, 1.0f));
    expect_gradient(f, x, x4);
    expect_gradient(f, other, once);
}

/* The gradient of an input that is also the whole output. */
static void output_that_is_an_input(void **state)
{
    fixture *f = *state;
    const value x = input(f, true);
    const float seed[6] = {1, 2, 3, 4, 5, 6}, doubled[6] = {2, 4, 6, 8, 10, 12};
    assert_ok(f->rig.context, tape_backward(f->rig.tape, x, seed, 2.0f));
    expect_gradient(f, x, doubled);
}

/* NULL for a seed means ones, times the scale. */
static void default_seed(void **state)
{
    fixture *f = *state;
    const value x = input(f, true);
    const float quarter[6] = {0.25f, 0.25f, 0.25f, 0.25f, 0.25f, 0.25f};
    assert_ok(f->rig.context,
              tape_backward(f->rig.tape, op_reshape(f->rig.tape, x, shape_1(6)), NULL, 0.25f));
    expect_gradient(f, x, quarter);
}

/* Constants, inputs without gradient, and what is not on the way to the output get none. */
static void no_gradient_where_none_flows(void **state)
{
    fixture *f = *state;
    tape *t = f->rig.tape;
    const value x = input(f, true), still = input(f, false), aside = input(f, true);
    const value unused = op_gelu(t, aside), y = op_add(t, x, still);
    assert_true(unused.id > 0);
    assert_false(tape_wants_gradient(t, op_gelu(t, still)));
    assert_ok(f->rig.context, tape_backward(t, y, NULL, 1.0f));
    assert_non_null(tape_gradient(t, x));
    assert_null(tape_gradient(t, still));
    assert_null(tape_gradient(t, aside));
    assert_null(tape_gradient(t, (value){0}));
    assert_null(tape_gradient(t, (value){999}));
}

static void backward_without_gradient_is_refused(void **state)
{
    fixture *f = *state;
    tape *t = f->rig.tape;
    const value y = op_gelu(t, input(f, false));
    assert_fails(f->rig.context, tape_backward(t, y, NULL, 1.0f), TACIT_STATE, "depends on no parameter");
    context_begin(f->rig.context);
    tape_reset(t, TAPE_INFERENCE);
    assert_fails(f->rig.context, tape_backward(t, op_gelu(t, input(f, true)), NULL, 1.0f), TACIT_STATE,
                 "backward");
    context_begin(f->rig.context);
}

/* What the first walk read is gone. A reset makes the tape good again. */
static void a_second_backward_is_refused(void **state)
{
    fixture *f = *state;
    tape *t = f->rig.tape;
    for (int pass = 0; pass < 2; pass++) {
        const value x = input(f, true), y = op_gelu(t, x);
        assert_ok(f->rig.context, tape_backward(t, y, NULL, 1.0f));
        assert_fails(f->rig.context, tape_backward(t, y, NULL, 1.0f), TACIT_STATE, "a second time");
        assert_int_equal(tape_status(t), TACIT_STATE);
        context_begin(f->rig.context);
        tape_reset(t, TAPE_TRAINING);
    }
}

/* ---- forgetting ---- */

/* A value that a backward reads survives; one that none reads is gone at once; the kept alias keeps its
 * owner. */
static void forget_keeps_what_is_needed(void **state)
{
    fixture *f = *state;
    tape *t = f->rig.tape;
    const value x = input(f, true);
    const value unread = op_add(t, x, x), read = op_add(t, unread, x), y = op_gelu(t, read);
    const value kept = op_reshape(t, y, shape_1(6));
    const float before = tape_f32(t, kept)[2];
    tape_forget(t, unread, kept);
    assert_null(tape_f32(t, unread));
    assert_non_null(tape_f32(t, read));
    assert_non_null(tape_f32(t, kept));
    const value junk = tape_output(t, DTYPE_F32, shape_2(2, 3));
    for (int i = 0; i < 6; i++)
        tape_f32(t, junk)[i] = NAN;
    assert_true(tape_f32(t, kept)[2] == before);
    assert_ok(f->rig.context, tape_backward(t, kept, NULL, 1.0f));
    for (int i = 0; i < 6; i++)
        assert_true(isfinite(tape_gradient(t, x)[i]));
    assert_near((double)tape_gradient(t, x)[4], 3, 1e-5, 0); /* gelu'(15) = 1, three ways */
}

static void reset_forgets_all_but_parameters(void **state)
{
    fixture *f = *state;
    tape *t = f->rig.tape;
    const tensor parameter = tensor_of(DTYPE_F32, shape_2(2, 3), f->numbers);
    assert_ok(f->rig.context, tape_bind(t, &parameter, 1, f->numbers));
    tape_reset(t, TAPE_TRAINING);
    const value x = input(f, true);
    assert_int_equal(x.id, 2);
    tape_reset(t, TAPE_TRAINING);
    assert_null(tape_tensor(t, x));
    assert_true(tape_f32(t, (value){1}) == f->numbers);
    tape_forget(t, (value){1}, (value){0});
    assert_true(tape_f32(t, (value){1}) == f->numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_allocation_after_the_first_step),
        cmocka_unit_test(blocks_become_one),
        cmocka_unit_test(inference_memory_does_not_grow_with_depth),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(any_allocation_of_workers_may_fail),
        cmocka_unit_test_setup_teardown(shared_gradients_are_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_value_twice_in_one_operator, set_up, tear_down),
        cmocka_unit_test_setup_teardown(output_that_is_an_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(default_seed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_gradient_where_none_flows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(backward_without_gradient_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_backward_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forget_keeps_what_is_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_forgets_all_but_parameters, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
