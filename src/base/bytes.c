/* A cursor over untrusted bytes. */
#include "base/bytes.h"

bytes bytes_of(const void *data, size_t size)
{
    static const uint8_t nothing[1];
    return (bytes){data ? data : nothing, data ? size : 0, 0, false};
}

size_t bytes_left(const bytes *b)
{
    return b->size - b->at;
}

const uint8_t *bytes_skip(bytes *b, size_t count)
{
    if (b->failed || bytes_left(b) < count) {
        b->failed = true;
        return NULL;
    }
    const uint8_t *start = b->data + b->at;
    b->at += count;
    return start;
}

static uint64_t read_le(bytes *b, size_t count)
{
    const uint8_t *p = bytes_skip(b, count);
    uint64_t value = 0;
    for (size_t i = 0; p && i < count; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static uint32_t read_be(bytes *b, size_t count)
{
    const uint8_t *p = bytes_skip(b, count);
    uint32_t value = 0;
    for (size_t i = 0; p && i < count; i++)
        value = value << 8 | p[i];
    return value;
}

uint8_t bytes_u8(bytes *b)
{
    return (uint8_t)read_le(b, 1);
}

uint16_t bytes_u16_le(bytes *b)
{
    return (uint16_t)read_le(b, 2);
}

uint16_t bytes_u16_be(bytes *b)
{
    return (uint16_t)read_be(b, 2);
}

uint32_t bytes_u32_le(bytes *b)
{
    return (uint32_t)read_le(b, 4);
}

uint32_t bytes_u32_be(bytes *b)
{
    return read_be(b, 4);
}

uint64_t bytes_u64_le(bytes *b)
{
    return read_le(b, 8);
}

void bytes_put_u32_le(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

void bytes_put_u64_le(uint8_t out[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}
