/* Reference: layer norm, batch norm, unit length, and the normalised patches of the masked autoencoder.
 *
 * Layer norm and batch norm are one formula over a line of n numbers that lie `step` apart: a row, or a
 * column. */
#include "ref/reference.h"

#include <math.h>

static const double batch_norm_epsilon = 1e-5;

typedef struct moments {
    double mean, deviation; /* sqrt(biased variance + epsilon) */
} moments;

static moments moments_of(const double *x, int64_t n, int64_t step, double epsilon)
{
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i * step] / (double)n;
    for (int64_t i = 0; i < n; i++)
        variance += (x[i * step] - mean) * (x[i * step] - mean) / (double)n;
    return (moments){mean, sqrt(variance + epsilon)};
}

/* With h = (x - mean) / deviation and g the gradient of h (Ioffe and Szegedy 2015, section 3, put into one
 * line): dx = (g - mean(g) - h mean(g h)) / deviation. */
static void standardize_backward(const double *x, const double *g, int64_t n, int64_t step, double epsilon,
                                 double *dx)
{
    const moments m = moments_of(x, n, step, epsilon);
    double mean_g = 0, mean_gh = 0;
    for (int64_t i = 0; i < n; i++) {
        mean_g += g[i * step] / (double)n;
        mean_gh += g[i * step] * (x[i * step] - m.mean) / m.deviation / (double)n;
    }
    for (int64_t i = 0; i < n; i++)
        dx[i * step] = (g[i * step] - mean_g - (x[i * step] - m.mean) / m.deviation * mean_gh) / m.deviation;
}

/* y = (x - mean) / sqrt(var + epsilon) gain + bias by rows (Ba et al. 2016, equation 4). */
void ref_layer_norm(int64_t rows, int64_t d, double epsilon, const double *x, const double *gain,
                    const double *bias, double *y)
{
    for (int64_t r = 0; r < rows; r++) {
        const moments m = moments_of(x + r * d, d, 1, epsilon);
        for (int64_t i = 0; i < d; i++)
            y[r * d + i] = (x[r * d + i] - m.mean) / m.deviation * gain[i] + bias[i];
    }
}

/* dgain = sum over rows of dy h; dbias = sum over rows of dy; dx from g = dy gain. */
void ref_layer_norm_backward(int64_t rows, int64_t d, double epsilon, const double *x, const double *gain,
                             const double *dy, double *dx, double *dgain, double *dbias)
{
    for (int64_t i = 0; i < d; i++)
        dgain[i] = dbias[i] = 0;
    for (int64_t r = 0; r < rows; r++) {
        const moments m = moments_of(x + r * d, d, 1, epsilon);
        for (int64_t i = 0; i < d; i++) {
            dgain[i] += dy[r * d + i] * (x[r * d + i] - m.mean) / m.deviation;
            dbias[i] += dy[r * d + i];
            dx[r * d + i] = dy[r * d + i] * gain[i];
        }
        standardize_backward(x + r * d, dx + r * d, d, 1, epsilon, dx + r * d);
    }
}

/* The same by columns, over the rows of the batch, with 1e-5 (Ioffe and Szegedy 2015, algorithm 1). */
void ref_batch_norm(int64_t rows, int64_t d, const double *x, const double *gain, const double *bias,
                    double *y)
{
    for (int64_t i = 0; i < d; i++) {
        const moments m = moments_of(x + i, rows, d, batch_norm_epsilon);
        for (int64_t r = 0; r < rows; r++)
            y[r * d + i] =
                (x[r * d + i] - m.mean) / m.deviation * (gain ? gain[i] : 1) + (bias ? bias[i] : 0);
    }
}

void ref_batch_norm_backward(int64_t rows, int64_t d, const double *x, const double *gain, const double *dy,
                             double *dx, double *dgain, double *dbias)
{
    for (int64_t i = 0; i < d; i++) {
        const moments m = moments_of(x + i, rows, d, batch_norm_epsilon);
        double sum = 0, sum_h = 0;
        for (int64_t r = 0; r < rows; r++) {
            sum += dy[r * d + i];
            sum_h += dy[r * d + i] * (x[r * d + i] - m.mean) / m.deviation;
            dx[r * d + i] = dy[r * d + i] * (gain ? gain[i] : 1);
        }
        if (dgain)
            dgain[i] = sum_h;
        if (dbias)
            dbias[i] = sum;
        standardize_backward(x + i, dx + i, rows, d, batch_norm_epsilon, dx + i);
    }
}

static double length_of(const double *x, int64_t d)
{
    double sum = 0;
    for (int64_t i = 0; i < d; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* y = x / max(|x|, 1e-12). */
void ref_l2_normalize(int64_t rows, int64_t d, const double *x, double *y)
{
    for (int64_t r = 0; r < rows; r++) {
        const double length = fmax(length_of(x + r * d, d), 1e-12);
        for (int64_t i = 0; i < d; i++)
            y[r * d + i] = x[r * d + i] / length;
    }
}

/* dx = (dy - y (y . dy)) / |x|: the part of dy along y changes only the length. */
void ref_l2_normalize_backward(int64_t rows, int64_t d, const double *x, const double *dy, double *dx)
{
    for (int64_t r = 0; r < rows; r++) {
        const double length = length_of(x + r * d, d);
        double along = 0;
        for (int64_t i = 0; i < d; i++)
            along += x[r * d + i] / length * dy[r * d + i];
        for (int64_t i = 0; i < d; i++)
            dx[r * d + i] = (dy[r * d + i] - x[r * d + i] / length * along) / length;
    }
}

/* (x - mean) / sqrt(v + 1e-6), v = sum (x - mean)^2 / (D - 1) (He et al. 2022, section 3, "Reconstruction
 * target"; the unbiased variance and the 1e-6 are those of the authors' program). */
void ref_normalize_rows(int64_t rows, int64_t d, const double *x, double *y)
{
    for (int64_t r = 0; r < rows; r++) {
        const moments m = moments_of(x + r * d, d, 1, 0);
        const double unbiased = m.deviation * m.deviation * (double)d / (double)(d - 1);
        for (int64_t i = 0; i < d; i++)
            y[r * d + i] = (x[r * d + i] - m.mean) / sqrt(unbiased + 1e-6);
    }
}
