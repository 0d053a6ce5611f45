/* Gaussian blur, separable, cut off at three sigmas, edges repeated. */
#include "data/augment/augment.h"

#include "data/augment/pixel.h"

#include <math.h>
#include <string.h>

/* Half of the symmetric kernel: weight[0] is the middle; all of them together sum to 1. */
static void gaussian(float *weight, int radius, float sigma)
{
    double sum = 1.0;
    for (int k = 1; k <= radius; k++)
        sum += 2.0 * exp(-0.5 * (double)k * k / ((double)sigma * (double)sigma));
    for (int k = 0; k <= radius; k++)
        weight[k] = (float)(exp(-0.5 * (double)k * k / ((double)sigma * (double)sigma)) / sum);
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* out[j] += w * (a[j] + b[j]) */
KERNEL static void add_pair(float *out, const float *a, const float *b, float w, int count)
{
#pragma omp simd
    for (int j = 0; j < count; j++)
        out[j] += w * (a[j] + b[j]);
}

/* out[j] = w * a[j] */
KERNEL static void scaled(float *out, const float *a, float w, int count)
{
#pragma omp simd
    for (int j = 0; j < count; j++)
        out[j] = w * a[j];
}

/* The weights sum to 1 only up to rounding. */
KERNEL static void clip(float *row, int count)
{
#pragma omp simd
    for (int j = 0; j < count; j++)
        row[j] = pixel_clip(row[j]);
}

/* Repeats the first and the last pixel of a row of `size` numbers, `radius` times on either side. */
static void extend(float *row, int size, int channels, int radius)
{
    for (int k = 1; k <= radius; k++)
        for (int c = 0; c < channels; c++) {
            row[c - k * channels] = row[c];
            row[size + c + (k - 1) * channels] = row[size - channels + c];
        }
}

/* The wildest sigma that is of use: beyond it a picture of any size we train on is one colour. */
static const float sigma_limit = 1000.0f;

tacit_status blur_gaussian(canvas *c, float sigma, scratch *s)
{
    if (!(sigma >= 0.0f && sigma <= sigma_limit))
        return context_fail(s->context, TACIT_ARGUMENT, "blur: sigma %g: expected 0 to %g pixels",
                            (double)sigma, (double)sigma_limit);
    const int radius = (int)ceilf(3.0f * sigma), size = c->width * c->channels, last = c->height - 1;
    if (radius == 0)
        return TACIT_OK;
    const size_t count = (size_t)c->height * size, margin = (size_t)radius * c->channels;
    float *copy =
        scratch_get(s, SCRATCH_AUGMENT_A, (count + (size_t)size + 2 * margin + radius + 1) * sizeof(float));
    if (!copy)
        return TACIT_NOMEM;
    float *row = copy + count + margin, *weight = row + size + margin;
    memcpy(copy, c->pixels, count * sizeof(float));
    gaussian(weight, radius, sigma);
    for (int y = 0; y <= last; y++) {
        scaled(row, copy + (size_t)y * size, weight[0], size);
        for (int k = 1; k <= radius; k++)
            add_pair(row, copy + (size_t)clamp(y - k, 0, last) * size,
                     copy + (size_t)clamp(y + k, 0, last) * size, weight[k], size);
        extend(row, size, c->channels, radius);
        float *out = c->pixels + (size_t)y * size;
        scaled(out, row, weight[0], size);
        for (int k = 1; k <= radius; k++)
            add_pair(out, row - k * c->channels, row + k * c->channels, weight[k], size);
        clip(out, size);
    }
    return TACIT_OK;
}
