/* Reference: the losses. */
#include "ref/reference.h"

#include <math.h>
#include <stdlib.h>

/* mean of (p - t)^2. */
double ref_mean_square_error(int64_t count, const double *prediction, const double *target)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (prediction[i] - target[i]) * (prediction[i] - target[i]);
    return sum / (double)count;
}

/* dp = 2 (p - t) / count. */
void ref_mean_square_error_backward(int64_t count, const double *prediction, const double *target,
                                    double dloss, double *dprediction)
{
    for (int64_t i = 0; i < count; i++)
        dprediction[i] = dloss * 2 * (prediction[i] - target[i]) / (double)count;
}

/* sum of w (p - t)^2 / sum of w. */
double ref_weighted_square_error(int64_t count, const double *prediction, const double *target,
                                 const double *weights)
{
    double errors = 0, sum = 0;
    for (int64_t i = 0; i < count; i++) {
        errors += weights[i] * (prediction[i] - target[i]) * (prediction[i] - target[i]);
        sum += weights[i];
    }
    return errors / sum;
}

void ref_weighted_square_error_backward(int64_t count, const double *prediction, const double *target,
                                        const double *weights, double dloss, double *dprediction)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += weights[i];
    for (int64_t i = 0; i < count; i++)
        dprediction[i] = dloss * 2 * weights[i] * (prediction[i] - target[i]) / sum;
}

/* log p over the keys of row i, p = softmax(query_i . keys / temperature) without the excluded key, whose log
 * p is -infinity. */
static void log_softmax(const ref_contrast *c, const double *query, const double *keys, int64_t i,
                        double *log_p)
{
    double largest = -HUGE_VAL, sum = 0;
    for (int64_t j = 0; j < c->m; j++) {
        log_p[j] = 0;
        for (int64_t l = 0; l < c->d; l++)
            log_p[j] += query[i * c->d + l] * keys[j * c->d + l] / c->temperature;
        if (c->exclude && c->exclude[i] == j)
            log_p[j] = -HUGE_VAL;
        largest = fmax(largest, log_p[j]);
    }
    for (int64_t j = 0; j < c->m; j++)
        sum += exp(log_p[j] - largest);
    for (int64_t j = 0; j < c->m; j++)
        log_p[j] -= largest + log(sum);
}

static double counted_rows(const ref_contrast *c)
{
    double counted = 0;
    for (int64_t i = 0; i < c->n; i++)
        counted += c->target[i] >= 0;
    return counted;
}

/* mean over i of -log p_i[target_i] (van den Oord et al. 2018, equation 4; with query = keys and exclude =
 * the row itself it is NT-Xent, Chen et al. 2020, equation 1), of the rows that have a target. */
double ref_cross_entropy(const ref_contrast *c, const double *query, const double *keys)
{
    double *log_p = ref_alloc(c->m), loss = 0;
    for (int64_t i = 0; i < c->n; i++) {
        log_softmax(c, query, keys, i, log_p);
        if (c->target[i] >= 0)
            loss -= log_p[c->target[i]] / counted_rows(c);
    }
    free(log_p);
    return loss;
}

/* The logits' gradient is (p - onehot(target)) / N, N the rows that have a target, and 0 for the others; then
 * dquery = dz keys / temperature, dkeys = dz^T query / temperature. */
void ref_cross_entropy_backward(const ref_contrast *c, const double *query, const double *keys, double dloss,
                                double *dquery, double *dkeys)
{
    double *log_p = ref_alloc(c->m);
    const double factor = dloss / counted_rows(c) / c->temperature;
    for (int64_t i = 0; i < c->n * c->d; i++)
        dquery[i] = 0;
    for (int64_t i = 0; i < c->m * c->d; i++)
        dkeys[i] = 0;
    for (int64_t i = 0; i < c->n; i++) {
        log_softmax(c, query, keys, i, log_p);
        for (int64_t j = 0; c->target[i] >= 0 && j < c->m; j++) {
            const double dz = factor * (exp(log_p[j]) - (c->target[i] == j));
            for (int64_t l = 0; l < c->d; l++) {
                dquery[i * c->d + l] += dz * keys[j * c->d + l];
                dkeys[j * c->d + l] += dz * query[i * c->d + l];
            }
        }
    }
    free(log_p);
}

/* p of the M + 1 logits [query_i . positive_i, query_i . negatives] / temperature, own key first. */
static void own_softmax(const ref_contrast *c, const double *query, const double *positive,
                        const double *negatives, int64_t i, double *p)
{
    double largest = -HUGE_VAL, sum = 0;
    for (int64_t j = 0; j <= c->m; j++) {
        const double *key = j == 0 ? positive + i * c->d : negatives + (j - 1) * c->d;
        p[j] = 0;
        for (int64_t l = 0; l < c->d; l++)
            p[j] += query[i * c->d + l] * key[l] / c->temperature;
        largest = fmax(largest, p[j]);
    }
    for (int64_t j = 0; j <= c->m; j++)
        sum += exp(p[j] - largest);
    for (int64_t j = 0; j <= c->m; j++)
        p[j] = exp(p[j] - largest) / sum;
}

/* mean over i of -log p_i0 (He et al. 2020, equation 1). */
double ref_info_nce(const ref_contrast *c, const double *query, const double *positive,
                    const double *negatives)
{
    double *p = ref_alloc(c->m + 1), loss = 0;
    for (int64_t i = 0; i < c->n; i++) {
        own_softmax(c, query, positive, negatives, i, p);
        loss -= log(p[0]) / (double)c->n;
    }
    free(p);
    return loss;
}

/* dquery_i = (sum of p_j key_j - positive_i) / (N temperature), the sum over all M + 1 keys. */
void ref_info_nce_backward(const ref_contrast *c, const double *query, const double *positive,
                           const double *negatives, double dloss, double *dquery)
{
    double *p = ref_alloc(c->m + 1);
    const double factor = dloss / (double)c->n / c->temperature;
    for (int64_t i = 0; i < c->n; i++) {
        own_softmax(c, query, positive, negatives, i, p);
        for (int64_t l = 0; l < c->d; l++) {
            double sum = (p[0] - 1) * positive[i * c->d + l];
            for (int64_t j = 0; j < c->m; j++)
                sum += p[j + 1] * negatives[j * c->d + l];
            dquery[i * c->d + l] = factor * sum;
        }
    }
    free(p);
}

/* ---- softmax cross-entropy ---- */

/* log p of one row: the definition, without a shift. */
static double log_probability(const double *logits, int64_t classes, int64_t c)
{
    double sum = 0;
    for (int64_t k = 0; k < classes; k++)
        sum += exp(logits[k]);
    return logits[c] - log(sum);
}

static double wanted_share(const ref_classes *r, int64_t row, int64_t c)
{
    return (c == r->label[row] ? 1 - r->smoothing : 0) + r->smoothing / (double)r->classes;
}

double ref_softmax_cross_entropy(const ref_classes *r, const double *logits)
{
    double loss = 0;
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t c = 0; c < r->classes; c++)
            loss -= wanted_share(r, i, c) * log_probability(logits + i * r->classes, r->classes, c);
    return loss / (double)r->n;
}

/* dlogits = (p - q) / N. */
void ref_softmax_cross_entropy_backward(const ref_classes *r, const double *logits, double dloss,
                                        double *dlogits)
{
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t c = 0; c < r->classes; c++)
            dlogits[i * r->classes + c] =
                dloss *
                (exp(log_probability(logits + i * r->classes, r->classes, c)) - wanted_share(r, i, c)) /
                (double)r->n;
}
