/* gzip files from their first byte to their last (RFC 1952, several members allowed), through zlib.
 * The checksum of every member is verified. Random access is in gzip_spans.h. */
#ifndef DATA_GZIP_H
#define DATA_GZIP_H

#include "base/memory.h"

#define ZLIB_CONST
#include <zlib.h>

enum { GZIP_WINDOW = 32768, GZIP_INPUT = 65536, GZIP_OUTPUT = 262144 };

/* A place where inflating can start: the beginning of a deflate block. */
typedef struct gzip_place {
    uint64_t in;           /* first file byte that was not used at all */
    int bits;              /* 0 .. 7 high bits of the byte before `in` belong to the block */
    uint64_t out;          /* inflated bytes before the place */
    const uint8_t *window; /* the last inflated bytes of this member; valid during the call */
    size_t window_size;    /* up to GZIP_WINDOW */
} gzip_place;

typedef tacit_status (*gzip_place_function)(void *user, const gzip_place *place);

typedef struct gzip_reader {
    tacit_context *context;
    const char *path; /* borrowed */
    int fd;           /* borrowed */
    z_stream stream;
    uint64_t in;         /* file bytes loaded */
    uint64_t out;        /* inflated bytes handed out */
    uint64_t member_out; /* inflated bytes before this member */
    uint8_t *input;      /* (GZIP_INPUT) */
    uint8_t *window;     /* (GZIP_WINDOW + GZIP_OUTPUT): history, then new bytes */
    size_t history;      /* bytes of history at the start of `window` */
    bool ended;
    gzip_place_function visit; /* called at each block's beginning, or NULL */
    void *visit_user;
} gzip_reader;

/* True for the magic of a gzip file that holds deflate data. */
bool gzip_sniff(const uint8_t *head, size_t size);

/* Inflates what the first bytes of a gzip file hold, for sniffing: up to `out_size` bytes; returns how many.
 */
size_t gzip_sniff_inside(const uint8_t *head, size_t size, uint8_t *out, size_t out_size);

/* zlib's allocator on a context. */
void gzip_use_memory(z_stream *stream, tacit_context *context);

/* `fd` and `path` are kept. Close also after a failed open or next. */
tacit_status gzip_reader_open(gzip_reader *r, tacit_context *context, int fd, const char *path);
void gzip_reader_close(gzip_reader *r);

/* The next inflated bytes, valid until the next call; *size 0 at the end. Damaged or cut data, and bytes
 * after the last member, are TACIT_FORMAT with the place. */
tacit_status gzip_reader_next(gzip_reader *r, const uint8_t **data, size_t *size);

/* The whole file of `file_size` bytes inflated: *out is the caller's. More than `limit` bytes: TACIT_LIMIT.
 */
tacit_status gzip_inflate(tacit_context *context, int fd, const char *path, uint64_t file_size,
                          uint64_t limit, uint8_t **out, size_t *size);

#endif
