/* One random view of a picture: every family in its order, each by chance. */
#include "data/augment/augment.h"

#include <math.h>

/* Draws once whatever the probability, so that switching one family off leaves the draws of the next in
 * place. */
static bool chance(draws *d, float probability)
{
    return draw_uniform(d) < probability;
}

static tacit_status affine_random(const augment_settings *a, draws *d, scratch *s, canvas *c)
{
    const float rotate = draw_range(d, -a->rotate, a->rotate);
    const float shear_x = draw_range(d, -a->shear, a->shear), shear_y = draw_range(d, -a->shear, a->shear);
    const float dx = draw_range(d, -a->translate, a->translate) * (float)c->width;
    const float dy = draw_range(d, -a->translate, a->translate) * (float)c->height;
    /* Edges repeated: drawn things stand on a background of one colour, and the mean would draw bars beside
     * it. */
    return affine_warp(c, rotate, shear_x, shear_y, dx, dy, NULL, s);
}

/* Ten tries at a rectangle with the area and an aspect of 0.3 to 3.3 (the paper's range) that fits; else
 * nothing. */
static void erase_random(const augment_settings *a, draws *d, const float *mean, canvas *c)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        const float area = draw_range(d, a->erase_min, a->erase_max) * (float)c->height * (float)c->width;
        const float aspect = expf(draw_range(d, logf(0.3f), logf(3.3f)));
        const float width = rintf(sqrtf(area * aspect)), height = rintf(sqrtf(area / aspect));
        if (!(width <= (float)c->width && height <= (float)c->height))
            continue;
        const uint64_t x = draw_below(d, (uint64_t)(c->width - (int)width) + 1);
        const uint64_t y = draw_below(d, (uint64_t)(c->height - (int)height) + 1);
        erase_box(c, (int)x, (int)y, (int)width, (int)height, mean);
        return;
    }
}

tacit_status augment_picture(const augment_settings *a, image source, draws *d, const float *mean, scratch *s,
                             canvas *out)
{
    const bool cropping = a->crop_min < 1.0f;
    const crop_box box = cropping ? crop_random(a, source.height, source.width, d)
                                  : crop_centre(source.height, source.width, out->height, out->width);
    TRY(crop_resize(source, box, chance(d, a->flip), s, out));
    if (chance(d, a->affine))
        TRY(affine_random(a, d, s, out));
    if (chance(d, a->jitter))
        colour_jitter(out, a, d);
    if (chance(d, a->grayscale))
        colour_grayscale(out);
    if (chance(d, a->blur))
        TRY(blur_gaussian(out, draw_range(d, a->blur_min, a->blur_max), s));
    if (chance(d, a->solarize))
        colour_solarize(out);
    if (chance(d, a->erase))
        erase_random(a, d, mean, out);
    return TACIT_OK;
}
