#include "base/hash.h"

#include <string.h>

/* One round of multiply and fold, eight bytes at a time. */
static uint64_t mix(uint64_t state, uint64_t word)
{
    state = (state ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return state ^ (state >> 32);
}

uint64_t hash_bytes(uint64_t state, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t word = 0;
    for (size_t left = size; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        state = mix(state, word);
    }
    word = 0;
    if (size % sizeof word) /* nothing may be at NULL */
        memcpy(&word, at, size % sizeof word);
    return mix(mix(state, word), size);
}
