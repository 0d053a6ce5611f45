/* Ten training steps of denoise and autoencode against PyTorch's (made by make_self_prediction.py): losses,
 * gradient norms, the first gradients of all parameters, and what the trained models give. And the gradients
 * of whole losses against central differences.
 *
 * Planted by hand, each alone, and seen to fail `ten_steps`: the tokens 0 .. T-1 read in place of 1 .. T, no
 * positions in the decoder. `a_changed_weight_is_seen` plants one more on every run.
 */
#include "golden_data.h"

#include "objective/self_prediction/denoise.h"
#include "train/config.h"
#include "train/optimizer.h"

enum {
    STEPS = 10,
    BATCH = 4,
    SIZE = 16,
    CHANNELS = 3,
    PATCH = 4,
    PICTURE = SIZE * SIZE * CHANNELS,
    CODE = 6
};

static const double tolerance = 1e-4;

typedef struct trial {
    tacit_context *context;
    bool damaged; /* denoise, not autoencode */
    safetensors_file file;
    settings *settings;
    encoder_kind kind;
    parameters parameters;
    encoder *encoder;
    method method;
    work *work;
    tape *tape;
    float *gradient, *state[OPTIMIZER_BLOCKS];
    bool *written;
} trial;

static void declare_model(trial *t, const char *name)
{
    const encoder_settings e = {.height = SIZE,
                                .width = SIZE,
                                .channels = CHANNELS,
                                .patch = PATCH,
                                .readout = READOUT_MEAN,
                                .regions = 1,
                                .share = 1.0};
    t->kind = *encoder_find("vit-nano");
    t->kind.width = 32;
    t->kind.depth = 2;
    t->kind.heads = 4;
    assert_ok(t->context, config_create(&t->settings, t->context, name));
    assert_ok(t->context, settings_set(t->settings, "decoder-width", "16"));
    assert_ok(t->context, settings_set(t->settings, "decoder-depth", "1"));
    if (!t->damaged)
        assert_ok(t->context, settings_set(t->settings, "code", "6"));
    parameters_init(&t->parameters, t->context);
    assert_ok(t->context, t->kind.create(&t->encoder, &t->parameters, &t->kind, &e));
    t->method = (method){.context = t->context,
                         .objective = objective_find(name),
                         .encoder = t->encoder,
                         .width = t->encoder->width};
    assert_ok(t->context, t->method.objective->create(&t->method, &t->parameters, t->settings));
    assert_ok(t->context, parameters_allocate(&t->parameters));
    assert_int_equal(t->method.width, t->damaged ? 32 : CODE);
}

/* Every parameter of ours is in the file with the same shape, and the file has no other. */
static void load_values(trial *t)
{
    size_t in_file = 0;
    for (size_t i = 0; i < t->parameters.count; i++) {
        const parameter *p = &t->parameters.table[i];
        const int64_t count = shape_count(p->shape);
        const float *values = golden_find(&t->file, p->name, "F32", count);
        assert_true(shape_equal(safetensors_find(&t->file, p->name)->tensor.shape, p->shape));
        memcpy(t->parameters.block + p->offset, values, (size_t)count * sizeof *values);
    }
    for (size_t i = 0; i < t->file.count; i++)
        in_file += strncmp(t->file.tensors[i].name, "gradient.", 9) == 0;
    assert_int_equal(in_file, t->parameters.count);
}

static void set_up(trial *t, const char *name)
{
    char file[64];
    *t = (trial){.context = test_context(), .damaged = strcmp(name, "denoise") == 0};
    snprintf(file, sizeof file, "%s.safetensors", name);
    golden_open(&t->file, t->context, file);
    declare_model(t, name);
    load_values(t);
    parameters *p = &t->parameters;
    assert_ok(t->context, work_create(&t->work, t->context));
    assert_ok(t->context, tape_create(&t->tape, t->context, t->work->backends[0]));
    assert_ok(t->context, tape_bind(t->tape, p->tensors, (int)p->count, p->block));
    t->gradient = parameters_block(p);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        t->state[i] = parameters_block(p);
    t->written = memory_alloc(t->context, p->count, sizeof *t->written);
    assert_true(t->gradient && t->state[0] && t->state[1] && t->written);
}

static void tear_down(trial *t)
{
    memory_free(t->context, t->written);
    memory_free(t->context, t->gradient);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        memory_free(t->context, t->state[i]);
    tape_destroy(t->tape);
    work_destroy(t->work);
    t->method.objective->destroy(&t->method);
    t->encoder->destroy(t->encoder);
    parameters_fini(&t->parameters);
    settings_destroy(t->settings);
    safetensors_close(&t->file);
    tacit_context_destroy(t->context);
}

static tensor pictures_of(const trial *t, const char *name, int step)
{
    const float *all = golden_find(&t->file, name, "F32", STEPS * BATCH * PICTURE);
    return tensor_of(DTYPE_F32, shape_4(BATCH, SIZE, SIZE, CHANNELS),
                     (void *)(uintptr_t)(all + (int64_t)step * BATCH * PICTURE));
}

/* The loss of one step on a fresh tape. */
static value forward(trial *t, int step, tape_mode mode)
{
    const tensor pictures = pictures_of(t, "images", step);
    tape_reset(t->tape, mode);
    const value images = tape_constant(t->tape, &pictures);
    if (!t->damaged)
        return t->method.objective->lane(&t->method, t->tape, &(lane){.count = BATCH, .views = images});
    const tensor damaged = pictures_of(t, "damaged", step);
    return denoise_loss(&t->method, t->tape, images, tape_constant(t->tape, &damaged));
}

/* Loss and gradient (into t->gradient) of one step. */
static double loss_of(trial *t, int step)
{
    memset(t->written, 0, t->parameters.count * sizeof *t->written);
    const value loss = forward(t, step, TAPE_TRAINING);
    tape_bind_gradients(t->tape, t->gradient, t->written);
    assert_ok(t->context, tape_status(t->tape));
    const double number = (double)*tape_f32(t->tape, loss);
    assert_ok(t->context, tape_backward(t->tape, loss, NULL, 1.0f));
    for (size_t i = 0; i < t->parameters.count; i++)
        assert_true(t->written[i]);
    return number;
}

static void update(trial *t, int step)
{
    const optimizer_settings o = {
        .momentum = 0.9, .second = 0.95, .epsilon = 1e-8, .decay = 0.05, .layer_decay = 1};
    optimizer_run(&optimizer_adamw, &o, &(optimizer_step){step + 1, 1e-3}, &t->parameters, t->gradient,
                  t->state, t->work);
}

static void compare_gradients(const trial *t)
{
    for (size_t i = 0; i < t->parameters.count; i++) {
        char name[PARAMETER_NAME + 16];
        const parameter *p = &t->parameters.table[i];
        snprintf(name, sizeof name, "gradient.%s", p->name);
        const int64_t count = shape_count(p->shape);
        const float *want = golden_find(&t->file, name, "F32", count);
        const double distance = golden_distance(t->gradient + p->offset, want, count);
        if (!(distance <= tolerance))
            fail_msg("%s is off by %g of its norm", name, distance);
    }
}

/* What is restored, or the codes: the outputs that uses are given. */
static void compare_final(trial *t)
{
    const objective *o = t->method.objective;
    const tensor pictures = pictures_of(t, t->damaged ? "damaged" : "images", 0);
    tape_reset(t->tape, TAPE_INFERENCE);
    const value in = tape_constant(t->tape, &pictures);
    const value out = t->damaged ? o->restore(&t->method, t->tape, in) : o->embed(&t->method, t->tape, in);
    assert_ok(t->context, tape_status(t->tape));
    const int64_t count = t->damaged ? BATCH * PICTURE : BATCH * CODE;
    const float *want = golden_find(&t->file, "final", "F32", count);
    assert_near(golden_distance(tape_f32(t->tape, out), want, count), 0, tolerance, 0);
}

static void ten_steps(void **state)
{
    trial t;
    set_up(&t, *state);
    for (int step = 0; step < STEPS; step++) {
        assert_near(loss_of(&t, step), golden_double(&t.file, "losses", STEPS, step), 0, tolerance);
        assert_near(gradient_norm(&t.parameters, t.gradient, t.work),
                    golden_double(&t.file, "gradient_norms", STEPS, step), 0, tolerance);
        if (step == 0)
            compare_gradients(&t);
        update(&t, step);
    }
    compare_final(&t);
    tear_down(&t);
}

/* The comparison can fail: it sees any one parameter that is 1% off. */
static void a_changed_weight_is_seen(void **state)
{
    static const char *const names[] = {"encoder.patch_embed.weight", "decoder.blocks.0.attn.proj.weight",
                                        "decoder.pred.weight"};
    trial t;
    set_up(&t, *state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const double want = golden_double(&t.file, "gradient_norms", STEPS, 0);
        const parameter *p = parameters_find(&t.parameters, names[i]);
        assert_non_null(p);
        for (int64_t k = 0; k < shape_count(p->shape); k++)
            t.parameters.block[p->offset + k] *= 1.01f;
        loss_of(&t, 0);
        const double norm = gradient_norm(&t.parameters, t.gradient, t.work);
        assert_true(fabs(norm - want) > tolerance * want);
        load_values(&t);
    }
    tear_down(&t);
}

/* The slope of the loss along the gradient of each parameter in turn. Steps in f32 along a whole parameter
 * are large enough to be told from rounding, which steps of one number are not. */
static void central_differences(void **state)
{
    trial t;
    set_up(&t, *state);
    loss_of(&t, 0);
    for (size_t i = 0; i < t.parameters.count; i++) {
        const parameter *p = &t.parameters.table[i];
        double side[2], square = 0;
        for (int64_t k = 0; k < shape_count(p->shape); k++)
            square += (double)t.gradient[p->offset + k] * (double)t.gradient[p->offset + k];
        const double step = 5e-4 / square; /* the loss changes by about this much on either side */
        if (square < 1e-6)
            continue; /* keys' biases have none: the softmax does not see them */
        for (int s = 0; s < 2; s++) {
            for (int64_t k = 0; k < shape_count(p->shape); k++)
                t.parameters.block[p->offset + k] +=
                    (float)((s ? -step : step) * (double)t.gradient[p->offset + k]);
            side[s] = (double)*tape_f32(t.tape, forward(&t, 0, TAPE_INFERENCE));
            load_values(&t);
        }
        const double slope = (side[0] - side[1]) / (2 * step);
        if (!(fabs(slope - square) <= 0.01 * square))
            fail_msg("%s: slope %g, gradient squared %g", p->name, slope, square);
    }
    tear_down(&t);
}

int main(void)
{
    static char denoise[] = "denoise", autoencode[] = "autoencode";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(ten_steps, denoise),
        cmocka_unit_test_prestate(ten_steps, autoencode),
        cmocka_unit_test_prestate(a_changed_weight_is_seen, denoise),
        cmocka_unit_test_prestate(a_changed_weight_is_seen, autoencode),
        cmocka_unit_test_prestate(central_differences, denoise),
        cmocka_unit_test_prestate(central_differences, autoencode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
