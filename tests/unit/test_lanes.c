/* Lanes: whoever computes them, kept or run twice, a batch has one gradient, and it is that of the whole
 * batch. In steady state a step allocates nothing, and few gradients are alive. */
#include "support.h"

#include "train/config.h"
#include "train/lanes.h"

enum { SIZE = 12, CHANNELS = 1, MOST_BATCH = 24 };

/* ---- an allocator that knows the blocks of gradients ---- */

typedef struct block_memory {
    int64_t calls;
    size_t watched;      /* bytes of a gradient block; 0: none is watched */
    int64_t alive, most; /* blocks of that size since it is watched */
    void *blocks[64];
} block_memory;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *watch_alloc(void *user, size_t size)
{
    block_memory *m = user;
    void *pointer = aligned_alloc(64, (size + 63) / 64 * 64);
    pthread_mutex_lock(&lock);
    m->calls++;
    for (int i = 0; size == m->watched && i < 64; i++)
        if (!m->blocks[i]) {
            m->blocks[i] = pointer;
            m->alive++;
            break;
        }
    m->most = m->alive > m->most ? m->alive : m->most;
    pthread_mutex_unlock(&lock);
    return pointer;
}

static void watch_free(void *user, void *pointer)
{
    block_memory *m = user;
    pthread_mutex_lock(&lock);
    for (int i = 0; pointer && i < 64; i++)
        if (m->blocks[i] == pointer) {
            m->blocks[i] = NULL;
            m->alive--;
        }
    pthread_mutex_unlock(&lock);
    free(pointer);
}

/* ---- a trial ---- */

/* Keyed noise: a function of all that a view may depend on. */
static tacit_status random_view(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view,
                                scratch *s, void *out)
{
    (void)s;
    float *numbers = out;
    draws d = draws_at(seed, DRAW_TEST, epoch, (uint64_t)example, view);
    for (int64_t i = 0; i < shape_count(v->shape); i++)
        numbers[i] = draw_normal(&d) + 0.1f * (float)(example % 7);
    return TACIT_OK;
}

/* Fails from example 1000 on. */
static tacit_status broken_view(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view,
                                scratch *s, void *out)
{
    if (example >= 1000)
        return context_fail(s->context, TACIT_FORMAT, "example %lld is broken", (long long)example);
    return random_view(v, seed, epoch, example, view, s, out);
}

static const views noise = {.dtype = DTYPE_F32, .shape = {3, {SIZE, SIZE, CHANNELS}}, .random = random_view};
static const views broken = {.dtype = DTYPE_F32, .shape = {3, {SIZE, SIZE, CHANNELS}}, .random = broken_view};

typedef struct trial {
    tacit_context *context;
    block_memory memory;
    settings *settings;
    learner *learner;
    work *work;
    lanes *lanes;
    lanes_options options;
    int64_t examples[MOST_BATCH];
} trial;

static const lanes_options usual = {
    .batch = 24, .lane = 4, .leaf = 1, .memory = UINT64_C(1) << 40, .seed = 9};

/* A target that runs with the same numbers as the rest would hide a mix-up of the two. */
static void keep_target_apart(const learner *l)
{
    const parameter_average *target = l->method.target;
    for (int64_t i = 0; target && i < l->parameters.size; i++)
        target->block[i] *= 1.0f + 0.01f * (float)(i % 7);
}

static void set_up(trial *t, const char *name, int threads, const lanes_options *o, const views *v)
{
    *t = (trial){.options = *o};
    const tacit_allocator allocator = {watch_alloc, watch_free, &t->memory};
    if (tacit_context_create(&t->context, &allocator) != TACIT_OK)
        fail_msg("no context");
    assert_ok(t->context, config_create(&t->settings, t->context, name));
    assert_ok(t->context, settings_set(t->settings, "encoder", "vit-nano"));
    assert_ok(t->context, settings_set(t->settings, "patch", "4"));
    assert_ok(t->context, settings_set(t->settings, "readout", "mean"));
    if (settings_has(t->settings, "projector-output"))
        assert_ok(t->context, settings_set(t->settings, "projector-output", "64"));
    assert_ok(t->context, learner_create(&t->learner, t->context, t->settings, v->shape));
    assert_ok(t->context, learner_begin(t->learner, t->settings));
    keep_target_apart(t->learner);
    assert_ok(t->context, tacit_context_set_threads(t->context, threads));
    assert_ok(t->context, work_create(&t->work, t->context));
    assert_ok(t->context, lanes_create(&t->lanes, t->learner, v, t->work, o));
    for (int64_t i = 0; i < o->batch; i++)
        t->examples[i] = (i * 37 + 5) % 101;
    t->memory.watched = size_aligned((size_t)t->learner->parameters.size * sizeof(float));
}

static void tear_down(trial *t)
{
    lanes_destroy(t->lanes);
    work_destroy(t->work);
    learner_destroy(t->learner);
    settings_destroy(t->settings);
    tacit_context_destroy(t->context);
}

/* One step of epoch `epoch`; a copy of the gradient, which the caller frees, and the loss. */
static float *step(trial *t, uint32_t epoch, double *loss, bool *rerun)
{
    lanes_result r;
    const parameters *p = &t->learner->parameters;
    assert_ok(t->context, lanes_step(t->lanes, t->examples, epoch, &r));
    float *copy = malloc((size_t)p->size * sizeof *copy);
    assert_true(copy && r.gradient && isfinite(r.loss));
    for (size_t i = 0; i < p->count; i++) /* padding is nobody's */
        memcpy(copy + p->table[i].offset, r.gradient->block + p->table[i].offset,
               (size_t)shape_count(p->table[i].shape) * sizeof *copy);
    *loss = r.loss;
    if (rerun)
        *rerun = r.rerun;
    lanes_give(t->lanes, r.gradient);
    return copy;
}

static bool same_bits(const parameters *p, const float *a, const float *b)
{
    for (size_t i = 0; i < p->count; i++)
        if (memcmp(a + p->table[i].offset, b + p->table[i].offset,
                   (size_t)shape_count(p->table[i].shape) * sizeof *a) != 0)
            return false;
    return true;
}

static double norm_of(const parameter *p, const float *a, const float *b)
{
    double squares = 0;
    for (int64_t k = p->offset; k < p->offset + shape_count(p->shape); k++) {
        const double x = b ? (double)a[k] - (double)b[k] : (double)a[k];
        squares += x * x;
    }
    return sqrt(squares);
}

/* Norm of the difference over the norm of b, for the worst parameter; NaN if any is. Some gradients are 0 but
 * for rounding (what shifts all embeddings alike, before a batch norm): so a hundredth of the norm of all of
 * b is added to each. */
static double distance(const parameters *p, const float *a, const float *b)
{
    double worst = 0, all = 0;
    for (size_t i = 0; i < p->count; i++)
        all = hypot(all, norm_of(&p->table[i], b, NULL));
    for (size_t i = 0; i < p->count; i++) {
        const parameter *one = &p->table[i];
        const double now = norm_of(one, a, b) / (norm_of(one, b, NULL) + 1e-2 * all);
        if (!(now <= worst))
            worst = now;
    }
    return worst;
}

/* ---- tests ---- */

static const char *const methods[] = {"mae", "simclr", "moco", "barlow", "vicreg"};

enum { METHODS = sizeof methods / sizeof *methods };

/* Two epochs: for a batchwise method the first runs lanes twice, the second keeps them. */
static void check_workers(const char *name, const lanes_options *o)
{
    float *one[2] = {NULL, NULL};
    double loss_one[2];
    for (int threads = 1; threads <= 3; threads++) {
        trial t;
        set_up(&t, name, threads, o, &noise);
        for (uint32_t epoch = 0; epoch < 2; epoch++) {
            double loss;
            float *gradient = step(&t, epoch, &loss, NULL);
            if (threads == 1) {
                one[epoch] = gradient;
                loss_one[epoch] = loss;
                continue;
            }
            assert_true(loss == loss_one[epoch]);
            assert_true(same_bits(&t.learner->parameters, gradient, one[epoch]));
            free(gradient);
        }
        if (threads == 1) /* another epoch has other views: the comparison can fail */
            assert_false(same_bits(&t.learner->parameters, one[0], one[1]));
        tear_down(&t);
    }
    free(one[0]);
    free(one[1]);
}

static void same_bits_for_any_workers(void **state)
{
    (void)state;
    lanes_options o = usual;
    for (int i = 0; i < METHODS; i++)
        for (o.leaf = 1; o.leaf <= 2; o.leaf++)
            check_workers(methods[i], &o);
}

/* Views first .. first + each - 1 of the whole batch in epoch 0, which the caller frees. */
static float *whole_views(const trial *t, int first, int each)
{
    const int64_t size = SIZE * SIZE * CHANNELS, batch = t->options.batch;
    float *pixels = malloc((size_t)(batch * each * size) * sizeof *pixels);
    assert_non_null(pixels);
    for (int64_t i = 0; i < batch; i++)
        for (int v = 0; v < each; v++)
            random_view(&noise, t->options.seed, 0, t->examples[i], (uint32_t)(first + v), NULL,
                        pixels + (i * each + v) * size);
    return pixels;
}

static tape *whole_tape(const trial *t, const tensor *tensors, const float *block, tape_mode mode)
{
    tape *whole;
    assert_ok(t->context, tape_create(&whole, t->context, t->work->backends[0]));
    assert_ok(t->context, tape_bind(whole, tensors, (int)t->learner->parameters.count, block));
    tape_reset(whole, mode);
    return whole;
}

static value run_whole(const trial *t, tape *whole, float *pixels, int each,
                       value (*run)(const method *m, tape *t, const lane *l))
{
    const tensor all = tensor_of(DTYPE_F32, shape_4(t->options.batch * each, SIZE, SIZE, CHANNELS), pixels);
    const lane l = {.examples = t->examples,
                    .count = t->options.batch,
                    .views = tape_constant(whole, &all),
                    .seed = t->options.seed};
    const value result = run(&t->learner->method, whole, &l);
    assert_ok(t->context, tape_status(whole));
    return result;
}

/* What the method's target makes of the whole batch, as a constant on `whole`; the tape it lives on, or NULL.
 */
static tape *whole_targets(const trial *t, tape *whole, value *out)
{
    const objective *o = t->learner->method.objective;
    const parameter_average *target = t->learner->method.target;
    if (!o->target)
        return NULL;
    tape *other = whole_tape(t, target->tensors, target->block, TAPE_INFERENCE);
    float *pixels = whole_views(t, o->views, o->target_views);
    *out = tape_constant(whole, tape_tensor(other, run_whole(t, other, pixels, o->target_views, o->target)));
    free(pixels);
    return other;
}

/* The gradient of the whole batch in one piece, by the method's own functions on one tape. */
static float *whole_gradient(const trial *t, double *loss)
{
    const objective *o = t->learner->method.objective;
    const parameters *p = &t->learner->parameters;
    float *gradient = parameters_block(p), *pixels = whole_views(t, 0, o->views);
    bool *written = memory_alloc(t->context, p->count, sizeof *written);
    value targets = {0};
    assert_true(gradient && written);
    tape *whole = whole_tape(t, p->tensors, p->block, TAPE_TRAINING);
    tape_bind_gradients(whole, gradient, written);
    tape *other = whole_targets(t, whole, &targets);
    value result = run_whole(t, whole, pixels, o->views, o->lane);
    if (o->couple)
        result = o->couple(&t->learner->method, whole, result, targets);
    assert_ok(t->context, tape_status(whole));
    *loss = (double)*tape_f32(whole, result);
    assert_ok(t->context, tape_backward(whole, result, NULL, 1.0f));
    tape_destroy(whole);
    tape_destroy(other);
    memory_free(t->context, written);
    free(pixels);
    return gradient;
}

/* Cut into lanes and leaves of any length, also such that do not divide the batch, the gradient is that of
 * the whole. */
static void the_gradient_of_the_whole_batch(void **state)
{
    (void)state;
    static const int64_t cuts[][3] = {{24, 4, 1}, {24, 4, 4}, {22, 4, 1}, {23, 5, 2}, {7, 7, 1}, {5, 1, 3}};
    for (int m = 0; m < METHODS; m++)
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            lanes_options o = usual;
            o.batch = cuts[i][0];
            o.lane = cuts[i][1];
            o.leaf = cuts[i][2];
            trial t;
            double loss, want_loss;
            set_up(&t, methods[m], 2, &o, &noise);
            float *gradient = step(&t, 0, &loss, NULL), *want = whole_gradient(&t, &want_loss);
            assert_near(loss, want_loss, 0, 1e-5);
            assert_near(distance(&t.learner->parameters, gradient, want), 0, 1e-4, 0);
            free(gradient);
            memory_free(t.context, want);
            tear_down(&t);
        }
}

/* The size of a lane and of a leaf are part of the configuration because they do change the bits, though
 * nothing else. */
static void cuts_change_bits_only(void **state)
{
    (void)state;
    for (int m = 0; m < METHODS; m++) {
        float *first = NULL;
        for (int cut = 0; cut < 3; cut++) {
            trial t;
            double loss;
            lanes_options o = usual;
            o.leaf = cut == 1 ? 3 : 1;
            o.lane = cut == 2 ? 8 : 4;
            set_up(&t, methods[m], 1, &o, &noise);
            float *gradient = step(&t, 0, &loss, NULL);
            if (cut == 0) {
                first = gradient;
            } else {
                assert_false(same_bits(&t.learner->parameters, gradient, first));
                assert_near(distance(&t.learner->parameters, gradient, first), 0, 1e-4, 0);
                free(gradient);
            }
            tear_down(&t);
        }
        free(first);
    }
}

static void check_kept_or_twice(const char *name)
{
    for (int threads = 1; threads <= 2; threads++) {
        lanes_options o = usual;
        trial roomy, tight;
        set_up(&roomy, name, threads, &o, &noise);
        o.memory = 1;
        set_up(&tight, name, threads, &o, &noise);
        for (uint32_t epoch = 0; epoch < 3; epoch++) {
            double loss, other;
            bool rerun, rerun_tight;
            float *kept = step(&roomy, epoch, &loss, &rerun);
            float *twice = step(&tight, epoch, &other, &rerun_tight);
            assert_true(rerun == (epoch == 0) && rerun_tight);
            assert_true(loss == other && same_bits(&roomy.learner->parameters, kept, twice));
            free(kept);
            free(twice);
        }
        tear_down(&roomy);
        tear_down(&tight);
    }
}

/* With memory the second step keeps its lanes, without it runs them twice: the same bits. */
static void kept_or_run_twice(void **state)
{
    (void)state;
    check_kept_or_twice("simclr");
    check_kept_or_twice("moco");
}

/* At most workers + log2(leaves) + 1 gradients in the tree, and one of the coupling. Two workers that keep
 * pace; what a stuck worker costs is said in tree.h. */
static void few_gradients_are_alive(void **state)
{
    (void)state;
    for (int m = 0; m < METHODS; m++)
        for (int threads = 1; threads <= 2; threads++) {
            trial t;
            double loss;
            lanes_options o = usual;
            o.lane = 1;
            set_up(&t, methods[m], threads, &o, &noise);
            free(step(&t, 0, &loss, NULL));
            free(step(&t, 1, &loss, NULL));
            assert_true(t.memory.most >= 2);
            assert_true(t.memory.most <= threads + (threads == 1 ? 1 : 2) * 5 + 2); /* log2 of 24, up */
            tear_down(&t);
        }
}

/* Where lanes are run twice, the coupling's block goes back after use, and is the only one that a step
 * allocates. One worker, so that it has seen every shape. A tape's first step finds out what it needs, its
 * second makes one block of that, its third allocates nothing; kept tapes have their first step in the second
 * of all. */
static void steady_state_allocates_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        uint64_t memory;
        uint32_t steady; /* first step that allocates no more, counted from 0 */
        int each;        /* allocations of each later step */
    } cases[] = {{"mae", 1, 2, 0},
                 {"simclr", 1, 2, 1},
                 {"simclr", UINT64_C(1) << 40, 3, 0},
                 {"moco", 1, 2, 1},
                 {"moco", UINT64_C(1) << 40, 3, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trial t;
        double loss;
        lanes_options o = usual;
        o.memory = cases[i].memory;
        o.batch = 22; /* the last lane is shorter */
        set_up(&t, cases[i].method, 1, &o, &noise);
        int64_t before = 0;
        const uint32_t epochs = 5;
        for (uint32_t epoch = 0; epoch < epochs; epoch++) {
            if (epoch == cases[i].steady)
                before = t.memory.calls;
            free(step(&t, epoch, &loss, NULL));
        }
        assert_int_equal(t.memory.calls, before + cases[i].each * (int64_t)(epochs - cases[i].steady));
        tear_down(&t);
    }
}

/* An unreadable example is the step's error, and the next step is as if nothing had been. */
static void a_broken_example_fails_the_step(void **state)
{
    (void)state;
    for (int m = 0; m < METHODS; m++)
        for (int threads = 1; threads <= 2; threads++) {
            trial t;
            double loss;
            lanes_result r;
            set_up(&t, methods[m], threads, &usual, &broken);
            float *before = step(&t, 0, &loss, NULL);
            const int64_t good = t.examples[13];
            t.examples[13] = 1007;
            for (int i = 0; i < 2; i++) {
                context_begin(t.context);
                assert_fails(t.context, lanes_step(t.lanes, t.examples, 0, &r), TACIT_FORMAT,
                             "example 1007 is broken");
                assert_null(r.gradient);
            }
            t.examples[13] = good;
            context_begin(t.context);
            float *after = step(&t, 0, &loss, NULL);
            assert_true(same_bits(&t.learner->parameters, before, after));
            free(before);
            free(after);
            tear_down(&t);
        }
}

/* What lanes were told, by number of the place in the batch. */
static _Atomic int target_lane_of[MOST_BATCH], query_lane_of[MOST_BATCH], told_lanes;

static void note(const lane *l, _Atomic int *lane_of)
{
    const int number = ++told_lanes;
    for (int64_t i = 0; i < l->count; i++)
        lane_of[l->examples[i]] = number;
}

static value noting_lane(const method *m, tape *t, const lane *l)
{
    note(l, query_lane_of);
    return m->encoder->embed(m->encoder, t, l->views);
}

static value noting_target(const method *m, tape *t, const lane *l)
{
    note(l, target_lane_of);
    return m->encoder->embed(m->encoder, t, l->views);
}

/* Every example goes through the target once, run twice or not, and with none of those it shares a lane with.
 */
static void targets_are_dealt_out(void **state)
{
    (void)state;
    lanes_options o = usual;
    o.memory = 1;
    trial t;
    lanes_result r;
    set_up(&t, "moco", 2, &o, &noise);
    objective noting = *t.learner->method.objective;
    noting.lane = noting_lane;
    noting.target = noting_target;
    t.learner->method.objective = &noting;
    for (int i = 0; i < MOST_BATCH; i++)
        t.examples[i] = i;
    assert_ok(t.context, lanes_step(t.lanes, t.examples, 0, &r));
    lanes_give(t.lanes, r.gradient);
    assert_int_equal(told_lanes, 3 * (MOST_BATCH / (int)o.lane));
    for (int i = 0; i < MOST_BATCH; i++)
        for (int k = 0; k < i; k++)
            assert_false(query_lane_of[i] == query_lane_of[k] && target_lane_of[i] == target_lane_of[k]);
    for (int i = 0; i < MOST_BATCH; i++)
        assert_true(query_lane_of[i] > 0 && target_lane_of[i] > 0);
    tear_down(&t);
}

/* Lanes of a method with a target need its weights. */
static void a_target_before_training_is_refused(void **state)
{
    (void)state;
    trial t;
    lanes *l;
    set_up(&t, "moco", 1, &usual, &noise);
    t.learner->method.target = NULL;
    assert_fails(t.context, lanes_create(&l, t.learner, &noise, t.work, &usual), TACIT_STATE,
                 "moco: lanes before training has begun");
    assert_null(l);
    tear_down(&t);
}

/* ---- sizes ---- */

typedef struct wanted_lane {
    const char *method, *encoder, *window; /* window NULL: pictures of 28 x 28, patch 4: 49 tokens */
    int64_t batch, size;
} wanted_lane;

static int64_t default_lane(tacit_context *context, const wanted_lane *w)
{
    settings *s;
    learner *l;
    const int64_t window = w->window ? strtol(w->window, NULL, 10) : 0;
    assert_ok(context, config_create(&s, context, w->method));
    assert_ok(context, settings_set(s, "encoder", w->encoder));
    assert_ok(context, settings_set(s, "readout", "mean"));
    assert_ok(context, settings_set(s, w->window ? "window" : "patch", w->window ? w->window : "4"));
    if (w->window)
        assert_ok(context, settings_set(s, "vocab", "65"));
    assert_ok(context, learner_create(&l, context, s, w->window ? shape_1(window) : shape_3(28, 28, 1)));
    const int64_t size = lanes_default_lane(l, w->batch);
    learner_destroy(l);
    settings_destroy(s);
    return size;
}

/* About a thousand rows of tokens, half of that where a lane may have to be kept. */
static void default_lanes_have_rows_enough(void **state)
{
    (void)state;
    static const wanted_lane wanted[] = {
        {"next-word", "gpt-nano", "1024", 2, 1}, /* two workers have one window each */
        {"next-word", "gpt-nano", "256", 8, 4},  {"next-word", "gpt-nano", "64", 12, 8},
        {"mae", "vit-nano", NULL, 512, 16},      {"mae", "vit-nano", NULL, 8, 8},
        {"simclr", "vit-nano", NULL, 256, 4},    {"simclr", "bert-nano", "1024", 8, 2}};
    tacit_context *context;
    if (tacit_context_create(&context, NULL) != TACIT_OK)
        fail_msg("no context");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_int_equal(default_lane(context, &wanted[i]), wanted[i].size);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_for_any_workers),
        cmocka_unit_test(the_gradient_of_the_whole_batch),
        cmocka_unit_test(cuts_change_bits_only),
        cmocka_unit_test(kept_or_run_twice),
        cmocka_unit_test(few_gradients_are_alive),
        cmocka_unit_test(steady_state_allocates_nothing),
        cmocka_unit_test(a_broken_example_fails_the_step),
        cmocka_unit_test(a_target_before_training_is_refused),
        cmocka_unit_test(targets_are_dealt_out),
        cmocka_unit_test(default_lanes_have_rows_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
