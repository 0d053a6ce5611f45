/* The operators that models are made of. One file each: shape rule, forward, backward.
 *
 * Every function runs forward at once, records itself on the tape, and returns the invalid value after any
 * failure (tape_status tells). f32 unless said otherwise. Values that hold whole numbers are i32 constants.
 */
#ifndef OP_OP_H
#define OP_OP_H

#include "tensor/tape.h"

/* y = x wei^T + bias.  x (..., K), wei (N, K), bias (N) or the invalid value -> (..., N).
 * x may not be the same value as wei or bias (TACIT_ARGUMENT).
 * Backward: dx = dy wei; dwei = dy^T x; dbias = sum of the rows of dy. */
value op_linear(tape *t, value x, value wei, value bias);

/* y = (x - mean) / sqrt(var + 1e-6) * gain + bias over the last axis; var is biased (Ba et al. 2016, eq. 4).
 * x (..., D), gain (D), bias (D). */
value op_layer_norm(tape *t, value x, value gain, value bias);

/* The same with another number, above 0, in place of 1e-6. */
value op_layer_norm_eps(tape *t, value x, value gain, value bias, float epsilon);

/* y = x Phi(x), exact and not by tanh (Hendrycks and Gimpel 2016); error under 2.5e-7 max(1, |x|). */
value op_gelu(tape *t, value x);

/* y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, the form that GPT-2 was trained with (Hendrycks and
 * Gimpel 2016, section 2); error under 2.5e-7 max(1, |x|), of the derivative under 1e-6. */
value op_gelu_tanh(tape *t, value x);

value op_relu(tape *t, value x);

/* Multi-head self-attention (Vaswani et al. 2017, eq. 1): qkv (B, T, 3D) holds queries, keys, values, each of
 * `heads` heads of D/heads -> (B, T, D), softmax(q k^T / sqrt(D/heads)) v. */
value op_attention(tape *t, value qkv, int heads);

/* The same where not every token sees every other. causal: token i sees tokens 0 .. i. lengths (B) i32 of 0
 * .. T, or the invalid value: tokens from lengths[b] on are seen by none, have zeros for their output, and
 * pass no gradient. The scores (T, T) are never whole in memory. */
value op_attention_masked(tape *t, value qkv, int heads, bool causal, value lengths);

/* Rotary positions (Su et al. 2021, section 3.4.2): in the queries and keys of qkv (B, T, 3D), of `heads`
 * heads of an even size d, numbers i and i + d/2 of a head are turned by position * base^(-2i/d), positions 0
 * .. T-1. The values stay as they are. base > 0 -> (B, T, 3D). */
value op_rotary(tape *t, value qkv, int heads, float base);

/* Each number is 0 with probability `rate`, in [0, 1), and else over the probability to stay (Srivastava et
 * al. 2014, inverted): `rate` to the nearest 1/65536. Which ones follows from tape_set_noise; x (count *
 * views rows, or a multiple, ...). Without noise, and except in training, y is x. */
value op_dropout(tape *t, value x, float rate);

value op_add(tape *t, value a, value b); /* same shape */

/* y = x gain, number by number of the last axis (Touvron et al. 2021, "Going deeper with image transformers",
 * eq. 4). x (..., D), gain (D). */
value op_scale(tape *t, value x, value gain);

/* x (B, T, D) plus a row of `table` (R, D) at each token: row index[b][t] where index (B, T) i32 is given,
 * row t where it is the invalid value (then R is T or more). */
value op_add_rows(tape *t, value x, value table, value index);

/* Rows of a table by number: ids (B, T) i32, table (V, D) -> (B, T, D). Id -1 (padding) gives a row of zeros
 * and no gradient; any other outside 0 .. V-1 is TACIT_ARGUMENT. The table may serve other operators too. */
value op_embed_rows(tape *t, value ids, value table);

/* One more token before the others: x (B, T, D), token (D) -> (B, T+1, D). */
value op_prepend(tape *t, value x, value token);

/* x (B, T, D), index (B, K) i32 of tokens 0..T-1 -> (B, K, D). */
value op_gather_rows(tape *t, value x, value index);

/* The inverse for masking: x (B, K, D) goes to the tokens named by index (B, K) of an output (B, tokens, D);
 * every other token is `fill` (D). Indices of one example must differ. */
value op_scatter_rows(tape *t, value x, value index, value fill, int64_t tokens);

/* Mean of tokens first..T-1: x (B, T, D) -> (B, D). */
value op_mean_tokens(tape *t, value x, int64_t first);

/* Mean of the tokens in each of side x side regions of a grid of `down` rows that starts at token `first`:
 * x (B, T, D) -> (B, side*side*D), regions in row order. side is at most the grid's height and width. */
value op_mean_regions(tape *t, value x, int64_t first, int64_t down, int64_t side);

/* One token: x (B, T, D) -> (B, D). */
value op_take_token(tape *t, value x, int64_t token);

/* Where examples have lengths (B) i32 of 0 .. T: mean of the first lengths[b] tokens, and the last of them.
 * x (B, T, D) -> (B, D); zeros for length 0. */
value op_mean_valid(tape *t, value x, value lengths);
value op_take_last(tape *t, value x, value lengths);

/* y = x / max(||x||, 1e-12) by rows. x (N, D). */
value op_l2_normalize(tape *t, value x);

/* Batch norm over the rows of x (N, D), biased variance, eps 1e-5 (Ioffe and Szegedy 2015, algorithm 1). gain
 * and bias (D) may be the invalid value: 1 and 0. N >= 2. */
value op_batch_norm(tape *t, value x, value gain, value bias);

/* The same with a mean and a variance for each view: rows r with equal r % views are normalised together.
 * Gain and bias are shared. N is a multiple of `views`, and N / views >= 2. */
value op_batch_norm_views(tape *t, value x, value gain, value bias, int64_t views);

/* The same in an encoder, over the rows of x (..., D) of this lane. `mean` and `variance` (D) are parameters
 * without gradient: in inference they take the place of the lane's own; in calibration the lane's mean and
 * biased variance are their gradients (tape_bind_gradients). */
value op_batch_norm_lane(tape *t, value x, value gain, value bias, value mean, value variance);

/* x (B, H, W, C), wei (N, C, k, k) -> (B, H', W', N), H' = (H + 2 padding - k) / stride + 1: torchvision's
 * layout of weights, no bias. x may not be the same value as wei. stride 1 to 255, padding 0 to 255. */
value op_convolution(tape *t, value x, value wei, int64_t stride, int64_t padding);

/* The largest number of each 3 x 3 window, stride 2, padding 1 (He et al. 2016, table 1): x (B, H, W, C) ->
 * (B, (H+1)/2, (W+1)/2, C). The gradient goes to the first of equals. */
value op_max_pool(tape *t, value x);

/* Pictures to patches: x (B, H, W, C) -> (B, (H/p)(W/p), p*p*C); within a patch rows, then columns, then
 * channels. H and W are multiples of `patch`. No gradient. */
value op_patchify(tape *t, value x, int64_t patch);

/* Each row minus its mean, over sqrt(unbiased variance + 1e-6): the target of the masked autoencoder (He et
 * al. 2022, section 3). No gradient. */
value op_normalize_rows(tape *t, value x);

/* Mean of the squared differences: prediction and target of one shape -> (1). No gradient to the target. */
value op_mean_square_error(tape *t, value prediction, value target);

/* sum of w (prediction - target)^2 over the sum of w, weights w >= 0 of the same shape, not all 0 -> (1). No
 * gradient to target and weights. */
value op_weighted_square_error(tape *t, value prediction, value target, value weights);

/* Mean over rows of -log softmax(query keys^T / temperature)[target], in tiles: the logits (N, M) are never
 * whole in memory. query (N, D), keys (M, D), target (N) i32 of rows of keys; `exclude` (N) i32 names one key
 * a row that takes no part (-1: none), or is the invalid value. -> (1). NT-Xent (Chen et al. 2020, eq. 1) is
 * query = keys = normalised embeddings, exclude = the row itself. As the loss of a language model keys are
 * the table of its words, which op_embed_rows may share. Rows with target -1 are not counted, and get a
 * gradient of zeros; where no row is counted, the loss is 0. */
value op_cross_entropy(tape *t, value query, value keys, value target, value exclude, float temperature);

/* Mean over rows of -sum_c q_c log softmax(logits)_c, q being 1 - smoothing on the row's class plus smoothing
 * / C on every one (Szegedy et al. 2016, "Rethinking the Inception architecture", section 7). logits (N, C),
 * label (N) i32 of 0 .. C-1, smoothing 0 to 1 -> (1). */
value op_softmax_cross_entropy(tape *t, value logits, value label, float smoothing);

/* Redundancy reduction (Zbontar et al. 2021, "Barlow Twins", eq. 1): a and b (N, D), columns of mean 0 and
 * variance 1 over the rows; C = a^T b / N -> sum_i (C_ii - 1)^2 + weight * sum_{i != j} C_ij^2, (1).
 * weight >= 0 is the paper's lambda. C (D, D) is in memory. */
value op_redundancy(tape *t, value a, value b, float weight);

/* Weights of the three terms, lambda, mu and nu of the paper; each >= 0. */
typedef struct vicreg_weights {
    float invariance, variance, covariance;
} vicreg_weights;

/* Variance, invariance, covariance (Bardes, Ponce, LeCun 2022, "VICReg", eq. 1 to 6): a and b (N, D), N >= 2
 * -> (1). With S = sqrt(unbiased variance of a column + 1e-4) and C the unbiased covariance of the columns:
 *   invariance * mean of (a - b)^2
 *   + variance * (mean of max(0, 1 - S(a)) / 2 + mean of max(0, 1 - S(b)) / 2)
 *   + covariance * (sum of C(a)_ij^2 + sum of C(b)_ij^2 over i != j) / D
 * as in the authors' program: the mean square is over all N D numbers, and the variance has halves, neither
 * of which the paper's equations have. Two C (D, D) are in memory. */
value op_vicreg(tape *t, value a, value b, vicreg_weights weights);

/* Mean over rows of -log of the softmax's share of the row's own key: logits [query . positive, query
 * negatives^T] / temperature (van den Oord et al. 2018, eq. 4; He et al. 2020, eq. 1). query and positive (N,
 * D), negatives (M, D) -> (1). In tiles: the logits (N, M) are never whole in memory. No gradient to positive
 * and negatives. */
value op_info_nce(tape *t, value query, value positive, value negatives, float temperature);

value op_reshape(tape *t, value x, shape s); /* same count */

#endif
