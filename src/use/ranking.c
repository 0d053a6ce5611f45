/* The ROC curve of scores, and what is read from it. */
#include "use/ranking.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

typedef struct scored {
    double score;
    bool positive;
} scored;

static int falling(const void *a, const void *b)
{
    const double x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x < y) - (x > y);
}

static tacit_status copy_scores(ranking *r, const double *scores, const bool *positive, int64_t count,
                                scored *out)
{
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(scores[i]))
            return context_fail(r->context, TACIT_NONFINITE, "scores: number %" PRId64 " is not finite", i);
        out[i] = (scored){scores[i], positive[i]};
        r->positives += positive[i];
    }
    r->negatives = count - r->positives;
    if (r->positives < 1 || r->negatives < 1)
        return context_fail(r->context, TACIT_ARGUMENT,
                            "scores: %" PRId64 " positive and %" PRId64
                            " negative examples, expected some of each",
                            r->positives, r->negatives);
    return TACIT_OK;
}

/* A point ends where the next score is another. */
static void fill_points(ranking *r, const scored *sorted, int64_t count)
{
    int64_t accepted[2] = {0, 0};
    r->thresholds[0] = (double)INFINITY;
    r->points = 1;
    for (int64_t i = 0; i < count; i++) {
        accepted[sorted[i].positive]++;
        if (i + 1 < count && sorted[i + 1].score == sorted[i].score)
            continue;
        r->thresholds[r->points] = sorted[i].score;
        r->true_accepted[r->points] = accepted[1];
        r->false_accepted[r->points] = accepted[0];
        r->points++;
    }
}

tacit_status ranking_create(ranking *out, tacit_context *context, const double *scores, const bool *positive,
                            int64_t count)
{
    *out = (ranking){.context = context};
    const size_t points = (size_t)count + 1;
    scored *sorted = memory_alloc(context, (size_t)count, sizeof *sorted);
    out->thresholds = memory_alloc(context, points, sizeof *out->thresholds);
    out->true_accepted = memory_alloc(context, points, sizeof *out->true_accepted);
    out->false_accepted = memory_alloc(context, points, sizeof *out->false_accepted);
    tacit_status status = TACIT_NOMEM;
    if (sorted && out->thresholds && out->true_accepted && out->false_accepted)
        status = copy_scores(out, scores, positive, count, sorted);
    if (status == TACIT_OK) {
        qsort(sorted, (size_t)count, sizeof *sorted, falling);
        fill_points(out, sorted, count);
    } else
        ranking_fini(out);
    memory_free(context, sorted);
    return status;
}

void ranking_fini(ranking *r)
{
    memory_free(r->context, r->thresholds);
    memory_free(r->context, r->true_accepted);
    memory_free(r->context, r->false_accepted);
    *r = (ranking){.context = r->context};
}

/* Trapezoids: their slanted side is the half of each tied pair. */
double ranking_auroc(const ranking *r)
{
    double area = 0;
    for (int64_t i = 1; i < r->points; i++)
        area += (double)(r->false_accepted[i] - r->false_accepted[i - 1]) *
                (double)(r->true_accepted[i] + r->true_accepted[i - 1]) / 2;
    return area / ((double)r->positives * (double)r->negatives);
}

double ranking_average_precision(const ranking *r)
{
    double sum = 0;
    for (int64_t i = 1; i < r->points; i++)
        sum += (double)(r->true_accepted[i] - r->true_accepted[i - 1]) * (double)r->true_accepted[i] /
               (double)(r->true_accepted[i] + r->false_accepted[i]);
    return sum / (double)r->positives;
}

/* Share of positives refused less share of negatives accepted: falls from 1 to -1. */
static double error_difference(const ranking *r, int64_t i)
{
    return 1 - (double)r->true_accepted[i] / (double)r->positives -
           (double)r->false_accepted[i] / (double)r->negatives;
}

double ranking_eer(const ranking *r, double *threshold)
{
    int64_t i = 1;
    while (error_difference(r, i) > 0)
        i++;
    const double before = error_difference(r, i - 1), after = error_difference(r, i);
    const double share = before / (before - after);
    if (threshold)
        *threshold = r->thresholds[i];
    return ((double)r->false_accepted[i - 1] +
            share * (double)(r->false_accepted[i] - r->false_accepted[i - 1])) /
           (double)r->negatives;
}

double ranking_rate_at(const ranking *r, double false_rate, double *threshold)
{
    int64_t i = 0;
    while (i + 1 < r->points && (double)r->false_accepted[i + 1] / (double)r->negatives <= false_rate)
        i++;
    if (threshold)
        *threshold = r->thresholds[i];
    return (double)r->true_accepted[i] / (double)r->positives;
}
