/* What the operators' own kernels share beside base/kernel.h: exp and erf in plain C, and splitting rows over
 * workers. */
#ifndef OP_KERNEL_H
#define OP_KERNEL_H

#include "base/kernel.h"
#include "op/op.h"
#include "op/work.h"

/* exp(x), relative error under 2e-7; 0 below -87.3, exp(88) above 88. Branch-free, so loops over it
 * vectorise. x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 7, 2^n by the exponent
 * bits. */
INLINE float kernel_exp(float x)
{
    const float inside = x < -87.3f ? -87.3f : (x > 88.0f ? 88.0f : x);
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    const float shifted = inside * 1.44269504f + magic;
    const float n = shifted - magic;
    const float r = (inside - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    bits = (int32_t)((uint32_t)(bits + 127) << 23); /* the low bits of `shifted` are n */
    float power;
    __builtin_memcpy(&power, &bits, sizeof power);
    return x < -87.3f ? 0.0f : p * power;
}

/* The normal distribution at x: *density = phi(x), and its integral Phi(x), absolute error under 2e-7. One
 * exponential serves both (Abramowitz and Stegun 1964, 7.1.26, with u = |x| / sqrt 2). */
INLINE float kernel_normal(float x, float *density)
{
    const float u = (x < 0.0f ? -x : x) * 0.70710678f;
    const float t = 1.0f / (1.0f + 0.3275911f * u);
    const float e = kernel_exp(-u * u);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const float tail = 0.5f * p * t * e;
    *density = 0.39894228f * e;
    return x < 0.0f ? tail : 1.0f - tail;
}

/* x Phi(x), absolute error under 2e-7 max(1, |x|), 2.5e-7 on machines without fused multiply-add: Phi(x) =
 * 1/2 + x P(x^2) / Q(x^2) on [-5.6, 5.6], a rational fitted for this range (errors of the fit 1e-8; the rest
 * is rounding). Two thirds of the time that an exponential takes. Below -5.6 it is 0, the rounding of 1/2 -
 * 1/2 would otherwise grow with |x|. */
INLINE float kernel_gelu(float x)
{
    const float inside = x < -5.6f ? -5.6f : (x > 5.6f ? 5.6f : x);
    const float square = inside * inside;
    float p = 2.21452545e-8f;
    p = p * square + 6.3565094e-6f;
    p = p * square + 1.73850058e-4f;
    p = p * square + 4.70725587e-3f;
    p = p * square + 3.43760587e-2f;
    p = p * square + 3.98942232e-1f;
    float q = 1.18020853e-6f;
    q = q * square + 7.5101605e-5f;
    q = q * square + 1.91297475e-3f;
    q = q * square + 2.89400592e-2f;
    q = q * square + 2.52833724e-1f;
    q = q * square + 1.0f;
    return x < -5.6f ? 0.0f : 0.5f * x + x * (inside * (p / q));
}

/* The share of x that the tanh form of GELU lets through, (1 + tanh u) / 2 = 1 / (1 + exp(-2 u)) with u =
 * sqrt(2 / pi) (x + 0.044715 x^3), and *bend = x d share / dx. Beyond 10 they are 0 or 1, and 0, within
 * 1e-35. */
INLINE float kernel_gate(float x, float *bend)
{
    const float inside = x < -10.0f ? -10.0f : (x > 10.0f ? 10.0f : x);
    const float square = inside * inside;
    const float e = kernel_exp(inside * (-1.59576912f - 0.0713548163f * square));
    const float share = 1.0f / (1.0f + e);
    *bend = inside * share * (e * share) * (1.59576912f + 0.214064449f * square);
    return share;
}

/* Runs job(user, i, worker) for each block 0 .. blocks-1: over the tape's workers if it has any, else here as
 * worker 0. */
void kernel_run(tape *t, int64_t blocks, void (*job)(void *user, int64_t i, int worker), void *user);

/* Rows in a block when a tape has workers; without workers one block holds all rows. A fixed number: results
 * must not depend on how many workers there are. */
enum { KERNEL_ROWS = 256 };
int64_t kernel_block_rows(const tape *t, int64_t rows);
int64_t kernel_blocks(const tape *t, int64_t rows);

/* Whether `lengths` is (batch) i32 of 0 .. tokens; if not, the tape fails, with the operator's `name` in the
 * message. */
bool kernel_lengths_fit(tape *t, const char *name, value lengths, int64_t batch, int64_t tokens);

/* dst (width, rows) = src (rows, width), transposed. */
void kernel_transpose(tape *t, const float *src, int64_t rows, int64_t width, float *dst);

/* A matrix product as worker `worker` of the tape. */
tacit_status kernel_matmul(tape *t, int worker, const matmul_shape *sizes, const float *src, const float *wei,
                           const float *bias, float *dst);

#endif
