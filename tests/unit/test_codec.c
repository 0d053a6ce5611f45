/* Pictures: every kind of pixel, orientation, limit and damage. The encoders are those of the libraries. */
#include "support.h"

#include "base/file.h"
#include "data/codec.h"

#include <png.h>
#include <turbojpeg.h>
#include <webp/encode.h>

enum { ROOM = 1 << 16 };

typedef struct file_bytes {
    uint8_t data[ROOM];
    size_t size;
} file_bytes;

typedef struct fixture {
    tacit_context *context;
    scratch s;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = test_context();
    scratch_init(&f->s, f->context);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    scratch_fini(&f->s);
    tacit_context_destroy(f->context);
    free(f);
    return 0;
}

static tacit_status decode(fixture *f, const file_bytes *file, image *out)
{
    context_begin(f->context);
    return picture_decode(f->context, "x", file->data, file->size, 1 << 20, &f->s, out);
}

/* Decodes, and compares size and every pixel; picture_header must agree. */
static void assert_picture(fixture *f, const file_bytes *file, int height, int width, int channels,
                           const uint8_t *pixels)
{
    image got, head;
    assert_ok(f->context, decode(f, file, &got));
    assert_ok(f->context, picture_header(f->context, "x", file->data, file->size, 0, &head));
    assert_int_equal(got.height, height);
    assert_int_equal(got.width, width);
    assert_int_equal(got.channels, channels);
    assert_memory_equal(got.pixels, pixels, (size_t)(height * width * channels));
    assert_true(head.height == height && head.width == width && head.channels == channels);
}

/* ---- making files ---- */

static void append(png_structp png, png_bytep from, size_t size)
{
    file_bytes *file = png_get_io_ptr(png);
    assert_true(file->size + size <= ROOM);
    memcpy(file->data + file->size, from, size);
    file->size += size;
}

static void no_flush(png_structp png)
{
    (void)png;
}

typedef struct png_recipe {
    int width, height, depth, type, interlace;
    const uint8_t *rows; /* as PNG packs them */
    size_t stride;
    const png_color *palette;
    int colours;
    const uint8_t *alphas; /* of palette colours */
    int alpha_count;
    int orientation; /* 0: no eXIf */
} png_recipe;

static void exif_of(int orientation, uint8_t out[26])
{
    const uint8_t block[26] = {'M',  'M',  0, 42, 0, 0, 0, 8, 0, 1,
                               0x01, 0x12, 0, 3,  0, 0, 0, 1, 0, (uint8_t)orientation};
    memcpy(out, block, sizeof block);
}

static void make_png(file_bytes *out, const png_recipe *r)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t exif[26];
    out->size = 0;
    png_set_write_fn(png, out, append, no_flush);
    png_set_IHDR(png, info, (png_uint_32)r->width, (png_uint_32)r->height, r->depth, r->type, r->interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (r->palette)
        png_set_PLTE(png, info, r->palette, r->colours);
    if (r->alphas)
        png_set_tRNS(png, info, r->alphas, r->alpha_count, NULL);
    if (r->orientation) {
        exif_of(r->orientation, exif);
        png_set_eXIf_1(png, info, sizeof exif, exif);
    }
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < r->height; y++)
            png_write_row(png, r->rows + (size_t)y * r->stride);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

static void make_jpeg(file_bytes *out, const uint8_t *pixels, int width, int height, int format, int sampling)
{
    tjhandle handle = tjInitCompress();
    unsigned char *made = NULL;
    unsigned long size = 0;
    assert_int_equal(tjCompress2(handle, pixels, width, 0, height, format, &made, &size, sampling, 95, 0), 0);
    assert_true(size <= ROOM);
    memcpy(out->data, made, size);
    out->size = size;
    tjFree(made);
    tjDestroy(handle);
}

/* Puts `size` bytes at `at`. */
static void insert(file_bytes *file, size_t at, const void *bytes, size_t size)
{
    assert_true(file->size + size <= ROOM);
    memmove(file->data + at + size, file->data + at, file->size - at);
    memcpy(file->data + at, bytes, size);
    file->size += size;
}

static void add_jpeg_exif(file_bytes *file, int orientation)
{
    uint8_t segment[36] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0};
    exif_of(orientation, segment + 10);
    insert(file, 2, segment, sizeof segment);
}

static void make_webp(file_bytes *out, const uint8_t *pixels, int width, int height, int channels)
{
    uint8_t *made = NULL;
    const size_t size = channels == 4 ? WebPEncodeLosslessRGBA(pixels, width, height, width * 4, &made)
                                      : WebPEncodeLosslessRGB(pixels, width, height, width * 3, &made);
    assert_true(size > 0 && size <= ROOM);
    memcpy(out->data, made, size);
    out->size = size;
    WebPFree(made);
}

static void fill_noise(uint8_t *out, size_t size)
{
    uint32_t x = 12345;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        out[i] = (uint8_t)(x >> 24);
    }
}

/* ---- PNG ---- */

static void png_write_and_read_are_inverse(void **state)
{
    fixture *f = *state;
    char path[600];
    uint8_t pixels[7 * 5 * 3], *data;
    size_t size;
    static file_bytes file;
    snprintf(path, sizeof path, "%s/a.png", test_folder("codec"));
    fill_noise(pixels, sizeof pixels);
    for (int channels = 1; channels <= 3; channels += 2) {
        assert_ok(f->context, picture_write_png(f->context, path, (image){7, 5, channels, pixels}));
        assert_ok(f->context, file_read(f->context, path, ROOM, &data, &size));
        memcpy(file.data, data, size);
        file.size = size;
        memory_free(f->context, data);
        assert_picture(f, &file, 7, 5, channels, pixels);
    }
}

static void png_that_can_not_be_written(void **state)
{
    fixture *f = *state;
    const uint8_t pixels[4] = {0};
    assert_fails(f->context, picture_write_png(f->context, "no/such/folder/a.png", (image){2, 2, 1, pixels}),
                 TACIT_IO, "no/such/folder/a.png");
    context_begin(f->context);
    assert_fails(f->context, picture_write_png(f->context, "a.png", (image){2, 1, 2, pixels}), TACIT_ARGUMENT,
                 "a.png: a picture of 1 x 2 with 2 channels");
    assert_false(file_exists("a.png"));
}

static void png_of_16_bits_is_rounded(void **state)
{
    static file_bytes file;
    const uint8_t rows[] = {0x12, 0xf0, 0xff, 0xff, 0x00, 0x80}; /* 18.86, 255, 0.498 */
    const uint8_t expected[] = {19, 255, 0};
    make_png(&file, &(png_recipe){3, 1, 16, PNG_COLOR_TYPE_GRAY, .rows = rows, .stride = 6});
    assert_picture(*state, &file, 1, 3, 1, expected);
}

static void png_palette_and_transparency(void **state)
{
    static file_bytes file;
    const png_color palette[] = {{10, 20, 30}, {200, 100, 0}, {1, 2, 3}};
    const uint8_t alphas[] = {255, 0, 128}, rows[] = {0x18}; /* 2 bits each: 0, 1, 2 */
    const uint8_t opaque[] = {10, 20, 30, 200, 100, 0, 1, 2, 3};
    const uint8_t on_white[] = {10, 20, 30, 255, 255, 255, 128, 128, 129};
    png_recipe r = {3,           1, 2, PNG_COLOR_TYPE_PALETTE, .rows = rows, .stride = 1, .palette = palette,
                    .colours = 3};
    make_png(&file, &r);
    assert_picture(*state, &file, 1, 3, 3, opaque);
    r.alphas = alphas;
    r.alpha_count = 3;
    make_png(&file, &r);
    assert_picture(*state, &file, 1, 3, 3, on_white);
}

static void png_alpha_lies_on_white(void **state)
{
    static file_bytes file;
    const uint8_t grey[] = {100, 128, 7, 0, 7, 255}, grey_expected[] = {177, 255, 7};
    const uint8_t colour[] = {0, 100, 255, 51, 9, 8, 7, 255}, colour_expected[] = {204, 224, 255, 9, 8, 7};
    make_png(&file, &(png_recipe){3, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, .rows = grey, .stride = 6});
    assert_picture(*state, &file, 1, 3, 1, grey_expected);
    make_png(&file, &(png_recipe){2, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, .rows = colour, .stride = 8});
    assert_picture(*state, &file, 1, 2, 3, colour_expected);
}

static void png_of_one_bit_and_interlaced(void **state)
{
    static file_bytes file;
    const uint8_t bits[] = {0xa0, 0x40}, expected[] = {255, 0, 255, 0, 255, 0};
    uint8_t noise[13 * 11 * 3];
    make_png(&file, &(png_recipe){3, 2, 1, PNG_COLOR_TYPE_GRAY, .rows = bits, .stride = 1});
    assert_picture(*state, &file, 2, 3, 1, expected);
    fill_noise(noise, sizeof noise);
    make_png(&file,
             &(png_recipe){13, 11, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7, noise, 39, .orientation = 0});
    assert_picture(*state, &file, 11, 13, 3, noise);
}

/* Stored 1 2 3 / 4 5 6, and how each orientation is to be seen (EXIF 2.32, 4.6.4 A). */
static void orientations_turn_the_picture(void **state)
{
    static file_bytes file;
    const uint8_t rows[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t seen[9][6] = {{0},
                                       {1, 2, 3, 4, 5, 6},
                                       {3, 2, 1, 6, 5, 4},
                                       {6, 5, 4, 3, 2, 1},
                                       {4, 5, 6, 1, 2, 3},
                                       {1, 4, 2, 5, 3, 6},
                                       {4, 1, 5, 2, 6, 3},
                                       {6, 3, 5, 2, 4, 1},
                                       {3, 6, 2, 5, 1, 4}};
    for (int o = 1; o <= 8; o++) {
        make_png(&file,
                 &(png_recipe){3, 2, 8, PNG_COLOR_TYPE_GRAY, .rows = rows, .stride = 3, .orientation = o});
        assert_picture(*state, &file, o < 5 ? 2 : 3, o < 5 ? 3 : 2, 1, seen[o]);
    }
    make_png(&file, &(png_recipe){3, 2, 8, PNG_COLOR_TYPE_GRAY, .rows = rows, .stride = 3, .orientation = 9});
    assert_picture(*state, &file, 2, 3, 1, seen[1]);
}

/* ---- JPEG ---- */

static void assert_pixel(const image *got, int y, int x, int red, int green, int blue)
{
    const int want[3] = {red, green, blue};
    for (int c = 0; c < got->channels; c++)
        assert_near(got->pixels[(y * got->width + x) * got->channels + c], want[c], 6, 0);
}

/* 16 x 8 pixels: the left half red, the right half blue. */
static void make_halves(uint8_t pixels[8 * 16 * 3])
{
    for (int i = 0; i < 8 * 16; i++) {
        const bool left = i % 16 < 8;
        pixels[3 * i] = left ? 250 : 0;
        pixels[3 * i + 1] = 0;
        pixels[3 * i + 2] = left ? 0 : 250;
    }
}

static void jpeg_colour_grey_and_orientation(void **state)
{
    fixture *f = *state;
    static file_bytes file;
    uint8_t pixels[8 * 16 * 3];
    image got;
    make_halves(pixels);
    make_jpeg(&file, pixels, 16, 8, TJPF_RGB, TJSAMP_444);
    assert_ok(f->context, decode(f, &file, &got));
    assert_true(got.height == 8 && got.width == 16 && got.channels == 3);
    assert_pixel(&got, 0, 0, 250, 0, 0);
    assert_pixel(&got, 7, 15, 0, 0, 250);
    add_jpeg_exif(&file, 6); /* to be turned clockwise: left becomes top */
    assert_ok(f->context, decode(f, &file, &got));
    assert_true(got.height == 16 && got.width == 8);
    assert_pixel(&got, 0, 7, 250, 0, 0);
    assert_pixel(&got, 15, 0, 0, 0, 250);
    make_jpeg(&file, pixels, 16, 8, TJPF_RGB, TJSAMP_GRAY);
    assert_ok(f->context, decode(f, &file, &got));
    assert_int_equal(got.channels, 1);
    assert_pixel(&got, 0, 0, 75, 0, 0);
}

static void jpeg_of_inks(void **state)
{
    fixture *f = *state;
    static file_bytes file;
    uint8_t inks[8 * 8 * 4];
    image got;
    for (int i = 0; i < 64; i++) /* as Adobe: 255 is no ink */
        memcpy(inks + 4 * i, (const uint8_t[]){255, 128, 0, 200}, 4);
    make_jpeg(&file, inks, 8, 8, TJPF_CMYK, TJSAMP_444);
    assert_ok(f->context, decode(f, &file, &got));
    assert_int_equal(got.channels, 3);
    assert_pixel(&got, 3, 3, 200, 100, 0);
}

static void jpeg_with_a_nameless_sampling_has_a_header(void **state)
{
    fixture *f = *state;
    static file_bytes file;
    uint8_t pixels[8 * 16 * 3];
    image got;
    make_halves(pixels);
    make_jpeg(&file, pixels, 16, 8, TJPF_RGB, TJSAMP_444);
    size_t sof = 2;
    while (file.data[sof + 1] != 0xc0)
        sof += 2 + ((size_t)file.data[sof + 2] << 8 | file.data[sof + 3]);
    file.data[sof + 14] = 0x22; /* the first colour difference finer than brightness */
    assert_ok(f->context, picture_header(f->context, "x", file.data, file.size, 0, &got));
    assert_true(got.height == 8 && got.width == 16 && got.channels == 3);
}

/* ---- WebP ---- */

static void webp_colour_and_alpha(void **state)
{
    static file_bytes file;
    uint8_t noise[9 * 4 * 3];
    const uint8_t pixels[] = {0, 100, 255, 51, 9, 8, 7, 255}, expected[] = {204, 224, 255, 9, 8, 7};
    fill_noise(noise, sizeof noise);
    make_webp(&file, noise, 9, 4, 3);
    assert_picture(*state, &file, 4, 9, 3, noise);
    make_webp(&file, pixels, 2, 1, 4);
    assert_picture(*state, &file, 1, 2, 3, expected);
}

/* The file with a VP8X chunk of these flags in front, and `tail` behind. */
static void extend_webp(file_bytes *file, uint8_t flags, int width, int height, const void *tail,
                        size_t tail_size)
{
    const uint8_t chunk[18] = {
        'V', 'P', '8', 'X', 10, 0, 0, 0, flags, 0, 0, 0, (uint8_t)(width - 1), 0, 0, (uint8_t)(height - 1)};
    insert(file, 12, chunk, sizeof chunk);
    insert(file, file->size, tail, tail_size);
    const uint32_t size = (uint32_t)file->size - 8;
    for (int i = 0; i < 4; i++)
        file->data[4 + i] = (uint8_t)(size >> 8 * i);
}

static void webp_orientation_and_animation(void **state)
{
    fixture *f = *state;
    static file_bytes file;
    const uint8_t pixels[] = {1, 1, 1, 2, 2, 2}, turned[] = {2, 2, 2, 1, 1, 1};
    uint8_t chunk[8 + 26] = {'E', 'X', 'I', 'F', 26};
    image got;
    exif_of(8, chunk + 8);
    make_webp(&file, pixels, 2, 1, 3);
    extend_webp(&file, 0x08, 2, 1, chunk, sizeof chunk);
    assert_picture(f, &file, 2, 1, 3, turned);
    make_webp(&file, pixels, 2, 1, 3);
    extend_webp(&file, 0x02, 2, 1, "", 0);
    assert_fails(f->context, decode(f, &file, &got), TACIT_UNSUPPORTED, "x: an animated WebP is not read");
}

/* ---- damage ---- */

/* Every shorter file fails with TACIT_FORMAT, and most say that it is cut. */
static void assert_cuts_fail(fixture *f, file_bytes *file, const char *message)
{
    const size_t whole = file->size;
    size_t said = 0;
    image got;
    for (file->size = 0; file->size < whole; file->size++) {
        const tacit_status status = decode(f, file, &got);
        if (status != TACIT_FORMAT)
            fail_msg("%zu of %zu bytes: %s", file->size, whole, tacit_status_name(status));
        said += strcmp(tacit_context_message(f->context), message) == 0;
    }
    assert_ok(f->context, decode(f, file, &got));
    if (!(said > whole / 2))
        fail_msg("only %zu of %zu cut files were called so", said, whole);
}

static void cut_files_fail(void **state)
{
    static file_bytes file;
    uint8_t noise[24 * 16 * 4];
    fill_noise(noise, sizeof noise);
    make_jpeg(&file, noise, 24, 16, TJPF_RGB, TJSAMP_420);
    assert_cuts_fail(*state, &file, "x: JPEG data ends early (cut file?)");
    make_png(&file, &(png_recipe){24, 16, 8, PNG_COLOR_TYPE_RGB_ALPHA, .rows = noise, .stride = 96});
    assert_cuts_fail(*state, &file, "x: PNG data ends early (cut file?)");
    make_webp(&file, noise, 24, 16, 4);
    assert_cuts_fail(*state, &file, "x: WebP data ends early (cut file?)");
}

/* Every byte of a PNG is under a checksum or is its signature: no changed byte goes unseen. */
static void changed_png_fails(void **state)
{
    fixture *f = *state;
    static file_bytes file;
    uint8_t noise[6 * 5 * 3];
    image got;
    fill_noise(noise, sizeof noise);
    make_png(&file,
             &(png_recipe){6, 5, 8, PNG_COLOR_TYPE_RGB, .rows = noise, .stride = 18, .orientation = 3});
    for (size_t i = 0; i < file.size; i++) {
        file.data[i] ^= 0x10;
        if (decode(f, &file, &got) == TACIT_OK)
            fail_msg("a change of byte %zu of %zu was not seen", i, file.size);
        file.data[i] ^= 0x10;
    }
    file.data[file.size - 20] ^= 1; /* in the checksum of the pixels */
    assert_fails(f->context, decode(f, &file, &got), TACIT_FORMAT, "x: damaged PNG: ");
}

static void damaged_jpeg_fails(void **state)
{
    fixture *f = *state;
    static file_bytes file;
    uint8_t noise[64 * 64 * 3];
    image got;
    fill_noise(noise, sizeof noise);
    make_jpeg(&file, noise, 64, 64, TJPF_RGB, TJSAMP_420);
    memset(file.data + file.size / 2, 0, 64);
    assert_fails(f->context, decode(f, &file, &got), TACIT_FORMAT, "x: damaged JPEG: Corrupt JPEG data");
    make_jpeg(&file, noise, 64, 64, TJPF_RGB, TJSAMP_420);
    file.data[11] = 9; /* JFIF 9.1 is a remark, no damage */
    assert_ok(f->context, decode(f, &file, &got));
}

static void other_files_are_named(void **state)
{
    fixture *f = *state;
    image got;
    assert_false(picture_sniff((const uint8_t *)"GIF89a", 6));
    assert_fails(f->context, decode(f, &(file_bytes){"GIF89a", 6}, &got), TACIT_UNSUPPORTED,
                 "x: looks like GIF, which is not read: expected JPEG, PNG or WebP");
    assert_fails(f->context, decode(f, &(file_bytes){"hello", 5}, &got), TACIT_FORMAT, "x: not a picture");
    assert_fails(f->context, decode(f, &(file_bytes){"", 0}, &got), TACIT_FORMAT, "x: the file is empty");
}

/* ---- memory ---- */

static void make_png_head(file_bytes *out, uint32_t width, uint32_t height)
{
    const uint8_t head[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    memset(out, 0, sizeof *out);
    memcpy(out->data, head, sizeof head);
    for (int i = 0; i < 4; i++) {
        out->data[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        out->data[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    out->data[24] = 8;
    out->data[25] = PNG_COLOR_TYPE_RGB;
    out->size = 60;
}

/* Nothing large is asked for on the word of a header alone. */
static void limits_come_before_memory(void **state)
{
    (void)state;
    static file_bytes file;
    test_memory m = {0};
    tacit_context *context = test_context_on(&m);
    scratch s;
    image got;
    scratch_init(&s, context);
    make_png_head(&file, 31000, 20000);
    assert_fails(
        context, picture_decode(context, "big.png", file.data, file.size, 0, &s, &got), TACIT_LIMIT,
        "big.png: 31000 x 20000 = 620,000,000 pixels, over the limit of 178,956,970 (see --pixel-limit)");
    context_begin(context);
    assert_fails(context, picture_header(context, "big.png", file.data, file.size, 1000, &got), TACIT_LIMIT,
                 "over the limit of 1,000 (");
    context_begin(context);
    make_png_head(&file, 10000, 10000); /* allowed, but not in 60 bytes */
    assert_fails(context, picture_decode(context, "x", file.data, file.size, 0, &s, &got), TACIT_FORMAT,
                 "x: PNG data ends early");
    assert_true(m.largest < 1000000);
    scratch_fini(&s);
    tacit_context_destroy(context);
}

static void assert_each_failed_allocation_is_told(const file_bytes *file)
{
    test_memory m = {0};
    tacit_context *context = test_context_on(&m);
    tacit_status status = TACIT_NOMEM;
    int64_t tries = 0;
    while (status != TACIT_OK && tries < 100) {
        scratch s;
        image got;
        scratch_init(&s, context);
        context_begin(context);
        m.calls = 0;
        m.fail_at = ++tries;
        status = picture_decode(context, "x", file->data, file->size, 0, &s, &got);
        scratch_fini(&s);
        if (status != TACIT_OK && status != TACIT_NOMEM)
            fail_msg("allocation %d: %s", (int)tries, tacit_context_message(context));
    }
    assert_true(tries > 1 && tries < 100);
    tacit_context_destroy(context);
}

static void each_failed_allocation_is_told(void **state)
{
    (void)state;
    static file_bytes file;
    uint8_t noise[16 * 16 * 4];
    fill_noise(noise, sizeof noise);
    make_png(&file, &(png_recipe){16, 16, 8, PNG_COLOR_TYPE_RGB_ALPHA, PNG_INTERLACE_ADAM7, noise, 64,
                                  .orientation = 5});
    assert_each_failed_allocation_is_told(&file);
    make_jpeg(&file, noise, 16, 16, TJPF_RGB, TJSAMP_420);
    add_jpeg_exif(&file, 2);
    assert_each_failed_allocation_is_told(&file);
    make_webp(&file, noise, 16, 16, 4);
    assert_each_failed_allocation_is_told(&file);
}

/* ---- conversion ---- */

static void conversion_is_rounded_601(void **state)
{
    fixture *f = *state;
    const uint8_t colour[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}, grey[] = {76, 150, 29, 18};
    const uint8_t copies[] = {76, 76, 76, 150, 150, 150, 29, 29, 29, 18, 18, 18};
    const image got = picture_convert((image){2, 2, 3, colour}, 1, &f->s);
    assert_true(got.height == 2 && got.width == 2 && got.channels == 1);
    assert_memory_equal(got.pixels, grey, sizeof grey);
    const image back = picture_convert((image){2, 2, 1, grey}, 3, &f->s);
    assert_memory_equal(back.pixels, copies, sizeof copies);
    assert_ptr_equal(picture_convert((image){2, 2, 1, grey}, 1, &f->s).pixels, grey);
}

static void scratch_pieces_are_independent(void **state)
{
    fixture *f = *state;
    uint8_t *a = scratch_get(&f->s, SCRATCH_FILE, 100), *b = scratch_get(&f->s, SCRATCH_PIXELS, 100);
    memset(a, 1, 100);
    memset(b, 2, 100);
    assert_ptr_equal(scratch_get(&f->s, SCRATCH_FILE, 50), a);
    assert_non_null(scratch_get(&f->s, SCRATCH_PIXELS, 1000000));
    assert_int_equal(a[99], 1);
    assert_null(scratch_get(&f->s, SCRATCH_ROWS, SIZE_MAX));
    assert_int_equal(f->context->status, TACIT_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(png_write_and_read_are_inverse),
        TEST(png_that_can_not_be_written),
        TEST(png_of_16_bits_is_rounded),
        TEST(png_palette_and_transparency),
        TEST(png_alpha_lies_on_white),
        TEST(png_of_one_bit_and_interlaced),
        TEST(orientations_turn_the_picture),
        TEST(jpeg_colour_grey_and_orientation),
        TEST(jpeg_of_inks),
        TEST(jpeg_with_a_nameless_sampling_has_a_header),
        TEST(webp_colour_and_alpha),
        TEST(webp_orientation_and_animation),
        TEST(cut_files_fail),
        TEST(changed_png_fails),
        TEST(damaged_jpeg_fails),
        TEST(other_files_are_named),
        TEST(limits_come_before_memory),
        TEST(each_failed_allocation_is_told),
        TEST(conversion_is_rounded_601),
        TEST(scratch_pieces_are_independent),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
