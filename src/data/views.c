/* Views compared as the pixels they stand for. */
#include "data/views.h"

double pixel_square_error(const pixel_scale *scale, int64_t channels, const float *a, const float *b,
                          int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) {
        const double difference = ((double)a[i] - (double)b[i]) * (double)scale->deviation[i % channels];
        sum += difference * difference;
    }
    return sum / (double)count;
}
