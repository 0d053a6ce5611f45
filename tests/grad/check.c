/* Central differences, comparisons, and repeatable random numbers. */
#include "grad/check.h"

#include "base/philox.h"
#include "ref/reference.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double step = 1e-6, tolerance = 1e-7;

/* Below this no gradient of a test problem may stay as a whole: numbers of order 1 have gradients of order
 * 1e-3 and up, and the noise of the differences is under 1e-8. */
static const double trivial = 1e-4;

/* The worst element so far. A NaN is worse than any number and the first one stays. */
typedef struct worst {
    int64_t index;
    double got, want, excess; /* excess > 0, or NaN: outside the tolerance */
} worst;

static void worst_offer(worst *w, int64_t index, double got, double want, double allowed)
{
    const double excess = fabs(got - want) - allowed;
    if (w->index >= 0 && (isnan(w->excess) || excess <= w->excess))
        return;
    *w = (worst){index, got, want, excess};
}

static bool worst_verdict(const worst *w, const char *what, bool report)
{
    if (w->index < 0 || w->excess <= 0)
        return true;
    if (report)
        fprintf(stderr, "%s: element %" PRId64 " is %.17g, expected %.17g (off by %g)\n", what, w->index,
                w->got, w->want, w->got - w->want);
    return false;
}

bool near_double(const char *what, const double *got, const double *want, int64_t count, double absolute,
                 double relative, bool report)
{
    worst w = {-1, 0, 0, 0};
    for (int64_t i = 0; i < count; i++)
        worst_offer(&w, i, got[i], want[i], absolute + relative * fabs(want[i]));
    return worst_verdict(&w, what, report);
}

bool near_float(const char *what, const float *got, const double *want, int64_t count, double ulps,
                double scale, bool report)
{
    worst w = {-1, 0, 0, 0};
    for (int64_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(want[i]));
    for (int64_t i = 0; i < count; i++)
        worst_offer(&w, i, (double)got[i], want[i], ulps * (double)FLT_EPSILON * scale);
    return worst_verdict(&w, what, report);
}

bool same_bits(const char *what, const float *got, const float *want, int64_t count, bool report)
{
    for (int64_t i = 0; i < count; i++) {
        if (!memcmp(got + i, want + i, sizeof *got))
            continue;
        if (report)
            fprintf(stderr, "%s: element %" PRId64 " is %.9g, expected the same bits as %.9g\n", what, i,
                    (double)got[i], (double)want[i]);
        return false;
    }
    return true;
}

/* d sum(upstream * output) / d input[i][at]. The outputs are subtracted one by one, before the sum, which
 * keeps the digits that a difference of two sums would lose. */
static double difference(problem *p, double *shifted, int i, int64_t at)
{
    const double x = p->input[i][at];
    p->input[i][at] = x + step;
    p->forward(p);
    memcpy(shifted, p->output, (size_t)p->output_count * sizeof *shifted);
    p->input[i][at] = x - step;
    p->forward(p);
    p->input[i][at] = x;
    double sum = 0;
    for (int64_t j = 0; j < p->output_count; j++)
        sum += p->upstream[j] * (shifted[j] - p->output[j]);
    return sum / (2 * step);
}

static verdict check_input(problem *p, double *shifted, int i, bool report)
{
    char what[96];
    double *want = ref_alloc(p->count[i]), largest = 0;
    for (int64_t at = 0; at < p->count[i]; at++) {
        want[at] = difference(p, shifted, i, at);
        largest = fmax(largest, fabs(want[at]));
    }
    snprintf(what, sizeof what, "%s: gradient of input %d", p->name, i);
    verdict result = GRADIENT_AGREES;
    if (!near_double(what, p->gradient[i], want, p->count[i], tolerance, tolerance, report))
        result = GRADIENT_DIFFERS;
    else if (!(largest > trivial)) {
        result = GRADIENT_TRIVIAL;
        if (report)
            fprintf(stderr, "%s: nowhere above %g, which would prove nothing\n", what, trivial);
    }
    free(want);
    return result;
}

verdict gradient_check(problem *p, problem_backward backward, problem_plant plant, bool report)
{
    double *shifted = ref_alloc(p->output_count);
    p->forward(p);
    backward(p);
    if (plant)
        plant(p);
    verdict result = GRADIENT_AGREES;
    for (int i = 0; i < p->differentiable && result == GRADIENT_AGREES; i++)
        result = check_input(p, shifted, i, report);
    p->forward(p);
    free(shifted);
    return result;
}

void fill_normal(double *x, int64_t count, uint64_t seed, double deviation)
{
    draws d = draws_at(seed, DRAW_TEST, 0, 0, 0);
    for (int64_t i = 0; i < count; i++)
        x[i] = (double)(float)((double)draw_normal(&d) * deviation);
}

void fill_whole(double *x, int64_t count, uint64_t seed, int64_t limit)
{
    draws d = draws_at(seed, DRAW_TEST, 0, 0, 0);
    for (int64_t i = 0; i < count; i++)
        x[i] = (double)((int64_t)draw_below(&d, (uint64_t)(2 * limit + 1)) - limit);
}

void copy_to_float(float *to, const double *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}
