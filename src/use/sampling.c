#include "use/sampling.h"

#include <math.h>
#include <stdlib.h>

static int likeliest_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static int32_t likeliest(const float *logits, int64_t count)
{
    int32_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (logits[i] > logits[best])
            best = (int32_t)i;
    return best;
}

/* How many of the sorted candidates have `share` of the whole, which is `sum`. */
static int64_t nucleus(const candidate *c, int64_t count, double temperature, double share, double *sum)
{
    double all = 0, part = 0;
    for (int64_t i = 0; i < count; i++)
        all += exp(((double)c[i].logit - (double)c[0].logit) / temperature);
    int64_t kept = 0;
    while (kept < count && (kept == 0 || part < share * all))
        part += exp(((double)c[kept++].logit - (double)c[0].logit) / temperature);
    *sum = part;
    return kept;
}

int32_t sampling_draw(const float *logits, int64_t count, const tacit_generate_options *o, draws *d,
                      candidate *space)
{
    double sum, at;
    if (o->temperature == 0.0)
        return likeliest(logits, count);
    for (int64_t i = 0; i < count; i++)
        space[i] = (candidate){logits[i], (int32_t)i};
    qsort(space, (size_t)count, sizeof *space, likeliest_first);
    const int64_t top = o->top_k > 0 && o->top_k < count ? o->top_k : count;
    const int64_t kept = nucleus(space, top, o->temperature, o->top_p, &sum);
    at = draw_uniform_double(d) * sum;
    for (int64_t i = 0; i + 1 < kept; i++) {
        at -= exp(((double)space[i].logit - (double)space[0].logit) / o->temperature);
        if (at < 0.0)
            return space[i].id;
    }
    return space[kept - 1].id;
}

void sampling_penalise(float *logits, const int32_t *seen, int64_t many, double penalty)
{
    for (int64_t i = 0; penalty != 1.0 && i < many; i++) {
        bool before = false;
        for (int64_t k = 0; k < i && !before; k++)
            before = seen[k] == seen[i];
        float *logit = &logits[seen[i]];
        if (!before)
            *logit = (float)((double)*logit * (*logit > 0.0f ? 1.0 / penalty : penalty));
    }
}
