/* What the headers of pictures say of their sizes, one after the other. */
#ifndef DATA_PICTURE_SIZES_H
#define DATA_PICTURE_SIZES_H

#include "data/dataset.h"

enum { PICTURE_SIDES = 1024 }; /* sides above it are not told apart */

typedef struct picture_sizes {
    int height, width;                       /* of the first; 0 before it */
    bool same;                               /* all have that size, as far as is known; begins as true */
    int64_t count, sides[PICTURE_SIDES + 1]; /* how many have this side as their smaller one */
} picture_sizes;

/* `whole`: all of the file was looked at; else an orientation behind the pixels may turn the picture yet. */
void picture_sizes_note(picture_sizes *p, const image *found, bool whole);

/* Sets d->side, and, where `all` pictures were noted and have one size, d->height and d->width. */
void picture_sizes_tell(const picture_sizes *p, bool all, dataset *d);

#endif
