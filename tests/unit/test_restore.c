/* Restoring pictures: measures and filters on cases by hand, tiles of pictures of every size, what is hidden
 * and what is known, opacity of files, and what is refused. */
#include "support.h"

#include "base/philox.h"
#include "data/codec.h"
#include "op/op.h"
#include "train/config.h"
#include "use/filters.h"
#include "use/quality.h"
#include "use/restore.h"

#include <math.h>
#include <png.h>
#include <string.h>

enum { MOST = 40 };

static void fill_random(float *x, int count)
{
    draws d = draws_at(3, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < count; i++)
        x[i] = draw_uniform(&d);
}

static void measures_by_hand(void **state)
{
    (void)state;
    float a[16 * 16], b[16 * 16];
    fill_random(a, 256);
    memcpy(b, a, sizeof b);
    assert_near(quality_psnr(a, b, 256), 100, 0, 0);
    assert_near(quality_ssim(a, b, 16, 16, 1), 1, 1e-12, 0);
    for (int i = 0; i < 256; i++)
        b[i] = a[i] + 0.1f;
    assert_near(quality_psnr(a, b, 256), 20, 1e-5, 0);
    /* Constant pictures: only the means count, (2 m n + C1) / (m m + n n + C1). */
    for (int i = 0; i < 256; i++) {
        a[i] = 0.5f;
        b[i] = 0.25f;
    }
    assert_near(quality_ssim(a, b, 16, 16, 1), (0.25 + 1e-4) / (0.3125 + 1e-4), 1e-6, 0);
    assert_true(isnan(quality_ssim(a, b, 10, 16, 1)));
}

static void filters_by_hand(void **state)
{
    (void)state;
    float x[36], out[36];
    uint8_t hidden[36] = {0};
    const picture_size s = {6, 6, 1};
    for (int i = 0; i < 36; i++)
        x[i] = 0.1f * (float)(i % 6); /* a ramp */
    x[14] = 1.0f;
    filter_median(x, s, 3, out);
    assert_near((double)out[14], 0.2, 1e-6, 0);
    filter_bilateral(x, s, 1.0, 0.05, out);
    assert_near((double)out[14], 1.0, 1e-3, 0); /* an edge of colour stays */
    for (int i = 0; i < 36; i++)
        out[i] = 0.3f;
    filter_bilateral(out, s, 2.0, 0.1, x);
    assert_near((double)x[20], 0.3, 1e-6, 0);
    /* A ramp is harmonic: what is hidden inside comes back. */
    for (int i = 0; i < 36; i++) {
        x[i] = 0.1f * (float)(i % 6);
        hidden[i] = i / 6 >= 1 && i / 6 <= 4 && i % 6 >= 1 && i % 6 <= 4;
        x[i] = hidden[i] ? 7.0f : x[i];
    }
    filter_harmonic(x, s, hidden, out);
    for (int i = 0; i < 36; i++)
        assert_near((double)out[i], 0.1 * (i % 6), 1e-3, 0);
    memset(hidden, 1, sizeof hidden);
    filter_harmonic(x, s, hidden, out);
    assert_near((double)out[7], 0.5, 0, 0);
}

/* ---- tiles ---- */

typedef struct trial {
    tacit_context *context;
    settings *settings;
    learner *learner;
    work *work;
} trial;

static void set_up(trial *t, const char *name)
{
    t->context = test_context();
    assert_ok(t->context, config_create(&t->settings, t->context, name));
    assert_ok(t->context, settings_set(t->settings, "encoder", "vit-nano"));
    assert_ok(t->context, settings_set(t->settings, "patch", "4"));
    assert_ok(t->context, settings_set(t->settings, "readout", "mean"));
    assert_ok(t->context, learner_create(&t->learner, t->context, t->settings, shape_3(8, 8, 1)));
    assert_ok(t->context, work_create(&t->work, t->context));
}

static void tear_down(trial *t)
{
    learner_destroy(t->learner);
    settings_destroy(t->settings);
    work_destroy(t->work);
    tacit_context_destroy(t->context);
}

static const pixel_scale pixels = {{0.4f, 0, 0}, {0.25f, 1, 1}};

static value give_back(const method *m, tape *t, value pictures)
{
    return op_patchify(t, pictures, m->encoder->settings.patch);
}

/* A method that changes nothing: neither may the tiles that a picture is cut into. */
static void tiles_cover_every_picture(void **state)
{
    (void)state;
    static const int sizes[][2] = {{8, 8}, {1, 1}, {5, 7}, {8, 30}, {13, 9}, {40, 33}, {9, 3}};
    float x[MOST * MOST], out[MOST * MOST];
    restorer *r;
    trial t;
    set_up(&t, "denoise");
    objective same = *t.learner->method.objective;
    same.restore = give_back;
    t.learner->method.objective = &same;
    fill_random(x, MOST * MOST);
    assert_ok(t.context, restorer_create(&r, t.learner, &pixels, RESTORE_WHOLE, t.work));
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        assert_ok(t.context, restorer_picture(r, x, NULL, sizes[k][0], sizes[k][1], out));
        for (int i = 0; i < sizes[k][0] * sizes[k][1]; i++)
            assert_near((double)out[i], (double)x[i], 1e-5, 0);
    }
    restorer_destroy(r);
    tear_down(&t);
}

/* What is known keeps its bits; what is hidden becomes, without knowledge, the mean colour. */
static void only_what_is_hidden_changes(void **state)
{
    (void)state;
    static const char *const methods[] = {"denoise", "mae"};
    float x[20 * 30], out[20 * 30];
    uint8_t hidden[20 * 30] = {0};
    fill_random(x, 600);
    for (int i = 0; i < 600; i++)
        hidden[i] = i % 30 >= 11 && i % 30 < 17 && i / 30 > 3 && i / 30 < 11;
    for (int m = 0; m < 2; m++) {
        restorer *r;
        trial t;
        set_up(&t, methods[m]);
        assert_ok(t.context, restorer_create(&r, t.learner, &pixels, RESTORE_HOLES, t.work));
        assert_ok(t.context, restorer_picture(r, x, hidden, 20, 30, out));
        for (int i = 0; i < 600; i++)
            assert_near((double)out[i], hidden[i] ? 0.4 : (double)x[i], hidden[i] ? 1e-6 : 0, 0);
        memset(hidden, 1, sizeof hidden);
        assert_ok(t.context, restorer_picture(r, x, hidden, 20, 30, out));
        assert_near((double)out[100], 0.4, 1e-6, 0);
        for (int i = 0; i < 600; i++)
            hidden[i] = i % 30 >= 11 && i % 30 < 17 && i / 30 > 3 && i / 30 < 11;
        restorer_destroy(r);
        tear_down(&t);
    }
}

/* The same bits for any number of threads. */
static void threads_do_not_matter(void **state)
{
    (void)state;
    float x[MOST * MOST], one[MOST * MOST], three[MOST * MOST];
    fill_random(x, MOST * MOST);
    for (int threads = 1; threads <= 3; threads += 2) {
        restorer *r;
        trial t;
        set_up(&t, "denoise");
        parameters_initialise(&t.learner->parameters, 5);
        work_destroy(t.work);
        t.context->threads = threads;
        assert_ok(t.context, work_create(&t.work, t.context));
        assert_ok(t.context, restorer_create(&r, t.learner, &pixels, RESTORE_WHOLE, t.work));
        assert_ok(t.context, restorer_picture(r, x, NULL, MOST, MOST, threads == 1 ? one : three));
        restorer_destroy(r);
        tear_down(&t);
    }
    assert_memory_equal(one, three, sizeof one);
    assert_true(memcmp(one, x, sizeof one) != 0);
}

static void what_can_not_be_done_is_refused(void **state)
{
    (void)state;
    restorer *r;
    trial t;
    set_up(&t, "simclr");
    assert_fails(t.context, restorer_create(&r, t.learner, &pixels, RESTORE_HOLES, t.work), TACIT_ARGUMENT,
                 "simclr does not predict pictures");
    tear_down(&t);
    set_up(&t, "mae");
    assert_fails(t.context, restorer_create(&r, t.learner, &pixels, RESTORE_WHOLE, t.work), TACIT_ARGUMENT,
                 "expected a mask");
    tear_down(&t);
    t.context = test_context();
    assert_ok(t.context, config_create(&t.settings, t.context, "mae"));
    assert_ok(t.context, settings_set(t.settings, "encoder", "vit-nano"));
    assert_ok(t.context, settings_set(t.settings, "patch", "4"));
    assert_ok(t.context, settings_set(t.settings, "readout", "mean"));
    assert_ok(t.context, settings_set(t.settings, "target", "normalized"));
    assert_ok(t.context, learner_create(&t.learner, t.context, t.settings, shape_3(8, 8, 1)));
    assert_ok(t.context, work_create(&t.work, t.context));
    float x[64] = {0}, out[64];
    uint8_t hidden[64] = {1};
    assert_ok(t.context, restorer_create(&r, t.learner, &pixels, RESTORE_HOLES, t.work));
    assert_fails(t.context, restorer_picture(r, x, hidden, 8, 8, out), TACIT_ARGUMENT, "--target raw");
    restorer_destroy(r);
    tear_down(&t);
}

/* ---- opacity ---- */

static void opacity_of_files(void **state)
{
    (void)state;
    const uint8_t colours[] = {10, 20, 30, 255, 40, 50, 60, 0}, plain[] = {1, 2, 3, 4, 5, 6};
    uint8_t bytes[4096];
    scratch s;
    image x;
    png_image png = {.version = PNG_IMAGE_VERSION, .width = 2, .height = 1, .format = PNG_FORMAT_RGBA};
    tacit_context *context = test_context();
    png_alloc_size_t size = sizeof bytes;
    scratch_init(&s, context);
    assert_true(png_image_write_to_memory(&png, bytes, &size, 0, colours, 0, NULL));
    assert_ok(context, picture_decode_opacity(context, "x", bytes, size, 100, &s, &x));
    assert_int_equal(x.channels, 1);
    assert_int_equal(x.pixels[0], 255);
    assert_int_equal(x.pixels[1], 0);
    assert_ok(context, picture_decode(context, "x", bytes, size, 100, &s, &x));
    assert_int_equal(x.pixels[3], 255); /* laid onto white */
    png = (png_image){.version = PNG_IMAGE_VERSION, .width = 2, .height = 1, .format = PNG_FORMAT_RGB};
    size = sizeof bytes;
    assert_true(png_image_write_to_memory(&png, bytes, &size, 0, plain, 0, NULL));
    assert_ok(context, picture_decode_opacity(context, "x", bytes, size, 100, &s, &x));
    assert_null(x.pixels);
    assert_fails(context, picture_decode_opacity(context, "x", bytes, 30, 100, &s, &x), TACIT_FORMAT, "x");
    scratch_fini(&s);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_by_hand),          cmocka_unit_test(filters_by_hand),
        cmocka_unit_test(tiles_cover_every_picture), cmocka_unit_test(only_what_is_hidden_changes),
        cmocka_unit_test(threads_do_not_matter),     cmocka_unit_test(what_can_not_be_done_is_refused),
        cmocka_unit_test(opacity_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
