/* Sheets: every pixel of a small one, the letters of its titles, and what is refused. */
#include "support.h"

#include "base/file.h"
#include "data/augment/augment.h"
#include "data/augment/font.h"
#include "data/codec.h"

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    scratch scratch;
    char path[600];
    uint8_t *file;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    f.context = test_context_on(&f.memory);
    scratch_init(&f.scratch, f.context);
    snprintf(f.path, sizeof f.path, "%s/sheet.png", test_folder("sheet"));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    memory_free(f->context, f->file);
    scratch_fini(&f->scratch);
    tacit_context_destroy(f->context);
    return f->memory.alive == 0 ? 0 : -1;
}

static image read_back(fixture *f)
{
    size_t size;
    image picture;
    assert_ok(f->context, file_read(f->context, f->path, 1 << 24, &f->file, &size));
    assert_ok(f->context, picture_decode(f->context, f->path, f->file, size, 1 << 24, &f->scratch, &picture));
    return picture;
}

/* 2 x 3 pictures of 20 x 30: enlarged three times (60 x 90), gaps of 4. */
static void cells_are_where_they_belong(void **state)
{
    fixture *f = *state;
    static uint8_t pixels[2 * 3 * 20 * 30 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 31 % 251);
    const sheet s = {2, 3, 20, 30, 3, pixels, NULL};
    assert_ok(f->context, sheet_write(f->context, f->path, &s));
    const image p = read_back(f);
    assert_int_equal(p.height, 4 + 2 * 64);
    assert_int_equal(p.width, 4 + 3 * 94);
    assert_int_equal(p.channels, 3);
    for (int y = 0; y < p.height; y++)
        for (int x = 0; x < p.width; x++)
            for (int c = 0; c < 3; c++) {
                const int row = (y - 4) / 64, column = (x - 4) / 94, down = (y - 4) % 64,
                          right = (x - 4) % 94;
                const bool inside = y >= 4 && x >= 4 && down < 60 && right < 90;
                const int at = (((row * 3 + column) * 20 + down / 3) * 30 + right / 3) * 3 + c;
                assert_int_equal(p.pixels[(y * p.width + x) * 3 + c], inside ? pixels[at] : 255);
            }
}

/* Letter `i` of a title that starts at `left`, read from the sheet at `scale`, is the font's glyph. */
static void assert_letter(const image *p, int left, int scale, int i, char letter)
{
    const uint8_t *rows = font_rows(letter);
    for (int y = 0; y < FONT_HEIGHT * scale; y++)
        for (int x = 0; x < FONT_WIDTH * scale; x++) {
            const int at = (4 + y) * p->width + left + i * (FONT_WIDTH + 1) * scale + x;
            const int ink = rows[y / scale] >> (FONT_WIDTH - 1 - x / scale) & 1;
            assert_int_equal(p->pixels[at], ink ? 0 : 255);
        }
}

static void titles_stand_above_their_columns(void **state)
{
    fixture *f = *state;
    static const uint8_t pixels[2 * 64 * 64];
    const char *const shorter[] = {"mask", "Ab?g"}, *const longer[] = {"original and more", "x"};
    assert_ok(f->context, sheet_write(f->context, f->path, &(sheet){1, 2, 64, 64, 1, pixels, shorter}));
    image p = read_back(f);
    assert_int_equal(p.height, 4 + 14 + 4 + 64 + 4);
    for (int i = 0; i < 4; i++) {
        assert_letter(&p, 4, 2, i, shorter[0][i]);
        assert_letter(&p, 72, 2, i, shorter[1][i]);
    }
    memory_free(f->context, f->file);
    assert_ok(f->context, sheet_write(f->context, f->path, &(sheet){1, 2, 64, 64, 1, pixels, longer}));
    p = read_back(f);
    assert_int_equal(p.height, 4 + 7 + 4 + 64 + 4);
    for (int i = 0; i < 11; i++) /* eleven letters of six pixels fit into 64 + 4 */
        assert_letter(&p, 4, 1, i, longer[0][i]);
    assert_letter(&p, 72, 1, 0, 'x');
}

static void glyphs_differ(void **state)
{
    (void)state;
    for (char a = ' '; a < '~'; a++)
        for (char b = (char)(a + 1); b <= '~'; b++)
            if (memcmp(font_rows(a), font_rows(b), FONT_HEIGHT) == 0)
                fail_msg("'%c' and '%c' look the same", a, b);
    assert_true(font_rows('\n') == font_rows('?') && font_rows((char)200) == font_rows('?'));
    for (char a = '!'; a <= '~'; a++)
        for (int y = 0; y < FONT_HEIGHT; y++)
            assert_true(font_rows(a)[y] < 1 << FONT_WIDTH);
}

static void impossible_sheets_are_refused(void **state)
{
    fixture *f = *state;
    static const uint8_t pixel[3];
    const sheet bad[] = {{0, 1, 1, 1, 1, pixel, NULL},
                         {1, -1, 1, 1, 1, pixel, NULL},
                         {1, 1, 0, 1, 1, pixel, NULL},
                         {1, 1, 1, 1, 2, pixel, NULL},
                         {1, 1, 1, 70000, 1, pixel, NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        context_begin(f->context);
        assert_fails(f->context, sheet_write(f->context, f->path, &bad[i]), TACIT_ARGUMENT,
                     "can not be drawn");
    }
    context_begin(f->context);
    assert_fails(f->context, sheet_write(f->context, f->path, &(sheet){2147483647, 1, 1, 1, 1, pixel, NULL}),
                 TACIT_LIMIT, "at most 65535 a side");
    assert_false(file_exists(f->path));
}

static void no_memory_leaves_no_file(void **state)
{
    fixture *f = *state;
    static const uint8_t pixels[64 * 64];
    f->memory.fail_at = f->memory.calls + 1;
    assert_int_equal(sheet_write(f->context, f->path, &(sheet){1, 1, 64, 64, 1, pixels, NULL}), TACIT_NOMEM);
    assert_false(file_exists(f->path));
}

#define SHEET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHEET_TEST(cells_are_where_they_belong), SHEET_TEST(titles_stand_above_their_columns),
        cmocka_unit_test(glyphs_differ),         SHEET_TEST(impossible_sheets_are_refused),
        SHEET_TEST(no_memory_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
