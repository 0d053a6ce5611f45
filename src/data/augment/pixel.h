/* What the families of augmentation share: kernels, clipping, grey values. */
#ifndef DATA_AUGMENT_PIXEL_H
#define DATA_AUGMENT_PIXEL_H

#include "base/kernel.h"

/* Values of a picture stay in [0, 1]. Written so that it becomes one minimum and one maximum. */
static inline float pixel_clip(float x)
{
    x = x > 0.0f ? x : 0.0f;
    return x < 1.0f ? x : 1.0f;
}

/* ITU-R 601 luma, as every published augmentation recipe uses it. */
static inline float pixel_luma(float red, float green, float blue)
{
    return 0.299f * red + 0.587f * green + 0.114f * blue;
}

#endif
