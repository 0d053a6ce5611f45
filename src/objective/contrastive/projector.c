#include "objective/contrastive/projector.h"

#include <stdio.h>

static value declare(parameters *p, int layer, const char *name, shape s, parameter_init init)
{
    char full[PARAMETER_NAME];
    snprintf(full, sizeof full, "projector.%d.%s", layer, name);
    return parameters_add(p, full, s, init, 0.0f);
}

static projector declare_layers(parameters *p, int layers, int64_t inputs, int64_t hidden, int64_t outputs,
                                bool plain_end)
{
    projector out = {.layers = layers, .plain_end = plain_end};
    for (int i = 0; i < layers; i++) {
        const bool last = i + 1 == layers;
        const int64_t width = last ? outputs : hidden;
        out.wei[i] = declare(p, i, "weight", shape_2(width, i ? hidden : inputs), INIT_XAVIER);
        if (!last || !plain_end)
            out.gain[i] = declare(p, i, "norm.weight", shape_1(width), INIT_ONE);
        if (!last)
            out.bias[i] = declare(p, i, "norm.bias", shape_1(width), INIT_ZERO);
    }
    return out;
}

projector projector_declare(parameters *p, int layers, int64_t inputs, int64_t hidden, int64_t outputs)
{
    return declare_layers(p, layers, inputs, hidden, outputs, false);
}

projector projector_declare_plain_end(parameters *p, int layers, int64_t inputs, int64_t hidden,
                                      int64_t outputs)
{
    return declare_layers(p, layers, inputs, hidden, outputs, true);
}

value projector_apply(tape *t, const projector *p, value x)
{
    return projector_apply_views(t, p, x, 1);
}

value projector_apply_views(tape *t, const projector *p, value x, int64_t views)
{
    for (int i = 0; i < p->layers; i++) {
        const bool last = i + 1 == p->layers;
        x = op_linear(t, x, p->wei[i], (value){0});
        if (last && p->plain_end)
            break;
        const value normed = op_batch_norm_views(t, x, p->gain[i], p->bias[i], views);
        x = normed;
        if (!last) {
            x = op_relu(t, normed);
            tape_forget(t, normed, x);
        }
    }
    return x;
}

value projector_view(tape *t, value x, int64_t view, int64_t views)
{
    const tensor *all = tape_tensor(t, x);
    const shape s = all ? all->shape : shape_2(0, 0);
    return op_take_token(t, op_reshape(t, x, shape_3(s.size[0] / views, views, s.size[1])), view);
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
