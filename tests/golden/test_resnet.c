/* A narrow resnet-10 against PyTorch: embeddings and the gradient of every parameter; convolutions run fast
 * kernels. */
#include "golden/golden_data.h"

#include "model/encoder.h"
#include "op/work.h"

enum { PICTURES = 6, SIDE = 12, WIDTH = 64 };
static const double tolerance = 2e-5;

static void load(parameters *p, const safetensors_file *f)
{
    for (size_t i = 0; i < p->count; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        if (!strstr(p->table[i].name, "running_"))
            memcpy(p->block + p->table[i].offset, golden_find(f, p->table[i].name, "F32", count),
                   (size_t)count * sizeof(float));
    }
}

static bool gradients_agree(const parameters *p, const safetensors_file *f, const float *gradient,
                            const bool *written)
{
    char name[PARAMETER_NAME + 16];
    bool good = true;
    for (size_t i = 0; i < p->count; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        const bool running = strstr(p->table[i].name, "running_") != NULL;
        assert_int_equal(written[i], !running);
        if (running)
            continue;
        snprintf(name, sizeof name, "gradient.%s", p->table[i].name);
        good = good && golden_distance(gradient + p->table[i].offset, golden_find(f, name, "F32", count),
                                       count) <= tolerance;
    }
    return good;
}

static bool pass_agrees(const encoder *e, const parameters *p, const safetensors_file *f, backend *b)
{
    tape *t;
    float *gradient = parameters_block(p);
    bool *written = memory_alloc(p->context, p->count, sizeof *written);
    const float *want = golden_find(f, "embeddings", "F32", PICTURES * WIDTH);
    const tensor pictures =
        tensor_of(DTYPE_F32, shape_4(PICTURES, SIDE, SIDE, 3),
                  (void *)(uintptr_t)golden_find(f, "pictures", "F32", PICTURES * SIDE * SIDE * 3));
    assert_true(gradient && written);
    assert_ok(p->context, tape_create(&t, p->context, b));
    assert_ok(p->context, tape_bind(t, p->tensors, (int)p->count, p->block));
    tape_reset(t, TAPE_TRAINING);
    tape_bind_gradients(t, gradient, written);
    const value out = e->embed(e, t, tape_constant(t, &pictures));
    assert_ok(p->context, tape_status(t));
    bool good = golden_distance(tape_f32(t, out), want, PICTURES * WIDTH) <= tolerance;
    assert_ok(p->context, tape_backward(t, out, golden_find(f, "seed", "F32", PICTURES * WIDTH), 1.0f));
    good = good && gradients_agree(p, f, gradient, written);
    tape_destroy(t);
    memory_free(p->context, gradient);
    memory_free(p->context, written);
    return good;
}

/* `change`: a number of the first convolution 1% off. */
static bool agrees(bool change)
{
    tacit_context *context = test_context();
    safetensors_file f;
    parameters p;
    encoder *e;
    backend *b;
    const encoder_settings s = {
        .height = SIDE, .width = SIDE, .channels = 3, .readout = READOUT_MEAN, .share = 0.125};
    golden_open(&f, context, "resnet.safetensors");
    parameters_init(&p, context);
    const encoder_kind *kind = encoder_find("resnet-10");
    assert_ok(context, kind->create(&e, &p, kind, &s));
    assert_ok(context, parameters_allocate(&p));
    load(&p, &f);
    if (change)
        p.block[p.table[0].offset] *= 1.01f;
    backend_thread_start();
    assert_ok(context, backend_create(&b, context));
    const bool good = pass_agrees(e, &p, &f, b);
    backend_destroy(b);
    e->destroy(e);
    parameters_fini(&p);
    safetensors_close(&f);
    tacit_context_destroy(context);
    return good;
}

static void forward_and_backward(void **state)
{
    (void)state;
    assert_true(agrees(false));
}

static void a_change_is_seen(void **state)
{
    (void)state;
    assert_false(agrees(true));
}

/* Shapes of resnet-18 at 32 x 32, lanes of 32 examples and two views. */
static void fast_implementations(void **state)
{
    (void)state;
    static const convolution_shape shapes[] = {
        {64, 32, 32, 3, 64, 3, 1, 1},   {64, 32, 32, 64, 64, 3, 1, 1},   {64, 32, 32, 64, 128, 3, 2, 1},
        {64, 32, 32, 64, 128, 1, 2, 0}, {64, 16, 16, 128, 128, 3, 1, 1}, {64, 4, 4, 512, 512, 3, 1, 1}};
    tacit_context *context = test_context();
    backend *b;
    backend_thread_start();
    assert_ok(context, backend_create(&b, context));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int pass = CONVOLUTION_FORWARD; pass <= CONVOLUTION_ADD_WEI; pass++) {
            const char *how = backend_convolution_implementation(b, &shapes[i], (convolution_pass)pass);
            if (how[0] == '\0' || strstr(how, "ref"))
                fail_msg("shape %zu, pass %d: \"%s\"", i, pass, how);
        }
    backend_destroy(b);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_and_backward),
        cmocka_unit_test(a_change_is_seen),
        cmocka_unit_test(fast_implementations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
