/* Reference: functions of one number. */
#include "ref/reference.h"

#include <math.h>

static const double root_half = 0.70710678118654752440;   /* 1 / sqrt(2) */
static const double root_two_pi = 2.50662827463100050242; /* sqrt(2 pi) */

/* GELU(x) = x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016, section 2). */
void ref_gelu(int64_t count, const double *x, double *y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] * 0.5 * erfc(-x[i] * root_half);
}

/* By the product rule: Phi(x) + x phi(x), phi(x) = exp(-x^2 / 2) / sqrt(2 pi). */
void ref_gelu_backward(int64_t count, const double *x, const double *dy, double *dx)
{
    for (int64_t i = 0; i < count; i++)
        dx[i] = dy[i] * (0.5 * erfc(-x[i] * root_half) + x[i] * exp(-0.5 * x[i] * x[i]) / root_two_pi);
}

/* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel 2016, section 2). */
void ref_gelu_tanh(int64_t count, const double *x, double *y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] * 0.5 * (1 + tanh(2 / root_two_pi * (x[i] + 0.044715 * x[i] * x[i] * x[i])));
}

/* By the product rule, with d tanh(u) = (1 - tanh(u)^2) du. */
void ref_gelu_tanh_backward(int64_t count, const double *x, const double *dy, double *dx)
{
    for (int64_t i = 0; i < count; i++) {
        const double tangent = tanh(2 / root_two_pi * (x[i] + 0.044715 * x[i] * x[i] * x[i]));
        const double slope = 2 / root_two_pi * (1 + 3 * 0.044715 * x[i] * x[i]);
        dx[i] = dy[i] * 0.5 * (1 + tangent + x[i] * (1 - tangent * tangent) * slope);
    }
}

/* max(x, 0) (Nair and Hinton 2010). */
void ref_relu(int64_t count, const double *x, double *y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

void ref_relu_backward(int64_t count, const double *x, const double *dy, double *dx)
{
    for (int64_t i = 0; i < count; i++)
        dx[i] = x[i] > 0 ? dy[i] : 0;
}
