/* The parameter store: declaration, layout, initial values. */
#include "model/parameters.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { FLOATS_ALIGNED = MEMORY_ALIGNMENT / sizeof(float) };

void parameters_init(parameters *p, tacit_context *context)
{
    *p = (parameters){.context = context};
}

void parameters_fini(parameters *p)
{
    memory_free(p->context, p->table);
    memory_free(p->context, p->block);
    memory_free(p->context, p->tensors);
    *p = (parameters){.context = p->context};
}

/* Floats of `s` in *count and rounded up in *padded; false when a size is not positive or the bytes of a
 * block that ends with it would not fit. */
static bool measure(const parameters *p, shape s, int64_t *count, int64_t *padded)
{
    size_t product = 1, end, bytes;
    if (s.rank < 1 || s.rank > SHAPE_MAX)
        return false;
    for (int i = 0; i < s.rank; i++)
        if (s.size[i] < 1 || !size_multiply(product, (size_t)s.size[i], &product))
            return false;
    if (!size_add(product, FLOATS_ALIGNED - 1, &end))
        return false;
    *count = (int64_t)product;
    end -= end % FLOATS_ALIGNED;
    *padded = (int64_t)end;
    return size_add(end, (size_t)p->size, &end) && size_multiply(end, sizeof(float), &bytes) &&
           bytes <= SIZE_MAX / 4;
}

static tacit_status add(parameters *p, const char *name, shape s, parameter_init init, float number)
{
    int64_t count, padded;
    char text[SHAPE_TEXT];
    if (p->block)
        return context_fail(p->context, TACIT_STATE, "parameter %.200s: declared after the block was made",
                            name);
    if (strlen(name) == 0 || strlen(name) >= PARAMETER_NAME)
        return context_fail(p->context, TACIT_ARGUMENT,
                            "parameter \"%.200s\": expected a name of 1 to %d bytes", name,
                            PARAMETER_NAME - 1);
    if (parameters_find(p, name))
        return context_fail(p->context, TACIT_STATE, "parameter %s: declared twice", name);
    if (s.rank < 1 || s.rank > SHAPE_MAX)
        return context_fail(p->context, TACIT_SHAPE, "parameter %s: rank %d is outside 1 to %d", name, s.rank,
                            SHAPE_MAX);
    if (!measure(p, s, &count, &padded))
        return context_fail(p->context, TACIT_SHAPE, "parameter %s: the shape %s is empty or too large", name,
                            shape_text(s, text));
    void *table = p->table;
    TRY(memory_reserve(p->context, &table, &p->capacity, p->count + 1, sizeof *p->table));
    p->table = table;
    parameter *added = &p->table[p->count++];
    *added = (parameter){.shape = s,
                         .offset = p->size,
                         .init = init,
                         .number = number,
                         .decay = s.rank >= 2,
                         .layer = p->layer};
    memcpy(added->name, name, strlen(name) + 1);
    p->size += padded;
    return TACIT_OK;
}

value parameters_add(parameters *p, const char *name, shape s, parameter_init init, float number)
{
    if (p->status == TACIT_OK)
        p->status = add(p, name, s, init, number);
    return p->status == TACIT_OK ? (value){(int)p->count} : (value){0};
}

void parameters_start_normal(parameters *p, value declared, float number)
{
    if (!declared.id)
        return;
    p->table[declared.id - 1].init = INIT_NORMAL;
    p->table[declared.id - 1].number = number;
}

tacit_status parameters_allocate(parameters *p)
{
    TRY(p->status);
    if (p->block)
        return context_fail(p->context, TACIT_STATE, "the parameters have their block already");
    tensor *tensors = memory_alloc(p->context, p->count, sizeof *tensors);
    float *block = tensors ? parameters_block(p) : NULL;
    if (!block) {
        memory_free(p->context, tensors);
        return TACIT_NOMEM;
    }
    for (size_t i = 0; i < p->count; i++)
        tensors[i] = tensor_of(DTYPE_F32, p->table[i].shape, block + p->table[i].offset);
    p->tensors = tensors;
    p->block = block;
    return TACIT_OK;
}

/* Glorot's limit for a matrix of size[0] rows; further axes are all columns. */
static float xavier_limit(shape s)
{
    const double rows = (double)s.size[0], columns = (double)(shape_count(s) / s.size[0]);
    return (float)sqrt(6.0 / (rows + columns));
}

/* Deviation by the fan-out, for a ReLU behind. */
static float kaiming_deviation(shape s)
{
    return (float)sqrt(2.0 * (double)s.size[s.rank > 1] / (double)shape_count(s));
}

static void initialise(const parameter *p, float *values, draws d)
{
    const int64_t count = shape_count(p->shape);
    const float limit = xavier_limit(p->shape), deviation = kaiming_deviation(p->shape);
    for (int64_t i = 0; i < count; i++)
        switch (p->init) {
        case INIT_ZERO:
            values[i] = 0.0f;
            break;
        case INIT_ONE:
            values[i] = 1.0f;
            break;
        case INIT_CONSTANT:
            values[i] = p->number;
            break;
        case INIT_XAVIER:
            values[i] = draw_range(&d, -limit, limit);
            break;
        case INIT_NORMAL:
            values[i] = p->number * draw_normal(&d);
            break;
        case INIT_KAIMING:
            values[i] = deviation * draw_normal(&d);
            break;
        }
}

void parameters_initialise(parameters *p, uint64_t seed)
{
    for (size_t i = 0; i < p->count; i++)
        initialise(&p->table[i], p->block + p->table[i].offset, draws_at(seed, DRAW_INIT, 0, i + 1, 0));
}

float *parameters_block(const parameters *p)
{
    return memory_alloc(p->context, (size_t)p->size, sizeof(float));
}

int64_t parameters_learnt(const parameters *p)
{
    int64_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        count += shape_count(p->table[i].shape);
    return count;
}

const parameter *parameters_find(const parameters *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->table[i].name, name) == 0)
            return &p->table[i];
    return NULL;
}

void parameters_take(parameters *p, const parameters *from)
{
    for (size_t i = 0; i < p->count; i++) {
        const parameter *found = parameters_find(from, p->table[i].name);
        if (found && shape_equal(found->shape, p->table[i].shape))
            memcpy(p->block + p->table[i].offset, from->block + found->offset,
                   (size_t)shape_count(found->shape) * sizeof *p->block);
    }
}
