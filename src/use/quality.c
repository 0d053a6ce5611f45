#include "use/quality.h"

#include <math.h>

enum { WINDOW = 11 };

double quality_psnr(const float *a, const float *b, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    const double error = sum / (double)count;
    return error > 1e-10 ? -10.0 * log10(error) : 100.0;
}

static void fill_weights(double weight[WINDOW])
{
    double sum = 0.0;
    for (int i = 0; i < WINDOW; i++) {
        const double x = i - WINDOW / 2;
        weight[i] = exp(-x * x / (2 * 1.5 * 1.5));
        sum += weight[i];
    }
    for (int i = 0; i < WINDOW; i++)
        weight[i] /= sum;
}

/* Weighted moments of one window that begins at a and b; `down` numbers to the next row, `right` to the next
 * pixel. */
static double window_ssim(const float *a, const float *b, int64_t down, int64_t right, const double *weight)
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
    for (int y = 0; y < WINDOW; y++)
        for (int x = 0; x < WINDOW; x++) {
            const double w = weight[y] * weight[x];
            const double p = (double)a[y * down + x * right], q = (double)b[y * down + x * right];
            ma += w * p;
            mb += w * q;
            aa += w * p * p;
            bb += w * q * q;
            ab += w * p * q;
        }
    return (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2) /
           ((ma * ma + mb * mb + c1) * (aa - ma * ma + bb - mb * mb + c2));
}

double quality_ssim(const float *a, const float *b, int height, int width, int channels)
{
    double weight[WINDOW], sum = 0.0;
    const int64_t down = (int64_t)width * channels;
    if (height < WINDOW || width < WINDOW)
        return (double)NAN;
    fill_weights(weight);
    for (int y = 0; y + WINDOW <= height; y++)
        for (int x = 0; x + WINDOW <= width; x++)
            for (int c = 0; c < channels; c++) {
                const int64_t at = y * down + (int64_t)x * channels + c;
                sum += window_ssim(a + at, b + at, down, channels, weight);
            }
    return sum / ((double)(height - WINDOW + 1) * (width - WINDOW + 1) * channels);
}
