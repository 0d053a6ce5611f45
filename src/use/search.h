/* The nearest of many rows to a few queries, in one pass over the rows. */
#ifndef USE_SEARCH_H
#define USE_SEARCH_H

#include "use/matrix.h"

/* For each of queries (Q, D) the k nearest of keys (N, D), both rows of length 1 (unit_rows): rows (Q, k) and
 * cosine similarities (Q, k), nearest first, equal similarity by smaller row. 1 <= k <= N < 2^31, else
 * TACIT_ARGUMENT. The keys are read once for every 16 queries, by all workers: for a few queries the time is
 * that of reading them from memory. For many queries neighbours_find, whose matrix products need the copy
 * that it makes, is faster. */
tacit_status search_nearest(work *w, matrix queries, matrix keys, int k, int32_t *rows, float *similarity);

#endif
