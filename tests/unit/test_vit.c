/* Vision transformers beside what golden numbers say: positions, layer scale, epsilon, and what is refused.
 */
#include "support.h"

#include "base/file.h"
#include "model/transformer.h"
#include "objective/learner.h"
#include "train/config.h"
#include "train/run.h"
#include "op/work.h"

enum { SIZE = 8, PATCH = 4, TOKENS = 4, PICTURES = 3, WIDTH = 128 };

/* A learner of simclr on pictures of 8 x 8, with settings in pairs. */
static tacit_status create(learner **out, tacit_context *context, const char *kind, const char *const *pairs)
{
    settings *s;
    *out = NULL;
    assert_ok(context, config_create(&s, context, "simclr"));
    assert_ok(context, settings_set(s, "encoder", kind));
    assert_ok(context, settings_set(s, "patch", "4"));
    assert_ok(context, settings_set(s, "readout", "mean"));
    for (; *pairs; pairs += 2)
        assert_ok(context, settings_set(s, pairs[0], pairs[1]));
    const tacit_status status = learner_create(out, context, s, shape_3(SIZE, SIZE, 1));
    if (status == TACIT_OK)
        parameters_initialise(&(*out)->parameters, 3);
    settings_destroy(s);
    return status;
}

/* The patches that `index` (PICTURES, K) names, encoded: (PICTURES, 1 + K, D). */
static void encode(const learner *l, const int32_t *index, int64_t count, float *out)
{
    float numbers[PICTURES * SIZE * SIZE];
    work *w;
    tape *t;
    const parameters *p = &l->parameters;
    for (int i = 0; i < PICTURES * SIZE * SIZE; i++)
        numbers[i] = (float)sin(0.3 * i);
    const tensor x = tensor_of(DTYPE_F32, shape_4(PICTURES, SIZE, SIZE, 1), numbers);
    const tensor named = tensor_of(DTYPE_I32, shape_2(PICTURES, count), (void *)(uintptr_t)index);
    assert_ok(l->context, work_create(&w, l->context));
    assert_ok(l->context, tape_create(&t, l->context, w->backends[0]));
    assert_ok(l->context, tape_bind(t, p->tensors, (int)p->count, p->block));
    tape_reset(t, TAPE_INFERENCE);
    const value patches = op_patchify(t, tape_constant(t, &x), PATCH);
    const value y =
        l->encoder->encode_visible(l->encoder, t, patches, index ? tape_constant(t, &named) : (value){0});
    assert_ok(l->context, tape_status(t));
    memcpy(out, tape_f32(t, y), (size_t)(PICTURES * (1 + count) * WIDTH) * sizeof *out);
    tape_destroy(t);
    work_destroy(w);
}

static const char *const learned[] = {"positions", "learned", NULL};
static const char *const fixed[] = {"positions", "sincos", NULL};
static const char *const nothing[] = {NULL};

/* A patch has the position of its place, whichever others are seen, and the class token its own. */
static void learnt_positions(void **state)
{
    (void)state;
    static const int32_t all[] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3},
                         turned[] = {2, 0, 3, 1, 2, 0, 3, 1, 2, 0, 3, 1};
    float first[PICTURES * (1 + TOKENS) * WIDTH], second[PICTURES * (1 + TOKENS) * WIDTH];
    tacit_context *context = test_context();
    learner *l;
    assert_ok(context, create(&l, context, "vit-nano", learned));
    const parameter *p = parameters_find(&l->parameters, "encoder.positions.weight");
    assert_non_null(p);
    assert_true(shape_equal(p->shape, shape_2(1 + TOKENS, WIDTH)));
    encode(l, NULL, TOKENS, first);
    encode(l, all, TOKENS, second);
    assert_memory_equal(first, second, sizeof first);
    encode(l, turned, TOKENS, second);
    for (int k = 0; k < WIDTH; k++) {
        assert_near((double)second[k], (double)first[k], 1e-5, 0);
        assert_near((double)second[WIDTH + k], (double)first[3 * WIDTH + k], 1e-5, 0);
    }
    l->parameters.block[p->offset] += 1.0f; /* the class token's */
    encode(l, NULL, TOKENS, second);
    assert_true(memcmp(first, second, sizeof first) != 0);
    learner_destroy(l);
    tacit_context_destroy(context);
}

/* Learnt positions with the values of the fixed ones, a layer scale of 1, and the epsilon that is the default
 * change no bit. */
static void the_same_by_other_settings(void **state)
{
    (void)state;
    static const char *const others[] = {"positions", "learned", "norm-epsilon", "1e-6", "layer-scale",
                                         "1",         NULL};
    float first[PICTURES * (1 + TOKENS) * WIDTH], second[PICTURES * (1 + TOKENS) * WIDTH];
    tacit_context *context = test_context();
    learner *l, *other;
    assert_ok(context, create(&l, context, "vit-nano", nothing));
    assert_ok(context, create(&other, context, "vit-nano", others));
    parameters_take(&other->parameters, &l->parameters);
    const parameter *p = parameters_find(&other->parameters, "encoder.positions.weight");
    positions_fill(other->parameters.block + p->offset, WIDTH, 2, 2, true);
    encode(l, NULL, TOKENS, first);
    encode(other, NULL, TOKENS, second);
    assert_memory_equal(first, second, sizeof first);
    p = parameters_find(&other->parameters, "encoder.blocks.3.scale2.weight");
    assert_true(shape_equal(p->shape, shape_1(WIDTH)) && !p->decay);
    other->parameters.block[p->offset + 5] = 0.5f;
    encode(other, NULL, TOKENS, second);
    assert_true(memcmp(first, second, sizeof first) != 0);
    learner_destroy(other);
    learner_destroy(l);
    assert_ok(context, create(&l, context, "vit-nano", fixed));
    encode(l, NULL, TOKENS, second);
    assert_memory_equal(first, second, sizeof first);
    learner_destroy(l);
    tacit_context_destroy(context);
}

static void first_values_and_epsilon(void **state)
{
    (void)state;
    static const char *const scaled[] = {"layer-scale", "0.25", NULL}, *const wide[] = {"norm-epsilon", "0.1",
                                                                                        NULL};
    float first[PICTURES * (1 + TOKENS) * WIDTH], second[PICTURES * (1 + TOKENS) * WIDTH];
    tacit_context *context = test_context();
    learner *l;
    assert_ok(context, create(&l, context, "vit-nano", scaled));
    const parameter *p = parameters_find(&l->parameters, "encoder.blocks.0.scale1.weight");
    for (int i = 0; i < WIDTH; i++)
        assert_true(l->parameters.block[p->offset + i] == 0.25f);
    learner_destroy(l);
    assert_ok(context, create(&l, context, "vit-nano", nothing));
    encode(l, NULL, TOKENS, first);
    learner_destroy(l);
    assert_ok(context, create(&l, context, "vit-nano", wide));
    encode(l, NULL, TOKENS, second);
    assert_true(memcmp(first, second, sizeof first) != 0);
    learner_destroy(l);
    tacit_context_destroy(context);
}

static void combinations_that_do_not_exist(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *pair[3], *message;
    } rows[] = {{"vit-nano", {"positions", "rotary", NULL}, "--positions rotary is for texts"},
                {"resnet-10",
                 {"positions", "learned", NULL},
                 "resnet-10 is no transformer: --positions is for those"},
                {"resnet-10", {"norm-epsilon", "1e-5", NULL}, "resnet-10 is no transformer: --norm-epsilon"},
                {"resnet-10", {"layer-scale", "0.1", NULL}, "resnet-10 is no transformer: --layer-scale"}};
    tacit_context *context = test_context();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        learner *l;
        context_begin(context);
        assert_fails(context, create(&l, context, rows[i].kind, rows[i].pair), TACIT_ARGUMENT,
                     rows[i].message);
    }
    tacit_context_destroy(context);
}

/* When "positions" was of texts only, runs of pictures had "learned" there, and fixed ones. */
static void runs_from_before(void **state)
{
    (void)state;
    static const char before[] = "{\"tacit\": \"0.1.0\", \"data\": {\"paths\": [], \"format\": \"npy\", "
                                 "\"examples\": 3, \"channels\": 1, "
                                 "\"height\": 8, \"width\": 8}, \"mean\": [0.5], \"deviation\": [0.5], "
                                 "\"steps\": 1, \"complete\": true, "
                                 "\"parameters\": 1, \"encoder_parameters\": 1, \"dimension\": 128, "
                                 "\"settings\": {\"method\": \"simclr\", "
                                 "\"encoder\": \"%s\", \"positions\": \"learned\"%s}}";
    static const char *const rows[][3] = {{"vit-nano", "", "auto"},
                                          {"resnet-10", "", "auto"},
                                          {"bert-nano", "", "learned"},
                                          {"vit-nano", ", \"norm-epsilon\": \"1e-06\"", "learned"}};
    tacit_context *context = test_context();
    test_folder("before");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        run_record r;
        const int size = snprintf(text, sizeof text, before, rows[i][0], rows[i][1]);
        test_put(test_at("config.json"), text, (size_t)size);
        assert_ok(context, run_read_config(&r, context, test_at("config.json")));
        assert_string_equal(settings_text(r.settings, "positions"), rows[i][2]);
        run_record_fini(&r);
    }
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learnt_positions),         cmocka_unit_test(the_same_by_other_settings),
        cmocka_unit_test(first_values_and_epsilon), cmocka_unit_test(combinations_that_do_not_exist),
        cmocka_unit_test(runs_from_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
