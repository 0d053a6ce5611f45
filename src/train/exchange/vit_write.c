#include "train/exchange/vit.h"

#include "base/file.h"
#include "objective/self_prediction/decoder.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* ---- the files beside the weights ---- */

static json_t *number_list(const double *numbers, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_real(numbers[i]));
    return list;
}

/* Resampling 3 is bicubic. */
static tacit_status write_preprocessor(const learner *l, const run_record *r, const char *folder)
{
    const json_int_t size = l->encoder->settings.height;
    json_t *root =
        json_pack("{s:s, s:b, s:{s:I, s:I}, s:i, s:b, s:f, s:b, s:o, s:o}", "image_processor_type",
                  "ViTImageProcessor", "do_resize", 1, "size", "height", size, "width", size, "resample", 3,
                  "do_rescale", 1, "rescale_factor", 1.0 / 255.0, "do_normalize", 1, "image_mean",
                  number_list(r->mean, r->channels), "image_std", number_list(r->deviation, r->channels));
    char *path = path_join(l->context, folder, "preprocessor_config.json");
    const tacit_status status = path ? exchange_write_json(l->context, path, root) : TACIT_NOMEM;
    memory_free(l->context, path);
    json_decref(root);
    return status;
}

/* Width and depth of the decoder of mae. */
static int64_t decoder_width(const learner *l)
{
    return parameters_find(&l->parameters, "decoder.embed.weight")->shape.size[0];
}

static json_int_t decoder_depth(const learner *l)
{
    char name[PARAMETER_NAME];
    int depth = 0;
    do
        snprintf(name, sizeof name, "decoder.blocks.%d.norm1.weight", depth++);
    while (parameters_find(&l->parameters, name));
    return depth - 1;
}

static json_t *describe_decoder(const learner *l, const run_record *r)
{
    const json_int_t width = decoder_width(l);
    return json_pack("{s:I, s:I, s:i, s:I, s:f, s:b}", "decoder_hidden_size", width,
                     "decoder_num_hidden_layers", decoder_depth(l), "decoder_num_attention_heads",
                     decoder_heads(width), "decoder_intermediate_size", 4 * width, "mask_ratio",
                     settings_number(r->settings, "mask-ratio"), "norm_pix_loss",
                     (int)(strcmp(settings_text(r->settings, "target"), "normalized") == 0));
}

/* "tacit_readout" is passed over by transformers: which of the tokens are the embedding here. */
static json_t *describe(const learner *l, const run_record *r, const exchange_format *format)
{
    const encoder *e = l->encoder;
    const double epsilon = settings_number(r->settings, "norm-epsilon");
    json_t *root = json_pack(
        "{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:f, s:b, s:f, s:f, s:s, s:s}", "architectures",
        format->class_name, "model_type", format->model_type, "hidden_size", e->kind->width,
        "num_hidden_layers", e->kind->depth, "num_attention_heads", e->kind->heads, "image_size",
        e->settings.height, "patch_size", e->settings.patch, "num_channels", e->settings.channels,
        "hidden_act", "gelu", "layer_norm_eps", epsilon > 0.0 ? epsilon : 1e-6, "qkv_bias", 1,
        "hidden_dropout_prob", 0.0, "attention_probs_dropout_prob", 0.0, "torch_dtype", "float32",
        "tacit_readout", settings_text(r->settings, "readout"));
    json_t *more =
        format == &exchange_dinov2
            ? json_pack("{s:i, s:f, s:b, s:b}", "mlp_ratio", 4, "layerscale_value",
                        settings_number(r->settings, "layer-scale"), "use_swiglu_ffn", 0, "use_mask_token", 0)
            : json_pack("{s:i}", "intermediate_size", 4 * e->kind->width);
    json_t *decoding = format == &exchange_vit_mae ? describe_decoder(l, r) : NULL;
    if (json_object_update(root, more) != 0 || (decoding && json_object_update(root, decoding) != 0)) {
        json_decref(root);
        root = NULL;
    }
    json_decref(more);
    json_decref(decoding);
    return root;
}

/* ---- weights ---- */

/* Fixed positions, which are no parameters of ours, as a tensor; its numbers are to be freed. */
static tacit_status fixed_table(const learner *l, const char *name, int64_t width, named_tensor *out)
{
    const int64_t side = l->encoder->settings.height / l->encoder->settings.patch;
    float *table = memory_alloc(l->context, (size_t)((1 + side * side) * width), sizeof *table);
    if (!table)
        return TACIT_NOMEM;
    positions_fill(table, width, side, side, true);
    *out = (named_tensor){.tensor = tensor_of(DTYPE_F32, shape_3(1, 1 + side * side, width), table)};
    snprintf(out->name, sizeof out->name, "%s", name);
    return TACIT_OK;
}

static tacit_status write_weights(const learner *l, const exchange_format *format, const char *path)
{
    const bool mae = format == &exchange_vit_mae;
    piece_names names = *vit_names(format);
    named_tensor tables[2] = {{.size = 0}, {.size = 0}};
    size_t count = 0;
    tacit_status status = TACIT_OK;
    names.prefix = mae ? "vit." : "";
    if (l->encoder->settings.positions != POSITIONS_LEARNED)
        status = fixed_table(l, mae ? "vit.embeddings.position_embeddings" : "embeddings.position_embeddings",
                             l->encoder->kind->width, &tables[count++]);
    if (status == TACIT_OK && mae)
        status = fixed_table(l, "decoder.decoder_pos_embed", decoder_width(l), &tables[count++]);
    if (status == TACIT_OK)
        status = pieces_write(&names, l, path, tables, count);
    memory_free(l->context, tables[0].tensor.data);
    memory_free(l->context, tables[1].tensor.data);
    return status;
}

tacit_status vit_write(const exchange_format *format, const learner *l, const run_record *r,
                       const char *folder, json_t **config)
{
    char *path = path_join(l->context, folder, "model.safetensors");
    tacit_status status = path ? write_weights(l, format, path) : TACIT_NOMEM;
    memory_free(l->context, path);
    if (status == TACIT_OK)
        status = write_preprocessor(l, r, folder);
    *config = status == TACIT_OK ? describe(l, r, format) : NULL;
    return status;
}
