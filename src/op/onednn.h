/* Matrix products. op/onednn.c is the only file that knows the library behind this header. */
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

/* Floating-point operations of all products so far: 2 batch m n k each. */
double backend_operations(const backend *b);

/* Name of the implementation that serves this shape ("brg:avx512_core"); for tests: never "ref" on a hot
 * path. */
const char *backend_matmul_implementation(backend *b, const matmul_shape *shape);

#endif
