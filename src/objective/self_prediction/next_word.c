/* next-word: each token of a text is predicted from those before it (Radford et al. 2019, "Language models
 * are unsupervised multitask learners"). The loss is the mean of -log of the true token's share, in nats; the
 * table of tokens serves to read and to predict (Press and Wolf 2017). */
#include "objective/objective.h"
#include "op/op.h"

static const default_value next_word_defaults[] = {{"optimizer", "adamw"},
                                                   {"beta2", "0.99"},
                                                   {"weight-decay", "0.1"},
                                                   {"base-lr", "0.004"},
                                                   {"last-lr", "0.0001"},
                                                   {"clip", "1"},
                                                   {NULL, NULL}};

/* Tokens `from` .. from + count - 1 of each row of ids (B, T): (B, count). */
static value columns(tape *t, value ids, int64_t from, int64_t count)
{
    const tensor *x = tape_tensor(t, ids);
    if (!x)
        return (value){0};
    const int64_t rows = x->shape.size[0], length = x->shape.size[1];
    const int32_t *numbers = x->data;
    const value out = tape_output(t, DTYPE_I32, shape_2(rows, count));
    int32_t *to = out.id ? tape_tensor(t, out)->data : NULL;
    for (int64_t b = 0; to && b < rows; b++)
        for (int64_t i = 0; i < count; i++)
            *to++ = numbers[b * length + from + i];
    return out;
}

static value next_word_lane(const method *m, tape *t, const lane *l)
{
    const encoder *e = m->encoder;
    const int64_t window = e->tokens;
    const value read = columns(t, l->views, 0, window);      /* (B, T) */
    const value next = columns(t, l->views, 1, window);      /* (B, T) */
    const value x = e->encode_words(e, t, read, (value){0}); /* (B, T, D) */
    const value rows = op_reshape(t, x, shape_2(l->count * window, e->width));
    const value target = op_reshape(t, next, shape_1(l->count * window));
    return op_cross_entropy(t, rows, e->words, target, (value){0}, 1.0f);
}

/* All but the first. */
static int64_t next_word_asked(const method *m, int64_t tokens)
{
    (void)m;
    return tokens > 0 ? tokens - 1 : 0;
}

static void next_word_destroy(method *m)
{
    (void)m;
}

static tacit_status next_word_create(method *m, parameters *p, const settings *s)
{
    (void)p;
    (void)s;
    if (m->encoder->kind->causal)
        return TACIT_OK;
    return context_fail(
        m->context, TACIT_ARGUMENT,
        "next-word: in %s a token sees what is to be predicted: use gpt-nano, gpt-micro or gpt-small",
        m->encoder->kind->name);
}

const objective objective_next_word = {
    .name = "next-word",
    .family = SELF_PREDICTION,
    .summary = "predict each word of a text from those before it (Radford et al. 2019)",
    .views = 1,
    .stream = true,
    .ahead = 1,
    .asked = next_word_asked,
    .defaults = next_word_defaults,
    .create = next_word_create,
    .destroy = next_word_destroy,
    .lane = next_word_lane,
};
