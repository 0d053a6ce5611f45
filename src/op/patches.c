/* op_patchify and op_normalize_rows: from pictures to what the masked autoencoder predicts. Neither has a
 * gradient. */
#include "op/kernel.h"

#include <math.h>
#include <string.h>

static const float target_epsilon = 1e-6f;

value op_patchify(tape *t, value x, int64_t patch)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape s = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (s.rank != 4 || patch < 1 || s.size[1] % patch || s.size[2] % patch)
        return tape_fail(t, TACIT_SHAPE, "patchify: %s is not made of whole patches of side %lld",
                         shape_text(s, text), (long long)patch);
    const int64_t down = s.size[1] / patch, across = s.size[2] / patch, row = patch * s.size[3];
    const value y = tape_output(t, DTYPE_F32, shape_3(s.size[0], down * across, patch * row));
    float *dst = tape_f32(t, y);
    const float *src = tape_f32(t, x);
    /* A row of a patch is contiguous in the picture. */
    for (int64_t b = 0; dst && b < s.size[0] * down; b++, src += patch * across * row)
        for (int64_t i = 0; i < across; i++)
            for (int64_t r = 0; r < patch; r++, dst += row)
                memcpy(dst, src + (r * across + i) * row, (size_t)row * sizeof *dst);
    return y;
}

KERNEL static void normalize_kernel(const float *x, int64_t rows, int64_t width, float *y)
{
    for (int64_t r = 0; r < rows; r++, x += width, y += width) {
        float sum = 0.0f, squares = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < width; i++)
            sum += x[i];
        const float mean = sum / (float)width;
#pragma omp simd reduction(+ : squares)
        for (int64_t i = 0; i < width; i++)
            squares += (x[i] - mean) * (x[i] - mean);
        const float scale = 1.0f / sqrtf(squares / (float)(width - 1) + target_epsilon);
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            y[i] = (x[i] - mean) * scale;
    }
}

value op_normalize_rows(tape *t, value x)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape s = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (shape_last(s) < 2)
        return tape_fail(t, TACIT_SHAPE, "normalize rows: %s has rows of one number", shape_text(s, text));
    const value y = tape_output(t, DTYPE_F32, s);
    if (tape_f32(t, y))
        normalize_kernel(tape_f32(t, x), shape_rows(s), shape_last(s), tape_f32(t, y));
    return y;
}
