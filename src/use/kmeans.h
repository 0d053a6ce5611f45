/* Groups of rows by k-means: first centres by k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's
 * iterations (Lloyd 1982), the best of several restarts. */
#ifndef USE_KMEANS_H
#define USE_KMEANS_H

#include "use/matrix.h"

typedef struct kmeans_options {
    int32_t groups; /* k, 1 to the number of rows */
    int restarts;   /* at least 1; restart r draws with (seed, DRAW_GROUPS, r) */
    int iterations; /* of each restart, at the most; fewer when no row changes its group */
    uint64_t seed;
} kmeans_options;

typedef struct kmeans {
    tacit_context *context;
    int32_t groups;   /* k */
    float *centres;   /* (k, columns) */
    int32_t *group;   /* (rows): 0 .. k-1; groups are numbered by falling size */
    int64_t *size;    /* (k): rows of each group; 0 where there are fewer different rows than groups */
    double *distance; /* (rows): Euclidean, to the centre of the row's group */
    double inertia;   /* sum of squared distances; of the restarts the one with the least is kept, ties: the
                         first */
} kmeans;

/* Groups the rows of x (N, D), finite numbers whose squares do not overflow. Distances are compared as
 * f32 products |c|^2 - 2 x.c; a row that is equally near to two centres is in the first. A group that
 * has lost all its rows takes the row farthest from its centre. More groups than rows, or a number below 1,
 * is TACIT_ARGUMENT; a number that is not finite is TACIT_NONFINITE. On failure *out is empty; in any case
 * kmeans_fini may be called. */
tacit_status kmeans_fit(kmeans *out, work *w, matrix x, const kmeans_options *o);
void kmeans_fini(kmeans *m);

#endif
