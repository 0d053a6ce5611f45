/* Cases: operators that move, add, or average whole rows. */
#include "grad/cases.h"

#include "op/op.h"
#include "ref/reference.h"

#include <string.h>

static shape output_btd(const operator_spec *s)
{
    return shape_3(s->b, s->t, s->d);
}

static shape output_bd(const operator_spec *s)
{
    return shape_2(s->b, s->d);
}

static int64_t terms_rows(const operator_spec *s)
{
    return s->b * s->t;
}

/* The first input is (B, T, D), the other one row. */
static shape shape_x_and_row(const operator_spec *s, int i)
{
    return i == 0 ? shape_3(s->b, s->t, s->d) : shape_1(s->d);
}

/* ---- add_rows: table (t, d), or (k, d) with an index ---- */

static int64_t table_rows(const operator_spec *s)
{
    return s->row == &row_add_rows_index ? s->k : s->t;
}

static shape add_rows_shape(const operator_spec *s, int i)
{
    return i == 0 ? shape_3(s->b, s->t, s->d) : shape_2(table_rows(s), s->d);
}

/* Rows repeat and some are never named. */
static void add_rows_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    (void)exclude;
    for (int64_t i = 0; i < s->b * s->t; i++)
        index[i] = (int32_t)((i * i * 3 + i) % s->k);
}

static shape add_rows_index_shape(const operator_spec *s)
{
    return shape_2(s->b, s->t);
}

static void add_rows_forward(problem *p)
{
    const operator_case *c = case_of(p);
    const operator_spec *s = c->spec;
    ref_add_rows(s->b, s->t, s->d, table_rows(s), p->input[0], p->input[1], c->index, p->output);
}

static void add_rows_backward(problem *p)
{
    const operator_case *c = case_of(p);
    const operator_spec *s = c->spec;
    ref_add_rows_backward(s->b, s->t, s->d, table_rows(s), c->index, p->upstream, p->gradient[0],
                          p->gradient[1]);
}

/* The table hears from all examples but the last. */
static void add_rows_mistaken(problem *p)
{
    const operator_case *c = case_of(p);
    const operator_spec *s = c->spec;
    ref_add_rows_backward(s->b - 1, s->t, s->d, table_rows(s), c->index, p->upstream, p->gradient[0],
                          p->gradient[1]);
    memcpy(p->gradient[0], p->upstream, (size_t)p->count[0] * sizeof(double));
}

static value add_rows_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)exclude;
    return op_add_rows(t, in[0], in[1], index);
}

const operator_row row_add_rows = {
    .name = "add_rows",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = add_rows_shape,
    .output_shape = output_btd,
    .forward = add_rows_forward,
    .backward = add_rows_backward,
    .mistaken = add_rows_mistaken,
    .terms = terms_rows,
    .apply = add_rows_apply,
};
const operator_row row_add_rows_index = {
    .name = "add_rows by index",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = add_rows_shape,
    .output_shape = output_btd,
    .forward = add_rows_forward,
    .backward = add_rows_backward,
    .mistaken = add_rows_mistaken,
    .fill = add_rows_fill,
    .index_shape = add_rows_index_shape,
    .terms = terms_rows,
    .apply = add_rows_apply,
};

/* ---- scale: x (b, t, d), gain (d) ---- */

static shape scale_shape(const operator_spec *s, int i)
{
    return i == 0 ? shape_3(s->b, s->t, s->d) : shape_1(s->d);
}

static void scale_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_scale(s->b * s->t, s->d, p->input[0], p->input[1], p->output);
}

static void scale_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_scale_backward(s->b * s->t, s->d, p->input[0], p->input[1], p->upstream, p->gradient[0],
                       p->gradient[1]);
}

/* The gain hears from all rows but the last. */
static void scale_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    const int64_t last = (s->b * s->t - 1) * s->d;
    scale_backward(p);
    for (int64_t i = 0; i < s->d; i++)
        p->gradient[1][i] -= p->upstream[last + i] * p->input[0][last + i];
}

static value scale_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_scale(t, in[0], in[1]);
}

const operator_row row_scale = {
    .name = "scale",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = scale_shape,
    .output_shape = output_btd,
    .forward = scale_forward,
    .backward = scale_backward,
    .mistaken = scale_mistaken,
    .terms = terms_rows,
    .apply = scale_apply,
};

/* ---- prepend ---- */

static shape prepend_output(const operator_spec *s)
{
    return shape_3(s->b, s->t + 1, s->d);
}

static void prepend_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_prepend(s->b, s->t, s->d, p->input[0], p->input[1], p->output);
}

static void prepend_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_prepend_backward(s->b, s->t, s->d, p->upstream, p->gradient[0], p->gradient[1]);
}

/* The token hears from all examples but the last. */
static void prepend_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    prepend_backward(p);
    const double *last = p->upstream + (s->b - 1) * (s->t + 1) * s->d;
    for (int64_t i = 0; i < s->d; i++)
        p->gradient[1][i] -= last[i];
}

static value prepend_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_prepend(t, in[0], in[1]);
}

const operator_row row_prepend = {
    .name = "prepend",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = shape_x_and_row,
    .output_shape = prepend_output,
    .forward = prepend_forward,
    .backward = prepend_backward,
    .mistaken = prepend_mistaken,
    .terms = terms_rows,
    .apply = prepend_apply,
};

/* ---- gather_rows: k tokens of t ---- */

static shape gather_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_3(s->b, s->t, s->d);
}

static shape gather_output(const operator_spec *s)
{
    return shape_3(s->b, s->k, s->d);
}

/* Out of order; some tokens twice when k > t. */
static void gather_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    (void)exclude;
    for (int64_t i = 0; i < s->b * s->k; i++)
        index[i] = (int32_t)((i % s->k * 3 + i / s->k) % s->t);
}

static void gather_forward(problem *p)
{
    const operator_case *c = case_of(p);
    ref_gather_rows(c->spec->b, c->spec->t, c->spec->d, c->spec->k, p->input[0], c->index, p->output);
}

static void gather_backward(problem *p)
{
    const operator_case *c = case_of(p);
    ref_gather_rows_backward(c->spec->b, c->spec->t, c->spec->d, c->spec->k, c->index, p->upstream,
                             p->gradient[0]);
}

/* Every example uses the tokens of the first. */
static void gather_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    memset(p->gradient[0], 0, (size_t)p->count[0] * sizeof(double));
    for (int64_t i = 0; i < s->b * s->k; i++)
        for (int64_t j = 0; j < s->d; j++)
            p->gradient[0][(i / s->k * s->t + case_of(p)->index[i % s->k]) * s->d + j] +=
                p->upstream[i * s->d + j];
}

static value gather_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)exclude;
    return op_gather_rows(t, in[0], index);
}

const operator_row row_gather_rows = {
    .name = "gather_rows",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = gather_shape,
    .output_shape = gather_output,
    .forward = gather_forward,
    .backward = gather_backward,
    .mistaken = gather_mistaken,
    .fill = gather_fill,
    .terms = terms_rows,
    .apply = gather_apply,
};

/* ---- scatter_rows: k tokens into t ---- */

static shape scatter_shape(const operator_spec *s, int i)
{
    return i == 0 ? shape_3(s->b, s->k, s->d) : shape_1(s->d);
}

/* From the back, another start in each example. */
static void scatter_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    (void)exclude;
    for (int64_t i = 0; i < s->b * s->k; i++)
        index[i] = (int32_t)((s->t - 1 - i % s->k + i / s->k) % s->t);
}

static void scatter_forward(problem *p)
{
    const operator_case *c = case_of(p);
    ref_scatter_rows(c->spec->b, c->spec->t, c->spec->d, c->spec->k, p->input[0], c->index, p->input[1],
                     p->output);
}

static void scatter_backward(problem *p)
{
    const operator_case *c = case_of(p);
    ref_scatter_rows_backward(c->spec->b, c->spec->t, c->spec->d, c->spec->k, c->index, p->upstream,
                              p->gradient[0], p->gradient[1]);
}

/* The filled token also hears from the places that were not filled with it. */
static void scatter_mistaken(problem *p)
{
    const int64_t d = case_of(p)->spec->d;
    scatter_backward(p);
    for (int64_t i = 0; i < p->count[0]; i++)
        p->gradient[1][i % d] += p->gradient[0][i];
}

static value scatter_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)exclude;
    return op_scatter_rows(t, in[0], index, in[1], s->t);
}

const operator_row row_scatter_rows = {
    .name = "scatter_rows",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = scatter_shape,
    .output_shape = output_btd,
    .forward = scatter_forward,
    .backward = scatter_backward,
    .mistaken = scatter_mistaken,
    .fill = scatter_fill,
    .terms = terms_rows,
    .apply = scatter_apply,
};

/* ---- mean_tokens from token k ---- */

static void mean_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_mean_tokens(s->b, s->t, s->d, s->k, p->input[0], p->output);
}

static void mean_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_mean_tokens_backward(s->b, s->t, s->d, s->k, p->upstream, p->gradient[0]);
}

/* All tokens, whatever the first is; or, if it is 0, a sum instead of a mean. */
static void mean_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_mean_tokens_backward(s->b, s->t, s->d, 0, p->upstream, p->gradient[0]);
    for (int64_t i = 0; i < p->count[0] && s->k == 0; i++)
        p->gradient[0][i] *= (double)(s->t + 1);
}

static value mean_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_mean_tokens(t, in[0], s->k);
}

const operator_row row_mean_tokens = {
    .name = "mean_tokens",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = gather_shape,
    .output_shape = output_bd,
    .forward = mean_forward,
    .backward = mean_backward,
    .mistaken = mean_mistaken,
    .terms = terms_rows,
    .apply = mean_apply,
};

/* ---- mean_regions: k by k regions of a grid of t by t + 1 behind one token ---- */

static shape regions_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_3(s->b, 1 + s->t * (s->t + 1), s->d);
}

static shape regions_output(const operator_spec *s)
{
    return shape_2(s->b, s->k * s->k * s->d);
}

static void regions_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_mean_regions(s->b, s->t, s->t + 1, s->d, s->k, p->input[0], p->output);
}

static void regions_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_mean_regions_backward(s->b, s->t, s->t + 1, s->d, s->k, p->upstream, p->gradient[0]);
}

/* The sum of a region instead of its mean. */
static void regions_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    const int64_t across = s->t + 1, tokens = 1 + s->t * across;
    for (int64_t i = 0; i < p->count[0]; i++) {
        const int64_t at = i / s->d % tokens - 1;
        const int64_t region = at / across * s->k / s->t * s->k + at % across * s->k / across;
        const int64_t from = (i / (tokens * s->d) * s->k * s->k + region) * s->d + i % s->d;
        p->gradient[0][i] = at < 0 ? 0 : p->upstream[from];
    }
}

static int64_t terms_regions(const operator_spec *s)
{
    return s->t * (s->t + 1);
}

static value regions_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_mean_regions(t, in[0], 1, s->t, s->k);
}

const operator_row row_mean_regions = {
    .name = "mean_regions",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = regions_shape,
    .output_shape = regions_output,
    .forward = regions_forward,
    .backward = regions_backward,
    .mistaken = regions_mistaken,
    .terms = terms_regions,
    .apply = regions_apply,
};

/* ---- take_token k ---- */

static void take_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_take_token(s->b, s->t, s->d, s->k, p->input[0], p->output);
}

static void take_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_take_token_backward(s->b, s->t, s->d, s->k, p->upstream, p->gradient[0]);
}

/* Tokens that were not taken are not cleared. */
static void take_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    for (int64_t i = 0; i < p->count[0]; i++)
        p->gradient[0][i] = p->upstream[i / (s->t * s->d) * s->d + i % s->d];
}

static value take_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_take_token(t, in[0], s->k);
}

const operator_row row_take_token = {
    .name = "take_token",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = gather_shape,
    .output_shape = output_bd,
    .forward = take_forward,
    .backward = take_backward,
    .mistaken = take_mistaken,
    .terms = terms_rows,
    .apply = take_apply,
};

/* ---- patchify: t by t + 1 patches of k by k, d channels ---- */

static shape patchify_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_4(s->b, s->t * s->k, (s->t + 1) * s->k, s->d);
}

static shape patchify_output(const operator_spec *s)
{
    return shape_3(s->b, s->t * (s->t + 1), s->k * s->k * s->d);
}

static void patchify_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_patchify(s->b, s->t * s->k, (s->t + 1) * s->k, s->d, s->k, p->input[0], p->output);
}

static value patchify_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_patchify(t, in[0], s->k);
}

const operator_row row_patchify = {
    .name = "patchify",
    .inputs = 1,
    .differentiable = 0,
    .input_shape = patchify_shape,
    .output_shape = patchify_output,
    .forward = patchify_forward,
    .terms = terms_rows,
    .apply = patchify_apply,
};
