/* Odd pixels: a network of zeros predicts the mean everywhere, so that the error of each pixel is known; what
 * of it a mask says, through every chunk; and the public call on pictures whose edges are cut off. */
#include "support.h"

#include "base/file.h"
#include "train/config.h"
#include "use/odd_pixels.h"

enum { SIDE = 4, PIXELS = SIDE * SIDE, MANY = 260, LEVELS = 4, HEIGHT = 12, FEW = 6 };

/* Pixel k of picture i is 1 to 4 deviations from the mean; chunks of pictures are not alike. */
static int level_of(int64_t i, int64_t k)
{
    return 1 + (int)((7 * i + 5 * k + i * k) % 11 % LEVELS);
}

static tacit_status plain_picture(const views *v, int64_t i, scratch *s, void *out)
{
    (void)v;
    (void)s;
    for (int64_t k = 0; k < PIXELS; k++)
        ((float *)out)[k] = (float)level_of(i, k);
    return TACIT_OK;
}

/* Masks say which pixels are odd: a function of their number. Half is not above half. */
typedef bool odd_function(int64_t m, int64_t k);

static odd_function *is_odd;

static tacit_status plain_mask(const views *v, int64_t m, scratch *s, void *out)
{
    (void)v;
    (void)s;
    for (int64_t k = 0; k < PIXELS; k++)
        ((float *)out)[k] = is_odd(m, k) ? 0.51f : 0.5f;
    return TACIT_OK;
}

static bool odd_level(int64_t m, int64_t k)
{
    return level_of(m, k) == LEVELS;
}

static bool even_level(int64_t m, int64_t k)
{
    return level_of(m, k) < LEVELS;
}

static bool some(int64_t m, int64_t k)
{
    return (m * m + 3 * k) % 7 < 2;
}

static bool every(int64_t m, int64_t k)
{
    (void)m;
    (void)k;
    return true;
}

static bool none(int64_t m, int64_t k)
{
    return !every(m, k);
}

static const views pictures = {.dtype = DTYPE_F32,
                               .shape = {3, {SIDE, SIDE, 1}},
                               .pixels = {{0.2f, 0, 0}, {0.125f, 1, 1}},
                               .plain = plain_picture};
static const views masks = {.dtype = DTYPE_F32, .shape = {3, {SIDE, SIDE, 1}}, .plain = plain_mask};

typedef struct trial {
    tacit_context *context;
    settings *settings;
    learner *learner;
    work *work;
    int64_t mask_of[MANY];
} trial;

/* Parameters are zeros until they are initialised. Every third picture has no mask. */
static tacit_status set_up(trial *t, tacit_context *context, const char *name)
{
    *t = (trial){.context = context};
    for (int i = 0; i < MANY; i++)
        t->mask_of[i] = i % 3 == 2 ? -1 : i;
    TRY(config_create(&t->settings, context, name));
    TRY(settings_set(t->settings, "encoder", "vit-nano"));
    TRY(settings_set(t->settings, "patch", "2"));
    TRY(settings_set(t->settings, "readout", "mean"));
    TRY(learner_create(&t->learner, context, t->settings, pictures.shape));
    return work_create(&t->work, context);
}

static void tear_down(trial *t)
{
    learner_destroy(t->learner);
    settings_destroy(t->settings);
    work_destroy(t->work);
}

static tacit_status measure(const trial *t, odd_function *odd, int64_t count, tacit_odd_pixels *out)
{
    is_odd = odd;
    context_begin(t->context);
    return odd_pixels_measure(t->learner, &pictures, &masks, t->work, t->mask_of, count, out);
}

/* Pixels of each level that are odd, and that are not. */
static void count_levels(const trial *t, int64_t count, double odd[LEVELS + 1], double even[LEVELS + 1])
{
    for (int level = 0; level <= LEVELS; level++)
        odd[level] = even[level] = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < PIXELS; k++)
            (t->mask_of[i] >= 0 && is_odd(i, k) ? odd : even)[level_of(i, k)]++;
}

/* Pairs straight from the definition, ties half; precision from the highest level down. */
static void assert_measured(const trial *t, int64_t count, const tacit_odd_pixels *got)
{
    double odd[LEVELS + 1], even[LEVELS + 1], all_odd = 0, all_even = 0, pairs = 0, precision = 0;
    count_levels(t, count, odd, even);
    for (int level = LEVELS; level > 0; level--) {
        pairs += even[level] * (all_odd + odd[level] / 2);
        all_odd += odd[level];
        all_even += even[level];
        precision += odd[level] * all_odd / (all_odd + all_even);
    }
    assert_near(got->odd_share, all_odd / (double)(count * PIXELS), 0, 1e-12);
    assert_near(got->auroc, pairs / (all_odd * all_even), 0, 1e-12);
    assert_near(got->average_precision, precision / all_odd, 0, 1e-12);
}

static void known_errors_give_the_known_measures(void **state)
{
    (void)state;
    static const char *const methods[] = {"mae", "denoise", "autoencode"};
    for (int k = 0; k < 3; k++) {
        trial t;
        tacit_odd_pixels got;
        tacit_context *context = test_context();
        assert_ok(context, set_up(&t, context, methods[k]));
        assert_ok(context, measure(&t, some, MANY, &got));
        assert_int_equal(got.pictures, MANY);
        assert_int_equal(got.masked, MANY - MANY / 3);
        assert_measured(&t, MANY, &got);
        assert_ok(context, measure(&t, odd_level, 2, &got)); /* both have masks */
        assert_near(got.auroc, 1, 0, 0);
        assert_near(got.average_precision, 1, 0, 0);
        assert_ok(context, measure(&t, even_level, 2, &got));
        assert_near(got.auroc, 0, 0, 0);
        assert_measured(&t, 2, &got);
        tear_down(&t);
        tacit_context_destroy(context);
    }
}

static void nothing_to_tell_apart_is_refused(void **state)
{
    (void)state;
    trial t;
    tacit_odd_pixels got;
    tacit_context *context = test_context();
    assert_ok(context, set_up(&t, context, "mae"));
    assert_fails(context, measure(&t, none, 3, &got), TACIT_ARGUMENT,
                 "2 masks of 3 pictures: no pixel is white");
    assert_fails(context, measure(&t, every, 2, &got), TACIT_ARGUMENT,
                 "2 masks of 2 pictures: every pixel is white");
    assert_ok(context, measure(&t, every, 3, &got)); /* the third has no mask */
    tear_down(&t);
    tacit_context_destroy(context);
}

static tacit_status measure_few(tacit_context *context, void *user)
{
    trial t;
    tacit_odd_pixels got;
    (void)user;
    context->threads = 1;
    tacit_status status = set_up(&t, context, "mae");
    if (status == TACIT_OK)
        status = measure(&t, some, 3, &got);
    tear_down(&t);
    return status;
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    assert_true(test_each_failed_allocation(measure_few, NULL) >= 15);
}

/* ---- the public call ---- */

/* Of 12 rows the middle 8 are seen. A mask is white in rows `first` to `last` of every other picture. */
static tacit_dataset *open_masks(tacit_context *context, int64_t count, int height, int first, int last)
{
    tacit_dataset *d;
    static uint8_t pixels[(FEW + 1) * HEIGHT * 8 * 3];
    memset(pixels, 0, sizeof pixels);
    for (int64_t i = 0; i < count; i += 2)
        for (int y = first; y <= last; y++)
            memset(pixels + (i * height + y) * 24, 255, 24);
    assert_ok(context, tacit_dataset_from_memory(&d, context, pixels, count, height, 8, 3, NULL));
    return d;
}

static tacit_dataset *open_pictures(tacit_context *context)
{
    tacit_dataset *d;
    static uint8_t pixels[FEW * HEIGHT * 8];
    static const int32_t labels[FEW] = {1, 0, 1, 0, 1, 0};
    for (size_t k = 0; k < sizeof pixels; k++)
        pixels[k] = (uint8_t)(k * k % 251);
    assert_ok(context, tacit_dataset_from_memory(&d, context, pixels, FEW, HEIGHT, 8, 1, labels));
    return d;
}

/* A run of one step. */
static tacit_model *train(tacit_context *context, const char *name, const tacit_dataset *data)
{
    static const char *const set[][2] = {{"encoder", "vit-nano"}, {"size", "8"},      {"patch", "2"},
                                         {"batch", "3"},          {"max-steps", "1"}, {"samples", "0"}};
    tacit_config *config;
    tacit_model *model;
    assert_ok(context, tacit_config_create(&config, context, name));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        assert_ok(context, tacit_config_set(config, set[i][0], set[i][1]));
    const tacit_train_options options = {.overwrite = true};
    assert_ok(context, tacit_train(context, config, data, test_at("run"), &options));
    assert_ok(context, tacit_model_open(&model, context, test_at("run")));
    tacit_config_destroy(config);
    return model;
}

/* `white` is closed. */
static tacit_status try_masks(tacit_model *model, const tacit_dataset *data, tacit_dataset *white,
                              int32_t normal, tacit_odd_pixels *out)
{
    const tacit_status status = tacit_measure_odd_pixels(model, data, white, normal, out, NULL, NULL);
    tacit_dataset_close(white);
    return status;
}

static void hear(void *user, const char *what)
{
    int *heard = user;
    *heard += *what != '\0';
}

static void masks_are_cut_as_pictures_are(void **state)
{
    (void)state;
    tacit_odd_pixels got;
    int heard = 0;
    tacit_context *context = test_context();
    test_folder("odd-pixels-cut");
    test_without_sync(context);
    tacit_dataset *data = open_pictures(context), *white = open_masks(context, FEW, HEIGHT, 0, 3);
    tacit_model *model = train(context, "mae", data);
    /* Rows 0 and 1 are not seen, 2 and 3 are: a quarter of half of the pictures. */
    assert_ok(context, tacit_measure_odd_pixels(model, data, white, 0, &got, hear, &heard));
    tacit_dataset_close(white);
    assert_int_equal(heard, 1);
    assert_int_equal(got.pictures, FEW);
    assert_int_equal(got.masked, FEW);
    assert_near(got.odd_share, 0.125, 0, 1e-12);
    assert_true(got.auroc >= 0 && got.auroc <= 1 && got.average_precision > 0 && got.average_precision <= 1);
    assert_fails(context, try_masks(model, data, open_masks(context, FEW, HEIGHT, 10, 11), 0, &got),
                 TACIT_ARGUMENT, "no pixel is white");
    assert_ok(context, try_masks(model, data, open_masks(context, 1, HEIGHT, 2, 9), -1, &got));
    assert_int_equal(got.masked, 1);
    assert_near(got.odd_share, 1.0 / FEW, 0, 1e-12);
    tacit_model_close(model);
    tacit_dataset_close(data);
    tacit_context_destroy(context);
}

static void what_does_not_suit_is_refused(void **state)
{
    (void)state;
    tacit_odd_pixels got;
    tacit_context *context = test_context();
    test_folder("odd-pixels-unsuited");
    test_without_sync(context);
    tacit_dataset *data = open_pictures(context);
    tacit_model *model = train(context, "mae", data);
    assert_fails(context, try_masks(model, data, open_masks(context, FEW + 1, HEIGHT, 2, 9), 0, &got),
                 TACIT_ARGUMENT, "mask example 6 is of no example");
    assert_fails(context, try_masks(model, data, open_masks(context, FEW, 8, 2, 3), 0, &got), TACIT_ARGUMENT,
                 "mask example 0: 8 x 8 pixels, expected 8 x 12 as example 0 has");
    assert_fails(context, try_masks(model, data, open_masks(context, 4, HEIGHT, 2, 9), 0, &got),
                 TACIT_ARGUMENT, "the mask of example 4 is missing: its label \"1\" is not the normal one");
    assert_fails(context, try_masks(model, data, open_masks(context, FEW, HEIGHT, 2, 9), 2, &got),
                 TACIT_ARGUMENT, "label 2 is to be normal, but the data have 2 labels");
    static const char table[] = "x,y\n1,2\n3,4\n";
    const char *file = test_at("table.csv");
    tacit_dataset *rows;
    test_put(file, table, sizeof table - 1);
    assert_ok(context, tacit_dataset_open(&rows, context, &file, 1, NULL));
    assert_fails(context, try_masks(model, data, rows, 0, &got), TACIT_ARGUMENT,
                 "the masks are rows of a table: expected pictures");
    tacit_model_close(model);
    model = train(context, "simclr", data);
    assert_fails(context, try_masks(model, data, open_masks(context, FEW, HEIGHT, 2, 9), 0, &got),
                 TACIT_ARGUMENT,
                 "simclr does not predict pictures: to find odd pixels, train on pictures with mae");
    tacit_model_close(model);
    tacit_dataset_close(data);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_errors_give_the_known_measures),
        cmocka_unit_test(nothing_to_tell_apart_is_refused),
        cmocka_unit_test(no_memory_is_reported),
        cmocka_unit_test(masks_are_cut_as_pictures_are),
        cmocka_unit_test(what_does_not_suit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
