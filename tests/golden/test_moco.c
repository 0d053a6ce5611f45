/* moco by its own functions with a small encoder: ten steps against PyTorch's (moco.safetensors, made by
 * make_moco.py), a first step whose loss is known, and the life of the queue and of the key encoder. */
#include "golden_data.h"

#include "objective/objective.h"
#include "op/op.h"
#include "train/config.h"
#include "train/optimizer.h"

enum { STEPS = 10, BATCH = 6, SIDE = 2, CHANNELS = 3, PIXELS = 12, WIDTH = 10, OUTPUTS = 5, QUEUE = 16 };

static const double tolerance = 1e-4;

/* ---- a linear layer and ReLU ---- */

typedef struct small_encoder {
    encoder base;
    value wei, bias;
} small_encoder;

static value small_embed(const encoder *e, tape *t, value pictures)
{
    const small_encoder *s = (const small_encoder *)e;
    const int64_t count = tape_tensor(t, pictures)->shape.size[0];
    return op_relu(t, op_linear(t, op_reshape(t, pictures, shape_2(count, PIXELS)), s->wei, s->bias));
}

/* ---- a trial ---- */

typedef struct trial {
    tacit_context *context;
    settings *settings;
    small_encoder encoder;
    parameters parameters;
    method method;
    work *work;
    tape *tape, *target;
    float *gradient, *state[OPTIMIZER_BLOCKS];
    bool *written;
} trial;

/* Mistakes of a training loop. */
typedef enum mistake { NONE, AVERAGE_LAST, NO_ENQUEUE, AVERAGE_TWICE } mistake;

static void configure(trial *t)
{
    static const char *const rows[][2] = {{"batch", "6"},
                                          {"queue", "16"},
                                          {"key-momentum", "0.9"},
                                          {"last-key-momentum", "0.99"},
                                          {"projector-layers", "2"},
                                          {"projector-width", "8"},
                                          {"projector-output", "5"}};
    assert_ok(t->context, config_create(&t->settings, t->context, "moco"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_ok(t->context, settings_set(t->settings, rows[i][0], rows[i][1]));
}

static void declare_model(trial *t)
{
    parameters *p = &t->parameters;
    parameters_init(p, t->context);
    t->encoder.base = (encoder){.context = t->context, .width = WIDTH, .embed = small_embed};
    t->encoder.wei = parameters_add(p, "encoder.weight", shape_2(WIDTH, PIXELS), INIT_XAVIER, 0);
    t->encoder.bias = parameters_add(p, "encoder.bias", shape_1(WIDTH), INIT_ZERO, 0);
    t->method =
        (method){.context = t->context, .objective = objective_find("moco"), .encoder = &t->encoder.base};
    assert_ok(t->context, t->method.objective->create(&t->method, p, t->settings));
    assert_ok(t->context, parameters_allocate(p));
    parameters_initialise(p, 5);
}

static void create_tapes(trial *t)
{
    const parameters *p = &t->parameters;
    const parameter_average *a = t->method.target;
    assert_ok(t->context, work_create(&t->work, t->context));
    assert_ok(t->context, tape_create(&t->tape, t->context, t->work->backends[0]));
    assert_ok(t->context, tape_bind(t->tape, p->tensors, (int)p->count, p->block));
    assert_ok(t->context, tape_create(&t->target, t->context, t->work->backends[0]));
    assert_ok(t->context, tape_bind(t->target, a->tensors, (int)p->count, a->block));
    t->gradient = parameters_block(p);
    t->state[0] = parameters_block(p);
    t->written = memory_alloc(t->context, p->count, sizeof *t->written);
    assert_true(t->gradient && t->state[0] && t->written);
}

/* The method as declared, with random parameters, before training. */
static void declare(trial *t)
{
    *t = (trial){.context = test_context()};
    assert_ok(t->context, tacit_context_set_threads(t->context, 1));
    configure(t);
    declare_model(t);
}

static void begin(trial *t)
{
    assert_ok(t->context, t->method.objective->begin(&t->method, &t->parameters, t->settings));
    create_tapes(t);
}

static void tear_down(trial *t)
{
    tape_destroy(t->tape);
    tape_destroy(t->target);
    work_destroy(t->work);
    t->method.objective->destroy(&t->method);
    memory_free(t->context, t->gradient);
    memory_free(t->context, t->state[0]);
    memory_free(t->context, t->written);
    parameters_fini(&t->parameters);
    settings_destroy(t->settings);
    tacit_context_destroy(t->context);
}

static float *queue_of(const trial *t)
{
    return t->method.blocks[1].data;
}

/* ---- a step ---- */

static lane lane_of(tape *t, const float *pixels)
{
    const tensor pictures =
        tensor_of(DTYPE_F32, shape_4(BATCH, SIDE, SIDE, CHANNELS), (void *)(uintptr_t)pixels);
    return (lane){.count = BATCH, .views = tape_constant(t, &pictures)};
}

/* Loss and gradient of queries and keys (BATCH, PIXELS). */
static double couple(trial *t, const float *queries, const float *keys)
{
    const objective *o = t->method.objective;
    memset(t->written, 0, t->parameters.count * sizeof *t->written);
    tape_reset(t->target, TAPE_INFERENCE);
    const lane key_lane = lane_of(t->target, keys);
    const value made = o->target(&t->method, t->target, &key_lane);
    assert_ok(t->context, tape_status(t->target));
    tape_reset(t->tape, TAPE_TRAINING);
    tape_bind_gradients(t->tape, t->gradient, t->written);
    const lane query_lane = lane_of(t->tape, queries);
    const value embeddings = o->lane(&t->method, t->tape, &query_lane);
    const value loss =
        o->couple(&t->method, t->tape, embeddings, tape_constant(t->tape, tape_tensor(t->target, made)));
    assert_ok(t->context, tape_status(t->tape));
    const double result = (double)*tape_f32(t->tape, loss);
    assert_ok(t->context, tape_backward(t->tape, loss, NULL, 1.0f));
    return result;
}

static double run_step(trial *t, int step, const float *queries, const float *keys, mistake wrong)
{
    static const optimizer_settings sgd = {.momentum = 0.9, .layer_decay = 1};
    const optimizer_step now = {.step = step + 1, .lr = 0.05};
    const objective *o = t->method.objective;
    if (wrong != AVERAGE_LAST)
        o->before_step(&t->method, &t->parameters, step, STEPS);
    if (wrong == AVERAGE_TWICE)
        o->before_step(&t->method, &t->parameters, step, STEPS);
    const double loss = couple(t, queries, keys);
    optimizer_run(&optimizer_sgd, &sgd, &now, &t->parameters, t->gradient, t->state, t->work);
    if (wrong == AVERAGE_LAST)
        o->before_step(&t->method, &t->parameters, step, STEPS);
    if (wrong != NO_ENQUEUE)
        o->after_step(&t->method, step);
    return loss;
}

/* ---- against PyTorch ---- */

static bool near_golden(const safetensors_file *f, const char *what, const parameters *p, const float *block)
{
    char name[PARAMETER_NAME + 32];
    bool near = true;
    for (size_t i = 0; i < p->count; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        snprintf(name, sizeof name, "%s%s", what, p->table[i].name);
        const float *want = golden_find(f, name, "F32", count);
        near = near && golden_distance(block + p->table[i].offset, want, count) <= tolerance;
    }
    return near;
}

static void load_golden(trial *t, const safetensors_file *f)
{
    char name[PARAMETER_NAME + 32];
    for (size_t i = 0; i < t->parameters.count; i++) {
        const parameter *p = &t->parameters.table[i];
        const int64_t count = shape_count(p->shape);
        snprintf(name, sizeof name, "initial.%s", p->name);
        memcpy(t->parameters.block + p->offset, golden_find(f, name, "F32", count),
               (size_t)count * sizeof(float));
    }
}

static bool ten_steps_agree(mistake wrong, float change)
{
    trial t;
    safetensors_file f;
    bool near = true;
    declare(&t);
    golden_open(&f, t.context, "moco.safetensors");
    load_golden(&t, &f);
    t.parameters.block[3] += change;
    begin(&t);
    memcpy(queue_of(&t), golden_find(&f, "initial.queue", "F32", QUEUE * OUTPUTS),
           QUEUE * OUTPUTS * sizeof(float));
    const float *queries = golden_find(&f, "queries", "F32", STEPS * BATCH * PIXELS);
    const float *keys = golden_find(&f, "keys", "F32", STEPS * BATCH * PIXELS);
    for (int step = 0; step < STEPS; step++) {
        const int64_t at = (int64_t)step * BATCH * PIXELS;
        const double loss = run_step(&t, step, queries + at, keys + at, wrong),
                     want = golden_double(&f, "loss", STEPS, step);
        near = near && fabs(loss - want) <= tolerance * want;
    }
    near = near && near_golden(&f, "final.", &t.parameters, t.parameters.block);
    near = near && near_golden(&f, "final.momentum.", &t.parameters, t.method.blocks[0].data);
    near = near && golden_distance(queue_of(&t), golden_find(&f, "final.queue", "F32", QUEUE * OUTPUTS),
                                   QUEUE * OUTPUTS) <= tolerance;
    safetensors_close(&f);
    tear_down(&t);
    return near;
}

static void ten_steps(void **state)
{
    (void)state;
    assert_true(ten_steps_agree(NONE, 0));
}

/* The comparison can fail: each mistake in the order of a step alone, and a weight that is off. */
static void mistakes_are_seen(void **state)
{
    (void)state;
    assert_false(ten_steps_agree(AVERAGE_LAST, 0));
    assert_false(ten_steps_agree(NO_ENQUEUE, 0));
    assert_false(ten_steps_agree(AVERAGE_TWICE, 0));
    assert_false(ten_steps_agree(NONE, 0.01f));
}

/* ---- by hand ---- */

static void random_pixels(float *pixels)
{
    draws d = draws_at(2, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < BATCH * PIXELS; i++)
        pixels[i] = draw_normal(&d);
}

/* The last gain of the projector takes the last axis out of every embedding; the queue is that axis. Query
 * and key are the same view under the same weights. So the own logit is 1 / T, all others are 0. */
static void first_step_against_a_known_queue(void **state)
{
    (void)state;
    trial t;
    float pixels[BATCH * PIXELS];
    declare(&t);
    const parameter *gain = parameters_find(&t.parameters, "projector.1.norm.weight");
    t.parameters.block[gain->offset + OUTPUTS - 1] = 0;
    begin(&t);
    for (int r = 0; r < QUEUE; r++)
        for (int i = 0; i < OUTPUTS; i++)
            queue_of(&t)[r * OUTPUTS + i] = i == OUTPUTS - 1 ? 1.0f : 0.0f;
    random_pixels(pixels);
    t.method.objective->before_step(&t.method, &t.parameters, 0, STEPS);
    const double loss = couple(&t, pixels, pixels);
    assert_near(loss, log1p(QUEUE * exp(-5)), 1e-6, 1e-5); /* temperature 0.2 */
    t.method.objective->after_step(&t.method, 0);
    for (int r = 0; r < QUEUE; r++) /* the first rows are keys now, and only they */
        assert_true((queue_of(&t)[r * OUTPUTS + OUTPUTS - 1] == 0.0f) == (r < BATCH));
    tear_down(&t);
}

/* Rows of length 1, by the seed, no two alike. */
static void the_queue_begins_on_the_sphere(void **state)
{
    (void)state;
    trial t, again, other;
    declare(&t);
    declare(&again);
    declare(&other);
    assert_ok(other.context, settings_set(other.settings, "seed", "2"));
    begin(&t);
    begin(&again);
    begin(&other);
    for (int r = 0; r < QUEUE; r++) {
        const float *row = queue_of(&t) + r * OUTPUTS;
        double squares = 0;
        for (int i = 0; i < OUTPUTS; i++)
            squares += (double)row[i] * (double)row[i];
        assert_near(squares, 1, 1e-6, 0);
        for (int k = 0; k < r; k++)
            assert_memory_not_equal(row, queue_of(&t) + k * OUTPUTS, OUTPUTS * sizeof *row);
    }
    assert_memory_equal(queue_of(&t), queue_of(&again), QUEUE * OUTPUTS * sizeof(float));
    assert_memory_not_equal(queue_of(&t), queue_of(&other), QUEUE * OUTPUTS * sizeof(float));
    tear_down(&t);
    tear_down(&again);
    tear_down(&other);
}

/* The key encoder begins as a copy; it follows by its share of the way, and only before a step. */
static void the_key_encoder_follows(void **state)
{
    (void)state;
    trial t;
    declare(&t);
    begin(&t);
    const parameters *p = &t.parameters;
    const float *slow = t.method.blocks[0].data;
    assert_true(t.method.blocks[0].count == p->size && slow != p->block);
    assert_memory_equal(slow, p->block, (size_t)p->size * sizeof *slow);
    const float before = p->block[0];
    p->block[0] += 1;
    t.method.objective->before_step(&t.method, p, 0, STEPS);
    assert_near((double)(slow[0] - before), 0.1, 1e-6, 0);
    const float then = slow[0];
    t.method.objective->before_step(&t.method, p, STEPS, STEPS); /* the cosine's end: 0.99 */
    assert_near((double)(slow[0] - then), 0.01 * ((double)p->block[0] - (double)then), 1e-6, 0);
    tear_down(&t);
}

static void a_queue_smaller_than_the_batch(void **state)
{
    (void)state;
    trial t;
    declare(&t);
    assert_ok(t.context, settings_set(t.settings, "batch", "17"));
    assert_fails(t.context, t.method.objective->begin(&t.method, &t.parameters, t.settings), TACIT_ARGUMENT,
                 "--queue 16 holds less than a batch: expected at least --batch 17");
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps),
        cmocka_unit_test(mistakes_are_seen),
        cmocka_unit_test(first_step_against_a_known_queue),
        cmocka_unit_test(the_queue_begins_on_the_sphere),
        cmocka_unit_test(the_key_encoder_follows),
        cmocka_unit_test(a_queue_smaller_than_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
