/* Reference: what models of text have beside attention. */
#include "ref/reference.h"

#include <math.h>

/* y[b][t] = table[ids[b][t]], or 0. */
void ref_embed_rows(int64_t b, int64_t t, int64_t d, const double *table, const int32_t *ids, double *y)
{
    for (int64_t i = 0; i < b * t; i++)
        for (int64_t j = 0; j < d; j++)
            y[i * d + j] = ids[i] == -1 ? 0 : table[ids[i] * d + j];
}

/* Each row of the table collects dy from wherever it was used. */
void ref_embed_rows_backward(int64_t b, int64_t t, int64_t d, int64_t v, const int32_t *ids, const double *dy,
                             double *dtable)
{
    for (int64_t row = 0; row < v; row++)
        for (int64_t j = 0; j < d; j++) {
            dtable[row * d + j] = 0;
            for (int64_t i = 0; i < b * t; i++)
                dtable[row * d + j] += ids[i] == row ? dy[i * d + j] : 0;
        }
}

/* y_b = sum of the first lengths[b] tokens / lengths[b]. */
void ref_mean_valid(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *x, double *y)
{
    for (int64_t i = 0; i < b * d; i++) {
        const int32_t length = lengths[i / d];
        y[i] = 0;
        for (int64_t token = 0; token < length; token++)
            y[i] += x[(i / d * t + token) * d + i % d] / length;
    }
}

void ref_mean_valid_backward(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *dy,
                             double *dx)
{
    for (int64_t i = 0; i < b * t * d; i++) {
        const int64_t example = i / (t * d), token = i / d % t;
        dx[i] = token < lengths[example] ? dy[example * d + i % d] / lengths[example] : 0;
    }
}

void ref_take_last(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *x, double *y)
{
    for (int64_t i = 0; i < b * d; i++)
        y[i] = lengths[i / d] == 0 ? 0 : x[(i / d * t + lengths[i / d] - 1) * d + i % d];
}

void ref_take_last_backward(int64_t b, int64_t t, int64_t d, const int32_t *lengths, const double *dy,
                            double *dx)
{
    for (int64_t i = 0; i < b * t * d; i++)
        dx[i] = i / d % t + 1 == lengths[i / (t * d)] ? dy[i / (t * d) * d + i % d] : 0;
}

void ref_dropout(int64_t count, const double *x, const double *factor, double *y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = factor[i] == 0 ? 0 : x[i] * factor[i];
}

void ref_dropout_backward(int64_t count, const double *factor, const double *dy, double *dx)
{
    for (int64_t i = 0; i < count; i++)
        dx[i] = factor[i] == 0 ? 0 : dy[i] * factor[i];
}

/* Number n of part (0 queries, 1 keys, 2 values) of a row: its angle and the number it is turned with (Su et
 * al. 2021, equation 34, with the pairs i and i + d/2). */
static void turn(const ref_rotary_shape *s, double direction, const double *x, double *y)
{
    const int64_t size = s->d / s->heads, half = size / 2;
    for (int64_t at = 0; at < s->b * s->t * 3 * s->d; at++) {
        const int64_t position = at / (3 * s->d) % s->t, part = at / s->d % 3, i = at % s->d % size;
        const double angle =
            direction * (double)position * pow(s->base, -2.0 * (double)(i % half) / (double)size);
        if (part == 2)
            y[at] = x[at];
        else if (i < half)
            y[at] = x[at] * cos(angle) - x[at + half] * sin(angle);
        else
            y[at] = x[at] * cos(angle) + x[at - half] * sin(angle);
    }
}

void ref_rotary(const ref_rotary_shape *s, const double *qkv, double *y)
{
    turn(s, 1, qkv, y);
}

void ref_rotary_backward(const ref_rotary_shape *s, const double *dy, double *dqkv)
{
    turn(s, -1, dy, dqkv);
}
