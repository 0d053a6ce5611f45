#include "objective/self_prediction/row_prediction.h"

#include "base/philox.h"

#include <string.h>

row_decoder row_decoder_declare(parameters *p, const encoder *e, int64_t inputs)
{
    return (row_decoder){.hidden = linear_declare(p, "decoder.hidden", inputs, e->kind->width),
                         .norm = norm_declare(p, "decoder.norm", e->kind->width),
                         .predict = linear_declare(p, "decoder.pred", e->kind->width, e->settings.channels)};
}

value row_decoder_apply(const row_decoder *d, tape *t, value x)
{
    x = op_relu(t, norm_apply(t, &d->norm, linear_apply(t, &d->hidden, x))); /* (B, width) */
    return linear_apply(t, &d->predict, x);                                  /* (B, columns) */
}

/* How many features of `count` fall. */
static int damaged_of(int count, double share)
{
    const int fallen = (int)(share * (double)count), most = count > 1 ? count - 1 : 1;
    return fallen < 1 ? 1 : (fallen < most ? fallen : most);
}

/* Row i of the lane. */
static void damage_row(const lane *l, row_damage how, double share, int64_t columns, int64_t i,
                       const float *rows, float *out, float *weights)
{
    draws d =
        draws_at(l->seed, how == ROW_HIDE ? DRAW_MASK : DRAW_DAMAGE, l->epoch, (uint64_t)l->examples[i], 0);
    const row_features *f = l->features;
    int left = damaged_of(f->count, share);
    for (int k = 0; k < f->count && left > 0; k++) {
        if (draw_below(&d, (uint64_t)(f->count - k)) >= (uint64_t)left)
            continue;
        const int first = f->first[k], last = f->first[k + 1];
        const int64_t other = how == ROW_REPLACE ? (int64_t)draw_below(&d, (uint64_t)l->count) : 0;
        for (int c = first; c < last; c++) {
            out[c] = how == ROW_REPLACE ? rows[other * columns + c] : 0.0f;
            if (weights)
                weights[c] = 1.0f;
        }
        left--;
    }
}

value row_damage_lane(tape *t, const lane *l, row_damage how, double share, value *weights)
{
    const tensor *x = tape_tensor(t, l->views);
    if (!x || !l->features)
        return tape_fail(t, TACIT_ARGUMENT, "rows of a table were expected");
    const shape s = x->shape;
    const value damaged = tape_output(t, DTYPE_F32, s);
    if (weights)
        *weights = tape_output(t, DTYPE_F32, s);
    float *out = tape_f32(t, damaged), *marks = weights ? tape_f32(t, *weights) : NULL;
    if (!out || (weights && !marks))
        return (value){0};
    const float *rows = tape_f32(t, l->views);
    memcpy(out, rows, (size_t)shape_count(s) * sizeof *out);
    if (marks)
        memset(marks, 0, (size_t)shape_count(s) * sizeof *marks);
    for (int64_t i = 0; i < l->count; i++)
        damage_row(l, how, share, s.size[1], i, rows, out + i * s.size[1],
                   marks ? marks + i * s.size[1] : NULL);
    return damaged;
}
