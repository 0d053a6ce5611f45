/* Batch norm in use: what is measured once is what a lane of training finds. */
#include "support.h"

#include "train/config.h"
#include "train/embedder.h"

#include <math.h>

enum { SIZE = 8, LANE = 64, NUMBERS = SIZE * SIZE };

static tacit_status plain_view(const views *v, int64_t example, scratch *s, void *out)
{
    (void)s;
    float *numbers = out;
    draws d = draws_at(5, DRAW_TEST, 0, (uint64_t)example, 0);
    for (int64_t i = 0; i < shape_count(v->shape); i++)
        numbers[i] = draw_normal(&d) + 0.2f * (float)(example % 5);
    return TACIT_OK;
}

static const views noise = {.dtype = DTYPE_F32, .shape = {3, {SIZE, SIZE, 1}}, .plain = plain_view};

typedef struct trial {
    tacit_context *context;
    settings *settings;
    learner *learner;
    work *work;
    embedder *embedder;
    float *embeddings; /* (LANE, D) */
} trial;

/* Every number is moved: a block whose last gain is 0 would hide what is before it. */
static void set_up(trial *t, int threads)
{
    *t = (trial){.context = NULL};
    if (tacit_context_create(&t->context, NULL) != TACIT_OK)
        fail_msg("no context");
    assert_ok(t->context, config_create(&t->settings, t->context, "simclr"));
    assert_ok(t->context, settings_set(t->settings, "encoder", "resnet-10"));
    assert_ok(t->context, settings_set(t->settings, "width", "0.125"));
    assert_ok(t->context, settings_set(t->settings, "patch", "4"));
    assert_ok(t->context, settings_set(t->settings, "readout", "mean"));
    assert_ok(t->context, learner_create(&t->learner, t->context, t->settings, noise.shape));
    parameters *p = &t->learner->parameters;
    parameters_initialise(p, 3);
    draws d = draws_at(6, DRAW_TEST, 0, 0, 0);
    for (int64_t i = 0; i < p->size; i++)
        p->block[i] += 0.05f * draw_normal(&d);
    assert_ok(t->context, tacit_context_set_threads(t->context, threads));
    assert_ok(t->context, work_create(&t->work, t->context));
    assert_ok(t->context, embedder_create(&t->embedder, t->learner, &noise, t->work, false));
    t->embeddings = calloc((size_t)(LANE * learner_width(t->learner)), sizeof *t->embeddings);
    assert_non_null(t->embeddings);
}

static void tear_down(trial *t)
{
    free(t->embeddings);
    embedder_destroy(t->embedder);
    work_destroy(t->work);
    learner_destroy(t->learner);
    settings_destroy(t->settings);
    tacit_context_destroy(t->context);
}

/* Largest difference between what is used and one lane of training, over the largest number. */
static double difference(const trial *t)
{
    tape *pass;
    const parameters *p = &t->learner->parameters;
    double worst = 0, most = 0;
    assert_ok(t->context, tape_create(&pass, t->context, t->work->backends[0]));
    assert_ok(t->context, tape_bind(pass, p->tensors, (int)p->count, p->block));
    tape_reset(pass, TAPE_TRAINING);
    const value x = tape_output(pass, DTYPE_F32, shape_4(LANE, SIZE, SIZE, 1));
    for (int64_t i = 0; i < LANE; i++)
        assert_ok(t->context, plain_view(&noise, i, NULL, tape_f32(pass, x) + i * NUMBERS));
    const float *want = tape_f32(pass, learner_embed(t->learner, pass, x));
    assert_ok(t->context, tape_status(pass));
    assert_ok(t->context, embedder_run(t->embedder, NULL, 0, LANE, t->embeddings, NULL, NULL));
    for (int64_t i = 0; i < LANE * learner_width(t->learner); i++) {
        worst = fmax(worst, fabs((double)t->embeddings[i] - (double)want[i]));
        most = fmax(most, fabs((double)want[i]));
    }
    tape_destroy(pass);
    return worst / most;
}

static void test_use_is_what_a_lane_of_training_gives(void **state)
{
    (void)state;
    trial t;
    set_up(&t, 2);
    if (!(difference(&t) > 0.1))
        fail_msg("what was not measured fits already: this test shows nothing");
    assert_ok(t.context, embedder_calibrate(t.embedder, &t.learner->parameters, NULL, LANE));
    const double found = difference(&t);
    if (!(found <= 1e-5))
        fail_msg("in use the embeddings differ by %g from those of training", found);
    tear_down(&t);
}

/* The stem's mean of each channel after `count` examples of `examples`. */
static void stem_mean(trial *t, const int64_t *examples, int64_t count, float *out)
{
    const parameters *p = &t->learner->parameters;
    assert_ok(t->context, embedder_calibrate(t->embedder, &t->learner->parameters, examples, count));
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->table[i].name, "encoder.bn1.running_mean") == 0) {
            memcpy(out, p->block + p->table[i].offset, 8 * sizeof *out);
            return;
        }
    fail_msg("there is no encoder.bn1.running_mean");
}

static void test_lanes_are_averaged(void **state)
{
    (void)state;
    trial t;
    int64_t second[LANE];
    float one[8], two[8], both[8];
    set_up(&t, 2);
    for (int64_t i = 0; i < LANE; i++)
        second[i] = LANE + i;
    stem_mean(&t, NULL, LANE, one);
    stem_mean(&t, second, LANE, two);
    stem_mean(&t, NULL, 2 * LANE, both);
    for (int i = 0; i < 8; i++)
        if (!(fabsf(both[i] - 0.5f * (one[i] + two[i])) <= 1e-6f * (1.0f + fabsf(both[i]))))
            fail_msg("channel %d: %g is not between %g and %g", i, (double)both[i], (double)one[i],
                     (double)two[i]);
    tear_down(&t);
}

static void test_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    trial one, three;
    set_up(&one, 1);
    set_up(&three, 3);
    assert_ok(one.context, embedder_calibrate(one.embedder, &one.learner->parameters, NULL, 100));
    assert_ok(three.context, embedder_calibrate(three.embedder, &three.learner->parameters, NULL, 100));
    assert_memory_equal(one.learner->parameters.block, three.learner->parameters.block,
                        (size_t)one.learner->parameters.size * sizeof(float));
    tear_down(&one);
    tear_down(&three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_use_is_what_a_lane_of_training_gives),
        cmocka_unit_test(test_lanes_are_averaged),
        cmocka_unit_test(test_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
