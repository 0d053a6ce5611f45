#include "use/calibration.h"

#include <math.h>

enum { BINS = 15 };

/* A row's largest logit, where it is, and the sum of exponentials of what is below it. */
typedef struct row_sum {
    double largest, sum;
    int32_t at;
} row_sum;

static row_sum sum_row(const float *logits, int32_t classes, double temperature)
{
    row_sum r = {.largest = (double)logits[0]};
    for (int32_t c = 1; c < classes; c++)
        if ((double)logits[c] > r.largest) {
            r.largest = (double)logits[c];
            r.at = c;
        }
    for (int32_t c = 0; c < classes; c++)
        r.sum += exp(((double)logits[c] - r.largest) / temperature);
    return r;
}

int32_t calibration_softmax(const float *logits, int32_t classes, double temperature, float *probability)
{
    const row_sum r = sum_row(logits, classes, temperature);
    for (int32_t c = 0; c < classes; c++)
        probability[c] = (float)(exp(((double)logits[c] - r.largest) / temperature) / r.sum);
    return r.at;
}

static double row_loss(const float *logits, int32_t label, int32_t classes, double temperature)
{
    const row_sum r = sum_row(logits, classes, temperature);
    return log(r.sum) - ((double)logits[label] - r.largest) / temperature;
}

calibration calibration_measure(const float *logits, const int32_t *label, int64_t count, int32_t classes,
                                double temperature)
{
    calibration out = {0};
    double confidence[BINS] = {0}, right[BINS] = {0};
    for (int64_t i = 0; i < count; i++) {
        const row_sum r = sum_row(logits + i * classes, classes, temperature);
        const int bin = (int)(BINS / r.sum) < BINS ? (int)(BINS / r.sum) : BINS - 1;
        confidence[bin] += 1 / r.sum; /* the largest probability */
        right[bin] += r.at == label[i];
        out.accuracy += r.at == label[i];
        out.loss += row_loss(logits + i * classes, label[i], classes, temperature);
    }
    for (int b = 0; b < BINS; b++)
        out.error += fabs(right[b] - confidence[b]) / (double)count;
    out.accuracy /= (double)count;
    out.loss /= (double)count;
    return out;
}

static double loss_at(const float *logits, const int32_t *label, int64_t count, int32_t classes,
                      double logarithm)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += row_loss(logits + i * classes, label[i], classes, exp(logarithm));
    return sum;
}

double calibration_temperature(const float *logits, const int32_t *label, int64_t count, int32_t classes)
{
    const double golden = 0.5 * (sqrt(5.0) - 1.0);
    double low = log(0.05), high = log(20.0);
    double left = high - golden * (high - low), right = low + golden * (high - low);
    double at_left = loss_at(logits, label, count, classes, left);
    double at_right = loss_at(logits, label, count, classes, right);
    while (high - low > 1e-4) {
        if (at_left < at_right) {
            high = right;
            right = left;
            at_right = at_left;
            left = high - golden * (high - low);
            at_left = loss_at(logits, label, count, classes, left);
        } else {
            low = left;
            left = right;
            at_left = at_right;
            right = low + golden * (high - low);
            at_right = loss_at(logits, label, count, classes, right);
        }
    }
    return exp(0.5 * (low + high));
}
