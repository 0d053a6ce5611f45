/* See utf8.h. */
#include "base/utf8.h"

#include <string.h>

enum { WORD = 8 };

/* The bits of a byte that follows another, or a number no bits can be. */
static uint32_t following(const uint8_t *text, size_t size, size_t i)
{
    return i < size && (text[i] & 0xc0) == 0x80 ? text[i] & 0x3fu : UTF8_CODES;
}

size_t utf8_decode(const uint8_t *text, size_t size, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length: less is overlong */
    if (size == 0)
        return 0;
    const uint8_t first = text[0];
    const size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length < 2) {
        *code = first;
        return length;
    }
    uint32_t value = first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        const uint32_t bits = following(text, size, i);
        if (bits == UTF8_CODES)
            return 0;
        value = value << 6 | bits;
    }
    *code = value;
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    return first < 0xf5 && value >= least[length] && value < UTF8_CODES && !surrogate ? length : 0;
}

size_t utf8_encode(uint32_t code, uint8_t out[UTF8_MOST])
{
    static const uint8_t mark[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)(mark[length] | code);
    return length;
}

/* How many of the bytes at the beginning, in whole words, are ASCII. */
static size_t skip_ascii(const uint8_t *text, size_t size)
{
    size_t i = 0;
    for (uint64_t word; i + WORD <= size; i += WORD) {
        memcpy(&word, text + i, WORD);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

bool utf8_check(const void *text, size_t size, size_t *offset)
{
    const uint8_t *bytes = text;
    uint32_t code;
    size_t i = 0;
    while (i < size) {
        i += skip_ascii(bytes + i, size - i);
        /* A word that is not all ASCII is gone through character by character. */
        for (const size_t end = i + WORD; i < size && i < end;) {
            const size_t length = utf8_decode(bytes + i, size - i, &code);
            if (length == 0) {
                *offset = i;
                return false;
            }
            i += length;
        }
    }
    *offset = size;
    return true;
}
