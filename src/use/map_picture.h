/* Pictures of a map: points in the colours of their labels, or thumbnails where there is room. */
#ifndef USE_MAP_PICTURE_H
#define USE_MAP_PICTURE_H

#include "data/dataset.h"

/* Places y (count, 2), finite, of all examples of `data`. Both are PNG files, white, with equal scales. */
typedef struct map_places {
    const dataset *data;
    const double *y;
    int64_t count;
} map_places;

/* A dot for each example, with a legend of up to 24 labels. */
tacit_status map_points_write(tacit_context *context, const char *path, const map_places *m);

/* Example i as a picture of bytes (side, side, channels), 1 or 3 channels. */
typedef struct map_thumbnails {
    int side, channels;
    tacit_status (*fill)(void *user, int64_t i, uint8_t *pixels);
    void *user;
} map_thumbnails;

/* In each cell of a grid the example that is nearest to its middle, framed in the colour of its label. */
tacit_status map_thumbnails_write(tacit_context *context, const char *path, const map_places *m,
                                  const map_thumbnails *t);

#endif
