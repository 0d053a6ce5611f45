/* Allocation through the context, with checked sizes. All memory is aligned to 64 bytes and zeroed. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/context.h"

enum { MEMORY_ALIGNMENT = 64 };

/* a * b, a + b into *out; false when the result does not fit. */
bool size_multiply(size_t a, size_t b, size_t *out);
bool size_add(size_t a, size_t b, size_t *out);

/* `size` rounded up to a multiple of MEMORY_ALIGNMENT; SIZE_MAX when that does not fit. */
size_t size_aligned(size_t size);

/* count * size bytes, zeroed; NULL with TACIT_NOMEM recorded when there are none or the product overflows.
 * A zero product gives a valid pointer. */
void *memory_alloc(tacit_context *context, size_t count, size_t size);

/* A larger copy: `old_count` elements kept, the rest zeroed; `pointer` is freed on success only. */
void *memory_grow(tacit_context *context, void *pointer, size_t old_count, size_t new_count, size_t size);

/* A copy of a string; NULL with TACIT_NOMEM recorded. */
char *memory_string(tacit_context *context, const char *text);

/* NULL is fine. */
void memory_free(tacit_context *context, void *pointer);

/* Makes room for `needed` elements in a growing array: *array, *capacity. TACIT_NOMEM, or TACIT_OK. */
tacit_status memory_reserve(tacit_context *context, void **array, size_t *capacity, size_t needed,
                            size_t size);

/* Memory of this machine in bytes, 1 GB where the system does not tell; never 0. */
uint64_t memory_physical(void);

/* Most memory that this process has held at once since the last reset, bytes; 0 where the system does not
 * tell. Where it can not be reset it counts from the beginning. */
uint64_t memory_peak(void);
void memory_peak_reset(void);

#endif
