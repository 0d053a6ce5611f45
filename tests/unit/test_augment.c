/* Augmentation: each family against its definition in double, and whole views of every preset. */
#include "support.h"

#include "data/augment/augment.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE * 3 };

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    scratch scratch;
    draws draws;
    uint8_t bytes[PIXELS];
    float before[PIXELS], after[PIXELS];
} fixture;

static const float grey_mean[3] = {0.5f, 0.5f, 0.5f};

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    f.context = test_context_on(&f.memory);
    scratch_init(&f.scratch, f.context);
    f.draws = draws_at(11, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < PIXELS; i++) {
        f.bytes[i] = (uint8_t)draw_below(&f.draws, 256);
        f.before[i] = f.after[i] = (float)f.bytes[i] / 255.0f;
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    scratch_fini(&f->scratch);
    tacit_context_destroy(f->context);
    return f->memory.alive == 0 ? 0 : -1;
}

static canvas canvas_on(fixture *f, int channels)
{
    return (canvas){SIDE, SIDE, channels, f->after};
}

static double clipped(double x)
{
    return fmin(fmax(x, 0.0), 1.0);
}

static double luma(const float *p)
{
    return 0.299 * (double)p[0] + 0.587 * (double)p[1] + 0.114 * (double)p[2];
}

/* The four permutation draws of the jitter, passed over. */
static void skip_order(draws *d)
{
    for (int i = 3; i > 0; i--)
        draw_below(d, (uint64_t)i + 1);
}

/* ---- presets ---- */

static void presets_are_found(void **state)
{
    (void)state;
    assert_string_equal(augment_preset_find("photo")->name, "photo");
    assert_null(augment_preset_find("photos"));
    assert_string_equal(augment_preset_for(64, 3)->name, "small-colour");
    assert_string_equal(augment_preset_for(64, 1)->name, "small-grey");
    assert_string_equal(augment_preset_for(65, 1)->name, "photo");
    assert_true(augment_preset_find("small-grey")->contrastive.flip == 0.0f); /* letters */
    for (const augment_preset *p = augment_presets; p->name; p++) {
        assert_true(augment_preset_find(p->name) == p);
        assert_true(strlen(p->summary) > 0);
    }
}

/* ---- colour ---- */

static void brightness_scales(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 3);
    draws same = f->draws;
    colour_jitter(&c, &(augment_settings){.brightness = 0.6f}, &f->draws);
    skip_order(&same);
    const double factor = (double)draw_range(&same, 0.4f, 1.6f);
    for (int i = 0; i < PIXELS; i++)
        assert_near((double)f->after[i], clipped(factor * (double)f->before[i]), 1e-6, 0.0);
}

static void contrast_keeps_the_mean_grey(void **state)
{
    fixture *f = *state;
    for (int channels = 1; channels <= 3; channels += 2) {
        canvas c = canvas_on(f, channels);
        const int count = SIDE * SIDE * channels;
        memcpy(f->after, f->before, sizeof f->after);
        draws same = f->draws;
        colour_jitter(&c, &(augment_settings){.contrast = 0.5f}, &f->draws);
        skip_order(&same);
        const double factor = (double)draw_range(&same, 0.5f, 1.5f);
        double mean = 0.0;
        for (int i = 0; i < count; i += channels)
            mean += (channels == 3 ? luma(f->before + i) : (double)f->before[i]) / (SIDE * SIDE);
        for (int i = 0; i < count; i++)
            assert_near((double)f->after[i], clipped(factor * (double)f->before[i] + (1 - factor) * mean),
                        2e-6, 0.0);
    }
}

static void saturation_moves_along_the_grey(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 3);
    draws same = f->draws;
    colour_jitter(&c, &(augment_settings){.saturation = 0.9f}, &f->draws);
    skip_order(&same);
    const double factor = (double)draw_range(&same, 0.1f, 1.9f);
    for (int i = 0; i < PIXELS; i++) {
        const double grey = luma(f->before + i / 3 * 3);
        assert_near((double)f->after[i], clipped(factor * (double)f->before[i] + (1 - factor) * grey), 1e-6,
                    0.0);
    }
}

/* To HSV, turn, and back, as a textbook writes it. */
static void reference_hue(const float *rgb, double shift, double out[3])
{
    const double r = (double)rgb[0], g = (double)rgb[1], b = (double)rgb[2];
    const double value = fmax(r, fmax(g, b)), chroma = value - fmin(r, fmin(g, b));
    double hue = 0.0;
    if (chroma > 0.0)
        hue = value == r ? (g - b) / chroma : value == g ? 2.0 + (b - r) / chroma : 4.0 + (r - g) / chroma;
    hue = hue / 6.0 + shift;
    hue -= floor(hue);
    const double saturation = value > 0.0 ? chroma / value : 0.0;
    const int sector = (int)floor(hue * 6.0) % 6;
    const double rest = hue * 6.0 - floor(hue * 6.0);
    const double p = value * (1 - saturation), q = value * (1 - saturation * rest);
    const double t = value * (1 - saturation * (1 - rest));
    const double table[6][3] = {{value, t, p}, {q, value, p}, {p, value, t},
                                {p, q, value}, {t, p, value}, {value, p, q}};
    memcpy(out, table[sector], sizeof table[0]);
}

static void hue_is_that_of_hsv(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 8; round++) {
        canvas c = canvas_on(f, 3);
        memcpy(f->after, f->before, sizeof f->after);
        for (int i = 0; i < 3; i++) /* corners: grey, black, two equal channels */
            f->after[i] = 0.5f, f->after[3 + i] = 0.0f, f->after[6 + i] = i < 2 ? 0.75f : 0.25f;
        float start[PIXELS];
        memcpy(start, f->after, sizeof start);
        draws same = f->draws;
        colour_jitter(&c, &(augment_settings){.hue = 0.5f}, &f->draws);
        skip_order(&same);
        const double shift = (double)draw_range(&same, -0.5f, 0.5f);
        for (int i = 0; i < PIXELS; i += 3) {
            double want[3];
            reference_hue(start + i, shift, want);
            for (int k = 0; k < 3; k++)
                assert_near((double)f->after[i + k], want[k], 5e-6, 0.0);
        }
    }
}

/* Brightness and contrast do not commute: every result is that of one order, and both orders occur. */
static void jitter_order_is_random(void **state)
{
    fixture *f = *state;
    const augment_settings a = {.brightness = 0.5f, .contrast = 0.5f};
    int brightness_first = 0, contrast_first = 0;
    for (int i = 0; i < 500; i++) {
        float p[4] = {0.9f, 0.3f, 0.3f, 0.3f};
        canvas c = {2, 2, 1, p};
        draws order = f->draws;
        colour_jitter(&c, &a, &f->draws);
        skip_order(&order);
        const double u = (double)draw_range(&order, 0.5f, 1.5f), v = (double)draw_range(&order, 0.5f, 1.5f);
        /* u is the factor of the step that came first. */
        const double bright = clipped(0.9 * u), dim = clipped(0.3 * u), mean = (bright + 3 * dim) / 4;
        const double as_brightness = clipped(v * bright + (1 - v) * mean);
        const double as_contrast = clipped(v * clipped(u * 0.9 + (1 - u) * 0.45));
        const bool first = fabs((double)p[0] - as_brightness) < 1e-5,
                   second = fabs((double)p[0] - as_contrast) < 1e-5;
        assert_true(first || second);
        brightness_first += first && !second;
        contrast_first += second && !first;
    }
    assert_true(brightness_first > 100 && contrast_first > 100);
}

static void grey_pictures_have_no_colour_to_jitter(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 1);
    colour_jitter(&c, &(augment_settings){.saturation = 0.9f, .hue = 0.5f}, &f->draws);
    colour_grayscale(&c);
    assert_memory_equal(f->before, f->after, sizeof f->after);
}

static void grayscale_is_luma(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 3);
    colour_grayscale(&c);
    for (int i = 0; i < PIXELS; i++)
        assert_near((double)f->after[i], luma(f->before + i / 3 * 3), 1e-6, 0.0);
}

static void solarize_inverts_the_bright(void **state)
{
    (void)state;
    float p[5] = {0.0f, 0.5f, 0.51f, 0.75f, 1.0f};
    colour_solarize(&(canvas){1, 5, 1, p});
    const float want[5] = {0.0f, 0.5f, 1.0f - 0.51f, 0.25f, 0.0f};
    assert_memory_equal(p, want, sizeof p);
}

/* ---- blur ---- */

static void blur_spreads_one_point(void **state)
{
    fixture *f = *state;
    const float sigma = 1.3f;
    for (int channels = 1; channels <= 3; channels += 2) {
        canvas c = canvas_on(f, channels);
        memset(f->after, 0, sizeof f->after);
        f->after[(16 * SIDE + 15) * channels + channels - 1] = 1.0f;
        assert_ok(f->context, blur_gaussian(&c, sigma, &f->scratch));
        double norm = 0.0;
        for (int k = -4; k <= 4; k++)
            norm += exp(-k * k / (2.0 * 1.69));
        for (int i = 0; i < SIDE * SIDE; i++) {
            const int y = i / SIDE - 16, x = i % SIDE - 15;
            const double want =
                abs(x) <= 4 && abs(y) <= 4 ? exp(-(x * x + y * y) / (2.0 * 1.69)) / (norm * norm) : 0.0;
            assert_near((double)f->after[i * channels + channels - 1], want, 1e-6, 1e-4);
            assert_true(channels == 1 || f->after[i * channels] == 0.0f);
        }
    }
}

/* One colour at the edges, so that nothing flows in or out: the mean stays. The radius may exceed the
 * picture. */
static void blur_keeps_the_mean(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 3);
    double before = 0.0, after = 0.0;
    for (int i = 0; i < PIXELS; i++) {
        const int y = i / 3 / SIDE, x = i / 3 % SIDE;
        if (y < 8 || x < 8 || y >= 24 || x >= 24)
            f->after[i] = 0.25f;
        before += (double)f->after[i] / PIXELS;
    }
    assert_ok(f->context, blur_gaussian(&c, 2.0f, &f->scratch));
    for (int i = 0; i < PIXELS; i++)
        after += (double)f->after[i] / PIXELS;
    assert_near(after, before, 1e-6, 0.0);
    for (int i = 0; i < PIXELS; i++)
        f->after[i] = 0.7f;
    assert_ok(f->context, blur_gaussian(&c, 40.0f, &f->scratch));
    for (int i = 0; i < PIXELS; i++)
        assert_near((double)f->after[i], 0.7, 1e-5, 0.0);
}

static void blur_of_nothing_is_nothing(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 3);
    assert_ok(f->context, blur_gaussian(&c, 0.0f, &f->scratch));
    assert_memory_equal(f->before, f->after, sizeof f->after);
    const float bad[] = {-1.0f, NAN, INFINITY};
    for (int i = 0; i < 3; i++) {
        context_begin(f->context);
        assert_fails(f->context, blur_gaussian(&c, bad[i], &f->scratch), TACIT_ARGUMENT, "blur: sigma");
    }
}

/* ---- affine ---- */

static void affine_moves_whole_pixels(void **state)
{
    fixture *f = *state;
    const float fill[3] = {0.1f, 0.2f, 0.3f};
    canvas c = canvas_on(f, 3);
    assert_ok(f->context, affine_warp(&c, 0, 0, 0, 3, -2, fill, &f->scratch));
    for (int i = 0; i < PIXELS; i++) {
        const int y = i / 3 / SIDE + 2, x = i / 3 % SIDE - 3;
        const float want = x >= 0 && y < SIDE ? f->before[(y * SIDE + x) * 3 + i % 3] : fill[i % 3];
        assert_near((double)f->after[i], (double)want, 1e-5, 0.0);
    }
}

static void affine_repeats_edges_without_fill(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 1);
    assert_ok(f->context, affine_warp(&c, 0, 0, 0, -5, 4, NULL, &f->scratch));
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int y = i / SIDE - 4, x = i % SIDE + 5;
        const int row = y < 0 ? 0 : y, column = x >= SIDE ? SIDE - 1 : x;
        assert_near((double)f->after[i], (double)f->before[row * SIDE + column], 1e-5, 0.0);
    }
}

/* A quarter turn clockwise: the left column becomes the top row. */
static void affine_rotates_clockwise(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 3);
    assert_ok(f->context, affine_warp(&c, 90, 0, 0, 0, 0, grey_mean, &f->scratch));
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int k = 0; k < 3; k++)
                assert_near((double)f->after[(y * SIDE + x) * 3 + k],
                            (double)f->before[((SIDE - 1 - x) * SIDE + y) * 3 + k], 2e-4, 0.0);
}

/* A shear of 45 degrees along x moves each row by its distance from the middle, which is half a pixel off: a
 * mean of two neighbours. */
static void affine_shears_rows(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 1);
    assert_ok(f->context, affine_warp(&c, 0, 45, 0, 0, 0, grey_mean, &f->scratch));
    for (int y = 12; y < 20; y++)
        for (int x = 8; x < 24; x++) {
            const float *row = f->before + y * SIDE;
            const int right = x - y + 16;
            assert_near((double)f->after[y * SIDE + x], ((double)row[right - 1] + (double)row[right]) / 2.0,
                        1e-4, 0.0);
        }
}

static void affine_far_away_is_fill(void **state)
{
    fixture *f = *state;
    canvas c = canvas_on(f, 1);
    assert_ok(f->context, affine_warp(&c, 30, 5, 5, 1e6f, -1e9f, grey_mean, &f->scratch));
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(f->after[i] == 0.5f);
    context_begin(f->context);
    assert_fails(f->context, affine_warp(&c, 0, 45, 45, 0, 0, grey_mean, &f->scratch), TACIT_ARGUMENT,
                 "invertible");
    context_begin(f->context);
    assert_fails(f->context, affine_warp(&c, NAN, 0, 0, 0, 0, grey_mean, &f->scratch), TACIT_ARGUMENT,
                 "invertible");
    context_begin(f->context);
    assert_fails(f->context, affine_warp(&c, 0, 0, 0, NAN, 0, grey_mean, &f->scratch), TACIT_ARGUMENT,
                 "invertible");
}

/* ---- erase ---- */

static void erase_fills_what_lies_inside(void **state)
{
    fixture *f = *state;
    const struct {
        int x, y, width, height;
    } boxes[] = {{5, 7, 4, 9}, {-3, 28, 10, 10}, {40, 0, 5, 5}, {2, 2, -1, 3}, {1, -2, 2147483647, 3}};
    for (size_t b = 0; b < sizeof boxes / sizeof boxes[0]; b++) {
        canvas c = canvas_on(f, 3);
        const float fill[3] = {2.0f, 3.0f, 4.0f};
        memcpy(f->after, f->before, sizeof f->after);
        erase_box(&c, boxes[b].x, boxes[b].y, boxes[b].width, boxes[b].height, fill);
        for (int i = 0; i < PIXELS; i++) {
            const int64_t y = i / 3 / SIDE - boxes[b].y, x = i / 3 % SIDE - boxes[b].x;
            const bool inside = x >= 0 && y >= 0 && x < boxes[b].width && y < boxes[b].height;
            assert_true(f->after[i] == (inside ? fill[i % 3] : f->before[i]));
        }
    }
}

/* ---- whole views ---- */

static tacit_status view(fixture *f, const augment_settings *a, int channels, uint64_t example,
                         uint32_t number, float *out)
{
    draws d = draws_at(3, DRAW_AUGMENT, 0, example, number);
    canvas c = {SIDE, SIDE, channels, out};
    return augment_picture(a, (image){SIDE, SIDE, channels, f->bytes}, &d, grey_mean, &f->scratch, &c);
}

static void check_preset(fixture *f, const augment_settings *a, int channels)
{
    const size_t size = (size_t)SIDE * SIDE * channels * sizeof(float);
    int different = 0;
    for (uint64_t example = 0; example < 50; example++) {
        assert_ok(f->context, view(f, a, channels, example, 0, f->before));
        for (int i = 0; i < SIDE * SIDE * channels; i++)
            assert_true(f->before[i] >= 0.0f && f->before[i] <= 1.0f);
        assert_ok(f->context, view(f, a, channels, example, 0, f->after));
        assert_memory_equal(f->before, f->after, size);
        assert_ok(f->context, view(f, a, channels, example, 1, f->after));
        different += memcmp(f->before, f->after, size) != 0;
    }
    assert_true(different > 40); /* the mildest preset has few boxes to choose from */
}

/* Same key, same bits; another view, other bits; in range. */
static void presets_give_keyed_views_in_range(void **state)
{
    fixture *f = *state;
    for (const augment_preset *p = augment_presets; p->name; p++)
        for (int channels = 1; channels <= 3; channels += 2) {
            check_preset(f, &p->contrastive, channels);
            check_preset(f, &p->prediction, channels);
        }
}

static const augment_settings everything = {.crop_min = 0.3f,
                                            .crop_max = 1.0f,
                                            .aspect_min = 0.5f,
                                            .aspect_max = 2.0f,
                                            .flip = 0.5f,
                                            .jitter = 1.0f,
                                            .brightness = 0.8f,
                                            .contrast = 0.8f,
                                            .saturation = 0.8f,
                                            .hue = 0.5f,
                                            .grayscale = 0.5f,
                                            .blur = 1.0f,
                                            .blur_min = 0.1f,
                                            .blur_max = 5.0f,
                                            .solarize = 1.0f,
                                            .affine = 1.0f,
                                            .rotate = 180.0f,
                                            .translate = 1.0f,
                                            .shear = 40.0f,
                                            .erase = 1.0f,
                                            .erase_min = 0.0f,
                                            .erase_max = 1.0f};

static void everything_at_once_stays_in_range(void **state)
{
    fixture *f = *state;
    check_preset(f, &everything, 3);
    check_preset(f, &everything, 1);
}

static void nothing_on_is_the_picture(void **state)
{
    fixture *f = *state;
    const augment_settings off = {.crop_min = 1.0f, .crop_max = 1.0f, .aspect_min = 1.0f, .aspect_max = 1.0f};
    assert_ok(f->context, view(f, &off, 3, 0, 0, f->after));
    assert_memory_equal(f->before, f->after, sizeof f->after);
}

/* Chances are met: 2000 views, within five deviations. Flips and erasures each counted alone. */
static void chances_are_met(void **state)
{
    fixture *f = *state;
    const augment_settings a = {.crop_min = 1.0f,
                                .crop_max = 1.0f,
                                .aspect_min = 1.0f,
                                .aspect_max = 1.0f,
                                .flip = 0.3f,
                                .solarize = 0.2f};
    int flips = 0, solarized = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        f->bytes[0] = 102, f->bytes[SIDE - 1] = 204;
        assert_ok(f->context, view(f, &a, 1, i, 0, f->after));
        const int left = (int)lrintf(255.0f * f->after[0]);
        flips += left == 204 || left == 51;
        solarized +=
            (int)lrintf(255.0f * f->after[0]) == 51 || (int)lrintf(255.0f * f->after[SIDE - 1]) == 51;
    }
    assert_true(abs(flips - 600) < 103 && abs(solarized - 400) < 90);
}

static void erasing_respects_its_area(void **state)
{
    fixture *f = *state;
    const augment_settings a = {.crop_min = 1.0f,
                                .crop_max = 1.0f,
                                .aspect_min = 1.0f,
                                .aspect_max = 1.0f,
                                .erase = 1.0f,
                                .erase_min = 0.1f,
                                .erase_max = 0.2f};
    memset(f->bytes, 255, sizeof f->bytes);
    for (uint64_t i = 0; i < 200; i++) {
        int erased = 0;
        assert_ok(f->context, view(f, &a, 1, i, 0, f->after));
        for (int k = 0; k < SIDE * SIDE; k++)
            erased += f->after[k] == 0.5f;
        assert_true(erased > 80 && erased < 230); /* .1 and .2 of 1024, sides rounded */
    }
}

static void no_memory_is_reported(void **state)
{
    fixture *f = *state;
    const int64_t before = f->memory.calls;
    assert_ok(f->context, view(f, &everything, 3, 0, 0, f->after));
    const int64_t needed = f->memory.calls - before;
    assert_true(needed > 0);
    for (int64_t i = 1; i <= needed; i++) {
        scratch_fini(&f->scratch);
        scratch_init(&f->scratch, f->context);
        context_begin(f->context);
        f->memory.fail_at = f->memory.calls + i;
        if (view(f, &everything, 3, 0, 0, f->after) == TACIT_OK)
            fail_msg("allocation %d failed and nobody noticed", (int)i);
    }
}

#define AUGMENT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_found),
        AUGMENT_TEST(brightness_scales),
        AUGMENT_TEST(contrast_keeps_the_mean_grey),
        AUGMENT_TEST(saturation_moves_along_the_grey),
        AUGMENT_TEST(hue_is_that_of_hsv),
        AUGMENT_TEST(jitter_order_is_random),
        AUGMENT_TEST(grey_pictures_have_no_colour_to_jitter),
        AUGMENT_TEST(grayscale_is_luma),
        cmocka_unit_test(solarize_inverts_the_bright),
        AUGMENT_TEST(blur_spreads_one_point),
        AUGMENT_TEST(blur_keeps_the_mean),
        AUGMENT_TEST(blur_of_nothing_is_nothing),
        AUGMENT_TEST(affine_moves_whole_pixels),
        AUGMENT_TEST(affine_repeats_edges_without_fill),
        AUGMENT_TEST(affine_rotates_clockwise),
        AUGMENT_TEST(affine_shears_rows),
        AUGMENT_TEST(affine_far_away_is_fill),
        AUGMENT_TEST(erase_fills_what_lies_inside),
        AUGMENT_TEST(presets_give_keyed_views_in_range),
        AUGMENT_TEST(everything_at_once_stays_in_range),
        AUGMENT_TEST(nothing_on_is_the_picture),
        AUGMENT_TEST(chances_are_met),
        AUGMENT_TEST(erasing_respects_its_area),
        AUGMENT_TEST(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
