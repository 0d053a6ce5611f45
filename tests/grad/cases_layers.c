/* Cases: matrix products, activations, norms, attention. */
#include "grad/cases.h"

#include "op/op.h"
#include "ref/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static shape shape_btd(const operator_spec *s, int i)
{
    (void)i;
    return shape_3(s->b, s->t, s->d);
}

static shape output_btd(const operator_spec *s)
{
    return shape_3(s->b, s->t, s->d);
}

static int64_t terms_one(const operator_spec *s)
{
    (void)s;
    return 1;
}

/* Gradients of gains and biases are sums over all rows. */
static int64_t terms_rows_or_width(const operator_spec *s)
{
    return s->b * s->t > s->d ? s->b * s->t : s->d;
}

static int64_t count_of(const operator_spec *s)
{
    return s->b * s->t * s->d;
}

/* ---- matrix products: b batch, t m, d n ---- */

static ref_product product_of(const problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    return (ref_product){
        .batch = s->b,
        .m = s->t,
        .n = s->d,
        .k = s->k,
        .src_transposed = s->row == &row_matmul_src_transposed || s->row == &row_matmul_both_transposed,
        .wei_transposed = s->row == &row_matmul_wei_transposed || s->row == &row_matmul_both_transposed};
}

static shape matmul_shape_of(const operator_spec *s, int i)
{
    if (i == 0)
        return s->row == &row_matmul_src_transposed || s->row == &row_matmul_both_transposed
                   ? shape_3(s->b, s->k, s->t)
                   : shape_3(s->b, s->t, s->k);
    return s->row == &row_matmul_wei_transposed || s->row == &row_matmul_both_transposed
               ? shape_3(s->b, s->d, s->k)
               : shape_3(s->b, s->k, s->d);
}

static void matmul_forward(problem *p)
{
    const ref_product product = product_of(p);
    ref_matmul(&product, p->input[0], p->input[1], p->output);
}

static void matmul_backward(problem *p)
{
    const ref_product product = product_of(p);
    ref_matmul_backward(&product, p->input[0], p->input[1], p->upstream, p->gradient[0], p->gradient[1]);
}

/* The transposition of one operand is forgotten. */
static void matmul_mistaken(problem *p)
{
    ref_product product = product_of(p);
    product.wei_transposed = !product.wei_transposed;
    ref_matmul_backward(&product, p->input[0], p->input[1], p->upstream, p->gradient[0], p->gradient[1]);
}

#define MATMUL_ROW(text)                                                                                     \
    {                                                                                                        \
        .name = text, .inputs = 2, .differentiable = 2, .input_shape = matmul_shape_of,                      \
        .output_shape = output_btd, .forward = matmul_forward, .backward = matmul_backward,                  \
        .mistaken = matmul_mistaken, .terms = terms_one,                                                     \
    }
const operator_row row_matmul = MATMUL_ROW("matmul");
const operator_row row_matmul_src_transposed = MATMUL_ROW("matmul, src transposed");
const operator_row row_matmul_wei_transposed = MATMUL_ROW("matmul, wei transposed");
const operator_row row_matmul_both_transposed = MATMUL_ROW("matmul, both transposed");

/* ---- linear: x (b, t, k), wei (d, k), bias (d) ---- */

static shape linear_shape(const operator_spec *s, int i)
{
    return i == 0 ? shape_3(s->b, s->t, s->k) : i == 1 ? shape_2(s->d, s->k) : shape_1(s->d);
}

static int64_t linear_terms(const operator_spec *s)
{
    const int64_t inner = s->k > s->d ? s->k : s->d;
    return s->b * s->t > inner ? s->b * s->t : inner;
}

static void linear_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_linear(s->b * s->t, s->k, s->d, p->input[0], p->input[1], p->input[2], p->output);
}

static void linear_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_linear_backward(s->b * s->t, s->k, s->d, p->input[0], p->input[1], p->upstream, p->gradient[0],
                        p->gradient[1], p->gradient[2]);
}

/* The sum behind the weights' gradient leaves out the last row. */
static void linear_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    linear_backward(p);
    double *dx = ref_alloc(p->count[0]);
    ref_linear_backward(s->b * s->t - 1, s->k, s->d, p->input[0], p->input[1], p->upstream, dx,
                        p->gradient[1], p->gradient[2]);
    free(dx);
}

static value linear_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_linear(t, in[0], in[1], s->row->inputs == 3 ? in[2] : (value){0});
}

#define LINEAR_ROW(text, count)                                                                              \
    {                                                                                                        \
        .name = text, .inputs = count, .differentiable = count, .input_shape = linear_shape,                 \
        .output_shape = output_btd, .forward = linear_forward, .backward = linear_backward,                  \
        .mistaken = linear_mistaken, .terms = linear_terms, .apply = linear_apply,                           \
    }
const operator_row row_linear = LINEAR_ROW("linear without bias", 2);
const operator_row row_linear_bias = LINEAR_ROW("linear", 3);

/* ---- activations ---- */

static void gelu_forward(problem *p)
{
    ref_gelu(p->output_count, p->input[0], p->output);
}

static void gelu_backward(problem *p)
{
    ref_gelu_backward(p->output_count, p->input[0], p->upstream, p->gradient[0]);
}

/* Only Phi(x): the term x phi(x) is missing. */
static void gelu_mistaken(problem *p)
{
    for (int64_t i = 0; i < p->output_count; i++)
        p->gradient[0][i] = p->upstream[i] * 0.5 * erfc(-p->input[0][i] * sqrt(0.5));
}

static value gelu_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_gelu(t, in[0]);
}

const operator_row row_gelu = {
    .name = "gelu",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = shape_btd,
    .output_shape = output_btd,
    .forward = gelu_forward,
    .backward = gelu_backward,
    .mistaken = gelu_mistaken,
    .terms = terms_one,
    .apply = gelu_apply,
};

static void gelu_tanh_forward(problem *p)
{
    ref_gelu_tanh(p->output_count, p->input[0], p->output);
}

static void gelu_tanh_backward(problem *p)
{
    ref_gelu_tanh_backward(p->output_count, p->input[0], p->upstream, p->gradient[0]);
}

/* The cubic term is taken for a constant. */
static void gelu_tanh_mistaken(problem *p)
{
    for (int64_t i = 0; i < p->output_count; i++) {
        const double x = p->input[0][i],
                     tangent = tanh(sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x));
        p->gradient[0][i] =
            p->upstream[i] * 0.5 * (1 + tangent + x * (1 - tangent * tangent) * sqrt(2 / 3.14159265358979));
    }
}

static value gelu_tanh_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_gelu_tanh(t, in[0]);
}

const operator_row row_gelu_tanh = {
    .name = "gelu_tanh",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = shape_btd,
    .output_shape = output_btd,
    .forward = gelu_tanh_forward,
    .backward = gelu_tanh_backward,
    .mistaken = gelu_tanh_mistaken,
    .terms = terms_one,
    .apply = gelu_tanh_apply,
};

static void relu_forward(problem *p)
{
    ref_relu(p->output_count, p->input[0], p->output);
}

static void relu_backward(problem *p)
{
    ref_relu_backward(p->output_count, p->input[0], p->upstream, p->gradient[0]);
}

/* The mask is forgotten. */
static void relu_mistaken(problem *p)
{
    memcpy(p->gradient[0], p->upstream, (size_t)p->output_count * sizeof *p->upstream);
}

static value relu_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_relu(t, in[0]);
}

const operator_row row_relu = {
    .name = "relu",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = shape_btd,
    .output_shape = output_btd,
    .forward = relu_forward,
    .backward = relu_backward,
    .mistaken = relu_mistaken,
    .terms = terms_one,
    .apply = relu_apply,
    .avoids_zero = true,
};

/* ---- norms ---- */

/* dx as if mean and deviation were constants: the commonest mistake with any norm. `n` numbers, `step` apart.
 */
static void constant_statistics(const double *x, const double *dy, int64_t n, int64_t step, double epsilon,
                                double *dx)
{
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i * step] / (double)n;
    for (int64_t i = 0; i < n; i++)
        variance += (x[i * step] - mean) * (x[i * step] - mean) / (double)n;
    for (int64_t i = 0; i < n; i++)
        dx[i * step] = dy[i * step] / sqrt(variance + epsilon);
}

static shape layer_norm_shape(const operator_spec *s, int i)
{
    return i == 0 ? shape_3(s->b, s->t, s->d) : shape_1(s->d);
}

/* A large one, so that a wrong one would show. */
static double epsilon_of(const operator_spec *s)
{
    return s->row == &row_layer_norm ? 1e-6 : 0.125;
}

static void layer_norm_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_layer_norm(s->b * s->t, s->d, epsilon_of(s), p->input[0], p->input[1], p->input[2], p->output);
}

static void layer_norm_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_layer_norm_backward(s->b * s->t, s->d, epsilon_of(s), p->input[0], p->input[1], p->upstream,
                            p->gradient[0], p->gradient[1], p->gradient[2]);
}

static void layer_norm_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    layer_norm_backward(p);
    for (int64_t i = 0; i < p->count[0]; i++)
        p->gradient[0][i] = p->upstream[i] * p->input[1][i % s->d];
    for (int64_t r = 0; r < s->b * s->t; r++)
        constant_statistics(p->input[0] + r * s->d, p->gradient[0] + r * s->d, s->d, 1, epsilon_of(s),
                            p->gradient[0] + r * s->d);
}

static value layer_norm_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    if (s->row == &row_layer_norm)
        return op_layer_norm(t, in[0], in[1], in[2]);
    return op_layer_norm_eps(t, in[0], in[1], in[2], (float)epsilon_of(s));
}

#define LAYER_NORM_ROW(text)                                                                                 \
    {                                                                                                        \
        .name = text, .inputs = 3, .differentiable = 3, .input_shape = layer_norm_shape,                     \
        .output_shape = output_btd, .forward = layer_norm_forward, .backward = layer_norm_backward,          \
        .mistaken = layer_norm_mistaken, .terms = terms_rows_or_width, .apply = layer_norm_apply,            \
    }
const operator_row row_layer_norm = LAYER_NORM_ROW("layer_norm");
const operator_row row_layer_norm_eps = LAYER_NORM_ROW("layer_norm with epsilon");

static shape batch_norm_shape(const operator_spec *s, int i)
{
    return i == 0 ? shape_2(s->b, s->d) : shape_1(s->d);
}

static shape output_bd(const operator_spec *s)
{
    return shape_2(s->b, s->d);
}

static void batch_norm_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_batch_norm(s->b, s->d, p->input[0], p->input[1], p->input[2], p->output);
}

static void batch_norm_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_batch_norm_backward(s->b, s->d, p->input[0], p->input[1], p->upstream, p->gradient[0], p->gradient[1],
                            p->gradient[2]);
}

static void batch_norm_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    batch_norm_backward(p);
    for (int64_t i = 0; i < p->count[0]; i++)
        p->gradient[0][i] = p->upstream[i] * (p->input[1] ? p->input[1][i % s->d] : 1);
    for (int64_t i = 0; i < s->d; i++)
        constant_statistics(p->input[0] + i, p->gradient[0] + i, s->b, s->d, 1e-5, p->gradient[0] + i);
}

static value batch_norm_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    const bool affine = s->row->inputs == 3;
    return op_batch_norm(t, in[0], affine ? in[1] : (value){0}, affine ? in[2] : (value){0});
}

#define BATCH_NORM_ROW(text, count)                                                                          \
    {                                                                                                        \
        .name = text, .inputs = count, .differentiable = count, .input_shape = batch_norm_shape,             \
        .output_shape = output_bd, .forward = batch_norm_forward, .backward = batch_norm_backward,           \
        .mistaken = batch_norm_mistaken, .terms = terms_rows_or_width, .apply = batch_norm_apply,            \
    }
const operator_row row_batch_norm = BATCH_NORM_ROW("batch_norm without gain and bias", 1);
const operator_row row_batch_norm_affine = BATCH_NORM_ROW("batch_norm", 3);

static void l2_normalize_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_l2_normalize(s->b, s->d, p->input[0], p->output);
}

static void l2_normalize_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_l2_normalize_backward(s->b, s->d, p->input[0], p->upstream, p->gradient[0]);
}

/* The length is taken for a constant. */
static void l2_normalize_mistaken(problem *p)
{
    l2_normalize_forward(p);
    for (int64_t i = 0; i < p->count[0]; i++)
        p->gradient[0][i] = p->upstream[i] * p->output[i] / p->input[0][i];
}

static value l2_normalize_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_l2_normalize(t, in[0]);
}

const operator_row row_l2_normalize = {
    .name = "l2_normalize",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = batch_norm_shape,
    .output_shape = output_bd,
    .forward = l2_normalize_forward,
    .backward = l2_normalize_backward,
    .mistaken = l2_normalize_mistaken,
    .terms = terms_rows_or_width,
    .apply = l2_normalize_apply,
};

static void normalize_rows_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_normalize_rows(s->b * s->t, s->d, p->input[0], p->output);
}

static value normalize_rows_apply(tape *t, const operator_spec *s, const value *in, value index,
                                  value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_normalize_rows(t, in[0]);
}

const operator_row row_normalize_rows = {
    .name = "normalize_rows",
    .inputs = 1,
    .differentiable = 0,
    .input_shape = shape_btd,
    .output_shape = output_btd,
    .forward = normalize_rows_forward,
    .terms = terms_rows_or_width,
    .apply = normalize_rows_apply,
};

/* ---- attention: qkv (b, t, 3 d), k heads ---- */

static shape attention_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_3(s->b, s->t, 3 * s->d);
}

/* Two chained sums: over the numbers of a head for a logit, over the tokens for the output. */
static int64_t attention_terms(const operator_spec *s)
{
    return s->t * 2 + s->d / s->k * 2;
}

static void attention_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_attention(s->b, s->t, s->d, s->k, p->input[0], p->output);
}

static void attention_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_attention_backward(s->b, s->t, s->d, s->k, p->input[0], p->upstream, p->gradient[0]);
}

/* Nothing flows back to the keys. */
static void attention_mistaken(problem *p)
{
    const int64_t d = case_of(p)->spec->d;
    attention_backward(p);
    for (int64_t i = 0; i < p->count[0]; i++)
        if (i / d % 3 == 1)
            p->gradient[0][i] = 0;
}

static value attention_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_attention(t, in[0], (int)s->k);
}

const operator_row row_attention = {
    .name = "attention",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = attention_shape,
    .output_shape = output_btd,
    .forward = attention_forward,
    .backward = attention_backward,
    .mistaken = attention_mistaken,
    .terms = attention_terms,
    .apply = attention_apply,
};

/* ---- add ---- */

static void add_forward(problem *p)
{
    ref_add(count_of(case_of(p)->spec), p->input[0], p->input[1], p->output);
}

static void add_backward(problem *p)
{
    ref_add_backward(count_of(case_of(p)->spec), p->upstream, p->gradient[0], p->gradient[1]);
}

/* The second input is forgotten. */
static void add_mistaken(problem *p)
{
    add_backward(p);
    memset(p->gradient[1], 0, (size_t)p->count[1] * sizeof(double));
}

static value add_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_add(t, in[0], in[1]);
}

const operator_row row_add = {
    .name = "add",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = shape_btd,
    .output_shape = output_btd,
    .forward = add_forward,
    .backward = add_backward,
    .mistaken = add_mistaken,
    .terms = terms_one,
    .apply = add_apply,
};
