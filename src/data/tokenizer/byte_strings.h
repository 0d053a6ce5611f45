/* Strings of bytes, each once, numbered in the order in which they came. */
#ifndef DATA_TOKENIZER_BYTE_STRINGS_H
#define DATA_TOKENIZER_BYTE_STRINGS_H

#include "base/memory.h"

#include <string.h>

typedef struct byte_string {
    size_t at; /* in the pool */
    uint32_t size, hash;
} byte_string;

/* Begin with {.context = context}. */
typedef struct byte_strings {
    tacit_context *context;
    uint8_t *pool;
    size_t pool_size, pool_capacity;
    byte_string *strings; /* (count) */
    size_t count, capacity;
    uint32_t *slots; /* (slot_count, a power of 2): number plus 1, by hash; 0: empty */
    size_t slot_count;
} byte_strings;

/* Any number that depends on all bits of `value`. */
static inline uint64_t hash_mix(uint64_t value)
{
    value = (value ^ (value >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    value = (value ^ (value >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return value ^ (value >> 32);
}

static inline uint32_t hash_bytes(const uint8_t *data, size_t size)
{
    uint64_t hash = size, word;
    for (; size >= sizeof word; size -= sizeof word, data += sizeof word) {
        memcpy(&word, data, sizeof word);
        hash = hash_mix(hash ^ word);
    }
    word = 0;
    for (size_t i = 0; i < size; i++)
        word = word << 8 | data[i];
    return (uint32_t)hash_mix(hash ^ word);
}

/* The number of a string, or -1. */
int32_t byte_strings_find(const byte_strings *s, const uint8_t *data, size_t size);

/* The number of a string, which is added if it is new. Too many strings are TACIT_LIMIT. `size` is at most
 * TOKENIZER_TEXT_MOST. */
tacit_status byte_strings_add(byte_strings *s, const uint8_t *data, size_t size, int32_t *number);

/* The bytes of string `number`, borrowed until the next is added. */
const uint8_t *byte_strings_get(const byte_strings *s, int64_t number, size_t *size);

void byte_strings_free(byte_strings *s);

#endif
