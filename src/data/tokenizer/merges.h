/* The merges of a byte-pair encoding: which neighbours become one token, and which of them first. */
#ifndef DATA_TOKENIZER_MERGES_H
#define DATA_TOKENIZER_MERGES_H

#include "data/tokenizer/byte_strings.h"

typedef struct merge {
    int32_t left, right, result; /* ids */
} merge;

typedef struct merge_slot {
    uint64_t pair;
    int32_t rank, used;
} merge_slot;

/* Begin with {.context = context}. */
typedef struct merge_table {
    tacit_context *context;
    merge *merges; /* (count): by rank, the first to be done is 0 */
    size_t count, capacity;
    merge_slot *slots; /* (slot_count, a power of 2) */
    size_t slot_count;
} merge_table;

static inline uint64_t merge_pair(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* The rank of a pair, or -1: they are not joined. */
static inline int32_t merge_rank(const merge_table *m, int32_t left, int32_t right)
{
    if (m->slot_count == 0)
        return -1;
    const uint64_t pair = merge_pair(left, right);
    for (size_t i = hash_mix(pair);; i++) {
        const merge_slot *slot = &m->slots[i & (m->slot_count - 1)];
        if (!slot->used)
            return -1;
        if (slot->pair == pair)
            return slot->rank;
    }
}

/* The pair must not be there yet, and all ranks together at most INT32_MAX. */
tacit_status merge_table_add(merge_table *m, merge added);
void merge_table_free(merge_table *m);

#endif
