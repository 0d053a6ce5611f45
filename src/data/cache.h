/* Decoded examples kept in memory: filled by whoever reads first, never emptied, so what it gave stays valid.
 * It only saves time: a result never depends on what is in it. */
#ifndef DATA_CACHE_H
#define DATA_CACHE_H

#include "data/dataset.h"

typedef struct cache cache;

/* For `count` examples and up to `limit` bytes, the table of examples included. When not even the table fits,
 * *out is NULL, which is a valid empty cache for the calls below. */
tacit_status cache_create(cache **out, tacit_context *context, int64_t count, uint64_t limit);
void cache_destroy(cache *c);

/* Any thread. True when example i is kept; out->pixels lives as long as the cache. */
bool cache_get(const cache *c, int64_t i, image *out);

/* Any thread. Keeps a copy if there is room, and quietly does not if there is none. */
void cache_put(cache *c, int64_t i, image source);

#endif
