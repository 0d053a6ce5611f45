/* Encoding: special tokens are found first, if they are asked for; what is between them is cut into pieces,
 * and those are looked up or joined. See tokenizer.h. */
#include "base/utf8.h"
#include "data/tokenizer/parts.h"

/* A piece that was met before, and its tokens: one line of the processor's cache. */
enum { KEPT_BYTES = 30, KEPT_IDS = 8, KEPT = 1 << 14 };

typedef struct kept_piece {
    uint8_t size, count; /* size 0: empty */
    uint8_t bytes[KEPT_BYTES];
    int32_t ids[KEPT_IDS];
} kept_piece;

struct tokenizer_scratch {
    const tokenizer *of;
    piece_cutter *cutter; /* these three are of bpe */
    kept_piece *kept;     /* (KEPT): by hash, the last one stays */
    bpe_room room;
};

tacit_status tokenizer_scratch_create(tokenizer_scratch **out, const tokenizer *t)
{
    tacit_status status = TACIT_OK;
    *out = NULL;
    tokenizer_scratch *s = memory_alloc(t->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    s->of = t;
    s->room.context = t->context;
    if (t->kind == TOKENIZER_BPE) {
        s->kept = memory_alloc(t->context, KEPT, sizeof *s->kept);
        status = s->kept ? piece_cutter_create(&s->cutter, t->rule) : TACIT_NOMEM;
    }
    if (status != TACIT_OK) {
        tokenizer_scratch_destroy(s);
        return status;
    }
    *out = s;
    return TACIT_OK;
}

void tokenizer_scratch_destroy(tokenizer_scratch *s)
{
    if (!s)
        return;
    piece_cutter_destroy(s->cutter);
    memory_free(s->of->context, s->kept);
    bpe_room_free(&s->room);
    memory_free(s->of->context, s);
}

/* ---- bpe ---- */

/* Where the tokens of a piece are kept, if they can be. */
static kept_piece *place_of(const tokenizer_scratch *s, const uint8_t *piece, size_t size)
{
    return size <= KEPT_BYTES ? &s->kept[hash_bytes(piece, size) % KEPT] : NULL;
}

static bool recall(const kept_piece *kept, const uint8_t *piece, size_t size, token_list *out)
{
    if (!kept || kept->size != size || memcmp(kept->bytes, piece, size) != 0)
        return false;
    memcpy(out->ids + out->count, kept->ids, sizeof kept->ids);
    out->count += kept->count;
    return true;
}

static void keep(kept_piece *kept, const uint8_t *piece, size_t size, const int32_t *ids, size_t count)
{
    if (!kept || count > KEPT_IDS)
        return;
    kept->size = (uint8_t)size;
    kept->count = (uint8_t)count;
    memcpy(kept->bytes, piece, size);
    memcpy(kept->ids, ids, count * sizeof *ids);
}

static tacit_status encode_piece(tokenizer_scratch *s, const uint8_t *piece, size_t size, token_list *out)
{
    TRY(token_list_reserve(out, KEPT_IDS));
    kept_piece *kept = place_of(s, piece, size);
    if (recall(kept, piece, size, out))
        return TACIT_OK;
    const size_t before = out->count;
    TRY(bpe_join(&s->room, s->of, piece, size, out));
    keep(kept, piece, size, out->ids + before, out->count - before);
    return TACIT_OK;
}

static tacit_status encode_bpe(tokenizer_scratch *s, const uint8_t *text, size_t size, token_list *out)
{
    const uint8_t *piece;
    size_t length;
    pieces_begin(s->cutter, text, size);
    for (;;) {
        TRY(pieces_next(s->cutter, &piece, &length));
        if (length == 0)
            return TACIT_OK;
        TRY(encode_piece(s, piece, length, out));
    }
}

/* ---- bytes and chars ---- */

static tacit_status encode_bytes(const uint8_t *text, size_t size, token_list *out)
{
    TRY(token_list_reserve(out, size));
    for (size_t i = 0; i < size; i++)
        out->ids[out->count + i] = text[i];
    out->count += size;
    return TACIT_OK;
}

/* The token of a character, `length` bytes, or of a byte that is none: length 0. */
static int32_t find_character(const tokenizer *t, const uint8_t *text, size_t length)
{
    return length == 1 ? t->of_byte[*text] : length ? tokenizer_find_text(t, text, length) : -1;
}

static tacit_status fail_character(const tokenizer *t, const uint8_t *text, size_t offset, size_t length,
                                   uint32_t code)
{
    if (length == 0)
        return context_fail(t->context, TACIT_ARGUMENT, "byte %zu of the text, 0x%02x, is not UTF-8", offset,
                            (unsigned)text[offset]);
    return context_fail(
        t->context, TACIT_ARGUMENT,
        "the character at byte %zu of the text, \"%.*s\" (U+%04X), is none of the tokenizer's", offset,
        (int)length, (const char *)text + offset, (unsigned)code);
}

/* `start` is where this part of the text lies in the whole of it. */
static tacit_status encode_chars(const tokenizer *t, const uint8_t *text, size_t start, size_t size,
                                 token_list *out)
{
    const int32_t unknown = tokenizer_find_special(t, TOKENIZER_UNKNOWN);
    uint32_t code = 0;
    TRY(token_list_reserve(out, size));
    for (size_t i = start; i < start + size;) {
        const size_t length = utf8_decode(text + i, start + size - i, &code);
        int32_t id = find_character(t, text + i, length);
        if (id < 0)
            id = unknown;
        if (id < 0)
            return fail_character(t, text, i, length, code);
        out->ids[out->count++] = id;
        i += length ? length : 1;
    }
    return TACIT_OK;
}

/* ---- all kinds ---- */

static tacit_status encode_plain(tokenizer_scratch *s, const uint8_t *text, size_t start, size_t size,
                                 token_list *out)
{
    switch (s->of->kind) {
    case TOKENIZER_BPE:
        return encode_bpe(s, text + start, size, out);
    case TOKENIZER_CHARS:
        return encode_chars(s->of, text, start, size, out);
    case TOKENIZER_BYTES:
    case TOKENIZER_KINDS:
        break;
    }
    return encode_bytes(text + start, size, out);
}

static tacit_status encode_special(tokenizer_scratch *s, const uint8_t *text, size_t size, token_list *out)
{
    size_t start = 0, length;
    for (size_t i = 0; i < size;) {
        const int32_t id = token_table_match_special(&s->of->tokens, text + i, size - i, &length);
        if (id < 0) {
            i++;
            continue;
        }
        TRY(encode_plain(s, text, start, i - start, out));
        TRY(token_list_reserve(out, 1));
        out->ids[out->count++] = id;
        start = i += length;
    }
    return encode_plain(s, text, start, size - start, out);
}

tacit_status tokenizer_encode(tokenizer_scratch *s, const void *text, size_t size, bool specials,
                              token_list *out)
{
    const size_t before = out->count;
    if (size > TOKENIZER_TEXT_MOST)
        return context_fail(s->of->context, TACIT_LIMIT, "a text of %zu bytes: expected at most %zu", size,
                            TOKENIZER_TEXT_MOST);
    const tacit_status status =
        specials ? encode_special(s, text, size, out) : encode_plain(s, text, 0, size, out);
    if (status != TACIT_OK)
        out->count = before;
    return status;
}
