/* Reference: matrix products in all transposition variants, and the linear layer. */
#include "ref/reference.h"

#include <stdio.h>
#include <stdlib.h>

double *ref_alloc(int64_t count)
{
    double *numbers = calloc(count > 0 ? (size_t)count : 1, sizeof *numbers);
    if (!numbers) {
        fprintf(stderr, "reference: out of memory\n");
        abort();
    }
    return numbers;
}

/* Where element (row, column) of a matrix that is stored (rows, columns), or (columns, rows) when transposed,
 * lies. */
static int64_t place(bool transposed, int64_t rows, int64_t columns, int64_t batch, int64_t row,
                     int64_t column)
{
    return batch * rows * columns + (transposed ? column * rows + row : row * columns + column);
}

/* dst[i][j] = sum over l of src[i][l] wei[l][j]. */
void ref_matmul(const ref_product *p, const double *src, const double *wei, double *dst)
{
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t i = 0; i < p->m; i++)
            for (int64_t j = 0; j < p->n; j++) {
                double sum = 0;
                for (int64_t l = 0; l < p->k; l++)
                    sum += src[place(p->src_transposed, p->m, p->k, b, i, l)] *
                           wei[place(p->wei_transposed, p->k, p->n, b, l, j)];
                dst[place(false, p->m, p->n, b, i, j)] = sum;
            }
}

/* dsrc[i][l] = sum over j of ddst[i][j] wei[l][j];  dwei[l][j] = sum over i of src[i][l] ddst[i][j]. Each is
 * stored as its matrix is. */
void ref_matmul_backward(const ref_product *p, const double *src, const double *wei, const double *ddst,
                         double *dsrc, double *dwei)
{
    for (int64_t i = 0; i < p->batch * p->m * p->k; i++)
        dsrc[i] = 0;
    for (int64_t i = 0; i < p->batch * p->k * p->n; i++)
        dwei[i] = 0;
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t i = 0; i < p->m; i++)
            for (int64_t j = 0; j < p->n; j++)
                for (int64_t l = 0; l < p->k; l++) {
                    const double upstream = ddst[place(false, p->m, p->n, b, i, j)];
                    const int64_t at_src = place(p->src_transposed, p->m, p->k, b, i, l);
                    const int64_t at_wei = place(p->wei_transposed, p->k, p->n, b, l, j);
                    dsrc[at_src] += upstream * wei[at_wei];
                    dwei[at_wei] += upstream * src[at_src];
                }
}

/* y[r][o] = bias[o] + sum over i of x[r][i] wei[o][i]. */
void ref_linear(int64_t rows, int64_t k, int64_t n, const double *x, const double *wei, const double *bias,
                double *y)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < n; o++) {
            double sum = bias ? bias[o] : 0;
            for (int64_t i = 0; i < k; i++)
                sum += x[r * k + i] * wei[o * k + i];
            y[r * n + o] = sum;
        }
}

/* dx[r][i] = sum over o of dy[r][o] wei[o][i];  dwei[o][i] = sum over r of dy[r][o] x[r][i];  dbias[o] = sum
 * over r of dy[r][o]. */
void ref_linear_backward(int64_t rows, int64_t k, int64_t n, const double *x, const double *wei,
                         const double *dy, double *dx, double *dwei, double *dbias)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < k; i++) {
            dx[r * k + i] = 0;
            for (int64_t o = 0; o < n; o++)
                dx[r * k + i] += dy[r * n + o] * wei[o * k + i];
        }
    for (int64_t o = 0; o < n; o++)
        for (int64_t i = 0; i < k; i++) {
            dwei[o * k + i] = 0;
            for (int64_t r = 0; r < rows; r++)
                dwei[o * k + i] += dy[r * n + o] * x[r * k + i];
        }
    for (int64_t o = 0; dbias && o < n; o++) {
        dbias[o] = 0;
        for (int64_t r = 0; r < rows; r++)
            dbias[o] += dy[r * n + o];
    }
}
