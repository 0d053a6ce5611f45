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

int64_t views_raw_width(const views *v)
{
    return v->raw ? v->raw_width : shape_count(v->shape);
}

tacit_status views_raw(const views *v, int64_t example, scratch *s, float *out)
{
    return v->raw ? v->raw(v, example, s, out) : v->plain(v, example, s, out);
}
