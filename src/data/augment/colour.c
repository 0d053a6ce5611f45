/* Colour: the jitter of Chen et al. (2020), grayscale, solarisation. Values are clipped to [0, 1] after each
 * step. */
#include "data/augment/augment.h"

#include "data/augment/pixel.h"

/* Means are summed in this many lanes: a multiple of 3, so that each lane sees one channel only. */
enum { SUM_LANES = 48 };

static size_t canvas_count(const canvas *c)
{
    return (size_t)c->height * c->width * c->channels;
}

/* Grey values are linear in the channels, so the mean grey is the grey of the channels' means. */
KERNEL static float mean_luma(const canvas *c)
{
    const size_t count = canvas_count(c), whole = count - count % SUM_LANES;
    float lane[SUM_LANES] = {0.0f};
    for (size_t i = 0; i < whole; i += SUM_LANES) {
#pragma omp simd
        for (int l = 0; l < SUM_LANES; l++)
            lane[l] += c->pixels[i + l];
    }
    for (size_t i = whole; i < count; i++)
        lane[i - whole] += c->pixels[i];
    float sum[3] = {0.0f};
    for (int l = 0; l < SUM_LANES; l++)
        sum[l % c->channels] += lane[l];
    const float total = c->channels == 3 ? pixel_luma(sum[0], sum[1], sum[2]) : sum[0];
    return total / (float)((size_t)c->height * c->width);
}

/* pixel = clip(factor * pixel + offset) */
KERNEL static void scale_and_shift(canvas *c, float factor, float offset)
{
    float *p = c->pixels;
    const size_t count = canvas_count(c);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        p[i] = pixel_clip(factor * p[i] + offset);
}

KERNEL static void saturate(canvas *c, float factor)
{
    float *p = c->pixels;
    const size_t count = (size_t)c->height * c->width;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const float r = p[3 * i], g = p[3 * i + 1], b = p[3 * i + 2];
        const float grey = (1.0f - factor) * pixel_luma(r, g, b);
        p[3 * i] = pixel_clip(factor * r + grey);
        p[3 * i + 1] = pixel_clip(factor * g + grey);
        p[3 * i + 2] = pixel_clip(factor * b + grey);
    }
}

void colour_saturate(canvas *c, float factor)
{
    if (c->channels == 3)
        saturate(c, factor);
}

/* A channel of the colour with hue `h` (in sixths of a turn, [0, 6)): red is n = 5, green 3, blue 1. */
static inline float from_hue(float h, float n, float value, float chroma)
{
    float k = h + n;
    k = k >= 6.0f ? k - 6.0f : k;
    float share = k < 4.0f - k ? k : 4.0f - k;
    return value - chroma * pixel_clip(share);
}

/* Hue as HSV (Smith 1978) defines it, as torchvision does. Value and chroma (saturation times value) stay, so
 * the picture goes to HSV and back without its divisions by value. `shift` in turns. */
KERNEL static void shift_hue(canvas *c, float shift)
{
    float *p = c->pixels;
    const size_t count = (size_t)c->height * c->width;
    const float sixths = 6.0f * shift;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const float r = p[3 * i], g = p[3 * i + 1], b = p[3 * i + 2];
        const float high = r > g ? r : g, low = r > g ? g : r;
        const float value = b > high ? b : high, chroma = value - (b < low ? b : low);
        const float inverse = 1.0f / (chroma > 0.0f ? chroma : 1.0f);
        const float of_red = (g - b) * inverse, of_green = (b - r) * inverse + 2.0f,
                    of_blue = (r - g) * inverse + 4.0f;
        float h = value == r ? of_red : value == g ? of_green : of_blue;
        h += sixths; /* [-1, 5] + [-3, 3] */
        h = h < 0.0f ? h + 6.0f : h;
        h = h >= 6.0f ? h - 6.0f : h;
        p[3 * i] = from_hue(h, 5.0f, value, chroma);
        p[3 * i + 1] = from_hue(h, 3.0f, value, chroma);
        p[3 * i + 2] = from_hue(h, 1.0f, value, chroma);
    }
}

static float draw_factor(draws *d, float spread)
{
    const float low = 1.0f - spread;
    return draw_range(d, low > 0.0f ? low : 0.0f, 1.0f + spread);
}

/* One of the four, by number; a spread of 0 leaves the picture untouched. */
static void jitter_step(canvas *c, const augment_settings *a, int step, draws *d)
{
    if (step == 0 && a->brightness > 0.0f) {
        scale_and_shift(c, draw_factor(d, a->brightness), 0.0f);
    } else if (step == 1 && a->contrast > 0.0f) {
        const float factor = draw_factor(d, a->contrast);
        scale_and_shift(c, factor, (1.0f - factor) * mean_luma(c));
    } else if (step == 2 && a->saturation > 0.0f && c->channels == 3) {
        saturate(c, draw_factor(d, a->saturation));
    } else if (step == 3 && a->hue > 0.0f && c->channels == 3) {
        shift_hue(c, draw_range(d, -a->hue, a->hue));
    }
}

void colour_jitter(canvas *c, const augment_settings *a, draws *d)
{
    int order[4] = {0, 1, 2, 3};
    for (int i = 3; i > 0; i--) {
        const int other = (int)draw_below(d, (uint64_t)i + 1);
        const int kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (int i = 0; i < 4; i++)
        jitter_step(c, a, order[i], d);
}

void colour_grayscale(canvas *c)
{
    if (c->channels != 3)
        return;
    float *p = c->pixels;
    const size_t count = (size_t)c->height * c->width;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const float grey = pixel_luma(p[3 * i], p[3 * i + 1], p[3 * i + 2]);
        p[3 * i] = p[3 * i + 1] = p[3 * i + 2] = grey;
    }
}

void colour_solarize(canvas *c)
{
    float *p = c->pixels;
    const size_t count = canvas_count(c);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        p[i] = p[i] > 0.5f ? 1.0f - p[i] : p[i];
}
