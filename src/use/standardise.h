/* Columns of mean 0 and deviation 1. */
#ifndef USE_STANDARDISE_H
#define USE_STANDARDISE_H

#include "use/matrix.h"

/* Mean and deviation (biased) of each column, (columns) each; the deviation of a constant column is 1. At
 * least one row. TACIT_NONFINITE names the first row that holds an infinity or NaN. */
tacit_status columns_measure(work *w, matrix features, float *mean, float *deviation);

/* out (count, columns) = (row - mean) / deviation of the `count` rows that `rows` names; NULL: rows 0 ..
 * count-1. The rows must be finite (columns_measure has checked them). */
tacit_status rows_standardise(work *w, matrix features, const int64_t *rows, int64_t count, const float *mean,
                              const float *deviation, float *out);

/* One row, of `columns`. */
void row_standardise(const float *row, int64_t columns, const float *mean, const float *deviation,
                     float *out);

/* False if one of the numbers is infinite or NaN. */
bool row_is_finite(const float *row, int64_t columns);

#endif
