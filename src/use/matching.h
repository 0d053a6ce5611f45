/* The best one-to-one matching of rows and columns: the assignment problem. */
#ifndef USE_MATCHING_H
#define USE_MATCHING_H

#include "base/memory.h"

/* Matches rows and columns one to one, as many as there are of the fewer, so that the sum of
 * weight (rows, columns), each of size below 2^53, is largest: the Hungarian algorithm (Kuhn 1955; Munkres
 * 1957) with potentials, O(min^2 max). column (rows) receives the column of each row, or -1. *total is the
 * sum. Without rows or columns: TACIT_ARGUMENT. */
tacit_status matching_find(tacit_context *context, const int64_t *weight, int64_t rows, int64_t columns,
                           int64_t *column, int64_t *total);

#endif
