/* Cases: operators of models of text. */
#include "grad/cases.h"

#include "base/philox.h"
#include "op/op.h"
#include "ref/reference.h"

#include <stdlib.h>
#include <string.h>

static shape output_btd(const operator_spec *s)
{
    return shape_3(s->b, s->t, s->d);
}

static int64_t terms_rows(const operator_spec *s)
{
    return s->b * s->t;
}

/* ---- embed_rows: table (k, d) ---- */

static shape embed_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_2(s->k, s->d);
}

static shape embed_index_shape(const operator_spec *s)
{
    return shape_2(s->b, s->t);
}

/* Rows repeat, some are never named, and some tokens are padding. */
static void embed_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    (void)exclude;
    for (int64_t i = 0; i < s->b * s->t; i++)
        index[i] = i % 5 == 1 ? -1 : (int32_t)((i * i * 3 + i) % s->k);
}

static void embed_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_embed_rows(s->b, s->t, s->d, p->input[0], case_of(p)->index, p->output);
}

static void embed_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_embed_rows_backward(s->b, s->t, s->d, s->k, case_of(p)->index, p->upstream, p->gradient[0]);
}

/* Padding sends its gradient to the first row. */
static void embed_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    embed_backward(p);
    for (int64_t i = 0; i < p->output_count; i++)
        if (case_of(p)->index[i / s->d] == -1)
            p->gradient[0][i % s->d] += p->upstream[i];
}

static value embed_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)exclude;
    return op_embed_rows(t, index, in[0]);
}

const operator_row row_embed_rows = {
    .name = "embed_rows",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = embed_shape,
    .output_shape = output_btd,
    .forward = embed_forward,
    .backward = embed_backward,
    .mistaken = embed_mistaken,
    .fill = embed_fill,
    .index_shape = embed_index_shape,
    .terms = terms_rows,
    .apply = embed_apply,
};

/* ---- attention_masked: qkv (b, t, 3 d), k heads ---- */

static shape masked_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_3(s->b, s->t, 3 * s->d);
}

/* Two chained sums: over the numbers of a head for a logit, over the tokens for the output. */
static int64_t masked_terms(const operator_spec *s)
{
    return s->t * 2 + s->d / s->k * 2;
}

static shape lengths_shape(const operator_spec *s)
{
    return shape_1(s->b);
}

/* Whole, empty, and others. */
static void lengths_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    (void)exclude;
    for (int64_t i = 0; i < s->b; i++)
        index[i] = (int32_t)(i == 0 ? s->t : i == 1 ? 0 : (i * s->t + i) / (s->b + 1));
}

static ref_masks masks_of(const problem *p)
{
    const operator_row *row = case_of(p)->spec->row;
    const bool causal = row == &row_attention_causal || row == &row_attention_causal_lengths;
    return (ref_masks){causal, case_of(p)->index};
}

static void masked_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    const ref_masks masks = masks_of(p);
    ref_attention_masked(s->b, s->t, s->d, s->k, &masks, p->input[0], p->output);
}

static void masked_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    const ref_masks masks = masks_of(p);
    ref_attention_masked_backward(s->b, s->t, s->d, s->k, &masks, p->input[0], p->upstream, p->gradient[0]);
}

/* Backward knows nothing of the masks; without any, nothing flows back to the keys. */
static void masked_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    const ref_masks none = {false, NULL};
    ref_attention_masked_backward(s->b, s->t, s->d, s->k, &none, p->input[0], p->upstream, p->gradient[0]);
    for (int64_t i = 0; s->row == &row_attention_all && i < p->count[0]; i++)
        if (i / s->d % 3 == 1)
            p->gradient[0][i] = 0;
}

static value masked_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)exclude;
    const bool causal = s->row == &row_attention_causal || s->row == &row_attention_causal_lengths;
    return op_attention_masked(t, in[0], (int)s->k, causal, index);
}

#define MASKED_ROW(text, lengths, lengths_of)                                                                \
    {                                                                                                        \
        .name = text, .inputs = 1, .differentiable = 1, .input_shape = masked_shape,                         \
        .output_shape = output_btd, .forward = masked_forward, .backward = masked_backward,                  \
        .mistaken = masked_mistaken, .fill = lengths, .index_shape = lengths_of, .terms = masked_terms,      \
        .apply = masked_apply,                                                                               \
    }
const operator_row row_attention_all = MASKED_ROW("attention without a mask", NULL, NULL);
const operator_row row_attention_causal = MASKED_ROW("causal attention", NULL, NULL);
const operator_row row_attention_lengths = MASKED_ROW("attention with lengths", lengths_fill, lengths_shape);
const operator_row row_attention_causal_lengths =
    MASKED_ROW("causal attention with lengths", lengths_fill, lengths_shape);

/* ---- mean_valid, take_last ---- */

static shape tokens_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_3(s->b, s->t, s->d);
}

static shape output_bd(const operator_spec *s)
{
    return shape_2(s->b, s->d);
}

static bool takes_last(const problem *p)
{
    return case_of(p)->spec->row == &row_take_last;
}

static void valid_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    if (takes_last(p))
        ref_take_last(s->b, s->t, s->d, case_of(p)->index, p->input[0], p->output);
    else
        ref_mean_valid(s->b, s->t, s->d, case_of(p)->index, p->input[0], p->output);
}

static void valid_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    if (takes_last(p))
        ref_take_last_backward(s->b, s->t, s->d, case_of(p)->index, p->upstream, p->gradient[0]);
    else
        ref_mean_valid_backward(s->b, s->t, s->d, case_of(p)->index, p->upstream, p->gradient[0]);
}

/* Every example is taken for one without padding. */
static void valid_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    for (int64_t i = 0; i < p->count[0]; i++) {
        const double dy = p->upstream[i / (s->t * s->d) * s->d + i % s->d];
        const bool last = i / s->d % s->t == s->t - 1;
        p->gradient[0][i] = !takes_last(p) ? dy / (double)s->t : last ? dy : 0;
    }
}

static value valid_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)exclude;
    return s->row == &row_take_last ? op_take_last(t, in[0], index) : op_mean_valid(t, in[0], index);
}

#define VALID_ROW(text)                                                                                      \
    {                                                                                                        \
        .name = text, .inputs = 1, .differentiable = 1, .input_shape = tokens_shape,                         \
        .output_shape = output_bd, .forward = valid_forward, .backward = valid_backward,                     \
        .mistaken = valid_mistaken, .fill = lengths_fill, .index_shape = lengths_shape, .terms = terms_rows, \
        .apply = valid_apply,                                                                                \
    }
const operator_row row_mean_valid = VALID_ROW("mean_valid");
const operator_row row_take_last = VALID_ROW("take_last");

/* ---- dropout: b rows of t d numbers, k views of each example ---- */

enum { DROPOUT_MOST = 6 * 17 * 40 };

static const int64_t dropout_examples[] = {7, 3, INT64_C(1) << 35, 0, 12, 5};

static tape_noise noise_of(const operator_spec *s)
{
    return (tape_noise){.seed = UINT64_C(0x1234567890),
                        .epoch = 3,
                        .examples = dropout_examples,
                        .count = s->b / s->k,
                        .views = s->k};
}

/* 0 or 1 / (1 - rate), from the blocks of numbers that the operator promises to draw. */
static const double *dropout_factors(const operator_spec *s)
{
    static double factors[DROPOUT_MOST];
    const tape_noise n = noise_of(s);
    const int64_t row = s->t * s->d;
    for (int64_t i = 0; i < s->b * row; i++) {
        const int64_t view = i / row, at = i % row, half = at / 64 % 2, word = at / 16 % 4;
        draws d = draws_at(n.seed, DRAW_DROPOUT, n.epoch, (uint64_t)n.examples[view / s->k],
                           (uint32_t)(view % s->k));
        d.counter[0] = (uint32_t)(at / 128 * 16 + at % 16);
        philox4x32(d.counter, d.key, d.block);
        const uint32_t drawn = d.block[word] >> 16 * half & 0xFFFF;
        factors[i] = drawn < 65536 / 4 ? 0 : 1 / 0.75;
    }
    return factors;
}

static void dropout_forward(problem *p)
{
    ref_dropout(p->output_count, p->input[0], dropout_factors(case_of(p)->spec), p->output);
}

static void dropout_backward(problem *p)
{
    ref_dropout_backward(p->output_count, dropout_factors(case_of(p)->spec), p->upstream, p->gradient[0]);
}

/* The mask is forgotten. */
static void dropout_mistaken(problem *p)
{
    memcpy(p->gradient[0], p->upstream, (size_t)p->output_count * sizeof *p->upstream);
}

static value dropout_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    const tape_noise n = noise_of(s);
    tape_set_noise(t, &n);
    const value y = op_dropout(t, in[0], 0.25f);
    tape_set_noise(t, NULL);
    return y;
}

static int64_t terms_one(const operator_spec *s)
{
    (void)s;
    return 1;
}

const operator_row row_dropout = {
    .name = "dropout",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = tokens_shape,
    .output_shape = output_btd,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .mistaken = dropout_mistaken,
    .terms = terms_one,
    .apply = dropout_apply,
    .only_training = true,
};

/* ---- rotary: qkv (b, t, 3 d), k heads ---- */

static shape rotary_output(const operator_spec *s)
{
    return shape_3(s->b, s->t, 3 * s->d);
}

static ref_rotary_shape rotary_of(const problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    return (ref_rotary_shape){s->b, s->t, s->d, s->k, 1000};
}

static void rotary_forward(problem *p)
{
    const ref_rotary_shape s = rotary_of(p);
    ref_rotary(&s, p->input[0], p->output);
}

static void rotary_backward(problem *p)
{
    const ref_rotary_shape s = rotary_of(p);
    ref_rotary_backward(&s, p->upstream, p->gradient[0]);
}

/* Turned on instead of back. */
static void rotary_mistaken(problem *p)
{
    const ref_rotary_shape s = rotary_of(p);
    ref_rotary(&s, p->upstream, p->gradient[0]);
}

static value rotary_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_rotary(t, in[0], (int)s->k, 1000.0f);
}

const operator_row row_rotary = {
    .name = "rotary",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = masked_shape,
    .output_shape = rotary_output,
    .forward = rotary_forward,
    .backward = rotary_backward,
    .mistaken = rotary_mistaken,
    .terms = terms_one,
    .apply = rotary_apply,
};
