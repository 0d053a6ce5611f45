/* One kind of picture file behind codec.h: a row each for JPEG, PNG, WebP. A row parses and decodes as
 * stored; what is common to all (limits, alpha, inks, orientation) is in codec.c. */
#ifndef DATA_CODEC_KIND_H
#define DATA_CODEC_KIND_H

#include "data/codec.h"

/* A file that nobody vouches for. */
typedef struct picture_file {
    tacit_context *context;
    const char *name; /* for messages */
    const uint8_t *bytes;
    size_t size;
} picture_file;

/* What a pixel consists of after `decode`, one byte each. */
typedef enum picture_layout {
    LAYOUT_GREY,
    LAYOUT_GREY_ALPHA,
    LAYOUT_COLOUR,
    LAYOUT_COLOUR_ALPHA,
    LAYOUT_INKS /* cyan, magenta, yellow, black; 255 is no ink, as Adobe writes them */
} picture_layout;

typedef struct picture_info {
    int64_t width, height; /* as stored, both at least 1 */
    picture_layout layout;
    int orientation; /* EXIF, 1..8 */
} picture_info;

typedef struct picture_kind {
    const char *name;
    bool (*sniff)(const uint8_t *bytes, size_t size);
    /* From the first bytes, which may be all there is. */
    tacit_status (*header)(const picture_file *file, picture_info *out);
    /* What only the whole file can tell, before memory is asked for; NULL: nothing. */
    tacit_status (*check)(const picture_file *file, const picture_info *info);
    /* pixels: (height, width, bytes of the layout), as `header` said for the same bytes. */
    tacit_status (*decode)(const picture_file *file, const picture_info *info, uint8_t *pixels);
} picture_kind;

extern const picture_kind picture_jpeg, picture_png, picture_webp;

/* "NAME: KIND data ends early (cut file?)", TACIT_FORMAT. */
tacit_status picture_fail_cut(const picture_file *file, const picture_kind *kind);

#endif
