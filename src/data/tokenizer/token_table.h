/* The tokens of a tokenizer: the bytes of each, and which of them are special. */
#ifndef DATA_TOKENIZER_TOKEN_TABLE_H
#define DATA_TOKENIZER_TOKEN_TABLE_H

#include "data/tokenizer/byte_strings.h"

/* Begin with {.context = context}. */
typedef struct token_table {
    tacit_context *context;
    byte_strings strings; /* by id; of special ones their names */
    uint8_t *special;     /* (strings.count): 1 or 0 */
    size_t special_capacity;
    int32_t *specials; /* (special_count): ids, in the order of the bytes of their names */
    size_t special_count, specials_capacity;
} token_table;

/* Adds a token at the end, whose bytes must be new. Too many are TACIT_LIMIT. */
tacit_status token_table_add(token_table *v, const uint8_t *data, size_t size, bool special);

/* To be called after special tokens were added, before the next function is. */
void token_table_sort_specials(token_table *v);

/* The id of the longest special token with whose name `text` begins, and the length of that; or -1. */
int32_t token_table_match_special(const token_table *v, const uint8_t *text, size_t size, size_t *length);

void token_table_free(token_table *v);

#endif
