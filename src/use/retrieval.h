/* How good is search: every example asks for those with its label. */
#ifndef USE_RETRIEVAL_H
#define USE_RETRIEVAL_H

#include "use/matrix.h"

typedef struct retrieval {
    double precision;         /* share of the k nearest others that have the query's label, 0 to 1 */
    double average_precision; /* mean over queries of the average precision of all others, 0 to 1 */
    int64_t queries;          /* examples that asked */
    int64_t left_out;         /* examples drawn that are the only one with their label: nothing to find */
} retrieval;

/* Queries are x's own rows (N, D), a keyed sample of `most` where there are more; keys are all other rows, by
 * cosine. Average precision without interpolation, equal similarities together (Manning, Raghavan and
 * Schuetze 2008, equation 8.3); for precision they come by row. labels (N). TACIT_ARGUMENT: k is not 1 to
 * N - 1, or no query has anything to find. */
tacit_status retrieval_measure(work *w, matrix x, const int32_t *labels, int k, int64_t most, uint64_t seed,
                               retrieval *out);

#endif
