/* How far a map in the plane can be believed. */
#ifndef USE_FAITHFULNESS_H
#define USE_FAITHFULNESS_H

#include "use/matrix.h"

/* Venna and Kaski 2001, "Neighborhood preservation in nonlinear projection methods", equations 1 and 2, 0
 * to 1. Trustworthiness: neighbours on the map are neighbours in truth; continuity: those in truth are near
 * on the map. */
typedef struct faithfulness {
    double trustworthiness, continuity;
} faithfulness;

/* Rows x (N, D), finite, of length 1, compared by distance, beside places y (N, 2); k neighbours, 1 <= k and
 * 2 N > 3 k + 1, else TACIT_ARGUMENT. Ranks are among all rows; the mean is over a keyed sample of at most
 * `most` of them. Equal distances go by the smaller row. */
tacit_status faithfulness_measure(work *w, matrix x, const double *y, int k, int64_t most, uint64_t seed,
                                  faithfulness *out);

#endif
