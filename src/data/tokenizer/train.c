/* Training: what of the texts is counted, and what becomes of it. See tokenizer.h. */
#include "base/utf8.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/parts.h"

struct tokenizer_trainer {
    tacit_context *context;
    int64_t wanted, least;
    tokenizer *result;    /* until finish */
    piece_cutter *cutter; /* these three are of bpe: the different pieces, and how often each occurs */
    byte_strings words;
    int64_t *counts; /* (words.count) */
    size_t count_capacity;
    uint8_t *seen; /* (UTF8_CODES) of chars: 1 for the characters that occur */
};

static tacit_status set_up(tokenizer_trainer *t, tokenizer_kind kind)
{
    TRY(tokenizer_begin(&t->result, t->context, kind));
    if (kind == TOKENIZER_BPE)
        TRY(piece_cutter_create(&t->cutter, t->result->rule));
    if (kind == TOKENIZER_CHARS)
        t->seen = memory_alloc(t->context, UTF8_CODES, 1);
    return kind == TOKENIZER_CHARS && !t->seen ? TACIT_NOMEM : TACIT_OK;
}

tacit_status tokenizer_trainer_create(tokenizer_trainer **out, tacit_context *context, tokenizer_kind kind,
                                      int64_t vocabulary, int64_t least)
{
    *out = NULL;
    if (kind == TOKENIZER_BPE && (vocabulary < BYTES || vocabulary > TOKENIZER_TOKENS_MOST))
        return context_fail(context, TACIT_ARGUMENT, "a vocabulary of %lld tokens: expected %d to %d",
                            (long long)vocabulary, BYTES, TOKENIZER_TOKENS_MOST);
    tokenizer_trainer *t = memory_alloc(context, 1, sizeof *t);
    if (!t)
        return TACIT_NOMEM;
    *t = (tokenizer_trainer){.context = context, .wanted = vocabulary, .least = least};
    t->words.context = context;
    const tacit_status status = set_up(t, kind);
    if (status != TACIT_OK) {
        tokenizer_trainer_destroy(t);
        return status;
    }
    *out = t;
    return TACIT_OK;
}

void tokenizer_trainer_destroy(tokenizer_trainer *t)
{
    if (!t)
        return;
    piece_cutter_destroy(t->cutter);
    tokenizer_destroy(t->result);
    byte_strings_free(&t->words);
    memory_free(t->context, t->counts);
    memory_free(t->context, t->seen);
    memory_free(t->context, t);
}

/* ---- feeding ---- */

static tacit_status count_word(tokenizer_trainer *t, const uint8_t *word, size_t size)
{
    int32_t number;
    void *array = t->counts;
    TRY(memory_reserve(t->context, &array, &t->count_capacity, t->words.count + 1, sizeof *t->counts));
    t->counts = array;
    TRY(byte_strings_add(&t->words, word, size, &number));
    t->counts[number]++;
    return TACIT_OK;
}

static tacit_status count_words(tokenizer_trainer *t, const uint8_t *text, size_t size)
{
    const uint8_t *piece;
    size_t length;
    pieces_begin(t->cutter, text, size);
    for (;;) {
        TRY(pieces_next(t->cutter, &piece, &length));
        if (length == 0)
            return TACIT_OK;
        TRY(count_word(t, piece, length));
    }
}

static tacit_status see_characters(tokenizer_trainer *t, const uint8_t *text, size_t size)
{
    size_t offset;
    uint32_t code;
    if (!utf8_check(text, size, &offset))
        return context_fail(t->context, TACIT_FORMAT, "byte %zu of the text, 0x%02x, is not UTF-8", offset,
                            (unsigned)text[offset]);
    const uint8_t *zero = size ? memchr(text, 0, size) : NULL;
    if (zero)
        return context_fail(t->context, TACIT_FORMAT, "byte %zu of the text is zero: expected characters",
                            (size_t)(zero - text));
    for (size_t i = 0; i < size; t->seen[code] = 1)
        i += utf8_decode(text + i, size - i, &code);
    return TACIT_OK;
}

tacit_status tokenizer_trainer_feed(tokenizer_trainer *t, const void *text, size_t size)
{
    if (size > TOKENIZER_TEXT_MOST)
        return context_fail(t->context, TACIT_LIMIT, "a text of %zu bytes: expected at most %zu", size,
                            TOKENIZER_TEXT_MOST);
    if (t->cutter)
        return count_words(t, text, size);
    return t->seen ? see_characters(t, text, size) : TACIT_OK;
}

/* ---- finishing ---- */

static tacit_status make_bytes(token_table *v)
{
    for (int i = 0; i < BYTES; i++) {
        const uint8_t byte = (uint8_t)i;
        TRY(token_table_add(v, &byte, 1, false));
    }
    return TACIT_OK;
}

static tacit_status make_chars(token_table *v, const uint8_t *seen)
{
    uint8_t character[UTF8_MOST];
    for (uint32_t code = 0; code < UTF8_CODES; code++)
        if (seen[code])
            TRY(token_table_add(v, character, utf8_encode(code, character), false));
    return v->strings.count ? TACIT_OK
                            : context_fail(v->context, TACIT_ARGUMENT,
                                           "there are no characters in the text to make a tokenizer of");
}

tacit_status tokenizer_trainer_finish(tokenizer_trainer *t, tokenizer **out)
{
    tokenizer *result = t->result;
    *out = NULL;
    if (t->cutter)
        TRY(bpe_train(result, &t->words, t->counts, t->wanted, t->least));
    else
        TRY(t->seen ? make_chars(&result->tokens, t->seen) : make_bytes(&result->tokens));
    tokenizer_find_bytes(result);
    *out = result;
    t->result = NULL;
    return TACIT_OK;
}
