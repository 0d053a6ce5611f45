/* Views: what a model sees of an example. The trainer asks for view v of example i in epoch e and gets
 * numbers of a fixed shape; how they are made (crop, jitter, corruption of columns, windows of a text) is
 * behind this interface, and so is how many examples there are. */
#ifndef DATA_VIEWS_H
#define DATA_VIEWS_H

#include "data/dataset.h"
#include "tensor/tensor.h"

/* What the numbers of a picture's view are: (x - mean) / deviation by channel, of pixels x in [0, 1]. All
 * zeros where the examples are not pictures. */
typedef struct pixel_scale {
    float mean[3], deviation[3];
} pixel_scale;

/* Mean square difference, as pixels in [0, 1], of `count` numbers of views; channels vary fastest. Where the
 * examples are not pictures, of the numbers as they are. */
double pixel_square_error(const pixel_scale *scale, int64_t channels, const float *a, const float *b,
                          int64_t count);

/* Columns of a row that belong together: feature k has columns first[k] .. first[k + 1] - 1. */
typedef struct row_features {
    int count;
    const int *first; /* (count + 1), borrowed from the views */
} row_features;

typedef struct views views;
struct views {
    dtype dtype;   /* f32; of texts i32 */
    shape shape;   /* of one view: (H, W, C) of pictures, (columns) of rows, (tokens) of texts */
    int64_t count; /* examples, by the number that random and plain take */
    int64_t held;  /* more of them behind these, which are kept apart to measure on */
    pixel_scale pixels;
    row_features features; /* of rows; count 0: pictures */
    /* A training view: random, a function of (seed, epoch, example, view) only. out holds `shape`. Any
     * worker. */
    tacit_status (*random)(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view,
                           scratch *s, void *out);
    /* The view for use: no randomness. */
    tacit_status (*plain)(const views *v, int64_t example, scratch *s, void *out);
    /* The numbers (raw_width) f32 of an example that nothing has been learnt for: what a model is compared
     * with. NULL: its plain view. */
    int64_t raw_width;
    tacit_status (*raw)(const views *v, int64_t example, scratch *s, float *out);
    void (*destroy)(views *v);
};

int64_t views_raw_width(const views *v);
tacit_status views_raw(const views *v, int64_t example, scratch *s, float *out);

#endif
