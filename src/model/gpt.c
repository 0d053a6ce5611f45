/* Transformers for texts: gpt-* as GPT-2 has it (Radford et al. 2019, "Language models are unsupervised
 * multitask learners": norms before the parts, GELU by tanh, a token sees those before it), and bert-*, the
 * same without that: every token sees every other. */
#include "model/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const float deviation = 0.02f; /* of first weights (GPT-2) */

static value gpt_encode_words(const encoder *e, tape *t, value ids, value lengths)
{
    const gpt *m = (const gpt *)e;
    block_style style = m->style;
    style.lengths = lengths;
    value x = op_embed_rows(t, ids, e->words); /* (B, T, D) */
    if (m->positions.id)
        x = op_add_rows(t, x, m->positions, (value){0});
    x = op_dropout(t, x, style.dropout);
    for (int i = 0; i < e->kind->depth; i++)
        x = block_apply(t, &m->blocks[i], x, &style);
    return norm_apply_eps(t, &m->norm, x, style.epsilon); /* (B, T, D) */
}

/* The first `window` ids of each row, and how many of them are tokens: (B, T), (B) i32. */
typedef struct cut_rows {
    value ids, lengths;
} cut_rows;

static cut_rows cut(const gpt *m, tape *t, value ids)
{
    const tensor *from = tape_tensor(t, ids);
    if (!from)
        return (cut_rows){{0}, {0}};
    const int64_t rows = from->shape.size[0], given = from->shape.size[1];
    const int64_t window = given < m->base.tokens ? given : m->base.tokens;
    const cut_rows out = {tape_output(t, DTYPE_I32, shape_2(rows, window)),
                          tape_output(t, DTYPE_I32, shape_1(rows))};
    if (!out.ids.id || !out.lengths.id)
        return out;
    int32_t *to = tape_tensor(t, out.ids)->data, *lengths = tape_tensor(t, out.lengths)->data;
    for (int64_t b = 0; b < rows; b++, to += window) {
        memcpy(to, (const int32_t *)tape_tensor(t, ids)->data + b * given, (size_t)window * sizeof *to);
        int32_t length = 0;
        while (length < window && to[length] >= 0)
            length++;
        lengths[b] = length;
    }
    return out;
}

static value gpt_embed(const encoder *e, tape *t, value ids)
{
    const cut_rows rows = cut((const gpt *)e, t, ids);
    const value x = gpt_encode_words(e, t, rows.ids, rows.lengths); /* (B, T, D) */
    return op_mean_valid(t, x, rows.lengths);                       /* (B, D) */
}

static void gpt_destroy(encoder *e)
{
    if (!e)
        return;
    memory_free(e->context, ((gpt *)e)->blocks);
    memory_free(e->context, e);
}

static tacit_status check_settings(tacit_context *context, const encoder_kind *kind,
                                   const encoder_settings *s)
{
    if (s->readout != READOUT_MEAN)
        return context_fail(context, TACIT_ARGUMENT, "%s: the readout of a text is the mean of its tokens",
                            kind->name);
    if (s->share != 1.0)
        return context_fail(context, TACIT_ARGUMENT, "%s has one width: --width %g is for resnets",
                            kind->name, s->share);
    if (s->positions == POSITIONS_SINCOS)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s: --positions sincos is for pictures: expected learned or rotary", kind->name);
    if (s->layer_scale != 0.0f)
        return context_fail(context, TACIT_ARGUMENT, "%s: --layer-scale is for encoders of pictures",
                            kind->name);
    if (s->vocabulary < 1 || s->window < 1)
        return context_fail(context, TACIT_ARGUMENT, "%s: %lld tokens, windows of %lld", kind->name,
                            (long long)s->vocabulary, (long long)s->window);
    return TACIT_OK;
}

/* The layers whose results are added up are as much smaller as there are of them. */
static void declare_blocks(gpt *m, parameters *p)
{
    const encoder_kind *kind = m->base.kind;
    const float small = deviation / sqrtf(2.0f * (float)kind->depth);
    for (int i = 0; i < kind->depth; i++) {
        char prefix[PARAMETER_NAME];
        p->layer++;
        snprintf(prefix, sizeof prefix, "encoder.blocks.%d", i);
        block *b = &m->blocks[i];
        *b = block_declare(p, prefix, kind->width, kind->heads);
        parameters_start_normal(p, b->qkv.wei, deviation);
        parameters_start_normal(p, b->expand.wei, deviation);
        parameters_start_normal(p, b->projection.wei, small);
        parameters_start_normal(p, b->contract.wei, small);
    }
}

static void declare_all(gpt *m, parameters *p)
{
    const encoder_settings *s = &m->base.settings;
    const int64_t width = m->base.width;
    m->base.words =
        parameters_add(p, "encoder.words.weight", shape_2(s->vocabulary, width), INIT_NORMAL, deviation);
    if (s->positions != POSITIONS_ROTARY)
        m->positions =
            parameters_add(p, "encoder.positions.weight", shape_2(s->window, width), INIT_NORMAL, deviation);
    declare_blocks(m, p);
    m->norm = norm_declare(p, "encoder.norm", width);
}

static tacit_status gpt_create(encoder **out, parameters *p, const encoder_kind *kind,
                               const encoder_settings *s)
{
    *out = NULL;
    TRY(check_settings(p->context, kind, s));
    gpt *m = memory_alloc(p->context, 1, sizeof *m);
    if (!m)
        return TACIT_NOMEM;
    m->base = (encoder){.context = p->context,
                        .kind = kind,
                        .settings = *s,
                        .width = kind->width,
                        .tokens = s->window,
                        .embed = gpt_embed,
                        .encode_words = gpt_encode_words,
                        .destroy = gpt_destroy};
    m->style = (block_style){.masked = true,
                             .causal = kind->causal,
                             .rotary = s->positions == POSITIONS_ROTARY,
                             .dropout = s->dropout,
                             .tanh = true,
                             .epsilon = s->epsilon > 0.0f ? s->epsilon : norm_epsilon_of_texts};
    m->blocks = memory_alloc(p->context, (size_t)kind->depth, sizeof *m->blocks);
    if (!m->blocks) {
        gpt_destroy(&m->base);
        return TACIT_NOMEM;
    }
    declare_all(m, p);
    *out = &m->base;
    return TACIT_OK;
}

#define WORDS(of_name, sees, text, of_width, of_depth, of_heads)                                             \
    {                                                                                                        \
        .name = of_name, .summary = text, .width = of_width, .depth = of_depth, .heads = of_heads,           \
        .words = true, .causal = sees, .create = gpt_create                                                  \
    }

const encoder_kind gpt_nano =
    WORDS("gpt-nano", true, "transformer for texts, 128 wide, 4 blocks, 4 heads", 128, 4, 4);
const encoder_kind gpt_micro =
    WORDS("gpt-micro", true, "transformer for texts, 384 wide, 6 blocks, 6 heads", 384, 6, 6);
const encoder_kind gpt_small =
    WORDS("gpt-small", true, "transformer for texts, 768 wide, 12 blocks, 12 heads (GPT-2's)", 768, 12, 12);
const encoder_kind bert_nano =
    WORDS("bert-nano", false, "gpt-nano in which every token sees every other", 128, 4, 4);
const encoder_kind bert_micro =
    WORDS("bert-micro", false, "gpt-micro in which every token sees every other", 384, 6, 6);
const encoder_kind bert_small =
    WORDS("bert-small", false, "gpt-small in which every token sees every other", 768, 12, 12);
