/* k nearest neighbours by cosine similarity. */
#ifndef USE_NEIGHBOURS_H
#define USE_NEIGHBOURS_H

#include "use/matrix.h"

/* For each query (Q, D) its k nearest keys (N, D): rows (Q, k) i32 and cosine similarities (Q, k), nearest
 * first, equal similarity by smaller row. 1 <= k <= N, else TACIT_ARGUMENT. In tiles: never Q x N in memory,
 * but a copy of the keys. Rows of norm 0 have similarity 0; a row that is not finite is TACIT_NONFINITE.
 * Similarities are f32 products of rows of length 1: they may exceed 1 by rounding. */
tacit_status neighbours_find(work *w, matrix queries, matrix keys, int k, int32_t *rows, float *similarity);

/* Weighted vote exp(similarity / temperature) of each query's k neighbours -> predicted label (Q). Ties:
 * smaller label. key_labels (N) are 0 .. label_count-1, temperature is above 0, else TACIT_ARGUMENT. */
tacit_status neighbours_classify(work *w, matrix queries, matrix keys, const int32_t *key_labels,
                                 int32_t label_count, int k, float temperature, int32_t *predicted);

#endif
