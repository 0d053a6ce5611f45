/* A quadtree of points in the plane, for sums over all others in logarithmic time (Barnes and Hut 1986). */
#ifndef USE_QUADTREE_H
#define USE_QUADTREE_H

#include "base/memory.h"

typedef struct quadtree_cell {
    double middle[2], width;
    double sum[2]; /* of the points inside */
    int64_t count;
    int64_t point; /* of a leaf: the first one in it */
    int32_t child; /* the first of four, in order; 0: a leaf */
} quadtree_cell;

typedef struct quadtree {
    tacit_context *context;
    quadtree_cell *cells;
    int32_t used, room;
    int32_t *leaf; /* (count): where each point is */
    int64_t count;
} quadtree;

/* Room for `count` points, 1 to 2^27. quadtree_fini also after a failure. */
tacit_status quadtree_init(quadtree *q, tacit_context *context, int64_t count);
void quadtree_fini(quadtree *q);

/* Of the finite points y (count, 2): replaces what was there before. */
void quadtree_build(quadtree *q, const double *y);

/* The sums that t-SNE repels with, of point i over all others j, k = 1 / (1 + |y_i - y_j|^2) (van der Maaten
 * 2014, section 4.2): force = sum k^2 (y_i - y_j), returned: sum k. A cell that is narrower than `theta`
 * times its distance counts as one place; theta 0 is exact. Any worker. */
double quadtree_repel(const quadtree *q, const double *y, int64_t i, double theta, double force[2]);

#endif
