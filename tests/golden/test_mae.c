/* Ten training steps of our masked autoencoder against PyTorch's (mae.safetensors, made by make_mae.py):
 * losses, gradient norms, the first gradients of all parameters, and the embeddings after the last step.
 *
 * Planted by hand, each alone, and seen to fail `ten_steps`: epsilon of layer norm 1e-5, biased variance in
 * the target, a target of raw pixels, the mean over all patches, rows and columns exchanged in the positions,
 * 1% off in the derivative of GELU, sqrt(depth + 1) in attention, decay on every parameter.
 * `a_changed_weight_is_seen` plants one more on every run. */
#include "golden_training.h"

#include "model/transformer.h"
#include "objective/self_prediction/mae.h"

enum { STEPS = 10, BATCH = 8, SIZE = 16, CHANNELS = 3, PATCH = 4, TOKENS = 16, KEPT = 4, WIDTH = 32 };
enum { PICTURE = SIZE * SIZE * CHANNELS, REMOVED = TOKENS - KEPT, DECODER_WIDTH = 16 };

static const double tolerance = 1e-4;

/* The model of the golden file with its initial values, and what a step needs. */
static void declare_model(trial *t)
{
    static const char *const rows[][2] = {
        {"mask-ratio", "0.75"}, {"target", "normalized"}, {"decoder-width", "16"}, {"decoder-depth", "1"}};
    const encoder_settings e = {.height = SIZE,
                                .width = SIZE,
                                .channels = CHANNELS,
                                .patch = PATCH,
                                .readout = READOUT_MEAN,
                                .regions = 1,
                                .share = 1.0};
    assert_ok(t->context, config_create(&t->settings, t->context, "mae"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_ok(t->context, settings_set(t->settings, rows[i][0], rows[i][1]));
    trial_declare(t, "mae", "vit-nano", WIDTH, &e);
}

static void set_up(trial *t)
{
    *t = (trial){.context = test_context()};
    golden_open(&t->file, t->context, "mae.safetensors");
    declare_model(t);
    trial_begin(t);
}

static tensor pictures_of(const trial *t, int step)
{
    const float *all = golden_find(&t->file, "images", "F32", STEPS * BATCH * PICTURE);
    return tensor_of(DTYPE_F32, shape_4(BATCH, SIZE, SIZE, CHANNELS),
                     (void *)(uintptr_t)(all + (int64_t)step * BATCH * PICTURE));
}

static tensor mask_of(const trial *t, const char *name, int count, int step)
{
    const int32_t *all = golden_find(&t->file, name, "I32", STEPS * BATCH * count);
    return tensor_of(DTYPE_I32, shape_2(BATCH, count), (void *)(uintptr_t)(all + step * BATCH * count));
}

/* Loss and gradient (into t->gradient) of one step. */
static double loss_of(trial *t, int step)
{
    const tensor pictures = pictures_of(t, step), kept = mask_of(t, "keep", KEPT, step);
    const tensor removed = mask_of(t, "removed", REMOVED, step);
    trial_forward(t);
    const value loss = mae_loss(&t->method, t->tape, tape_constant(t->tape, &pictures),
                                tape_constant(t->tape, &kept), tape_constant(t->tape, &removed));
    return trial_backward(t, loss);
}

/* With every patch kept: encoder->embed. */
static void compare_embeddings(trial *t)
{
    const tensor pictures = pictures_of(t, 0);
    tape_reset(t->tape, TAPE_INFERENCE);
    const value embeddings = t->encoder->embed(t->encoder, t->tape, tape_constant(t->tape, &pictures));
    assert_ok(t->context, tape_status(t->tape));
    trial_compare(t, "final.embeddings", tape_f32(t->tape, embeddings), BATCH * WIDTH, tolerance);
}

static void ten_steps(void **state)
{
    (void)state;
    trial t;
    set_up(&t);
    for (int step = 0; step < STEPS; step++) {
        assert_near(loss_of(&t, step), golden_double(&t.file, "losses", STEPS, step), 0, tolerance);
        assert_near(gradient_norm(&t.parameters, t.gradient, t.work),
                    golden_double(&t.file, "gradient_norms", STEPS, step), 0, tolerance);
        if (step == 0)
            trial_compare_gradients(&t, tolerance);
        trial_update(&t, step, 0.95, 0.05);
    }
    compare_embeddings(&t);
    trial_end(&t);
}

/* Loss and gradient norm of the first step are those of the file. */
static bool first_step_agrees(trial *t)
{
    const double loss = golden_double(&t->file, "losses", STEPS, 0), got = loss_of(t, 0);
    const double norm = golden_double(&t->file, "gradient_norms", STEPS, 0);
    return fabs(got - loss) <= tolerance * loss &&
           fabs(gradient_norm(&t->parameters, t->gradient, t->work) - norm) <= tolerance * norm;
}

/* The comparison can fail: it sees any one parameter that is 1% off. */
static void a_changed_weight_is_seen(void **state)
{
    (void)state;
    static const char *const names[] = {"encoder.patch_embed.weight", "encoder.blocks.1.mlp.fc2.weight",
                                        "decoder.blocks.0.attn.proj.weight", "decoder.norm.weight"};
    trial t;
    set_up(&t);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const parameter *p = parameters_find(&t.parameters, names[i]);
        assert_non_null(p);
        for (int64_t k = 0; k < shape_count(p->shape); k++)
            t.parameters.block[p->offset + k] *= 1.01f;
        assert_false(first_step_agrees(&t));
        trial_load(&t);
        assert_true(first_step_agrees(&t));
    }
    trial_end(&t);
}

static void fixed_positions(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    safetensors_file f;
    float ours[(1 + TOKENS) * WIDTH];
    golden_open(&f, context, "mae.safetensors");
    const float *want = golden_find(&f, "positions.encoder", "F32", TOKENS * WIDTH);
    positions_fill(ours, WIDTH, 4, 4, false);
    for (int i = 0; i < TOKENS * WIDTH; i++)
        assert_near((double)ours[i], (double)want[i], 1e-6, 0);
    want = golden_find(&f, "positions.decoder", "F32", (1 + TOKENS) * DECODER_WIDTH);
    positions_fill(ours, DECODER_WIDTH, 4, 4, true);
    for (int i = 0; i < (1 + TOKENS) * DECODER_WIDTH; i++)
        assert_near((double)ours[i], (double)want[i], 1e-6, 0);
    safetensors_close(&f);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps),
        cmocka_unit_test(a_changed_weight_is_seen),
        cmocka_unit_test(fixed_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
