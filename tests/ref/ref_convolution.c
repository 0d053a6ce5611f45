/* Reference: convolution and max pool, number by number. */
#include "ref/reference.h"

/* Index of pixel (row, column) of picture b, channel c; -1 outside. */
static int64_t pixel(int64_t h, int64_t w, int64_t channels, int64_t b, int64_t row, int64_t column,
                     int64_t c)
{
    if (row < 0 || row >= h || column < 0 || column >= w)
        return -1;
    return ((b * h + row) * w + column) * channels + c;
}

/* Places that one term of the sum joins. */
typedef struct term {
    int64_t x, wei, y;
} term;

static term term_of(const ref_windows *s, int64_t down, int64_t across, int64_t out, int64_t n)
{
    const int64_t o = out % s->outputs, j = out / s->outputs % across, i = out / s->outputs / across % down,
                  b = out / s->outputs / across / down;
    const int64_t v = n % s->kernel, u = n / s->kernel % s->kernel, c = n / s->kernel / s->kernel;
    return (term){pixel(s->height, s->width, s->inputs, b, i * s->stride - s->padding + u,
                        j * s->stride - s->padding + v, c),
                  ((o * s->inputs + c) * s->kernel + u) * s->kernel + v, out};
}

static int64_t side(const ref_windows *s, int64_t n)
{
    return (n + 2 * s->padding - s->kernel) / s->stride + 1;
}

void ref_convolution(const ref_windows *s, const double *x, const double *wei, double *y)
{
    const int64_t down = side(s, s->height), across = side(s, s->width);
    for (int64_t out = 0; out < s->batch * down * across * s->outputs; out++) {
        y[out] = 0;
        for (int64_t n = 0; n < s->inputs * s->kernel * s->kernel; n++) {
            const term at = term_of(s, down, across, out, n);
            y[out] += at.x < 0 ? 0 : x[at.x] * wei[at.wei];
        }
    }
}

void ref_convolution_backward(const ref_windows *s, const double *x, const double *wei, const double *dy,
                              double *dx, double *dwei)
{
    const int64_t down = side(s, s->height), across = side(s, s->width);
    for (int64_t i = 0; i < s->batch * s->height * s->width * s->inputs; i++)
        dx[i] = 0;
    for (int64_t i = 0; i < s->outputs * s->inputs * s->kernel * s->kernel; i++)
        dwei[i] = 0;
    for (int64_t out = 0; out < s->batch * down * across * s->outputs; out++)
        for (int64_t n = 0; n < s->inputs * s->kernel * s->kernel; n++) {
            const term at = term_of(s, down, across, out, n);
            if (at.x < 0)
                continue;
            dx[at.x] += dy[out] * wei[at.wei];
            dwei[at.wei] += dy[out] * x[at.x];
        }
}

/* Where the largest number under output `out` lies. */
static int64_t largest(int64_t h, int64_t w, int64_t c, const double *x, int64_t out)
{
    const int64_t down = (h + 1) / 2, across = (w + 1) / 2;
    const int64_t j = out / c % across, i = out / c / across % down, b = out / c / across / down;
    int64_t best = -1;
    for (int64_t row = 2 * i - 1; row <= 2 * i + 1; row++)
        for (int64_t column = 2 * j - 1; column <= 2 * j + 1; column++) {
            const int64_t at = pixel(h, w, c, b, row, column, out % c);
            if (at >= 0 && (best < 0 || x[at] > x[best]))
                best = at;
        }
    return best;
}

void ref_max_pool(int64_t b, int64_t h, int64_t w, int64_t c, const double *x, double *y)
{
    for (int64_t out = 0; out < b * ((h + 1) / 2) * ((w + 1) / 2) * c; out++)
        y[out] = x[largest(h, w, c, x, out)];
}

void ref_max_pool_backward(int64_t b, int64_t h, int64_t w, int64_t c, const double *x, const double *dy,
                           double *dx)
{
    for (int64_t i = 0; i < b * h * w * c; i++)
        dx[i] = 0;
    for (int64_t out = 0; out < b * ((h + 1) / 2) * ((w + 1) / 2) * c; out++)
        dx[largest(h, w, c, x, out)] += dy[out];
}
