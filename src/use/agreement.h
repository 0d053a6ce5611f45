/* How far groups that were found agree with labels that are known. */
#ifndef USE_AGREEMENT_H
#define USE_AGREEMENT_H

#include "base/memory.h"

typedef struct agreement {
    double
        accuracy; /* share of examples in the group matched to their label, by the best one-to-one matching */
    double nmi;   /* mutual information over the arithmetic mean of the two entropies, 0 to 1 (Vinh, Epps
                     and Bailey 2010, NMI_sum); 1 where both have one value only */
    double ari; /* adjusted Rand index (Hubert and Arabie 1985, equation 5): 0 is what chance gives, 1 equal;
                   1 where both are trivial in the same way */
} agreement;

/* group (count) 0 .. groups-1, label (count) 0 .. labels-1, at least one example; other values are
 * TACIT_ARGUMENT. */
tacit_status agreement_measure(tacit_context *context, const int32_t *group, int32_t groups,
                               const int32_t *label, int32_t labels, int64_t count, agreement *out);

#endif
