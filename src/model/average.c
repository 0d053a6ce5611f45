/* The moving average of the parameters. */
#include "model/average.h"

#include "base/kernel.h"

#include <string.h>

tacit_status parameter_average_create(parameter_average *out, const parameters *p)
{
    *out = (parameter_average){.block = parameters_block(p),
                               .tensors = memory_alloc(p->context, p->count, sizeof(tensor))};
    if (!out->block || !out->tensors) {
        parameter_average_destroy(out, p->context);
        return TACIT_NOMEM;
    }
    memcpy(out->block, p->block, (size_t)p->size * sizeof(float));
    for (size_t i = 0; i < p->count; i++)
        out->tensors[i] = tensor_of(DTYPE_F32, p->table[i].shape, out->block + p->table[i].offset);
    return TACIT_OK;
}

void parameter_average_destroy(parameter_average *a, tacit_context *context)
{
    memory_free(context, a->block);
    memory_free(context, a->tensors);
    *a = (parameter_average){0};
}

KERNEL static void follow(float *restrict average, const float *restrict now, int64_t count, float momentum)
{
    const float rest = 1.0f - momentum;
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        average[i] = momentum * average[i] + rest * now[i];
}

void parameter_average_follow(const parameter_average *a, const parameters *p, float momentum)
{
    follow(a->block, p->block, p->size, momentum);
}
