/* A second opinion on every operator of src/op/op.h: plain loops in double precision, written from the papers
 * and not from src/. Nothing here is fast, and nothing here includes a header of the library.
 *
 * Conventions: arrays are dense and row-major. NAME is the forward pass; NAME_backward is given `dy`, the
 * gradient of some number L with respect to the output, and writes (never adds to) the gradients of L with
 * respect to the inputs. Letters: B examples, T tokens, D width, K inner or selected size, N rows, M keys. */
#ifndef TESTS_REF_REFERENCE_H
#define TESTS_REF_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

/* `count` doubles, zeroed; the program ends when there are none. Freed by the caller with free(). */
double *ref_alloc(int64_t count);

/* ---- ref_linear.c ---- */

/* dst (batch, m, n) = src wei: src (batch, m, k) or (batch, k, m) when src_transposed, wei (batch, k, n) or
 * (batch, n, k) when wei_transposed. */
typedef struct ref_product {
    int64_t batch, m, n, k;
    bool src_transposed, wei_transposed;
} ref_product;
void ref_matmul(const ref_product *p, const double *src, const double *wei, double *dst);
void ref_matmul_backward(const ref_product *p, const double *src, const double *wei, const double *ddst,
                         double *dsrc, double *dwei);

/* x (rows, K), wei (N, K), bias (N) or NULL -> y (rows, N). dbias may be NULL. */
void ref_linear(int64_t rows, int64_t k, int64_t n, const double *x, const double *wei, const double *bias,
                double *y);
void ref_linear_backward(int64_t rows, int64_t k, int64_t n, const double *x, const double *wei,
                         const double *dy, double *dx, double *dwei, double *dbias);

/* ---- ref_activation.c ---- */

void ref_gelu(int64_t count, const double *x, double *y);
void ref_gelu_backward(int64_t count, const double *x, const double *dy, double *dx);
void ref_gelu_tanh(int64_t count, const double *x, double *y);
void ref_gelu_tanh_backward(int64_t count, const double *x, const double *dy, double *dx);
void ref_relu(int64_t count, const double *x, double *y);
void ref_relu_backward(int64_t count, const double *x, const double *dy, double *dx); /* 0 where x <= 0 */

/* ---- ref_normalize.c ---- */

/* x (rows, D), gain (D), bias (D). */
void ref_layer_norm(int64_t rows, int64_t d, double epsilon, const double *x, const double *gain,
                    const double *bias, double *y);
void ref_layer_norm_backward(int64_t rows, int64_t d, double epsilon, const double *x, const double *gain,
                             const double *dy, double *dx, double *dgain, double *dbias);

/* x (rows, D); gain and bias (D) or NULL: 1 and 0. dgain, dbias may be NULL. */
void ref_batch_norm(int64_t rows, int64_t d, const double *x, const double *gain, const double *bias,
                    double *y);
void ref_batch_norm_backward(int64_t rows, int64_t d, const double *x, const double *gain, const double *dy,
                             double *dx, double *dgain, double *dbias);

/* x (rows, D). The backward is that of rows longer than 1e-12. */
void ref_l2_normalize(int64_t rows, int64_t d, const double *x, double *y);
void ref_l2_normalize_backward(int64_t rows, int64_t d, const double *x, const double *dy, double *dx);

/* x (rows, D), D >= 2; a constant of the loss, so it has no backward. */
void ref_normalize_rows(int64_t rows, int64_t d, const double *x, double *y);

/* ---- ref_convolution.c ---- */

/* x (B, H, W, C), wei (N, C, k, k) -> y (B, (H + 2 padding - k) / stride + 1, the same of W, N). */
typedef struct ref_windows {
    int64_t batch, height, width, inputs, outputs, kernel, stride, padding;
} ref_windows;
void ref_convolution(const ref_windows *s, const double *x, const double *wei, double *y);
void ref_convolution_backward(const ref_windows *s, const double *x, const double *wei, const double *dy,
                              double *dx, double *dwei);

/* 3 x 3 windows, stride 2, padding 1: x (B, H, W, C) -> (B, (H+1)/2, (W+1)/2, C). */
void ref_max_pool(int64_t b, int64_t h, int64_t w, int64_t c, const double *x, double *y);
void ref_max_pool_backward(int64_t b, int64_t h, int64_t w, int64_t c, const double *x, const double *dy,
                           double *dx);

/* ---- ref_attention.c ---- */

/* qkv (B, T, 3 D) -> y (B, T, D). */
void ref_attention(int64_t b, int64_t t, int64_t d, int64_t heads, const double *qkv, double *y);
void ref_attention_backward(int64_t b, int64_t t, int64_t d, int64_t heads, const double *qkv,
                            const double *dy, double *dqkv);

/* The same where token t sees tokens 0 .. t only (causal), or those before a length (B) only; NULL: all. A
 * token that sees none has zeros for its output. */
typedef struct ref_masks {
    bool causal;
    const int32_t *lengths;
} ref_masks;
void ref_attention_masked(int64_t b, int64_t t, int64_t d, int64_t heads, const ref_masks *masks,
                          const double *qkv, double *y);
void ref_attention_masked_backward(int64_t b, int64_t t, int64_t d, int64_t heads, const ref_masks *masks,
                                   const double *qkv, const double *dy, double *dqkv);

/* ---- ref_rows.c ---- */

void ref_add(int64_t count, const double *a, const double *b, double *y);
void ref_add_backward(int64_t count, const double *dy, double *da, double *db);

/* x (rows, D), gain (D). */
void ref_scale(int64_t rows, int64_t d, const double *x, const double *gain, double *y);
void ref_scale_backward(int64_t rows, int64_t d, const double *x, const double *gain, const double *dy,
                        double *dx, double *dgain);

/* x (B, T, D), table (R, D), index (B, T) or NULL: row t. */
void ref_add_rows(int64_t b, int64_t t, int64_t d, int64_t r, const double *x, const double *table,
                  const int32_t *index, double *y);
void ref_add_rows_backward(int64_t b, int64_t t, int64_t d, int64_t r, const int32_t *index, const double *dy,
                           double *dx, double *dtable);

/* x (B, T, D), token (D) -> (B, T+1, D). */
void ref_prepend(int64_t b, int64_t t, int64_t d, const double *x, const double *token, double *y);
void ref_prepend_backward(int64_t b, int64_t t, int64_t d, const double *dy, double *dx, double *dtoken);

/* x (B, T, D), index (B, K) -> (B, K, D). An index may occur twice. */
void ref_gather_rows(int64_t b, int64_t t, int64_t d, int64_t k, const double *x, const int32_t *index,
                     double *y);
void ref_gather_rows_backward(int64_t b, int64_t t, int64_t d, int64_t k, const int32_t *index,
                              const double *dy, double *dx);

/* x (B, K, D), index (B, K) distinct in an example, fill (D) -> (B, T, D). */
void ref_scatter_rows(int64_t b, int64_t t, int64_t d, int64_t k, const double *x, const int32_t *index,
                      const double *fill, double *y);
void ref_scatter_rows_backward(int64_t b, int64_t t, int64_t d, int64_t k, const int32_t *index,
                               const double *dy, double *dx, double *dfill);

/* x (B, T, D) -> (B, D). */
void ref_mean_tokens(int64_t b, int64_t t, int64_t d, int64_t first, const double *x, double *y);
void ref_mean_tokens_backward(int64_t b, int64_t t, int64_t d, int64_t first, const double *dy, double *dx);

/* x (B, 1 + down*across, D), a token before a grid -> (B, side*side, D): means of the regions. */
void ref_mean_regions(int64_t b, int64_t down, int64_t across, int64_t d, int64_t side, const double *x,
                      double *y);
void ref_mean_regions_backward(int64_t b, int64_t down, int64_t across, int64_t d, int64_t side,
                               const double *dy, double *dx);
void ref_take_token(int64_t b, int64_t t, int64_t d, int64_t token, const double *x, double *y);
void ref_take_token_backward(int64_t b, int64_t t, int64_t d, int64_t token, const double *dy, double *dx);

/* x (B, H, W, C) -> (B, (H/p)(W/p), p*p*C); pictures have no gradient. */
void ref_patchify(int64_t b, int64_t h, int64_t w, int64_t c, int64_t patch, const double *x, double *y);

/* ---- ref_text.c ---- */

/* ids (B, T), table (V, D) -> (B, T, D); id -1: zeros. */
void ref_embed_rows(int64_t b, int64_t t, int64_t d, const double *table, const int32_t *ids, double *y);
void ref_embed_rows_backward(int64_t b, int64_t t, int64_t d, int64_t v, const int32_t *ids, const double *dy,
                             double *dtable);

/* x (B, T, D), lengths (B) -> (B, D): the mean of the first lengths[b] tokens, or the last of these. */
void ref_mean_valid(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *x, double *y);
void ref_mean_valid_backward(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *dy,
                             double *dx);
void ref_take_last(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *x, double *y);
void ref_take_last_backward(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *dy,
                            double *dx);

/* y = x factor; the factors, 0 or more than 1, are drawn by the caller. */
void ref_dropout(int64_t count, const double *x, const double *factor, double *y);
void ref_dropout_backward(int64_t count, const double *factor, const double *dy, double *dx);

/* qkv (B, T, 3 D): queries and keys turned by their positions; turned back, the backward. */
typedef struct ref_rotary_shape {
    int64_t b, t, d, heads;
    double base;
} ref_rotary_shape;
void ref_rotary(const ref_rotary_shape *s, const double *qkv, double *y);
void ref_rotary_backward(const ref_rotary_shape *s, const double *dy, double *dqkv);

/* ---- ref_loss.c ---- */

/* -> the loss. */
double ref_mean_square_error(int64_t count, const double *prediction, const double *target);
void ref_mean_square_error_backward(int64_t count, const double *prediction, const double *target,
                                    double dloss, double *dprediction);

double ref_weighted_square_error(int64_t count, const double *prediction, const double *target,
                                 const double *weights);
void ref_weighted_square_error_backward(int64_t count, const double *prediction, const double *target,
                                        const double *weights, double dloss, double *dprediction);

/* query (N, D), keys (M, D), target (N; -1: not counted), exclude (N; -1: none) or NULL. Where query and keys
 * are the same numbers, their gradient is dquery + dkeys. */
typedef struct ref_contrast {
    int64_t n, m, d;
    const int32_t *target, *exclude;
    double temperature;
} ref_contrast;
double ref_cross_entropy(const ref_contrast *c, const double *query, const double *keys);
void ref_cross_entropy_backward(const ref_contrast *c, const double *query, const double *keys, double dloss,
                                double *dquery, double *dkeys);

/* logits (N, C), label (N): softmax cross-entropy with label smoothing (Szegedy et al. 2016, section 7). */
typedef struct ref_classes {
    int64_t n, classes;
    const int32_t *label;
    double smoothing;
} ref_classes;
double ref_softmax_cross_entropy(const ref_classes *c, const double *logits);
void ref_softmax_cross_entropy_backward(const ref_classes *c, const double *logits, double dloss,
                                        double *dlogits);

/* a, b (N, D): Barlow Twins' loss with correlations a^T b / N (Zbontar et al. 2021, equation 1). */
double ref_redundancy(int64_t n, int64_t d, double weight, const double *a, const double *b);
void ref_redundancy_backward(int64_t n, int64_t d, double weight, const double *a, const double *b,
                             double dloss, double *da, double *db);

/* a, b (N, D): VICReg's loss, as the authors' program has it (Bardes et al. 2022). */
typedef struct ref_vicreg_weights {
    double invariance, variance, covariance;
} ref_vicreg_weights;
double ref_vicreg(int64_t n, int64_t d, ref_vicreg_weights w, const double *a, const double *b);
void ref_vicreg_backward(int64_t n, int64_t d, ref_vicreg_weights w, const double *a, const double *b,
                         double dloss, double *da, double *db);

/* query and positive (N, D), negatives (M, D); target and exclude are not read. The gradient is that of the
 * query alone. */
double ref_info_nce(const ref_contrast *c, const double *query, const double *positive,
                    const double *negatives);
void ref_info_nce_backward(const ref_contrast *c, const double *query, const double *positive,
                           const double *negatives, double dloss, double *dquery);

#endif
