/* How well scores tell positives from negatives, whatever the threshold: ROC, precision, error rates. */
#ifndef USE_RANKING_H
#define USE_RANKING_H

#include "base/memory.h"

/* The ROC curve as counts. Point 0 accepts nothing; point i accepts every example whose score is at least
 * thresholds[i]; equal scores are accepted together, so ties never depend on the order of the examples. */
typedef struct ranking {
    tacit_context *context;
    int64_t positives, negatives; /* of each at least 1 */
    int64_t points;               /* one more than there are different scores */
    double *thresholds;           /* (points), falling; the first is +infinity */
    int64_t *true_accepted;       /* (points): positives accepted, rising to `positives` */
    int64_t *false_accepted;      /* (points): negatives accepted, rising to `negatives` */
} ranking;

/* scores (count): higher is more positive; positive (count). TACIT_NONFINITE names the first score that is
 * not finite; no positive or no negative is TACIT_ARGUMENT. On failure *out is empty; in any case
 * ranking_fini may be called. */
tacit_status ranking_create(ranking *out, tacit_context *context, const double *scores, const bool *positive,
                            int64_t count);
void ranking_fini(ranking *r);

/* Area under the ROC curve, 0 to 1: the share of pairs (positive, negative) in which the positive has the
 * higher score; a tie is half a pair (Hanley and McNeil 1982, section III). */
double ranking_auroc(const ranking *r);

/* Average precision, 0 to 1: the sum over thresholds of (recall - recall before) precision, without
 * interpolation (Manning, Raghavan and Schuetze 2008, equation 8.3 for one query, with ties together). */
double ranking_average_precision(const ranking *r);

/* Equal error rate, 0 to 1: where the share of negatives accepted is the share of positives refused, between
 * two points by the straight line. *threshold (may be NULL): the score from which on the nearest point at or
 * past that crossing accepts. */
double ranking_eer(const ranking *r, double *threshold);

/* Share of positives accepted (TAR) at the largest point whose share of negatives accepted (FAR) is at most
 * `false_rate`, 0 to 1; not interpolated. *threshold (may be NULL): the score from which on that point
 * accepts, +infinity where it accepts nothing. */
double ranking_rate_at(const ranking *r, double false_rate, double *threshold);

#endif
