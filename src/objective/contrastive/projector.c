#include "objective/contrastive/projector.h"

#include <stdio.h>

static value declare(parameters *p, int layer, const char *name, shape s, parameter_init init)
{
    char full[PARAMETER_NAME];
    snprintf(full, sizeof full, "projector.%d.%s", layer, name);
    return parameters_add(p, full, s, init, 0.0f);
}

projector projector_declare(parameters *p, int layers, int64_t inputs, int64_t hidden, int64_t outputs)
{
    projector out = {.layers = layers};
    for (int i = 0; i < layers; i++) {
        const int64_t width = i + 1 < layers ? hidden : outputs;
        out.wei[i] = declare(p, i, "weight", shape_2(width, i ? hidden : inputs), INIT_XAVIER);
        out.gain[i] = declare(p, i, "norm.weight", shape_1(width), INIT_ONE);
        if (i + 1 < layers)
            out.bias[i] = declare(p, i, "norm.bias", shape_1(width), INIT_ZERO);
    }
    return out;
}

value projector_apply(tape *t, const projector *p, value x)
{
    for (int i = 0; i < p->layers; i++) {
        x = op_linear(t, x, p->wei[i], (value){0});
        const value normed = op_batch_norm(t, x, p->gain[i], p->bias[i]);
        x = normed;
        if (i + 1 < p->layers) {
            x = op_relu(t, normed);
            tape_forget(t, normed, x);
        }
    }
    return x;
}

static value constant(tape *t, value of, const tensor *tensors)
{
    return of.id ? tape_constant(t, &tensors[of.id - 1]) : of;
}

projector projector_constant(tape *t, const projector *p, const tensor *tensors)
{
    projector out = *p;
    for (int i = 0; i < p->layers; i++) {
        out.wei[i] = constant(t, p->wei[i], tensors);
        out.gain[i] = constant(t, p->gain[i], tensors);
        out.bias[i] = constant(t, p->bias[i], tensors);
    }
    return out;
}
