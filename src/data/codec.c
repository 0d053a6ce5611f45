/* Pictures from bytes to pixels: finds the kind, checks the limit before memory is asked for, and brings what
 * the kind decoded to 1 or 3 channels, upright, without alpha. */
#include "data/codec_kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { THOUSANDS_TEXT = 32 };
static const int64_t default_pixel_limit = 178956970; /* 2^29 / 3 */

static const picture_kind *const kinds[] = {&picture_jpeg, &picture_png, &picture_webp};

static const picture_kind *find_kind(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i]->sniff(bytes, size))
            return kinds[i];
    return NULL;
}

bool picture_sniff(const uint8_t *bytes, size_t size)
{
    return find_kind(bytes, size) != NULL;
}

tacit_status picture_fail_cut(const picture_file *file, const picture_kind *kind)
{
    return context_fail(file->context, TACIT_FORMAT, "%s: %s data ends early (cut file?)", file->name,
                        kind->name);
}

/* ---- the header ---- */

/* Pictures that we know by sight and do not read: a better message than "not a picture". */
static const char *foreign_kind(const picture_file *file)
{
    static const struct {
        const char *name, *mark;
        size_t at, size;
    } foreign[] = {{"GIF", "GIF8", 0, 4},          {"BMP", "BM", 0, 2},
                   {"TIFF", "II*\0", 0, 4},        {"TIFF", "MM\0*", 0, 4},
                   {"AVIF or HEIF", "ftyp", 4, 4}, {"JPEG XL", "\xff\x0a", 0, 2},
                   {"JPEG 2000", "jP  ", 4, 4}};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (file->size >= foreign[i].at + foreign[i].size &&
            memcmp(file->bytes + foreign[i].at, foreign[i].mark, foreign[i].size) == 0)
            return foreign[i].name;
    return NULL;
}

static tacit_status fail_unknown(const picture_file *file)
{
    const char *foreign = foreign_kind(file);
    if (foreign)
        return context_fail(file->context, TACIT_UNSUPPORTED,
                            "%s: looks like %s, which is not read: expected JPEG, PNG or WebP", file->name,
                            foreign);
    if (file->size == 0)
        return context_fail(file->context, TACIT_FORMAT, "%s: the file is empty: expected a picture",
                            file->name);
    return context_fail(file->context, TACIT_FORMAT,
                        "%s: not a picture: its first bytes are not those of JPEG, PNG or WebP", file->name);
}

/* 1234567 as "1,234,567". */
static const char *thousands(int64_t number, char out[THOUSANDS_TEXT])
{
    char digits[THOUSANDS_TEXT];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    char *end = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return out;
}

static tacit_status check_limit(const picture_file *file, const picture_info *info, int64_t limit)
{
    char pixels_text[THOUSANDS_TEXT], limit_text[THOUSANDS_TEXT];
    if (limit <= 0)
        limit = default_pixel_limit;
    const int64_t pixels = info->width * info->height; /* both below 2^31 */
    if (pixels <= limit)
        return TACIT_OK;
    return context_fail(file->context, TACIT_LIMIT,
                        "%s: %" PRId64 " x %" PRId64 " = %s pixels, over the limit of %s (see --pixel-limit)",
                        file->name, info->width, info->height, thousands(pixels, pixels_text),
                        thousands(limit, limit_text));
}

static tacit_status read_header(const picture_file *file, int64_t pixel_limit, const picture_kind **kind,
                                picture_info *out)
{
    *kind = find_kind(file->bytes, file->size);
    *out = (picture_info){.orientation = 1};
    if (!*kind)
        return fail_unknown(file);
    TRY((*kind)->header(file, out));
    return check_limit(file, out, pixel_limit);
}

static bool is_grey(picture_layout layout)
{
    return layout == LAYOUT_GREY || layout == LAYOUT_GREY_ALPHA;
}

/* The picture as seen, without its pixels. */
static image upright(const picture_info *info)
{
    const bool turned = info->orientation >= 5;
    const int width = (int)info->width, height = (int)info->height;
    return (image){turned ? width : height, turned ? height : width, is_grey(info->layout) ? 1 : 3, NULL};
}

tacit_status picture_header(tacit_context *context, const char *name, const uint8_t *bytes, size_t size,
                            int64_t pixel_limit, image *out)
{
    const picture_file file = {context, name, bytes, size};
    const picture_kind *kind;
    picture_info info;
    *out = (image){0};
    TRY(read_header(&file, pixel_limit, &kind, &info));
    *out = upright(&info);
    return TACIT_OK;
}

/* ---- pixels ---- */

static uint8_t over_white(unsigned value, unsigned alpha)
{
    return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

/* Lays alpha onto white, or inks onto paper, in place: what is written never overtakes what is read. */
static void drop_extra(uint8_t *pixels, size_t count, picture_layout layout)
{
    const uint8_t *from = pixels;
    uint8_t *to = pixels;
    if (layout == LAYOUT_GREY_ALPHA)
        for (size_t i = 0; i < count; i++, from += 2)
            *to++ = over_white(from[0], from[1]);
    if (layout == LAYOUT_COLOUR_ALPHA)
        for (size_t i = 0; i < count; i++, from += 4)
            for (int c = 0; c < 3; c++)
                *to++ = over_white(from[c], from[3]);
    if (layout == LAYOUT_INKS)
        for (size_t i = 0; i < count; i++, from += 4)
            for (int c = 0; c < 3; c++)
                *to++ = (uint8_t)((from[c] * from[3] + 127) / 255);
}

/* Where the EXIF orientations read from: upright pixel (y, x) is stored pixel start + y * down + x * right.
 */
static void turn(const picture_info *info, int channels, const uint8_t *stored, uint8_t *out)
{
    const ptrdiff_t w = (ptrdiff_t)info->width, h = (ptrdiff_t)info->height;
    const struct {
        ptrdiff_t start, right, down;
    } walks[9] = {{0, 1, w},
                  {0, 1, w},
                  {w - 1, -1, w},
                  {w * h - 1, -1, -w},
                  {(h - 1) * w, 1, -w},
                  {0, w, 1},
                  {(h - 1) * w, -w, 1},
                  {w * h - 1, -w, -1},
                  {w - 1, w, -1}};
    const ptrdiff_t start = walks[info->orientation].start, right = walks[info->orientation].right;
    const ptrdiff_t down = walks[info->orientation].down;
    const image size = upright(info);
    for (ptrdiff_t y = 0; y < size.height; y++)
        for (ptrdiff_t x = 0; x < size.width; x++)
            for (int c = 0; c < channels; c++)
                *out++ = stored[(start + y * down + x * right) * channels + c];
}

/* Room for the pixels as `decode` gives them. */
static uint8_t *stored_room(const picture_info *info, scratch *s, scratch_use use)
{
    static const size_t layout_bytes[] = {1, 2, 3, 4, 4};
    size_t size;
    if (size_multiply((size_t)info->width, (size_t)info->height, &size) &&
        size_multiply(size, layout_bytes[info->layout], &size))
        return scratch_get(s, use, size);
    context_fail(s->context, TACIT_NOMEM, "out of memory");
    return NULL;
}

static bool has_alpha(picture_layout layout)
{
    return layout == LAYOUT_GREY_ALPHA || layout == LAYOUT_COLOUR_ALPHA;
}

/* Keeps alpha alone, in place. */
static void keep_alpha(uint8_t *pixels, size_t count, picture_layout layout)
{
    const size_t each = layout == LAYOUT_GREY_ALPHA ? 2 : 4;
    for (size_t i = 0; i < count; i++)
        pixels[i] = pixels[each * i + each - 1];
}

/* Colours, or opacity alone, upright. */
static tacit_status decode_upright(const picture_file *file, const picture_kind *kind,
                                   const picture_info *info, bool opacity, scratch *s, image *out)
{
    const size_t count = (size_t)info->width * (size_t)info->height;
    const bool turned = info->orientation > 1;
    uint8_t *pixels = stored_room(info, s, turned ? SCRATCH_CONVERT : SCRATCH_PIXELS);
    if (!pixels)
        return TACIT_NOMEM;
    TRY(kind->decode(file, info, pixels));
    if (opacity)
        keep_alpha(pixels, count, info->layout);
    else
        drop_extra(pixels, count, info->layout);
    image seen = upright(info);
    seen.channels = opacity ? 1 : seen.channels;
    seen.pixels = pixels;
    if (turned) {
        uint8_t *target = scratch_get(s, SCRATCH_PIXELS, count * (size_t)seen.channels);
        if (!target)
            return TACIT_NOMEM;
        turn(info, seen.channels, pixels, target);
        seen.pixels = target;
    }
    *out = seen;
    return TACIT_OK;
}

static tacit_status decode(const picture_file *file, int64_t pixel_limit, bool opacity, scratch *s,
                           image *out)
{
    const picture_kind *kind;
    picture_info info;
    *out = (image){0};
    TRY(read_header(file, pixel_limit, &kind, &info));
    if (opacity && !has_alpha(info.layout))
        return TACIT_OK;
    if (kind->check)
        TRY(kind->check(file, &info));
    return decode_upright(file, kind, &info, opacity, s, out);
}

tacit_status picture_decode(tacit_context *context, const char *name, const uint8_t *bytes, size_t size,
                            int64_t pixel_limit, scratch *s, image *out)
{
    return decode(&(picture_file){context, name, bytes, size}, pixel_limit, false, s, out);
}

tacit_status picture_decode_opacity(tacit_context *context, const char *name, const uint8_t *bytes,
                                    size_t size, int64_t pixel_limit, scratch *s, image *out)
{
    return decode(&(picture_file){context, name, bytes, size}, pixel_limit, true, s, out);
}

image picture_convert(image source, int channels, scratch *s)
{
    if (source.channels == channels)
        return source;
    const size_t count = (size_t)source.height * (size_t)source.width;
    uint8_t *to = scratch_get(s, SCRATCH_CONVERT, count * (size_t)channels);
    const image converted = {source.height, source.width, channels, to};
    const uint8_t *from = source.pixels;
    if (!to)
        return converted;
    if (channels == 1)
        for (size_t i = 0; i < count; i++, from += 3)
            *to++ = (uint8_t)((299u * from[0] + 587u * from[1] + 114u * from[2] + 500) / 1000);
    else
        for (size_t i = 0; i < count; i++, from++)
            for (int c = 0; c < 3; c++)
                *to++ = *from;
    return converted;
}
