/* Random access to a gzip file: the inflated bytes are cut into spans, each of which can be inflated alone.
 *
 *   file   |--------.-----------.--------|    a place (start of a deflate block, with the 32 KB before it)
 *   bytes  |  span  |   span    |  span  |    about every `spacing` inflated bytes
 *
 * The places are collected during the one reading of the file that checks it (gzip_spans_visit is for
 * gzip_reader.visit). A read inflates the spans it needs; the last used spans stay in memory up to a budget
 * and are shared by all workers, so that reading in order inflates each once. Windows cost 32 KB a span:
 * above `most` places every second one is dropped and the spacing doubles. */
#ifndef DATA_GZIP_SPANS_H
#define DATA_GZIP_SPANS_H

#include "data/gzip.h"

enum { GZIP_SPACING = 1 << 20 };

typedef struct gzip_spans gzip_spans;

/* `path` is copied. `spacing` in inflated bytes; `most` places, at least 2. */
tacit_status gzip_spans_create(gzip_spans **out, tacit_context *context, const char *path, uint64_t spacing,
                               size_t most);
void gzip_spans_destroy(gzip_spans *s);

/* A gzip_place_function; `user` is the gzip_spans. */
tacit_status gzip_spans_visit(void *user, const gzip_place *place);

/* Ends collecting: the file inflates to `total` bytes. Spans may fill `budget` bytes of memory; those in use
 * are kept in any case. TACIT_LIMIT when a span would be larger than 256 MB. */
tacit_status gzip_spans_finish(gzip_spans *s, uint64_t total, uint64_t budget);

/* Copies `size` inflated bytes from `offset`, which must be within the total. Any thread. */
tacit_status gzip_spans_read(gzip_spans *s, uint64_t offset, uint8_t *out, size_t size);

/* Number of spans, and how many times one was inflated: for tests and tuning. */
size_t gzip_spans_count(const gzip_spans *s);
uint64_t gzip_spans_loads(const gzip_spans *s);

#endif
