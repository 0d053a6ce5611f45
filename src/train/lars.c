/* LARS (You et al. 2017): v = m v + q (g + decay p), p -= lr v. For each parameter that decays q is
 * trust |p| / |g + decay p|, whether or not the decay is 0; for the others it is 1. The norm of the sum,
 * rather than the sum of norms of the paper, is what the code of SimCLR, Barlow Twins, VICReg and MoCo v3
 * has. */
#include "op/kernel.h"
#include "train/optimizer.h"

static double lars_ratio(const optimizer_settings *o, double values_norm, double gradient_norm)
{
    return values_norm > 0 && gradient_norm > 0 ? o->trust * values_norm / gradient_norm : 1.0;
}

KERNEL static void update(float *restrict p, const float *restrict g, float *restrict v, int64_t count,
                          float lr, float momentum, float decay, float ratio)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        v[i] = momentum * v[i] + ratio * (g[i] + decay * p[i]);
        p[i] -= lr * v[i];
    }
}

static void lars_update(const optimizer_settings *o, const optimizer_step *s, const parameter_run *run)
{
    (void)s;
    update(run->values, run->gradient, run->state[0], run->count, (float)run->lr, (float)o->momentum,
           run->decay, run->ratio);
}

const optimizer optimizer_lars = {
    .name = "lars",
    .summary = "momentum with a rate for each layer, for large batches (You et al. 2017)",
    .blocks = 1,
    .update = lars_update,
    .ratio = lars_ratio,
};
