/* AdamW (Loshchilov and Hutter 2019, algorithm 2, with the rate times the decay, as in torch.optim.AdamW):
 *   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  p -= lr decay p + lr (m / (1 - b1^t)) / (sqrt(v / (1 -
 * b2^t)) + eps) */
#include "op/kernel.h"
#include "train/optimizer.h"

#include <math.h>

/* One step's factors, from double. */
typedef struct factors {
    float first, first_rest;   /* beta 1, 1 - beta 1 */
    float second, second_rest; /* beta 2, 1 - beta 2 */
    float rate;                /* lr / (1 - beta1^t) */
    float root;                /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
    float shrink; /* lr * decay */
} factors;

KERNEL static void update(float *restrict p, const float *restrict g, float *restrict m, float *restrict v,
                          int64_t count, const factors f)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        m[i] = f.first * m[i] + f.first_rest * g[i];
        v[i] = f.second * v[i] + f.second_rest * (g[i] * g[i]);
        const float change = f.rate * m[i] / (sqrtf(v[i]) * f.root + f.epsilon);
        /* Both at once: p * (1 - shrink) would lose a small decay in the rounding of the bracket. */
        p[i] -= f.shrink * p[i] + change;
    }
}

static void adamw_update(const optimizer_settings *o, const optimizer_step *s, const parameter_run *run)
{
    const double t = (double)s->step;
    const factors f = {
        .first = (float)o->momentum,
        .first_rest = (float)(1.0 - o->momentum),
        .second = (float)o->second,
        .second_rest = (float)(1.0 - o->second),
        .rate = (float)(run->lr / (1.0 - pow(o->momentum, t))),
        .root = (float)(1.0 / sqrt(1.0 - pow(o->second, t))),
        .epsilon = (float)o->epsilon,
        .shrink = (float)(run->lr * (double)run->decay),
    };
    update(run->values, run->gradient, run->state[0], run->state[1], run->count, f);
}

const optimizer optimizer_adamw = {
    .name = "adamw",
    .summary = "Adam with decoupled weight decay (Loshchilov and Hutter 2019)",
    .blocks = 2,
    .update = adamw_update,
};
