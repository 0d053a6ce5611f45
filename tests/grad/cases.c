/* The list of operators and sizes, and the life of a case. */
#include "grad/cases.h"

#include "base/philox.h"
#include "ref/reference.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Sizes of 1, primes, odd ones, and ones above the width of any vector register (16 numbers). */
static const operator_spec specs[] = {
    {&row_linear, 1, 1, 1, 1, false},
    {&row_linear, 2, 3, 5, 7, false},
    {&row_linear, 4, 17, 96, 48, false},
    {&row_linear_bias, 1, 1, 1, 1, false},
    {&row_linear_bias, 1, 1, 17, 5, false},
    {&row_linear_bias, 3, 1, 1, 19, false},
    {&row_linear_bias, 2, 13, 16, 8, false},
    {&row_linear_bias, 2, 65, 101, 192, false},
    {&row_layer_norm, 1, 1, 1, 0, true},
    {&row_layer_norm, 2, 1, 3, 0, false},
    {&row_layer_norm, 3, 5, 7, 0, false},
    {&row_layer_norm, 1, 4, 37, 0, false},
    {&row_layer_norm, 8, 65, 192, 0, false},
    {&row_gelu, 1, 1, 1, 0, false},
    {&row_gelu, 2, 3, 17, 0, false},
    {&row_gelu, 4, 65, 97, 0, false},
    {&row_relu, 1, 1, 3, 0, false},
    {&row_relu, 2, 3, 17, 0, false},
    {&row_relu, 4, 65, 97, 0, false},
    {&row_attention, 1, 1, 1, 1, false},
    {&row_attention, 1, 1, 6, 2, false},
    {&row_attention, 2, 3, 6, 2, false},
    {&row_attention, 1, 7, 5, 5, false},
    {&row_attention, 2, 5, 9, 1, false},
    {&row_attention, 3, 17, 32, 2, false},
    {&row_attention, 2, 50, 48, 2, false},
    {&row_attention, 1, 65, 64, 1, false},
    {&row_attention, 2, 65, 192, 3, false},
    {&row_batch_norm, 3, 1, 1, 0, false},
    {&row_batch_norm, 7, 1, 5, 0, false},
    {&row_batch_norm, 19, 1, 17, 0, false},
    {&row_batch_norm, 1031, 1, 33, 0, false},
    {&row_batch_norm_affine, 5, 1, 3, 0, false},
    {&row_batch_norm_affine, 17, 1, 19, 0, false},
    {&row_batch_norm_affine, 600, 1, 64, 0, false},
    {&row_batch_norm_views, 6, 1, 3, 2, false},
    {&row_batch_norm_views, 15, 1, 7, 3, false},
    {&row_batch_norm_views, 1030, 1, 33, 2, false},
    {&row_l2_normalize, 1, 1, 1, 0, true},
    {&row_l2_normalize, 3, 1, 7, 0, false},
    {&row_l2_normalize, 5, 1, 33, 0, false},
    {&row_l2_normalize, 523, 1, 128, 0, false},
    {&row_normalize_rows, 1, 1, 2, 0, false},
    {&row_normalize_rows, 3, 5, 7, 0, false},
    {&row_normalize_rows, 4, 16, 48, 0, false},
    {&row_add, 1, 1, 1, 0, false},
    {&row_add, 2, 3, 7, 0, false},
    {&row_add, 4, 17, 33, 0, false},
    {&row_add_rows, 1, 1, 1, 0, false},
    {&row_add_rows, 3, 5, 7, 0, false},
    {&row_add_rows, 4, 17, 33, 0, false},
    {&row_add_rows_index, 1, 1, 1, 1, false},
    {&row_add_rows_index, 3, 5, 7, 4, false},
    {&row_add_rows_index, 4, 17, 33, 65, false},
    {&row_prepend, 1, 1, 1, 0, false},
    {&row_prepend, 3, 5, 7, 0, false},
    {&row_prepend, 4, 17, 33, 0, false},
    {&row_gather_rows, 1, 1, 1, 1, false},
    {&row_gather_rows, 3, 5, 7, 8, false},
    {&row_gather_rows, 2, 11, 3, 4, false},
    {&row_gather_rows, 4, 64, 33, 16, false},
    {&row_scatter_rows, 1, 2, 1, 1, false},
    {&row_scatter_rows, 3, 5, 7, 2, false},
    {&row_scatter_rows, 2, 7, 17, 6, false},
    {&row_scatter_rows, 4, 64, 33, 16, false},
    {&row_mean_tokens, 1, 1, 1, 0, false},
    {&row_mean_tokens, 3, 5, 7, 1, false},
    {&row_mean_tokens, 2, 4, 17, 3, false},
    {&row_mean_tokens, 4, 65, 96, 1, false},
    {&row_mean_regions, 1, 1, 1, 1, false},
    {&row_mean_regions, 3, 2, 5, 2, false},
    {&row_mean_regions, 2, 5, 7, 3, false},
    {&row_mean_regions, 2, 7, 33, 4, false},
    {&row_take_token, 1, 1, 1, 0, false},
    {&row_take_token, 3, 5, 7, 4, false},
    {&row_take_token, 2, 17, 33, 0, false},
    {&row_patchify, 1, 1, 1, 1, false},
    {&row_patchify, 2, 3, 3, 2, false},
    {&row_patchify, 3, 2, 1, 7, false},
    {&row_mean_square_error, 1, 1, 1, 0, false},
    {&row_mean_square_error, 3, 5, 7, 0, false},
    {&row_mean_square_error, 8, 48, 48, 0, false},
    {&row_cross_entropy, 1, 1, 3, 1, true},
    {&row_cross_entropy, 1, 1, 1, 2, false},
    {&row_cross_entropy, 5, 1, 7, 3, false},
    {&row_cross_entropy, 7, 1, 17, 13, false},
    {&row_cross_entropy, 130, 1, 32, 300, false},
    {&row_cross_entropy, 700, 1, 8, 1300, false},
    {&row_cross_entropy_exclude, 5, 1, 7, 4, false},
    {&row_cross_entropy_exclude, 11, 1, 5, 17, false},
    {&row_cross_entropy_exclude, 300, 1, 16, 530, false},
    {&row_nt_xent, 4, 1, 3, 0, false},
    {&row_nt_xent, 10, 1, 17, 0, false},
    {&row_nt_xent, 514, 1, 24, 0, false},
    {&row_redundancy, 2, 1, 1, 0, false},
    {&row_redundancy, 5, 1, 3, 0, false},
    {&row_redundancy, 7, 1, 17, 0, false},
    {&row_redundancy, 140, 1, 150, 0, false},
    {&row_barlow_norm, 10, 1, 4, 2, false},
    {&row_barlow_norm, 300, 1, 24, 2, false},
    {&row_vicreg, 2, 1, 1, 0, false},
    {&row_vicreg, 5, 1, 3, 0, false},
    {&row_vicreg, 7, 1, 13, 0, false},
    {&row_vicreg, 140, 1, 150, 0, false},
    {&row_info_nce, 1, 1, 1, 1, false},
    {&row_info_nce, 5, 1, 7, 3, false},
    {&row_info_nce, 7, 1, 17, 13, false},
    {&row_info_nce, 130, 1, 32, 300, false},
    {&row_info_nce, 270, 1, 8, 1300, false},
    {&row_info_nce_projected, 4, 1, 3, 5, false},
    {&row_info_nce_projected, 9, 1, 17, 11, false},
    {&row_matmul, 1, 1, 1, 1, false},
    {&row_matmul, 2, 3, 5, 7, false},
    {&row_matmul_src_transposed, 2, 3, 5, 7, false},
    {&row_matmul_wei_transposed, 2, 3, 5, 7, false},
    {&row_matmul_both_transposed, 2, 3, 5, 7, false},
    {&row_convolution, 1, 1, 1, 11, false},
    {&row_convolution, 2, 3, 2, 31, false},
    {&row_convolution, 2, 5, 3, 11, false},
    {&row_convolution, 2, 5, 3, 12, false},
    {&row_convolution, 2, 5, 7, 31, false},
    {&row_convolution, 2, 6, 3, 32, false},
    {&row_convolution, 2, 7, 3, 72, false},
    {&row_convolution, 3, 9, 17, 32, false},
    {&row_max_pool, 1, 1, 1, 11, false},
    {&row_max_pool, 2, 4, 3, 11, false},
    {&row_max_pool, 2, 7, 5, 11, false},
    {&row_softmax_cross_entropy, 1, 1, 3, 0, false},
    {&row_softmax_cross_entropy, 5, 1, 7, 0, false},
    {&row_softmax_cross_entropy, 33, 1, 10, 0, false},
    {&row_softmax_cross_entropy, 67, 1, 129, 0, false},
    {&row_weighted_square_error, 1, 1, 2, 0, false},
    {&row_weighted_square_error, 3, 5, 7, 0, false},
    {&row_weighted_square_error, 8, 16, 48, 0, false},
    {&row_rotary, 1, 1, 2, 1, false},
    {&row_rotary, 2, 3, 8, 2, false},
    {&row_rotary, 3, 17, 36, 3, false},
    {&row_rotary, 2, 65, 64, 2, false},
    {&row_rotary, 1, 1500, 34, 1, false},
    {&row_dropout, 1, 1, 4, 1, false},
    {&row_dropout, 4, 3, 7, 2, false},
    {&row_dropout, 6, 17, 33, 1, false},
    {&row_dropout, 6, 16, 40, 3, false},
    {&row_mean_valid, 1, 1, 1, 0, false},
    {&row_mean_valid, 4, 5, 7, 0, false},
    {&row_mean_valid, 5, 65, 33, 0, false},
    {&row_take_last, 1, 1, 1, 0, false},
    {&row_take_last, 4, 5, 7, 0, false},
    {&row_take_last, 5, 65, 33, 0, false},
    {&row_gelu_tanh, 1, 1, 1, 0, false},
    {&row_gelu_tanh, 2, 3, 17, 0, false},
    {&row_gelu_tanh, 4, 65, 97, 0, false},
    {&row_layer_norm_eps, 2, 1, 3, 0, false},
    {&row_layer_norm_eps, 3, 5, 7, 0, false},
    {&row_layer_norm_eps, 8, 65, 192, 0, false},
    {&row_embed_rows, 1, 2, 1, 1, false},
    {&row_embed_rows, 3, 5, 7, 4, false},
    {&row_embed_rows, 4, 17, 33, 65, false},
    {&row_attention_all, 1, 1, 1, 1, false},
    {&row_attention_all, 2, 3, 6, 2, false},
    {&row_attention_all, 2, 73, 48, 1, false},
    {&row_attention_all, 1, 150, 40, 2, false},
    {&row_attention_causal, 1, 1, 1, 1, false},
    {&row_attention_causal, 2, 3, 6, 2, false},
    {&row_attention_causal, 2, 9, 5, 5, false},
    {&row_attention_causal, 3, 33, 32, 2, false},
    {&row_attention_causal, 2, 64, 128, 4, false},
    {&row_attention_causal, 1, 129, 192, 3, false},
    {&row_attention_causal, 1, 256, 64, 1, false},
    {&row_attention_lengths, 4, 3, 4, 2, false},
    {&row_attention_lengths, 5, 20, 12, 3, false},
    {&row_attention_lengths, 7, 131, 48, 2, false},
    {&row_attention_causal_lengths, 4, 3, 4, 2, false},
    {&row_attention_causal_lengths, 5, 20, 12, 3, false},
    {&row_attention_causal_lengths, 7, 131, 48, 2, false},
    {&row_cross_entropy_words, 1, 1, 3, 2, false},
    {&row_cross_entropy_words, 6, 1, 7, 5, false},
    {&row_cross_entropy_words, 260, 1, 12, 259, false},
    {&row_cross_entropy_words, 600, 1, 8, 1300, false},
    {&row_scale, 1, 1, 1, 0, false},
    {&row_scale, 3, 5, 7, 0, false},
    {&row_scale, 4, 17, 33, 0, false},
    {&row_scale, 8, 65, 192, 0, false},
};

const operator_spec *operator_specs(int *count)
{
    *count = (int)(sizeof specs / sizeof *specs);
    return specs;
}

const operator_case *case_of(const problem *p)
{
    return p->user;
}

static void fill_input(const operator_case *c, int i, uint64_t seed)
{
    const operator_row *row = c->spec->row;
    double *x = c->problem.input[i];
    fill_normal(x, c->problem.count[i], seed, row->unit_inputs ? 1 / sqrt((double)c->spec->d) : 1);
    for (int64_t at = 0; row->avoids_zero && at < c->problem.count[i]; at++)
        x[at] = (double)(float)(x[at] + (x[at] < 0 ? -0.1 : 0.1));
}

static int32_t *whole_numbers(shape s)
{
    int32_t *numbers = calloc((size_t)shape_count(s), sizeof *numbers);
    if (!numbers)
        abort();
    return numbers;
}

static void make_index(operator_case *c)
{
    const operator_spec *s = c->spec;
    if (!s->row->fill)
        return;
    if (s->row->index_shape)
        c->index_shape = s->row->index_shape(s);
    else
        c->index_shape = c->output_shape.rank == 3 ? shape_2(s->b, s->k) : shape_1(s->b);
    c->index = whole_numbers(c->index_shape);
    if (s->row->has_exclude)
        c->exclude = whole_numbers(c->index_shape);
    s->row->fill(s, c->index, c->exclude);
}

operator_case *case_create(const operator_spec *spec, uint64_t seed)
{
    operator_case *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    const operator_row *row = spec->row;
    problem *p = &c->problem;
    *p = (problem){.name = c->name,
                   .inputs = row->inputs,
                   .differentiable = row->differentiable,
                   .forward = row->forward,
                   .backward = row->backward,
                   .user = c};
    c->spec = spec;
    snprintf(c->name, sizeof c->name, "%s(b %" PRId64 ", t %" PRId64 ", d %" PRId64 ", k %" PRId64 ")",
             row->name, spec->b, spec->t, spec->d, spec->k);
    for (int i = 0; i < row->inputs; i++) {
        c->shapes[i] = row->input_shape(spec, i);
        p->count[i] = shape_count(c->shapes[i]);
        p->input[i] = ref_alloc(p->count[i]);
        p->gradient[i] = ref_alloc(p->count[i]);
        fill_input(c, i, seed * 16 + (uint64_t)i);
    }
    c->output_shape = row->output_shape(spec);
    p->output_count = shape_count(c->output_shape);
    p->output = ref_alloc(p->output_count);
    p->upstream = ref_alloc(p->output_count);
    fill_normal(p->upstream, p->output_count, seed * 16 + 15, 1);
    make_index(c);
    return c;
}

void case_destroy(operator_case *c)
{
    for (int i = 0; i < c->problem.inputs; i++) {
        free(c->problem.input[i]);
        free(c->problem.gradient[i]);
    }
    free(c->problem.output);
    free(c->problem.upstream);
    free(c->index);
    free(c->exclude);
    free(c);
}

int64_t case_inputs_count(const operator_case *c)
{
    int64_t sum = 0;
    for (int i = 0; i < c->problem.differentiable; i++)
        sum += c->problem.count[i];
    return sum;
}
