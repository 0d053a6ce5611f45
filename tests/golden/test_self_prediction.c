/* Ten training steps of denoise and autoencode against PyTorch's (made by make_self_prediction.py): losses,
 * gradient norms, the first gradients of all parameters, and what the trained models give. And the gradients
 * of whole losses against central differences.
 *
 * Planted by hand, each alone, and seen to fail `ten_steps`: the tokens 0 .. T-1 read in place of 1 .. T, no
 * positions in the decoder. `a_changed_weight_is_seen` plants one more on every run.
 */
#include "golden_training.h"

#include "objective/self_prediction/denoise.h"

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

/* denoise, not autoencode */
static bool is_damaged(const trial *t)
{
    return strcmp(settings_text(t->settings, "method"), "denoise") == 0;
}

static void declare_model(trial *t, const char *name)
{
    const encoder_settings e = {.height = SIZE,
                                .width = SIZE,
                                .channels = CHANNELS,
                                .patch = PATCH,
                                .readout = READOUT_MEAN,
                                .regions = 1,
                                .share = 1.0};
    assert_ok(t->context, config_create(&t->settings, t->context, name));
    assert_ok(t->context, settings_set(t->settings, "decoder-width", "16"));
    assert_ok(t->context, settings_set(t->settings, "decoder-depth", "1"));
    if (!is_damaged(t))
        assert_ok(t->context, settings_set(t->settings, "code", "6"));
    trial_declare(t, name, "vit-nano", 32, &e);
    assert_int_equal(t->method.width, is_damaged(t) ? 32 : CODE);
}

static void set_up(trial *t, const char *name)
{
    char file[64];
    *t = (trial){.context = test_context()};
    snprintf(file, sizeof file, "%s.safetensors", name);
    golden_open(&t->file, t->context, file);
    declare_model(t, name);
    trial_begin(t);
}

static tensor pictures_of(const trial *t, const char *name, int step)
{
    const float *all = golden_find(&t->file, name, "F32", STEPS * BATCH * PICTURE);
    return tensor_of(DTYPE_F32, shape_4(BATCH, SIZE, SIZE, CHANNELS),
                     (void *)(uintptr_t)(all + (int64_t)step * BATCH * PICTURE));
}

/* The loss of one step on a fresh tape. */
static value forward(trial *t, int step)
{
    const tensor pictures = pictures_of(t, "images", step);
    const value images = tape_constant(t->tape, &pictures);
    if (!is_damaged(t))
        return t->method.objective->lane(&t->method, t->tape, &(lane){.count = BATCH, .views = images});
    const tensor damaged = pictures_of(t, "damaged", step);
    return denoise_loss(&t->method, t->tape, images, tape_constant(t->tape, &damaged));
}

/* Loss and gradient (into t->gradient) of one step. */
static double loss_of(trial *t, int step)
{
    trial_forward(t);
    return trial_backward(t, forward(t, step));
}

/* What is restored, or the codes: the outputs that uses are given. */
static void compare_final(trial *t)
{
    const objective *o = t->method.objective;
    const tensor pictures = pictures_of(t, is_damaged(t) ? "damaged" : "images", 0);
    tape_reset(t->tape, TAPE_INFERENCE);
    const value in = tape_constant(t->tape, &pictures);
    const value out = is_damaged(t) ? o->restore(&t->method, t->tape, in) : o->embed(&t->method, t->tape, in);
    assert_ok(t->context, tape_status(t->tape));
    const int64_t count = is_damaged(t) ? BATCH * PICTURE : BATCH * CODE;
    trial_compare(t, "final", tape_f32(t->tape, out), count, tolerance);
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
            trial_compare_gradients(&t, tolerance);
        trial_update(&t, step, 0.95, 0.05);
    }
    compare_final(&t);
    trial_end(&t);
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
        trial_load(&t);
    }
    trial_end(&t);
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
            tape_reset(t.tape, TAPE_INFERENCE);
            side[s] = (double)*tape_f32(t.tape, forward(&t, 0));
            trial_load(&t);
        }
        const double slope = (side[0] - side[1]) / (2 * step);
        if (!(fabs(slope - square) <= 0.01 * square))
            fail_msg("%s: slope %g, gradient squared %g", p->name, slope, square);
    }
    trial_end(&t);
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
