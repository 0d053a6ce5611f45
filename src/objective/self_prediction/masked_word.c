/* masked-word: some tokens of a text are hidden and predicted from all others (Devlin et al. 2019, "BERT:
 * pre-training of deep bidirectional transformers for language understanding", section 3.1). Of the chosen
 * ones 80 in 100 become the mask, the last token of the vocabulary, 10 another token, and 10 stay. */
#include "objective/self_prediction/masked_word.h"

#include "base/philox.h"
#include "op/op.h"

#include <string.h>

typedef struct masked_word {
    double share; /* of the tokens that is predicted */
} masked_word;

static const setting masked_word_settings[] = {
    {"mask-words", SETTING_NUMBER, 0.01, 0.9, NULL, "0.15", "", "share of the tokens that is predicted",
     "masked-word"},
};

static const default_value masked_word_defaults[] = {
    {"optimizer", "adamw"}, {"beta2", "0.98"}, {"weight-decay", "0.01"},
    {"base-lr", "0.004"},   {"clip", "1"},     {NULL, NULL}};

/* How many of a window's tokens are predicted: at least one. */
static int64_t masked_word_asked(const method *m, int64_t tokens)
{
    const int64_t asked = (int64_t)(((const masked_word *)m->state)->share * (double)tokens + 0.5);
    return asked < 1 && tokens > 0 ? 1 : asked;
}

/* The first `chosen` of all places are drawn one after the other from the first `count` (the beginning of a
 * shuffle). */
static void choose_places(int32_t *order, int64_t all, int64_t count, int64_t chosen, draws *d)
{
    for (int64_t i = 0; i < all; i++)
        order[i] = (int32_t)i;
    for (int64_t i = 0; i < chosen; i++) {
        const int64_t other = i + (int64_t)draw_below(d, (uint64_t)(count - i));
        const int32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

static int32_t disguise(int32_t id, int64_t vocabulary, draws *d)
{
    const uint64_t tenth = draw_below(d, 10);
    if (tenth < 8)
        return (int32_t)(vocabulary - 1);
    return tenth == 8 ? (int32_t)draw_below(d, (uint64_t)(vocabulary - 1)) : id;
}

/* One example: of a text shorter than the window less is asked for. Returns how long it is. */
static int32_t hide(const method *m, const lane *l, int64_t i, int32_t *order, int32_t *read, int32_t *places,
                    int32_t *asked)
{
    const int64_t window = m->encoder->tokens, most = masked_word_asked(m, window);
    int32_t length = 0;
    while (length < window && read[length] >= 0)
        length++;
    const int64_t chosen = masked_word_asked(m, length);
    draws d = draws_at(l->seed, DRAW_MASK, l->epoch, (uint64_t)l->examples[i], 0);
    choose_places(order, window, length, chosen, &d);
    for (int64_t k = 0; k < most; k++) {
        places[k] = order[k];
        asked[k] = k < chosen ? read[order[k]] : -1;
        if (k < chosen)
            read[order[k]] = disguise(asked[k], m->encoder->settings.vocabulary, &d);
    }
    return length;
}

hidden_words masked_word_hide(const method *m, tape *t, const lane *l)
{
    const int64_t window = m->encoder->tokens, chosen = masked_word_asked(m, window);
    const hidden_words out = {.read = tape_output(t, DTYPE_I32, shape_2(l->count, window)),
                              .lengths = tape_output(t, DTYPE_I32, shape_1(l->count)),
                              .places = tape_output(t, DTYPE_I32, shape_2(l->count, chosen)),
                              .asked = tape_output(t, DTYPE_I32, shape_1(l->count * chosen))};
    int32_t *order = tape_take(t, (size_t)window * sizeof *order);
    if (!order || !out.read.id || !out.lengths.id || !out.places.id || !out.asked.id)
        return out;
    int32_t *read = tape_tensor(t, out.read)->data, *places = tape_tensor(t, out.places)->data;
    int32_t *asked = tape_tensor(t, out.asked)->data, *lengths = tape_tensor(t, out.lengths)->data;
    memcpy(read, tape_tensor(t, l->views)->data, (size_t)(l->count * window) * sizeof *read);
    for (int64_t i = 0; i < l->count; i++)
        lengths[i] = hide(m, l, i, order, read + i * window, places + i * chosen, asked + i * chosen);
    tape_give(t, order, (size_t)window * sizeof *order);
    return out;
}

value masked_word_loss(const method *m, tape *t, const hidden_words *h)
{
    const encoder *e = m->encoder;
    const value x = e->encode_words(e, t, h->read, h->lengths); /* (B, T, D) */
    const value asked = op_gather_rows(t, x, h->places);        /* (B, K, D) */
    const tensor *targets = tape_tensor(t, h->asked);
    if (!targets)
        return (value){0};
    const shape flat = shape_2(shape_count(targets->shape), e->width);
    return op_cross_entropy(t, op_reshape(t, asked, flat), e->words, h->asked, (value){0}, 1.0f);
}

static value masked_word_lane(const method *m, tape *t, const lane *l)
{
    const hidden_words h = masked_word_hide(m, t, l);
    return masked_word_loss(m, t, &h);
}

static void masked_word_destroy(method *m)
{
    memory_free(m->context, m->state);
    m->state = NULL;
}

static tacit_status masked_word_create(method *m, parameters *p, const settings *s)
{
    (void)p;
    if (!m->encoder->encode_words || m->encoder->kind->causal)
        return context_fail(
            m->context, TACIT_ARGUMENT,
            "masked-word: in %s a token does not see those behind it: use bert-nano, bert-micro or "
            "bert-small",
            m->encoder->kind->name);
    masked_word *state = m->state = memory_alloc(m->context, 1, sizeof *state);
    if (!state)
        return TACIT_NOMEM;
    state->share = settings_number(s, "mask-words");
    return TACIT_OK;
}

const objective objective_masked_word = {
    .name = "masked-word",
    .family = SELF_PREDICTION,
    .summary = "predict hidden words of a text from all others (Devlin et al. 2019)",
    .views = 1,
    .stream = true,
    .asked = masked_word_asked,
    .settings = masked_word_settings,
    .setting_count = sizeof masked_word_settings / sizeof *masked_word_settings,
    .defaults = masked_word_defaults,
    .create = masked_word_create,
    .destroy = masked_word_destroy,
    .lane = masked_word_lane,
};
