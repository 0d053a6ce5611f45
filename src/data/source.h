/* Files of data: opened for reading at any place, or seen whole as bytes (mapped, or inflated into memory).
 *
 * A mapped file must not become shorter while it is open: the system would stop the process. */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include "base/memory.h"

typedef struct source {
    const uint8_t *data; /* (size) */
    size_t size;
    void *map; /* of `size` bytes, or NULL */
    uint8_t *owned;
} source;

/* A regular file of data for reading; the caller closes *fd. TACIT_IO when it cannot be opened,
 * TACIT_UNSUPPORTED for pipes and devices. `size` may be NULL. */
tacit_status source_open(tacit_context *context, const char *path, int *fd, uint64_t *size);

/* The bytes of a file: mapped, so that more than memory works; a gzip file is inflated, up to `limit` bytes
 * (then TACIT_LIMIT). After a failure there is nothing to close. */
tacit_status source_load(source *out, tacit_context *context, const char *path, uint64_t limit);
void source_close(source *s, tacit_context *context);

/* Memory of this machine in bytes; never 0. */
uint64_t source_machine_memory(void);

#endif
