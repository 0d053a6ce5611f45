/* The vision transformer (Dosovitskiy et al. 2021) with fixed positions, as the masked autoencoder uses it.
 */
#include "model/encoder.h"
#include "model/transformer.h"

#include <stdio.h>

typedef struct vit {
    encoder base; /* first: an encoder pointer is a vit pointer */
    linear_layer patch_embed;
    value class_token;
    block *blocks;
    norm_layer norm;
    tensor positions; /* (T, D), f32, owned */
} vit;

static const vit *vit_of(const encoder *e)
{
    return (const vit *)e;
}

static value vit_blocks(const vit *m, tape *t, value x)
{
    x = op_prepend(t, x, m->class_token); /* (B, 1+T, D); the class token's position is zero */
    for (int i = 0; i < m->base.kind->depth; i++)
        x = block_apply(t, &m->blocks[i], x);
    return norm_apply(t, &m->norm, x);
}

static value read_out(const encoder *e, tape *t, value x)
{
    const encoder_settings *s = &e->settings;
    if (s->readout == READOUT_CLASS)
        return op_take_token(t, x, 0);
    if (s->readout == READOUT_REGIONS)
        return op_mean_regions(t, x, 1, s->height / s->patch, s->regions);
    return op_mean_tokens(t, x, 1);
}

static value vit_encode_visible(const encoder *e, tape *t, value patches, value index)
{
    const vit *m = vit_of(e);
    value x = index.id ? op_gather_rows(t, patches, index) : patches; /* (B, K, P) */
    x = linear_apply(t, &m->patch_embed, x);                          /* (B, K, D) */
    x = op_add_rows(t, x, tape_constant(t, &m->positions), index);
    return vit_blocks(m, t, x); /* (B, 1+K, D) */
}

static value vit_embed(const encoder *e, tape *t, value pictures)
{
    const value patches = op_patchify(t, pictures, e->settings.patch);    /* (B, T, P) */
    return read_out(e, t, vit_encode_visible(e, t, patches, (value){0})); /* (B, 1+T, D) -> (B, D) */
}

static void vit_destroy(encoder *e)
{
    if (!e)
        return;
    vit *m = (vit *)e;
    memory_free(e->context, m->blocks);
    memory_free(e->context, m->positions.data);
    memory_free(e->context, m);
}

static tacit_status check_settings(tacit_context *context, const encoder_kind *kind,
                                   const encoder_settings *s)
{
    if (s->rows)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s takes pictures, but the data are rows of a table: use mlp", kind->name);
    if (s->share != 1.0)
        return context_fail(context, TACIT_ARGUMENT, "%s has one width: --width %g is for resnets",
                            kind->name, s->share);
    if (s->patch < 1 || s->height % s->patch || s->width % s->patch)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s: patches of side %d do not divide a picture of %d x %d", kind->name, s->patch,
                            s->height, s->width);
    const int patches = (s->height < s->width ? s->height : s->width) / s->patch;
    if (s->readout == READOUT_REGIONS && s->regions > patches)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s: %d patches a side can not be read out in %d regions", kind->name, patches,
                            s->regions);
    return TACIT_OK;
}

static void declare_all(vit *m, parameters *p)
{
    const encoder_kind *kind = m->base.kind;
    m->patch_embed = linear_declare(p, "encoder.patch_embed", m->base.patch_width, kind->width);
    m->class_token = parameters_add(p, "encoder.cls_token", shape_1(kind->width), INIT_NORMAL, 0.02f);
    for (int i = 0; i < kind->depth; i++) {
        char prefix[PARAMETER_NAME];
        p->layer++;
        snprintf(prefix, sizeof prefix, "encoder.blocks.%d", i);
        m->blocks[i] = block_declare(p, prefix, kind->width, kind->heads);
    }
    m->norm = norm_declare(p, "encoder.norm", kind->width);
}

static tacit_status vit_create(encoder **out, parameters *p, const encoder_kind *kind,
                               const encoder_settings *s)
{
    tacit_context *context = p->context;
    *out = NULL;
    TRY(check_settings(context, kind, s));
    vit *m = memory_alloc(context, 1, sizeof *m);
    if (!m)
        return TACIT_NOMEM;
    const int64_t down = s->height / s->patch, across = s->width / s->patch;
    m->base = (encoder){
        .context = context,
        .kind = kind,
        .settings = *s,
        .width = s->readout == READOUT_REGIONS ? (int64_t)s->regions * s->regions * kind->width : kind->width,
        .tokens = down * across,
        .patch_width = (int64_t)s->patch * s->patch * s->channels,
        .embed = vit_embed,
        .encode_visible = vit_encode_visible,
        .destroy = vit_destroy};
    m->blocks = memory_alloc(context, (size_t)kind->depth, sizeof *m->blocks);
    m->positions = tensor_of(DTYPE_F32, shape_2(down * across, kind->width), NULL);
    m->positions.data = memory_alloc(context, (size_t)(down * across * kind->width), sizeof(float));
    if (!m->blocks || !m->positions.data) {
        vit_destroy(&m->base);
        return TACIT_NOMEM;
    }
    positions_fill(m->positions.data, kind->width, down, across, false);
    declare_all(m, p);
    *out = &m->base;
    return TACIT_OK;
}

#define VIT(of_name, text, of_width, of_depth, of_heads)                                                     \
    {                                                                                                        \
        .name = of_name, .summary = text, .width = of_width, .depth = of_depth, .heads = of_heads,           \
        .create = vit_create                                                                                 \
    }

const encoder_kind vit_nano = VIT("vit-nano", "vision transformer, 128 wide, 4 blocks, 4 heads", 128, 4, 4);
const encoder_kind vit_micro = VIT("vit-micro", "vision transformer, 192 wide, 6 blocks, 3 heads", 192, 6, 3);
const encoder_kind vit_tiny = VIT("vit-tiny", "vision transformer, 192 wide, 12 blocks, 3 heads", 192, 12, 3);
const encoder_kind vit_small =
    VIT("vit-small", "vision transformer, 384 wide, 12 blocks, 6 heads", 384, 12, 6);
const encoder_kind vit_base =
    VIT("vit-base", "vision transformer, 768 wide, 12 blocks, 12 heads", 768, 12, 12);
