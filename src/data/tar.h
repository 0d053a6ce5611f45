/* Tar archives read without unpacking: one pass over the headers says where each member's bytes are.
 * libarchive parses the headers (ustar, pax, GNU); reading members later needs no parser. */
#ifndef DATA_TAR_H
#define DATA_TAR_H

#include "data/gzip_spans.h"

/* One archive file, plain or gzip. */
typedef struct tar_shard {
    char *path;
    uint64_t size;     /* of the tar, inflated */
    gzip_spans *spans; /* gzip only */
} tar_shard;

/* A regular file in an archive, during the scan. */
typedef struct tar_entry {
    const char *name;    /* path as stored; until the next entry */
    uint64_t offset;     /* of its bytes, in the tar */
    uint64_t size;       /* bytes */
    const uint8_t *head; /* its first bytes: see tar_scan_head */
    size_t head_size;
} tar_entry;

typedef struct tar_scan tar_scan;

/* True for the first bytes of a tar, of a gzip that holds one, and of archives of other kinds, which opening
 * names. */
bool tar_sniff(const uint8_t *head, size_t size);

/* Starts the pass; fills shard->size and shard->spans when it ends. `shard->path` is set and kept; up to
 * `most` places (gzip_spans.h) and `budget` bytes for inflated spans. */
tacit_status tar_scan_open(tar_scan **out, tacit_context *context, tar_shard *shard, size_t most,
                           uint64_t budget);
void tar_scan_close(tar_scan *s);

/* The next regular file; *more false at the end, when the whole archive has been checked. A damaged header or
 * an early end is TACIT_FORMAT with the offset; sparse members are TACIT_UNSUPPORTED. */
tacit_status tar_scan_next(tar_scan *s, tar_entry *entry, bool *more);

/* Makes entry->head at least `size` bytes, or the whole member when that is shorter. */
tacit_status tar_scan_head(tar_scan *s, tar_entry *entry, size_t size);

/* `size` bytes at `offset` of the tar. Any thread. */
tacit_status tar_shard_read(const tar_shard *shard, tacit_context *context, uint64_t offset, uint8_t *out,
                            size_t size);
void tar_shard_close(tar_shard *shard, tacit_context *context);

#endif
