/* op_max_pool: the largest of each window, and where it was. */
#include "op/kernel.h"

#include <string.h>

enum { SIDE = 3, STRIDE = 2 };

/* The place in the window, row * 3 + column, of the first largest number that lies in the picture. */
static void pool_place(const float *x, const shape in, int64_t top, int64_t left, float *y, uint8_t *place)
{
    const int64_t width = in.size[3];
    bool first = true;
    for (int k = 0; k < SIDE * SIDE; k++) {
        const int64_t row = top + k / SIDE, column = left + k % SIDE;
        if (row < 0 || row >= in.size[1] || column < 0 || column >= in.size[2])
            continue;
        const float *from = x + (row * in.size[2] + column) * width;
        for (int64_t c = 0; c < width; c++) {
            const bool larger = first || from[c] > y[c];
            y[c] = larger ? from[c] : y[c];
            place[c] = larger ? (uint8_t)k : place[c];
        }
        first = false;
    }
}

static void max_pool_backward(tape *t, const record *r)
{
    const contribution src = tape_contribute(t, r->inputs[0]);
    if (!src.data)
        return;
    const shape in = tape_tensor(t, r->inputs[0])->shape, out = tape_tensor(t, r->output)->shape;
    const float *dy = tape_output_gradient(t, r);
    const uint8_t *place = r->saved;
    const int64_t width = in.size[3];
    if (!src.add)
        memset(src.data, 0, (size_t)shape_count(in) * sizeof(float));
    for (int64_t b = 0; b < out.size[0]; b++)
        for (int64_t i = 0; i < out.size[1]; i++)
            for (int64_t j = 0; j < out.size[2]; j++)
                for (int64_t c = 0; c < width; c++, place++, dy++) {
                    const int64_t row = i * STRIDE - 1 + *place / SIDE,
                                  column = j * STRIDE - 1 + *place % SIDE;
                    src.data[((b * in.size[1] + row) * in.size[2] + column) * width + c] += *dy;
                }
}

/* The input's data is not read, but its shape is. */
static const op max_pool = {"max_pool", 0, false, max_pool_backward};

value op_max_pool(tape *t, value x)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape in = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (in.rank != 4)
        return tape_fail(t, TACIT_SHAPE, "max pool: expected pictures (B, H, W, C), got %s",
                         shape_text(in, text));
    const shape out = shape_4(in.size[0], (in.size[1] + 1) / STRIDE, (in.size[2] + 1) / STRIDE, in.size[3]);
    const value y = tape_output(t, DTYPE_F32, out);
    const size_t size = (size_t)shape_count(out);
    uint8_t *place = tape_take(t, size);
    if (!y.id || !place)
        return (value){0};
    float *dst = tape_f32(t, y);
    const float *src = tape_f32(t, x);
    int64_t at = 0;
    for (int64_t b = 0; b < out.size[0]; b++, src += in.size[1] * in.size[2] * in.size[3])
        for (int64_t i = 0; i < out.size[1]; i++)
            for (int64_t j = 0; j < out.size[2]; j++, at += in.size[3])
                pool_place(src, in, i * STRIDE - 1, j * STRIDE - 1, dst + at, place + at);
    return tape_record(
        t, &(record){.op = &max_pool, .inputs = {x}, .output = y, .saved = place, .saved_size = size});
}
