/* Tokenizers: their tokens, and decoding. See tokenizer.h. */
#include "data/tokenizer.h"

#include "base/utf8.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/parts.h"

static const char *const kind_names[] = {"bytes", "chars", "bpe"};

const char *tokenizer_kind_name(tokenizer_kind kind)
{
    return kind_names[kind];
}

tokenizer_kind tokenizer_kind_find(const char *name)
{
    int kind = 0;
    while (kind < TOKENIZER_KINDS && strcmp(kind_names[kind], name) != 0)
        kind++;
    return (tokenizer_kind)kind;
}

/* ---- life ---- */

tacit_status tokenizer_begin(tokenizer **out, tacit_context *context, tokenizer_kind kind)
{
    *out = NULL;
    tokenizer *t = memory_alloc(context, 1, sizeof *t);
    if (!t)
        return TACIT_NOMEM;
    t->context = t->tokens.context = t->tokens.strings.context = t->merges.context = context;
    t->kind = kind;
    const tacit_status status = kind == TOKENIZER_BPE ? piece_rule_create(&t->rule, context) : TACIT_OK;
    if (status != TACIT_OK) {
        tokenizer_destroy(t);
        return status;
    }
    *out = t;
    return TACIT_OK;
}

void tokenizer_destroy(tokenizer *t)
{
    if (!t)
        return;
    token_table_free(&t->tokens);
    merge_table_free(&t->merges);
    piece_rule_destroy(t->rule);
    memory_free(t->context, t);
}

/* ---- tokens ---- */

int32_t tokenizer_find_text(const tokenizer *t, const uint8_t *data, size_t size)
{
    const int32_t id = byte_strings_find(&t->tokens.strings, data, size);
    return id >= 0 && t->tokens.special[id] ? -1 : id;
}

void tokenizer_find_bytes(tokenizer *t)
{
    for (int i = 0; i < BYTES; i++) {
        const uint8_t byte = (uint8_t)i;
        t->of_byte[i] = tokenizer_find_text(t, &byte, 1);
    }
}

tokenizer_kind tokenizer_kind_of(const tokenizer *t)
{
    return t->kind;
}

int64_t tokenizer_size(const tokenizer *t)
{
    return (int64_t)t->tokens.strings.count;
}

const uint8_t *tokenizer_token(const tokenizer *t, int64_t id, size_t *size)
{
    return byte_strings_get(&t->tokens.strings, id, size);
}

/* ---- special tokens ---- */

bool tokenizer_is_special(const tokenizer *t, int64_t id)
{
    return t->tokens.special[id];
}

int32_t tokenizer_find_special(const tokenizer *t, const char *name)
{
    const int32_t id = byte_strings_find(&t->tokens.strings, (const uint8_t *)name, strlen(name));
    return id >= 0 && t->tokens.special[id] ? id : -1;
}

/* Whether a token of text is written like this in a file, or is these bytes. */
static bool is_text(const tokenizer *t, const char *name)
{
    uint8_t data[TOKENIZER_NAME_MOST];
    size_t size;
    if (tokenizer_find_text(t, (const uint8_t *)name, strlen(name)) >= 0)
        return true;
    return t->kind != TOKENIZER_CHARS && !byte_level_read(name, strlen(name), data, &size) &&
           tokenizer_find_text(t, data, size) >= 0;
}

tacit_status tokenizer_add_special(tokenizer *t, const char *name, int32_t *id)
{
    const size_t size = strlen(name);
    size_t offset;
    const int32_t known = tokenizer_find_special(t, name);
    if (id)
        *id = known < 0 ? (int32_t)t->tokens.strings.count : known;
    if (known >= 0)
        return TACIT_OK;
    if (size < 1 || size > TOKENIZER_NAME_MOST || !utf8_check(name, size, &offset))
        return context_fail(t->context, TACIT_ARGUMENT,
                            "special token \"%.80s\": expected 1 to %d bytes of UTF-8", name,
                            TOKENIZER_NAME_MOST);
    if (is_text(t, name))
        return context_fail(t->context, TACIT_ARGUMENT, "special token \"%.80s\": is a token of text already",
                            name);
    TRY(token_table_add(&t->tokens, (const uint8_t *)name, size, true));
    token_table_sort_specials(&t->tokens);
    return TACIT_OK;
}

/* ---- decoding ---- */

static tacit_status append(byte_list *out, const uint8_t *data, size_t size)
{
    void *array = out->data;
    TRY(memory_reserve(out->context, &array, &out->capacity, out->size + size, 1));
    out->data = array;
    memcpy(out->data + out->size, data, size);
    out->size += size;
    return TACIT_OK;
}

static tacit_status decode_token(const tokenizer *t, const int32_t *ids, size_t i, bool specials,
                                 byte_list *out)
{
    size_t size;
    if (ids[i] < 0 || ids[i] >= tokenizer_size(t))
        return context_fail(t->context, TACIT_ARGUMENT, "token %zu has id %d: expected 0 to %lld", i,
                            (int)ids[i], (long long)tokenizer_size(t) - 1);
    if (tokenizer_is_special(t, ids[i]) && !specials)
        return TACIT_OK;
    const uint8_t *data = tokenizer_token(t, ids[i], &size);
    return append(out, data, size);
}

tacit_status tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t count, bool specials,
                              byte_list *out)
{
    const size_t before = out->size;
    tacit_status status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < count; i++)
        status = decode_token(t, ids, i, specials, out);
    if (status != TACIT_OK)
        out->size = before;
    return status;
}
