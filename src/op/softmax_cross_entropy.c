/* op_softmax_cross_entropy. */
#include "op/kernel.h"
#include "op/op.h"

#include <math.h>

/* A row's logits shifted so that the largest is 0, and the log of the sum of their exponentials. */
typedef struct row_sum {
    float largest, log_sum;
} row_sum;

KERNEL static row_sum sum_row(const float *logits, int64_t classes)
{
    row_sum r = {.largest = logits[0]};
    float sum = 0.0f;
    for (int64_t c = 1; c < classes; c++)
        r.largest = logits[c] > r.largest ? logits[c] : r.largest;
    for (int64_t c = 0; c < classes; c++)
        sum += kernel_exp(logits[c] - r.largest);
    r.log_sum = logf(sum);
    return r;
}

/* -sum_c q_c log p_c = log sum exp - (1 - smoothing) logit[label] - smoothing / C sum of the logits. */
static double row_loss(const float *logits, int64_t classes, int32_t label, float smoothing)
{
    const row_sum r = sum_row(logits, classes);
    double all = 0.0;
    for (int64_t c = 0; c < classes; c++)
        all += (double)(logits[c] - r.largest);
    return (double)r.log_sum - (1.0 - (double)smoothing) * (double)(logits[label] - r.largest) -
           (double)smoothing / (double)classes * all;
}

/* scale * (p - q). */
KERNEL static void row_gradient(const float *logits, int64_t classes, int32_t label, float smoothing,
                                float scale, float *dst, bool add)
{
    const row_sum r = sum_row(logits, classes);
    const float share = smoothing / (float)classes;
    for (int64_t c = 0; c < classes; c++) {
        const float p = kernel_exp(logits[c] - r.largest - r.log_sum);
        const float q = share + (c == label ? 1.0f - smoothing : 0.0f);
        dst[c] = (add ? dst[c] : 0.0f) + scale * (p - q);
    }
}

static void softmax_backward(tape *t, const record *r)
{
    const contribution d = tape_contribute(t, r->inputs[0]);
    const shape s = tape_tensor(t, r->inputs[0])->shape;
    const float *logits = tape_f32(t, r->inputs[0]);
    const int32_t *label = tape_tensor(t, r->inputs[1])->data;
    const float scale = tape_output_gradient(t, r)[0] / (float)s.size[0];
    for (int64_t i = 0; d.data && i < s.size[0]; i++)
        row_gradient(logits + i * s.size[1], s.size[1], label[i], r->number, scale, d.data + i * s.size[1],
                     d.add);
}

static const op softmax_cross_entropy = {"softmax_cross_entropy", 1u << 0 | 1u << 1, false, softmax_backward};

static bool fits(tape *t, value logits, value label, float smoothing)
{
    const tensor *x = tape_tensor(t, logits), *y = tape_tensor(t, label);
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (x->shape.rank != 2 || shape_count(x->shape) == 0 || y->dtype != DTYPE_I32 ||
        !shape_equal(y->shape, shape_1(x->shape.size[0])) || !(smoothing >= 0.0f && smoothing < 1.0f)) {
        tape_fail(t, TACIT_SHAPE, "softmax cross-entropy: logits %s, label %s, smoothing %g",
                  shape_text(x->shape, one), shape_text(y->shape, two), (double)smoothing);
        return false;
    }
    const int32_t *labels = y->data;
    for (int64_t i = 0; i < y->shape.size[0]; i++)
        if (labels[i] < 0 || labels[i] >= x->shape.size[1]) {
            tape_fail(t, TACIT_SHAPE, "softmax cross-entropy: label %d of %lld classes", (int)labels[i],
                      (long long)x->shape.size[1]);
            return false;
        }
    return true;
}

value op_softmax_cross_entropy(tape *t, value logits, value label, float smoothing)
{
    if (!tape_ready(t, (value[]){logits, label}, 2) || !fits(t, logits, label, smoothing))
        return (value){0};
    const shape s = tape_tensor(t, logits)->shape;
    const int32_t *labels = tape_tensor(t, label)->data;
    const value y = tape_output(t, DTYPE_F32, shape_1(1));
    if (!tape_f32(t, y))
        return (value){0};
    double sum = 0.0;
    for (int64_t i = 0; i < s.size[0]; i++)
        sum += row_loss(tape_f32(t, logits) + i * s.size[1], s.size[1], labels[i], smoothing);
    *tape_f32(t, y) = (float)(sum / (double)s.size[0]);
    return tape_record(
        t,
        &(record){.op = &softmax_cross_entropy, .inputs = {logits, label}, .output = y, .number = smoothing});
}
