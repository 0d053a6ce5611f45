/* Views of pictures and the statistics they are normalised with: exact where nothing is resampled, keyed,
 * refused when settings make no sense, the same for any number of workers. */
#include "support.h"

#include "base/file.h"
#include "data/augment/augment.h"

enum { COUNT = 37, HEIGHT = 12, WIDTH = 12, COLOURS = 3, VIEW = HEIGHT * WIDTH * COLOURS };

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    scratch scratch;
    uint8_t pixels[COUNT * VIEW];
    dataset *data;
    views *views;
    picture_view_options options;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    f.context = test_context_on(&f.memory);
    scratch_init(&f.scratch, f.context);
    draws d = draws_at(2, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < COUNT * VIEW; i++)
        f.pixels[i] = (uint8_t)draw_below(&d, 200);
    assert_ok(f.context,
              dataset_from_memory(&f.data, f.context, f.pixels, COUNT, HEIGHT, WIDTH, COLOURS, NULL));
    f.options = (picture_view_options){.settings = augment_preset_find("small-colour")->contrastive,
                                       .deviation = {1.0f, 1.0f, 1.0f}};
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    if (f->views)
        f->views->destroy(f->views);
    dataset_close(f->data);
    scratch_fini(&f->scratch);
    tacit_context_destroy(f->context);
    return f->memory.alive == 0 ? 0 : -1;
}

static float view[16 * 16 * COLOURS], other[16 * 16 * COLOURS];

static void plain_view_is_exact(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, picture_views_create(&f->views, f->context, f->data, &f->options));
    assert_true(f->views->dtype == DTYPE_F32 &&
                shape_equal(f->views->shape, shape_3(HEIGHT, WIDTH, COLOURS)));
    assert_ok(f->context, f->views->plain(f->views, 5, &f->scratch, view));
    for (int i = 0; i < VIEW; i++)
        assert_true(view[i] == (float)f->pixels[5 * VIEW + i] / 255.0f);
}

static void views_are_normalised_and_come_back(void **state)
{
    fixture *f = *state;
    memcpy(f->options.mean, (const float[3]){0.2f, 0.3f, 0.4f}, sizeof f->options.mean);
    memcpy(f->options.deviation, (const float[3]){0.5f, 0.25f, 0.1f}, sizeof f->options.deviation);
    assert_ok(f->context, picture_views_create(&f->views, f->context, f->data, &f->options));
    assert_ok(f->context, f->views->plain(f->views, 7, &f->scratch, view));
    for (int i = 0; i < VIEW; i++) {
        const double x = (double)f->pixels[7 * VIEW + i] / 255.0;
        assert_near((double)view[i],
                    (x - (double)f->options.mean[i % 3]) / (double)f->options.deviation[i % 3], 2e-6, 1e-6);
    }
    uint8_t back[VIEW];
    picture_from_view(&f->options, f->views->shape, view, back);
    assert_memory_equal(back, f->pixels + 7 * VIEW, VIEW);
    view[0] = 1e9f, view[1] = -1e9f, view[2] = NAN;
    picture_from_view(&f->options, f->views->shape, view, back);
    assert_true(back[0] == 255 && back[1] == 0 && back[2] == 0);
}

static void random_views_are_keyed(void **state)
{
    fixture *f = *state;
    f->options.size = 16;
    assert_ok(f->context, picture_views_create(&f->views, f->context, f->data, &f->options));
    assert_true(shape_equal(f->views->shape, shape_3(16, 16, COLOURS)));
    const struct {
        uint64_t seed;
        uint32_t epoch;
        int64_t example;
        uint32_t view;
    } keys[] = {{1, 2, 3, 0}, {1, 2, 3, 1}, {1, 3, 3, 0}, {2, 2, 3, 0}, {1, 2, 4, 0}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_ok(f->context, f->views->random(f->views, 1, 2, 3, 0, &f->scratch, view));
        assert_ok(f->context, f->views->random(f->views, keys[i].seed, keys[i].epoch, keys[i].example,
                                               keys[i].view, &f->scratch, other));
        assert_int_equal(memcmp(view, other, sizeof view) == 0, i == 0);
    }
}

static void plain_view_is_the_centre(void **state)
{
    fixture *f = *state;
    uint8_t wide[4 * 10];
    for (int i = 0; i < 4 * 10; i++)
        wide[i] = (uint8_t)(i % 10 >= 3 && i % 10 < 7 ? 100 + i : 0);
    dataset *d;
    assert_ok(f->context, dataset_from_memory(&d, f->context, wide, 1, 4, 10, 1, NULL));
    f->options.size = 4;
    assert_ok(f->context, picture_views_create(&f->views, f->context, d, &f->options));
    assert_ok(f->context, f->views->plain(f->views, 0, &f->scratch, view));
    for (int i = 0; i < 16; i++)
        assert_true(view[i] == (float)wide[i / 4 * 10 + 3 + i % 4] / 255.0f);
    dataset_close(d);
}

#define OPTION_OFFSET(field) (offsetof(picture_view_options, field))

static void bad_options_are_refused(void **state)
{
    fixture *f = *state;
    const struct {
        size_t offset;
        float value;
        const char *message;
    } bad[] = {
        {OPTION_OFFSET(settings.crop_min), 0.0f, "crop_min is 0: expected"},
        {OPTION_OFFSET(settings.crop_max), 1.5f, "crop_max is 1.5: expected"},
        {OPTION_OFFSET(settings.crop_min), NAN, "crop_min is nan"},
        {OPTION_OFFSET(settings.aspect_min), 2.0f, "aspect_min is 2: expected 0.01 to 1.33333"},
        {OPTION_OFFSET(settings.flip), -0.1f, "flip is -0.1: expected 0 to 1"},
        {OPTION_OFFSET(settings.jitter), 1.1f, "jitter is"},
        {OPTION_OFFSET(settings.hue), 0.6f, "hue is 0.6: expected 0 to 0.5"},
        {OPTION_OFFSET(settings.blur_min), 3.0f, "blur_min is 3: expected 0 to 2"},
        {OPTION_OFFSET(settings.shear), 45.0f, "shear is 45"},
        {OPTION_OFFSET(settings.erase_max), NAN, "erase_max is nan"},
        {OPTION_OFFSET(mean[1]), INFINITY, "of channel 1"},
        {OPTION_OFFSET(deviation[2]), 0.0f, "of channel 2"},
        {OPTION_OFFSET(deviation[0]), NAN, "of channel 0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        picture_view_options o = f->options;
        memcpy((char *)&o + bad[i].offset, &bad[i].value, sizeof(float));
        context_begin(f->context);
        assert_fails(f->context, picture_views_create(&f->views, f->context, f->data, &o), TACIT_ARGUMENT,
                     bad[i].message);
        assert_null(f->views);
    }
    const int sizes[] = {-1, 8193};
    for (int i = 0; i < 2; i++) {
        picture_view_options o = f->options;
        o.size = sizes[i];
        context_begin(f->context);
        assert_fails(f->context, picture_views_create(&f->views, f->context, f->data, &o), TACIT_ARGUMENT,
                     "expected 1 to 8192 pixels");
    }
}

static void sizes_that_differ_need_one(void **state)
{
    fixture *f = *state;
    dataset mixed = *f->data;
    mixed.height = mixed.width = 0;
    assert_fails(f->context, picture_views_create(&f->views, f->context, &mixed, &f->options), TACIT_ARGUMENT,
                 "the pictures differ in size");
}

/* Against a plain sum over all pixels, and the same bits for every number of workers. */
static void statistics_do_not_depend_on_workers(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < COUNT * VIEW; i += COLOURS)
        f->pixels[i + 2] = 77; /* a constant channel */
    dataset *d;
    assert_ok(f->context,
              dataset_from_memory(&d, f->context, f->pixels, COUNT, HEIGHT, WIDTH, COLOURS, NULL));
    float first_mean[3], first_deviation[3];
    for (int threads = 1; threads <= 3; threads++) {
        team *workers;
        float mean[3], deviation[3];
        assert_ok(f->context, team_create(&workers, f->context, threads, NULL));
        assert_ok(f->context, picture_statistics(d, 0, workers, mean, deviation));
        team_destroy(workers);
        if (threads == 1) {
            memcpy(first_mean, mean, sizeof mean);
            memcpy(first_deviation, deviation, sizeof deviation);
        }
        assert_memory_equal(mean, first_mean, sizeof mean);
        assert_memory_equal(deviation, first_deviation, sizeof deviation);
    }
    dataset_close(d);
    for (int c = 0; c < 2; c++) {
        double sum = 0.0, square = 0.0;
        for (int i = c; i < COUNT * VIEW; i += COLOURS)
            sum += f->pixels[i] / 255.0 / (COUNT * HEIGHT * WIDTH);
        for (int i = c; i < COUNT * VIEW; i += COLOURS)
            square += (f->pixels[i] / 255.0 - sum) * (f->pixels[i] / 255.0 - sum) / (COUNT * HEIGHT * WIDTH);
        assert_near((double)first_mean[c], sum, 1e-6, 0.0);
        assert_near((double)first_deviation[c], sqrt(square), 1e-6, 0.0);
    }
    assert_near((double)first_mean[2], 77.0 / 255.0, 1e-6, 0.0);
    assert_true(first_deviation[2] == 1.0f);
}

static void no_memory_is_reported(void **state)
{
    fixture *f = *state;
    team *workers;
    float mean[3], deviation[3];
    assert_ok(f->context, team_create(&workers, f->context, 1, NULL));
    const int64_t before = f->memory.calls;
    assert_ok(f->context, picture_statistics(f->data, 7, workers, mean, deviation));
    const int64_t needed = f->memory.calls - before, alive = f->memory.alive;
    for (int64_t i = 1; i <= needed; i++) {
        context_begin(f->context);
        f->memory.fail_at = f->memory.calls + i;
        assert_int_equal(picture_statistics(f->data, 7, workers, mean, deviation), TACIT_NOMEM);
        assert_int_equal(f->memory.alive, alive);
    }
    team_destroy(workers);
}

/* The published mean and deviation of the training pictures, .2860 and .3530, from a sample of one in six. */
static void fashion_mnist_has_its_published_statistics(void **state)
{
    fixture *f = *state;
    const char *folder = "/usr/share/datasets/fashion-mnist";
    if (!folder_exists(folder)) {
        print_message("skipped: %s is not installed (package dataset-fashion-mnist)\n", folder);
        skip();
    }
    dataset *d;
    team *workers;
    float mean[3], deviation[3];
    assert_ok(f->context, dataset_open(&d, f->context, &folder, 1, &(dataset_options){0}));
    assert_ok(f->context, team_create(&workers, f->context, 2, NULL));
    assert_ok(f->context, picture_statistics(d, 0, workers, mean, deviation));
    assert_near((double)mean[0], 0.28604, 0.01, 0.0);
    assert_near((double)deviation[0], 0.35302, 0.01, 0.0);
    team_destroy(workers);
    dataset_close(d);
}

#define VIEW_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEW_TEST(plain_view_is_exact),
        VIEW_TEST(views_are_normalised_and_come_back),
        VIEW_TEST(random_views_are_keyed),
        VIEW_TEST(plain_view_is_the_centre),
        VIEW_TEST(bad_options_are_refused),
        VIEW_TEST(sizes_that_differ_need_one),
        VIEW_TEST(statistics_do_not_depend_on_workers),
        VIEW_TEST(no_memory_is_reported),
        VIEW_TEST(fashion_mnist_has_its_published_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
