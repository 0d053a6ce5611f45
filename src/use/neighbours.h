/* k nearest neighbours by cosine similarity. */
#ifndef USE_NEIGHBOURS_H
#define USE_NEIGHBOURS_H

#include "use/matrix.h"

/* For each query (Q, D) its k nearest keys (N, D): rows (Q, k) i32 and cosine similarities (Q, k), nearest first,
 * equal similarity by smaller row. k <= N. In tiles: never Q x N in memory. Rows of norm 0 have similarity 0. */
tacit_status neighbours_find(work *w, matrix queries, matrix keys, int k, int32_t *rows, float *similarity);

/* Weighted vote exp(similarity / temperature) of each query's k neighbours -> predicted label (Q). Ties: smaller label. */
tacit_status neighbours_classify(work *w, matrix queries, matrix keys, const int32_t *key_labels, int32_t label_count,
                                 int k, float temperature, int32_t *predicted);

#endif
