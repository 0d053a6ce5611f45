/* JPEG, PNG and WebP from bytes to pixels, and pixels to PNG. */
#ifndef DATA_CODEC_H
#define DATA_CODEC_H

#include "data/dataset.h"

/* True when the bytes start like a picture we read. */
bool picture_sniff(const uint8_t *bytes, size_t size);

/* Height, width, channels from the header, before decoding (EXIF orientation honoured: sizes as seen). `name`
 * is for messages. */
tacit_status picture_header(tacit_context *context, const char *name, const uint8_t *bytes, size_t size,
                            int64_t pixel_limit, image *out);

/* The whole picture, 1 or 3 channels, alpha onto white, EXIF orientation applied, 16-bit reduced to 8. A
 * damaged or cut file is TACIT_FORMAT; too many pixels TACIT_LIMIT, before anything of that size is
 * allocated. */
tacit_status picture_decode(tacit_context *context, const char *name, const uint8_t *bytes, size_t size,
                            int64_t pixel_limit, scratch *s, image *out);

/* How opaque each pixel is, 0 to 255, as a grey picture of the same size; `pixels` NULL: the file says
 * nothing of that. Errors as above. */
tacit_status picture_decode_opacity(tacit_context *context, const char *name, const uint8_t *bytes,
                                    size_t size, int64_t pixel_limit, scratch *s, image *out);

/* Grey to colour (copies) or colour to grey (ITU-R 601: .299 .587 .114, rounded); the same picture when it
 * has that many channels already. NULL pixels: no memory. */
image picture_convert(image source, int channels, scratch *s);

/* Written whole or not at all. */
tacit_status picture_write_png(tacit_context *context, const char *path, image source);

#endif
