/* Augmentation of pictures: one file for each family of transformations, all on float pictures in [0, 1], all
 * from keyed random numbers. */
#ifndef DATA_AUGMENT_AUGMENT_H
#define DATA_AUGMENT_AUGMENT_H

#include "base/philox.h"
#include "base/team.h"
#include "data/views.h"

/* A float picture: rows, columns, channels (1 or 3), values in [0, 1]. */
typedef struct canvas {
    int height, width, channels;
    float *pixels;
} canvas;

/* Every part can be switched off: probabilities 0, ranges of one point. Set from a preset, then changed. */
typedef struct augment_settings {
    float crop_min, crop_max; /* area of the random-resized crop as a share of the picture; 1,1: no crop */
    float aspect_min, aspect_max;           /* width over height of the crop */
    float flip;                             /* probability of a left-right flip */
    float jitter;                           /* probability of the four below, in random order */
    float brightness, contrast, saturation; /* factor drawn from [1-x, 1+x] */
    float hue;                              /* shift drawn from [-x, x], in turns (0 to 0.5) */
    float grayscale;                        /* probability */
    float blur;                             /* probability of a Gaussian blur */
    float blur_min, blur_max;               /* its sigma in pixels of the result */
    float solarize;                         /* probability of inverting what is above 0.5 */
    float affine;                           /* probability of the small affine below */
    float rotate;                           /* degrees, [-x, x] */
    float translate;                        /* share of the side, [-x, x] */
    float shear;                            /* degrees, [-x, x] */
    float erase;                            /* probability of erasing one rectangle with the mean */
    float erase_min, erase_max;             /* its area as a share */
} augment_settings;

typedef struct augment_preset {
    const char *name, *summary;
    augment_settings contrastive, prediction; /* strong views for the first family, mild for the second */
} augment_preset;

/* "photo", "small-colour", "small-grey"; NULL-name terminated. */
extern const augment_preset augment_presets[];
const augment_preset *augment_preset_find(const char *name);
/* By the size (of a view's side) and channels of the examples: under 65 is small. */
const augment_preset *augment_preset_for(int size, int channels);

/* ---- the families: in place, or into `out` (allocated by the caller) ---- */

/* crop.c: a box of the source, resized to out with an antialiased bicubic (Keys 1981, a = -0.5; the kernel
 * widens when shrinking, as Pillow does); result clipped to [0, 1]. flip mirrors left and right. Pixels
 * outside the box are not looked at. A box of the size of out at whole pixels is bytes / 255, exactly. A box
 * that is not inside the source is TACIT_ARGUMENT, other channels TACIT_SHAPE. */
typedef struct crop_box {
    float x, y, width, height; /* in pixels of the source */
} crop_box;
tacit_status crop_resize(image source, crop_box box, bool flip, scratch *s, canvas *out);
/* Ten tries at a box with this share of area and aspect, then the centre (torchvision's rule). */
crop_box crop_random(const augment_settings *a, int height, int width, draws *d);
/* The largest centred box with the aspect of out. */
crop_box crop_centre(int height, int width, int out_height, int out_width);

/* colour.c; grey pictures have brightness and contrast only */
void colour_jitter(canvas *c, const augment_settings *a, draws *d);
void colour_grayscale(canvas *c);
/* Away from, or towards, the grey of each pixel: factor 0 is grey, 1 as it is. */
void colour_saturate(canvas *c, float factor);
void colour_solarize(canvas *c);
tacit_status blur_gaussian(canvas *c, float sigma, scratch *s); /* blur.c; separable, edges repeated */
/* affine.c: shear, then rotation (clockwise), in degrees, about the centre, then translation in pixels
 * (right, down); bilinear; outside is `fill` (C), or the nearest pixel where `fill` is NULL. */
tacit_status affine_warp(canvas *c, float rotate, float shear_x, float shear_y, float dx, float dy,
                         const float *fill, scratch *s);
void erase_box(canvas *c, int x, int y, int width, int height, const float *fill); /* erase.c */

/* All of it in the order crop, flip, affine, jitter, grayscale, blur, solarise, erase; `mean` (C) fills what
 * is erased. crop_min = 1 means no crop: the centre with the aspect of out. Settings must be within the
 * ranges that picture_views_create checks. */
tacit_status augment_picture(const augment_settings *a, image source, draws *d, const float *mean, scratch *s,
                             canvas *out);

/* ---- picture views ---- */

typedef struct picture_view_options {
    int size; /* side of the result, pixels; 0: the data's own size (all examples must share it) */
    augment_settings settings;   /* for random views */
    float mean[3], deviation[3]; /* of pixels in [0, 1]; views are (x - mean) / deviation */
} picture_view_options;

/* `d` is kept. */
tacit_status picture_views_create(views **out, tacit_context *context, const dataset *d,
                                  const picture_view_options *o);

/* Mean and deviation of each channel over the centre views of a fixed sample of at most 10,000 examples, in
 * [0, 1]; a constant channel has deviation 1. `workers` shares the work; the sum is in a fixed order. */
tacit_status picture_statistics(const dataset *d, int size, team *workers, float mean[3], float deviation[3]);

/* A view of shape s = (H, W, C) back to bytes, for sheets: undoes the normalisation, clips, rounds.
 * out (H, W, C) */
void picture_from_view(const picture_view_options *o, shape s, const float *view, uint8_t *out);

/* ---- sheets (sheet.c) ---- */

/* A grid of pictures of one size on white, enlarged by a whole factor so that small ones can be seen (cells
 * at least 64 pixels), with a gap; column titles where given (a 5x7 pixel font).
 * pixels (rows*columns, H, W, C) u8. */
typedef struct sheet {
    int rows, columns;           /* of the grid */
    int height, width, channels; /* of each picture */
    const uint8_t *pixels;
    const char *const *titles; /* (columns) or NULL; cut where they do not fit above their column */
} sheet;
tacit_status sheet_write(tacit_context *context, const char *path, const sheet *s);

#endif
