/* Transformer blocks, and fixed positions. */
#include "model/transformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static value declare(parameters *p, const char *prefix, const char *name, shape s, parameter_init init)
{
    char full[2 * PARAMETER_NAME];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return parameters_add(p, full, s, init, 0.0f);
}

linear_layer linear_declare(parameters *p, const char *prefix, int64_t inputs, int64_t outputs)
{
    return (linear_layer){declare(p, prefix, "weight", shape_2(outputs, inputs), INIT_XAVIER),
                          declare(p, prefix, "bias", shape_1(outputs), INIT_ZERO)};
}

norm_layer norm_declare(parameters *p, const char *prefix, int64_t width)
{
    return (norm_layer){declare(p, prefix, "weight", shape_1(width), INIT_ONE),
                        declare(p, prefix, "bias", shape_1(width), INIT_ZERO)};
}

static linear_layer part(parameters *p, const char *prefix, const char *name, int64_t inputs, int64_t outputs)
{
    char full[PARAMETER_NAME];
    snprintf(full, sizeof full, "%.60s.%.30s", prefix, name);
    return linear_declare(p, full, inputs, outputs);
}

static norm_layer norm_part(parameters *p, const char *prefix, const char *name, int64_t width)
{
    char full[PARAMETER_NAME];
    snprintf(full, sizeof full, "%.60s.%.30s", prefix, name);
    return norm_declare(p, full, width);
}

block block_declare(parameters *p, const char *prefix, int64_t width, int heads)
{
    block b = {.heads = heads};
    b.norm1 = norm_part(p, prefix, "norm1", width);
    b.qkv = part(p, prefix, "attn.qkv", width, 3 * width);
    b.projection = part(p, prefix, "attn.proj", width, width);
    b.norm2 = norm_part(p, prefix, "norm2", width);
    b.expand = part(p, prefix, "mlp.fc1", width, 4 * width);
    b.contract = part(p, prefix, "mlp.fc2", 4 * width, width);
    return b;
}

void block_declare_scales(block *b, parameters *p, const char *prefix, int64_t width, float number)
{
    char full[PARAMETER_NAME];
    snprintf(full, sizeof full, "%.60s.scale1.weight", prefix);
    b->scale1 = parameters_add(p, full, shape_1(width), INIT_CONSTANT, number);
    snprintf(full, sizeof full, "%.60s.scale2.weight", prefix);
    b->scale2 = parameters_add(p, full, shape_1(width), INIT_CONSTANT, number);
}

value linear_apply(tape *t, const linear_layer *l, value x)
{
    return op_linear(t, x, l->wei, l->bias);
}

value norm_apply(tape *t, const norm_layer *n, value x)
{
    return op_layer_norm(t, x, n->gain, n->bias);
}

value norm_apply_eps(tape *t, const norm_layer *n, value x, float epsilon)
{
    return op_layer_norm_eps(t, x, n->gain, n->bias, epsilon);
}

/* What a part of a block adds to x. */
static value add_part(tape *t, value x, value part, value scale, const block_style *s)
{
    const value scaled = scale.id ? op_scale(t, part, scale) : part;
    const value sum = op_add(t, x, op_dropout(t, scaled, s->dropout));
    tape_forget(t, x, sum);
    return sum;
}

static value mix(tape *t, const block *b, value qkv, const block_style *s)
{
    if (s->rotary)
        qkv = op_rotary(t, qkv, b->heads, rotary_base);
    return s->masked ? op_attention_masked(t, qkv, b->heads, s->causal, s->lengths)
                     : op_attention(t, qkv, b->heads);
}

static value attend(tape *t, const block *b, value x, const block_style *s)
{
    const value normed = norm_apply_eps(t, &b->norm1, x, s->epsilon);
    const value qkv = linear_apply(t, &b->qkv, normed);
    const value mixed = mix(t, b, qkv, s);
    tape_forget(t, normed, mixed);
    return add_part(t, x, linear_apply(t, &b->projection, mixed), b->scale1, s);
}

static value expand(tape *t, const block *b, value x, const block_style *s)
{
    const value normed = norm_apply_eps(t, &b->norm2, x, s->epsilon);
    const value wide = linear_apply(t, &b->expand, normed);
    const value bent = s->tanh ? op_gelu_tanh(t, wide) : op_gelu(t, wide);
    tape_forget(t, normed, bent);
    return add_part(t, x, linear_apply(t, &b->contract, bent), b->scale2, s);
}

value block_apply(tape *t, const block *b, value x, const block_style *style)
{
    return expand(t, b, attend(t, b, x, style), style);
}

value index_with_class(tape *t, value index)
{
    const shape s = tape_tensor(t, index) ? tape_tensor(t, index)->shape : shape_2(0, 0);
    const value shifted = tape_output(t, DTYPE_I32, shape_2(s.size[0], s.size[1] + 1));
    if (!shifted.id)
        return shifted;
    const int32_t *from = tape_tensor(t, index)->data;
    int32_t *to = tape_tensor(t, shifted)->data;
    for (int64_t b = 0; b < s.size[0]; b++) {
        *to++ = 0;
        for (int64_t k = 0; k < s.size[1]; k++)
            *to++ = *from++ + 1;
    }
    return shifted;
}

/* Sines, then cosines, of one coordinate at `half` / 2 frequencies. */
static void wave(float *out, int64_t half, double coordinate)
{
    const int64_t count = half / 2;
    for (int64_t k = 0; k < count; k++) {
        const double angle = coordinate * pow(10000.0, -(double)k / (double)count);
        out[k] = (float)sin(angle);
        out[count + k] = (float)cos(angle);
    }
}

void positions_fill(float *out, int64_t width, int64_t down, int64_t across, bool class_row)
{
    if (class_row) {
        memset(out, 0, (size_t)width * sizeof *out);
        out += width;
    }
    for (int64_t y = 0; y < down; y++)
        for (int64_t x = 0; x < across; x++, out += width) {
            wave(out, width / 2, (double)x);
            wave(out + width / 2, width / 2, (double)y);
        }
}
