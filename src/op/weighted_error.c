/* op_weighted_square_error. */
#include "op/kernel.h"
#include "op/op.h"

#include <math.h>

typedef struct sums {
    double errors, weights; /* sum of w (p - t)^2, and of w */
} sums;

static sums sum_errors(const float *p, const float *target, const float *w, int64_t count)
{
    sums s = {0};
    for (int64_t i = 0; i < count; i++) {
        const double difference = (double)p[i] - (double)target[i];
        s.errors += (double)w[i] * difference * difference;
        s.weights += (double)w[i];
    }
    return s;
}

static void weighted_backward(tape *t, const record *r)
{
    const contribution d = tape_contribute(t, r->inputs[0]);
    const int64_t count = shape_count(tape_tensor(t, r->inputs[0])->shape);
    const float *p = tape_f32(t, r->inputs[0]), *target = tape_f32(t, r->inputs[1]),
                *w = tape_f32(t, r->inputs[2]);
    const float scale =
        (float)(2.0 * (double)tape_output_gradient(t, r)[0] / sum_errors(p, target, w, count).weights);
    for (int64_t i = 0; d.data && i < count; i++)
        d.data[i] = (d.add ? d.data[i] : 0.0f) + scale * w[i] * (p[i] - target[i]);
}

static const op weighted_square_error = {"weighted_square_error", 1u << 0 | 1u << 1 | 1u << 2, false,
                                         weighted_backward};

value op_weighted_square_error(tape *t, value prediction, value target, value weights)
{
    char one[SHAPE_TEXT], two[SHAPE_TEXT], three[SHAPE_TEXT];
    if (!tape_ready(t, (value[]){prediction, target, weights}, 3))
        return (value){0};
    const shape s = tape_tensor(t, prediction)->shape, a = tape_tensor(t, target)->shape;
    const shape b = tape_tensor(t, weights)->shape;
    if (!shape_equal(s, a) || !shape_equal(s, b) || shape_count(s) == 0)
        return tape_fail(t, TACIT_SHAPE, "weighted square error: prediction %s, target %s, weights %s",
                         shape_text(s, one), shape_text(a, two), shape_text(b, three));
    const sums found =
        sum_errors(tape_f32(t, prediction), tape_f32(t, target), tape_f32(t, weights), shape_count(s));
    if (!(found.weights > 0.0 && isfinite(found.weights)))
        return tape_fail(t, TACIT_ARGUMENT,
                         "weighted square error: the weights sum to %g: expected more than 0", found.weights);
    const value y = tape_output(t, DTYPE_F32, shape_1(1));
    if (!tape_f32(t, y))
        return (value){0};
    *tape_f32(t, y) = (float)(found.errors / found.weights);
    return tape_record(
        t, &(record){.op = &weighted_square_error, .inputs = {prediction, target, weights}, .output = y});
}
