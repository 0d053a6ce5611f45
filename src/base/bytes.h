/* Numbers from bytes that nobody vouches for: a cursor that never reads past its end.
 * After a read past the end `failed` is set, and every later read gives 0. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    const uint8_t *data;
    size_t size, at;
    bool failed;
} bytes;

bytes bytes_of(const void *data, size_t size);
size_t bytes_left(const bytes *b);
const uint8_t *bytes_skip(bytes *b, size_t count); /* where the `count` bytes start, or NULL */
uint8_t bytes_u8(bytes *b);
uint16_t bytes_u16_le(bytes *b);
uint16_t bytes_u16_be(bytes *b);
uint32_t bytes_u32_le(bytes *b);
uint32_t bytes_u32_be(bytes *b);
uint64_t bytes_u64_le(bytes *b);

void bytes_put_u32_le(uint8_t out[4], uint32_t value);
void bytes_put_u64_le(uint8_t out[8], uint64_t value);

#endif
