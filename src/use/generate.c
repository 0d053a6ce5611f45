#include "use/generate.h"

#include "base/utf8.h"
#include "model/gpt.h"
#include "use/sampling.h"

#include <math.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

typedef struct writer {
    tacit_context *context;
    const learner *learner;
    const tokenizer *tokenizer;
    const tacit_generate_options *options;
    gpt_stepper *stepper;
    tokenizer_scratch *scratch;
    token_list tokens; /* prompt and what came, as far as the window may need it again */
    byte_list text;    /* that is not told yet */
    float *logits;     /* (vocabulary) */
    candidate *space;  /* (vocabulary) */
    int64_t sample, vocabulary, window;
    tacit_text_function hear;
    void *user;
} writer;

/* ---- telling ---- */

/* Bytes among the first `size` that are whole characters, and *wrong: whether the one behind them is none and
 * will not become one. It may go on behind `size`. */
static size_t whole_characters(const byte_list *text, size_t size, bool *wrong)
{
    size_t good;
    uint32_t code;
    *wrong = false;
    if (utf8_check(text->data, size, &good))
        return size;
    if (!utf8_decode(text->data + good, text->size - good, &code))
        *wrong = text->size - good >= UTF8_MOST; /* bytes enough for any character to be whole */
    return good;
}

static void drop(byte_list *text, size_t size)
{
    memmove(text->data, text->data + size, text->size - size);
    text->size -= size;
}

/* Tells the first `size` bytes, as far as they are whole characters; at the end, what can not be completed as
 * U+FFFD. */
static void tell(writer *w, size_t size, bool end)
{
    while (size > 0) {
        bool wrong;
        size_t good = whole_characters(&w->text, size, &wrong);
        if (good > 0)
            w->hear(w->user, (const char *)w->text.data, good);
        if (wrong || (end && good < size)) {
            w->hear(w->user, replacement, sizeof replacement - 1);
            good++;
        }
        if (good == 0)
            return;
        drop(&w->text, good);
        size -= good;
    }
}

/* Where the text to stop at begins; the size of the text when it is not there. */
static size_t find_stop(const writer *w)
{
    const char *stop = w->options->stop;
    const size_t length = stop ? strlen(stop) : 0;
    const void *found = length ? memmem(w->text.data, w->text.size, stop, length) : NULL;
    return found ? (size_t)((const uint8_t *)found - w->text.data) : w->text.size;
}

/* What came since, except what might be the beginning of the text to stop at. Whether that is there. */
static bool tell_new(writer *w)
{
    const size_t size = w->text.size, at = find_stop(w);
    const size_t held = w->options->stop && *w->options->stop ? strlen(w->options->stop) - 1 : 0;
    if (at < size)
        tell(w, at, true);
    else if (size > held)
        tell(w, size - held, false);
    return at < size;
}

/* ---- one word after the other ---- */

/* Reads tokens again from `first` on; logits are those of the last. */
static void read_again(writer *w, size_t first)
{
    gpt_stepper_clear(w->stepper);
    gpt_stepper_read(w->stepper, w->tokens.ids + first, (int64_t)(w->tokens.count - first), w->logits);
}

/* Tokens that stand for no text, except the end of one, and rows of the table that are no tokens. */
static void forbid(const writer *w, int32_t end)
{
    const int64_t known = tokenizer_size(w->tokenizer);
    for (int64_t i = 0; i < w->vocabulary; i++)
        if (i >= known || (i != end && tokenizer_is_special(w->tokenizer, i)))
            w->logits[i] = -INFINITY;
}

static int32_t choose(writer *w, int64_t place, int32_t end)
{
    const tacit_generate_options *o = w->options;
    const size_t seen = (size_t)gpt_stepper_length(w->stepper);
    draws d = draws_at(o->seed, DRAW_WORDS, (uint32_t)place, (uint64_t)w->sample, 0);
    sampling_penalise(w->logits, w->tokens.ids + w->tokens.count - seen, (int64_t)seen, o->repetition);
    forbid(w, end);
    return sampling_draw(w->logits, w->vocabulary, o, &d, w->space);
}

/* The token `id` comes next: its bytes are new text, and it is read. */
static tacit_status take(writer *w, int32_t id)
{
    void *array = w->tokens.ids;
    TRY(tokenizer_decode(w->tokenizer, &id, 1, false, &w->text));
    TRY(memory_reserve(w->context, &array, &w->tokens.capacity, w->tokens.count + 1, sizeof id));
    w->tokens.ids = array;
    w->tokens.ids[w->tokens.count++] = id;
    if (gpt_stepper_length(w->stepper) == w->window)
        read_again(w, w->tokens.count - (size_t)(w->window - w->window / 2));
    else
        gpt_stepper_read(w->stepper, &id, 1, w->logits);
    return TACIT_OK;
}

static tacit_status write_words(writer *w, generation *out)
{
    const int32_t end = tokenizer_find_special(w->tokenizer, "<|endoftext|>");
    while (out->tokens < w->options->tokens && !out->ended) {
        if (w->context->cancelled)
            return context_fail(w->context, TACIT_CANCELLED, "stopped on request after %lld tokens",
                                (long long)out->tokens);
        const int32_t id = choose(w, out->tokens, end);
        if (id == end) {
            out->ended = true;
            break;
        }
        TRY(take(w, id));
        out->tokens++;
        out->ended = tell_new(w);
        if (out->ended)
            w->text.size = 0;
    }
    tell(w, w->text.size, true);
    return TACIT_OK;
}

/* ---- life ---- */

static tacit_status read_prompt(writer *w, const void *prompt, size_t size, generation *out)
{
    TRY(tokenizer_encode(w->scratch, prompt, size, false, &w->tokens));
    out->prompt = (int64_t)w->tokens.count;
    if (w->tokens.count == 0) {
        w->tokens.ids = memory_alloc(w->context, 1, sizeof *w->tokens.ids);
        if (!w->tokens.ids)
            return TACIT_NOMEM;
        w->tokens.capacity = w->tokens.count = 1;
        w->tokens.ids[0] = tokenizer_find_special(w->tokenizer, "<|endoftext|>");
    }
    out->cut = (int64_t)w->tokens.count > w->window ? (int64_t)w->tokens.count - w->window : 0;
    read_again(w, (size_t)out->cut);
    return TACIT_OK;
}

static tacit_status create(writer *w, work *workers)
{
    TRY(gpt_stepper_create(&w->stepper, w->learner->encoder, &w->learner->parameters, workers->team));
    TRY(tokenizer_scratch_create(&w->scratch, w->tokenizer));
    w->logits = memory_alloc(w->context, (size_t)w->vocabulary, sizeof *w->logits);
    w->space = memory_alloc(w->context, (size_t)w->vocabulary, sizeof *w->space);
    return w->logits && w->space ? TACIT_OK : TACIT_NOMEM;
}

static tacit_status check(tacit_context *context, const learner *l, const tacit_generate_options *o)
{
    if (!l->method.objective->ahead)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s does not predict the next word: texts are written by models of next-word",
                            l->method.objective->name);
    if (o->tokens < 0 || !(o->temperature >= 0.0 && o->temperature <= 100.0) || o->top_k < 0 ||
        !(o->top_p > 0.0 && o->top_p <= 1.0) || !(o->repetition >= 0.1 && o->repetition <= 10.0))
        return context_fail(
            context, TACIT_ARGUMENT,
            "generate: %lld tokens, temperature %g, the %lld likeliest, %g of them, repetition %g: "
            "expected 0 or more, 0 to 100, 0 or more, above 0 to 1, 0.1 to 10",
            (long long)o->tokens, o->temperature, (long long)o->top_k, o->top_p, o->repetition);
    return TACIT_OK;
}

tacit_status generate_run(const learner *l, work *w, const tokenizer *t, const void *prompt, size_t size,
                          const tacit_generate_options *options, int64_t sample, tacit_text_function hear,
                          void *user, generation *out)
{
    tacit_context *context = w->context;
    *out = (generation){.ended = false};
    TRY(check(context, l, options));
    writer own = {.context = context,
                  .learner = l,
                  .tokenizer = t,
                  .options = options,
                  .tokens = {.context = context},
                  .text = {.context = context},
                  .sample = sample,
                  .vocabulary = l->encoder->settings.vocabulary,
                  .window = l->encoder->tokens,
                  .hear = hear,
                  .user = user};
    tacit_status status = create(&own, w);
    if (status == TACIT_OK)
        status = read_prompt(&own, prompt, size, out);
    if (status == TACIT_OK)
        status = write_words(&own, out);
    gpt_stepper_destroy(own.stepper);
    tokenizer_scratch_destroy(own.scratch);
    memory_free(context, own.tokens.ids);
    memory_free(context, own.text.data);
    memory_free(context, own.logits);
    memory_free(context, own.space);
    return status;
}
