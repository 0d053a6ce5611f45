/* Measures of two partitions, all from their table of counts. */
#include "use/agreement.h"

#include "use/matching.h"

#include <inttypes.h>
#include <math.h>

/* Examples of each group and label. */
typedef struct table {
    int64_t rows, columns, count;
    int64_t *cells;         /* (rows, columns) */
    int64_t *row, *column;  /* sums */
    int64_t *column_of_row; /* of the best matching */
} table;

static tacit_status fill_table(table *t, tacit_context *context, const int32_t *group, const int32_t *label)
{
    for (int64_t i = 0; i < t->count; i++) {
        if (group[i] < 0 || group[i] >= t->rows || label[i] < 0 || label[i] >= t->columns)
            return context_fail(context, TACIT_ARGUMENT,
                                "agreement: example %" PRId64 " has group %" PRId32 " and label %" PRId32
                                ": outside 0 to %" PRId64 " and 0 to %" PRId64,
                                i, group[i], label[i], t->rows - 1, t->columns - 1);
        t->cells[group[i] * t->columns + label[i]]++;
        t->row[group[i]]++;
        t->column[label[i]]++;
    }
    return TACIT_OK;
}

static double entropy(const int64_t *sizes, int64_t sorts, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < sorts; i++) {
        const double p = (double)sizes[i] / (double)count;
        sum -= p > 0 ? p * log(p) : 0;
    }
    return sum;
}

static double information(const table *t)
{
    double sum = 0;
    const double count = (double)t->count;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++) {
            const double both = (double)t->cells[i * t->columns + j];
            if (both > 0)
                sum += both / count * log(both * count / ((double)t->row[i] * (double)t->column[j]));
        }
    return sum > 0 ? sum : 0;
}

static double normalised_information(const table *t)
{
    const double mean = (entropy(t->row, t->rows, t->count) + entropy(t->column, t->columns, t->count)) / 2;
    return mean > 0 ? information(t) / mean : 1;
}

/* Pairs of equal sort. */
static double pairs(const int64_t *sizes, int64_t sorts)
{
    double sum = 0;
    for (int64_t i = 0; i < sorts; i++)
        sum += (double)sizes[i] * ((double)sizes[i] - 1) / 2;
    return sum;
}

static double adjusted_rand(const table *t)
{
    const double both = pairs(t->cells, t->rows * t->columns), rows = pairs(t->row, t->rows),
                 columns = pairs(t->column, t->columns), all = pairs(&t->count, 1);
    const double expected = all > 0 ? rows * columns / all : 0, most = (rows + columns) / 2;
    return most != expected ? (both - expected) / (most - expected) : 1;
}

static tacit_status measure(table *t, tacit_context *context, agreement *out)
{
    int64_t matched;
    TRY(matching_find(context, t->cells, t->rows, t->columns, t->column_of_row, &matched));
    out->accuracy = (double)matched / (double)t->count;
    out->nmi = normalised_information(t);
    out->ari = adjusted_rand(t);
    return TACIT_OK;
}

tacit_status agreement_measure(tacit_context *context, const int32_t *group, int32_t groups,
                               const int32_t *label, int32_t labels, int64_t count, agreement *out)
{
    if (groups < 1 || labels < 1 || count < 1)
        return context_fail(context, TACIT_ARGUMENT,
                            "agreement: %" PRId64 " examples, %" PRId32 " groups, %" PRId32
                            " labels: all must be above 0",
                            count, groups, labels);
    table t = {.rows = groups, .columns = labels, .count = count};
    t.cells = memory_alloc(context, (size_t)groups, (size_t)labels * sizeof *t.cells);
    t.row = memory_alloc(context, (size_t)groups, sizeof *t.row);
    t.column = memory_alloc(context, (size_t)labels, sizeof *t.column);
    t.column_of_row = memory_alloc(context, (size_t)groups, sizeof *t.column_of_row);
    tacit_status status = TACIT_NOMEM;
    if (t.cells && t.row && t.column && t.column_of_row)
        status = fill_table(&t, context, group, label);
    if (status == TACIT_OK)
        status = measure(&t, context, out);
    memory_free(context, t.cells);
    memory_free(context, t.row);
    memory_free(context, t.column);
    memory_free(context, t.column_of_row);
    return status;
}
