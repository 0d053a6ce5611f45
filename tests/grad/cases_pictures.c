/* Rows of the operators on pictures: b examples, t height, width t + 2, d channels; k says kernel and stride.
 */
#include "grad/cases.h"
#include "op/op.h"
#include "ref/reference.h"

#include <stdlib.h>

/* ---- convolution: k is kernel * 10 + stride; padding kernel / 2, d + 2 outputs ---- */

static ref_windows windows(const operator_spec *s)
{
    const int64_t kernel = s->k / 10;
    return (ref_windows){s->b, s->t, s->t + 2, s->d, s->d + 2, kernel, s->k % 10, kernel / 2};
}

static shape picture_shape(const operator_spec *s, int i)
{
    const ref_windows w = windows(s);
    return i ? shape_4(w.outputs, w.inputs, w.kernel, w.kernel)
             : shape_4(w.batch, w.height, w.width, w.inputs);
}

static shape convolution_output(const operator_spec *s)
{
    const ref_windows w = windows(s);
    return shape_4(w.batch, (w.height + 2 * w.padding - w.kernel) / w.stride + 1,
                   (w.width + 2 * w.padding - w.kernel) / w.stride + 1, w.outputs);
}

static int64_t convolution_terms(const operator_spec *s)
{
    const int64_t window = (s->d + 2) * (s->k / 10) * (s->k / 10), places = s->b * s->t * (s->t + 2);
    return window > places ? window : places;
}

static void convolution_forward(problem *p)
{
    const ref_windows w = windows(case_of(p)->spec);
    ref_convolution(&w, p->input[0], p->input[1], p->output);
}

static void convolution_backward(problem *p)
{
    const ref_windows w = windows(case_of(p)->spec);
    ref_convolution_backward(&w, p->input[0], p->input[1], p->upstream, p->gradient[0], p->gradient[1]);
}

/* The first picture is left out of the gradient of the weights. */
static void convolution_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    const int64_t count = s->t * (s->t + 2) * s->d;
    const ref_windows w = windows(s);
    double *none = ref_alloc(p->count[0]);
    for (int64_t i = count; i < p->count[0]; i++)
        none[i] = p->input[0][i];
    ref_convolution_backward(&w, none, p->input[1], p->upstream, p->gradient[0], p->gradient[1]);
    free(none);
}

static value convolution_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_convolution(t, in[0], in[1], s->k % 10, s->k / 10 / 2);
}

const operator_row row_convolution = {.name = "convolution",
                                      .inputs = 2,
                                      .differentiable = 2,
                                      .input_shape = picture_shape,
                                      .output_shape = convolution_output,
                                      .forward = convolution_forward,
                                      .backward = convolution_backward,
                                      .mistaken = convolution_mistaken,
                                      .terms = convolution_terms,
                                      .apply = convolution_apply};

/* ---- max pool ---- */

static shape pooled_shape(const operator_spec *s)
{
    return shape_4(s->b, (s->t + 1) / 2, (s->t + 3) / 2, s->d);
}

static void max_pool_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_max_pool(s->b, s->t, s->t + 2, s->d, p->input[0], p->output);
}

static void max_pool_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_max_pool_backward(s->b, s->t, s->t + 2, s->d, p->input[0], p->upstream, p->gradient[0]);
}

/* The gradient of the smallest numbers of the windows. */
static void max_pool_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    double *negated = ref_alloc(p->count[0]);
    for (int64_t i = 0; i < p->count[0]; i++)
        negated[i] = -p->input[0][i];
    ref_max_pool_backward(s->b, s->t, s->t + 2, s->d, negated, p->upstream, p->gradient[0]);
    free(negated);
}

static int64_t max_pool_terms(const operator_spec *s)
{
    (void)s;
    return 4; /* windows that share a number */
}

static value max_pool_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_max_pool(t, in[0]);
}

const operator_row row_max_pool = {.name = "max_pool",
                                   .inputs = 1,
                                   .differentiable = 1,
                                   .input_shape = picture_shape,
                                   .output_shape = pooled_shape,
                                   .forward = max_pool_forward,
                                   .backward = max_pool_backward,
                                   .mistaken = max_pool_mistaken,
                                   .terms = max_pool_terms,
                                   .apply = max_pool_apply};
