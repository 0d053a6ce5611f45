/* Every operator of src/op/op.h as a problem in double precision: shapes, inputs, reference forward and
 * backward, and a backward with a typical mistake. What the two gradient tests run over. */
#ifndef TESTS_GRAD_CASES_H
#define TESTS_GRAD_CASES_H

#include "grad/check.h"
#include "tensor/tape.h"

typedef struct operator_spec operator_spec;

/* One operator. */
typedef struct operator_row {
    const char *name;
    int inputs, differentiable;
    shape (*input_shape)(const operator_spec *s, int i);
    shape (*output_shape)(const operator_spec *s);
    void (*forward)(problem *p);
    problem_backward backward;
    problem_backward mistaken; /* one term missing or misplaced: the checker must refuse it */
    /* Fills index (and exclude, where the operator has one): whole numbers the operator is given. NULL: none.
     */
    void (*fill)(const operator_spec *s, int32_t *index, int32_t *exclude);
    shape (*index_shape)(const operator_spec *s); /* NULL: (b, k) for tokens, (b) for rows */
    int64_t (*terms)(
        const operator_spec *s); /* longest sum behind one number: f32 error grows with its root */
    /* The operator of the library; NULL for what is no operator of the tape. */
    value (*apply)(tape *t, const operator_spec *s, const value *inputs, value index, value exclude);
    bool has_exclude;
    bool only_training; /* in inference the operator is another function */
    bool avoids_zero;   /* inputs keep 0.1 away from 0, where the function has a kink */
    bool unit_inputs;   /* inputs of deviation 1 / sqrt(D) rather than 1 */
    double temperature;
} operator_row;

/* One operator at one size. What t, d and k mean is said at each row; b is examples, or rows. */
struct operator_spec {
    const operator_row *row;
    int64_t b, t, d, k;
    bool degenerate; /* some gradient is zero by nature: no proof by differences */
};

typedef struct operator_case {
    problem problem; /* problem.user is this case */
    const operator_spec *spec;
    shape shapes[PROBLEM_INPUTS], output_shape;
    int32_t *index, *exclude; /* NULL: the operator has none */
    shape index_shape;
    char name[96];
} operator_case;

/* Inputs and upstream gradient are drawn from `seed`; everything is allocated. Ends with case_destroy. */
operator_case *case_create(const operator_spec *spec, uint64_t seed);
void case_destroy(operator_case *c);

/* Numbers in all differentiable inputs together. */
int64_t case_inputs_count(const operator_case *c);

/* All specs. */
const operator_spec *operator_specs(int *count);

extern const operator_row row_linear, row_linear_bias, row_layer_norm, row_gelu, row_relu, row_attention,
    row_batch_norm, row_batch_norm_affine, row_batch_norm_views, row_l2_normalize, row_normalize_rows;
extern const operator_row row_add, row_scale, row_add_rows, row_add_rows_index, row_prepend, row_gather_rows,
    row_scatter_rows, row_mean_tokens, row_mean_regions, row_take_token, row_patchify;
extern const operator_row row_convolution, row_max_pool;
extern const operator_row row_mean_square_error, row_cross_entropy, row_cross_entropy_exclude,
    row_cross_entropy_words, row_nt_xent, row_redundancy, row_vicreg, row_barlow_norm, row_info_nce,
    row_info_nce_projected, row_softmax_cross_entropy, row_weighted_square_error;
extern const operator_row row_rotary, row_dropout, row_mean_valid, row_take_last, row_gelu_tanh,
    row_layer_norm_eps, row_embed_rows, row_attention_all, row_attention_causal, row_attention_lengths,
    row_attention_causal_lengths;
extern const operator_row row_matmul, row_matmul_src_transposed, row_matmul_wei_transposed,
    row_matmul_both_transposed;

/* For the rows' own files. */
const operator_case *case_of(const problem *p);

#endif
