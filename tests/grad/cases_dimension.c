/* Cases: batch norm of interleaved views, and the losses by dimension. */
#include "grad/cases.h"

#include "op/op.h"
#include "ref/reference.h"

#include <stdlib.h>
#include <string.h>

static shape shape_bd(const operator_spec *s, int i)
{
    return i == 0 ? shape_2(s->b, s->d) : shape_1(s->d);
}

static shape output_bd(const operator_spec *s)
{
    return shape_2(s->b, s->d);
}

static shape output_one(const operator_spec *s)
{
    (void)s;
    return shape_1(1);
}

/* ---- batch norm of k views, b rows in all: the rows of each view are taken out, and put back ---- */

static void copy_view(const operator_spec *s, int64_t view, const double *all, double *one)
{
    for (int64_t r = 0; r < s->b / s->k; r++)
        memcpy(one + r * s->d, all + (r * s->k + view) * s->d, (size_t)s->d * sizeof *one);
}

static void put_view(const operator_spec *s, int64_t view, const double *one, double *all)
{
    for (int64_t r = 0; r < s->b / s->k; r++)
        memcpy(all + (r * s->k + view) * s->d, one + r * s->d, (size_t)s->d * sizeof *one);
}

static void norm_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    double *x = ref_alloc(p->count[0]), *y = ref_alloc(p->count[0]);
    for (int64_t v = 0; v < s->k; v++) {
        copy_view(s, v, p->input[0], x);
        ref_batch_norm(s->b / s->k, s->d, x, p->input[1], p->input[2], y);
        put_view(s, v, y, p->output);
    }
    free(x);
    free(y);
}

static void norm_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    double *x = ref_alloc(p->count[0]), *dy = ref_alloc(p->count[0]), *dx = ref_alloc(p->count[0]);
    double *dgain = ref_alloc(s->d), *dbias = ref_alloc(s->d);
    for (int64_t i = 0; i < s->d; i++)
        p->gradient[1][i] = p->gradient[2][i] = 0;
    for (int64_t v = 0; v < s->k; v++) {
        copy_view(s, v, p->input[0], x);
        copy_view(s, v, p->upstream, dy);
        ref_batch_norm_backward(s->b / s->k, s->d, x, p->input[1], dy, dx, dgain, dbias);
        put_view(s, v, dx, p->gradient[0]);
        for (int64_t i = 0; i < s->d; i++) {
            p->gradient[1][i] += dgain[i];
            p->gradient[2][i] += dbias[i];
        }
    }
    free(x);
    free(dy);
    free(dx);
    free(dgain);
    free(dbias);
}

/* All views are normalised together. */
static void norm_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_batch_norm_backward(s->b, s->d, p->input[0], p->input[1], p->upstream, p->gradient[0], p->gradient[1],
                            p->gradient[2]);
}

static int64_t rows_terms(const operator_spec *s)
{
    return s->b > s->d ? s->b : s->d;
}

static value norm_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    return op_batch_norm_views(t, in[0], in[1], in[2], s->k);
}

const operator_row row_batch_norm_views = {
    .name = "batch_norm of views",
    .inputs = 3,
    .differentiable = 3,
    .input_shape = shape_bd,
    .output_shape = output_bd,
    .forward = norm_forward,
    .backward = norm_backward,
    .mistaken = norm_mistaken,
    .terms = rows_terms,
    .apply = norm_apply,
};

/* ---- the losses: two views of b rows and d columns ---- */

static const double redundancy_weight = 0.25;
static const ref_vicreg_weights weights = {2, 3, 0.5};

static shape pair_shape(const operator_spec *s, int i)
{
    (void)i;
    return shape_2(s->b, s->d);
}

/* Sums over the rows for a correlation, over the square of the width for the loss. */
static int64_t pair_terms(const operator_spec *s)
{
    return 4 * (s->b + s->d * s->d);
}

static void redundancy_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    p->output[0] = ref_redundancy(s->b, s->d, redundancy_weight, p->input[0], p->input[1]);
}

static void redundancy_backward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    ref_redundancy_backward(s->b, s->d, redundancy_weight, p->input[0], p->input[1], p->upstream[0],
                            p->gradient[0], p->gradient[1]);
}

/* The weight is put on the diagonal, too. */
static void redundancy_mistaken(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    redundancy_backward(p);
    for (int64_t i = 0; i < s->b * s->d; i++)
        p->gradient[0][i] *= redundancy_weight;
}

static value redundancy_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    return op_redundancy(t, in[0], in[1], (float)redundancy_weight);
}

const operator_row row_redundancy = {
    .name = "redundancy",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = pair_shape,
    .output_shape = output_one,
    .forward = redundancy_forward,
    .backward = redundancy_backward,
    .mistaken = redundancy_mistaken,
    .terms = pair_terms,
    .apply = redundancy_apply,
};

static void vicreg_forward(problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    p->output[0] = ref_vicreg(s->b, s->d, weights, p->input[0], p->input[1]);
}

static void vicreg_with(problem *p, ref_vicreg_weights w)
{
    const operator_spec *s = case_of(p)->spec;
    ref_vicreg_backward(s->b, s->d, w, p->input[0], p->input[1], p->upstream[0], p->gradient[0],
                        p->gradient[1]);
}

static void vicreg_backward(problem *p)
{
    vicreg_with(p, weights);
}

/* The mean square error is of one view only: half of the invariance is missing. */
static void vicreg_mistaken(problem *p)
{
    vicreg_with(p, (ref_vicreg_weights){weights.invariance / 2, weights.variance, weights.covariance});
}

static value vicreg_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)s, (void)index, (void)exclude;
    const vicreg_weights w = {(float)weights.invariance, (float)weights.variance, (float)weights.covariance};
    return op_vicreg(t, in[0], in[1], w);
}

const operator_row row_vicreg = {
    .name = "vicreg",
    .inputs = 2,
    .differentiable = 2,
    .input_shape = pair_shape,
    .output_shape = output_one,
    .forward = vicreg_forward,
    .backward = vicreg_backward,
    .mistaken = vicreg_mistaken,
    .terms = pair_terms,
    .apply = vicreg_apply,
};

/* ---- redundancy through the batch norm of two interleaved views: how barlow uses it ---- */

typedef struct barlow_views {
    int64_t rows, count;
    double *x[2], *z[2]; /* a view, and what its batch norm makes of it */
} barlow_views;

static barlow_views barlow_views_of(const problem *p)
{
    const operator_spec *s = case_of(p)->spec;
    barlow_views b = {.rows = s->b / s->k, .count = s->b / s->k * s->d};
    for (int v = 0; v < 2; v++) {
        b.x[v] = ref_alloc(b.count);
        b.z[v] = ref_alloc(b.count);
        copy_view(s, v, p->input[0], b.x[v]);
        ref_batch_norm(b.rows, s->d, b.x[v], NULL, NULL, b.z[v]);
    }
    return b;
}

static void barlow_views_end(barlow_views *b)
{
    for (int v = 0; v < 2; v++) {
        free(b->x[v]);
        free(b->z[v]);
    }
}

static void barlow_norm_forward(problem *p)
{
    barlow_views b = barlow_views_of(p);
    p->output[0] = ref_redundancy(b.rows, case_of(p)->spec->d, redundancy_weight, b.z[0], b.z[1]);
    barlow_views_end(&b);
}

static void barlow_gradient(problem *p, bool through_norm)
{
    const operator_spec *s = case_of(p)->spec;
    barlow_views b = barlow_views_of(p);
    double *dz[2] = {ref_alloc(b.count), ref_alloc(b.count)}, *dx = ref_alloc(b.count);
    ref_redundancy_backward(b.rows, s->d, redundancy_weight, b.z[0], b.z[1], p->upstream[0], dz[0], dz[1]);
    for (int v = 0; v < 2; v++) {
        ref_batch_norm_backward(b.rows, s->d, b.x[v], NULL, dz[v], dx, NULL, NULL);
        put_view(s, v, through_norm ? dx : dz[v], p->gradient[0]);
        free(dz[v]);
    }
    free(dx);
    barlow_views_end(&b);
}

static void barlow_norm_backward(problem *p)
{
    barlow_gradient(p, true);
}

/* The backward of the batch norm is left out. */
static void barlow_norm_mistaken(problem *p)
{
    barlow_gradient(p, false);
}

static value barlow_norm_apply(tape *t, const operator_spec *s, const value *in, value index, value exclude)
{
    (void)index, (void)exclude;
    const value none = {0}, z = op_batch_norm_views(t, in[0], none, none, s->k);
    const value pairs = op_reshape(t, z, shape_3(s->b / s->k, s->k, s->d));
    return op_redundancy(t, op_take_token(t, pairs, 0), op_take_token(t, pairs, 1), (float)redundancy_weight);
}

const operator_row row_barlow_norm = {
    .name = "redundancy behind batch_norm of views",
    .inputs = 1,
    .differentiable = 1,
    .input_shape = shape_bd,
    .output_shape = output_one,
    .forward = barlow_norm_forward,
    .backward = barlow_norm_backward,
    .mistaken = barlow_norm_mistaken,
    .terms = pair_terms,
    .apply = barlow_norm_apply,
};
