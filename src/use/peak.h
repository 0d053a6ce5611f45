/* The machine's fused multiply-add peak: what all other speeds are a share of. */
#ifndef USE_PEAK_H
#define USE_PEAK_H

#include "op/work.h"

/* 10^9 single-precision operations a second (a fused multiply-add is two) of all workers together, over about
 * `milliseconds`, in independent chains that never leave the registers. */
double peak_measure(work *w, double milliseconds);

#endif
