/* Presets of augmentation for three kinds of pictures, with published values where there are any.
 *
 *   photo         SimCLR (Chen et al. 2020) at strength 0.5, which is also MoCo v2 (Chen et al. 2020b):
 * jitter .4 .4 .4 .1, grayscale .2, blur sigma .1 to 2. The crop starts at .2 of the area as in MoCo v2, not
 * SimCLR's .08: two 8% crops of a photo often show nothing in common, and small collections do not have the
 * millions of pictures over which that averages out. Prediction: crop .2 to 1 and flip, as MAE. small-colour
 * SimCLR's CIFAR recipe: strength 0.5, no blur (a few pixels of sigma leave nothing of 32). Prediction: a
 * crop of .6 to 1, because a small one is enlarged until there is nothing sharp to predict. small-grey drawn
 * things, digits, letters, clothes. No flip: a flipped letter is another letter, or none (set flip .5 for
 * clothes). Colour has two dimensions only; a small affine stands in for the hand that draws. No published
 * recipe: values as they are usual for MNIST-like data. */
#include "data/augment/augment.h"

#include <string.h>

#define ASPECT .aspect_min = 3.0f / 4.0f, .aspect_max = 4.0f / 3.0f
#define JITTER_COLOUR .jitter = 0.8f, .brightness = 0.4f, .contrast = 0.4f, .saturation = 0.4f, .hue = 0.1f
/* Used when a user sets only the probability. */
#define RANGES .blur_min = 0.1f, .blur_max = 2.0f, .erase_min = 0.02f, .erase_max = 0.2f
#define AFFINE_RANGES .rotate = 10.0f, .translate = 0.1f, .shear = 5.0f

const augment_preset augment_presets[] = {
    {.name = "photo",
     .summary = "photographs, side over 64: crop, flip, colour jitter, grayscale, blur (MoCo v2; for "
                "prediction MAE)",
     .contrastive = {.crop_min = 0.2f,
                     .crop_max = 1.0f,
                     ASPECT,
                     .flip = 0.5f,
                     JITTER_COLOUR,
                     .grayscale = 0.2f,
                     .blur = 0.5f,
                     RANGES,
                     AFFINE_RANGES},
     .prediction = {.crop_min = 0.2f, .crop_max = 1.0f, ASPECT, .flip = 0.5f, RANGES, AFFINE_RANGES}},
    {.name = "small-colour",
     .summary = "colour pictures up to 64 pixels: crop, flip, colour jitter, grayscale (SimCLR on CIFAR)",
     .contrastive = {.crop_min = 0.2f,
                     .crop_max = 1.0f,
                     ASPECT,
                     .flip = 0.5f,
                     JITTER_COLOUR,
                     .grayscale = 0.2f,
                     RANGES,
                     AFFINE_RANGES},
     .prediction = {.crop_min = 0.6f, .crop_max = 1.0f, ASPECT, .flip = 0.5f, RANGES, AFFINE_RANGES}},
    {.name = "small-grey",
     .summary = "drawn things, digits, letters, clothes in grey up to 64 pixels: crop, brightness, contrast, "
                "affine; no flip",
     .contrastive = {.crop_min = 0.3f,
                     .crop_max = 1.0f,
                     ASPECT,
                     .jitter = 0.8f,
                     .brightness = 0.4f,
                     .contrast = 0.4f,
                     .affine = 0.5f,
                     RANGES,
                     AFFINE_RANGES},
     .prediction = {.crop_min = 0.8f, .crop_max = 1.0f, ASPECT, RANGES, AFFINE_RANGES}},
    {.name = NULL},
};

const augment_preset *augment_preset_find(const char *name)
{
    for (const augment_preset *p = augment_presets; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

const augment_preset *augment_preset_for(int size, int channels)
{
    if (size >= 65)
        return augment_preset_find("photo");
    return augment_preset_find(channels == 1 ? "small-grey" : "small-colour");
}
