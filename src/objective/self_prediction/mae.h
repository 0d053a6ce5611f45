/* The loss of the masked autoencoder with masks from outside: what training draws from keyed random numbers,
 * and a test takes from a file. */
#ifndef OBJECTIVE_SELF_PREDICTION_MAE_H
#define OBJECTIVE_SELF_PREDICTION_MAE_H

#include "objective/objective.h"

/* `m` is a method made by mae. pictures (B, H, W, C); kept (B, K) and removed (B, T-K) i32 name every patch
 * of an example once -> loss (1): mean over the removed patches. */
value mae_loss(const method *m, tape *t, value pictures, value kept, value removed);

#endif
