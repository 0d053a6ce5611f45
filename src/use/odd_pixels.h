/* Odd pixels: how well the error of prediction tells them from the others, where masks say which are odd. */
#ifndef USE_ODD_PIXELS_H
#define USE_ODD_PIXELS_H

#include "use/predictability.h"

/* Ranks all pixels of examples 0 .. count-1 of `pictures` (views (S, S, C)) by the error of their prediction,
 * as predictability_show has it, and measures the ranking. mask_of (count): the example of `masks`, plain
 * views (S, S, 1) of 0 to 1, in which a picture's odd pixels are above 0.5; -1: it has none. The ranking is
 * exact: it takes 49 bytes of memory a pixel, 2.5 GB for 1,000 pictures of 224 x 224. The learner is one that
 * predictability_has. No odd pixel, or no other: TACIT_ARGUMENT. */
tacit_status odd_pixels_measure(const learner *l, const views *pictures, const views *masks, work *w,
                                const int64_t *mask_of, int64_t count, tacit_odd_pixels *out);

#endif
