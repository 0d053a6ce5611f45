/* An exponential moving average of the parameters: the weights of a momentum encoder (He et al. 2020, eq. 2).
 */
#ifndef MODEL_AVERAGE_H
#define MODEL_AVERAGE_H

#include "model/parameters.h"

/* Numbers in the layout of the parameters. A tape that is bound to them runs every model function with them
 * in place of the parameters: a value's number is the same. */
typedef struct parameter_average {
    float *block;    /* (parameters.size) */
    tensor *tensors; /* (parameters.count): for tape_bind */
} parameter_average;

/* A copy of the parameters as they are. TACIT_NOMEM leaves *out empty. */
tacit_status parameter_average_create(parameter_average *out, const parameters *p);
void parameter_average_destroy(parameter_average *a, tacit_context *context);

/* block = momentum * block + (1 - momentum) * parameters; 0 <= momentum <= 1. */
void parameter_average_follow(const parameter_average *a, const parameters *p, float momentum);

#endif
