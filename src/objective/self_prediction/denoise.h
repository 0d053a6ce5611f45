/* The loss of the denoising autoencoder with damaged pictures from outside: what training makes with keyed
 * random numbers, and a test takes from a file. */
#ifndef OBJECTIVE_SELF_PREDICTION_DENOISE_H
#define OBJECTIVE_SELF_PREDICTION_DENOISE_H

#include "objective/objective.h"

/* `m` is a method made by denoise. pictures and damaged (B, H, W, C) -> loss (1): mean over all numbers of
 * the pictures. */
value denoise_loss(const method *m, tape *t, value pictures, value damaged);

#endif
