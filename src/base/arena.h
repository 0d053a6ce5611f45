/* An arena with reuse: the memory of a step.
 *
 *   first step    | block | block | block ...     blocks are added while the need is not known
 *   after reset   |        one block        |     as large as the high-water mark: nothing is allocated again
 *
 * arena_take hands out 64-byte aligned memory; arena_give puts a piece back for the next take of a like size
 * (last given, first taken: that piece is still in the cache); arena_reset forgets all pieces. Not zeroed.
 * Failure is sticky: after one failed take every take returns NULL until reset. Under AddressSanitizer pieces
 * that were given back, and everything after a reset, are poisoned. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/memory.h"

typedef struct arena arena;

tacit_status arena_create(arena **out, tacit_context *context);
void arena_destroy(arena *a);

/* NULL, with TACIT_NOMEM recorded, when there is no memory. */
void *arena_take(arena *a, size_t size);

/* `pointer` must have come from arena_take since the last reset, with this `size`. NULL is fine. */
void arena_give(arena *a, void *pointer, size_t size);

/* All pieces are forgotten. If the last round needed more than one block, they become one. */
void arena_reset(arena *a);

/* All pieces are forgotten, and all blocks given back to the context. The next take makes one block that is
 * as large as what was taken until now. */
void arena_release(arena *a);

/* Bytes held from the context, and bytes in use now. */
size_t arena_held(const arena *a);
size_t arena_used(const arena *a);

#endif
