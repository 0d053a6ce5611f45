/* Reading tokenizer.json. The JSON is jansson's; all that it says is checked here. What would give other ids
 * than we give is TACIT_UNSUPPORTED. */
#include "base/file.h"
#include "base/utf8.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/parts.h"

#include <jansson.h>

static const size_t file_limit = (size_t)1 << 29;

/* A token as the file spells it, borrowed from the JSON. */
typedef struct entry {
    const char *text; /* NULL: not yet there */
    bool special;
} entry;

typedef struct reading {
    tacit_context *context;
    const char *path;
    tokenizer *t;
    entry *entries; /* (count): by id */
    size_t count;
    uint8_t *room; /* for the bytes of a token, or of two */
    size_t room_capacity;
} reading;

static tacit_status fail(const reading *r, tacit_status status, const char *wrong)
{
    return context_fail(r->context, status, "%s: %s", r->path, wrong);
}

/* ---- which tokenizer it is ---- */

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type ? type : json_is_null(part) ? "null" : "(none)";
}

static bool has_type(const json_t *part, const char *type)
{
    return strcmp(type_of(part), type) == 0;
}

/* null and what is not there, false, "" and 0 say that a thing is not asked for. */
static bool absent(const json_t *value)
{
    const char *text = json_string_value(value);
    const bool zero = json_is_number(value) && !(json_number_value(value) != 0);
    return !value || json_is_null(value) || json_is_false(value) || zero || (text && !*text);
}

static tacit_status check_model(const reading *r, const json_t *root, const json_t *model)
{
    static const char *const not_ours[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                           "byte_fallback", "ignore_merges"};
    if (!json_is_object(model))
        return fail(r, TACIT_FORMAT, "no tokenizer.json: expected an object with a \"model\"");
    /* Old files do not say the type; only BPE has merges. */
    const json_t *type = json_object_get(model, "type");
    if (type || !json_object_get(model, "merges"))
        if (!has_type(model, "BPE"))
            return context_fail(r->context, TACIT_UNSUPPORTED,
                                "%s: a model of type %.80s: expected a byte-level BPE", r->path,
                                type_of(model));
    for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++)
        if (!absent(json_object_get(model, not_ours[i])))
            return context_fail(r->context, TACIT_UNSUPPORTED, "%s: a model with %s: expected none", r->path,
                                not_ours[i]);
    const json_t *normalizer = json_object_get(root, "normalizer");
    const json_t *post = json_object_get(root, "post_processor");
    if (!absent(normalizer))
        return context_fail(r->context, TACIT_UNSUPPORTED, "%s: a normalizer of type %.80s: expected none",
                            r->path, type_of(normalizer));
    if (!absent(post) && !has_type(post, "ByteLevel"))
        return context_fail(r->context, TACIT_UNSUPPORTED,
                            "%s: a post_processor of type %.80s: expected none or ByteLevel", r->path,
                            type_of(post));
    return TACIT_OK;
}

static tacit_status find_kind(const reading *r, const json_t *root, tokenizer_kind *kind)
{
    const json_t *cut = json_object_get(root, "pre_tokenizer"), *decoder = json_object_get(root, "decoder");
    *kind = TOKENIZER_CHARS;
    if (absent(cut) && has_type(decoder, "Fuse"))
        return TACIT_OK;
    if (!has_type(cut, "ByteLevel") || !has_type(decoder, "ByteLevel"))
        return context_fail(
            r->context, TACIT_UNSUPPORTED,
            "%s: a pre_tokenizer of type %.80s and a decoder of type %.80s: expected ByteLevel "
            "for both, or null and Fuse",
            r->path, type_of(cut), type_of(decoder));
    if (!json_is_false(json_object_get(cut, "add_prefix_space")))
        return fail(r, TACIT_UNSUPPORTED, "a pre_tokenizer whose add_prefix_space is not false");
    *kind = json_is_false(json_object_get(cut, "use_regex")) ? TOKENIZER_BYTES : TOKENIZER_BPE;
    return TACIT_OK;
}

/* ---- vocabulary and special tokens, by id ---- */

static tacit_status fail_entry(const reading *r, const char *text, const char *wrong)
{
    return context_fail(r->context, TACIT_FORMAT, "%s: token \"%.80s\": %s", r->path, text, wrong);
}

static tacit_status set_entry(const reading *r, const char *text, const json_t *id, bool special)
{
    const json_int_t place = json_is_integer(id) ? json_integer_value(id) : -1;
    if (place < 0 || (size_t)place >= r->count)
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: token \"%.80s\" has no id from 0 to %zu, where %zu tokens are", r->path,
                            text, r->count - 1, r->count);
    entry *e = &r->entries[place];
    if (e->text)
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: tokens \"%.80s\" and \"%.80s\" have the same id %lld", r->path, e->text,
                            text, (long long)place);
    *e = (entry){text, special};
    return TACIT_OK;
}

/* The name of a special token, which is as we have them. */
static tacit_status check_added(const reading *r, const json_t *added, const char **name)
{
    static const char *const not_ours[] = {"single_word", "lstrip", "rstrip"};
    *name = json_string_value(json_object_get(added, "content"));
    if (!*name || !**name || strlen(*name) > TOKENIZER_NAME_MOST)
        return context_fail(r->context, TACIT_FORMAT, "%s: an added token without a content of 1 to %d bytes",
                            r->path, TOKENIZER_NAME_MOST);
    for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++)
        if (!absent(json_object_get(added, not_ours[i])))
            return context_fail(r->context, TACIT_UNSUPPORTED,
                                "%s: added token \"%.80s\" with %s: expected none", r->path, *name,
                                not_ours[i]);
    if (!json_is_true(json_object_get(added, "special")))
        return context_fail(r->context, TACIT_UNSUPPORTED,
                            "%s: added token \"%.80s\" is not special: expected special ones only", r->path,
                            *name);
    return TACIT_OK;
}

/* Marks the token of the vocabulary that is special. */
static tacit_status mark_special(const reading *r, const char *name, const json_t *own, const json_t *id)
{
    entry *e = &r->entries[json_integer_value(own)];
    if (!json_equal(own, id))
        return fail_entry(r, name, "the vocabulary and the added tokens have different ids for it");
    if (e->special)
        return fail_entry(r, name, "is added twice");
    e->special = true;
    return TACIT_OK;
}

static tacit_status set_added(const reading *r, const json_t *vocabulary, const json_t *added)
{
    const char *name;
    size_t i;
    json_t *one;
    json_array_foreach(added, i, one)
    {
        TRY(check_added(r, one, &name));
        const json_t *own = json_object_get(vocabulary, name), *id = json_object_get(one, "id");
        TRY(own ? mark_special(r, name, own, id) : set_entry(r, name, id, true));
    }
    return TACIT_OK;
}

/* Tokens together: those of the vocabulary, and added ones that are not in it. */
static size_t count_tokens(const json_t *vocabulary, const json_t *added)
{
    size_t count = json_object_size(vocabulary), i;
    json_t *one;
    json_array_foreach(added, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "content"));
        count += name && !json_object_get(vocabulary, name);
    }
    return count;
}

/* As there are as many places as tokens and no two have the same, each is taken. */
static tacit_status find_entries(reading *r, json_t *vocabulary, const json_t *added)
{
    const char *text;
    json_t *id;
    if (!json_is_object(vocabulary))
        return fail(r, TACIT_FORMAT, "the model's vocab is not an object of tokens and ids");
    if (!absent(added) && !json_is_array(added))
        return fail(r, TACIT_FORMAT, "added_tokens is not an array");
    r->count = count_tokens(vocabulary, added);
    if (r->count > TOKENIZER_TOKENS_MOST)
        return context_fail(r->context, TACIT_LIMIT, "%s: %zu tokens: expected at most %d", r->path, r->count,
                            TOKENIZER_TOKENS_MOST);
    if (json_array_size(added) > TOKENIZER_SPECIALS_MOST)
        return context_fail(r->context, TACIT_LIMIT, "%s: %zu added tokens: expected at most %d", r->path,
                            json_array_size(added), TOKENIZER_SPECIALS_MOST);
    r->entries = memory_alloc(r->context, r->count, sizeof *r->entries);
    if (!r->entries)
        return TACIT_NOMEM;
    json_object_foreach(vocabulary, text, id)
    {
        TRY(set_entry(r, text, id, false));
    }
    return set_added(r, vocabulary, added);
}

/* ---- tokens ---- */

/* The bytes of a token of text behind the `used` first ones of the room; *used is then what is used. */
static tacit_status unspell(reading *r, const char *text, size_t length, size_t *used)
{
    size_t size = length;
    void *array = r->room;
    TRY(memory_reserve(r->context, &array, &r->room_capacity, *used + length, 1));
    r->room = array;
    const char *wrong = NULL;
    if (r->t->kind == TOKENIZER_CHARS)
        memcpy(r->room + *used, text, length);
    else
        wrong = byte_level_read(text, length, r->room + *used, &size);
    if (wrong)
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: token \"%.*s\": \"%.4s\" is no byte-level character", r->path,
                            (int)(length < 80 ? length : 80), text, wrong);
    *used += size;
    return TACIT_OK;
}

static tacit_status add_token(reading *r, const entry *e)
{
    size_t size = 0;
    uint32_t code;
    const size_t length = strlen(e->text);
    if (length == 0)
        return fail_entry(r, e->text, "is empty");
    if (length > TOKENIZER_TEXT_MOST)
        return fail_entry(r, e->text, "is too long");
    if (r->t->kind == TOKENIZER_CHARS && !e->special &&
        utf8_decode((const uint8_t *)e->text, length, &code) != length)
        return context_fail(r->context, TACIT_UNSUPPORTED,
                            "%s: token \"%.80s\" without a pre_tokenizer: expected single characters",
                            r->path, e->text);
    if (!e->special)
        TRY(unspell(r, e->text, length, &size));
    const uint8_t *data = e->special ? (const uint8_t *)e->text : r->room;
    size = e->special ? length : size;
    if (byte_strings_find(&r->t->tokens.strings, data, size) >= 0)
        return fail_entry(r, e->text, "another token has the same bytes");
    return token_table_add(&r->t->tokens, data, size, e->special);
}

/* Whether text has the 256 bytes as tokens, in order, and nothing else. */
static bool is_bytes(const tokenizer *t)
{
    bool good = t->tokens.strings.count - t->tokens.special_count == BYTES;
    for (int i = 0; i < BYTES; i++)
        good = good && t->of_byte[i] == i;
    return good;
}

/* What the encoding of this kind relies on. */
static tacit_status check_tokens(const reading *r)
{
    const tokenizer *t = r->t;
    for (int i = 0; t->kind == TOKENIZER_BPE && i < BYTES; i++)
        if (t->of_byte[i] < 0)
            return context_fail(r->context, TACIT_FORMAT,
                                "%s: there is no token for byte 0x%02x: expected one for each byte", r->path,
                                (unsigned)i);
    if (t->kind == TOKENIZER_BYTES && !is_bytes(t))
        return fail(r, TACIT_UNSUPPORTED,
                    "a pre_tokenizer whose use_regex is false: expected it only where the tokens are the 256 "
                    "bytes in order");
    return t->tokens.strings.count > t->tokens.special_count
               ? TACIT_OK
               : fail(r, TACIT_FORMAT, "there are no tokens but special ones");
}

static tacit_status add_tokens(reading *r)
{
    for (size_t i = 0; i < r->count; i++)
        TRY(add_token(r, &r->entries[i]));
    token_table_sort_specials(&r->t->tokens);
    tokenizer_find_bytes(r->t);
    return check_tokens(r);
}

/* ---- merges ---- */

typedef struct halves {
    const char *left, *right;
    size_t left_length, right_length;
} halves;

/* "a b" or ["a", "b"]; false: neither. */
static bool split_merge(const json_t *json, halves *h)
{
    const char *text = json_string_value(json);
    h->left = json_string_value(json_array_get(json, 0));
    h->right = json_string_value(json_array_get(json, 1));
    if (text) {
        const char *space = strchr(text, ' ');
        h->left = space ? text : NULL;
        h->right = space ? space + 1 : NULL;
        h->left_length = space ? (size_t)(space - text) : 0;
    } else if (json_array_size(json) != 2 || !h->left) {
        return false;
    } else {
        h->left_length = strlen(h->left);
    }
    h->right_length = h->right ? strlen(h->right) : 0;
    return h->left && h->right && h->left_length && h->right_length;
}

static tacit_status find_half(reading *r, size_t number, const char *text, size_t length, size_t from,
                              size_t *used, int32_t *id)
{
    *used = from;
    TRY(unspell(r, text, length, used));
    *id = tokenizer_find_text(r->t, r->room + from, *used - from);
    return *id >= 0 ? TACIT_OK
                    : context_fail(r->context, TACIT_FORMAT,
                                   "%s: merge %zu: \"%.*s\" is no token of the vocabulary", r->path, number,
                                   (int)(length < 80 ? length : 80), text);
}

static tacit_status add_merge(reading *r, size_t number, const json_t *json)
{
    halves h;
    merge m;
    size_t middle, end;
    if (!split_merge(json, &h))
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: merge %zu: expected \"LEFT RIGHT\" or [\"LEFT\", \"RIGHT\"]", r->path,
                            number);
    TRY(find_half(r, number, h.left, h.left_length, 0, &middle, &m.left));
    TRY(find_half(r, number, h.right, h.right_length, middle, &end, &m.right));
    m.result = tokenizer_find_text(r->t, r->room, end);
    if (m.result < 0)
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: merge %zu: what \"%.80s\" and \"%.80s\" make is no token of the vocabulary",
                            r->path, number, r->entries[m.left].text, r->entries[m.right].text);
    if (merge_rank(&r->t->merges, m.left, m.right) >= 0)
        return context_fail(r->context, TACIT_FORMAT,
                            "%s: merge %zu: \"%.80s\" and \"%.80s\" are there twice", r->path, number,
                            r->entries[m.left].text, r->entries[m.right].text);
    return merge_table_add(&r->t->merges, m);
}

static tacit_status add_merges(reading *r, const json_t *merges)
{
    size_t i;
    json_t *one;
    if (!json_is_array(merges))
        return fail(r, TACIT_FORMAT, "the model's merges are not an array");
    if (r->t->kind != TOKENIZER_BPE && json_array_size(merges) > 0)
        return fail(r, TACIT_UNSUPPORTED, "merges where the text is not cut before: expected none");
    json_array_foreach(merges, i, one)
    {
        TRY(add_merge(r, i, one));
    }
    return TACIT_OK;
}

/* ---- the whole ---- */

static tacit_status read_root(reading *r, const json_t *root)
{
    json_t *model = json_object_get(root, "model");
    tokenizer_kind kind;
    TRY(check_model(r, root, model));
    TRY(find_kind(r, root, &kind));
    const char *unknown = json_string_value(json_object_get(model, "unk_token"));
    if (kind == TOKENIZER_CHARS && unknown && strcmp(unknown, TOKENIZER_UNKNOWN) != 0)
        return context_fail(r->context, TACIT_UNSUPPORTED, "%s: unk_token \"%.80s\": expected none or \"%s\"",
                            r->path, unknown, TOKENIZER_UNKNOWN);
    TRY(tokenizer_begin(&r->t, r->context, kind));
    TRY(find_entries(r, json_object_get(model, "vocab"), json_object_get(root, "added_tokens")));
    TRY(add_tokens(r));
    return add_merges(r, json_object_get(model, "merges"));
}

tacit_status tokenizer_parse(tokenizer **out, tacit_context *context, const char *name, const void *json,
                             size_t size)
{
    reading r = {.context = context, .path = name};
    json_error_t error;
    *out = NULL;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return context_fail(context, TACIT_FORMAT, "%s:%d:%d: no JSON: %s", name, error.line, error.column,
                            error.text);
    const tacit_status status = read_root(&r, root);
    json_decref(root);
    memory_free(context, r.entries);
    memory_free(context, r.room);
    if (status == TACIT_OK)
        *out = r.t;
    else
        tokenizer_destroy(r.t);
    return status;
}

tacit_status tokenizer_read(tokenizer **out, tacit_context *context, const char *path)
{
    uint8_t *json;
    size_t size;
    *out = NULL;
    TRY(file_read(context, path, file_limit, &json, &size));
    const tacit_status status = tokenizer_parse(out, context, path, json, size);
    memory_free(context, json);
    return status;
}
