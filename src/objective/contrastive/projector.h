/* The projector of contrastive methods: linear layers without bias, each followed by batch norm over the
 * whole batch, ReLU between them; the last norm has no bias (Chen et al. 2020, "Big self-supervised models",
 * section 2). */
#ifndef OBJECTIVE_CONTRASTIVE_PROJECTOR_H
#define OBJECTIVE_CONTRASTIVE_PROJECTOR_H

#include "model/parameters.h"
#include "op/op.h"

enum { PROJECTOR_LAYERS = 4 };

typedef struct projector {
    int layers;
    value wei[PROJECTOR_LAYERS], gain[PROJECTOR_LAYERS], bias[PROJECTOR_LAYERS];
} projector;

/* "projector.I.weight", "projector.I.norm.weight", "projector.I.norm.bias". layers 1 to PROJECTOR_LAYERS. */
projector projector_declare(parameters *p, int layers, int64_t inputs, int64_t hidden, int64_t outputs);

/* (N, inputs) -> (N, outputs) */
value projector_apply(tape *t, const projector *p, value x);

/* The same layers on `t` with constants for parameters, taken from `tensors`, which has one for each
 * parameter (parameter_average.tensors): no gradient flows to them. */
projector projector_constant(tape *t, const projector *p, const tensor *tensors);

#endif
