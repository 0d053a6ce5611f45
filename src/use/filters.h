/* Classical ways to restore pictures, to compare learnt ones with. Pictures (H, W, C), C numbers from 0 to 1
 * a pixel; outside, the nearest pixel is repeated. `out` is another picture of the same size. */
#ifndef USE_FILTERS_H
#define USE_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct picture_size {
    int height, width, channels;
} picture_size;

enum { MEDIAN_MOST = 7 };

/* The median of each square of `side` pixels, odd, at most MEDIAN_MOST, channel by channel. */
void filter_median(const float *x, picture_size s, int side, float *out);

/* Bilateral filter (Tomasi and Manduchi 1998): Gaussian in space, sigma `space` pixels cut at twice that, and
 * in the distance of colours, sigma `range`. */
void filter_bilateral(const float *x, picture_size s, double space, double range, float *out);

/* Fills the hidden (H, W; not 0) pixels harmonically: each the mean of its neighbours (Laplace's equation,
 * the edge of the picture reflecting), by successive over-relaxation until no pixel changes by 1e-5, at most
 * 10,000 sweeps. All hidden: 0.5. */
void filter_harmonic(const float *x, picture_size s, const uint8_t *hidden, float *out);

#endif
