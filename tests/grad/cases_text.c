/* Cases: operators of models of text. */
#include "grad/cases.h"

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
