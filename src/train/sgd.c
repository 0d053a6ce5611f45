/* Stochastic gradient descent with momentum: v = m v + (g + decay p), p -= lr v. */
#include "op/kernel.h"
#include "train/optimizer.h"

KERNEL static void update(float *restrict p, const float *restrict g, float *restrict v, int64_t count,
                          float lr, float momentum, float decay)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        v[i] = momentum * v[i] + (g[i] + decay * p[i]);
        p[i] -= lr * v[i];
    }
}

static void sgd_update(const optimizer_settings *o, const optimizer_step *s, const parameter_run *run)
{
    (void)s;
    update(run->values, run->gradient, run->state[0], run->count, (float)run->lr, (float)o->momentum,
           run->decay);
}

const optimizer optimizer_sgd = {
    .name = "sgd",
    .summary = "stochastic gradient descent with momentum",
    .blocks = 1,
    .update = sgd_update,
};
