/* How a training run goes: numbers of the representation, and what they mean in words. */
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include "base/context.h"

typedef struct representation {
    double spread; /* deviation of the normalised embeddings, mean over dimensions: healthy 1/sqrt(D) */
    double effective_rank; /* exp(entropy of the spectrum), 1 to D (Garrido et al. 2023, RankMe, on centred
                              embeddings) */
} representation;

/* Only the spread of embeddings (rows, width). Rows of norm 0 count as zeros. */
double representation_spread(const float *embeddings, int64_t rows, int64_t width);

/* Both; rows >= 2. */
tacit_status representation_measure(tacit_context *context, const float *embeddings, int64_t rows,
                                    int64_t width, representation *out);

/* A sentence when the numbers say that the embeddings collapse, or NULL. `text` is where it is put. The
 * spread is judged only where the method spreads its embeddings over the sphere (`spherical`: contrastive
 * methods); those of a masked autoencoder share a large common part and are none the worse for it. */
const char *representation_advice(const representation *r, int64_t width, bool spherical, char *text,
                                  size_t size);

/* A sentence for a loss or gradient that is not a number. */
const char *nonfinite_advice(double loss, double gradient_norm, double lr, int64_t step, char *text,
                             size_t size);

#endif
