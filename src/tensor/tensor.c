/* Shapes and dtypes. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdio.h>

size_t dtype_size(dtype type)
{
    return type == DTYPE_U8 ? 1 : 4;
}

shape shape_1(int64_t a)
{
    return (shape){1, {a}};
}

shape shape_2(int64_t a, int64_t b)
{
    return (shape){2, {a, b}};
}

shape shape_3(int64_t a, int64_t b, int64_t c)
{
    return (shape){3, {a, b, c}};
}

shape shape_4(int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (shape){4, {a, b, c, d}};
}

shape shape_many(int64_t count, shape one)
{
    shape s = {one.rank + 1, {count}};
    for (int i = 0; i < one.rank; i++)
        s.size[i + 1] = one.size[i];
    return s;
}

bool shape_equal(shape a, shape b)
{
    if (a.rank != b.rank)
        return false;
    for (int i = 0; i < a.rank; i++)
        if (a.size[i] != b.size[i])
            return false;
    return true;
}

int64_t shape_count(shape s)
{
    int64_t count = 1;
    for (int i = 0; i < s.rank; i++)
        count *= s.size[i];
    return count;
}

int64_t shape_last(shape s)
{
    return s.rank ? s.size[s.rank - 1] : 1;
}

int64_t shape_rows(shape s)
{
    int64_t rows = 1;
    for (int i = 0; i + 1 < s.rank; i++)
        rows *= s.size[i];
    return rows;
}

const char *shape_text(shape s, char out[SHAPE_TEXT])
{
    int used = snprintf(out, SHAPE_TEXT, "(");
    for (int i = 0; i < s.rank; i++)
        used += snprintf(out + used, (size_t)(SHAPE_TEXT - used), i ? ", %" PRId64 : "%" PRId64, s.size[i]);
    snprintf(out + used, (size_t)(SHAPE_TEXT - used), ")");
    return out;
}

tensor tensor_of(dtype type, shape s, void *data)
{
    return (tensor){type, s, data};
}

size_t tensor_bytes(const tensor *t)
{
    return (size_t)shape_count(t->shape) * dtype_size(t->dtype);
}
