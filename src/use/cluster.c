/* See cluster.h. */
#include "use/cluster.h"

#include "use/standardise.h"

#include <math.h>

enum { BLOCK_ROWS = 512 };

typedef struct unit_job {
    int64_t rows, columns;
    float *data;
} unit_job;

static tacit_status unit_block(void *user, int64_t block, int worker)
{
    const unit_job *j = user;
    (void)worker;
    for (int64_t r = 0; r < block_length(j->rows, BLOCK_ROWS, block); r++) {
        float *row = j->data + (block * BLOCK_ROWS + r) * j->columns;
        double square = 0;
        for (int64_t i = 0; i < j->columns; i++)
            square += (double)row[i] * (double)row[i];
        const double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int64_t i = 0; i < j->columns; i++)
            row[i] = (float)((double)row[i] * scale);
    }
    return TACIT_OK;
}

tacit_status cluster_space(work *w, matrix x, float *out)
{
    unit_job j = {x.rows, x.columns, out};
    float *mean = memory_alloc(w->context, 2 * (size_t)x.columns, sizeof *mean);
    if (!mean)
        return TACIT_NOMEM;
    tacit_status status = columns_measure(w, x, mean, mean + x.columns);
    if (status == TACIT_OK)
        status = rows_standardise(w, x, NULL, x.rows, mean, mean + x.columns, out);
    if (status == TACIT_OK)
        status = blocks_run(w, blocks_of(x.rows, BLOCK_ROWS), unit_block, &j);
    memory_free(w->context, mean);
    return status;
}
