/* Projector and NT-Xent loss of simclr, and their gradients, against PyTorch in double (simclr.safetensors,
 * made by make_simclr.py), on one thread and with the rows shared by workers. */
#include "golden_data.h"

#include "objective/contrastive/projector.h"
#include "op/work.h"

enum { ROWS = 24, INPUTS = 32, HIDDEN = 32, OUTPUTS = 16, LAYERS = 3 };

static const float temperature = 0.2f;
static const double tolerance = 1e-4;

/* What a pass gives. */
typedef struct result {
    double loss;
    float projected[ROWS * OUTPUTS], diff_embeddings[ROWS * INPUTS];
    float *gradient; /* of the parameters */
} result;

static void declare_model(parameters *p, projector *out, tacit_context *context, const safetensors_file *f)
{
    parameters_init(p, context);
    *out = projector_declare(p, LAYERS, INPUTS, HIDDEN, OUTPUTS);
    assert_ok(context, parameters_allocate(p));
    for (size_t i = 0; i < p->count; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        memcpy(p->block + p->table[i].offset, golden_find(f, p->table[i].name, "F32", count),
               (size_t)count * sizeof(float));
    }
}

/* Forward and backward on `t`; `flip` is what finds a row's other view: 1. */
static void run(tape *t, const projector *model, const tensor *embeddings, int32_t flip, result *r)
{
    int32_t targets[ROWS], selves[ROWS];
    for (int32_t i = 0; i < ROWS; i++) {
        targets[i] = i ^ flip;
        selves[i] = i;
    }
    const tensor target = tensor_of(DTYPE_I32, shape_1(ROWS), targets);
    const tensor self = tensor_of(DTYPE_I32, shape_1(ROWS), selves);
    const value x = tape_input(t, embeddings, true), y = projector_apply(t, model, x);
    const value z = op_l2_normalize(t, y);
    const value loss =
        op_cross_entropy(t, z, z, tape_constant(t, &target), tape_constant(t, &self), temperature);
    assert_ok(tape_context(t), tape_status(t));
    r->loss = (double)*tape_f32(t, loss);
    memcpy(r->projected, tape_f32(t, y), sizeof r->projected);
    assert_ok(tape_context(t), tape_backward(t, loss, NULL, 1.0f));
    assert_non_null(tape_gradient(t, x));
    memcpy(r->diff_embeddings, tape_gradient(t, x), sizeof r->diff_embeddings);
}

/* One pass over the golden embeddings; `threads` 0: no workers on the tape. r->gradient is the caller's. */
static void pass(parameters *p, const projector *model, const safetensors_file *f, int threads, int32_t flip,
                 result *r)
{
    tacit_context *context = p->context;
    const tensor embeddings =
        tensor_of(DTYPE_F32, shape_2(ROWS, INPUTS),
                  (void *)(uintptr_t)golden_find(f, "embeddings", "F32", ROWS * INPUTS));
    work *w;
    tape *t;
    bool *written = memory_alloc(context, p->count, sizeof *written);
    r->gradient = parameters_block(p);
    assert_true(written && r->gradient);
    assert_ok(context, tacit_context_set_threads(context, threads ? threads : 1));
    assert_ok(context, work_create(&w, context));
    assert_ok(context, tape_create(&t, context, w->backends[0]));
    assert_ok(context, tape_bind(t, p->tensors, (int)p->count, p->block));
    if (threads)
        tape_set_work(t, w);
    tape_reset(t, TAPE_TRAINING);
    tape_bind_gradients(t, r->gradient, written);
    run(t, model, &embeddings, flip, r);
    for (size_t i = 0; i < p->count; i++)
        assert_true(written[i]);
    tape_destroy(t);
    work_destroy(w);
    memory_free(context, written);
}

/* Nothing of the result is off by more than the tolerance. */
static bool agrees(const parameters *p, const safetensors_file *f, const result *r)
{
    char name[PARAMETER_NAME + 16];
    const double loss = golden_double(f, "loss", 1, 0);
    const float *projected = golden_find(f, "projected", "F32", ROWS * OUTPUTS);
    const float *diff = golden_find(f, "gradient.embeddings", "F32", ROWS * INPUTS);
    bool good = fabs(r->loss - loss) <= tolerance * loss;
    good = good && golden_distance(r->projected, projected, ROWS * OUTPUTS) <= tolerance;
    good = good && golden_distance(r->diff_embeddings, diff, ROWS * INPUTS) <= tolerance;
    for (size_t i = 0; i < p->count; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        snprintf(name, sizeof name, "gradient.%s", p->table[i].name);
        const float *want = golden_find(f, name, "F32", count);
        good = good && golden_distance(r->gradient + p->table[i].offset, want, count) <= tolerance;
    }
    return good;
}

static bool agrees_after(void (*change)(parameters *p), int threads, int32_t flip)
{
    tacit_context *context = test_context();
    safetensors_file f;
    parameters p;
    projector model;
    result r;
    golden_open(&f, context, "simclr.safetensors");
    declare_model(&p, &model, context, &f);
    if (change)
        change(&p);
    pass(&p, &model, &f, threads, flip, &r);
    const bool good = agrees(&p, &f, &r);
    memory_free(context, r.gradient);
    parameters_fini(&p);
    safetensors_close(&f);
    tacit_context_destroy(context);
    return good;
}

static void loss_and_gradients(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 3; threads++)
        assert_true(agrees_after(NULL, threads, 1));
}

/* A column of the matrix: a scaled row is a scaled output, which the batch norm behind it hides. */
static void scale_first_column(parameters *p)
{
    for (int64_t row = 0; row < HIDDEN; row++)
        p->block[p->table[0].offset + row * INPUTS] *= 1.01f;
}

static void shift_last_gain(parameters *p)
{
    p->block[p->table[p->count - 1].offset] *= 1.01f;
}

/* The comparison can fail: a weight 1% off, a gain 1% off, the wrong row as the other view. */
static void changes_are_seen(void **state)
{
    (void)state;
    assert_false(agrees_after(scale_first_column, 0, 1));
    assert_false(agrees_after(shift_last_gain, 0, 1));
    assert_false(agrees_after(NULL, 0, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradients),
        cmocka_unit_test(changes_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
