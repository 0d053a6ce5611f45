/* The projector of contrastive methods: linear layers without bias, each followed by batch norm over the
 * whole batch, ReLU between them. How the last layer ends depends on the method. */
#ifndef OBJECTIVE_CONTRASTIVE_PROJECTOR_H
#define OBJECTIVE_CONTRASTIVE_PROJECTOR_H

#include "model/parameters.h"
#include "op/op.h"

enum { PROJECTOR_LAYERS = 4 };

typedef struct projector {
    int layers;
    bool plain_end; /* the last layer has no norm */
    value wei[PROJECTOR_LAYERS], gain[PROJECTOR_LAYERS], bias[PROJECTOR_LAYERS];
} projector;

/* The last layer ends with a norm that has a gain and no bias (Chen et al. 2020, "Big self-supervised
 * models", section 2). "projector.I.weight", "projector.I.norm.weight", "projector.I.norm.bias". layers 1 to
 * PROJECTOR_LAYERS. */
projector projector_declare(parameters *p, int layers, int64_t inputs, int64_t hidden, int64_t outputs);

/* The last layer is linear and no more (Zbontar et al. 2021, section 2.2; Bardes et al. 2022, section 4.2).
 */
projector projector_declare_plain_end(parameters *p, int layers, int64_t inputs, int64_t hidden,
                                      int64_t outputs);

/* (N, inputs) -> (N, outputs) */
value projector_apply(tape *t, const projector *p, value x);

/* The same with statistics of the batch norms for each view apart, as if the projector were applied to one
 * view after the other: rows r with equal r % views are those of a view. */
value projector_apply_views(tape *t, const projector *p, value x, int64_t views);

/* Rows of one view: x (N * views, D) -> (N, D), rows r with r % views == view. */
value projector_view(tape *t, value x, int64_t view, int64_t views);

/* The same layers on `t` with constants for parameters, taken from `tensors`, which has one for each
 * parameter (parameter_average.tensors): no gradient flows to them. */
projector projector_constant(tape *t, const projector *p, const tensor *tensors);

#endif
