/* op_scale. The gradient of the gain is a sum over the rows in their order. */
#include "op/kernel.h"

#include <string.h>

/* dst = src gain, or dst += that. */
KERNEL static void scale_rows(const float *src, const float *gain, int64_t rows, int64_t width, float *dst,
                              bool add)
{
    for (int64_t r = 0; r < rows; r++, src += width, dst += width) {
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            dst[i] = (add ? dst[i] : 0.0f) + src[i] * gain[i];
    }
}

KERNEL static void sum_products(const float *x, const float *dy, int64_t rows, int64_t width, float *sums)
{
    for (int64_t r = 0; r < rows; r++, x += width, dy += width) {
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            sums[i] += dy[i] * x[i];
    }
}

static void scale_backward(tape *t, const record *r)
{
    const tensor *x = tape_tensor(t, r->inputs[0]);
    const int64_t rows = shape_rows(x->shape), width = shape_last(x->shape);
    const float *dy = tape_output_gradient(t, r);
    const contribution src = tape_contribute(t, r->inputs[0]), gain = tape_contribute(t, r->inputs[1]);
    if (src.data)
        scale_rows(dy, tape_f32(t, r->inputs[1]), rows, width, src.data, src.add);
    if (gain.data && !gain.add)
        memset(gain.data, 0, (size_t)width * sizeof(float));
    if (gain.data)
        sum_products(x->data, dy, rows, width, gain.data);
}

static const op scale = {"scale", 1u << 0 | 1u << 1, false, scale_backward};

value op_scale(tape *t, value x, value gain)
{
    if (!tape_ready(t, (value[]){x, gain}, 2))
        return (value){0};
    const shape s = tape_tensor(t, x)->shape, g = tape_tensor(t, gain)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (!shape_equal(g, shape_1(shape_last(s))))
        return tape_fail(t, TACIT_SHAPE, "scale: input %s does not fit gain %s", shape_text(s, one),
                         shape_text(g, two));
    const value y = tape_output(t, DTYPE_F32, s);
    if (!tape_f32(t, y))
        return (value){0};
    scale_rows(tape_f32(t, x), tape_f32(t, gain), shape_rows(s), shape_last(s), tape_f32(t, y), false);
    return tape_record(t, &(record){.op = &scale, .inputs = {x, gain}, .output = y});
}
