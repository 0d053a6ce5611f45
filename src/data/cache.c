/* The cache: one atomic pointer for each example, set once. Two workers that read the same example at the
 * same time both make a copy; the second is thrown away. */
#include "data/cache.h"

#include <stdatomic.h>
#include <string.h>

typedef struct entry {
    int height, width, channels;
    uint8_t pixels[];
} entry;

struct cache {
    tacit_context *context;
    int64_t count;
    uint64_t limit;
    _Atomic uint64_t used; /* bytes, never above limit for longer than a failed attempt */
    _Atomic(entry *) entries[];
};

tacit_status cache_create(cache **out, tacit_context *context, int64_t count, uint64_t limit)
{
    *out = NULL;
    size_t table, size;
    if (count < 1 || !size_multiply((size_t)count, sizeof(_Atomic(entry *)), &table) ||
        !size_add(table, sizeof(cache), &size) || size >= limit)
        return TACIT_OK;
    cache *c = memory_alloc(context, size, 1);
    if (!c)
        return TACIT_NOMEM;
    c->context = context;
    c->count = count;
    c->limit = limit;
    atomic_init(&c->used, size);
    for (int64_t i = 0; i < count; i++)
        atomic_init(&c->entries[i], NULL);
    *out = c;
    return TACIT_OK;
}

void cache_destroy(cache *c)
{
    if (!c)
        return;
    for (int64_t i = 0; i < c->count; i++)
        memory_free(c->context, atomic_load(&c->entries[i]));
    memory_free(c->context, c);
}

bool cache_get(const cache *c, int64_t i, image *out)
{
    if (!c)
        return false;
    const entry *e = atomic_load_explicit(&c->entries[i], memory_order_acquire);
    if (!e)
        return false;
    *out = (image){e->height, e->width, e->channels, e->pixels};
    return true;
}

/* A copy, or NULL. Asks the allocator itself: to find no memory here is no failure and must not be recorded
 * as one. */
static entry *copy_of(const cache *c, image source, size_t pixels, size_t size)
{
    entry *e = c->context->allocator.alloc(c->context->allocator.user, size_aligned(size));
    if (!e)
        return NULL;
    e->height = source.height;
    e->width = source.width;
    e->channels = source.channels;
    memcpy(e->pixels, source.pixels, pixels);
    return e;
}

void cache_put(cache *c, int64_t i, image source)
{
    if (!c)
        return;
    const size_t pixels = (size_t)source.height * (size_t)source.width * (size_t)source.channels;
    const size_t size = sizeof(entry) + pixels, charged = size_aligned(size);
    if (atomic_fetch_add(&c->used, charged) + charged <= c->limit) {
        entry *e = copy_of(c, source, pixels, size), *none = NULL;
        if (e && atomic_compare_exchange_strong_explicit(&c->entries[i], &none, e, memory_order_release,
                                                         memory_order_relaxed))
            return;
        memory_free(c->context, e);
    }
    atomic_fetch_sub(&c->used, charged);
}
