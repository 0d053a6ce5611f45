/* Ten AdamW steps of barlow and vicreg, by the methods' own couplings, against PyTorch in double
 * (dimension.safetensors, made by make_dimension.py): losses, the first gradients, the final parameters. */
#include "golden_training.h"

enum { STEPS = 10, ROWS = 24, INPUTS = 16 };

static const double tolerance = 1e-4;

/* Its width is all that a coupling asks of an encoder. */
static void leave(encoder *e)
{
    (void)e;
}

static encoder wide = {.width = INPUTS, .destroy = leave};

static void declare_method(trial *t, const char *name, const char *changed, const char *to)
{
    parameters *p = &t->parameters;
    assert_ok(t->context, config_create(&t->settings, t->context, name));
    assert_ok(t->context, settings_set(t->settings, "projector-width", "24"));
    assert_ok(t->context, settings_set(t->settings, "projector-output", "20"));
    if (changed)
        assert_ok(t->context, settings_set(t->settings, changed, to));
    t->encoder = &wide;
    t->method = (method){.context = t->context, .objective = objective_find(name), .encoder = t->encoder};
    parameters_init(p, t->context);
    assert_ok(t->context, t->method.objective->create(&t->method, p, t->settings));
    assert_ok(t->context, parameters_allocate(p));
    for (size_t i = 0; i < p->count; i++) {
        const int64_t count = shape_count(p->table[i].shape);
        memcpy(p->block + p->table[i].offset, golden_find(&t->file, p->table[i].name, "F32", count),
               (size_t)count * sizeof(float));
    }
}

/* With the setting `changed`, unless NULL. */
static void set_up(trial *t, const char *name, int threads, const char *changed, const char *to)
{
    *t = (trial){.context = test_context()};
    golden_open(&t->file, t->context, "dimension.safetensors");
    declare_method(t, name, changed, to);
    assert_ok(t->context, tacit_context_set_threads(t->context, threads ? threads : 1));
    trial_prepare(t);
    if (threads)
        tape_set_work(t->tape, t->work);
}

static bool near_golden(const trial *t, const char *kind, const char *name, const float *got, int64_t count)
{
    char full[PARAMETER_NAME + 64];
    snprintf(full, sizeof full, "%s.%s.%s", t->method.objective->name, kind, name);
    return golden_distance(got, golden_find(&t->file, full, "F32", count), count) <= tolerance;
}

static bool all_near(const trial *t, const char *kind, const float *block)
{
    bool good = true;
    for (size_t i = 0; i < t->parameters.count; i++) {
        const parameter *p = &t->parameters.table[i];
        good = good && near_golden(t, kind, p->name, block + p->offset, shape_count(p->shape));
    }
    return good;
}

/* Forward and backward of one step; whether loss and, in the first step, gradients agree. */
static bool gradients_agree(trial *t, int step)
{
    char name[64];
    const float *all = golden_find(&t->file, "embeddings", "F32", STEPS * ROWS * INPUTS);
    const tensor batch =
        tensor_of(DTYPE_F32, shape_2(ROWS, INPUTS), (void *)(uintptr_t)(all + step * ROWS * INPUTS));
    trial_forward(t);
    const value x = tape_input(t->tape, &batch, true);
    const value loss = t->method.objective->couple(&t->method, t->tape, x, (value){0});
    snprintf(name, sizeof name, "%s.losses", t->method.objective->name);
    const double want = golden_double(&t->file, name, STEPS, step);
    bool good = fabs(trial_backward(t, loss) - want) <= tolerance * want;
    if (step == 0)
        good = good && all_near(t, "gradient", t->gradient) &&
               near_golden(t, "gradient", "embeddings", tape_gradient(t->tape, x), ROWS * INPUTS);
    return good;
}

static void check_steps(const char *name, int threads)
{
    trial t;
    set_up(&t, name, threads, NULL, NULL);
    for (int step = 0; step < STEPS; step++) {
        if (!gradients_agree(&t, step))
            fail_msg("%s, %d threads: step %d", name, threads, step + 1);
        trial_update(&t, step, 0.95, 0.05);
    }
    assert_true(all_near(&t, "final", t.parameters.block));
    trial_end(&t);
}

static void ten_steps(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 3; threads++) {
        check_steps("barlow", threads);
        check_steps("vicreg", threads);
    }
}

/* The comparison can fail: each weight of the losses 1% off. */
static void changed_weights_are_seen(void **state)
{
    (void)state;
    static const char *const changes[][3] = {{"barlow", "redundancy", "0.005151"},
                                             {"vicreg", "invariance", "25.25"},
                                             {"vicreg", "variance", "25.25"},
                                             {"vicreg", "covariance", "1.01"}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        trial t;
        set_up(&t, changes[i][0], 0, changes[i][1], changes[i][2]);
        assert_false(gradients_agree(&t, 0));
        trial_end(&t);
    }
}

/* One number of any parameter off. */
static void changed_parameters_are_seen(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        trial t;
        set_up(&t, m ? "vicreg" : "barlow", 0, NULL, NULL);
        assert_true(gradients_agree(&t, 0));
        for (size_t i = 0; i < t.parameters.count; i++) {
            float *number = &t.parameters.block[t.parameters.table[i].offset];
            const float kept = *number;
            *number += 0.05f;
            assert_false(gradients_agree(&t, 0));
            *number = kept;
        }
        trial_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps),
        cmocka_unit_test(changed_weights_are_seen),
        cmocka_unit_test(changed_parameters_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
