/* PNG through libpng, reading and writing. libpng leaves by longjmp: everything that lives across one is in a
 * `job`, and the only setjmp is in `guarded`, which changes no local variable after it. */
#include "data/codec_kind.h"

#include "base/bytes.h"
#include "base/file.h"
#include "data/exif.h"

#include <png.h>
#include <string.h>

enum { SIGNATURE_SIZE = 8, CHUNK_OVERHEAD = 12, HEADER_SIZE = 13, DEFLATE_RATIO_MOST = 1032 };
static const uint8_t signature[SIGNATURE_SIZE] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

typedef struct job {
    tacit_context *context;
    const char *name;
    png_structp png;
    png_infop info;
    tacit_status status;
    bool no_memory;
    /* reading */
    const picture_file *file;
    const picture_info *wanted;
    bytes from;
    bool cut;
    uint8_t *pixels;
    /* writing */
    image source;
    file_writer writer;
} job;

static bool sniff(const uint8_t *head, size_t size)
{
    return size >= SIGNATURE_SIZE && memcmp(head, signature, SIGNATURE_SIZE) == 0;
}

/* ---- the header: our own few lines, because libpng can not look past the pixels for eXIf ---- */

static int channels_of(uint8_t colour_type)
{
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4};
    return colour_type < 7 ? channels[colour_type] : 0;
}

static picture_layout layout_of(uint8_t colour_type, bool transparent)
{
    const bool grey = !(colour_type & PNG_COLOR_MASK_COLOR);
    const bool alpha = transparent || (colour_type & PNG_COLOR_MASK_ALPHA);
    if (grey)
        return alpha ? LAYOUT_GREY_ALPHA : LAYOUT_GREY;
    return alpha ? LAYOUT_COLOUR_ALPHA : LAYOUT_COLOUR;
}

static tacit_status read_size(const picture_file *file, bytes *b, picture_info *out, uint8_t *colour_type)
{
    const uint32_t length = bytes_u32_be(b);
    const uint8_t *name = bytes_skip(b, 4);
    out->width = bytes_u32_be(b);
    out->height = bytes_u32_be(b);
    bytes_skip(b, 1);
    *colour_type = bytes_u8(b);
    bytes_skip(b, HEADER_SIZE - 10 + 4);
    if (b->failed)
        return picture_fail_cut(file, &picture_png);
    if (length != HEADER_SIZE || memcmp(name, "IHDR", 4) != 0 || out->width < 1 || out->width > INT32_MAX ||
        out->height < 1 || out->height > INT32_MAX || !channels_of(*colour_type))
        return context_fail(file->context, TACIT_FORMAT, "%s: damaged PNG: no valid header at byte 8",
                            file->name);
    return TACIT_OK;
}

static tacit_status header(const picture_file *file, picture_info *out)
{
    uint8_t colour_type;
    bytes b = bytes_of(file->bytes, file->size);
    bytes_skip(&b, SIGNATURE_SIZE);
    TRY(read_size(file, &b, out, &colour_type));
    bool transparent = false;
    while (!b.failed && bytes_left(&b) >= CHUNK_OVERHEAD) {
        const uint32_t length = bytes_u32_be(&b);
        const uint8_t *name = bytes_skip(&b, 4);
        const uint8_t *chunk = bytes_skip(&b, length);
        if (!chunk)
            break;
        transparent = transparent || memcmp(name, "tRNS", 4) == 0;
        if (memcmp(name, "eXIf", 4) == 0)
            out->orientation = exif_orientation(chunk, length);
        bytes_skip(&b, 4);
    }
    out->layout = layout_of(colour_type, transparent);
    return TACIT_OK;
}

/* ---- libpng's callbacks ---- */

static PNG_NORETURN void on_error(png_structp png, png_const_charp text)
{
    job *j = png_get_error_ptr(png);
    if (j->no_memory)
        j->status = context_fail(j->context, TACIT_NOMEM, "out of memory");
    else if (j->cut)
        j->status = picture_fail_cut(j->file, &picture_png);
    else if (j->file)
        j->status = context_fail(j->context, TACIT_FORMAT, "%s: damaged PNG: %s", j->name, text);
    else
        j->status =
            context_fail(j->context, TACIT_ARGUMENT, "%s: can not be written as PNG: %s", j->name, text);
    png_longjmp(png, 1);
}

/* What libpng only warns of (an odd profile, a late palette) does not touch the pixels. */
static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static png_voidp take_memory(png_structp png, png_alloc_size_t size)
{
    job *j = png_get_mem_ptr(png);
    void *pointer = memory_alloc(j->context, size, 1);
    j->no_memory = j->no_memory || !pointer;
    return pointer;
}

static void give_memory(png_structp png, png_voidp pointer)
{
    const job *j = png_get_mem_ptr(png);
    memory_free(j->context, pointer);
}

static void read_bytes(png_structp png, png_bytep out, size_t size)
{
    job *j = png_get_io_ptr(png);
    const uint8_t *from = bytes_skip(&j->from, size);
    if (!from) {
        j->cut = true;
        png_error(png, "cut");
    }
    memcpy(out, from, size);
}

static void write_bytes(png_structp png, png_bytep from, size_t size)
{
    job *j = png_get_io_ptr(png);
    file_writer_write(&j->writer, from, size);
}

static void flush_bytes(png_structp png)
{
    (void)png;
}

/* Runs `work`; the status of the first error that libpng left it by. */
static tacit_status guarded(job *j, void (*work)(job *j))
{
    if (setjmp(png_jmpbuf(j->png)))
        return j->status;
    work(j);
    return j->status;
}

/* ---- reading ---- */

static void read_all(job *j)
{
    const picture_info *wanted = j->wanted;
    const bool alpha = wanted->layout == LAYOUT_GREY_ALPHA || wanted->layout == LAYOUT_COLOUR_ALPHA;
    const size_t channels =
        (wanted->layout == LAYOUT_COLOUR || wanted->layout == LAYOUT_COLOUR_ALPHA ? 3 : 1) + alpha;
    const size_t stride = (size_t)wanted->width * channels;
    png_set_read_fn(j->png, j, read_bytes);
    png_set_user_limits(j->png, INT32_MAX, INT32_MAX); /* ours is the pixel limit, checked already */
    png_set_crc_action(j->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_keep_unknown_chunks(j->png, PNG_HANDLE_CHUNK_NEVER, NULL,
                                -1); /* skips profiles, texts, and the like */
    png_read_info(j->png, j->info);
    png_set_expand(j->png);
    png_set_scale_16(j->png);
    if (alpha) /* even if libpng finds the transparency that the header announced invalid */
        png_set_add_alpha(j->png, 255, PNG_FILLER_AFTER);
    const int passes = png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    if (png_get_rowbytes(j->png, j->info) != stride ||
        png_get_image_height(j->png, j->info) != wanted->height)
        png_error(j->png, "its chunks contradict its header");
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < wanted->height; y++)
            png_read_row(j->png, j->pixels + (size_t)y * stride, NULL);
    png_read_end(j->png, NULL);
}

/* Deflate shrinks to 1/1032 at best: a large picture in fewer bytes is cut, or an attack on our memory. */
static tacit_status check(const picture_file *file, const picture_info *info)
{
    const uint8_t *fields = file->bytes + SIGNATURE_SIZE + 8 + 8; /* depth, colour type */
    const uint64_t bits = (uint64_t)fields[0] * (uint64_t)channels_of(fields[1]);
    const uint64_t pixels = (uint64_t)info->width * (uint64_t)info->height;
    if (pixels / 8 / DEFLATE_RATIO_MOST * bits > file->size)
        return picture_fail_cut(file, &picture_png);
    return TACIT_OK;
}

static tacit_status decode(const picture_file *file, const picture_info *info, uint8_t *pixels)
{
    job j = {.context = file->context, .name = file->name, .file = file, .wanted = info, .pixels = pixels};
    j.from = bytes_of(file->bytes, file->size);
    j.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning, &j, take_memory,
                                     give_memory);
    if (j.png)
        j.info = png_create_info_struct(j.png);
    tacit_status status = TACIT_NOMEM;
    if (j.info)
        status = guarded(&j, read_all);
    png_destroy_read_struct(&j.png, &j.info, NULL);
    return status == TACIT_NOMEM ? context_fail(file->context, status, "out of memory") : status;
}

const picture_kind picture_png = {
    .name = "PNG", .sniff = sniff, .header = header, .check = check, .decode = decode};

/* ---- writing ---- */

static void write_all(job *j)
{
    const image *source = &j->source;
    const size_t stride = (size_t)source->width * (size_t)source->channels;
    png_set_write_fn(j->png, j, write_bytes, flush_bytes);
    png_set_user_limits(j->png, INT32_MAX, INT32_MAX);
    png_set_IHDR(j->png, j->info, (png_uint_32)source->width, (png_uint_32)source->height, 8,
                 source->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(j->png, j->info);
    for (int y = 0; y < source->height; y++)
        png_write_row(j->png, source->pixels + (size_t)y * stride);
    png_write_end(j->png, NULL);
}

tacit_status picture_write_png(tacit_context *context, const char *path, image source)
{
    job j = {.context = context, .name = path, .source = source};
    if ((source.channels != 1 && source.channels != 3) || source.height < 1 || source.width < 1 ||
        !source.pixels)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s: a picture of %d x %d with %d channels can not be written", path,
                            source.width, source.height, source.channels);
    TRY(file_writer_open(&j.writer, context, path));
    j.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning, &j, take_memory,
                                      give_memory);
    if (j.png)
        j.info = png_create_info_struct(j.png);
    tacit_status status = TACIT_NOMEM;
    if (j.info)
        status = guarded(&j, write_all);
    png_destroy_write_struct(&j.png, &j.info);
    if (status == TACIT_OK)
        return file_writer_commit(&j.writer);
    file_writer_abandon(&j.writer);
    return status == TACIT_NOMEM ? context_fail(context, status, "out of memory") : status;
}
