/* Writing tokenizer.json: what the library `tokenizers` opens and gives the same ids for.
 *
 *   bpe     BPE, cut by ByteLevel with its expression
 *   bytes   BPE without merges, ByteLevel without an expression; the ids are the bytes
 *   chars   BPE without merges and without cutting, whose tokens are characters; Fuse puts them together
 * again
 *
 * Special tokens are in the vocabulary and among the added tokens, as GPT-2's file has them. */
#include "base/file.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/parts.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct writing {
    const tokenizer *t;
    const char *path;
    char *key; /* room for a token as the file spells it */
    size_t key_capacity;
} writing;

static tacit_status fail_json(const writing *w)
{
    return context_fail(w->t->context, TACIT_NOMEM, "%s: out of memory for the text", w->path);
}

/* A token as the file spells it, into w->key. */
static tacit_status spell(writing *w, int64_t id)
{
    size_t size;
    void *array = w->key;
    const uint8_t *data = tokenizer_token(w->t, id, &size);
    TRY(memory_reserve(w->t->context, &array, &w->key_capacity, 2 * size + 1, 1));
    w->key = array;
    if (w->t->kind != TOKENIZER_CHARS && !tokenizer_is_special(w->t, id)) {
        byte_level_write(data, size, w->key);
        return TACIT_OK;
    }
    memcpy(w->key, data, size);
    w->key[size] = '\0';
    return TACIT_OK;
}

static tacit_status add_vocabulary(writing *w, json_t *out)
{
    for (int64_t id = 0; id < tokenizer_size(w->t); id++) {
        TRY(spell(w, id));
        if (json_object_set_new(out, w->key, json_integer(id)))
            return fail_json(w);
    }
    return TACIT_OK;
}

static tacit_status add_merges(writing *w, json_t *out)
{
    for (size_t i = 0; i < w->t->merges.count; i++) {
        const merge *m = &w->t->merges.merges[i];
        json_t *pair = json_array();
        tacit_status status = json_array_append_new(out, pair) ? fail_json(w) : spell(w, m->left);
        if (status == TACIT_OK && json_array_append_new(pair, json_string(w->key)))
            status = fail_json(w);
        TRY(status);
        TRY(spell(w, m->right));
        if (json_array_append_new(pair, json_string(w->key)))
            return fail_json(w);
    }
    return TACIT_OK;
}

static tacit_status add_specials(writing *w, json_t *out)
{
    for (int64_t id = 0; id < tokenizer_size(w->t); id++) {
        if (!tokenizer_is_special(w->t, id))
            continue;
        TRY(spell(w, id));
        json_t *added =
            json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)id, "content", w->key,
                      "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1);
        if (json_array_append_new(out, added))
            return fail_json(w);
    }
    return TACIT_OK;
}

/* How text is cut before the model, and what puts tokens together. */
static json_t *byte_level_part(const tokenizer *t)
{
    if (t->kind == TOKENIZER_CHARS)
        return json_null();
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                     "use_regex", t->kind == TOKENIZER_BPE);
}

static json_t *decoder_part(const tokenizer *t)
{
    return t->kind == TOKENIZER_CHARS ? json_pack("{s:s}", "type", "Fuse") : byte_level_part(t);
}

/* Takes the three over. */
static json_t *whole(const tokenizer *t, json_t *added, json_t *vocabulary, json_t *merges)
{
    const bool unknown = t->kind == TOKENIZER_CHARS && tokenizer_find_special(t, TOKENIZER_UNKNOWN) >= 0;
    json_t *model = json_pack("{s:s, s:n, s:s?, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout",
                              "unk_token", unknown ? TOKENIZER_UNKNOWN : NULL, "continuing_subword_prefix",
                              "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", 0,
                              "vocab", vocabulary, "merges", merges);
    return json_pack("{s:s, s:n, s:n, s:o, s:n, s:o, s:n, s:o, s:o}", "version", "1.0", "truncation",
                     "padding", "added_tokens", added, "normalizer", "pre_tokenizer", byte_level_part(t),
                     "post_processor", "decoder", decoder_part(t), "model", model);
}

static tacit_status write_json(const writing *w, json_t *root)
{
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    if (!text)
        return fail_json(w);
    const tacit_status status = file_write(w->t->context, w->path, text, strlen(text));
    free(text);
    return status;
}

tacit_status tokenizer_write(const tokenizer *t, const char *path)
{
    writing w = {.t = t, .path = path};
    json_t *added = json_array(), *vocabulary = json_object(), *merges = json_array();
    tacit_status status = add_vocabulary(&w, vocabulary);
    if (status == TACIT_OK)
        status = add_merges(&w, merges);
    if (status == TACIT_OK)
        status = add_specials(&w, added);
    json_t *root = whole(t, added, vocabulary, merges);
    if (status == TACIT_OK)
        status = write_json(&w, root);
    json_decref(root);
    memory_free(t->context, w.key);
    return status;
}
