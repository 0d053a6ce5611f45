/* Reference: the losses by dimension, Barlow Twins and VICReg. */
#include "ref/reference.h"

#include <math.h>
#include <stdlib.h>

/* C_ij = sum over rows of a_i b_j / divisor. */
static double product(int64_t n, int64_t d, const double *a, const double *b, int64_t i, int64_t j,
                      double divisor)
{
    double sum = 0;
    for (int64_t r = 0; r < n; r++)
        sum += a[r * d + i] * b[r * d + j];
    return sum / divisor;
}

double ref_redundancy(int64_t n, int64_t d, double weight, const double *a, const double *b)
{
    double loss = 0;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            const double c = product(n, d, a, b, i, j, (double)n);
            loss += i == j ? (c - 1) * (c - 1) : weight * c * c;
        }
    return loss;
}

/* g_ij = d loss / d C_ij; da_i += g_ij b_j / N, db_j += g_ij a_i / N. */
void ref_redundancy_backward(int64_t n, int64_t d, double weight, const double *a, const double *b,
                             double dloss, double *da, double *db)
{
    for (int64_t i = 0; i < n * d; i++)
        da[i] = db[i] = 0;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            const double c = product(n, d, a, b, i, j, (double)n);
            const double g = dloss * 2 * (i == j ? c - 1 : weight * c) / (double)n;
            for (int64_t r = 0; r < n; r++) {
                da[r * d + i] += g * b[r * d + j];
                db[r * d + j] += g * a[r * d + i];
            }
        }
}

/* Each column less its mean; ends with free. */
static double *centred(int64_t n, int64_t d, const double *x)
{
    double *out = ref_alloc(n * d);
    for (int64_t i = 0; i < d; i++) {
        double mean = 0;
        for (int64_t r = 0; r < n; r++)
            mean += x[r * d + i] / (double)n;
        for (int64_t r = 0; r < n; r++)
            out[r * d + i] = x[r * d + i] - mean;
    }
    return out;
}

/* Variance (equation 1, halved) and covariance (equations 3, 4) of one view. */
static double view_loss(int64_t n, int64_t d, ref_vicreg_weights w, const double *x)
{
    double *c = centred(n, d, x), loss = 0;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            const double s = product(n, d, c, c, i, j, (double)(n - 1));
            loss += i == j ? w.variance * fmax(0, 1 - sqrt(s + 1e-4)) / 2 / (double)d
                           : w.covariance * s * s / (double)d;
        }
    free(c);
    return loss;
}

/* With s_ij the covariance: d s_ij / dx_i = c_j / (N - 1), and the same of j; centring has no share, because
 * the sum over rows of c is 0. */
static void view_backward(int64_t n, int64_t d, ref_vicreg_weights w, const double *x, double dloss,
                          double *dx)
{
    double *c = centred(n, d, x);
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            const double s = product(n, d, c, c, i, j, (double)(n - 1)), deviation = sqrt(s + 1e-4);
            double g = 2 * w.covariance * s / (double)d;
            if (i == j)
                g = deviation < 1 ? -w.variance / (4 * (double)d * deviation) : 0;
            for (int64_t r = 0; r < n; r++) {
                dx[r * d + i] += dloss * g * c[r * d + j] / (double)(n - 1);
                dx[r * d + j] += dloss * g * c[r * d + i] / (double)(n - 1);
            }
        }
    free(c);
}

double ref_vicreg(int64_t n, int64_t d, ref_vicreg_weights w, const double *a, const double *b)
{
    return w.invariance * ref_mean_square_error(n * d, a, b) + view_loss(n, d, w, a) + view_loss(n, d, w, b);
}

void ref_vicreg_backward(int64_t n, int64_t d, ref_vicreg_weights w, const double *a, const double *b,
                         double dloss, double *da, double *db)
{
    ref_mean_square_error_backward(n * d, a, b, dloss * w.invariance, da);
    ref_mean_square_error_backward(n * d, b, a, dloss * w.invariance, db);
    view_backward(n, d, w, a, dloss, da);
    view_backward(n, d, w, b, dloss, db);
}
