/* Operators that move rows of tokens: op_add_rows, op_prepend, op_gather_rows, op_scatter_rows.
 */
#include "op/kernel.h"

#include <string.h>

typedef struct token_shape {
    int64_t batch, tokens, width;
} token_shape;

/* (B, T, D) of a value of rank 3; fails the tape otherwise. */
static bool token_sizes(tape *t, const char *name, value x, token_shape *out)
{
    const shape s = tape_tensor(t, x)->shape;
    char text[SHAPE_TEXT];
    if (s.rank != 3) {
        tape_fail(t, TACIT_SHAPE, "%s: expected (B, T, D), got %s", name, shape_text(s, text));
        return false;
    }
    *out = (token_shape){s.size[0], s.size[1], s.size[2]};
    return true;
}

KERNEL static void add_to(float *dst, const float *src, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dst[i] += src[i];
}

static void put_row(float *dst, const float *src, int64_t width, bool add)
{
    if (add)
        add_to(dst, src, width);
    else
        memcpy(dst, src, (size_t)width * sizeof *dst);
}

/* The i32 numbers of an index value: (B, K), all of 0 .. limit-1. NULL after failing the tape. */
static const int32_t *index_of(tape *t, const char *name, value index, int64_t batch, int64_t limit,
                               int64_t *count)
{
    const tensor *x = tape_tensor(t, index);
    char text[SHAPE_TEXT];
    if (x->dtype != DTYPE_I32 || x->shape.rank != 2 || x->shape.size[0] != batch) {
        tape_fail(t, TACIT_SHAPE, "%s: expected an index of %lld examples, got %s", name, (long long)batch,
                  shape_text(x->shape, text));
        return NULL;
    }
    const int32_t *numbers = x->data;
    *count = x->shape.size[1];
    for (int64_t i = 0; i < batch * *count; i++)
        if (numbers[i] < 0 || numbers[i] >= limit) {
            tape_fail(t, TACIT_ARGUMENT, "%s: index %d is outside 0 to %lld", name, (int)numbers[i],
                      (long long)limit - 1);
            return NULL;
        }
    return numbers;
}

/* ---- add_rows ---- */

static int64_t table_row(const int32_t *index, int64_t token, int64_t tokens)
{
    return index ? index[token] : token % tokens;
}

static void add_rows_backward(tape *t, const record *r)
{
    tape_pass_gradient(t, r, r->inputs[0]);
    const contribution table = tape_contribute(t, r->inputs[1]);
    if (!table.data)
        return;
    const shape s = tape_tensor(t, r->output)->shape;
    const int64_t width = s.size[2];
    const tensor *index = tape_tensor(t, r->inputs[2]);
    const float *dy = tape_output_gradient(t, r);
    if (!table.add)
        memset(table.data, 0, tensor_bytes(tape_tensor(t, r->inputs[1])));
    for (int64_t i = 0; i < s.size[0] * s.size[1]; i++)
        add_to(table.data + table_row(index ? index->data : NULL, i, s.size[1]) * width, dy + i * width,
               width);
}

static const op add_rows = {"add_rows", 1u << 2, false, add_rows_backward};

value op_add_rows(tape *t, value x, value table, value index)
{
    token_shape s;
    if (!tape_ready(t, (value[]){x, table, index}, index.id ? 3 : 2) || !token_sizes(t, "add rows", x, &s))
        return (value){0};
    const shape rows = tape_tensor(t, table)->shape;
    char text[SHAPE_TEXT];
    int64_t count = s.tokens;
    const int32_t *numbers = index.id ? index_of(t, "add rows", index, s.batch, rows.size[0], &count) : NULL;
    if (tape_status(t) != TACIT_OK)
        return (value){0};
    if (rows.rank != 2 || rows.size[1] != s.width || count != s.tokens ||
        (!index.id && rows.size[0] < s.tokens))
        return tape_fail(t, TACIT_SHAPE, "add rows: table %s does not fit %lld tokens of width %lld",
                         shape_text(rows, text), (long long)s.tokens, (long long)s.width);
    const value y = tape_output(t, DTYPE_F32, shape_3(s.batch, s.tokens, s.width));
    float *dst = tape_f32(t, y);
    const float *src = tape_f32(t, x), *values = tape_f32(t, table);
    for (int64_t i = 0; dst && i < s.batch * s.tokens; i++) {
        memcpy(dst + i * s.width, src + i * s.width, (size_t)s.width * sizeof *dst);
        add_to(dst + i * s.width, values + table_row(numbers, i, s.tokens) * s.width, s.width);
    }
    return tape_record(t, &(record){.op = &add_rows, .inputs = {x, table, index}, .output = y});
}

/* ---- prepend ---- */

static void prepend_backward(tape *t, const record *r)
{
    const shape s = tape_tensor(t, r->output)->shape;
    const int64_t tokens = s.size[1] - 1, width = s.size[2];
    const float *dy = tape_output_gradient(t, r);
    const contribution x = tape_contribute(t, r->inputs[0]), token = tape_contribute(t, r->inputs[1]);
    for (int64_t b = 0; b < s.size[0]; b++, dy += (tokens + 1) * width) {
        if (token.data)
            put_row(token.data, dy, width, token.add || b > 0);
        if (x.data)
            put_row(x.data + b * tokens * width, dy + width, tokens * width, x.add);
    }
}

static const op prepend = {"prepend", 0, false, prepend_backward};

value op_prepend(tape *t, value x, value token)
{
    token_shape s;
    if (!tape_ready(t, (value[]){x, token}, 2) || !token_sizes(t, "prepend", x, &s))
        return (value){0};
    const shape one = tape_tensor(t, token)->shape;
    char text[SHAPE_TEXT];
    if (!shape_equal(one, shape_1(s.width)))
        return tape_fail(t, TACIT_SHAPE, "prepend: token %s is not of width %lld", shape_text(one, text),
                         (long long)s.width);
    const value y = tape_output(t, DTYPE_F32, shape_3(s.batch, s.tokens + 1, s.width));
    float *dst = tape_f32(t, y);
    const float *src = tape_f32(t, x), *first = tape_f32(t, token);
    for (int64_t b = 0; dst && b < s.batch; b++, dst += (s.tokens + 1) * s.width) {
        put_row(dst, first, s.width, false);
        put_row(dst + s.width, src + b * s.tokens * s.width, s.tokens * s.width, false);
    }
    return tape_record(t, &(record){.op = &prepend, .inputs = {x, token}, .output = y});
}

/* ---- gather and scatter ---- */

static void gather_backward(tape *t, const record *r)
{
    const contribution x = tape_contribute(t, r->inputs[0]);
    if (!x.data)
        return;
    const shape in = tape_tensor(t, r->inputs[0])->shape, out = tape_tensor(t, r->output)->shape;
    const int32_t *index = tape_tensor(t, r->inputs[1])->data;
    const int64_t width = in.size[2];
    const float *dy = tape_output_gradient(t, r);
    if (!x.add)
        memset(x.data, 0, tensor_bytes(tape_tensor(t, r->inputs[0])));
    for (int64_t b = 0; b < out.size[0]; b++)
        for (int64_t k = 0; k < out.size[1]; k++, dy += width)
            add_to(x.data + (b * in.size[1] + *index++) * width, dy, width);
}

/* The input's data is not read, but its shape is. */
static const op gather_rows = {"gather_rows", 1u << 1, false, gather_backward};

value op_gather_rows(tape *t, value x, value index)
{
    token_shape s;
    int64_t count = 0;
    if (!tape_ready(t, (value[]){x, index}, 2) || !token_sizes(t, "gather rows", x, &s))
        return (value){0};
    const int32_t *numbers = index_of(t, "gather rows", index, s.batch, s.tokens, &count);
    if (!numbers)
        return (value){0};
    const value y = tape_output(t, DTYPE_F32, shape_3(s.batch, count, s.width));
    float *dst = tape_f32(t, y);
    const float *src = tape_f32(t, x);
    for (int64_t b = 0; dst && b < s.batch; b++)
        for (int64_t k = 0; k < count; k++, dst += s.width)
            put_row(dst, src + (b * s.tokens + *numbers++) * s.width, s.width, false);
    return tape_record(t, &(record){.op = &gather_rows, .inputs = {x, index}, .output = y});
}

/* Marks the tokens of one example that the index names. */
static void mark(uint8_t *named, int64_t tokens, const int32_t *index, int64_t count)
{
    memset(named, 0, (size_t)tokens);
    for (int64_t k = 0; k < count; k++)
        named[index[k]] = 1;
}

static void scatter_backward(tape *t, const record *r)
{
    const shape in = tape_tensor(t, r->inputs[0])->shape, out = tape_tensor(t, r->output)->shape;
    const int32_t *index = tape_tensor(t, r->inputs[1])->data;
    const int64_t count = in.size[1], tokens = out.size[1], width = in.size[2];
    const contribution x = tape_contribute(t, r->inputs[0]), fill = tape_contribute(t, r->inputs[2]);
    uint8_t *named = tape_take(t, (size_t)tokens);
    const float *dy = tape_output_gradient(t, r);
    if (!named)
        return;
    if (fill.data && !fill.add)
        memset(fill.data, 0, (size_t)width * sizeof(float));
    for (int64_t b = 0; b < in.size[0]; b++, dy += tokens * width, index += count) {
        for (int64_t k = 0; x.data && k < count; k++)
            put_row(x.data + (b * count + k) * width, dy + index[k] * width, width, x.add);
        mark(named, tokens, index, count);
        for (int64_t i = 0; fill.data && i < tokens; i++)
            if (!named[i])
                add_to(fill.data, dy + i * width, width);
    }
    tape_give(t, named, (size_t)tokens);
}

static const op scatter_rows = {"scatter_rows", 1u << 1, false, scatter_backward};

value op_scatter_rows(tape *t, value x, value index, value fill, int64_t tokens)
{
    token_shape s;
    int64_t count = 0;
    if (!tape_ready(t, (value[]){x, index, fill}, 3) || !token_sizes(t, "scatter rows", x, &s))
        return (value){0};
    const int32_t *numbers = index_of(t, "scatter rows", index, s.batch, tokens, &count);
    if (!numbers)
        return (value){0};
    if (count != s.tokens || !shape_equal(tape_tensor(t, fill)->shape, shape_1(s.width)))
        return tape_fail(t, TACIT_SHAPE,
                         "scatter rows: %lld rows and %lld places, fill of width %lld expected",
                         (long long)s.tokens, (long long)count, (long long)s.width);
    const value y = tape_output(t, DTYPE_F32, shape_3(s.batch, tokens, s.width));
    float *dst = tape_f32(t, y);
    const float *src = tape_f32(t, x), *filler = tape_f32(t, fill);
    for (int64_t b = 0; dst && b < s.batch; b++, dst += tokens * s.width) {
        for (int64_t i = 0; i < tokens; i++)
            put_row(dst + i * s.width, filler, s.width, false);
        for (int64_t k = 0; k < count; k++, src += s.width)
            put_row(dst + *numbers++ * s.width, src, s.width, false);
    }
    return tape_record(t, &(record){.op = &scatter_rows, .inputs = {x, index, fill}, .output = y});
}
