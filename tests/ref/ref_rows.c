/* Reference: operators that move, add, or average whole rows. */
#include "ref/reference.h"

static void clear(double *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = 0;
}

static void copy_row(double *to, const double *from, int64_t d)
{
    for (int64_t i = 0; i < d; i++)
        to[i] = from[i];
}

static void add_row(double *to, const double *from, int64_t d)
{
    for (int64_t i = 0; i < d; i++)
        to[i] += from[i];
}

void ref_add(int64_t count, const double *a, const double *b, double *y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

void ref_add_backward(int64_t count, const double *dy, double *da, double *db)
{
    copy_row(da, dy, count);
    copy_row(db, dy, count);
}

void ref_scale(int64_t rows, int64_t d, const double *x, const double *gain, double *y)
{
    for (int64_t i = 0; i < rows * d; i++)
        y[i] = x[i] * gain[i % d];
}

void ref_scale_backward(int64_t rows, int64_t d, const double *x, const double *gain, const double *dy,
                        double *dx, double *dgain)
{
    clear(dgain, d);
    for (int64_t i = 0; i < rows * d; i++) {
        dx[i] = dy[i] * gain[i % d];
        dgain[i % d] += dy[i] * x[i];
    }
}

/* y[b][t] = x[b][t] + table[index[b][t]]. */
void ref_add_rows(int64_t b, int64_t t, int64_t d, int64_t r, const double *x, const double *table,
                  const int32_t *index, double *y)
{
    (void)r;
    for (int64_t i = 0; i < b * t; i++) {
        copy_row(y + i * d, x + i * d, d);
        add_row(y + i * d, table + (index ? index[i] : i % t) * d, d);
    }
}

/* dx = dy; each row of the table collects dy from wherever it was added. */
void ref_add_rows_backward(int64_t b, int64_t t, int64_t d, int64_t r, const int32_t *index, const double *dy,
                           double *dx, double *dtable)
{
    clear(dtable, r * d);
    for (int64_t i = 0; i < b * t; i++) {
        copy_row(dx + i * d, dy + i * d, d);
        add_row(dtable + (index ? index[i] : i % t) * d, dy + i * d, d);
    }
}

void ref_prepend(int64_t b, int64_t t, int64_t d, const double *x, const double *token, double *y)
{
    for (int64_t example = 0; example < b; example++) {
        copy_row(y + example * (t + 1) * d, token, d);
        copy_row(y + (example * (t + 1) + 1) * d, x + example * t * d, t * d);
    }
}

void ref_prepend_backward(int64_t b, int64_t t, int64_t d, const double *dy, double *dx, double *dtoken)
{
    clear(dtoken, d);
    for (int64_t example = 0; example < b; example++) {
        add_row(dtoken, dy + example * (t + 1) * d, d);
        copy_row(dx + example * t * d, dy + (example * (t + 1) + 1) * d, t * d);
    }
}

/* y[b][k] = x[b][index[b][k]]. */
void ref_gather_rows(int64_t b, int64_t t, int64_t d, int64_t k, const double *x, const int32_t *index,
                     double *y)
{
    for (int64_t i = 0; i < b * k; i++)
        copy_row(y + i * d, x + (i / k * t + index[i]) * d, d);
}

void ref_gather_rows_backward(int64_t b, int64_t t, int64_t d, int64_t k, const int32_t *index,
                              const double *dy, double *dx)
{
    clear(dx, b * t * d);
    for (int64_t i = 0; i < b * k; i++)
        add_row(dx + (i / k * t + index[i]) * d, dy + i * d, d);
}

/* The place among index[0 .. k-1] that names `token`, or -1. */
static int64_t found(const int32_t *index, int64_t k, int64_t token)
{
    for (int64_t i = 0; i < k; i++)
        if (index[i] == token)
            return i;
    return -1;
}

/* y[b][index[b][k]] = x[b][k]; every other token of y is `fill`. */
void ref_scatter_rows(int64_t b, int64_t t, int64_t d, int64_t k, const double *x, const int32_t *index,
                      const double *fill, double *y)
{
    for (int64_t i = 0; i < b * t; i++) {
        const int64_t from = found(index + i / t * k, k, i % t);
        copy_row(y + i * d, from < 0 ? fill : x + (i / t * k + from) * d, d);
    }
}

void ref_scatter_rows_backward(int64_t b, int64_t t, int64_t d, int64_t k, const int32_t *index,
                               const double *dy, double *dx, double *dfill)
{
    clear(dx, b * k * d);
    clear(dfill, d);
    for (int64_t i = 0; i < b * t; i++) {
        const int64_t from = found(index + i / t * k, k, i % t);
        add_row(from < 0 ? dfill : dx + (i / t * k + from) * d, dy + i * d, d);
    }
}

/* y[b] = sum of x[b][first .. T-1] / (T - first). */
void ref_mean_tokens(int64_t b, int64_t t, int64_t d, int64_t first, const double *x, double *y)
{
    clear(y, b * d);
    for (int64_t i = 0; i < b * t; i++)
        for (int64_t j = 0; j < d && i % t >= first; j++)
            y[i / t * d + j] += x[i * d + j] / (double)(t - first);
}

void ref_mean_tokens_backward(int64_t b, int64_t t, int64_t d, int64_t first, const double *dy, double *dx)
{
    for (int64_t i = 0; i < b * t; i++)
        for (int64_t j = 0; j < d; j++)
            dx[i * d + j] = i % t < first ? 0 : dy[i / t * d + j] / (double)(t - first);
}

/* 1 / (size of region r) where token `at` of the grid lies in region r, else 0: by counting. */
static double region_weight(int64_t down, int64_t across, int64_t side, int64_t r, int64_t at)
{
    int64_t inside = 0, size = 0;
    for (int64_t i = 0; i < down * across; i++) {
        const bool in = (i / across) * side / down == r / side && (i % across) * side / across == r % side;
        size += in;
        inside += in && i == at;
    }
    return (double)inside / (double)size;
}

void ref_mean_regions(int64_t b, int64_t down, int64_t across, int64_t d, int64_t side, const double *x,
                      double *y)
{
    const int64_t regions = side * side, tokens = 1 + down * across;
    clear(y, b * regions * d);
    for (int64_t r = 0; r < regions; r++)
        for (int64_t i = 1; i < tokens; i++) {
            const double weight = region_weight(down, across, side, r, i - 1);
            for (int64_t at = 0; at < b * d; at++)
                y[(at / d * regions + r) * d + at % d] += weight * x[(at / d * tokens + i) * d + at % d];
        }
}

void ref_mean_regions_backward(int64_t b, int64_t down, int64_t across, int64_t d, int64_t side,
                               const double *dy, double *dx)
{
    const int64_t regions = side * side, tokens = 1 + down * across;
    clear(dx, b * tokens * d);
    for (int64_t r = 0; r < regions; r++)
        for (int64_t i = 1; i < tokens; i++) {
            const double weight = region_weight(down, across, side, r, i - 1);
            for (int64_t at = 0; at < b * d; at++)
                dx[(at / d * tokens + i) * d + at % d] += weight * dy[(at / d * regions + r) * d + at % d];
        }
}

void ref_take_token(int64_t b, int64_t t, int64_t d, int64_t token, const double *x, double *y)
{
    for (int64_t example = 0; example < b; example++)
        copy_row(y + example * d, x + (example * t + token) * d, d);
}

void ref_take_token_backward(int64_t b, int64_t t, int64_t d, int64_t token, const double *dy, double *dx)
{
    clear(dx, b * t * d);
    for (int64_t example = 0; example < b; example++)
        copy_row(dx + (example * t + token) * d, dy + example * d, d);
}

/* Number ((row in patch) p + column in patch) C + channel of patch (row of patches) (W/p) + (column of
 * patches). */
void ref_patchify(int64_t b, int64_t h, int64_t w, int64_t c, int64_t patch, const double *x, double *y)
{
    const int64_t across = w / patch, patches = h / patch * across, size = patch * patch * c;
    for (int64_t example = 0; example < b; example++)
        for (int64_t row = 0; row < h; row++)
            for (int64_t column = 0; column < w; column++) {
                const int64_t number = row / patch * across + column / patch;
                const int64_t within = (row % patch * patch + column % patch) * c;
                copy_row(y + (example * patches + number) * size + within,
                         x + ((example * h + row) * w + column) * c, c);
            }
}
