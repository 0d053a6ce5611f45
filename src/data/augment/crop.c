/* Crops: a box of a byte picture, resized to a float picture, and how such boxes are chosen.
 *
 * The resize is separable. Each axis has a table of taps (first pixel, weights) for each pixel of the result.
 * For a row of the result the vertical taps come first, over whole source rows of bytes (contiguous, so it
 * vectorises), then the horizontal taps on that one row, which is still in the cache. */
#include "data/augment/augment.h"

#include "data/augment/pixel.h"

#include <math.h>
#include <string.h>

/* Rows are blended four at a time; tap counts are multiples of it, filled up with zero weights. */
enum { TAP_GROUP = 4 };

typedef float quad __attribute__((vector_size(16)));

/* One direction of a resize. The source pixels are first .. first+count-1; no tap reaches outside them, so a
 * crop never sees what it cut away. */
typedef struct axis {
    int first, count;
    int out;       /* pixels of the result */
    int taps;      /* weights for each pixel of the result */
    double origin; /* where the box starts, in pixels of the source */
    double scale;  /* pixels of the source for one of the result */
    int *start;    /* (out): first tap, counted from `first` */
    float *weight; /* (out, taps): sums to 1 in each row */
} axis;

static int round_up(int value, int multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

/* Keys' cubic with a = -0.5. */
static inline float keys(float x)
{
    x = x < 0.0f ? -x : x;
    const float near = (1.5f * x - 2.5f) * x * x + 1.0f;
    const float far = ((-0.5f * x + 2.5f) * x - 4.0f) * x + 2.0f;
    return x < 1.0f ? near : x < 2.0f ? far : 0.0f;
}

static axis axis_of(float origin, float extent, int limit, int out)
{
    axis a = {.out = out, .origin = (double)origin, .scale = (double)extent / out};
    a.first = (int)floorf(origin);
    const int end = (int)ceil((double)origin + (double)extent);
    a.count = (end < limit ? end : limit) - a.first;
    const int touched = (int)fmin(ceil(4.0 * fmax(a.scale, 1.0)), (double)a.count);
    a.taps = round_up(touched, TAP_GROUP);
    return a;
}

static size_t axis_bytes(const axis *a)
{
    return size_aligned((size_t)a->out * sizeof(int)) +
           size_aligned((size_t)a->out * a->taps * sizeof(float));
}

/* Weights of the taps low .. low+used-1 around `centre`, times `gain`. */
static inline void fill_weights(float *weight, int taps, int used, double low, double centre, double stretch,
                                float gain)
{
    const float offset = (float)((low + 0.5 - centre) / stretch), step = (float)(1.0 / stretch);
    float sum = 0.0f;
    for (int k = 0; k < taps; k++) {
        weight[k] = k < used ? keys(offset + (float)k * step) : 0.0f;
        sum += weight[k];
    }
    const float normal = gain / sum;
    for (int k = 0; k < taps; k++)
        weight[k] *= normal;
}

/* Fills the table in `memory` (axis_bytes); `mirror` reverses the result. */
KERNEL static void axis_fill(axis *a, uint8_t *memory, bool mirror, float gain)
{
    a->start = (void *)memory;
    a->weight = (void *)(memory + size_aligned((size_t)a->out * sizeof(int)));
    const double stretch = fmax(a->scale, 1.0), reach = 2.0 * stretch;
    const int end = a->first + a->count;
    for (int i = 0; i < a->out; i++) {
        const double centre = a->origin + (i + 0.5) * a->scale;
        int low = (int)floor(centre - reach + 0.5), high = (int)floor(centre + reach + 0.5);
        low = low > a->first ? low : a->first;
        high = high < end ? high : end;
        const int place = mirror ? a->out - 1 - i : i;
        a->start[place] = low - a->first;
        fill_weights(a->weight + (size_t)place * a->taps, a->taps, high - low, low, centre, stretch, gain);
    }
}

/* row[j] = the weighted sum of four source rows, or that added to it. */
static inline void blend_rows(float *row, const uint8_t *const p[TAP_GROUP], const float *w, int count,
                              bool add)
{
    const uint8_t *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3];
    const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
    if (add) {
#pragma omp simd
        for (int j = 0; j < count; j++)
            row[j] += w0 * (float)p0[j] + w1 * (float)p1[j] + w2 * (float)p2[j] + w3 * (float)p3[j];
        return;
    }
#pragma omp simd
    for (int j = 0; j < count; j++)
        row[j] = w0 * (float)p0[j] + w1 * (float)p1[j] + w2 * (float)p2[j] + w3 * (float)p3[j];
}

/* The vertical taps of row i of the result, over the columns of the box. */
KERNEL static void vertical(const axis *y, const axis *x, image source, int i, float *row)
{
    const size_t stride = (size_t)source.width * source.channels;
    const uint8_t *corner = source.pixels + (size_t)y->first * stride + (size_t)x->first * source.channels;
    for (int k = 0; k < y->taps; k += TAP_GROUP) {
        const uint8_t *p[TAP_GROUP];
        for (int r = 0; r < TAP_GROUP; r++) {
            const int at = y->start[i] + k + r; /* past the end the weight is 0: any row will do */
            p[r] = corner + (size_t)(at < y->count ? at : y->count - 1) * stride;
        }
        blend_rows(row, p, y->weight + (size_t)i * y->taps + k, x->count * source.channels, k > 0);
    }
}

/* Three channels as one vector of four: the fourth lane is the next pixel's and is dropped. */
static inline void horizontal_colour(const axis *x, int taps, const float *row, float *out)
{
    for (int i = 0; i < x->out; i++) {
        const float *p = row + (size_t)x->start[i] * 3, *w = x->weight + (size_t)i * taps;
        quad sum = {0.0f, 0.0f, 0.0f, 0.0f};
        for (int k = 0; k < taps; k++) {
            quad pixel;
            memcpy(&pixel, p + (size_t)k * 3, sizeof pixel);
            sum += pixel * (quad){w[k], w[k], w[k], w[k]};
        }
        memcpy(out + (size_t)i * 3, &sum, 3 * sizeof *out);
    }
}

static inline void horizontal_grey(const axis *x, int taps, const float *row, float *out)
{
    for (int i = 0; i < x->out; i++) {
        const float *p = row + x->start[i], *w = x->weight + (size_t)i * taps;
        float sum = 0.0f;
        for (int k = 0; k < taps; k++)
            sum += p[k] * w[k];
        out[i] = sum;
    }
}

/* Every enlargement has exactly four taps: the compiler unrolls those. */
KERNEL static void horizontal(const axis *x, int channels, const float *row, float *out)
{
    const bool enlarging = x->taps == TAP_GROUP;
    if (channels == 3 && enlarging)
        horizontal_colour(x, TAP_GROUP, row, out);
    else if (channels == 3)
        horizontal_colour(x, x->taps, row, out);
    else if (enlarging)
        horizontal_grey(x, TAP_GROUP, row, out);
    else
        horizontal_grey(x, x->taps, row, out);
#pragma omp simd
    for (int j = 0; j < x->out * channels; j++)
        out[j] = pixel_clip(out[j]);
}

/* No resampling: bytes / 255, mirrored or not. */
static void copy_box(image source, int x, int y, bool flip, canvas *out)
{
    const int channels = out->channels, row_size = out->width * channels;
    for (int i = 0; i < out->height; i++) {
        const uint8_t *from = source.pixels + ((size_t)(y + i) * source.width + x) * channels;
        float *to = out->pixels + (size_t)i * row_size;
        if (!flip) {
#pragma omp simd
            for (int j = 0; j < row_size; j++)
                to[j] = (float)from[j] / 255.0f;
            continue;
        }
        for (int j = 0; j < out->width; j++)
            for (int c = 0; c < channels; c++)
                to[(out->width - 1 - j) * channels + c] = (float)from[j * channels + c] / 255.0f;
    }
}

static tacit_status check(image source, crop_box box, scratch *s, const canvas *out)
{
    if (source.channels != out->channels || (out->channels != 1 && out->channels != 3))
        return context_fail(s->context, TACIT_SHAPE,
                            "crop: %d channels into %d: expected the same number, 1 or 3", source.channels,
                            out->channels);
    const float slack = 1e-6f; /* a centred box may miss the edge by a rounding error */
    const bool inside = box.x >= 0.0f && box.y >= 0.0f && box.width > 0.0f && box.height > 0.0f &&
                        box.x + box.width <= (float)source.width * (1.0f + slack) &&
                        box.y + box.height <= (float)source.height * (1.0f + slack);
    if (!inside || out->width < 1 || out->height < 1)
        return context_fail(
            s->context, TACIT_ARGUMENT,
            "crop: box %g,%g %gx%g to %dx%d pixels: expected a box inside the picture of %dx%d",
            (double)box.x, (double)box.y, (double)box.width, (double)box.height, out->width, out->height,
            source.width, source.height);
    return TACIT_OK;
}

tacit_status crop_resize(image source, crop_box box, bool flip, scratch *s, canvas *out)
{
    TRY(check(source, box, s, out));
    axis x = axis_of(box.x, box.width, source.width, out->width);
    axis y = axis_of(box.y, box.height, source.height, out->height);
    if (x.count == x.out && y.count == y.out && (float)x.out == box.width && (float)y.out == box.height) {
        copy_box(source, x.first, y.first, flip, out);
        return TACIT_OK;
    }
    const int channels = source.channels;
    const size_t used = (size_t)x.count * channels, padding = (size_t)(x.taps + 1) * channels;
    uint8_t *memory =
        scratch_get(s, SCRATCH_AUGMENT_A, axis_bytes(&x) + axis_bytes(&y) + (used + padding) * sizeof(float));
    if (!memory)
        return TACIT_NOMEM;
    axis_fill(&x, memory, flip, 1.0f);
    axis_fill(&y, memory + axis_bytes(&x), false, 1.0f / 255.0f);
    float *row = (void *)(memory + axis_bytes(&x) + axis_bytes(&y));
    memset(row + used, 0, padding * sizeof(float)); /* read with weight 0, so it must be finite */
    for (int i = 0; i < y.out; i++) {
        vertical(&y, &x, source, i, row);
        horizontal(&x, channels, row, out->pixels + (size_t)i * x.out * channels);
    }
    return TACIT_OK;
}

/* Torchvision's fallback: the whole picture, cut to the nearest allowed aspect. */
static crop_box whole_within_aspect(const augment_settings *a, int height, int width)
{
    const double aspect = (double)width / height;
    int box_width = width, box_height = height;
    if (aspect < (double)a->aspect_min)
        box_height = (int)lround(width / (double)a->aspect_min);
    else if (aspect > (double)a->aspect_max)
        box_width = (int)lround(height * (double)a->aspect_max);
    box_width = box_width < 1 ? 1 : box_width > width ? width : box_width;
    box_height = box_height < 1 ? 1 : box_height > height ? height : box_height;
    return (crop_box){(float)((width - box_width) / 2), (float)((height - box_height) / 2), (float)box_width,
                      (float)box_height};
}

crop_box crop_random(const augment_settings *a, int height, int width, draws *d)
{
    const float low = logf(a->aspect_min), high = logf(a->aspect_max);
    for (int attempt = 0; attempt < 10; attempt++) {
        const double area = (double)height * width * (double)draw_range(d, a->crop_min, a->crop_max);
        const double aspect = exp((double)draw_range(d, low, high));
        const double box_width = rint(sqrt(area * aspect)), box_height = rint(sqrt(area / aspect));
        if (box_width < 1.0 || box_height < 1.0 || box_width > width || box_height > height)
            continue;
        const uint64_t x = draw_below(d, (uint64_t)(width - (int)box_width) + 1);
        const uint64_t y = draw_below(d, (uint64_t)(height - (int)box_height) + 1);
        return (crop_box){(float)x, (float)y, (float)box_width, (float)box_height};
    }
    return whole_within_aspect(a, height, width);
}

crop_box crop_centre(int height, int width, int out_height, int out_width)
{
    crop_box box = {.width = (float)width, .height = (float)height};
    if ((int64_t)width * out_height > (int64_t)height * out_width)
        box.width = (float)((double)height * out_width / out_height);
    else
        box.height = (float)((double)width * out_height / out_width);
    box.x = ((float)width - box.width) / 2.0f;
    box.y = ((float)height - box.height) / 2.0f;
    return box;
}
