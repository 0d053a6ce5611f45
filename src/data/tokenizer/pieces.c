/* See pieces.h. The only file that includes pcre2.h. */
#include "data/tokenizer/pieces.h"

#include "base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* GPT-2 writes \s, which in PCRE2 has U+180E too; so white space is spelled out. What Unicode calls a letter
 * or a number is as PCRE2's version of it has it. */
#define SPACE "\\t-\\r\\x{85}\\p{Z}"

/* In this order; there is a match at every character. */
static const char expression[] = "'(?:[sdmt]|ll|ve|re)"
                                 "| ?\\p{L}+"
                                 "| ?\\p{N}+"
                                 "| ?[^" SPACE "\\p{L}\\p{N}]+"
                                 "|[" SPACE "]+(?![^" SPACE "])"
                                 "|[" SPACE "]+";

struct piece_rule {
    tacit_context *context;
    pcre2_general_context *memory;
    pcre2_code *code;
    bool starved; /* an allocation failed: PCRE2's own codes do not always say so */
};

struct piece_cutter {
    const piece_rule *rule;
    pcre2_match_data *match;
    const uint8_t *text;
    size_t size, at;
    size_t valid; /* where the UTF-8 that `at` is in ends */
};

/* ---- the rule ---- */

static void *rule_alloc(size_t size, void *user)
{
    piece_rule *r = user;
    void *pointer = memory_alloc(r->context, size, 1);
    if (!pointer)
        __atomic_store_n(&r->starved, true, __ATOMIC_RELAXED);
    return pointer;
}

static void rule_free(void *pointer, void *user)
{
    const piece_rule *r = user;
    memory_free(r->context, pointer);
}

static tacit_status compile(piece_rule *r)
{
    int error = 0;
    PCRE2_SIZE offset;
    r->memory = pcre2_general_context_create(rule_alloc, rule_free, r);
    if (!r->memory)
        return TACIT_NOMEM;
    pcre2_compile_context *settings = pcre2_compile_context_create(r->memory);
    if (!settings)
        return TACIT_NOMEM;
    r->code = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_ANCHORED, &error,
                            &offset, settings);
    pcre2_compile_context_free(settings);
    if (!r->code && !r->starved)
        return context_fail(r->context, TACIT_BACKEND,
                            "PCRE2 does not compile the expression of bpe: error %d at %zu", error,
                            (size_t)offset);
    /* Where there can be no machine code made, matching is slower and the same. */
    if (r->code)
        error = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
    return r->starved ? TACIT_NOMEM : TACIT_OK;
}

tacit_status piece_rule_create(piece_rule **out, tacit_context *context)
{
    *out = NULL;
    piece_rule *r = memory_alloc(context, 1, sizeof *r);
    if (!r)
        return TACIT_NOMEM;
    r->context = context;
    const tacit_status status = compile(r);
    if (status != TACIT_OK) {
        piece_rule_destroy(r);
        return status;
    }
    *out = r;
    return TACIT_OK;
}

void piece_rule_destroy(piece_rule *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->memory);
    memory_free(r->context, r);
}

/* ---- cutting ---- */

tacit_status piece_cutter_create(piece_cutter **out, const piece_rule *rule)
{
    *out = NULL;
    piece_cutter *c = memory_alloc(rule->context, 1, sizeof *c);
    if (!c)
        return TACIT_NOMEM;
    c->rule = rule;
    c->match = pcre2_match_data_create(1, rule->memory);
    if (!c->match) {
        piece_cutter_destroy(c);
        return TACIT_NOMEM;
    }
    *out = c;
    return TACIT_OK;
}

void piece_cutter_destroy(piece_cutter *c)
{
    if (!c)
        return;
    pcre2_match_data_free(c->match);
    memory_free(c->rule->context, c);
}

void pieces_begin(piece_cutter *c, const uint8_t *text, size_t size)
{
    c->text = text;
    c->size = size;
    c->at = c->valid = 0;
}

/* The length of the piece at `at`, which is UTF-8. PCRE2 is not asked to check that: it would do it for all
 * that follows, at each piece. */
static tacit_status match(piece_cutter *c, size_t *length)
{
    const PCRE2_SPTR text = c->text + c->at;
    int code = pcre2_match(c->rule->code, text, c->valid - c->at, 0, PCRE2_NO_UTF_CHECK, c->match, NULL);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
        code = pcre2_match(c->rule->code, text, c->valid - c->at, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                           c->match, NULL);
    *length = code > 0 ? pcre2_get_ovector_pointer(c->match)[1] : 0;
    if (*length > 0)
        return TACIT_OK;
    return code == PCRE2_ERROR_NOMEMORY
               ? context_fail(c->rule->context, TACIT_NOMEM, "out of memory for matching")
               : context_fail(c->rule->context, TACIT_BACKEND, "PCRE2 does not match: error %d", code);
}

tacit_status pieces_next(piece_cutter *c, const uint8_t **piece, size_t *size)
{
    uint32_t code;
    size_t length = 0, valid;
    *piece = c->text + c->at;
    if (c->at == c->valid && c->at < c->size) {
        while (c->at + length < c->size && !utf8_decode(*piece + length, c->size - c->at - length, &code))
            length++;
        utf8_check(*piece + length, c->size - c->at - length, &valid);
        c->valid = c->at + length + valid;
    }
    if (length == 0 && c->at < c->valid)
        TRY(match(c, &length));
    *size = length;
    c->at += length;
    return TACIT_OK;
}
