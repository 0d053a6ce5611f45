/* Residual networks (He et al. 2016, "Deep residual learning for image recognition") with torchvision's
 * layout and parameter names: ResNet-18 and -50, and a ResNet-10 of one basic block a stage.
 *
 * Pictures under 65 pixels get a stem of 3 x 3 windows, stride 1, without max pool. Batch norm is over the
 * lane; what it uses in inference is measured on a fixed sample of the data (train/embedder.h). */
#include "model/encoder.h"
#include "op/op.h"

#include <stdio.h>

enum { STAGES = 4, CONVOLUTIONS = 3, CHANNEL_MULTIPLE = 8 };

/* A convolution and the batch norm behind it. */
typedef struct filter {
    value wei, gain, bias, mean, variance;
    int64_t stride, padding;
} filter;

typedef struct residual_block {
    filter filters[CONVOLUTIONS]; /* two in a basic block, three in a bottleneck */
    filter shortcut;              /* wei {0}: the identity */
} residual_block;

typedef struct resnet {
    encoder base; /* first: an encoder pointer is a resnet pointer */
    filter stem;
    residual_block *blocks;
    int block_count, filter_count;
    bool pool;
} resnet;

static const int stage_blocks_10[STAGES] = {1, 1, 1, 1}, stage_blocks_18[STAGES] = {2, 2, 2, 2},
                 stage_blocks_50[STAGES] = {3, 4, 6, 3};

static const int *stage_blocks(const encoder_kind *kind)
{
    return kind->depth == 10 ? stage_blocks_10 : (kind->depth == 18 ? stage_blocks_18 : stage_blocks_50);
}

/* ---- on the tape ---- */

static value filter_apply(tape *t, const filter *f, value x)
{
    const value filtered = op_convolution(t, x, f->wei, f->stride, f->padding);
    return op_batch_norm_lane(t, filtered, f->gain, f->bias, f->mean, f->variance);
}

static value block_forward(tape *t, const resnet *m, const residual_block *b, value x)
{
    value y = x;
    for (int i = 0; i < m->filter_count; i++) {
        y = filter_apply(t, &b->filters[i], y);
        if (i + 1 < m->filter_count)
            y = op_relu(t, y);
    }
    const value around = b->shortcut.wei.id ? filter_apply(t, &b->shortcut, x) : x;
    const value out = op_relu(t, op_add(t, y, around));
    tape_forget(t, x, out);
    return out;
}

static value resnet_embed(const encoder *e, tape *t, value pictures)
{
    const resnet *m = (const resnet *)e;
    value x = op_relu(t, filter_apply(t, &m->stem, pictures)); /* (B, H', W', C) */
    if (m->pool)
        x = op_max_pool(t, x);
    for (int i = 0; i < m->block_count; i++)
        x = block_forward(t, m, &m->blocks[i], x);
    const tensor *last = tape_tensor(t, x);
    if (!last)
        return (value){0};
    const shape s = last->shape;
    const value places = op_reshape(t, x, shape_3(s.size[0], s.size[1] * s.size[2], s.size[3]));
    if (e->settings.readout == READOUT_REGIONS)
        return op_mean_regions(t, places, 0, s.size[1], e->settings.regions);
    return op_mean_tokens(t, places, 0); /* (B, D) */
}

/* ---- parameters ---- */

static value declare(parameters *p, const char *prefix, const char *name, shape s, parameter_init init)
{
    char full[2 * PARAMETER_NAME];
    snprintf(full, sizeof full, "encoder.%s.%s", prefix, name);
    return parameters_add(p, full, s, init, 0.0f);
}

/* Padding keeps the side at stride 1. */
static filter filter_declare(parameters *p, const char *convolution, const char *norm, shape wei,
                             int64_t stride, parameter_init gain)
{
    const shape width = shape_1(wei.size[0]);
    return (filter){.wei = declare(p, convolution, "weight", wei, INIT_KAIMING),
                    .gain = declare(p, norm, "weight", width, gain),
                    .bias = declare(p, norm, "bias", width, INIT_ZERO),
                    .mean = declare(p, norm, "running_mean", width, INIT_ZERO),
                    .variance = declare(p, norm, "running_var", width, INIT_ONE),
                    .stride = stride,
                    .padding = wei.size[2] / 2};
}

static filter part(parameters *p, const char *block, int number, shape wei, int64_t stride, bool last)
{
    char convolution[PARAMETER_NAME], norm[PARAMETER_NAME];
    snprintf(convolution, sizeof convolution, "%.60s.conv%d", block, number);
    snprintf(norm, sizeof norm, "%.60s.bn%d", block, number);
    return filter_declare(p, convolution, norm, wei, stride, last ? INIT_ZERO : INIT_ONE);
}

/* The last gain of a block is 0 at first, so that the block is the identity (Goyal et al. 2017, section 5.1).
 * A bottleneck's stride is in its 3 x 3, as torchvision has it. */
static residual_block block_declare(parameters *p, const char *name, bool bottleneck, int64_t inputs,
                                    int64_t inner, int64_t stride)
{
    residual_block b = {.shortcut = {.stride = stride}};
    const int64_t outputs = bottleneck ? 4 * inner : inner;
    char convolution[PARAMETER_NAME], norm[PARAMETER_NAME];
    if (bottleneck) {
        b.filters[0] = part(p, name, 1, shape_4(inner, inputs, 1, 1), 1, false);
        b.filters[1] = part(p, name, 2, shape_4(inner, inner, 3, 3), stride, false);
        b.filters[2] = part(p, name, 3, shape_4(outputs, inner, 1, 1), 1, true);
    } else {
        b.filters[0] = part(p, name, 1, shape_4(inner, inputs, 3, 3), stride, false);
        b.filters[1] = part(p, name, 2, shape_4(inner, inner, 3, 3), 1, true);
    }
    snprintf(convolution, sizeof convolution, "%.60s.downsample.0", name);
    snprintf(norm, sizeof norm, "%.60s.downsample.1", name);
    if (stride != 1 || inputs != outputs)
        b.shortcut = filter_declare(p, convolution, norm, shape_4(outputs, inputs, 1, 1), stride, INIT_ONE);
    return b;
}

static int64_t channels_of(const encoder_settings *s, int64_t full)
{
    const int64_t units = (int64_t)((double)full * s->share / CHANNEL_MULTIPLE + 0.5);
    return CHANNEL_MULTIPLE * (units < 1 ? 1 : units);
}

static void declare_all(resnet *m, parameters *p)
{
    const encoder_settings *s = &m->base.settings;
    const bool bottleneck = m->filter_count == 3;
    const int64_t window = m->pool ? 7 : 3;
    int64_t inputs = channels_of(s, m->base.kind->width);
    m->stem = filter_declare(p, "conv1", "bn1", shape_4(inputs, s->channels, window, window), m->pool ? 2 : 1,
                             INIT_ONE);
    residual_block *next = m->blocks;
    for (int stage = 0; stage < STAGES; stage++) {
        const int64_t inner = channels_of(s, (int64_t)m->base.kind->width << stage);
        for (int i = 0; i < stage_blocks(m->base.kind)[stage]; i++) {
            char name[PARAMETER_NAME];
            p->layer++;
            snprintf(name, sizeof name, "layer%d.%d", stage + 1, i);
            *next++ = block_declare(p, name, bottleneck, inputs, inner, i == 0 && stage > 0 ? 2 : 1);
            inputs = bottleneck ? 4 * inner : inner;
        }
    }
}

/* ---- life ---- */

static void resnet_destroy(encoder *e)
{
    if (!e)
        return;
    memory_free(e->context, ((resnet *)e)->blocks);
    memory_free(e->context, e);
}

/* A side at the end of the network: each halving rounds up. */
static int last_side(int side, bool pool)
{
    for (int i = pool ? -2 : 0; i < STAGES - 1; i++)
        side = (side + 1) / 2;
    return side;
}

static tacit_status check_settings(tacit_context *context, const encoder_kind *kind,
                                   const encoder_settings *s, int least_side)
{
    if (s->rows)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s takes pictures, but the data are rows of a table: use mlp", kind->name);
    if (s->readout == READOUT_CLASS)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s has no class token: expected --readout mean or grid2 to grid4", kind->name);
    if (s->readout == READOUT_REGIONS && s->regions > least_side)
        return context_fail(context, TACIT_ARGUMENT, "%s: %d places a side can not be read out in %d regions",
                            kind->name, least_side, s->regions);
    return encoder_refuse_transformers(context, kind, s);
}

static tacit_status resnet_create(encoder **out, parameters *p, const encoder_kind *kind,
                                  const encoder_settings *s)
{
    const bool pool = (s->height > s->width ? s->height : s->width) > ENCODER_SMALL_SIDE;
    const int down = last_side(s->height, pool), across = last_side(s->width, pool);
    *out = NULL;
    TRY(check_settings(p->context, kind, s, down < across ? down : across));
    resnet *m = memory_alloc(p->context, 1, sizeof *m);
    if (!m)
        return TACIT_NOMEM;
    const bool bottleneck = kind->depth == 50;
    const int64_t last = channels_of(s, (int64_t)kind->width << (STAGES - 1)) * (bottleneck ? 4 : 1);
    m->base = (encoder){.context = p->context,
                        .kind = kind,
                        .settings = *s,
                        .width = s->readout == READOUT_REGIONS ? last * s->regions * s->regions : last,
                        .tokens = (int64_t)down * across,
                        .patch_width = 0,
                        .lane_minimum = 32,
                        .embed = resnet_embed,
                        .destroy = resnet_destroy};
    m->pool = pool;
    m->filter_count = bottleneck ? 3 : 2;
    for (int i = 0; i < STAGES; i++)
        m->block_count += stage_blocks(kind)[i];
    m->blocks = memory_alloc(p->context, (size_t)m->block_count, sizeof *m->blocks);
    if (!m->blocks) {
        resnet_destroy(&m->base);
        return TACIT_NOMEM;
    }
    declare_all(m, p);
    *out = &m->base;
    return TACIT_OK;
}

const encoder_kind resnet_10 = {.name = "resnet-10",
                                .summary = "residual network, 4 basic blocks, 512 wide; --width scales it",
                                .width = 64,
                                .depth = 10,
                                .scalable = true,
                                .create = resnet_create};
const encoder_kind resnet_18 = {.name = "resnet-18",
                                .summary = "residual network, 8 basic blocks, 512 wide; --width scales it",
                                .width = 64,
                                .depth = 18,
                                .scalable = true,
                                .create = resnet_create};
const encoder_kind resnet_50 = {.name = "resnet-50",
                                .summary = "residual network, 16 bottlenecks, 2048 wide; --width scales it",
                                .width = 64,
                                .depth = 50,
                                .scalable = true,
                                .create = resnet_create};
