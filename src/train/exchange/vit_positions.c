#include "train/exchange/vit.h"

#include <math.h>

enum { TAPS = 4 };

/* Four places of an axis, and their weights. */
typedef struct taps {
    int64_t place[TAPS];
    double weight[TAPS];
} taps;

/* Keys' cubic. */
static double cubic(double x)
{
    const double a = -0.75, d = fabs(x);
    if (d <= 1.0)
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    return d < 2.0 ? ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a : 0.0;
}

static taps taps_of(int64_t at, int64_t side, int64_t new_side)
{
    taps t;
    const double centre = ((double)at + 0.5) * (double)side / (double)new_side - 0.5, left = floor(centre);
    for (int i = 0; i < TAPS; i++) {
        const int64_t place = (int64_t)left - 1 + i;
        t.place[i] = place < 0 ? 0 : (place >= side ? side - 1 : place);
        t.weight[i] = cubic(centre - left + 1.0 - i);
    }
    return t;
}

static void resize_place(const float *from, int64_t side, const taps *down, const taps *across, float *to,
                         int64_t width)
{
    for (int64_t k = 0; k < width; k++) {
        double sum = 0.0;
        for (int i = 0; i < TAPS; i++)
            for (int j = 0; j < TAPS; j++)
                sum += down->weight[i] * across->weight[j] *
                       (double)from[(down->place[i] * side + across->place[j]) * width + k];
        to[k] = (float)sum;
    }
}

void vit_resize_positions(const float *from, int64_t side, float *to, int64_t new_side, int64_t width)
{
    for (int64_t y = 0; y < new_side; y++) {
        const taps down = taps_of(y, side, new_side);
        for (int64_t x = 0; x < new_side; x++, to += width) {
            const taps across = taps_of(x, side, new_side);
            resize_place(from, side, &down, &across, to, width);
        }
    }
}
