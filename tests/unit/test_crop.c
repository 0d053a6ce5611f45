/* Crops: the resize against PyTorch, exactness where nothing is resampled, boxes inside the picture, and
 * errors. */
#include "support.h"

#include "data/augment/augment.h"

#include "golden/resize.h"

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    scratch scratch;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    f.context = test_context_on(&f.memory);
    scratch_init(&f.scratch, f.context);
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

enum { PIXELS = 64 * 64 * 3 };

/* The generator of make_resize.py. */
static image noise(int height, int width, int channels)
{
    static uint8_t pixels[PIXELS];
    uint32_t state = 1;
    assert_true(height * width * channels <= PIXELS);
    for (int i = 0; i < height * width * channels; i++) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(state >> 24);
    }
    return (image){height, width, channels, pixels};
}

static float values[PIXELS], others[PIXELS];

static void matches_pytorch(void **state)
{
    fixture *f = *state;
    for (size_t g = 0; g < sizeof golden_resizes / sizeof golden_resizes[0]; g++) {
        const struct golden_resize *r = &golden_resizes[g];
        canvas out = {r->out_height, r->out_width, r->channels, values};
        const crop_box box = {(float)r->x, (float)r->y, (float)r->box_width, (float)r->box_height};
        assert_ok(f->context,
                  crop_resize(noise(r->height, r->width, r->channels), box, false, &f->scratch, &out));
        for (int i = 0; i < r->out_height * r->out_width * r->channels; i++)
            assert_near((double)values[i], (double)r->pixels[i], 1e-5, 0.0);
    }
}

static void whole_picture_is_exact(void **state)
{
    fixture *f = *state;
    for (int channels = 1; channels <= 3; channels += 2) {
        const image source = noise(17, 13, channels);
        canvas out = {17, 13, channels, values};
        assert_ok(f->context, crop_resize(source, (crop_box){0, 0, 13, 17}, false, &f->scratch, &out));
        for (int i = 0; i < 17 * 13 * channels; i++)
            assert_true(values[i] == (float)source.pixels[i] / 255.0f);
    }
}

/* Columns of `mirrored` are those of `plain` from right to left. */
static void assert_mirrored(const float *plain, const float *mirrored, int height, int width, int channels)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                assert_true(plain[(y * width + x) * channels + c] ==
                            mirrored[(y * width + width - 1 - x) * channels + c]);
}

/* Resampled (both ways) and not. Mirroring twice is the identity, because mirroring reverses the columns
 * exactly. */
static void flip_mirrors(void **state)
{
    fixture *f = *state;
    const crop_box boxes[] = {{2, 3, 11, 9}, {0, 0, 30, 28}, {5, 1, 16, 12}};
    for (int channels = 1; channels <= 3; channels += 2)
        for (size_t b = 0; b < 3; b++) {
            canvas plain = {12, 16, channels, values}, mirrored = {12, 16, channels, others};
            const image source = noise(28, 30, channels);
            assert_ok(f->context, crop_resize(source, boxes[b], false, &f->scratch, &plain));
            assert_ok(f->context, crop_resize(source, boxes[b], true, &f->scratch, &mirrored));
            assert_mirrored(values, others, 12, 16, channels);
        }
}

static void what_is_cut_away_does_not_matter(void **state)
{
    fixture *f = *state;
    image source = noise(20, 24, 3);
    static uint8_t changed[PIXELS];
    for (int i = 0; i < 20 * 24 * 3; i++) {
        const int x = i / 3 % 24, y = i / 3 / 24;
        const bool inside = x >= 4 && x < 13 && y >= 6 && y < 17;
        changed[i] = inside ? source.pixels[i] : (uint8_t)(255 - source.pixels[i]);
    }
    canvas a = {15, 7, 3, values}, b = {15, 7, 3, others};
    assert_ok(f->context, crop_resize(source, (crop_box){4, 6, 9, 11}, false, &f->scratch, &a));
    source.pixels = changed;
    assert_ok(f->context, crop_resize(source, (crop_box){4, 6, 9, 11}, false, &f->scratch, &b));
    assert_memory_equal(values, others, 15 * 7 * 3 * sizeof(float));
}

/* Weights sum to 1 at every size, position, and edge: one colour stays that colour. */
static void one_colour_stays(void **state)
{
    fixture *f = *state;
    uint8_t pixels[19 * 23];
    memset(pixels, 100, sizeof pixels);
    const image source = {19, 23, 1, pixels};
    for (int side = 1; side <= 40; side++) {
        canvas out = {side, 41 - side, 1, values};
        const float start = (float)side / 20.0f;
        assert_ok(f->context,
                  crop_resize(source, (crop_box){start, start, 14.5f, 16.25f}, false, &f->scratch, &out));
        for (int i = 0; i < side * (41 - side); i++)
            assert_near((double)values[i], 100.0 / 255.0, 1e-6, 0.0);
    }
}

static void result_stays_in_range(void **state)
{
    fixture *f = *state;
    const uint8_t edge[4 * 4] = {0, 0, 255, 255, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0};
    canvas out = {16, 16, 1, values};
    assert_ok(f->context,
              crop_resize((image){4, 4, 1, edge}, (crop_box){0, 0, 4, 4}, false, &f->scratch, &out));
    int at_limit = 0;
    for (int i = 0; i < 16 * 16; i++) {
        assert_true(values[i] >= 0.0f && values[i] <= 1.0f);
        at_limit += values[i] == 0.0f || values[i] == 1.0f;
    }
    assert_true(at_limit > 0); /* the cubic overshoots here: clipping did something */
}

static void bad_boxes_are_refused(void **state)
{
    fixture *f = *state;
    const image source = noise(10, 12, 1);
    const crop_box bad[] = {{-1, 0, 5, 5},  {0, -0.5f, 5, 5},   {8, 0, 5, 5},   {0, 6, 5, 5},
                            {0, 0, 0, 5},   {0, 0, 5, -1},      {NAN, 0, 5, 5}, {0, 0, NAN, 5},
                            {0, 0, 13, 10}, {0, 0, 5, INFINITY}};
    canvas out = {4, 4, 1, values};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        context_begin(f->context);
        assert_fails(f->context, crop_resize(source, bad[i], false, &f->scratch, &out), TACIT_ARGUMENT,
                     "expected a box inside the picture of 12x10");
    }
    context_begin(f->context);
    out.channels = 3;
    assert_fails(f->context, crop_resize(source, (crop_box){0, 0, 5, 5}, false, &f->scratch, &out),
                 TACIT_SHAPE, "1 channels into 3");
}

static void no_memory_is_reported(void **state)
{
    fixture *f = *state;
    canvas out = {4, 4, 1, values};
    f->memory.fail_at = f->memory.calls + 1;
    assert_int_equal(crop_resize(noise(10, 12, 1), (crop_box){0, 0, 12, 10}, false, &f->scratch, &out),
                     TACIT_NOMEM);
    assert_ok(f->context, crop_resize(noise(10, 12, 1), (crop_box){0, 0, 12, 10}, false, &f->scratch, &out));
}

static void steady_state_allocates_nothing(void **state)
{
    fixture *f = *state;
    canvas out = {28, 28, 1, values};
    assert_ok(f->context, crop_resize(noise(60, 60, 1), (crop_box){0, 0, 60, 60}, false, &f->scratch, &out));
    const int64_t calls = f->memory.calls;
    assert_ok(f->context, crop_resize(noise(60, 60, 1), (crop_box){0, 0, 60, 60}, true, &f->scratch, &out));
    assert_int_equal(f->memory.calls, calls);
}

static bool is_whole(float x)
{
    return x == floorf(x);
}

/* Inside the picture, whole pixels, area and aspect as asked (up to rounding to whole pixels), spread. */
static void random_boxes_keep_the_rules(void **state)
{
    (void)state;
    const augment_settings a = {
        .crop_min = 0.2f, .crop_max = 0.9f, .aspect_min = 0.75f, .aspect_max = 4.0f / 3.0f};
    draws d = draws_at(5, DRAW_TEST, 0, 0, 0);
    double least = 1.0, most = 0.0;
    bool touched_left = false, touched_right = false;
    for (int i = 0; i < 2000; i++) {
        const crop_box b = crop_random(&a, 200, 220, &d);
        assert_true(is_whole(b.x) && is_whole(b.y) && is_whole(b.width) && is_whole(b.height));
        assert_true(b.x >= 0 && b.y >= 0 && b.width >= 1 && b.height >= 1);
        assert_true(b.x + b.width <= 220 && b.y + b.height <= 200);
        const double area = (double)b.width * (double)b.height / (200.0 * 220.0);
        const double aspect = (double)b.width / (double)b.height;
        assert_true(area >= 0.195 && area <= 0.905 && aspect >= 0.735 && aspect <= 1.36);
        least = fmin(least, area);
        most = fmax(most, area);
        touched_left |= b.x == 0;
        touched_right |= b.x + b.width == 220;
    }
    assert_true(least < 0.22 && most > 0.85 && touched_left && touched_right);
}

/* No box of at least half the area has an aspect near 1 in a picture of 1:10: the fallback is the widest
 * allowed. */
static void narrow_pictures_fall_back(void **state)
{
    (void)state;
    const augment_settings a = {
        .crop_min = 0.5f, .crop_max = 1.0f, .aspect_min = 0.75f, .aspect_max = 4.0f / 3.0f};
    draws d = draws_at(5, DRAW_TEST, 0, 0, 0);
    const crop_box wide = crop_random(&a, 30, 300, &d), tall = crop_random(&a, 300, 30, &d);
    assert_true(wide.height == 30 && wide.width == 40 && wide.x == 130 && wide.y == 0);
    assert_true(tall.width == 30 && tall.height == 40 && tall.y == 130 && tall.x == 0);
    const crop_box point = crop_random(&a, 1, 1, &d);
    assert_true(point.x == 0 && point.y == 0 && point.width == 1 && point.height == 1);
}

static void centre_box_has_the_aspect(void **state)
{
    (void)state;
    const crop_box wide = crop_centre(30, 50, 10, 10), tall = crop_centre(51, 30, 10, 20);
    assert_true(wide.x == 10 && wide.y == 0 && wide.width == 30 && wide.height == 30);
    assert_true(tall.x == 0 && tall.y == 18 && tall.width == 30 && tall.height == 15);
    const crop_box whole = crop_centre(28, 28, 28, 28);
    assert_true(whole.x == 0 && whole.y == 0 && whole.width == 28 && whole.height == 28);
}

/* Boxes of awkward aspects have fractions; they must still count as inside. */
static void centre_boxes_are_accepted(void **state)
{
    fixture *f = *state;
    static uint8_t pixels[97 * 97];
    for (int height = 1; height <= 97; height += 4)
        for (int out_width = 1; out_width <= 31; out_width += 3) {
            canvas out = {17, out_width, 1, values};
            const image source = {height, 98 - height, 1, pixels};
            const crop_box box = crop_centre(height, 98 - height, 17, out_width);
            assert_ok(f->context, crop_resize(source, box, false, &f->scratch, &out));
        }
}

#define CROP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CROP_TEST(matches_pytorch),
        CROP_TEST(whole_picture_is_exact),
        CROP_TEST(flip_mirrors),
        CROP_TEST(what_is_cut_away_does_not_matter),
        CROP_TEST(one_colour_stays),
        CROP_TEST(result_stays_in_range),
        CROP_TEST(bad_boxes_are_refused),
        CROP_TEST(no_memory_is_reported),
        CROP_TEST(steady_state_allocates_nothing),
        cmocka_unit_test(random_boxes_keep_the_rules),
        cmocka_unit_test(narrow_pictures_fall_back),
        cmocka_unit_test(centre_box_has_the_aspect),
        CROP_TEST(centre_boxes_are_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
