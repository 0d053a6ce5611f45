/* What the families of augmentation share: clipping, grey values, and compilation for several instruction
 * sets. */
#ifndef DATA_AUGMENT_PIXEL_H
#define DATA_AUGMENT_PIXEL_H

#include <stddef.h>

/* A loop over pixels is compiled for AVX-512, AVX2 and the baseline, and the machine's best is chosen when
 * the program is loaded. Not under sanitizers: the choice runs before their runtime is ready. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
#define PIXEL_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PIXEL_KERNEL
#endif

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
