/* Views of pictures: the example read, cropped or augmented, and normalised into what an encoder takes. */
#include "data/augment/augment.h"

#include "data/augment/pixel.h"

#include <math.h>

/* Larger results than this are a slip of the pen: no encoder here takes them. */
enum { SIDE_LIMIT = 8192 };

/* Numbers a normalisation handles at once; a multiple of 1 and of 3 channels. */
enum { PATTERN = 48 };

typedef struct picture_views {
    views base;
    tacit_context *context;
    const dataset *data;
    augment_settings settings;
    float shift[PATTERN], gain[PATTERN]; /* mean and 1 / deviation of each channel, repeated */
} picture_views;

static canvas canvas_of(const picture_views *p, void *out)
{
    const int64_t *size = p->base.shape.size;
    return (canvas){(int)size[0], (int)size[1], (int)size[2], out};
}

static void normalise(const picture_views *p, canvas *c)
{
    const size_t count = (size_t)c->height * c->width * c->channels;
    for (size_t at = 0; at < count; at += PATTERN) {
        const int length = count - at < PATTERN ? (int)(count - at) : PATTERN;
        float *x = c->pixels + at;
#pragma omp simd
        for (int i = 0; i < length; i++)
            x[i] = (x[i] - p->shift[i]) * p->gain[i];
    }
}

static tacit_status random_view(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view,
                                scratch *s, void *out)
{
    const picture_views *p = (const picture_views *)v;
    canvas c = canvas_of(p, out);
    draws d = draws_at(seed, DRAW_AUGMENT, epoch, (uint64_t)example, view);
    image source;
    TRY(dataset_read(p->data, example, s, &source));
    TRY(augment_picture(&p->settings, source, &d, p->base.pixels.mean, s, &c));
    normalise(p, &c);
    return TACIT_OK;
}

static tacit_status plain_view(const views *v, int64_t example, scratch *s, void *out)
{
    const picture_views *p = (const picture_views *)v;
    canvas c = canvas_of(p, out);
    image source;
    TRY(dataset_read(p->data, example, s, &source));
    TRY(crop_resize(source, crop_centre(source.height, source.width, c.height, c.width), false, s, &c));
    normalise(p, &c);
    return TACIT_OK;
}

static void destroy(views *v)
{
    picture_views *p = (picture_views *)v;
    memory_free(p->context, p);
}

/* One setting and what it may be. */
typedef struct bound {
    const char *name;
    float value, low, high;
} bound;

static tacit_status check_settings(tacit_context *context, const augment_settings *a)
{
    /* A largest value stands before its smallest, which it bounds. */
    const bound bounds[] = {
        {"crop_max", a->crop_max, 1e-4f, 1.0f},
        {"crop_min", a->crop_min, 1e-4f, a->crop_max},
        {"aspect_max", a->aspect_max, 1e-2f, 1e2f},
        {"aspect_min", a->aspect_min, 1e-2f, a->aspect_max},
        {"flip", a->flip, 0.0f, 1.0f},
        {"jitter", a->jitter, 0.0f, 1.0f},
        {"brightness", a->brightness, 0.0f, 10.0f},
        {"contrast", a->contrast, 0.0f, 10.0f},
        {"saturation", a->saturation, 0.0f, 10.0f},
        {"hue", a->hue, 0.0f, 0.5f},
        {"grayscale", a->grayscale, 0.0f, 1.0f},
        {"blur", a->blur, 0.0f, 1.0f},
        {"blur_max", a->blur_max, 0.0f, 100.0f},
        {"blur_min", a->blur_min, 0.0f, a->blur_max},
        {"solarize", a->solarize, 0.0f, 1.0f},
        {"affine", a->affine, 0.0f, 1.0f},
        {"rotate", a->rotate, 0.0f, 180.0f},
        {"translate", a->translate, 0.0f, 1.0f},
        {"shear", a->shear, 0.0f, 40.0f}, /* at 45 in both directions nothing is left of the picture */
        {"erase", a->erase, 0.0f, 1.0f},
        {"erase_max", a->erase_max, 0.0f, 1.0f},
        {"erase_min", a->erase_min, 0.0f, a->erase_max},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const bound *b = &bounds[i];
        if (!(b->value >= b->low && b->value <= b->high))
            return context_fail(context, TACIT_ARGUMENT, "augmentation: %s is %g: expected %g to %g", b->name,
                                (double)b->value, (double)b->low, (double)b->high);
    }
    return TACIT_OK;
}

/* Height and width of a view of side `size`, or with size 0 of the data's own size. */
static tacit_status view_shape(tacit_context *context, const dataset *d, int size, shape *out)
{
    if (size < 0 || size > SIDE_LIMIT)
        return context_fail(context, TACIT_ARGUMENT,
                            "size %d: expected 1 to %d pixels, or 0 for the data's own", size, SIDE_LIMIT);
    if (size == 0 && (d->height < 1 || d->width < 1))
        return context_fail(context, TACIT_ARGUMENT,
                            "the pictures differ in size: choose one size for all of them");
    if (size == 0 && (d->height > SIDE_LIMIT || d->width > SIDE_LIMIT))
        return context_fail(context, TACIT_ARGUMENT, "the pictures are %dx%d pixels, over %d: choose a size",
                            d->height, d->width, SIDE_LIMIT);
    *out = shape_3(size ? size : d->height, size ? size : d->width, d->channels);
    return TACIT_OK;
}

static tacit_status check_normalisation(tacit_context *context, const picture_view_options *o, int channels)
{
    for (int c = 0; c < channels; c++)
        if (!(isfinite(o->mean[c]) && o->deviation[c] > 0.0f && isfinite(o->deviation[c])))
            return context_fail(
                context, TACIT_ARGUMENT,
                "mean %g and deviation %g of channel %d: expected finite numbers, deviation over 0",
                (double)o->mean[c], (double)o->deviation[c], c);
    return TACIT_OK;
}

tacit_status picture_views_create(views **out, tacit_context *context, const dataset *d,
                                  const picture_view_options *o)
{
    *out = NULL;
    shape s;
    TRY(view_shape(context, d, o->size, &s));
    TRY(check_settings(context, &o->settings));
    TRY(check_normalisation(context, o, d->channels));
    picture_views *p = memory_alloc(context, 1, sizeof *p);
    if (!p)
        return TACIT_NOMEM;
    p->base = (views){.dtype = DTYPE_F32,
                      .shape = s,
                      .count = d->count,
                      .random = random_view,
                      .plain = plain_view,
                      .destroy = destroy};
    p->context = context;
    p->data = d;
    p->settings = o->settings;
    for (int c = 0; c < d->channels; c++) {
        p->base.pixels.mean[c] = o->mean[c];
        p->base.pixels.deviation[c] = o->deviation[c];
    }
    for (int i = 0; i < PATTERN; i++) {
        p->shift[i] = o->mean[i % d->channels];
        p->gain[i] = 1.0f / o->deviation[i % d->channels];
    }
    *out = &p->base;
    return TACIT_OK;
}

void picture_from_view(const picture_view_options *o, shape s, const float *view, uint8_t *out)
{
    const int64_t count = shape_count(s), channels = shape_last(s);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = i % channels;
        out[i] = (uint8_t)(255.0f * pixel_clip(view[i] * o->deviation[c] + o->mean[c]) + 0.5f);
    }
}
