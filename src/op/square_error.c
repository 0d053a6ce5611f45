/* op_mean_square_error. */
#include "op/kernel.h"

/* Numbers of one partial sum: f32 inside, double across. */
enum { PARTIAL = 1024 };

KERNEL static double sum_squares(const float *a, const float *b, int64_t count)
{
    double total = 0.0;
    for (int64_t first = 0; first < count; first += PARTIAL) {
        const int64_t last = first + PARTIAL < count ? first + PARTIAL : count;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = first; i < last; i++)
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        total += (double)sum;
    }
    return total;
}

KERNEL static void difference(const float *a, const float *b, int64_t count, float scale, float *dst,
                              bool add)
{
    if (add) {
#pragma omp simd
        for (int64_t i = 0; i < count; i++)
            dst[i] += scale * (a[i] - b[i]);
    } else {
#pragma omp simd
        for (int64_t i = 0; i < count; i++)
            dst[i] = scale * (a[i] - b[i]);
    }
}

static void square_error_backward(tape *t, const record *r)
{
    const contribution p = tape_contribute(t, r->inputs[0]);
    const int64_t count = shape_count(tape_tensor(t, r->inputs[0])->shape);
    const float scale = 2.0f * tape_output_gradient(t, r)[0] / (float)count;
    if (p.data)
        difference(tape_f32(t, r->inputs[0]), tape_f32(t, r->inputs[1]), count, scale, p.data, p.add);
}

static const op square_error = {"mean_square_error", 1u << 0 | 1u << 1, false, square_error_backward};

value op_mean_square_error(tape *t, value prediction, value target)
{
    if (!tape_ready(t, (value[]){prediction, target}, 2))
        return (value){0};
    const shape s = tape_tensor(t, prediction)->shape, other = tape_tensor(t, target)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (!shape_equal(s, other) || shape_count(s) == 0)
        return tape_fail(t, TACIT_SHAPE, "mean square error: prediction %s, target %s", shape_text(s, one),
                         shape_text(other, two));
    const value y = tape_output(t, DTYPE_F32, shape_1(1));
    if (!tape_f32(t, y))
        return (value){0};
    const double sum = sum_squares(tape_f32(t, prediction), tape_f32(t, target), shape_count(s));
    *tape_f32(t, y) = (float)(sum / (double)shape_count(s));
    return tape_record(t, &(record){.op = &square_error, .inputs = {prediction, target}, .output = y});
}
