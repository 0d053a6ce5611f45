/* The small affine: rotation, shear and translation about the centre, bilinear. */
#include "data/augment/augment.h"

#include "data/augment/pixel.h"

#include <math.h>
#include <string.h>

/* From a pixel of the result to a place in the source: (x, y) -> (xx x + xy y + x0, yx x + yy y + y0). */
typedef struct mapping {
    float xx, xy, x0, yx, yy, y0;
} mapping;

/* Inverse of: shear, then rotate, about the centre, then translate. False when there is none. */
static bool invert(mapping *m, const canvas *c, const float degrees[3], float dx, float dy)
{
    const double radians = 3.14159265358979323846 / 180.0;
    const double cosine = cos((double)degrees[0] * radians), sine = sin((double)degrees[0] * radians);
    const double p = tan((double)degrees[1] * radians), q = tan((double)degrees[2] * radians);
    const double xx = cosine - sine * q, xy = cosine * p - sine;
    const double yx = sine + cosine * q, yy = sine * p + cosine;
    const double determinant = xx * yy - xy * yx;
    if (!(fabs(determinant) >= 1e-3 && fabs(determinant) <= 1e3 && isfinite(dx) && isfinite(dy)))
        return false;
    *m = (mapping){.xx = (float)(yy / determinant),
                   .xy = (float)(-xy / determinant),
                   .yx = (float)(-yx / determinant),
                   .yy = (float)(xx / determinant)};
    const float cx = (float)(c->width - 1) / 2.0f, cy = (float)(c->height - 1) / 2.0f;
    m->x0 = cx - m->xx * (cx + dx) - m->xy * (cy + dy);
    m->y0 = cy - m->yx * (cx + dx) - m->yy * (cy + dy);
    return true;
}

/* The margin around the padded copy: one pixel before the picture, and two behind it, so that a place a whole
 * pixel outside still has four neighbours. */
enum { BEFORE = 1, BEHIND = 2, MARGIN = BEFORE + BEHIND };

/* Copies of one pixel. */
static void repeat(float *to, const float *pixel, int count, int channels)
{
    for (int i = 0; i < count; i++)
        memcpy(to + (size_t)i * channels, pixel, (size_t)channels * sizeof *to);
}

/* A copy with a margin of `fill`, or of the nearest pixel where `fill` is NULL. */
static void copy_padded(float *padded, const canvas *c, const float *fill)
{
    const int channels = c->channels;
    const size_t row = (size_t)c->width * channels;
    for (int y = -BEFORE; y < c->height + BEHIND; y++) {
        const bool outside = y < 0 || y >= c->height;
        const int nearest = y < 0 ? 0 : y >= c->height ? c->height - 1 : y;
        const float *from = c->pixels + (size_t)nearest * row;
        float *to = padded + (size_t)(y + BEFORE) * (row + (size_t)MARGIN * channels);
        repeat(to, fill ? fill : from, BEFORE, channels);
        if (outside && fill)
            repeat(to + BEFORE * channels, fill, c->width, channels);
        else
            memcpy(to + BEFORE * channels, from, row * sizeof *to);
        repeat(to + BEFORE * channels + row, fill ? fill : from + row - channels, BEHIND, channels);
    }
}

/* Where the pixels of one row of the result come from: number of the upper left pixel of four in the padded
 * copy, and the shares of the right and lower ones. */
typedef struct places {
    int32_t *corner;      /* (width) */
    float *right, *lower; /* (width) */
} places;

static inline float clamp(float value, float limit)
{
    value = value > 0.0f ? value : 0.0f;
    return value < limit ? value : limit;
}

KERNEL static void find_places(const mapping *m, const canvas *c, int y, const places *p)
{
    const float x_limit = (float)(c->width + BEFORE), y_limit = (float)(c->height + BEFORE);
    const float x_start = m->xy * (float)y + m->x0 + BEFORE, y_start = m->yy * (float)y + m->y0 + BEFORE;
    const int32_t wide = c->width + MARGIN;
    const float xx = m->xx, yx = m->yx;
    int32_t *corner = p->corner;
    float *right = p->right, *lower = p->lower;
#pragma omp simd
    for (int x = 0; x < c->width; x++) {
        const float u = clamp(xx * (float)x + x_start, x_limit), v = clamp(yx * (float)x + y_start, y_limit);
        const int32_t column = (int32_t)u, line = (int32_t)v; /* both at least 0: this is floor */
        corner[x] = line * wide + column;
        right[x] = u - (float)column;
        lower[x] = v - (float)line;
    }
}

static inline void sample_row(const places *p, const float *padded, int width, int channels, float *out)
{
    const size_t down = (size_t)(width + MARGIN) * channels;
    for (int x = 0; x < width; x++) {
        const float *a = padded + (size_t)p->corner[x] * channels, *b = a + down;
        for (int k = 0; k < channels; k++) {
            const float upper = a[k] + p->right[x] * (a[k + channels] - a[k]);
            const float under = b[k] + p->right[x] * (b[k + channels] - b[k]);
            out[x * channels + k] = upper + p->lower[x] * (under - upper);
        }
    }
}

tacit_status affine_warp(canvas *c, float rotate, float shear_x, float shear_y, float dx, float dy,
                         const float *fill, scratch *s)
{
    mapping m;
    if (!invert(&m, c, (const float[3]){rotate, shear_x, shear_y}, dx, dy))
        return context_fail(
            s->context, TACIT_ARGUMENT,
            "affine: rotate %g, shear %g,%g degrees, move %g,%g: expected an invertible mapping",
            (double)rotate, (double)shear_x, (double)shear_y, (double)dx, (double)dy);
    const size_t padded_count = (size_t)(c->width + MARGIN) * (c->height + MARGIN) * c->channels,
                 width = (size_t)c->width;
    float *padded = scratch_get(s, SCRATCH_AUGMENT_A, (padded_count + 3 * width) * sizeof(float));
    if (!padded)
        return TACIT_NOMEM;
    const places p = {.right = padded + padded_count,
                      .lower = padded + padded_count + width,
                      .corner = (void *)(padded + padded_count + 2 * width)};
    copy_padded(padded, c, fill);
    for (int y = 0; y < c->height; y++) {
        float *out = c->pixels + (size_t)y * c->width * c->channels;
        find_places(&m, c, y, &p);
        if (c->channels == 1)
            sample_row(&p, padded, c->width, 1, out);
        else
            sample_row(&p, padded, c->width, 3, out);
    }
    return TACIT_OK;
}
