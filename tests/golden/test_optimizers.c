/* Ten steps of each optimizer against optimizers.safetensors (made by make_optimizers.py), and steps over
 * parameters of many runs: the same bits for any number of workers. */
#include "golden/golden_data.h"
#include "train/optimizer.h"

enum { STEPS = 10, NAMES = 5 };
static const char *const names[NAMES] = {"weight", "kernel", "zero", "bias", "gain"};

/* The store with the golden shapes and initial values. */
static void make_store(parameters *p, tacit_context *context, const safetensors_file *f)
{
    char name[64];
    parameters_init(p, context);
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "initial.%s", names[i]);
        assert_non_null(safetensors_find(f, name));
        parameters_add(p, names[i], safetensors_find(f, name)->tensor.shape, INIT_ZERO, 0);
    }
    assert_ok(context, parameters_allocate(p));
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "initial.%s", names[i]);
        const int64_t count = shape_count(p->table[i].shape);
        memcpy(p->block + p->table[i].offset, golden_find(f, name, "F32", count),
               (size_t)count * sizeof(float));
    }
}

static void golden_step(const safetensors_file *f, const optimizer *o, const optimizer_settings *settings,
                        int step, parameters *p, float *const *blocks, work *w)
{
    char name[64];
    float *gradient = blocks[OPTIMIZER_BLOCKS];
    for (int i = 0; i < NAMES; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        snprintf(name, sizeof name, "gradient.step%d.%s", step, names[i]);
        memcpy(gradient + p->table[i].offset, golden_find(f, name, "F32", count),
               (size_t)count * sizeof(float));
    }
    snprintf(name, sizeof name, "%s.lr", o->name);
    const named_tensor *rates = safetensors_find(f, name);
    optimizer_step now = {.step = step};
    assert_true(rates && rates->size == STEPS * sizeof now.lr);
    memcpy(&now.lr, (const char *)rates->tensor.data + (size_t)(step - 1) * sizeof now.lr, sizeof now.lr);
    optimizer_run(o, settings, &now, p, gradient, blocks, w);
    for (int i = 0; i < NAMES; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        snprintf(name, sizeof name, "%s.step%d.%s", o->name, step, names[i]);
        const float *want = golden_find(f, name, "F32", count);
        for (int64_t j = 0; j < count; j++)
            assert_near((double)p->block[p->table[i].offset + j], (double)want[j], 2e-6, 2e-6);
    }
}

static void compare(const char *optimizer_name, const optimizer_settings *settings)
{
    tacit_context *context = test_context();
    safetensors_file f;
    parameters p;
    work *w;
    golden_open(&f, context, "optimizers.safetensors");
    make_store(&p, context, &f);
    assert_ok(context, work_create(&w, context));
    const optimizer *o = optimizer_find(optimizer_name);
    float *blocks[OPTIMIZER_BLOCKS + 1]; /* state, gradient */
    for (int i = 0; i <= OPTIMIZER_BLOCKS; i++)
        blocks[i] = parameters_block(&p);
    assert_non_null(o);
    for (int step = 1; step <= STEPS; step++)
        golden_step(&f, o, settings, step, &p, blocks, w);
    for (int64_t i = 30; i < 32; i++)
        assert_true(p.block[i] == 0.0f); /* padding behind the 30 floats of the first */
    for (int i = 0; i <= OPTIMIZER_BLOCKS; i++)
        memory_free(context, blocks[i]);
    work_destroy(w);
    parameters_fini(&p);
    safetensors_close(&f);
    tacit_context_destroy(context);
}

static void adamw(void **state)
{
    (void)state;
    compare("adamw", &(optimizer_settings){
                         .momentum = 0.9, .second = 0.95, .epsilon = 1e-8, .decay = 0.05, .layer_decay = 1});
}

static void sgd(void **state)
{
    (void)state;
    compare("sgd", &(optimizer_settings){.momentum = 0.9, .decay = 1e-4, .layer_decay = 1});
}

static void lars(void **state)
{
    (void)state;
    compare("lars", &(optimizer_settings){.momentum = 0.9, .decay = 1e-2, .trust = 0.001, .layer_decay = 1});
}

/* The file's rates are ours, one step later after the warm-up: its cosine starts at a full step. */
static void schedule(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    safetensors_file f;
    double rates[STEPS];
    golden_open(&f, context, "optimizers.safetensors");
    const named_tensor *t = safetensors_find(&f, "lars.lr");
    assert_true(t && t->size == sizeof rates);
    memcpy(rates, t->tensor.data, sizeof rates);
    for (int step = 1; step <= STEPS; step++)
        assert_near(schedule_cosine(2, 0, step <= 3 ? step : step - 1, 3, STEPS), rates[step - 1], 1e-14, 0);
    safetensors_close(&f);
    tacit_context_destroy(context);
}

/* ---- many runs ---- */

enum { LARGE = 3 * 65536 + 777, SMALL = 600 };

/* Three steps with `threads` workers over one parameter of several runs and more small ones than fit in a
 * window; the values into *out (owned by the caller), the norm of the last gradient into *norm. Gradients are
 * the parameters. */
static int64_t train_large(const optimizer *o, int threads, tacit_context *context, float **out, double *norm)
{
    const optimizer_settings settings = {
        .momentum = 0.9, .second = 0.99, .epsilon = 1e-8, .decay = 0.1, .trust = 0.01, .layer_decay = 1};
    parameters p;
    work *w;
    float *state[OPTIMIZER_BLOCKS], *gradient;
    assert_ok(context, tacit_context_set_threads(context, threads));
    assert_ok(context, work_create(&w, context));
    parameters_init(&p, context);
    for (int i = 0; i < SMALL; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        parameters_add(&p, name,
                       i == 300 ? shape_2(LARGE, 1)
                       : i % 2  ? shape_1(5)
                                : shape_2(5, 7),
                       INIT_NORMAL, 1);
    }
    assert_ok(context, parameters_allocate(&p));
    parameters_initialise(&p, 3);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        state[i] = parameters_block(&p);
    gradient = parameters_block(&p);
    for (int step = 1; step <= 3; step++) {
        memcpy(gradient, p.block, (size_t)p.size * sizeof *gradient);
        optimizer_run(o, &settings, &(optimizer_step){step, 0.1}, &p, gradient, state, w);
    }
    *norm = gradient_norm(&p, gradient, w);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        memory_free(context, state[i]);
    memory_free(context, gradient);
    const int64_t size = p.size;
    *out = p.block;
    p.block = NULL;
    parameters_fini(&p);
    work_destroy(w);
    return size;
}

static void same_bits_for_any_workers(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    for (const optimizer *const *o = optimizers; *o; o++) {
        float *one, *many;
        double norm_one, norm_many;
        const int64_t size = train_large(*o, 1, context, &one, &norm_one);
        for (int threads = 2; threads <= 4; threads++) {
            assert_true(train_large(*o, threads, context, &many, &norm_many) == size);
            assert_memory_equal(one, many, (size_t)size * sizeof *one);
            assert_true(norm_one == norm_many && norm_one > 0);
            memory_free(context, many);
        }
        memory_free(context, one);
    }
    tacit_context_destroy(context);
}

/* Every value is changed once, in whichever run it lies: p -= lr (1 + decay) p for SGD's first step, and with
 * LARS the ratio is trust |p| / |p + decay p|, the same for each matrix. */
static void first_step_by_hand(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w;
    parameters p;
    const optimizer_settings settings = {.momentum = 0.9, .decay = 0.25, .trust = 0.5, .layer_decay = 1};
    const float decayed[] = {1 - 0.1f * 1.25f, 1 - 0.1f * 0.5f}, plain = 1 - 0.1f;
    assert_ok(context, work_create(&w, context));
    parameters_init(&p, context);
    parameters_add(&p, "matrix", shape_2(LARGE, 1), INIT_ONE, 0);
    parameters_add(&p, "vector", shape_1(LARGE), INIT_ONE, 0);
    assert_ok(context, parameters_allocate(&p));
    float *velocity[] = {parameters_block(&p)}, *gradient = parameters_block(&p);
    for (int i = 0; i < 2; i++) {
        memset(velocity[0], 0, (size_t)p.size * sizeof(float));
        parameters_initialise(&p, 1);
        memcpy(gradient, p.block, (size_t)p.size * sizeof(float));
        optimizer_run(i ? &optimizer_lars : &optimizer_sgd, &settings, &(optimizer_step){1, 0.1}, &p,
                      gradient, velocity, w);
        for (int64_t j = 0; j < LARGE; j++) {
            assert_near((double)p.block[j], (double)decayed[i], 1e-6, 0);
            assert_near((double)p.block[p.table[1].offset + j], (double)plain, 1e-6, 0);
        }
    }
    memory_free(context, velocity[0]);
    memory_free(context, gradient);
    parameters_fini(&p);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* The layer before the last has half the rate, the one before that a quarter. */
static void layers_have_their_rates(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w;
    parameters p;
    const optimizer_settings settings = {.momentum = 0.9, .layer_decay = 0.5};
    assert_ok(context, work_create(&w, context));
    parameters_init(&p, context);
    for (p.layer = 0; p.layer < 3; p.layer++) {
        char name[] = {(char)('a' + p.layer), '\0'};
        parameters_add(&p, name, shape_1(1), INIT_ONE, 0);
    }
    p.layer--;
    assert_ok(context, parameters_allocate(&p));
    parameters_initialise(&p, 1);
    float *velocity[] = {parameters_block(&p)}, *gradient = parameters_block(&p);
    memcpy(gradient, p.block, (size_t)p.size * sizeof(float));
    optimizer_run(&optimizer_sgd, &settings, &(optimizer_step){1, 0.1}, &p, gradient, velocity, w);
    for (int i = 0; i < 3; i++)
        assert_near((double)p.block[p.table[i].offset], 1 - 0.1 * pow(0.5, 2 - i), 1e-7, 0);
    memory_free(context, velocity[0]);
    memory_free(context, gradient);
    parameters_fini(&p);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void norms(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w;
    parameters p;
    assert_ok(context, work_create(&w, context));
    parameters_init(&p, context);
    parameters_add(&p, "a", shape_1(LARGE), INIT_ONE, 0);
    assert_ok(context, parameters_allocate(&p));
    float *gradient = parameters_block(&p);
    assert_true(gradient_norm(&p, gradient, w) == 0);
    double squares = 0;
    for (int64_t i = 0; i < LARGE; i++) {
        gradient[i] = (float)(i % 1000) * 1e-3f - 0.3f;
        squares += (double)gradient[i] * (double)gradient[i];
    }
    assert_near(gradient_norm(&p, gradient, w), sqrt(squares), 0, 1e-12);
    gradient[LARGE - 1] = 1e30f; /* its square is no float */
    assert_near(gradient_norm(&p, gradient, w), 1e30, 0, 1e-6);
    gradient[70000] = NAN;
    assert_true(isnan(gradient_norm(&p, gradient, w)));
    gradient[70000] = INFINITY;
    assert_true(isinf(gradient_norm(&p, gradient, w)));
    memory_free(context, gradient);
    parameters_fini(&p);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void found_by_name(void **state)
{
    (void)state;
    for (const optimizer *const *o = optimizers; *o; o++) {
        assert_ptr_equal(optimizer_find((*o)->name), *o);
        assert_true((*o)->blocks <= OPTIMIZER_BLOCKS && strlen((*o)->summary) > 10);
    }
    assert_null(optimizer_find("adam"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adamw),
        cmocka_unit_test(sgd),
        cmocka_unit_test(lars),
        cmocka_unit_test(schedule),
        cmocka_unit_test(same_bits_for_any_workers),
        cmocka_unit_test(first_step_by_hand),
        cmocka_unit_test(layers_have_their_rates),
        cmocka_unit_test(norms),
        cmocka_unit_test(found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
