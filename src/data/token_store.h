/* The tokens of all texts of a data set, one text after the other: in memory, or in a file that is larger
 * than memory and read piece by piece. */
#ifndef DATA_TOKEN_STORE_H
#define DATA_TOKEN_STORE_H

#include "base/team.h"
#include "data/dataset.h"
#include "data/tokenizer.h"

typedef struct token_store {
    tacit_context *context;
    int64_t tokens, texts; /* how many there are, texts being those of the range */
    int64_t *starts;       /* (texts + 1): the first token of each text; then `tokens` */
    uint64_t *sizes;       /* (texts): bytes of each text */
    int width;             /* bytes of a token: 2 or 4, little-endian */
    uint8_t *memory;       /* (tokens * width), or NULL: in the file */
    char *path;            /* of the file, or NULL */
    int fd;                /* -1: none */
} token_store;

/* A run of the texts: from byte first_byte of text `first` to before byte last_byte of text `last`. What is
 * in it of a text counts as a text. */
typedef struct text_range {
    int64_t first, last;
    uint64_t first_byte, last_byte;
} text_range;

/* All texts; and where they are cut in two so that the second part has about this share of the bytes (0 to 1,
 * both exclusive): between two texts where that is near enough, else between two characters of one. */
text_range text_range_all(const dataset *d);
tacit_status text_range_split(const dataset *d, double share, text_range *before, text_range *after);

/* How much of a text's first `size` bytes, which go on, can be encoded alone: no token of any tokenizer
 * reaches over the place between a printing ASCII character and a space. Without such a place, up to the last
 * whole character. `size` is at least 1. */
size_t text_cut(const uint8_t *text, size_t size);

/* Records that text i is no longer what it was, as TACIT_FORMAT. */
tacit_status text_fail_changed(const dataset *d, int64_t i);

typedef struct token_store_options {
    text_part part;
    text_range range;
    int32_t end;      /* a token behind each text; -1: none */
    const char *path; /* the file, which is made, or used again if it holds the tokens of these very texts by
                         this tokenizer; NULL: in memory */
} token_store_options;

/* Texts of more than a megabyte are encoded in pieces: cut before a space where that can change no token, at
 * the last of them in each megabyte, or, without any, after the last whole character. The result does not
 * depend on the number of workers. token_store_close also after a failure. */
tacit_status token_store_create(token_store *out, const dataset *d, const tokenizer *t, team *workers,
                                const token_store_options *o);
void token_store_close(token_store *s);

/* Tokens at .. at + count - 1, which are there. Any worker. */
tacit_status token_store_read(const token_store *s, int64_t at, int64_t count, int32_t *out);

#endif
