/* The tokenizer of a run on texts: how it comes to be, and where it is kept. */
#ifndef TRAIN_WORDS_H
#define TRAIN_WORDS_H

#include "base/settings.h"
#include "data/dataset.h"
#include "data/tokenizer.h"

/* The token that hides another, always the last of the vocabulary. */
#define WORDS_MASK "<|mask|>"

/* Trains what "tokenizer" and "vocab" say on the texts of `d`: of bpe on the part that is learnt from
 * ("validation"), up to WORDS_LEARNT bytes of it. Resolves "vocab" to the tokens that there are, special ones
 * included. TACIT_ARGUMENT: a --vocab that they do not fit into. */
#define WORDS_LEARNT (UINT64_C(1) << 28)
tacit_status words_train(tokenizer **out, tacit_context *context, const dataset *d, settings *s);

/* Whether a tokenizer that is given serves the method: TACIT_ARGUMENT where that hides words and there is no
 * mask. */
tacit_status words_check(const tokenizer *t, tacit_context *context, const settings *s);

/* "folder/tokenizer.json", whole or not at all, and from it again. A tokenizer of more tokens than "vocab"
 * says, or without the end of a text, is TACIT_FORMAT. */
tacit_status words_write(const tokenizer *t, tacit_context *context, const char *folder);
tacit_status words_read(tokenizer **out, tacit_context *context, const char *folder, const settings *s);

#endif
