/* The vision transformer (Dosovitskiy et al. 2021), with the fixed positions of the masked autoencoder or
 * with learnt ones. */
#include "model/encoder.h"
#include "model/transformer.h"

#include <stdio.h>

typedef struct vit {
    encoder base; /* first: an encoder pointer is a vit pointer */
    linear_layer patch_embed;
    value class_token;
    block *blocks;
    norm_layer norm;
    value learnt;     /* positions (1 + T, D), the class token's first; the invalid value: */
    tensor positions; /* fixed ones (T, D), f32, owned */
    block_style style;
} vit;

static const vit *vit_of(const encoder *e)
{
    return (const vit *)e;
}

static value vit_blocks(const vit *m, tape *t, value x)
{
    for (int i = 0; i < m->base.kind->depth; i++)
        x = block_apply(t, &m->blocks[i], x, &m->style);
    return norm_apply_eps(t, &m->norm, x, m->style.epsilon);
}

/* The class token and all positions: (B, K, D) -> (B, 1+K, D). The fixed position of the class token is zero.
 */
static value place(const vit *m, tape *t, value x, value index)
{
    if (!m->learnt.id)
        return op_prepend(t, op_add_rows(t, x, tape_constant(t, &m->positions), index), m->class_token);
    x = op_prepend(t, x, m->class_token);
    return op_add_rows(t, x, m->learnt, index.id ? index_with_class(t, index) : index);
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
    return vit_blocks(m, t, place(m, t, x, index));                   /* (B, 1+K, D) */
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
    if (s->positions == POSITIONS_ROTARY)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s: --positions rotary is for texts: expected sincos or learned", kind->name);
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
    if (m->base.settings.positions == POSITIONS_LEARNED)
        m->learnt = parameters_add(p, "encoder.positions.weight", shape_2(1 + m->base.tokens, kind->width),
                                   INIT_NORMAL, 0.02f);
    for (int i = 0; i < kind->depth; i++) {
        char prefix[PARAMETER_NAME];
        p->layer++;
        snprintf(prefix, sizeof prefix, "encoder.blocks.%d", i);
        m->blocks[i] = block_declare(p, prefix, kind->width, kind->heads);
        if (m->base.settings.layer_scale != 0.0f)
            block_declare_scales(&m->blocks[i], p, prefix, kind->width, m->base.settings.layer_scale);
    }
    m->norm = norm_declare(p, "encoder.norm", kind->width);
}

/* Room for the blocks and the fixed positions. */
static tacit_status make_room(vit *m)
{
    const encoder_settings *s = &m->base.settings;
    const int64_t down = s->height / s->patch, across = s->width / s->patch, width = m->base.kind->width;
    m->blocks = memory_alloc(m->base.context, (size_t)m->base.kind->depth, sizeof *m->blocks);
    if (!m->blocks)
        return TACIT_NOMEM;
    if (s->positions == POSITIONS_LEARNED)
        return TACIT_OK;
    m->positions = tensor_of(DTYPE_F32, shape_2(down * across, width), NULL);
    m->positions.data = memory_alloc(m->base.context, (size_t)(down * across * width), sizeof(float));
    if (!m->positions.data)
        return TACIT_NOMEM;
    positions_fill(m->positions.data, width, down, across, false);
    return TACIT_OK;
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
    m->style.epsilon = s->epsilon > 0.0f ? s->epsilon : norm_epsilon_of_pictures;
    const tacit_status status = make_room(m);
    if (status != TACIT_OK) {
        vit_destroy(&m->base);
        return status;
    }
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
const encoder_kind vit_large =
    VIT("vit-large", "vision transformer, 1024 wide, 24 blocks, 16 heads", 1024, 24, 16);
