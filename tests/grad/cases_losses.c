/* Cases: the losses. */
#include "grad/cases.h"

#include "op/op.h"
#include "ref/reference.h"

#include <stdlib.h>
#include <string.h>

static shape output_one(const operator_spec *s)
{
    (void)s;
    return shape_1(1);
}

/* ---- mean_square_error ---- */

static shape mse_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_3(s->b, s->t, s->d);
}

static int64_t mse_terms(const operator_spec *s)
{
    return s->b * s->t * s->d;
}

static void mse_forward(problem *p)
{
    p->output[0] = ref_mean_square_error(p->count[0], p->input[0], p->input[1]);
}

static void mse_backward(problem *p)
{
    ref_mean_square_error_backward(p->count[0], p->input[0], p->input[1], p->upstream[0], p->gradient[0]);
}

/* The target has become its own gradient's prediction: the factor 2 is missing. */
static void mse_mistaken(problem *p)
{
    ref_mean_square_error_backward(p->count[0], p->input[0], p->input[1], p->upstream[0] / 2, p->gradient[0]);
}

static value mse_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_mean_square_error(t, in[0], in[1]);
}

const operator_row row_mean_square_error = {
    .name = "mean_square_error",
    .inputs = 2,
    .differentiable = 1,
    .input_shape = mse_shape,
    .output_shape = output_one,
    .forward = mse_forward,
    .backward = mse_backward,
    .mistaken = mse_mistaken,
    .terms = mse_terms,
    .apply = mse_apply,
};

/* ---- weighted_square_error: the weights are the squares of the third input ---- */

enum { WEIGHTED_MOST = 8 * 48 * 48 };

static const double *weights_of(const problem *p)
{
    static double weights[WEIGHTED_MOST];
    for (int64_t i = 0; i < p->count[2]; i++)
        weights[i] = p->input[2][i] * p->input[2][i];
    return weights;
}

static void weighted_forward(problem *p)
{
    p->output[0] = ref_weighted_square_error(p->count[0], p->input[0], p->input[1], weights_of(p));
}

static void weighted_backward(problem *p)
{
    ref_weighted_square_error_backward(p->count[0], p->input[0], p->input[1], weights_of(p), p->upstream[0],
                                       p->gradient[0]);
}

/* Over the number of weights, not their sum. */
static void weighted_mistaken(problem *p)
{
    weighted_backward(p);
    double sum = 0;
    for (int64_t i = 0; i < p->count[2]; i++)
        sum += p->input[2][i] * p->input[2][i];
    for (int64_t i = 0; i < p->count[0]; i++)
        p->gradient[0][i] *= sum / (1.5 * (double)p->count[0]);
}

static value weighted_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    const tensor *x = tape_tensor(t, in[2]);
    const value weights = tape_output(t, DTYPE_F32, x->shape);
    float *w = tape_f32(t, weights);
    for (int64_t i = 0; w && i < shape_count(x->shape); i++)
        w[i] = tape_f32(t, in[2])[i] * tape_f32(t, in[2])[i];
    return op_weighted_square_error(t, in[0], in[1], weights);
}

const operator_row row_weighted_square_error = {
    .name = "weighted_square_error",
    .inputs = 3,
    .differentiable = 1,
    .input_shape = mse_shape,
    .output_shape = output_one,
    .forward = weighted_forward,
    .backward = weighted_backward,
    .mistaken = weighted_mistaken,
    .terms = mse_terms,
    .apply = weighted_apply,
};

/* ---- cross_entropy: b queries, k keys, width d ---- */

static ref_contrast contrast_of(const problem *p)
{
    const operator_case *c = case_of(p);
    const operator_spec *s = c->spec;
    return (ref_contrast){.n = s->b,
                          .m = s->row == &row_nt_xent ? s->b : s->k,
                          .d = s->d,
                          .target = c->index,
                          .exclude = c->exclude,
                          .temperature = s->row->temperature};
}

static shape contrast_shape(const operator_spec *s, int i)
{
    return shape_2(i == 0 ? s->b : s->k, s->d);
}

/* Sums over the width for a logit, over the keys for the softmax, over the rows for the keys' gradient. */
static int64_t contrast_terms(const operator_spec *s)
{
    const int64_t keys = s->k ? s->k : s->b;
    return 4 * (s->d + (s->b > keys ? s->b : keys));
}

static void contrast_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    for (int64_t i = 0; i < s->b; i++) {
        index[i] = (int32_t)((i * 7 + 1) % s->k);
        if (exclude)
            exclude[i] = i % 3 == 2 ? -1 : (int32_t)((index[i] + 1 + i % 2) % s->k);
    }
}

static void contrast_forward(problem *p)
{
    const ref_contrast c = contrast_of(p);
    p->output[0] = ref_cross_entropy(&c, p->input[0], p->input[1]);
}

static void contrast_backward(problem *p)
{
    const ref_contrast c = contrast_of(p);
    ref_cross_entropy_backward(&c, p->input[0], p->input[1], p->upstream[0], p->gradient[0], p->gradient[1]);
}

/* The keys are taken for constants. */
static void contrast_mistaken(problem *p)
{
    contrast_backward(p);
    memset(p->gradient[1], 0, (size_t)p->count[1] * sizeof(double));
}

static value contrast_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    return op_cross_entropy(t, in[0], in[1], index, exclude, (float)s->row->temperature);
}

const operator_row row_cross_entropy = {
    .name = "cross_entropy",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = contrast_shape,
    .output_shape = output_one,
    .forward = contrast_forward,
    .backward = contrast_backward,
    .mistaken = contrast_mistaken,
    .fill = contrast_fill,
    .terms = contrast_terms,
    .apply = contrast_apply,
    .unit_inputs = true,
    .temperature = 0.5,
};
const operator_row row_cross_entropy_exclude = {
    .name = "cross_entropy with exclude",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = contrast_shape,
    .output_shape = output_one,
    .forward = contrast_forward,
    .backward = contrast_backward,
    .mistaken = contrast_mistaken,
    .fill = contrast_fill,
    .terms = contrast_terms,
    .apply = contrast_apply,
    .has_exclude = true,
    .unit_inputs = true,
    .temperature = 0.25,
};

/* Every fourth row is not counted. */
static void words_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    contrast_fill(s, index, exclude);
    for (int64_t i = 1; i < s->b; i += 4)
        index[i] = -1;
}

/* The mean over all rows, counted or not. */
static void words_mistaken(problem *p)
{
    contrast_backward(p);
    const ref_contrast c = contrast_of(p);
    int64_t counted = 0;
    for (int64_t i = 0; i < c.n; i++)
        counted += c.target[i] >= 0;
    for (int i = 0; i < 2; i++)
        for (int64_t at = 0; at < p->count[i]; at++)
            p->gradient[i][at] *= (double)counted / (double)c.n;
}

const operator_row row_cross_entropy_words = {
    .name = "cross_entropy of words",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = contrast_shape,
    .output_shape = output_one,
    .forward = contrast_forward,
    .backward = contrast_backward,
    .mistaken = words_mistaken,
    .fill = words_fill,
    .terms = contrast_terms,
    .apply = contrast_apply,
    .temperature = 1,
};

/* ---- NT-Xent: cross_entropy with one array as query and keys; row i pairs with row i + b/2 ---- */

static void nt_xent_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    for (int64_t i = 0; i < s->b; i++) {
        index[i] = (int32_t)((i + s->b / 2) % s->b);
        exclude[i] = (int32_t)i;
    }
}

static void nt_xent_forward(problem *p)
{
    const ref_contrast c = contrast_of(p);
    p->output[0] = ref_cross_entropy(&c, p->input[0], p->input[0]);
}

static void nt_xent_backward(problem *p)
{
    const ref_contrast c = contrast_of(p);
    double *dkeys = ref_alloc(p->count[0]);
    ref_cross_entropy_backward(&c, p->input[0], p->input[0], p->upstream[0], p->gradient[0], dkeys);
    for (int64_t i = 0; i < p->count[0]; i++)
        p->gradient[0][i] += dkeys[i];
    free(dkeys);
}

/* The second part that the same array plays is forgotten. */
static void nt_xent_mistaken(problem *p)
{
    const ref_contrast c = contrast_of(p);
    double *dkeys = ref_alloc(p->count[0]);
    ref_cross_entropy_backward(&c, p->input[0], p->input[0], p->upstream[0], p->gradient[0], dkeys);
    free(dkeys);
}

static value nt_xent_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    return op_cross_entropy(t, in[0], in[0], index, exclude, (float)s->row->temperature);
}

const operator_row row_nt_xent = {
    .name = "cross_entropy as NT-Xent",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = contrast_shape,
    .output_shape = output_one,
    .forward = nt_xent_forward,
    .backward = nt_xent_backward,
    .mistaken = nt_xent_mistaken,
    .fill = nt_xent_fill,
    .terms = contrast_terms,
    .apply = nt_xent_apply,
    .has_exclude = true,
    .unit_inputs = true,
    .temperature = 0.5,
};

/* ---- info_nce: b queries with a key each, k negatives, width d ---- */

static ref_contrast queue_of(const problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    return (ref_contrast){.n = s->b, .m = s->k, .d = s->d, .temperature = s->row->temperature};
}

static shape queue_shape(const operator_spec *s, int i)
{
    return shape_2(i == 2 ? s->k : s->b, s->d);
}

static int64_t queue_terms(const operator_spec *s)
{
    return 4 * (s->d + s->k);
}

static void info_nce_forward(problem *p)
{
    const ref_contrast c = queue_of(p);
    p->output[0] = ref_info_nce(&c, p->input[0], p->input[1], p->input[2]);
}

static void info_nce_backward(problem *p)
{
    const ref_contrast c = queue_of(p);
    ref_info_nce_backward(&c, p->input[0], p->input[1], p->input[2], p->upstream[0], p->gradient[0]);
}

/* The row's own key pulls, but is left out of its own softmax. */
static void info_nce_mistaken(problem *p)
{
    const ref_contrast c = queue_of(p);
    int32_t target[64] = {0};
    ref_contrast others = c;
    others.target = target;
    double *dkeys = ref_alloc(c.m * c.d), *dfirst = ref_alloc(c.n * c.d);
    ref_cross_entropy_backward(&others, p->input[0], p->input[2], p->upstream[0], dfirst, dkeys);
    for (int64_t i = 0; i < c.n * c.d; i++) {
        const double pulls = p->upstream[0] / (double)c.n / c.temperature;
        p->gradient[0][i] = dfirst[i] + pulls * (p->input[2][i % c.d] - p->input[1][i]);
    }
    free(dkeys);
    free(dfirst);
}

static value info_nce_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_info_nce(t, in[0], in[1], in[2], (float)s->row->temperature);
}

const operator_row row_info_nce = {
    .name = "info_nce",
    .inputs = 3,
    .differentiable = 1,
    .input_shape = queue_shape,
    .output_shape = output_one,
    .forward = info_nce_forward,
    .backward = info_nce_backward,
    .mistaken = info_nce_mistaken,
    .terms = queue_terms,
    .apply = info_nce_apply,
    .unit_inputs = true,
    .temperature = 0.25,
};

/* ---- the same through the end of a projector: embeddings (b, d), batch norm, rows of length 1 ---- */

/* Query (b, d) of the embeddings; the batch norm's result on the way, if it is wanted. */
static double *project(const problem *p, double *normed)
{
    const operator_spec *s = case_of(p)->spec;
    double *own = ref_alloc(s->b * s->d), *query = ref_alloc(s->b * s->d);
    ref_batch_norm(s->b, s->d, p->input[0], NULL, NULL, own);
    ref_l2_normalize(s->b, s->d, own, query);
    if (normed)
        memcpy(normed, own, (size_t)(s->b * s->d) * sizeof *own);
    free(own);
    return query;
}

static void projected_forward(problem *p)
{
    const ref_contrast c = queue_of(p);
    double *query = project(p, NULL);
    p->output[0] = ref_info_nce(&c, query, p->input[1], p->input[2]);
    free(query);
}

static void projected_gradient(problem *p, bool through_norm)
{
    const ref_contrast c = queue_of(p);
    double *normed = ref_alloc(c.n * c.d), *query = project(p, normed);
    double *dquery = ref_alloc(c.n * c.d), *dnormed = ref_alloc(c.n * c.d);
    ref_info_nce_backward(&c, query, p->input[1], p->input[2], p->upstream[0], dquery);
    ref_l2_normalize_backward(c.n, c.d, normed, dquery, dnormed);
    if (through_norm)
        ref_batch_norm_backward(c.n, c.d, p->input[0], NULL, dnormed, p->gradient[0], NULL, NULL);
    else
        memcpy(p->gradient[0], dnormed, (size_t)(c.n * c.d) * sizeof(double));
    free(normed);
    free(query);
    free(dquery);
    free(dnormed);
}

static void projected_backward(problem *p)
{
    projected_gradient(p, true);
}

/* The batch norm is taken for the identity. */
static void projected_mistaken(problem *p)
{
    projected_gradient(p, false);
}

static value projected_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    const value query = op_l2_normalize(t, op_batch_norm(t, in[0], (value){0}, (value){0}));
    return op_info_nce(t, query, in[1], in[2], (float)s->row->temperature);
}

const operator_row row_info_nce_projected = {
    .name = "info_nce through a batch norm",
    .inputs = 3,
    .differentiable = 1,
    .input_shape = queue_shape,
    .output_shape = output_one,
    .forward = projected_forward,
    .backward = projected_backward,
    .mistaken = projected_mistaken,
    .terms = queue_terms,
    .apply = projected_apply,
    .unit_inputs = true,
    .temperature = 0.25,
};

/* ---- softmax_cross_entropy: b rows, d classes ---- */

static const double smoothing = 0.1;

static shape classes_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_2(s->b, s->d);
}

static int64_t classes_terms(const operator_spec *s)
{
    return 2 * (s->b + s->d);
}

static void classes_fill(const operator_spec *s, int32_t *index, int32_t *exclude)
{
    (void)exclude;
    for (int64_t i = 0; i < s->b; i++)
        index[i] = (int32_t)((i * 5 + 2) % s->d);
}

static ref_classes classes_of(const problem *p)
{
    const operator_case *c = case_of(p);
    return (ref_classes){c->spec->b, c->spec->d, c->index, smoothing};
}

static void classes_forward(problem *p)
{
    const ref_classes c = classes_of(p);
    p->output[0] = ref_softmax_cross_entropy(&c, p->input[0]);
}

static void classes_backward(problem *p)
{
    const ref_classes c = classes_of(p);
    ref_softmax_cross_entropy_backward(&c, p->input[0], p->upstream[0], p->gradient[0]);
}

/* The labels of the gradient are not smoothed. */
static void classes_mistaken(problem *p)
{
    ref_classes c = classes_of(p);
    c.smoothing = 0;
    ref_softmax_cross_entropy_backward(&c, p->input[0], p->upstream[0], p->gradient[0]);
}

static value classes_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)exclude;
    return op_softmax_cross_entropy(t, in[0], index, (float)smoothing);
}

const operator_row row_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = classes_shape,
    .output_shape = output_one,
    .forward = classes_forward,
    .backward = classes_backward,
    .mistaken = classes_mistaken,
    .fill = classes_fill,
    .terms = classes_terms,
    .apply = classes_apply,
};
