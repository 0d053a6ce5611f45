/* Who is it? The labels of a gallery by how near their examples come to a probe. */
#ifndef USE_IDENTIFICATION_H
#define USE_IDENTIFICATION_H

#include "use/matrix.h"

/* For each of probes (N, D) the labels (0 .. classes-1) of gallery (G, D) by falling similarity, which is the
 * cosine to the nearest of the label's examples; equal ones by label: label (N, ranks), similarity
 * (N, ranks), nearest (N, ranks) the row of that example, the smaller of equals. Where fewer labels have
 * examples than there are ranks: -1, 0, -1. gallery_labels (G) within the classes. */
tacit_status identification_rank(work *w, matrix probes, matrix gallery, const int32_t *gallery_labels,
                                 int32_t classes, int ranks, int32_t *label, float *similarity,
                                 int64_t *nearest);

#endif
