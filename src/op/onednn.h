/* Matrix products and convolutions. op/onednn.c is the only file that knows the library behind this header.
 */
#ifndef OP_ONEDNN_H
#define OP_ONEDNN_H

#include "base/arena.h"

/* The primitives of one worker, cached by shape. Not for two threads at once. */
typedef struct backend backend;

tacit_status backend_create(backend **out, tacit_context *context);
void backend_destroy(backend *b);

/* Once on every thread before it creates or runs a primitive: one OpenMP thread inside the library. Without
 * it oneDNN 2.6 may build a primitive for all cores and wait for ever in a barrier of its own on one. */
void backend_thread_start(void);

/* dst = src wei + bias, or dst += src wei. All dense f32.
 *   src (batch, m, k), or (batch, k, m) when src_transposed
 *   wei (batch, k, n), or (batch, n, k) when wei_transposed
 *   dst (batch, m, n); bias (n) or absent */
typedef struct matmul_shape {
    int64_t batch, m, n, k;
    bool src_transposed, wei_transposed;
    bool bias;
    bool accumulate; /* add to dst */
} matmul_shape;

/* Workspace comes from `a` and is given back. `bias` is NULL unless shape->bias. A size below 1 is
 * TACIT_SHAPE. */
tacit_status backend_matmul(backend *b, arena *a, const matmul_shape *shape, const float *src,
                            const float *wei, const float *bias, float *dst);

/* A convolution without bias, as deep learning says it: dst[y][x] = sum over the window of src times wei.
 * Pictures are dense (batch, height, width, channels), src `inputs` channels deep and dst `outputs`; wei is
 * (outputs, inputs, kernel, kernel). Zeros of width `padding` lie around src. A side n becomes (n + 2 padding
 * - kernel) / stride + 1. */
typedef struct convolution_shape {
    int64_t batch, height, width, inputs, outputs, kernel, stride, padding;
} convolution_shape;

typedef enum convolution_pass {
    CONVOLUTION_FORWARD,      /* src, wei -> dst */
    CONVOLUTION_BACKWARD_SRC, /* gradient of dst, wei -> gradient of src */
    CONVOLUTION_BACKWARD_WEI, /* src, gradient of dst -> gradient of wei */
    CONVOLUTION_ADD_WEI       /* the same, added to what is there */
} convolution_pass;

/* Operands in the order of the pass. Workspace comes from `a` and is given back. Sizes that make no picture
 * are TACIT_SHAPE. */
tacit_status backend_convolution(backend *b, arena *a, const convolution_shape *shape, convolution_pass pass,
                                 const float *first, const float *second, float *result);
const char *backend_convolution_implementation(backend *b, const convolution_shape *shape,
                                               convolution_pass pass);

/* Side of the result; below 1 where there is none. */
int64_t convolution_side(int64_t side, int64_t kernel, int64_t stride, int64_t padding);

/* Floating-point operations so far: 2 batch m n k a product, and as many for a convolution as for the product
 * of its windows with its weights. */
double backend_operations(const backend *b);

/* Name of the implementation that serves this shape ("brg:avx512_core"); for tests: never "ref" on a hot
 * path. */
const char *backend_matmul_implementation(backend *b, const matmul_shape *shape);

#endif
