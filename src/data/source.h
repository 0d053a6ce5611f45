/* Files of data: opened for reading at any place, or one whole file of which any bytes can be had.
 *
 * Nothing is mapped: a mapped file that becomes shorter stops the process, and a read only fails. */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include "data/dataset.h"

/* A file whose bytes lie on the disk or, when it is gzip, inflated in memory. */
typedef struct source {
    tacit_context *context;
    char *path;
    int fd;            /* -1 when inflated */
    uint8_t *inflated; /* (size), or NULL */
    uint64_t size;     /* bytes, inflated */
} source;

/* A regular file of data for reading; the caller closes *fd. TACIT_IO when it cannot be opened,
 * TACIT_UNSUPPORTED for pipes and devices. `size` may be NULL. */
tacit_status source_open(tacit_context *context, const char *path, int *fd, uint64_t *size);

/* Attaches to a file, which may be larger than memory; a gzip file is inflated, up to a quarter of the
 * machine's memory (then TACIT_LIMIT). An empty file is TACIT_FORMAT. Detach also after a failure; what is
 * all zero is fine. */
tacit_status source_attach(source *out, tacit_context *context, const char *path);
void source_detach(source *s);

/* The `size` bytes at `offset`, which must be within s->size. Any worker. *out is borrowed: from the source,
 * or from the scratch's SCRATCH_FILE. A file that has become too short is TACIT_FORMAT. */
tacit_status source_get(const source *s, uint64_t offset, size_t size, scratch *memory, const uint8_t **out);

/* Exactly `size` bytes of an open file; a file that has become too short is TACIT_FORMAT. */
tacit_status source_read_at(tacit_context *context, int fd, const char *path, uint64_t offset, void *buffer,
                            size_t size);

#endif
