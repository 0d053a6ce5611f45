/* How far a classifier's probabilities can be believed, and the temperature that mends them (Guo, Pleiss, Sun
 * and Weinberger 2017, "On calibration of modern neural networks"). */
#ifndef USE_CALIBRATION_H
#define USE_CALIBRATION_H

#include "base/memory.h"

typedef struct calibration {
    double accuracy; /* share of examples whose most probable class is theirs; ties: the smaller */
    double error;    /* expected calibration error (their equation 3), 15 bins of equal width, 0 to 1 */
    double loss;     /* mean -log probability of the label */
} calibration;

/* logits (count, classes), finite; label (count), 0 .. classes-1; at least one example; temperature above 0.
 */
calibration calibration_measure(const float *logits, const int32_t *label, int64_t count, int32_t classes,
                                double temperature);

/* The temperature, 0.05 to 20, at which the loss is least: by golden section on its logarithm, to 1e-4 of it
 * (the loss is convex in 1 / temperature). */
double calibration_temperature(const float *logits, const int32_t *label, int64_t count, int32_t classes);

/* softmax(logits / temperature) of one example -> probability (classes); returns the most probable class. */
int32_t calibration_softmax(const float *logits, int32_t classes, double temperature, float *probability);

#endif
