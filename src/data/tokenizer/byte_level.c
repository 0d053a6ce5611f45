/* See byte_level.h. */
#include "data/tokenizer/byte_level.h"

#include "base/utf8.h"

/* Bytes without a character of their own: 0 to 32, 127 to 160, 173. */
enum { FIRST_OTHER = 256, VISIBLE = 127, GAP = 161, HYPHEN = 173, BELOW = 33, BETWEEN = GAP - VISIBLE };

uint32_t byte_level_code(uint8_t byte)
{
    if (byte < BELOW)
        return (uint32_t)FIRST_OTHER + byte;
    if (byte >= VISIBLE && byte < GAP)
        return (uint32_t)(FIRST_OTHER + BELOW + byte - VISIBLE);
    return byte == HYPHEN ? FIRST_OTHER + BELOW + BETWEEN : byte;
}

int byte_level_byte(uint32_t code)
{
    const uint32_t other = code - FIRST_OTHER;
    if (code < FIRST_OTHER)
        return byte_level_code((uint8_t)code) == code ? (int)code : -1;
    if (other < BELOW)
        return (int)other;
    if (other < BELOW + BETWEEN)
        return (int)(other - BELOW + VISIBLE);
    return other == BELOW + BETWEEN ? HYPHEN : -1;
}

uint8_t byte_level_ordered(int order)
{
    enum { LOW = VISIBLE - BELOW, MIDDLE = LOW + HYPHEN - GAP, HIGH = MIDDLE + 255 - HYPHEN };
    if (order < LOW)
        return (uint8_t)(order + BELOW);
    if (order < MIDDLE)
        return (uint8_t)(order - LOW + GAP);
    if (order < HIGH)
        return (uint8_t)(order - MIDDLE + HYPHEN + 1);
    return (uint8_t)byte_level_byte((uint32_t)(order - HIGH + FIRST_OTHER));
}

void byte_level_write(const uint8_t *data, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++)
        out += utf8_encode(byte_level_code(data[i]), (uint8_t *)out);
    *out = '\0';
}

const char *byte_level_read(const char *text, size_t length, uint8_t *out, size_t *size)
{
    *size = 0;
    while (length > 0) {
        uint32_t code;
        const size_t used = utf8_decode((const uint8_t *)text, length, &code);
        const int byte = used ? byte_level_byte(code) : -1;
        if (byte < 0)
            return text;
        out[(*size)++] = (uint8_t)byte;
        text += used;
        length -= used;
    }
    return NULL;
}
