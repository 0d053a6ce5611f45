/* Philox4x32-10 and what is drawn from it. */
#include "base/philox.h"

#include <math.h>

static void philox_round(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    const uint64_t p0 = UINT64_C(0xD2511F53) * c[0], p1 = UINT64_C(0xCD9E8D57) * c[2];
    const uint32_t c1 = c[1], c3 = c[3];
    c[0] = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c[1] = (uint32_t)p1;
    c[2] = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c[3] = (uint32_t)p0;
}

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    for (int i = 0; i < 4; i++)
        out[i] = counter[i];
    for (int round = 0; round < 10; round++) {
        philox_round(out, k0, k1);
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
}

draws draws_at(uint64_t seed, draw_stream stream, uint32_t epoch, uint64_t example, uint32_t view)
{
    draws d = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .left = 0};
    d.counter[0] = 0;
    d.counter[1] = (uint32_t)stream << 24 | (view & 0xFF) << 16 | (uint32_t)(example >> 32 & 0xFFFF);
    d.counter[2] = (uint32_t)example;
    d.counter[3] = epoch;
    return d;
}

uint32_t draw_u32(draws *d)
{
    if (d->left == 0) {
        philox4x32(d->counter, d->key, d->block);
        d->counter[0]++;
        d->left = 4;
    }
    return d->block[4 - d->left--];
}

uint64_t draw_u64(draws *d)
{
    const uint64_t high = draw_u32(d);
    return high << 32 | draw_u32(d);
}

float draw_uniform(draws *d)
{
    return (float)(draw_u32(d) >> 8) * 0x1p-24f;
}

float draw_range(draws *d, float low, float high)
{
    const float value = low + (high - low) * draw_uniform(d);
    return value < high ? value : low; /* rounding can reach `high` */
}

double draw_uniform_double(draws *d)
{
    return (double)(draw_u64(d) >> 11) * 0x1p-53;
}

float draw_normal(draws *d)
{
    const double u = 1.0 - draw_uniform_double(d), v = draw_uniform_double(d);
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

uint64_t draw_below(draws *d, uint64_t bound)
{
    /* Values under `reject` would make the first residues more likely than the rest. */
    const uint64_t reject = (0 - bound) % bound;
    uint64_t r;
    do
        r = draw_u64(d);
    while (r < reject);
    return r % bound;
}

/* Four Feistel rounds on 2 * half bits, each with its own Philox block. */
static uint64_t feistel(const draws *key, int half, uint64_t x)
{
    const uint64_t mask = (UINT64_C(1) << half) - 1;
    uint64_t left = x >> half, right = x & mask;
    for (uint32_t round = 0; round < 4; round++) {
        const uint32_t counter[4] = {(uint32_t)right, (uint32_t)(right >> 32) << 8 | round, key->counter[1],
                                     key->counter[3]};
        uint32_t out[4];
        philox4x32(counter, key->key, out);
        const uint64_t mixed = left ^ (((uint64_t)out[0] << 32 | out[1]) & mask);
        left = right;
        right = mixed;
    }
    return left << half | right;
}

uint64_t draw_permuted(uint64_t seed, draw_stream stream, uint32_t epoch, uint64_t count, uint64_t i)
{
    const draws key = draws_at(seed, stream, epoch, 0, 0);
    int half = 1;
    while (half < 32 && (UINT64_C(1) << (2 * half)) < count)
        half++;
    /* The network permutes 0 .. 4^half-1; walking its cycle until inside the range permutes the range. */
    do
        i = feistel(&key, half, i);
    while (i >= count);
    return i;
}
