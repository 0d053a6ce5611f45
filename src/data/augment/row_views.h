/* Views of rows of a table: what an encoder of rows takes. */
#ifndef DATA_AUGMENT_ROW_VIEWS_H
#define DATA_AUGMENT_ROW_VIEWS_H

#include "data/views.h"

typedef struct row_view_options {
    const row_table *like; /* the columns that views have, in their order; NULL: those of the data */
    const double *mean,
        *deviation; /* (columns); views are (x - mean) / deviation, and 0 where x is missing */
    double corrupt; /* share of the file's columns that a random view gets from other rows, 0 to 1 */
} row_view_options;

/* Views of shape (columns). Random view 0 is the plain one, all others are corrupted (Bahri et al. 2022):
 * each of floor(corrupt * F) of the F columns of the file, but at least one, has the value of a row drawn for
 * it. The columns of one text column go together. Options are copied, `d` is kept. Columns of `like` that the
 * data do not have: as table_match says. */
tacit_status row_views_create(views **out, tacit_context *context, const dataset *d,
                              const row_view_options *o);

/* Mean and deviation (columns) of the known values of all rows; a constant column has deviation 1. */
void row_statistics(const dataset *d, double *mean, double *deviation);

#endif
