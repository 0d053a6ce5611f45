/* JPEG through TurboJPEG, which finds damage but calls most of it a warning. */
#include "data/codec_kind.h"

#include "base/bytes.h"
#include "data/exif.h"

#include <string.h>
#include <turbojpeg.h>

enum {
    MARKER_START = 0xd8,
    MARKER_END = 0xd9,
    MARKER_SCAN = 0xda,
    MARKER_APP1 = 0xe1,
    MARKER_RESTART = 0xd0
};

static bool sniff(const uint8_t *head, size_t size)
{
    return size >= 3 && head[0] == 0xff && head[1] == MARKER_START && head[2] == 0xff;
}

/* ---- errors ---- */

/* Remarks on the header that say nothing about the pixels. */
static bool is_harmless(const char *text)
{
    return strstr(text, "unknown JFIF revision") || strstr(text, "Invalid SOS parameters") ||
           strstr(text, "Unknown Adobe color transform");
}

/* After a TurboJPEG call that gave `code`: a file that is not whole and sound is a failure. */
static tacit_status check(const picture_file *file, tjhandle handle, int code)
{
    const char *text = tjGetErrorStr2(handle);
    if (code == 0 || (tjGetErrorCode(handle) == TJERR_WARNING && is_harmless(text)))
        return TACIT_OK;
    if (strstr(text, "Premature end"))
        return picture_fail_cut(file, &picture_jpeg);
    if (strstr(text, "Insufficient memory"))
        return context_fail(file->context, TACIT_NOMEM, "out of memory");
    if (strstr(text, "Unsupported"))
        return context_fail(file->context, TACIT_UNSUPPORTED, "%s: JPEG that is not supported: %s",
                            file->name, text);
    return context_fail(file->context, TACIT_FORMAT, "%s: damaged JPEG: %s", file->name, text);
}

static tjhandle open_decoder(const picture_file *file)
{
    tjhandle handle = tjInitDecompress();
    if (!handle)
        context_fail(file->context, TACIT_NOMEM, "out of memory");
    return handle;
}

/* ---- the header ---- */

/* Walks the segments before the first scan: *orientation from the first that is EXIF. False when the file
 * ends before a scan. */
static bool walk_segments(const picture_file *file, int *orientation)
{
    bytes b = bytes_of(file->bytes, file->size);
    bytes_skip(&b, 2);
    *orientation = 0;
    while (bytes_u8(&b) == 0xff) {
        uint8_t marker = bytes_u8(&b);
        while (marker == 0xff) /* fill bytes */
            marker = bytes_u8(&b);
        if (marker == MARKER_SCAN || marker == MARKER_END)
            return !b.failed;
        if (marker >= MARKER_RESTART && marker <= MARKER_START)
            continue;
        const uint16_t length = bytes_u16_be(&b);
        const uint8_t *segment = length >= 2 ? bytes_skip(&b, (size_t)length - 2) : NULL;
        if (!segment)
            break;
        if (*orientation == 0 && marker == MARKER_APP1 && length >= 8 && memcmp(segment, "Exif\0\0", 6) == 0)
            *orientation = exif_orientation(segment, (size_t)length - 2);
    }
    return !b.failed;
}

static picture_layout layout_of(int colours)
{
    if (colours == TJCS_GRAY)
        return LAYOUT_GREY;
    return colours == TJCS_CMYK || colours == TJCS_YCCK ? LAYOUT_INKS : LAYOUT_COLOUR;
}

static tacit_status header(const picture_file *file, picture_info *out)
{
    int width = 0, height = 0, sampling = -1, colours = -1, orientation;
    if (!walk_segments(file, &orientation))
        return picture_fail_cut(file, &picture_jpeg);
    tjhandle handle = open_decoder(file);
    if (!handle)
        return TACIT_NOMEM;
    int code = tjDecompressHeader3(handle, file->bytes, file->size, &width, &height, &sampling, &colours);
    /* A sampling without a name stops only the calls that need its name, which we do not use. */
    if (code != 0 && width > 0 && height > 0 && colours >= 0 &&
        strstr(tjGetErrorStr2(handle), "subsampling type"))
        code = 0;
    tacit_status status = check(file, handle, code);
    tjDestroy(handle);
    if (status == TACIT_OK && (width < 1 || height < 1 || colours < 0))
        status =
            context_fail(file->context, TACIT_FORMAT, "%s: damaged JPEG: no size in its header", file->name);
    *out = (picture_info){width, height, layout_of(colours), orientation ? orientation : 1};
    return status;
}

/* ---- pixels ---- */

static tacit_status decode(const picture_file *file, const picture_info *info, uint8_t *pixels)
{
    static const int formats[] = {TJPF_GRAY, -1, TJPF_RGB, -1, TJPF_CMYK};
    tjhandle handle = open_decoder(file);
    if (!handle)
        return TACIT_NOMEM;
    /* More than 500 scans are an attack on our time, not a picture. */
    const int code = tjDecompress2(handle, file->bytes, file->size, pixels, (int)info->width, 0,
                                   (int)info->height, formats[info->layout], TJFLAG_LIMITSCANS);
    const tacit_status status = check(file, handle, code);
    tjDestroy(handle);
    return status;
}

const picture_kind picture_jpeg = {.name = "JPEG", .sniff = sniff, .header = header, .decode = decode};
