/* How well rows lie in their groups, and the number of groups that follows from it. */
#ifndef USE_SILHOUETTE_H
#define USE_SILHOUETTE_H

#include "use/kmeans.h"

/* Mean silhouette (Rousseeuw 1987) of rows in groups, -1 to 1: (b - a) / max(a, b) with a the mean distance
 * to the others of the row's own group, b to the rows of the nearest other group; 0 for a row alone in its
 * group, and for all when there is one group only. distances (count, count); group (count) 0 .. groups-1;
 * sums (groups) and sizes (groups) are space. */
double silhouette_mean(const float *distances, const int32_t *group, int64_t count, int32_t groups,
                       double *sums, int64_t *sizes);

enum { SILHOUETTE_SAMPLE = 2000 };

/* Chooses the number of groups, 2 to `most`: k-means with the restarts, iterations and seed of `o` is fitted
 * to a keyed sample of at most SILHOUETTE_SAMPLE rows of x (N, D), once for each number; the largest mean
 * silhouette of the sample (Euclidean distances) wins, ties: fewer groups. Numbers end below that of the
 * rows. Fewer than 3 rows or `most` below 2: TACIT_ARGUMENT. */
tacit_status silhouette_choose(work *w, matrix x, int32_t most, const kmeans_options *o, int32_t *groups,
                               double *silhouette);

#endif
