/* The Hungarian algorithm on whole numbers: exact. */
#include "use/matching.h"

#include <inttypes.h>

/* The fewer are "rows" here: they are matched one after another, each along the cheapest alternating path.
 * Numbers count from 1; 0 is the row at hand's start (column 0), as is usual for this form. */
typedef struct matching {
    const int64_t *weight;
    int64_t rows, columns, stride;
    bool turned;     /* rows are the columns of weight */
    int64_t *of_row; /* (rows + 1): potential */
    int64_t *of_column;
    int64_t *matched;  /* (columns + 1): row of each column, 0: none */
    int64_t *previous; /* (columns + 1): column before on the path */
    int64_t *slack;    /* (columns + 1): least reduced cost into the column */
    bool *reached;     /* (columns + 1) */
} matching;

static int64_t cost(const matching *m, int64_t row, int64_t column)
{
    return -(m->turned ? m->weight[(column - 1) * m->stride + row - 1]
                       : m->weight[(row - 1) * m->stride + column - 1]);
}

/* Lowers the slack of the columns not reached through `column`; returns the one with the least. */
static int64_t extend_path(matching *m, int64_t column, int64_t *step)
{
    const int64_t row = m->matched[column];
    int64_t next = 0;
    *step = INT64_MAX;
    for (int64_t j = 1; j <= m->columns; j++) {
        if (m->reached[j])
            continue;
        const int64_t reduced = cost(m, row, j) - m->of_row[row] - m->of_column[j];
        if (reduced < m->slack[j]) {
            m->slack[j] = reduced;
            m->previous[j] = column;
        }
        if (m->slack[j] < *step) {
            *step = m->slack[j];
            next = j;
        }
    }
    return next;
}

static void shift_potentials(matching *m, int64_t step)
{
    for (int64_t j = 0; j <= m->columns; j++)
        if (m->reached[j]) {
            m->of_row[m->matched[j]] += step;
            m->of_column[j] -= step;
        } else
            m->slack[j] -= step;
}

static void match_row(matching *m, int64_t row)
{
    int64_t column = 0, step;
    m->matched[0] = row;
    for (int64_t j = 0; j <= m->columns; j++) {
        m->slack[j] = INT64_MAX;
        m->reached[j] = false;
    }
    do {
        m->reached[column] = true;
        column = extend_path(m, column, &step);
        shift_potentials(m, step);
    } while (m->matched[column]);
    while (column) {
        m->matched[column] = m->matched[m->previous[column]];
        column = m->previous[column];
    }
}

static void read_result(const matching *m, int64_t rows, int64_t *column, int64_t *total)
{
    *total = 0;
    for (int64_t i = 0; i < rows; i++)
        column[i] = -1;
    for (int64_t j = 1; j <= m->columns; j++) {
        if (!m->matched[j])
            continue;
        *total -= cost(m, m->matched[j], j);
        if (m->turned)
            column[j - 1] = m->matched[j] - 1;
        else
            column[m->matched[j] - 1] = j - 1;
    }
}

tacit_status matching_find(tacit_context *context, const int64_t *weight, int64_t rows, int64_t columns,
                           int64_t *column, int64_t *total)
{
    const bool turned = rows > columns;
    matching m = {.weight = weight,
                  .rows = turned ? columns : rows,
                  .columns = turned ? rows : columns,
                  .stride = columns,
                  .turned = turned};
    if (rows < 1 || columns < 1)
        return context_fail(context, TACIT_ARGUMENT,
                            "matching: %" PRId64 " rows and %" PRId64 " columns, expected some of each", rows,
                            columns);
    const size_t wide = (size_t)m.columns + 1;
    m.of_row = memory_alloc(context, (size_t)m.rows + 1, sizeof *m.of_row);
    m.of_column = memory_alloc(context, wide, sizeof *m.of_column);
    m.matched = memory_alloc(context, wide, sizeof *m.matched);
    m.previous = memory_alloc(context, wide, sizeof *m.previous);
    m.slack = memory_alloc(context, wide, sizeof *m.slack);
    m.reached = memory_alloc(context, wide, sizeof *m.reached);
    tacit_status status = TACIT_NOMEM;
    if (m.of_row && m.of_column && m.matched && m.previous && m.slack && m.reached) {
        status = TACIT_OK;
        for (int64_t i = 1; i <= m.rows; i++)
            match_row(&m, i);
        read_result(&m, rows, column, total);
    }
    memory_free(context, m.of_row);
    memory_free(context, m.of_column);
    memory_free(context, m.matched);
    memory_free(context, m.previous);
    memory_free(context, m.slack);
    memory_free(context, m.reached);
    return status;
}
