/* op_embed_rows: token numbers to rows of a table. */
#include "op/kernel.h"

#include <string.h>

KERNEL static void add_to(float *dst, const float *src, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dst[i] += src[i];
}

/* Row by row, so that the order of the sums is that of the tokens. */
static void embed_backward(tape *t, const record *r)
{
    const contribution table = tape_contribute(t, r->inputs[1]);
    if (!table.data)
        return;
    const tensor *ids = tape_tensor(t, r->inputs[0]), *rows = tape_tensor(t, r->inputs[1]);
    const int32_t *numbers = ids->data;
    const int64_t count = shape_count(ids->shape), width = shape_last(rows->shape);
    const float *dy = tape_output_gradient(t, r);
    if (!table.add)
        memset(table.data, 0, tensor_bytes(rows));
    for (int64_t i = 0; i < count; i++, dy += width)
        if (numbers[i] >= 0)
            add_to(table.data + numbers[i] * width, dy, width);
}

static const op embed_rows = {"embed_rows", 1u << 0, false, embed_backward};

static bool ids_fit(tape *t, const tensor *ids, const tensor *table)
{
    const int32_t *numbers = ids->data;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (ids->dtype != DTYPE_I32 || ids->shape.rank != 2 || table->shape.rank != 2) {
        tape_fail(t, TACIT_SHAPE, "embed rows: expected ids (B, T) and a table (V, D), got %s and %s",
                  shape_text(ids->shape, one), shape_text(table->shape, two));
        return false;
    }
    const int64_t rows = table->shape.size[0], count = shape_count(ids->shape);
    for (int64_t i = 0; i < count; i++)
        if (numbers[i] < -1 || numbers[i] >= rows) {
            tape_fail(t, TACIT_ARGUMENT, "embed rows: id %d in a table of %lld rows", (int)numbers[i],
                      (long long)rows);
            return false;
        }
    return true;
}

value op_embed_rows(tape *t, value ids, value table)
{
    if (!tape_ready(t, (value[]){ids, table}, 2) || !ids_fit(t, tape_tensor(t, ids), tape_tensor(t, table)))
        return (value){0};
    const shape s = tape_tensor(t, ids)->shape;
    const int64_t width = shape_last(tape_tensor(t, table)->shape);
    const size_t row = (size_t)width * sizeof(float);
    const value y = tape_output(t, DTYPE_F32, shape_3(s.size[0], s.size[1], width));
    const int32_t *numbers = tape_tensor(t, ids)->data;
    const float *src = tape_f32(t, table);
    float *dst = tape_f32(t, y);
    for (int64_t i = 0; dst && i < shape_count(s); i++, dst += width)
        if (numbers[i] < 0)
            memset(dst, 0, row);
        else
            memcpy(dst, src + numbers[i] * width, row);
    return tape_record(t, &(record){.op = &embed_rows, .inputs = {ids, table}, .output = y});
}
