/* op_mean_regions: tokens of a grid averaged over squares of it, so that an embedding keeps where things are.
 */
#include "op/kernel.h"

#include <string.h>

/* Tokens first .. first + down * across - 1 of (B, T, D) form the grid. */
typedef struct region_shape {
    int64_t batch, tokens, width, first, down, across, side;
} region_shape;

/* The region of token i of the grid. */
static int64_t region_of(const region_shape *s, int64_t i)
{
    return (i / s->across) * s->side / s->down * s->side + (i % s->across) * s->side / s->across;
}

/* One over the number of tokens in the region of token i. */
static float share_of(const region_shape *s, int64_t i)
{
    int64_t count = 0;
    for (int64_t k = 0; k < s->down * s->across; k++)
        count += region_of(s, k) == region_of(s, i);
    return 1.0f / (float)count;
}

KERNEL static void add_scaled(float *dst, const float *src, float scale, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dst[i] += scale * src[i];
}

/* The sizes, from the values and the two numbers that a record keeps: the side, and what precedes the grid.
 */
static region_shape sizes_of(const tape *t, value x, int64_t down, int64_t first, int64_t side)
{
    const shape s = tape_tensor(t, x)->shape;
    return (region_shape){.batch = s.size[0],
                          .tokens = s.size[1],
                          .width = s.size[2],
                          .first = first,
                          .down = down,
                          .across = (s.size[1] - first) / down,
                          .side = side};
}

/* record.whole holds down, first and side: each below 2^20. */
static int64_t pack(int64_t down, int64_t first, int64_t side)
{
    return down << 40 | first << 20 | side;
}

static void regions_backward(tape *t, const record *r)
{
    const int64_t mask = (1 << 20) - 1;
    const region_shape s = sizes_of(t, r->inputs[0], r->whole >> 40, r->whole >> 20 & mask, r->whole & mask);
    const contribution x = tape_contribute(t, r->inputs[0]);
    if (!x.data)
        return;
    const float *dy = tape_output_gradient(t, r);
    if (!x.add)
        memset(x.data, 0, (size_t)(s.batch * s.tokens * s.width) * sizeof(float));
    for (int64_t i = 0; i < s.down * s.across; i++) {
        const float share = share_of(&s, i);
        for (int64_t b = 0; b < s.batch; b++)
            add_scaled(x.data + (b * s.tokens + s.first + i) * s.width,
                       dy + (b * s.side * s.side + region_of(&s, i)) * s.width, share, s.width);
    }
}

static const op mean_regions = {"mean_regions", 0, false, regions_backward};

value op_mean_regions(tape *t, value x, int64_t first, int64_t down, int64_t side)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape in = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (in.rank != 3 || down < 1 || first < 0 || in.size[1] <= first || (in.size[1] - first) % down ||
        side < 1 || side > down || side > (in.size[1] - first) / down || in.size[1] >= 1 << 20)
        return tape_fail(t, TACIT_SHAPE,
                         "mean of regions: %s has no grid of %lld rows behind %lld tokens for %lld "
                         "regions a side",
                         shape_text(in, text), (long long)down, (long long)first, (long long)side);
    const region_shape s = sizes_of(t, x, down, first, side);
    const value y = tape_output(t, DTYPE_F32, shape_2(s.batch, side * side * s.width));
    float *dst = tape_f32(t, y);
    if (!dst)
        return (value){0};
    memset(dst, 0, (size_t)(s.batch * side * side * s.width) * sizeof *dst);
    for (int64_t i = 0; i < s.down * s.across; i++) {
        const float share = share_of(&s, i);
        for (int64_t b = 0; b < s.batch; b++)
            add_scaled(dst + (b * side * side + region_of(&s, i)) * s.width,
                       tape_f32(t, x) + (b * s.tokens + first + i) * s.width, share, s.width);
    }
    return tape_record(
        t, &(record){.op = &mean_regions, .inputs = {x}, .output = y, .whole = pack(down, first, side)});
}
