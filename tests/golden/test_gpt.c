/* Ten training steps of our transformers for texts against PyTorch's (gpt.safetensors, made by make_gpt.py):
 * next-word with learned and with rotary positions, and masked-word. Losses, gradient norms, the first
 * gradients of all parameters, and logits and embeddings after the last step. */
#include "golden_data.h"

#include "model/gpt.h"
#include "objective/self_prediction/masked_word.h"
#include "op/op.h"
#include "train/config.h"
#include "train/optimizer.h"

enum { STEPS = 10, BATCH = 6, WINDOW = 16, WORDS = 40, HIDDEN = 3, WIDTH = 32 };

static const double tolerance = 1e-5;

/* A model of the golden file with its initial values, and what a step needs. */
typedef struct trial {
    const char *name; /* in the file */
    tacit_context *context;
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
    t->kind = *encoder_find(masked(t) ? "bert-nano" : "gpt-nano");
    t->kind.width = WIDTH;
    t->kind.depth = 2;
    t->kind.heads = 4;
    assert_ok(t->context, config_create(&t->settings, t->context, method_name));
    parameters_init(&t->parameters, t->context);
    assert_ok(t->context, t->kind.create(&t->encoder, &t->parameters, &t->kind, &e));
    t->method =
        (method){.context = t->context, .objective = objective_find(method_name), .encoder = t->encoder};
    assert_ok(t->context, t->method.objective->create(&t->method, &t->parameters, t->settings));
    assert_ok(t->context, parameters_allocate(&t->parameters));
}

/* Every parameter of ours is in the file with the same shape, and the file has no other. */
static void load_values(trial *t)
{
    char prefix[64];
    size_t in_file = 0;
    for (size_t i = 0; i < t->parameters.count; i++) {
        const parameter *p = &t->parameters.table[i];
        const int64_t count = shape_count(p->shape);
        const float *values = golden_find(&t->file, p->name, "F32", count);
        assert_true(shape_equal(safetensors_find(&t->file, p->name)->tensor.shape, p->shape));
        memcpy(t->parameters.block + p->offset, values, (size_t)count * sizeof *values);
    }
    snprintf(prefix, sizeof prefix, "%s.gradient.", t->name);
    for (size_t i = 0; i < t->file.count; i++)
        in_file += strncmp(t->file.tensors[i].name, prefix, strlen(prefix)) == 0;
    assert_int_equal(in_file, t->parameters.count);
}

static void set_up(trial *t, const char *name)
{
    *t = (trial){.name = name, .context = test_context()};
    golden_open(&t->file, t->context, "gpt.safetensors");
    declare_model(t);
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
    memset(t->written, 0, t->parameters.count * sizeof *t->written);
    tape_reset(t->tape, TAPE_TRAINING);
    tape_bind_gradients(t->tape, t->gradient, t->written);
    const value loss = masked(t) ? hidden_word_loss(t, step) : next_word_loss(t, step);
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
        .momentum = 0.9, .second = 0.99, .epsilon = 1e-8, .decay = 0.1, .layer_decay = 1};
    optimizer_run(&optimizer_adamw, &o, &(optimizer_step){step + 1, 1e-3}, &t->parameters, t->gradient,
                  t->state, t->work);
}

/* ---- what is compared ---- */

static const void *find_of(const trial *t, const char *what, const char *type, int64_t count)
{
    char name[2 * PARAMETER_NAME];
    snprintf(name, sizeof name, "%s.%s", t->name, what);
    return golden_find(&t->file, name, type, count);
}

static double number_of(const trial *t, const char *what, int step)
{
    return ((const double *)find_of(t, what, "F64", STEPS))[step];
}

static void compare(const trial *t, const char *what, const float *got, int64_t count)
{
    const double distance = golden_distance(got, find_of(t, what, "F32", count), count);
    if (!(distance <= tolerance))
        fail_msg("%s of %s are off by %g of their norm", what, t->name, distance);
}

static void compare_gradients(const trial *t)
{
    for (size_t i = 0; i < t->parameters.count; i++) {
        char name[PARAMETER_NAME + 16];
        const parameter *p = &t->parameters.table[i];
        snprintf(name, sizeof name, "gradient.%s", p->name);
        compare(t, name, t->gradient + p->offset, shape_count(p->shape));
    }
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
    compare(t, "logits", tape_f32(t->tape, logits), BATCH * WINDOW * WORDS);
}

static void compare_embeddings(trial *t)
{
    const tensor ids = tensor_of(DTYPE_I32, shape_2(BATCH, WINDOW),
                                 (void *)(uintptr_t)golden_find(&t->file, "padded", "I32", BATCH * WINDOW));
    tape_reset(t->tape, TAPE_INFERENCE);
    const value embeddings = t->encoder->embed(t->encoder, t->tape, tape_constant(t->tape, &ids));
    assert_ok(t->context, tape_status(t->tape));
    compare(t, "embeddings", tape_f32(t->tape, embeddings), BATCH * WIDTH);
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
                compare_gradients(&t);
            update(&t, step);
        }
        compare_logits(&t);
        compare_embeddings(&t);
        tear_down(&t);
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
            load_values(&t);
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
        tear_down(&t);
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
