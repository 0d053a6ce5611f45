/* The arena: blocks, and lists of pieces that were given back. */
#include "base/arena.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { MAX_BLOCKS = 128, MIN_BLOCK = 1 << 20, FREE_SLOTS = 512 };

typedef struct block {
    char *data;
    size_t size, used;
} block;

typedef struct piece {
    char *data;
    size_t size;
} piece;

struct arena {
    tacit_context *context;
    block blocks[MAX_BLOCKS];
    int block_count;
    piece returned[FREE_SLOTS]; /* a stack: the newest last */
    int returned_count;
    size_t used, held;
    size_t wanted; /* after a release: what the last round took */
    bool failed;
};

tacit_status arena_create(arena **out, tacit_context *context)
{
    arena *a = *out = memory_alloc(context, 1, sizeof **out);
    if (!a)
        return TACIT_NOMEM;
    a->context = context;
    return TACIT_OK;
}

static void free_blocks(arena *a)
{
    for (int i = 0; i < a->block_count; i++) {
        UNPOISON(a->blocks[i].data, a->blocks[i].size);
        memory_free(a->context, a->blocks[i].data);
    }
    a->block_count = 0;
    a->held = 0;
}

void arena_destroy(arena *a)
{
    if (!a)
        return;
    free_blocks(a);
    memory_free(a->context, a);
}

static bool add_block(arena *a, size_t size)
{
    if (a->block_count == MAX_BLOCKS)
        return false;
    /* A share of what is held, so that few are ever needed, and a small one: what a step needs beyond the
     * last is mostly little. */
    size_t bytes = a->held / 8 > size ? a->held / 8 : size;
    if (a->block_count == 0 && bytes < a->wanted)
        bytes = a->wanted;
    if (bytes < MIN_BLOCK)
        bytes = MIN_BLOCK;
    bytes = size_aligned(bytes);
    /* Not zeroed: a page costs nothing until it is written. */
    char *data = a->context->allocator.alloc(a->context->allocator.user, bytes);
    if (!data)
        return false;
    POISON(data, bytes);
    a->blocks[a->block_count++] = (block){data, bytes, 0};
    a->held += bytes;
    return true;
}

/* Sizes are rounded up to classes, eight for each doubling, so that pieces of nearly equal size serve for one
 * another and none ever loses its tail. SIZE_MAX stays what it is: too large. */
static size_t class_of(size_t size)
{
    size = size_aligned(size ? size : 1);
    if (size > SIZE_MAX / 4)
        return SIZE_MAX;
    size_t step = MEMORY_ALIGNMENT;
    while (step * 16 <= size)
        step *= 2;
    return (size + step - 1) / step * step;
}

/* The newest returned piece of this class, or -1. */
static int find_returned(const arena *a, size_t size)
{
    for (int i = a->returned_count - 1; i >= 0; i--)
        if (a->returned[i].size == size)
            return i;
    return -1;
}

static void *reuse(arena *a, int i)
{
    void *data = a->returned[i].data;
    memmove(&a->returned[i], &a->returned[i + 1], sizeof(piece) * (size_t)(a->returned_count - i - 1));
    a->returned_count--;
    return data;
}

/* Memory never handed out since the reset, or NULL. */
static void *take_fresh(arena *a, size_t size)
{
    block *last = a->block_count ? &a->blocks[a->block_count - 1] : NULL;
    if (!last || last->size - last->used < size) {
        if (size > SIZE_MAX / 4 || !add_block(a, size))
            return NULL;
        last = &a->blocks[a->block_count - 1];
    }
    void *data = last->data + last->used;
    last->used += size;
    return data;
}

void *arena_take(arena *a, size_t size)
{
    size = class_of(size);
    if (a->failed)
        return NULL;
    const int i = find_returned(a, size);
    void *data = i >= 0 ? reuse(a, i) : take_fresh(a, size);
    if (!data) {
        a->failed = true;
        context_fail(a->context, TACIT_NOMEM, "out of memory (%zu bytes for a step, %zu held)", size,
                     a->held);
        return NULL;
    }
    a->used += size;
    UNPOISON(data, size);
    return data;
}

void arena_give(arena *a, void *pointer, size_t size)
{
    if (!pointer)
        return;
    size = class_of(size);
    a->used -= size;
    POISON(pointer, size);
    if (a->returned_count == FREE_SLOTS) {
        /* The oldest is the coldest; it comes back at the reset. */
        memmove(&a->returned[0], &a->returned[1], sizeof(piece) * (FREE_SLOTS - 1));
        a->returned_count--;
    }
    a->returned[a->returned_count++] = (piece){pointer, size};
}

static void forget_pieces(arena *a)
{
    a->returned_count = 0;
    a->used = 0;
    a->failed = false;
}

/* Bytes that have been handed out at least once since the reset. */
static size_t taken(const arena *a)
{
    size_t total = 0;
    for (int i = 0; i < a->block_count; i++)
        total += a->blocks[i].used;
    return total;
}

void arena_release(arena *a)
{
    a->wanted = taken(a);
    forget_pieces(a);
    free_blocks(a);
}

void arena_reset(arena *a)
{
    const size_t total = taken(a);
    forget_pieces(a);
    if (a->block_count > 1) {
        free_blocks(a);
        /* If the one large block is not to be had, the next takes add smaller ones, or report it. */
        (void)add_block(a, total);
    }
    for (int i = 0; i < a->block_count; i++) {
        a->blocks[i].used = 0;
        POISON(a->blocks[i].data, a->blocks[i].size);
    }
}

size_t arena_held(const arena *a)
{
    return a->held;
}

size_t arena_used(const arena *a)
{
    return a->used;
}
