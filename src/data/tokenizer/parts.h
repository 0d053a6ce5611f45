/* What a tokenizer is made of; for the files of this folder. */
#ifndef DATA_TOKENIZER_PARTS_H
#define DATA_TOKENIZER_PARTS_H

#include "data/tokenizer.h"
#include "data/tokenizer/merges.h"
#include "data/tokenizer/pieces.h"
#include "data/tokenizer/token_table.h"

enum { BYTES = 256 };

struct tokenizer {
    tacit_context *context;
    tokenizer_kind kind;
    token_table tokens;
    merge_table merges;     /* of bpe */
    piece_rule *rule;       /* of bpe, else NULL */
    int32_t of_byte[BYTES]; /* the token that is this byte alone, or -1; of chars only for ASCII */
};

/* Without tokens; the caller owns *out. */
tacit_status tokenizer_begin(tokenizer **out, tacit_context *context, tokenizer_kind kind);

/* Looks up of_byte when all tokens of text are there. */
void tokenizer_find_bytes(tokenizer *t);

/* The id of a token of text, or -1. */
int32_t tokenizer_find_text(const tokenizer *t, const uint8_t *data, size_t size);

/* Trains a byte-pair encoding; see bpe_train.c. `words` with how often each occurs: counts (words->count).
 * `t` gets tokens and merges; it has none yet. */
tacit_status bpe_train(tokenizer *t, const byte_strings *words, const int64_t *counts, int64_t vocabulary,
                       int64_t least);

/* Room in which pieces are joined to tokens; see bpe_join.c. Begin with {.context = context}. */
typedef struct bpe_symbol {
    int32_t id, previous, next; /* places, -1 at the ends */
    int32_t rank;               /* of the merge with the next, or -1 */
} bpe_symbol;

typedef struct bpe_room {
    tacit_context *context;
    bpe_symbol *symbols;
    size_t symbol_capacity;
    uint64_t *queue; /* a heap of rank << 32 | place, the smallest first */
    size_t queue_size, queue_capacity;
} bpe_room;

/* Appends the tokens of one piece, of 1 to TOKENIZER_TEXT_MOST bytes. */
tacit_status bpe_join(bpe_room *r, const tokenizer *t, const uint8_t *piece, size_t size, token_list *out);
void bpe_room_free(bpe_room *r);

static inline tacit_status token_list_reserve(token_list *l, size_t more)
{
    void *array = l->ids;
    if (l->capacity - l->count >= more)
        return TACIT_OK;
    TRY(memory_reserve(l->context, &array, &l->capacity, l->count + more, sizeof *l->ids));
    l->ids = array;
    return TACIT_OK;
}

#endif
