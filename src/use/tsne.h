/* t-SNE: rows as points in the plane, near where rows are near (van der Maaten and Hinton 2008, "Visualizing
 * data using t-SNE"; in N log N time: van der Maaten 2014, "Accelerating t-SNE using tree-based algorithms").
 * The bits do not depend on the workers. */
#ifndef USE_TSNE_H
#define USE_TSNE_H

#include "use/matrix.h"

/* How much rows belong together, symmetric, of sum 1: row i has others[first[i]] .. others[first[i + 1] - 1],
 * rising. */
typedef struct affinities {
    tacit_context *context;
    int64_t count;
    int64_t *first;  /* (count + 1) */
    int32_t *others; /* (first[count]) */
    double *p;       /* (first[count]) */
} affinities;

/* Of the k nearest others of each row, neighbours (N, k) with their squared distances (N, k): Gaussians whose
 * width gives each row `perplexity` neighbours in effect, 1 to k, made symmetric by the mean (2008, section
 * 3.1). */
tacit_status affinities_create(affinities *a, work *w, const int32_t *neighbours, const double *squares,
                               int64_t count, int k, double perplexity);
void affinities_fini(affinities *a);

typedef struct tsne_options {
    int iterations; /* 1000; the first quarter with affinities times 12 ("early exaggeration") */
    double theta;   /* of the quadtree: 0 is exact; 0.5 */
    void (*heard)(void *user, int iteration); /* now and then, from the calling thread; may be NULL */
    void *user;
} tsne_options;

/* Moves y (N, 2) from where it is, which should be small (deviation 1e-4), downhill: gradient descent with
 * momentum and gains (Jacobs 1988), step N / 48 and at least 50 (Belkina et al. 2019). Stops with
 * TACIT_CANCELLED when the context is asked to. */
tacit_status tsne_run(work *w, const affinities *a, const tsne_options *o, double *y);

/* The divergence that is lowered, Kullback and Leibler's of the map's affinities from these, exactly (N^2),
 * and its gradient (N, 2) as tsne_run has it: for tests. */
double tsne_divergence(const affinities *a, const double *y);
tacit_status tsne_gradient(work *w, const affinities *a, double theta, const double *y, double *gradient);

#endif
