/* Views compared as the pixels they stand for. */
#include "data/views.h"

double pixel_square_error(const pixel_scale *scale, int64_t channels, const float *a, const float *b,
                          int64_t count)
{
    double sum = 0.0;
    const bool pictures = scale->deviation[0] > 0.0f;
    for (int64_t i = 0; i < count; i++) {
        const double unit = pictures ? (double)scale->deviation[i % channels] : 1.0;
        const double difference = ((double)a[i] - (double)b[i]) * unit;
        sum += difference * difference;
    }
    return sum / (double)count;
}
