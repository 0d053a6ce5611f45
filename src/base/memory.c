/* Allocation through the context's allocator. */
#include "base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool size_multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

size_t size_aligned(size_t size)
{
    size_t sum;
    if (!size_add(size, MEMORY_ALIGNMENT - 1, &sum))
        return SIZE_MAX;
    return sum / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

void *memory_alloc(tacit_context *context, size_t count, size_t size)
{
    size_t bytes;
    void *pointer = NULL;
    if (size_multiply(count, size, &bytes) && bytes <= SIZE_MAX / 2) {
        bytes = size_aligned(bytes ? bytes : 1);
        pointer = context->allocator.alloc(context->allocator.user, bytes);
    }
    if (!pointer) {
        context_fail(context, TACIT_NOMEM, "out of memory (%zu times %zu bytes)", count, size);
        return NULL;
    }
    return memset(pointer, 0, bytes);
}

void *memory_grow(tacit_context *context, void *pointer, size_t old_count, size_t new_count, size_t size)
{
    void *larger = memory_alloc(context, new_count, size);
    if (!larger)
        return NULL;
    if (pointer)
        memcpy(larger, pointer, old_count * size);
    memory_free(context, pointer);
    return larger;
}

char *memory_string(tacit_context *context, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = memory_alloc(context, size, 1);
    return copy ? memcpy(copy, text, size) : NULL;
}

void memory_free(tacit_context *context, void *pointer)
{
    if (pointer)
        context->allocator.free(context->allocator.user, pointer);
}

tacit_status memory_reserve(tacit_context *context, void **array, size_t *capacity, size_t needed,
                            size_t size)
{
    if (needed <= *capacity)
        return TACIT_OK;
    size_t larger = *capacity < 16 ? 16 : *capacity + *capacity / 2;
    if (larger < needed)
        larger = needed;
    void *grown = memory_grow(context, *array, *capacity, larger, size);
    if (!grown)
        return TACIT_NOMEM;
    *array = grown;
    *capacity = larger;
    return TACIT_OK;
}

uint64_t memory_physical(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        return (uint64_t)pages * (uint64_t)page;
    return UINT64_C(1) << 30;
}

uint64_t memory_peak(void)
{
    char line[256];
    unsigned long long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %llu kB", &kilobytes) == 1)
            break;
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

void memory_peak_reset(void)
{
    const int references = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (references < 0)
        return;
    /* "5" resets the peak, and nothing else: proc(5). Where it can not, the peak counts from the beginning.
     */
    const ssize_t written = write(references, "5", 1);
    (void)written;
    close(references);
}
