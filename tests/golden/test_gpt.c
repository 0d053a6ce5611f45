/* Ten training steps of our transformers for texts against PyTorch's (gpt.safetensors, made by make_gpt.py):
 * next-word with learned and with rotary positions, and masked-word. Losses, gradient norms, the first
 * gradients of all parameters, and logits and embeddings after the last step. */
#include "golden_training.h"

#include "model/gpt.h"
#include "objective/self_prediction/masked_word.h"

enum { STEPS = 10, BATCH = 6, WINDOW = 16, WORDS = 40, HIDDEN = 3, WIDTH = 32 };

static const double tolerance = 1e-5;

/* A model of the golden file with its initial values, and what a step needs. */
static bool masked(const trial *t)
{
    return strcmp(t->name, "masked") == 0;
}

static void declare_model(trial *t)
{
    const char *method_name = masked(t) ? "masked-word" : "next-word";
    const encoder_settings e = {.readout = READOUT_MEAN,
                                .share = 1.0,
                                .window = WINDOW,
                                .vocabulary = WORDS,
                                .positions =
                                    strcmp(t->name, "rotary") == 0 ? POSITIONS_ROTARY : POSITIONS_LEARNED};
    assert_ok(t->context, config_create(&t->settings, t->context, method_name));
    trial_declare(t, method_name, masked(t) ? "bert-nano" : "gpt-nano", WIDTH, &e);
}

static void set_up(trial *t, const char *name)
{
    *t = (trial){.name = name, .context = test_context()};
    golden_open(&t->file, t->context, "gpt.safetensors");
    declare_model(t);
    trial_begin(t);
}

/* ---- steps ---- */

/* The rows of one step, of `all` (STEPS * BATCH, columns). */
static tensor rows_of(const trial *t, const char *name, int columns, int step)
{
    const int32_t *all = golden_find(&t->file, name, "I32", STEPS * BATCH * columns);
    return tensor_of(DTYPE_I32, shape_2(BATCH, columns),
                     (void *)(uintptr_t)(all + (int64_t)step * BATCH * columns));
}

static value next_word_loss(trial *t, int step)
{
    const int64_t examples[BATCH] = {0};
    const tensor ids = rows_of(t, "ids", WINDOW + 1, step);
    const lane l = {.examples = examples, .count = BATCH, .views = tape_constant(t->tape, &ids)};
    return t->method.objective->lane(&t->method, t->tape, &l);
}

static value hidden_word_loss(trial *t, int step)
{
    const tensor read = rows_of(t, "read", WINDOW, step), places = rows_of(t, "places", HIDDEN, step);
    tensor asked = rows_of(t, "asked", HIDDEN, step);
    asked.shape = shape_1(BATCH * HIDDEN);
    const hidden_words h = {.read = tape_constant(t->tape, &read),
                            .places = tape_constant(t->tape, &places),
                            .asked = tape_constant(t->tape, &asked)};
    return masked_word_loss(&t->method, t->tape, &h);
}

/* Loss and gradient (into t->gradient) of one step. */
static double loss_of(trial *t, int step)
{
    trial_forward(t);
    const value loss = masked(t) ? hidden_word_loss(t, step) : next_word_loss(t, step);
    return trial_backward(t, loss);
}

/* ---- what is compared ---- */

static double number_of(const trial *t, const char *what, int step)
{
    return golden_double(&t->file, trial_name(t, what), STEPS, step);
}

static void compare_logits(trial *t)
{
    tensor ids = rows_of(t, "read", WINDOW, 0);
    int32_t first[BATCH * WINDOW];
    const int32_t *all = golden_find(&t->file, "ids", "I32", STEPS * BATCH * (WINDOW + 1));
    for (int i = 0; i < BATCH * WINDOW; i++)
        first[i] = all[i / WINDOW * (WINDOW + 1) + i % WINDOW];
    if (!masked(t))
        ids.data = first;
    tape_reset(t->tape, TAPE_INFERENCE);
    const value x = t->encoder->encode_words(t->encoder, t->tape, tape_constant(t->tape, &ids), (value){0});
    const value logits = op_linear(t->tape, x, t->encoder->words, (value){0});
    assert_ok(t->context, tape_status(t->tape));
    trial_compare(t, "logits", tape_f32(t->tape, logits), BATCH * WINDOW * WORDS, tolerance);
}

static void compare_embeddings(trial *t)
{
    const tensor ids = tensor_of(DTYPE_I32, shape_2(BATCH, WINDOW),
                                 (void *)(uintptr_t)golden_find(&t->file, "padded", "I32", BATCH * WINDOW));
    tape_reset(t->tape, TAPE_INFERENCE);
    const value embeddings = t->encoder->embed(t->encoder, t->tape, tape_constant(t->tape, &ids));
    assert_ok(t->context, tape_status(t->tape));
    trial_compare(t, "embeddings", tape_f32(t->tape, embeddings), BATCH * WIDTH, tolerance);
}

/* ---- tests ---- */

static const char *const models[] = {"learned", "rotary", "masked"};

enum { MODELS = sizeof models / sizeof *models };

static void ten_steps(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        trial t;
        set_up(&t, models[m]);
        for (int step = 0; step < STEPS; step++) {
            assert_near(loss_of(&t, step), number_of(&t, "losses", step), 0, tolerance);
            assert_near(gradient_norm(&t.parameters, t.gradient, t.work),
                        number_of(&t, "gradient_norms", step), 0, tolerance);
            if (step == 0)
                trial_compare_gradients(&t, tolerance);
            trial_update(&t, step, 0.99, 0.1);
        }
        compare_logits(&t);
        compare_embeddings(&t);
        trial_end(&t);
    }
}

/* Loss and gradient norm of the first step are those of the file. */
static bool first_step_agrees(trial *t)
{
    const double loss = number_of(t, "losses", 0), norm = number_of(t, "gradient_norms", 0);
    return fabs(loss_of(t, 0) - loss) <= tolerance * loss &&
           fabs(gradient_norm(&t->parameters, t->gradient, t->work) - norm) <= tolerance * norm;
}

/* The comparison can fail: it sees any one parameter that is 1% off, and what makes the models different. */
static void a_changed_model_is_seen(void **state)
{
    (void)state;
    static const char *const names[] = {"encoder.words.weight", "encoder.blocks.1.mlp.fc2.weight",
                                        "encoder.blocks.0.attn.proj.weight", "encoder.norm.weight"};
    for (int m = 0; m < MODELS; m++) {
        trial t;
        set_up(&t, models[m]);
        block_style *style = &((gpt *)t.encoder)->style;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const parameter *p = parameters_find(&t.parameters, names[i]);
            assert_non_null(p);
            for (int64_t k = 0; k < shape_count(p->shape); k++)
                t.parameters.block[p->offset + k] *= 1.01f;
            assert_false(first_step_agrees(&t));
            trial_load(&t);
            assert_true(first_step_agrees(&t));
        }
        style->causal = !style->causal;
        assert_false(first_step_agrees(&t));
        style->causal = !style->causal;
        style->rotary = !style->rotary;
        assert_false(first_step_agrees(&t));
        style->rotary = !style->rotary;
        style->tanh = false;
        assert_false(first_step_agrees(&t));
        trial_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps),
        cmocka_unit_test(a_changed_model_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
