/* op_layer_norm, op_layer_norm_eps. Backward keeps only mean and 1/deviation of each row and forms the
 * normalised row again. */
#include "op/kernel.h"

#include <math.h>
#include <string.h>

static const float layer_norm_epsilon = 1e-6f;

KERNEL static void forward_rows(const float *x, int64_t rows, int64_t width, const float *gain,
                                const float *bias, float epsilon, float *y, float *statistics)
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
        const float scale = 1.0f / sqrtf(squares / (float)width + epsilon);
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
        statistics[2 * r] = mean;
        statistics[2 * r + 1] = scale;
    }
}

/* dx = scale * (g dy - mean(g dy) - xhat mean(g dy xhat)) */
KERNEL static void backward_src(const float *x, const float *dy, int64_t rows, int64_t width,
                                const float *gain, const float *statistics, float *dx, bool add)
{
    for (int64_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {
        const float mean = statistics[2 * r], scale = statistics[2 * r + 1];
        float sum = 0.0f, product = 0.0f;
#pragma omp simd reduction(+ : sum, product)
        for (int64_t i = 0; i < width; i++) {
            const float g = gain[i] * dy[i];
            sum += g;
            product += g * (x[i] - mean);
        }
        const float a = sum / (float)width, b = product * scale * scale / (float)width;
        if (add) {
#pragma omp simd
            for (int64_t i = 0; i < width; i++)
                dx[i] += scale * (gain[i] * dy[i] - a - (x[i] - mean) * b);
        } else {
#pragma omp simd
            for (int64_t i = 0; i < width; i++)
                dx[i] = scale * (gain[i] * dy[i] - a - (x[i] - mean) * b);
        }
    }
}

KERNEL static void backward_parameters(const float *x, const float *dy, int64_t rows, int64_t width,
                                       const float *statistics, float *gain, float *bias)
{
    for (int64_t r = 0; r < rows; r++, x += width, dy += width) {
        const float mean = statistics[2 * r], scale = statistics[2 * r + 1];
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            gain[i] += dy[i] * ((x[i] - mean) * scale);
            bias[i] += dy[i];
        }
    }
}

/* One kernel forms both gradients; where only one is wanted the other goes to memory nobody reads. */
static void parameters_backward(tape *t, const tensor *x, const float *dy, const float *statistics,
                                contribution gain, contribution bias)
{
    const int64_t rows = shape_rows(x->shape), width = shape_last(x->shape);
    const size_t size = (size_t)width * sizeof(float);
    float *unread = gain.data && bias.data ? NULL : tape_take(t, size);
    float *gain_sums = gain.data ? gain.data : unread, *bias_sums = bias.data ? bias.data : unread;
    if (!gain_sums || !bias_sums)
        return;
    if (!gain.add)
        memset(gain_sums, 0, size);
    if (!bias.add)
        memset(bias_sums, 0, size);
    backward_parameters(x->data, dy, rows, width, statistics, gain_sums, bias_sums);
    tape_give(t, unread, size);
}

static void layer_norm_backward(tape *t, const record *r)
{
    const tensor *x = tape_tensor(t, r->inputs[0]);
    const int64_t rows = shape_rows(x->shape), width = shape_last(x->shape);
    const float *dy = tape_output_gradient(t, r);
    const contribution src = tape_contribute(t, r->inputs[0]);
    const contribution gain = tape_contribute(t, r->inputs[1]);
    const contribution bias = tape_contribute(t, r->inputs[2]);
    if (src.data)
        backward_src(x->data, dy, rows, width, tape_f32(t, r->inputs[1]), r->saved, src.data, src.add);
    if (gain.data || bias.data)
        parameters_backward(t, x, dy, r->saved, gain, bias);
}

static const op layer_norm = {"layer_norm", 1u << 0 | 1u << 1, false, layer_norm_backward};

value op_layer_norm_eps(tape *t, value x, value gain, value bias, float epsilon)
{
    if (!tape_ready(t, (value[]){x, gain, bias}, 3))
        return (value){0};
    const tensor *a = tape_tensor(t, x);
    const shape s = a->shape, g = tape_tensor(t, gain)->shape, b = tape_tensor(t, bias)->shape;
    const int64_t rows = shape_rows(s), width = shape_last(s);
    char one[SHAPE_TEXT], two[SHAPE_TEXT], three[SHAPE_TEXT];
    if (!shape_equal(g, shape_1(width)) || !shape_equal(b, g))
        return tape_fail(t, TACIT_SHAPE, "layer norm: input %s does not fit gain %s and bias %s",
                         shape_text(s, one), shape_text(g, two), shape_text(b, three));
    if (!(epsilon > 0.0f))
        return tape_fail(t, TACIT_ARGUMENT, "layer norm: epsilon %g is not above 0", (double)epsilon);
    const value y = tape_output(t, DTYPE_F32, s);
    const size_t saved_size = (size_t)rows * 2 * sizeof(float);
    float *statistics = tape_take(t, saved_size);
    if (!tape_f32(t, y) || !statistics)
        return (value){0};
    forward_rows(tape_f32(t, x), rows, width, tape_f32(t, gain), tape_f32(t, bias), epsilon, tape_f32(t, y),
                 statistics);
    return tape_record(t, &(record){.op = &layer_norm,
                                    .inputs = {x, gain, bias},
                                    .output = y,
                                    .saved = statistics,
                                    .saved_size = saved_size});
}

value op_layer_norm(tape *t, value x, value gain, value bias)
{
    return op_layer_norm_eps(t, x, gain, bias, layer_norm_epsilon);
}
