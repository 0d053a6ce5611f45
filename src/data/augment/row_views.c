/* Views of rows: standardised columns, and corruption as SCARF has it (Bahri et al. 2022, "Self-supervised
 * contrastive learning using random feature corruption", algorithm 1). */
#include "data/augment/row_views.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

typedef struct row_views {
    views base;
    tacit_context *context;
    const dataset *data;
    double corrupt;
    int features; /* columns of the file: those of one name go together */
    int *first;   /* (features + 1): where each begins */
    int32_t *from;
    float *mean, *gain; /* (columns): 1 / deviation */
} row_views;

/* Column c of a row of the data, standardised; 0, the mean, where it is missing. */
static float standardised(const row_views *v, const float *row, int c)
{
    if (v->from[c] < 0) /* a category that the data do not know: no row has it */
        return -v->mean[c] * v->gain[c];
    const float x = row[v->from[c]];
    return isnan(x) ? 0.0f : (x - v->mean[c]) * v->gain[c];
}

static tacit_status fill(const row_views *v, int64_t example, int first, int last, float *out)
{
    const float *row;
    TRY(dataset_read_row(v->data, example, &row));
    for (int c = first; c < last; c++)
        out[c] = standardised(v, row, c);
    return TACIT_OK;
}

static tacit_status plain_view(const views *base, int64_t example, scratch *s, void *out)
{
    const row_views *v = (const row_views *)base;
    (void)s;
    return fill(v, example, 0, (int)v->base.shape.size[0], out);
}

/* View 0 is the row itself, as in the paper; the others have exactly `corrupt` of the features, rounded down
 * but at least one, replaced by those of rows drawn for each feature: draws from its empirical distribution.
 */
static tacit_status random_view(const views *base, uint64_t seed, uint32_t epoch, int64_t example,
                                uint32_t view, scratch *s, void *out)
{
    const row_views *v = (const row_views *)base;
    TRY(plain_view(base, example, s, out));
    if (view == 0 || !(v->corrupt > 0.0))
        return TACIT_OK;
    draws d = draws_at(seed, DRAW_AUGMENT, epoch, (uint64_t)example, view);
    int left = (int)(v->corrupt * (double)v->features);
    left = left < 1 ? 1 : left;
    for (int f = 0; f < v->features && left > 0; f++) {
        if (draw_below(&d, (uint64_t)(v->features - f)) >= (uint64_t)left)
            continue;
        const int64_t other = (int64_t)draw_below(&d, (uint64_t)v->data->count);
        TRY(fill(v, other, v->first[f], v->first[f + 1], out));
        left--;
    }
    return TACIT_OK;
}

static void destroy(views *base)
{
    row_views *v = (row_views *)base;
    memory_free(v->context, v->first);
    memory_free(v->context, v->from);
    memory_free(v->context, v->mean);
    memory_free(v->context, v->gain);
    memory_free(v->context, v);
}

static void find_features(row_views *v, const row_table *t)
{
    for (int c = 0; c < t->columns; c++)
        if (c == 0 || !t->column[c].category || !t->column[c - 1].category ||
            strcmp(t->column[c].name, t->column[c - 1].name) != 0)
            v->first[v->features++] = c;
    v->first[v->features] = t->columns;
}

static tacit_status set_up(row_views *v, const row_table *like, const double *mean, const double *deviation)
{
    const size_t columns = (size_t)like->columns;
    v->first = memory_alloc(v->context, columns + 1, sizeof *v->first);
    v->from = memory_alloc(v->context, columns, sizeof *v->from);
    v->mean = memory_alloc(v->context, columns, sizeof *v->mean);
    v->gain = memory_alloc(v->context, columns, sizeof *v->gain);
    if (!v->first || !v->from || !v->mean || !v->gain)
        return TACIT_NOMEM;
    find_features(v, like);
    for (int c = 0; c < like->columns; c++) {
        v->mean[c] = (float)mean[c];
        v->gain[c] = (float)(1.0 / deviation[c]);
        if (!(isfinite(v->mean[c]) && v->gain[c] > 0.0f && isfinite(v->gain[c])))
            return context_fail(
                v->context, TACIT_ARGUMENT,
                "mean %g and deviation %g of column %d: expected finite numbers, deviation over 0", mean[c],
                deviation[c], c + 1);
    }
    return table_match(like, v->data->table, v->from);
}

tacit_status row_views_create(views **out, tacit_context *context, const dataset *d,
                              const row_view_options *o)
{
    *out = NULL;
    const row_table *like = o->like ? o->like : d->table;
    if (!(o->corrupt >= 0.0 && o->corrupt <= 1.0))
        return context_fail(context, TACIT_ARGUMENT, "corruption: %g of the columns: expected 0 to 1",
                            o->corrupt);
    row_views *v = memory_alloc(context, 1, sizeof *v);
    if (!v)
        return TACIT_NOMEM;
    v->base = (views){.dtype = DTYPE_F32,
                      .count = d->count,
                      .shape = shape_1(like->columns),
                      .random = random_view,
                      .plain = plain_view,
                      .destroy = destroy};
    v->context = context;
    v->data = d;
    v->corrupt = o->corrupt;
    const tacit_status status = set_up(v, like, o->mean, o->deviation);
    v->base.features = (row_features){v->features, v->first};
    if (status == TACIT_OK)
        *out = &v->base;
    else
        destroy(&v->base);
    return status;
}

/* ---- statistics ---- */

/* The mean of f over the known values of a column: the values themselves, or their squared distances. */
static double column_mean(const dataset *d, int c, const double *centre)
{
    double sum = 0.0;
    int64_t known = 0;
    for (int64_t i = 0; i < d->count; i++) {
        const float x = d->table->values[dataset_stored(d, i) * d->table->columns + c];
        if (isnan(x))
            continue;
        sum += centre ? ((double)x - *centre) * ((double)x - *centre) : (double)x;
        known++;
    }
    return known ? sum / (double)known : 0.0;
}

void row_statistics(const dataset *d, double *mean, double *deviation)
{
    for (int c = 0; c < d->table->columns; c++) {
        mean[c] = column_mean(d, c, NULL);
        const double variance = column_mean(d, c, &mean[c]);
        /* Under this share of the mean it is the rounding of float32, not variation. */
        const double least = 1e-7 * fabs(mean[c]);
        deviation[c] = variance > least * least && variance > 1e-60 ? sqrt(variance) : 1.0;
    }
}
