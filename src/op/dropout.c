/* op_dropout. What is left out is a function of keyed random numbers, drawn again in backward: that takes
 * less time than keeping it takes memory. */
#include "op/kernel.h"

#include "base/philox.h"

#include <math.h>

/* Numbers of 16 bits decide. 16 blocks of Philox, which has 4 words of 32 bits, are drawn side by side and
 * decide over a run of 128 numbers: number (half * 4 + word) * 16 + block by that half of that word of that
 * block. Part of the promise of equal bits. */
enum { LANES = 16, WORDS = 4, RUN = 2 * WORDS * LANES };

/* Bits of a block's counter that say which block of its operator it is; the rest is the operator's number. */
enum { BLOCK_BITS = 22 };

typedef struct dropout {
    tape_noise noise;
    int64_t number;     /* of the operator */
    int64_t row;        /* numbers of one view of one example */
    uint32_t threshold; /* of 65536: below it a number is left out */
    float scale;        /* of those that stay: one over their share */
} dropout;

/* The ten rounds of philox4x32 on LANES counters. */
INLINE void philox_lanes(uint32_t c[WORDS][LANES], uint32_t k0, uint32_t k1)
{
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            const uint64_t p0 = UINT64_C(0xD2511F53) * c[0][i], p1 = UINT64_C(0xCD9E8D57) * c[2][i];
            c[0][i] = (uint32_t)(p1 >> 32) ^ c[1][i] ^ k0;
            c[1][i] = (uint32_t)p1;
            c[2][i] = (uint32_t)(p0 >> 32) ^ c[3][i] ^ k1;
            c[3][i] = (uint32_t)p0;
        }
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
}

/* 0 or the scale, for one run. */
INLINE void factors_of(const dropout *d, const draws *key, uint32_t block, float factors[RUN])
{
    uint32_t c[WORDS][LANES];
    for (int i = 0; i < LANES; i++) {
        c[0][i] = block + (uint32_t)i;
        for (int w = 1; w < WORDS; w++)
            c[w][i] = key->counter[w];
    }
    philox_lanes(c, key->key[0], key->key[1]);
    const uint32_t threshold = d->threshold;
    const float scale = d->scale;
    for (int w = 0; w < WORDS; w++)
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            factors[w * LANES + i] = (c[w][i] & 0xFFFF) < threshold ? 0.0f : scale;
            factors[(WORDS + w) * LANES + i] = (c[w][i] >> 16) < threshold ? 0.0f : scale;
        }
}

/* dst = src times the factors of one view of one example, or dst += that. */
KERNEL static void drop_row(const dropout *d, const draws *key, const float *src, float *dst, bool add)
{
    uint32_t block = (uint32_t)d->number << BLOCK_BITS;
    for (int64_t first = 0; first < d->row; first += RUN, block += LANES) {
        float factors[RUN];
        const int64_t count = d->row - first < RUN ? d->row - first : RUN;
        factors_of(d, key, block, factors);
#pragma omp simd
        for (int64_t i = 0; i < count; i++)
            dst[first + i] = (add ? dst[first + i] : 0.0f) + src[first + i] * factors[i];
    }
}

static void drop_all(const dropout *d, const float *src, float *dst, bool add)
{
    const tape_noise *n = &d->noise;
    for (int64_t i = 0; i < n->count * n->views; i++) {
        const draws key = draws_at(n->seed, DRAW_DROPOUT, n->epoch, (uint64_t)n->examples[i / n->views],
                                   (uint32_t)(i % n->views));
        drop_row(d, &key, src + i * d->row, dst + i * d->row, add);
    }
}

static void dropout_backward(tape *t, const record *r)
{
    const contribution x = tape_contribute(t, r->inputs[0]);
    if (x.data)
        drop_all(r->saved, tape_output_gradient(t, r), x.data, x.add);
}

static const op dropout_op = {"dropout", 0, false, dropout_backward};

/* Whether the lane's examples share the numbers of x evenly, and the counters suffice. */
static bool dropout_fits(tape *t, const dropout *d, shape s)
{
    const tape_noise *n = &d->noise;
    char text[SHAPE_TEXT];
    if (n->count < 1 || n->views < 1 || n->views > 256 || s.rank < 1 || s.size[0] % (n->count * n->views)) {
        tape_fail(t, TACIT_SHAPE, "dropout: %s is not of %lld examples with %lld views", shape_text(s, text),
                  (long long)n->count, (long long)n->views);
        return false;
    }
    const int64_t row = shape_count(s) / (n->count * n->views);
    if (d->number >> (32 - BLOCK_BITS) || (row + RUN - 1) / RUN > (1 << BLOCK_BITS) / LANES) {
        tape_fail(t, TACIT_UNSUPPORTED, "dropout: %lld numbers of one example in operator %lld of a lane",
                  (long long)row, (long long)d->number);
        return false;
    }
    return true;
}

value op_dropout(tape *t, value x, float rate)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    if (!(rate >= 0.0f && rate < 1.0f))
        return tape_fail(t, TACIT_ARGUMENT, "dropout: rate %g is not in [0, 1)", (double)rate);
    const tape_noise *noise = tape_noise_of(t);
    const uint32_t threshold = (uint32_t)lrintf(rate * 65536.0f);
    if (!tape_training(t) || !noise || threshold == 0)
        return x;
    const shape s = tape_tensor(t, x)->shape;
    dropout d = {.noise = *noise, .number = tape_noise_number(t), .threshold = threshold};
    if (!dropout_fits(t, &d, s))
        return (value){0};
    d.row = shape_count(s) / (noise->count * noise->views);
    d.scale = 65536.0f / (65536.0f - (float)threshold);
    const value y = tape_output(t, DTYPE_F32, s);
    dropout *saved = tape_take(t, sizeof *saved);
    if (!tape_f32(t, y) || !saved)
        return (value){0};
    *saved = d;
    drop_all(&d, tape_f32(t, x), tape_f32(t, y), false);
    return tape_record(
        t, &(record){
               .op = &dropout_op, .inputs = {x}, .output = y, .saved = saved, .saved_size = sizeof *saved});
}
