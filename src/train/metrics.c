#include "train/metrics.h"

#include "base/memory.h"

#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double row_scale(const float *row, int64_t width)
{
    double squares = 0.0;
    for (int64_t i = 0; i < width; i++)
        squares += (double)row[i] * (double)row[i];
    return squares > 0.0 ? 1.0 / sqrt(squares) : 0.0;
}

enum { COLUMNS = 128 }; /* read together, so that rows are scaled only once for so many */

/* The sum of the deviations of columns first .. first + count - 1. */
static double spread_of(const float *embeddings, int64_t rows, int64_t width, int64_t first, int64_t count)
{
    double sum[COLUMNS] = {0}, squares[COLUMNS] = {0}, total = 0.0;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = embeddings + r * width;
        const double scale = row_scale(row, width);
        for (int64_t i = 0; i < count; i++) {
            const double x = (double)row[first + i] * scale;
            sum[i] += x;
            squares[i] += x * x;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        const double mean = sum[i] / (double)rows, variance = squares[i] / (double)rows - mean * mean;
        total += variance > 0.0 ? sqrt(variance) : 0.0;
    }
    return total;
}

double representation_spread(const float *embeddings, int64_t rows, int64_t width)
{
    double total = 0.0;
    for (int64_t first = 0; first < width; first += COLUMNS)
        total += spread_of(embeddings, rows, width, first, width - first < COLUMNS ? width - first : COLUMNS);
    return total / (double)width;
}

/* Upper triangle of the covariance of the rows, into a (width, width) matrix. */
static void covariance(const float *embeddings, int64_t rows, int64_t width, double *mean, double *out)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++)
            mean[i] += (double)embeddings[r * width + i] / (double)rows;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) {
            const double x = (double)embeddings[r * width + i] - mean[i];
            for (int64_t j = i; j < width; j++)
                out[i * width + j] += x * ((double)embeddings[r * width + j] - mean[j]);
        }
}

static double spectrum_rank(const double *eigenvalues, int64_t width)
{
    double sum = 0.0, entropy = 0.0;
    for (int64_t i = 0; i < width; i++)
        sum += eigenvalues[i] > 0.0 ? sqrt(eigenvalues[i]) : 0.0;
    for (int64_t i = 0; sum > 0.0 && i < width; i++) {
        const double p = eigenvalues[i] > 0.0 ? sqrt(eigenvalues[i]) / sum : 0.0;
        entropy -= p > 0.0 ? p * log(p) : 0.0;
    }
    return exp(entropy);
}

tacit_status representation_measure(tacit_context *context, const float *embeddings, int64_t rows,
                                    int64_t width, representation *out)
{
    tacit_status status = TACIT_NOMEM;
    double *matrix = memory_alloc(context, (size_t)(width * width), sizeof *matrix);
    double *vector = memory_alloc(context, (size_t)(2 * width), sizeof *vector);
    if (!matrix || !vector)
        goto out;
    out->spread = representation_spread(embeddings, rows, width);
    covariance(embeddings, rows, width, vector, matrix);
    const int failed = LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'U', (lapack_int)width, matrix, (lapack_int)width,
                                     vector + width);
    status = failed ? context_fail(context, TACIT_NONFINITE,
                                   "the spectrum of the embeddings could not be computed")
                    : TACIT_OK;
    out->effective_rank = spectrum_rank(vector + width, width);
out:
    memory_free(context, matrix);
    memory_free(context, vector);
    return status;
}

const char *representation_advice(const representation *r, int64_t width, bool spherical, char *text,
                                  size_t size)
{
    const double healthy = 1.0 / sqrt((double)width);
    if (spherical && r->spread < 0.1 * healthy)
        snprintf(text, size,
                 "the embeddings of different examples are becoming the same: their spread is %.2g, healthy "
                 "is about %.2g. "
                 "Try a lower learning rate, a larger batch, or weaker augmentation",
                 r->spread, healthy);
    else if (r->effective_rank < 2.0)
        snprintf(text, size,
                 "the embeddings lie almost on a line: effective rank %.1f of %lld. Try a lower learning "
                 "rate or a larger "
                 "batch",
                 r->effective_rank, (long long)width);
    else
        return NULL;
    return text;
}

const char *nonfinite_advice(double loss, double gradient_norm, double lr, int64_t step, char *text,
                             size_t size)
{
    snprintf(text, size,
             "step %lld: the %s is not a finite number (loss %g, gradient norm %g, learning rate %g). The "
             "last checkpoint is "
             "from before. Try a lower --lr, a longer --warmup, or --clip 1",
             (long long)step, isfinite(loss) ? "gradient" : "loss", loss, gradient_norm, lr);
    return text;
}
