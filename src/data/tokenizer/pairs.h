/* For training: pairs of neighbours, how often each occurs, and in which words it was found this round. */
#ifndef DATA_TOKENIZER_PAIRS_H
#define DATA_TOKENIZER_PAIRS_H

#include "data/tokenizer/merges.h"

/* A list of words; `next` is a place in `nodes`, -1 at the end. */
typedef struct word_node {
    int32_t word, next;
} word_node;

typedef struct neighbours {
    uint64_t pair;
    int64_t count;
    int32_t words; /* the list of this round, or -1 */
} neighbours;

/* Begin with pair_table_init. */
typedef struct pair_table {
    tacit_context *context;
    neighbours *pairs; /* (count) */
    size_t count, capacity;
    uint32_t *slots; /* (slot_count, a power of 2): number plus 1 */
    size_t slot_count;
    word_node *nodes;
    size_t node_count, node_capacity;
    int32_t unused;   /* a list of nodes */
    int32_t *touched; /* (touched_count): pairs that have a list */
    size_t touched_count, touched_capacity;
} pair_table;

void pair_table_init(pair_table *p, tacit_context *context);
void pair_table_free(pair_table *p);

/* Adds to the count of a pair. If more of it are there now, the word goes to its list of this round; the
 * calls for one word come one after the other. */
tacit_status pair_table_change(pair_table *p, int32_t left, int32_t right, int64_t change, int32_t word);

/* Nodes of a list to be used again. */
void pair_table_recycle(pair_table *p, int32_t list);

#endif
