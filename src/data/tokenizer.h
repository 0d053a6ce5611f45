/* Tokenizers: text becomes a row of small numbers, and text again.
 *
 *   bytes   256 tokens, one for each byte
 *   chars   one token for each character of the text it was trained on
 *   bpe     byte-level byte-pair encoding as GPT-2 has it: text is cut into words and the like by a regular
 *           expression, and in each of them neighbours are joined, in the order in which training found them
 *
 * Ids are 0 to tokenizer_size - 1. Special tokens ("<|endoftext|>") stand for what is no text: they have
 * names, and text never becomes one unless that is asked for. Files are tokenizer.json of the Hugging Face
 * library `tokenizers`, which gives the same ids for them.
 *
 * A tokenizer may be used by any number of threads at once, with a scratch for each. */
#ifndef DATA_TOKENIZER_H
#define DATA_TOKENIZER_H

#include "base/memory.h"

/* What is too large is TACIT_LIMIT: bytes of a text at once, tokens, special tokens. */
#define TOKENIZER_TEXT_MOST ((size_t)1 << 30)
enum { TOKENIZER_TOKENS_MOST = 1 << 22, TOKENIZER_SPECIALS_MOST = 1 << 16, TOKENIZER_NAME_MOST = 255 };

/* A character that a chars tokenizer does not know becomes this special token, if it has it; else it is an
 * error, where the library `tokenizers` leaves the character out. */
#define TOKENIZER_UNKNOWN "<|unknown|>"

typedef enum tokenizer_kind {
    TOKENIZER_BYTES,
    TOKENIZER_CHARS,
    TOKENIZER_BPE,
    TOKENIZER_KINDS
} tokenizer_kind;

/* "bytes", "chars", "bpe"; and back, TOKENIZER_KINDS for another name. */
const char *tokenizer_kind_name(tokenizer_kind kind);
tokenizer_kind tokenizer_kind_find(const char *name);

typedef struct tokenizer tokenizer;

/* ---- training ---- */

/* What is learnt from: texts are counted and not kept, so there may be more of them than memory. */
typedef struct tokenizer_trainer tokenizer_trainer;

/* `vocabulary` and `least` are of bpe only. vocabulary: how many tokens there are to be, without the special
 * ones, which are added later; 256 to TOKENIZER_TOKENS_MOST, else TACIT_ARGUMENT. least: neighbours that
 * occur less often than that (at least 1) are not joined, even if the vocabulary stays smaller for it. */
tacit_status tokenizer_trainer_create(tokenizer_trainer **out, tacit_context *context, tokenizer_kind kind,
                                      int64_t vocabulary, int64_t least);
void tokenizer_trainer_destroy(tokenizer_trainer *t); /* NULL is fine */

/* One more text, a document of its own: nothing is joined across its ends. For chars it must be UTF-8 without
 * zero bytes, else TACIT_FORMAT with the offset, and the text does not count; for others any bytes will do.
 */
tacit_status tokenizer_trainer_feed(tokenizer_trainer *t, const void *text, size_t size);

/* The tokenizer; the trainer is only to be destroyed afterwards. The same texts give the same tokenizer, in
 * whatever order they came. bpe may have fewer tokens than asked for: when there is nothing left to join.
 * chars without a character are TACIT_ARGUMENT. A long work that the context can cancel. */
tacit_status tokenizer_trainer_finish(tokenizer_trainer *t, tokenizer **out);

/* ---- files ---- */

/* Reads a tokenizer.json. TACIT_UNSUPPORTED: it is of another kind; TACIT_FORMAT: it contradicts itself. What
 * a file says of truncation and padding is about batches, and passed over. */
tacit_status tokenizer_read(tokenizer **out, tacit_context *context, const char *path);
/* The same from memory; `name` is for messages. */
tacit_status tokenizer_parse(tokenizer **out, tacit_context *context, const char *name, const void *json,
                             size_t size);
tacit_status tokenizer_write(const tokenizer *t, const char *path);

void tokenizer_destroy(tokenizer *t); /* NULL is fine */

/* ---- tokens ---- */

tokenizer_kind tokenizer_kind_of(const tokenizer *t);
int64_t tokenizer_size(const tokenizer *t); /* tokens, special ones included */

/* The bytes of a token, borrowed, and how many; of a special one its name. `id` must be one. */
const uint8_t *tokenizer_token(const tokenizer *t, int64_t id, size_t *size);

/* Adds a special token at the end, or finds it; *id may be NULL. Names are UTF-8 of 1 to TOKENIZER_NAME_MOST
 * bytes; one that is a token of text already is TACIT_ARGUMENT. Not while others use the tokenizer. */
tacit_status tokenizer_add_special(tokenizer *t, const char *name, int32_t *id);
int32_t tokenizer_find_special(const tokenizer *t, const char *name); /* -1: there is none */
bool tokenizer_is_special(const tokenizer *t, int64_t id);

/* ---- text to tokens and back ---- */

/* Ids, one after the other; begin with {.context = context}, end with memory_free of `ids`. */
typedef struct token_list {
    tacit_context *context;
    int32_t *ids; /* (count) */
    size_t count, capacity;
} token_list;

/* Likewise bytes. */
typedef struct byte_list {
    tacit_context *context;
    uint8_t *data; /* (size) */
    size_t size, capacity;
} byte_list;

/* What one thread needs to encode with `t`, which must live longer; about a megabyte for bpe, where it also
 * remembers words that it has met. */
typedef struct tokenizer_scratch tokenizer_scratch;

tacit_status tokenizer_scratch_create(tokenizer_scratch **out, const tokenizer *t);
void tokenizer_scratch_destroy(tokenizer_scratch *s); /* NULL is fine */

/* Appends the tokens of a text. With `specials` the names of special tokens in it become their ids (the
 * first, and there the longest, wins), else they are text like any other. Bytes that are not UTF-8 are tokens
 * too in bytes and bpe. In chars they and characters that it does not know are TACIT_ARGUMENT, with the
 * offset, or TOKENIZER_UNKNOWN. After a failure `out` is as it was. */
tacit_status tokenizer_encode(tokenizer_scratch *s, const void *text, size_t size, bool specials,
                              token_list *out);

/* Appends the bytes of tokens: what was encoded, bit for bit. Special tokens give their names with
 * `specials`, else nothing. An id that is none is TACIT_ARGUMENT; then `out` is as it was. */
tacit_status tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t count, bool specials,
                              byte_list *out);

#endif
