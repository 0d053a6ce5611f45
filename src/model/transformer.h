/* Transformer parts that encoders and decoders share: linear layers, norms, blocks, positions. */
#ifndef MODEL_TRANSFORMER_H
#define MODEL_TRANSFORMER_H

#include "model/parameters.h"
#include "op/op.h"

typedef struct linear_layer {
    value wei, bias; /* (N, K), (N) or the invalid value */
} linear_layer;

typedef struct norm_layer {
    value gain, bias; /* (D) */
} norm_layer;

/* A pre-norm block (Xiong et al. 2020): x + attention(norm(x)), then x + mlp(norm(x)), mlp of 4 D with GELU.
 */
typedef struct block {
    norm_layer norm1, norm2;
    linear_layer qkv, projection, expand, contract;
    value scale1, scale2; /* (D) each, or the invalid value: block_declare_scales */
    int heads;
} block;

/* Epsilon of the norms, where nothing else is said. */
static const float norm_epsilon_of_pictures = 1e-6f, norm_epsilon_of_texts = 1e-5f;

/* Base of the frequencies of rotary positions (Su et al. 2021, section 3.2.2). */
static const float rotary_base = 10000.0f;

/* How a block works. */
typedef struct block_style {
    bool masked, causal; /* attention: with `lengths`, and whether a token sees those before it only */
    value lengths;       /* (B) i32, or the invalid value */
    bool rotary;         /* positions are rotations of queries and keys */
    bool tanh;           /* GELU in its approximation by tanh */
    float dropout;       /* of what attention and the perceptron add */
    float epsilon;       /* of the norms */
} block_style;

/* Declared as "PREFIX.weight" and "PREFIX.bias". */
linear_layer linear_declare(parameters *p, const char *prefix, int64_t inputs, int64_t outputs);
norm_layer norm_declare(parameters *p, const char *prefix, int64_t width);
block block_declare(parameters *p, const char *prefix, int64_t width, int heads);
/* "PREFIX.scale1.weight" and "PREFIX.scale2.weight", first `number`: what attention, and the perceptron, add
 * is multiplied by (LayerScale, Touvron et al. 2021, eq. 4). */
void block_declare_scales(block *b, parameters *p, const char *prefix, int64_t width, float number);

value linear_apply(tape *t, const linear_layer *l, value x);
value norm_apply(tape *t, const norm_layer *n, value x); /* epsilon 1e-6 */
value norm_apply_eps(tape *t, const norm_layer *n, value x, float epsilon);
/* (B, T, D) -> (B, T, D). The input is not to be read again afterwards: its memory may return. */
value block_apply(tape *t, const block *b, value x, const block_style *style);

/* The index (B, K) i32 of tokens once one more stands before them: 0, then each plus 1 -> (B, 1+K). */
value index_with_class(tape *t, value index);

/* Fixed two-dimensional positions (He et al. 2022, after Vaswani et al. 2017): rows of `width` for a grid of
 * down x across patches, in row order; the first half of a row is of the column, the second of the row, each
 * [sines, cosines] with frequencies 10000^(-k / (width/4)). With `class_row`, a row of zeros comes first. out
 * (class_row + down * across, width); width is a multiple of 4. */
void positions_fill(float *out, int64_t width, int64_t down, int64_t across, bool class_row);

#endif
