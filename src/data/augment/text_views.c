#include "data/augment/text_views.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/philox.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BAG = 2048 };

typedef struct text_views {
    views base; /* first: a views pointer is a text_views pointer */
    tacit_context *context;
    token_store tokens; /* of the texts, or of the part of a stream that is learnt from */
    token_store second; /* of a stream its validation part; of pairs the second texts */
    bool paired;
    int64_t window, length; /* length: with what is ahead */
    double drop;
} text_views;

static const text_views *of(const views *v)
{
    return (const text_views *)v;
}

static void pad(int32_t *out, int64_t from, int64_t length)
{
    for (int64_t i = from; i < length; i++)
        out[i] = -1;
}

/* ---- streams ---- */

/* Tokens `at` .. of a store, and -1 behind its end. */
static tacit_status read_window(const text_views *v, const token_store *s, int64_t at, int32_t *out)
{
    const int64_t left = s->tokens - at, some = left < v->length ? left : v->length;
    pad(out, some, v->length);
    return token_store_read(s, at, some, out);
}

static tacit_status plain_window(const views *base, int64_t example, scratch *s, void *out)
{
    const text_views *v = of(base);
    (void)s;
    if (example < base->count)
        return read_window(v, &v->tokens, example * v->window, out);
    return read_window(v, &v->second, (example - base->count) * v->window, out);
}

static tacit_status random_window(const views *base, uint64_t seed, uint32_t epoch, int64_t example,
                                  uint32_t view, scratch *s, void *out)
{
    const text_views *v = of(base);
    draws d = draws_at(seed, DRAW_AUGMENT, epoch, 0, view);
    if (example >= base->count)
        return plain_window(base, example, s, out);
    const int64_t spare = v->tokens.tokens - (v->length - v->window) - base->count * v->window;
    const int64_t offset = (int64_t)draw_below(&d, (uint64_t)spare + 1);
    return read_window(v, &v->tokens, example * v->window + offset, out);
}

/* Whole windows of the training part, wherever the offset is; of the validation part all that are whole. */
static tacit_status count_windows(text_views *v, int64_t ahead)
{
    const int64_t tokens = v->tokens.tokens, held = v->second.tokens;
    v->base.count = (tokens - ahead - (v->window - 1)) / v->window;
    v->base.held = held > ahead ? (held - ahead) / v->window : 0;
    if (v->base.held == 0 && held > ahead)
        v->base.held = 1;
    if (v->base.count >= 1 && tokens - ahead >= 2 * v->window)
        return TACIT_OK;
    return context_fail(v->context, TACIT_ARGUMENT,
                        "the texts to learn from are %" PRId64
                        " tokens: expected at least two windows of %" PRId64
                        ": set a smaller --window, or give more text",
                        tokens, v->window);
}

/* ---- texts ---- */

static const token_store *store_of(const text_views *v, uint32_t view)
{
    return v->paired && view % 2 ? &v->second : &v->tokens;
}

static tacit_status plain_text(const views *base, int64_t example, scratch *s, void *out)
{
    const text_views *v = of(base);
    const int64_t first = v->tokens.starts[example], count = v->tokens.starts[example + 1] - first;
    const int64_t some = count < v->window ? count : v->window;
    (void)s;
    pad(out, some, v->window);
    return token_store_read(&v->tokens, first, some, out);
}

/* Of `count` tokens those that stay: each with the same chance, but at least one. */
static int64_t drop_some(int32_t *tokens, int64_t count, double share, draws *d)
{
    int64_t kept = 0;
    const int32_t first = count ? tokens[0] : 0;
    for (int64_t i = 0; i < count; i++)
        if ((double)draw_uniform(d) >= share)
            tokens[kept++] = tokens[i];
    if (kept == 0 && count > 0)
        tokens[kept++] = first;
    return kept;
}

static tacit_status random_text(const views *base, uint64_t seed, uint32_t epoch, int64_t example,
                                uint32_t view, scratch *s, void *out)
{
    const text_views *v = of(base);
    const token_store *from = store_of(v, view);
    const int64_t first = from->starts[example], count = from->starts[example + 1] - first;
    draws d = draws_at(seed, DRAW_AUGMENT, epoch, (uint64_t)example, view);
    int64_t some = count < v->window ? count : v->window;
    const int64_t begin = count > some ? (int64_t)draw_below(&d, (uint64_t)(count - some + 1)) : 0;
    (void)s;
    TRY(token_store_read(from, first + begin, some, out));
    if (v->drop > 0.0)
        some = drop_some(out, some, v->drop, &d);
    pad(out, some, v->window);
    return TACIT_OK;
}

/* A bag of words: how often each token is in the text, as log(1 + count), in as many numbers as BAG by a hash
 * of the token, brought to length 1. */
static tacit_status bag(const views *base, int64_t example, scratch *s, float *out)
{
    const text_views *v = of(base);
    const int64_t first = v->tokens.starts[example], count = v->tokens.starts[example + 1] - first;
    int32_t *ids = scratch_get(s, SCRATCH_SPARE, (size_t)count * sizeof *ids);
    if (!ids)
        return TACIT_NOMEM;
    TRY(token_store_read(&v->tokens, first, count, ids));
    memset(out, 0, BAG * sizeof *out);
    for (int64_t i = 0; i < count; i++)
        out[hash_bytes(HASH_START, &ids[i], sizeof *ids) % BAG] += 1.0f;
    float sum = 0;
    for (int i = 0; i < BAG; i++) {
        out[i] = log1pf(out[i]);
        sum += out[i] * out[i];
    }
    for (int i = 0; i < BAG; i++)
        out[i] /= sum > 0.0f ? sqrtf(sum) : 1.0f;
    return TACIT_OK;
}

/* ---- life ---- */

static void destroy(views *base)
{
    text_views *v = (text_views *)base;
    token_store_close(&v->tokens);
    token_store_close(&v->second);
    memory_free(v->context, v);
}

enum { FILE_TRAIN, FILE_VALIDATION, FILE_SECOND };
const char *const text_view_files[] = {"train.tokens", "validation.tokens", "second.tokens", NULL};

static tacit_status fill_store(const dataset *d, const text_view_options *o, int file,
                               token_store_options how, token_store *out)
{
    char *path = o->folder ? path_join(d->context, o->folder, text_view_files[file]) : NULL;
    if (o->folder && !path)
        return TACIT_NOMEM;
    how.path = path;
    const tacit_status status = token_store_create(out, d, o->tokenizer, o->workers, &how);
    memory_free(d->context, path);
    return status;
}

static tacit_status fill_stream(text_views *v, const dataset *d, const text_view_options *o)
{
    token_store_options learnt = {.range = text_range_all(d),
                                  .end = tokenizer_find_special(o->tokenizer, TEXT_END)},
                        held = learnt;
    if (o->validation > 0.0) {
        TRY(text_range_split(d, o->validation, &learnt.range, &held.range));
        TRY(fill_store(d, o, FILE_VALIDATION, held, &v->second));
    }
    TRY(fill_store(d, o, FILE_TRAIN, learnt, &v->tokens));
    return count_windows(v, o->ahead);
}

static tacit_status fill_texts(text_views *v, const dataset *d, const text_view_options *o)
{
    token_store_options how = {.range = text_range_all(d), .end = -1};
    TRY(fill_store(d, o, FILE_TRAIN, how, &v->tokens));
    v->base.count = d->count;
    if (!v->paired)
        return TACIT_OK;
    how.part = TEXT_SECOND;
    return fill_store(d, o, FILE_SECOND, how, &v->second);
}

tacit_status text_views_create(views **out, tacit_context *context, const dataset *d,
                               const text_view_options *o)
{
    const int64_t length = o->window + (o->stream ? o->ahead : 0);
    text_views *v = memory_alloc(context, 1, sizeof *v);
    *out = NULL;
    if (!v)
        return TACIT_NOMEM;
    v->base = (views){.dtype = DTYPE_I32,
                      .shape = shape_1(length),
                      .random = o->stream ? random_window : random_text,
                      .plain = o->stream ? plain_window : plain_text,
                      .raw_width = BAG,
                      .raw = o->stream ? NULL : bag,
                      .destroy = destroy};
    v->context = context;
    v->paired = o->paired && !o->stream;
    v->window = o->window;
    v->length = length;
    v->drop = o->drop;
    const tacit_status status = o->stream ? fill_stream(v, d, o) : fill_texts(v, d, o);
    if (status == TACIT_OK)
        *out = &v->base;
    else
        destroy(&v->base);
    return status;
}
