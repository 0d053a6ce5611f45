/* Tokens to fewer rows: op_mean_regions averages over squares of a grid, so that an embedding keeps where
 * things are; op_mean_tokens and op_take_token are a grid of one region. */
#include "op/kernel.h"

#include <string.h>

/* Tokens first .. first + down * across - 1 of (B, T, D) form the grid; all others take no part. */
typedef struct region_shape {
    int64_t batch, tokens, width, first, down, across, side;
} region_shape;

/* The region of token i of the grid. */
static int64_t region_of(const region_shape *s, int64_t i)
{
    return (i / s->across) * s->side / s->down * s->side + (i % s->across) * s->side / s->across;
}

/* Of `length` rows (or columns) in `side` strips: how many are in the strip of row i. */
static int64_t strip_size(int64_t i, int64_t length, int64_t side)
{
    const int64_t strip = i * side / length;
    return ((strip + 1) * length + side - 1) / side - (strip * length + side - 1) / side;
}

/* One over the number of tokens in the region of token i. */
static float share_of(const region_shape *s, int64_t i)
{
    return 1.0f / (float)(strip_size(i / s->across, s->down, s->side) *
                          strip_size(i % s->across, s->across, s->side));
}

KERNEL static void add_scaled(float *dst, const float *src, float scale, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dst[i] += scale * src[i];
}

static void regions_backward(tape *t, const record *r)
{
    const region_shape *s = r->saved;
    const contribution x = tape_contribute(t, r->inputs[0]);
    if (!x.data)
        return;
    const float *dy = tape_output_gradient(t, r);
    if (!x.add)
        memset(x.data, 0, (size_t)(s->batch * s->tokens * s->width) * sizeof(float));
    for (int64_t i = 0; i < s->down * s->across; i++) {
        const float share = share_of(s, i);
        for (int64_t b = 0; b < s->batch; b++)
            add_scaled(x.data + (b * s->tokens + s->first + i) * s->width,
                       dy + (b * s->side * s->side + region_of(s, i)) * s->width, share, s->width);
    }
}

static const op mean_regions = {"mean_regions", 0, false, regions_backward};

/* The grid must lie inside the tokens, and no region be empty. */
static value mean_over(tape *t, value x, const region_shape *s)
{
    const int64_t regions = s->side * s->side;
    const value y = tape_output(t, DTYPE_F32, shape_2(s->batch, regions * s->width));
    region_shape *saved = tape_take(t, sizeof *saved);
    float *dst = tape_f32(t, y);
    if (!dst || !saved)
        return (value){0};
    *saved = *s;
    memset(dst, 0, (size_t)(s->batch * regions * s->width) * sizeof *dst);
    for (int64_t i = 0; i < s->down * s->across; i++) {
        const float share = share_of(s, i);
        for (int64_t b = 0; b < s->batch; b++)
            add_scaled(dst + (b * regions + region_of(s, i)) * s->width,
                       tape_f32(t, x) + (b * s->tokens + s->first + i) * s->width, share, s->width);
    }
    return tape_record(
        t, &(record){
               .op = &mean_regions, .inputs = {x}, .output = y, .saved = saved, .saved_size = sizeof *saved});
}

value op_mean_regions(tape *t, value x, int64_t first, int64_t down, int64_t side)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape in = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (in.rank != 3 || down < 1 || first < 0 || in.size[1] <= first || (in.size[1] - first) % down ||
        side < 1 || side > down || side > (in.size[1] - first) / down)
        return tape_fail(t, TACIT_SHAPE,
                         "mean of regions: %s has no grid of %lld rows behind %lld tokens for %lld "
                         "regions a side",
                         shape_text(in, text), (long long)down, (long long)first, (long long)side);
    return mean_over(t, x,
                     &(region_shape){.batch = in.size[0],
                                     .tokens = in.size[1],
                                     .width = in.size[2],
                                     .first = first,
                                     .down = down,
                                     .across = (in.size[1] - first) / down,
                                     .side = side});
}

/* Tokens first .. first + count - 1 (count 0: to the last) as one region. */
static value mean_of_run(tape *t, const char *name, value x, int64_t first, int64_t count)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape in = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (in.rank != 3)
        return tape_fail(t, TACIT_SHAPE, "%s: expected (B, T, D), got %s", name, shape_text(in, text));
    if (first < 0 || first >= in.size[1])
        return tape_fail(t, TACIT_SHAPE, "%s: token %lld of %lld", name, (long long)first,
                         (long long)in.size[1]);
    return mean_over(t, x,
                     &(region_shape){.batch = in.size[0],
                                     .tokens = in.size[1],
                                     .width = in.size[2],
                                     .first = first,
                                     .down = 1,
                                     .across = count ? count : in.size[1] - first,
                                     .side = 1});
}

value op_mean_tokens(tape *t, value x, int64_t first)
{
    return mean_of_run(t, "mean of tokens", x, first, 0);
}

value op_take_token(tape *t, value x, int64_t token)
{
    return mean_of_run(t, "take token", x, token, 1);
}
