#include "train/words.h"

#include "base/file.h"
#include "data/augment/text_views.h"
#include "data/token_store.h"
#include "objective/objective.h"

#include <string.h>

enum { PIECE = 1 << 20, BPE_DEFAULT = 8192 };

static bool hides_words(const settings *s)
{
    return strcmp(settings_text(s, "method"), "masked-word") == 0;
}

tacit_status words_check(const tokenizer *t, tacit_context *context, const settings *s)
{
    const int64_t last = settings_whole(s, "vocab") - 1; /* what stands for a hidden word */
    if (!hides_words(s) || tokenizer_find_special(t, WORDS_MASK) == last || tokenizer_size(t) <= last)
        return TACIT_OK;
    return context_fail(context, TACIT_ARGUMENT,
                        "masked-word: the tokenizer of the model to begin from has no \"%s\" at its end",
                        WORDS_MASK);
}

/* ---- training ---- */

/* What is learnt from, on its way to the trainer. */
typedef struct feeding {
    tokenizer_trainer *trainer;
    const dataset *data;
    text_part part;
    scratch *memory;
    uint64_t left; /* bytes that may still be learnt from */
} feeding;

/* A text in pieces: long ones are cut where a space is, if there is one. */
static tacit_status feed_text(feeding *f, int64_t text, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to && f->left > 0;) {
        text_piece piece;
        const uint64_t most = to - at < PIECE ? to - at : PIECE;
        TRY(dataset_read_text(f->data, text, f->part, at, (size_t)most, f->memory, &piece));
        if (piece.size == 0)
            return text_fail_changed(f->data, text);
        const size_t size = piece.size < to - at ? text_cut(piece.bytes, piece.size) : piece.size;
        TRY(tokenizer_trainer_feed(f->trainer, piece.bytes, size));
        at += size;
        f->left -= size < f->left ? size : f->left;
    }
    return TACIT_OK;
}

static tacit_status feed_part(tokenizer_trainer *t, const dataset *d, text_part part, const text_range *r,
                              scratch *s)
{
    feeding f = {.trainer = t, .data = d, .part = part, .memory = s, .left = WORDS_LEARNT};
    for (int64_t i = r->first; i <= r->last && i < d->count && f.left > 0; i++) {
        text_piece piece;
        TRY(dataset_read_text(d, i, part, 0, 0, s, &piece));
        TRY(feed_text(&f, i, i == r->first ? r->first_byte : 0, i == r->last ? r->last_byte : piece.total));
    }
    if (f.left == 0)
        context_log(d->context, "the tokenizer is made from the first %llu MB of the texts",
                    (unsigned long long)(WORDS_LEARNT >> 20));
    return TACIT_OK;
}

/* The characters of all texts are known; what is joined is learnt from the part that is learnt from. */
static tacit_status feed(tokenizer_trainer *t, const dataset *d, const settings *s, tokenizer_kind kind)
{
    scratch memory;
    text_range range = text_range_all(d), held;
    const double validation = settings_number(s, "validation");
    const bool stream = objective_find(settings_text(s, "method"))->stream;
    if (kind == TOKENIZER_BPE && stream && validation > 0.0)
        TRY(text_range_split(d, validation, &range, &held));
    scratch_init(&memory, d->context);
    tacit_status status = feed_part(t, d, TEXT_FIRST, &range, &memory);
    if (status == TACIT_OK && d->paired)
        status = feed_part(t, d, TEXT_SECOND, &range, &memory);
    scratch_fini(&memory);
    return status;
}

/* The end of a text, and what the tokenizer or the method wants beside it. */
static tacit_status add_specials(tokenizer *t, bool mask)
{
    if (tokenizer_kind_of(t) == TOKENIZER_CHARS)
        TRY(tokenizer_add_special(t, TOKENIZER_UNKNOWN, NULL));
    TRY(tokenizer_add_special(t, TEXT_END, NULL));
    return mask ? tokenizer_add_special(t, WORDS_MASK, NULL) : TACIT_OK;
}

static tacit_status train(tokenizer **out, tacit_context *context, const dataset *d, const settings *s,
                          tokenizer_kind kind, int64_t vocabulary)
{
    tokenizer_trainer *t;
    TRY(tokenizer_trainer_create(&t, context, kind, vocabulary, 2));
    tacit_status status = feed(t, d, s, kind);
    if (status == TACIT_OK)
        status = tokenizer_trainer_finish(t, out);
    tokenizer_trainer_destroy(t);
    return status;
}

static tacit_status resolve(const tokenizer *t, tacit_context *context, settings *s)
{
    const int64_t size = tokenizer_size(t);
    if (!settings_is_auto(s, "vocab") && settings_whole(s, "vocab") < size)
        return context_fail(context, TACIT_ARGUMENT,
                            "--vocab %lld is less than the %lld tokens that there are",
                            (long long)settings_whole(s, "vocab"), (long long)size);
    return settings_resolve_whole(s, "vocab", size);
}

tacit_status words_train(tokenizer **out, tacit_context *context, const dataset *d, settings *s)
{
    const tokenizer_kind kind = tokenizer_kind_find(settings_text(s, "tokenizer"));
    const bool mask = hides_words(s);
    const int64_t wanted = settings_is_auto(s, "vocab") ? BPE_DEFAULT : settings_whole(s, "vocab");
    const int64_t special = mask ? 2 : 1;
    *out = NULL;
    if (kind == TOKENIZER_BPE && wanted < 256 + special)
        return context_fail(context, TACIT_ARGUMENT, "--vocab %lld: bpe has %lld tokens or more",
                            (long long)wanted, (long long)(256 + special));
    tacit_status status = train(out, context, d, s, kind, kind == TOKENIZER_BPE ? wanted - special : wanted);
    if (status == TACIT_OK)
        status = add_specials(*out, mask);
    if (status == TACIT_OK)
        status = resolve(*out, context, s);
    if (status == TACIT_OK)
        return TACIT_OK;
    tokenizer_destroy(*out);
    *out = NULL;
    return status;
}

/* ---- files ---- */

tacit_status words_write(const tokenizer *t, tacit_context *context, const char *folder)
{
    char *path = path_join(context, folder, "tokenizer.json");
    const tacit_status status = path ? tokenizer_write(t, path) : TACIT_NOMEM;
    memory_free(context, path);
    return status;
}

static tacit_status read_file(tokenizer **out, tacit_context *context, const char *path, const settings *s)
{
    TRY(tokenizer_read(out, context, path));
    if (tokenizer_find_special(*out, TEXT_END) >= 0 && tokenizer_size(*out) <= settings_whole(s, "vocab"))
        return TACIT_OK;
    const tacit_status status =
        context_fail(context, TACIT_FORMAT,
                     "%s: %lld tokens: expected \"%s\" among them, and no more than the %lld of the model",
                     path, (long long)tokenizer_size(*out), TEXT_END, (long long)settings_whole(s, "vocab"));
    tokenizer_destroy(*out);
    *out = NULL;
    return status;
}

tacit_status words_read(tokenizer **out, tacit_context *context, const char *folder, const settings *s)
{
    *out = NULL;
    char *path = path_join(context, folder, "tokenizer.json");
    const tacit_status status = path ? read_file(out, context, path, s) : TACIT_NOMEM;
    memory_free(context, path);
    return status;
}
