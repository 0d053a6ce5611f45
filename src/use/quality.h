/* How alike a picture and its original are. Pictures (H, W, C), C numbers from 0 to 1 a pixel. */
#ifndef USE_QUALITY_H
#define USE_QUALITY_H

#include <stdint.h>

/* 10 log10(1 / mean square error) of `count` numbers, at most 100 dB. */
double quality_psnr(const float *a, const float *b, int64_t count);

/* Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004, equation 13): Gaussian windows of 11 x 11,
 * sigma 1.5, K1 0.01, K2 0.03, mean over the windows inside the picture and over channels; NAN under 11
 * pixels a side. */
double quality_ssim(const float *a, const float *b, int height, int width, int channels);

#endif
