/* op_rotary. Cosines and sines of one call are a table that backward reads too. */
#include "op/kernel.h"

#include <math.h>

typedef struct rotation {
    int64_t batch, tokens, width, heads, half; /* half: of the numbers of a head */
    const float *cosines, *sines;              /* (tokens, half) */
    float sign;                                /* of the sines: -1 turns back */
} rotation;

static rotation rotation_of(const tape *t, value qkv, int64_t heads)
{
    const shape s = tape_tensor(t, qkv)->shape;
    const int64_t width = s.size[2] / 3;
    return (rotation){s.size[0], s.size[1], width, heads, width / heads / 2, NULL, NULL, 1.0f};
}

static size_t table_size(const rotation *r)
{
    return (size_t)(2 * r->tokens * r->half) * sizeof(float);
}

static void use_table(rotation *r, const float *table)
{
    r->cosines = table;
    r->sines = table + r->tokens * r->half;
}

/* Each position is the one before, turned by the angle of its pair, in double: after 10^6 positions that is
 * still exact to far below the last place of the table. `now` and `step` (half, 2) are workspace. */
static void fill_table(const rotation *r, double base, double *now, double *step, float *table)
{
    float *cosines = table, *sines = table + r->tokens * r->half;
    for (int64_t i = 0; i < r->half; i++) {
        const double angle = pow(base, -(double)i / (double)r->half);
        step[2 * i] = cos(angle);
        step[2 * i + 1] = sin(angle);
        now[2 * i] = 1.0;
        now[2 * i + 1] = 0.0;
    }
    for (int64_t at = 0; at < r->tokens * r->half; at++) {
        double *z = now + 2 * (at % r->half);
        const double *by = step + 2 * (at % r->half), cosine = z[0], sine = z[1];
        cosines[at] = (float)cosine;
        sines[at] = (float)sine;
        z[0] = cosine * by[0] - sine * by[1];
        z[1] = cosine * by[1] + sine * by[0];
    }
}

/* One head of one token: number i and number i + half are turned together. */
INLINE void turn_head(const rotation *r, int64_t token, const float *restrict src, float *restrict dst,
                      bool add)
{
    const int64_t half = r->half;
    const float *cosines = r->cosines + token * half, *sines = r->sines + token * half;
    const float sign = r->sign;
#pragma omp simd
    for (int64_t i = 0; i < half; i++) {
        const float sine = sign * sines[i], left = src[i], right = src[i + half];
        dst[i] = (add ? dst[i] : 0.0f) + (left * cosines[i] - right * sine);
        dst[i + half] = (add ? dst[i + half] : 0.0f) + (right * cosines[i] + left * sine);
    }
}

/* Queries and keys are turned, values stay. dst is written, or added to. */
KERNEL static void turn_rows(const rotation *r, const float *restrict src, float *restrict dst, bool add)
{
    const int64_t width = r->width, row = 3 * width, depth = 2 * r->half;
    for (int64_t at = 0; at < r->batch * r->tokens; at++, src += row, dst += row) {
        for (int64_t h = 0; h < 2 * r->heads; h++)
            turn_head(r, at % r->tokens, src + h * depth, dst + h * depth, add);
#pragma omp simd
        for (int64_t i = 2 * width; i < row; i++)
            dst[i] = (add ? dst[i] : 0.0f) + src[i];
    }
}

static void rotary_backward(tape *t, const record *r)
{
    const contribution qkv = tape_contribute(t, r->inputs[0]);
    if (!qkv.data)
        return;
    rotation turn = rotation_of(t, r->inputs[0], r->whole);
    use_table(&turn, r->saved);
    turn.sign = -1.0f;
    turn_rows(&turn, tape_output_gradient(t, r), qkv.data, qkv.add);
}

static const op rotary = {"rotary", 0, false, rotary_backward};

static bool rotary_fits(tape *t, value qkv, int heads, float base)
{
    const shape in = tape_tensor(t, qkv)->shape;
    char text[SHAPE_TEXT];
    if (in.rank != 3 || heads < 1 || in.size[2] < 1 || in.size[2] % (6 * (int64_t)heads) != 0) {
        tape_fail(t, TACIT_SHAPE,
                  "rotary: %s does not hold queries, keys and values of %d heads of an even size",
                  shape_text(in, text), heads);
        return false;
    }
    if (!(base > 0.0f)) {
        tape_fail(t, TACIT_ARGUMENT, "rotary: base %g is not above 0", (double)base);
        return false;
    }
    return true;
}

value op_rotary(tape *t, value qkv, int heads, float base)
{
    if (!tape_ready(t, &qkv, 1) || !rotary_fits(t, qkv, heads, base))
        return (value){0};
    rotation turn = rotation_of(t, qkv, heads);
    const size_t work_size = (size_t)(4 * turn.half) * sizeof(double);
    const value y = tape_output(t, DTYPE_F32, tape_tensor(t, qkv)->shape);
    float *table = tape_take(t, table_size(&turn));
    double *space = tape_take(t, work_size);
    if (!tape_f32(t, y) || !table || !space)
        return (value){0};
    fill_table(&turn, (double)base, space, space + 2 * turn.half, table);
    tape_give(t, space, work_size);
    use_table(&turn, table);
    turn_rows(&turn, tape_f32(t, qkv), tape_f32(t, y), false);
    return tape_record(t, &(record){.op = &rotary,
                                    .inputs = {qkv},
                                    .output = y,
                                    .saved = table,
                                    .saved_size = table_size(&turn),
                                    .whole = heads});
}
