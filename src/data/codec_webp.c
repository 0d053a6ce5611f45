/* WebP through libwebp: still pictures, lossy and lossless. */
#include "data/codec_kind.h"

#include "base/bytes.h"
#include "data/exif.h"

#include <string.h>
#include <webp/decode.h>

enum { RIFF_HEADER = 12, RIFF_CHUNK = 8 };

static bool sniff(const uint8_t *head, size_t size)
{
    return size >= RIFF_HEADER && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0;
}

static tacit_status check_code(const picture_file *file, VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OK:
        return TACIT_OK;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return picture_fail_cut(file, &picture_webp);
    case VP8_STATUS_OUT_OF_MEMORY:
        return context_fail(file->context, TACIT_NOMEM, "out of memory");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return context_fail(file->context, TACIT_UNSUPPORTED, "%s: WebP with a feature that is not supported",
                            file->name);
    case VP8_STATUS_INVALID_PARAM:
    case VP8_STATUS_BITSTREAM_ERROR:
    case VP8_STATUS_USER_ABORT:
        break;
    }
    return context_fail(file->context, TACIT_FORMAT, "%s: damaged WebP", file->name);
}

static int find_orientation(const picture_file *file)
{
    bytes b = bytes_of(file->bytes, file->size);
    bytes_skip(&b, RIFF_HEADER);
    while (!b.failed && bytes_left(&b) >= RIFF_CHUNK) {
        const uint8_t *name = bytes_skip(&b, 4);
        const uint32_t size = bytes_u32_le(&b);
        const uint8_t *chunk = bytes_skip(&b, size);
        if (chunk && memcmp(name, "EXIF", 4) == 0)
            return exif_orientation(chunk, size);
        bytes_skip(&b, size % 2);
    }
    return 1;
}

static tacit_status header(const picture_file *file, picture_info *out)
{
    WebPBitstreamFeatures features;
    TRY(check_code(file, WebPGetFeatures(file->bytes, file->size, &features)));
    if (features.has_animation)
        return context_fail(file->context, TACIT_UNSUPPORTED,
                            "%s: an animated WebP is not read: expected a still picture", file->name);
    if (features.width < 1 || features.height < 1)
        return context_fail(file->context, TACIT_FORMAT, "%s: damaged WebP: no size in its header",
                            file->name);
    *out = (picture_info){features.width, features.height,
                          features.has_alpha ? LAYOUT_COLOUR_ALPHA : LAYOUT_COLOUR, find_orientation(file)};
    return TACIT_OK;
}

/* libwebp is content with a file that ends right after the pixels. */
static tacit_status check(const picture_file *file, const picture_info *info)
{
    (void)info;
    bytes b = bytes_of(file->bytes, file->size);
    bytes_skip(&b, 4);
    return bytes_u32_le(&b) > bytes_left(&b) ? picture_fail_cut(file, &picture_webp) : TACIT_OK;
}

static tacit_status decode(const picture_file *file, const picture_info *info, uint8_t *pixels)
{
    const int channels = info->layout == LAYOUT_COLOUR_ALPHA ? 4 : 3;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return context_fail(file->context, TACIT_BACKEND, "libwebp at run time is not the one built against");
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels;
    config.output.u.RGBA.stride = (int)info->width * channels;
    config.output.u.RGBA.size = (size_t)info->width * (size_t)info->height * (size_t)channels;
    const tacit_status status = check_code(file, WebPDecode(file->bytes, file->size, &config));
    WebPFreeDecBuffer(&config.output);
    return status;
}

const picture_kind picture_webp = {
    .name = "WebP", .sniff = sniff, .header = header, .check = check, .decode = decode};
