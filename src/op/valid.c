/* Tokens to one row where examples have lengths of their own: op_mean_valid, op_take_last. Both are a
 * weighted sum of neighbouring tokens. */
#include "op/kernel.h"

#include <string.h>

/* Tokens first .. last-1 of an example, each with the same weight. */
typedef struct span {
    int64_t first, last;
    float weight;
} span;

static span span_of(int32_t length, bool only_last)
{
    const int64_t first = only_last && length > 0 ? length - 1 : 0;
    return (span){first, length, length > 0 ? 1.0f / (float)(length - first) : 0.0f};
}

KERNEL static void add_scaled(float *dst, const float *src, float scale, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dst[i] += scale * src[i];
}

static void spans_backward(tape *t, const record *r)
{
    const contribution x = tape_contribute(t, r->inputs[0]);
    if (!x.data)
        return;
    const tensor *in = tape_tensor(t, r->inputs[0]);
    const int32_t *lengths = tape_tensor(t, r->inputs[1])->data;
    const int64_t tokens = in->shape.size[1], width = in->shape.size[2];
    const float *dy = tape_output_gradient(t, r);
    if (!x.add)
        memset(x.data, 0, tensor_bytes(in));
    for (int64_t b = 0; b < in->shape.size[0]; b++) {
        const span s = span_of(lengths[b], r->whole);
        for (int64_t i = s.first; i < s.last; i++)
            add_scaled(x.data + (b * tokens + i) * width, dy + b * width, s.weight, width);
    }
}

/* The input's data is not read, but its shape is. `whole` of the record: only the last token. */
static const op mean_valid = {"mean_valid", 1u << 1, false, spans_backward};
static const op take_last = {"take_last", 1u << 1, false, spans_backward};

static bool tokens_fit(tape *t, const char *name, value x, value lengths)
{
    const shape s = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (s.rank != 3) {
        tape_fail(t, TACIT_SHAPE, "%s: expected (B, T, D), got %s", name, shape_text(s, text));
        return false;
    }
    return kernel_lengths_fit(t, name, lengths, s.size[0], s.size[1]);
}

static value sum_of_spans(tape *t, const char *name, const record *made)
{
    const value x = made->inputs[0], lengths = made->inputs[1];
    if (!tape_ready(t, made->inputs, 2) || !tokens_fit(t, name, x, lengths))
        return (value){0};
    const shape s = tape_tensor(t, x)->shape;
    const int64_t tokens = s.size[1], width = s.size[2];
    const int32_t *numbers = tape_tensor(t, lengths)->data;
    record r = *made;
    r.output = tape_output(t, DTYPE_F32, shape_2(s.size[0], width));
    float *dst = tape_f32(t, r.output);
    const float *src = tape_f32(t, x);
    if (!dst)
        return (value){0};
    memset(dst, 0, (size_t)(s.size[0] * width) * sizeof *dst);
    for (int64_t b = 0; b < s.size[0]; b++) {
        const span taken = span_of(numbers[b], r.whole);
        for (int64_t i = taken.first; i < taken.last; i++)
            add_scaled(dst + b * width, src + (b * tokens + i) * width, taken.weight, width);
    }
    return tape_record(t, &r);
}

value op_mean_valid(tape *t, value x, value lengths)
{
    return sum_of_spans(t, "mean valid", &(record){.op = &mean_valid, .inputs = {x, lengths}});
}

value op_take_last(tape *t, value x, value lengths)
{
    return sum_of_spans(t, "take last", &(record){.op = &take_last, .inputs = {x, lengths}, .whole = 1});
}
