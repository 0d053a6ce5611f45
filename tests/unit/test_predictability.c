/* How well examples are predicted: every part once, from the others; the same bits for any number of threads.
 */
#include "support.h"

#include "base/philox.h"
#include "train/config.h"
#include "use/predictability.h"

#include <math.h>
#include <string.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, COLUMNS = 6, MANY = 70 };

static const int first_columns[] = {0, 1, 3, 4, 5, 6};

static tacit_status plain_view(const views *v, int64_t example, scratch *s, void *out)
{
    (void)s;
    float *numbers = out;
    draws d = draws_at(4, DRAW_TEST, 0, (uint64_t)example, 0);
    for (int64_t i = 0; i < shape_count(v->shape); i++)
        numbers[i] = draw_normal(&d);
    return TACIT_OK;
}

static const views pictures = {.dtype = DTYPE_F32,
                               .shape = {3, {SIDE, SIDE, 1}},
                               .pixels = {{0.4f, 0, 0}, {0.25f, 1, 1}},
                               .plain = plain_view};
static const views rows = {
    .dtype = DTYPE_F32, .shape = {1, {COLUMNS}}, .features = {5, first_columns}, .plain = plain_view};

typedef struct trial {
    tacit_context *context;
    settings *settings;
    learner *learner;
    work *work;
    int64_t examples[MANY];
    double error[MANY];
} trial;

static void set_up(trial *t, const char *name, const views *v, int threads)
{
    t->context = test_context();
    t->context->threads = threads;
    assert_ok(t->context, config_create(&t->settings, t->context, name));
    assert_ok(t->context, settings_set(t->settings, "encoder", v == &rows ? "mlp" : "vit-nano"));
    if (v == &pictures) {
        assert_ok(t->context, settings_set(t->settings, "patch", "2"));
        assert_ok(t->context, settings_set(t->settings, "readout", "mean"));
    }
    assert_ok(t->context, learner_create(&t->learner, t->context, t->settings, v->shape));
    assert_ok(t->context, work_create(&t->work, t->context));
    for (int i = 0; i < MANY; i++)
        t->examples[i] = 3 * i;
}

static void tear_down(trial *t)
{
    learner_destroy(t->learner);
    settings_destroy(t->settings);
    work_destroy(t->work);
    tacit_context_destroy(t->context);
}

/* All parameters are zero: what is hidden becomes the mean, and everything is hidden once, so the error is
 * the mean square distance from the mean. */
static void every_part_is_hidden_once(void **state)
{
    (void)state;
    static const char *const methods[] = {"mae", "denoise", "autoencode"};
    for (int k = 0; k < 6; k++) {
        const views *v = k < 3 ? &pictures : &rows;
        float x[PIXELS];
        trial t;
        set_up(&t, methods[k % 3], v, 2);
        assert_true(predictability_has(t.learner));
        assert_ok(t.context, predictability_run(t.learner, v, t.work, t.examples, MANY, t.error));
        for (int i = 0; i < MANY; i += 23) {
            double sum = 0;
            assert_ok(t.context, plain_view(v, t.examples[i], NULL, x));
            for (int64_t n = 0; n < shape_count(v->shape); n++)
                sum += (double)x[n] * (double)x[n] * (v == &pictures ? 0.0625 : 1.0);
            assert_near(t.error[i], sum / (double)shape_count(v->shape), 1e-5, 1e-5);
        }
        tear_down(&t);
    }
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    double one[MANY];
    for (int threads = 1; threads <= 3; threads++) {
        trial t;
        set_up(&t, "mae", &pictures, threads);
        parameters_initialise(&t.learner->parameters, 7);
        assert_ok(t.context, predictability_run(t.learner, &pictures, t.work, t.examples, MANY, t.error));
        if (threads == 1)
            memcpy(one, t.error, sizeof one);
        assert_memory_equal(one, t.error, sizeof one);
        tear_down(&t);
    }
    assert_true(one[0] > 0 && one[0] != one[1]);
}

static void heat_is_where_the_error_is(void **state)
{
    (void)state;
    float original[2 * PIXELS], predicted[2 * PIXELS], heat[2 * PIXELS];
    trial t;
    set_up(&t, "mae", &pictures, 2);
    parameters_initialise(&t.learner->parameters, 7);
    assert_ok(t.context, predictability_run(t.learner, &pictures, t.work, t.examples, 2, t.error));
    assert_ok(t.context,
              predictability_show(t.learner, &pictures, t.work, t.examples, 2, original, predicted, heat));
    for (int i = 0; i < 2; i++) {
        double sum = 0;
        for (int k = 0; k < PIXELS; k++) {
            const double difference = (double)original[i * PIXELS + k] - (double)predicted[i * PIXELS + k];
            assert_near((double)heat[i * PIXELS + k], difference * difference, 1e-6, 1e-5);
            sum += difference * difference;
        }
        assert_near(t.error[i], sum / PIXELS, 1e-7, 1e-6);
    }
    tear_down(&t);
}

static void contrastive_methods_predict_nothing(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "simclr", &pictures, 1);
    assert_false(predictability_has(t.learner));
    tear_down(&t);
    set_up(&t, "simclr", &rows, 1);
    assert_false(predictability_has(t.learner));
    assert_fails(t.context, predictability_run(t.learner, &rows, t.work, t.examples, 1, t.error),
                 TACIT_ARGUMENT, "simclr does not predict rows");
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_hidden_once),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(heat_is_where_the_error_is),
        cmocka_unit_test(contrastive_methods_predict_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
