#include "train/exchange/vit.h"

#include "model/transformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

#define ATTENTION                                                                                            \
    {"attn.qkv", "attention.attention", QKV},                                                                \
    {                                                                                                        \
        "attn.proj", "attention.output.dense", SAME                                                          \
    }

static const part_name vit_block[] = {
    {"norm1", "layernorm_before", SAME}, ATTENTION,
    {"norm2", "layernorm_after", SAME},  {"mlp.fc1", "intermediate.dense", SAME},
    {"mlp.fc2", "output.dense", SAME},   {NULL, NULL, SAME}};
static const part_name dinov2_block[] = {{"norm1", "norm1", SAME},
                                         ATTENTION,
                                         {"scale1.weight", "layer_scale1.lambda1", SAME},
                                         {"norm2", "norm2", SAME},
                                         {"mlp.fc1", "mlp.fc1", SAME},
                                         {"mlp.fc2", "mlp.fc2", SAME},
                                         {"scale2.weight", "layer_scale2.lambda1", SAME},
                                         {NULL, NULL, SAME}};
static const part_name whole_parts[] = {
    {"encoder.patch_embed", "embeddings.patch_embeddings.projection", KERNEL},
    {"encoder.cls_token", "embeddings.cls_token", ROWS},
    {"encoder.positions.weight", "embeddings.position_embeddings", ROWS},
    {"encoder.norm", "layernorm", SAME},
    {"decoder.embed", "decoder.decoder_embed", SAME},
    {"decoder.mask_token", "decoder.mask_token", ROWS},
    {"decoder.norm", "decoder.decoder_norm", SAME},
    {"decoder.pred", "decoder.decoder_pred", SAME},
    {NULL, NULL, SAME}};

/* Without the part of the model that it is where it has a head, or in front of it; newer versions of
 * transformers write the blocks of the decoder under another name. */
static const renaming vit_others[] = {
    {"decoder.decoder_layers.", "decoder.decoder_encoder.layer."}, {"", "vit."}, {NULL, NULL}};
static const renaming dinov2_others[] = {{"", "dinov2."}, {NULL, NULL}};

static const piece_names vit_piece_names = {.prefix = "",
                                            .encoder = "encoder.layer.",
                                            .decoder = "decoder.decoder_layers.",
                                            .block = vit_block,
                                            .whole = whole_parts,
                                            .others = vit_others};
static const piece_names dinov2_piece_names = {.prefix = "",
                                               .encoder = "encoder.layer.",
                                               .block = dinov2_block,
                                               .whole = whole_parts,
                                               .others = dinov2_others};

const piece_names *vit_names(const exchange_format *format)
{
    return format == &exchange_dinov2 ? &dinov2_piece_names : &vit_piece_names;
}

const exchange_format exchange_vit = {"vit", "ViTModel", vit_read_config, vit_read_weights, vit_write};
const exchange_format exchange_vit_mae = {"vit_mae", "ViTMAEForPreTraining", vit_read_config,
                                          vit_read_weights, vit_write};
const exchange_format exchange_dinov2 = {"dinov2", "Dinov2Model", vit_read_config, vit_read_weights,
                                         vit_write};

/* ---- positions ---- */

/* Whether the table (1 + side * side, width) is the fixed one. */
static tacit_status is_fixed(tacit_context *context, const float *table, int64_t side, int64_t width,
                             bool *fixed)
{
    const int64_t count = (1 + side * side) * width;
    float *ours = memory_alloc(context, (size_t)count, sizeof *ours);
    if (!ours)
        return TACIT_NOMEM;
    positions_fill(ours, width, side, side, true);
    *fixed = true;
    for (int64_t i = 0; i < count; i++)
        *fixed = *fixed && fabsf(ours[i] - table[i]) <= 1e-4f;
    memory_free(context, ours);
    return TACIT_OK;
}

/* The decoder's are fixed here. */
static tacit_status check_decoder(const learner *l, const piece_names *n, const safetensors_file *f,
                                  const char *path, int64_t side)
{
    static const char name[] = "decoder.decoder_pos_embed";
    const parameter *embed = parameters_find(&l->parameters, "decoder.embed.weight");
    named_tensor *found;
    bool fixed;
    if (!embed)
        return TACIT_OK;
    const int64_t width = embed->shape.size[0];
    TRY(pieces_expect(n, f, path, name, shape_3(1, 1 + side * side, width), &found));
    TRY(is_fixed(l->context, found->tensor.data, side, width, &fixed));
    if (fixed)
        return TACIT_OK;
    return context_fail(l->context, TACIT_UNSUPPORTED,
                        "%s: tensor %s: expected the fixed sines and cosines of its places", path, name);
}

/* Of the masked autoencoder, which has fixed ones unless the file has others. */
static tacit_status choose_positions(run_record *r, const named_tensor *table, int64_t width)
{
    const int64_t side = r->weights.side, count = (1 + side * side) * width;
    bool fixed;
    if (r->weights.format != &exchange_vit_mae)
        return TACIT_OK;
    TRY(is_fixed(r->context, table->tensor.data, side, width, &fixed));
    if (fixed)
        return TACIT_OK;
    r->parameters += count;
    r->encoder_parameters += count;
    return settings_set(r->settings, "positions", "learned");
}

/* In the place of the file's table one for as many patches as there are; *own is to be freed. */
static tacit_status fit_table(const run_record *r, named_tensor *table, int64_t width, float **own)
{
    const int64_t side = r->weights.side;
    const int64_t new_side = settings_whole(r->settings, "size") / settings_whole(r->settings, "patch");
    *own = NULL;
    if (side == new_side)
        return TACIT_OK;
    const shape s = shape_3(1, 1 + new_side * new_side, width);
    float *to = *own = memory_alloc(r->context, (size_t)shape_count(s), sizeof *to);
    if (!to)
        return TACIT_NOMEM;
    const float *from = table->tensor.data;
    memcpy(to, from, (size_t)width * sizeof *to);
    vit_resize_positions(from + width, side, to + width, new_side, width);
    table->tensor = tensor_of(DTYPE_F32, s, to);
    return TACIT_OK;
}

tacit_status vit_read_weights(learner **out, run_record *r, shape view, safetensors_file *f, const char *path)
{
    piece_names names = *vit_names(r->weights.format);
    const int64_t side = r->weights.side, width = encoder_find(settings_text(r->settings, "encoder"))->width;
    named_tensor *table;
    float *own = NULL;
    names.no_qkv_bias = r->weights.no_qkv_bias;
    TRY(pieces_expect(&names, f, path, "embeddings.position_embeddings", shape_3(1, 1 + side * side, width),
                      &table));
    tacit_status status = choose_positions(r, table, width);
    if (status == TACIT_OK)
        status = fit_table(r, table, width, &own);
    if (status == TACIT_OK)
        status = learner_create(out, r->context, r->settings, view);
    if (status == TACIT_OK)
        status = pieces_read(&names, *out, f, path);
    if (status == TACIT_OK)
        status = check_decoder(*out, &names, f, path, side);
    memory_free(r->context, own);
    return status;
}
