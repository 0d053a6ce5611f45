#include "train/exchange/vit.h"

#include "base/file.h"
#include "objective/self_prediction/decoder.h"
#include "train/config.h"
#include "train/exchange/fields.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PREPROCESSOR_LIMIT = 1 << 20, PATCHES_MOST = 1 << 16, SIZE_LEAST = 8, SIZE_MOST = 4096 };

static const double imagenet_mean[] = {0.485, 0.456, 0.406}, imagenet_deviation[] = {0.229, 0.224, 0.225};

/* What a config.json says. */
typedef struct vit_sizes {
    const encoder_kind *kind;
    int64_t channels, picture, patch; /* picture: side of those that the positions were learnt with */
    int64_t size;                     /* side of those that it is used with */
    double epsilon, layer_scale;      /* layer_scale 0: there is none */
    bool decoder;
    int64_t decoder_width, decoder_depth;
    double mask_ratio;
    bool normalized;
    const char *readout;
    double mean[3], deviation[3];
} vit_sizes;

/* ---- config.json ---- */

/* "vit-nano (128 wide, 4 blocks, 4 heads), ..." */
static void list_kinds(char *out, size_t size)
{
    size_t used = 0;
    for (int i = 0; encoder_kinds[i] && used < size; i++) {
        const encoder_kind *k = encoder_kinds[i];
        if (k->heads > 0 && !k->words)
            used += (size_t)snprintf(out + used, size - used, "%s%s (%d, %d, %d)", used ? ", " : "", k->name,
                                     k->width, k->depth, k->heads);
    }
}

static void read_kind(fields *f, vit_sizes *s)
{
    char kinds[300], text[500];
    const int64_t most = 1 << 20, width = fields_whole(f, "hidden_size", 768, 1, most);
    const int64_t depth = fields_whole(f, "num_hidden_layers", 12, 1, most);
    const int64_t heads = fields_whole(f, "num_attention_heads", 12, 1, most);
    for (int i = 0; encoder_kinds[i]; i++) {
        const encoder_kind *k = encoder_kinds[i];
        if (!k->words && k->heads == heads && k->width == width && k->depth == depth)
            s->kind = k;
    }
    list_kinds(kinds, sizeof kinds);
    snprintf(text, sizeof text, "%lld wide, %lld blocks, %lld heads: expected the size of one of %s",
             (long long)width, (long long)depth, (long long)heads, kinds);
    if (!s->kind)
        fields_refuse(f, "hidden_size", text);
}

/* Parts that our blocks have not. */
static void refuse_others(fields *f, bool dinov2)
{
    const int64_t width = fields_whole(f, "hidden_size", 768, 1, 1 << 20);
    if (strcmp(fields_text(f, "hidden_act", "gelu"), "gelu") != 0)
        fields_refuse(f, "hidden_act", "expected gelu");
    if (dinov2 && fields_flag(f, "use_swiglu_ffn", false))
        fields_refuse(f, "use_swiglu_ffn", "expected false");
    if (dinov2 && fields_number(f, "mlp_ratio", 4, 0, 1000) != 4.0)
        fields_refuse(f, "mlp_ratio", "expected 4");
    if (!dinov2 && fields_whole(f, "intermediate_size", 3072, 1, 1 << 22) != 4 * width)
        fields_refuse(f, "intermediate_size", "expected 4 times hidden_size");
}

static void read_pictures(fields *f, vit_sizes *s, int64_t patch)
{
    s->channels = fields_whole(f, "num_channels", 3, 1, 3);
    s->picture = fields_side(f, "image_size", 224, SIZE_LEAST, SIZE_MOST);
    s->patch = fields_side(f, "patch_size", patch, 1, 256);
    if (s->channels == 2)
        fields_fail(f, "num_channels", "1 or 3");
    if (f->status == TACIT_OK && s->picture % s->patch)
        fields_fail(f, "patch_size", "a divisor of image_size");
}

static bool has_architecture(const fields *f, const char *name)
{
    const json_t *list = fields_get(f, "architectures");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text && strcmp(text, name) == 0)
            return true;
    }
    return false;
}

static void read_decoder(fields *f, vit_sizes *s)
{
    char expected[160];
    s->decoder = true;
    s->decoder_width = fields_whole(f, "decoder_hidden_size", 512, 16, 4096);
    s->decoder_depth = fields_whole(f, "decoder_num_hidden_layers", 8, 1, 32);
    s->mask_ratio = fields_number(f, "mask_ratio", 0.75, 0.05, 0.95);
    s->normalized = fields_flag(f, "norm_pix_loss", false);
    if (f->status == TACIT_OK && s->decoder_width % 16)
        fields_refuse(f, "decoder_hidden_size", "expected a multiple of 16");
    const int heads = decoder_heads(s->decoder_width);
    snprintf(expected, sizeof expected,
             "expected %d; with \"ViTMAEModel\" for \"architectures\" the encoder opens alone", heads);
    if (fields_whole(f, "decoder_num_attention_heads", 16, 1, 1 << 20) != heads)
        fields_refuse(f, "decoder_num_attention_heads", expected);
    if (fields_whole(f, "decoder_intermediate_size", 2048, 1, 1 << 20) != 4 * s->decoder_width)
        fields_refuse(f, "decoder_intermediate_size", "expected 4 times decoder_hidden_size");
}

static void read_config(fields *f, const exchange_format *format, vit_sizes *s, run_record *r)
{
    const bool dinov2 = format == &exchange_dinov2, mae = format == &exchange_vit_mae;
    read_kind(f, s);
    refuse_others(f, dinov2);
    read_pictures(f, s, dinov2 ? 14 : 16);
    s->size = s->picture;
    s->epsilon = fields_number(f, "layer_norm_eps", dinov2 ? 1e-6 : 1e-12, 1e-12, 0.1);
    r->weights.no_qkv_bias = !fields_flag(f, "qkv_bias", true);
    s->readout = fields_text(f, "tacit_readout", mae ? "mean" : "class");
    if (dinov2)
        s->layer_scale = fields_number(f, "layerscale_value", 1, 1e-9, 10);
    if (mae && has_architecture(f, "ViTMAEForPreTraining"))
        read_decoder(f, s);
}

/* ---- preprocessor_config.json ---- */

/* The side that pictures come out with: of their middle, or of the whole. */
static void read_size(fields *f, vit_sizes *s)
{
    if (fields_get(f, "crop_size") && fields_flag(f, "do_center_crop", true))
        s->size = fields_side(f, "crop_size", s->size, SIZE_LEAST, SIZE_MOST);
    else if (fields_flag(f, "do_resize", true))
        s->size = fields_side(f, "size", s->size, SIZE_LEAST, SIZE_MOST);
    if (f->status == TACIT_OK && s->size % s->patch)
        fields_fail(f, "size", "a multiple of config.json's patch_size");
}

static void read_pixels(fields *f, vit_sizes *s)
{
    if (!fields_flag(f, "do_rescale", true) ||
        fabs(fields_number(f, "rescale_factor", 1.0 / 255.0, 0, 1e6) - 1.0 / 255.0) > 1e-6)
        fields_refuse(f, "rescale_factor", "expected pixels from 0 to 1, that is 1/255");
    fields_numbers(f, "image_mean", s->mean, (int)s->channels, -1e6, 1e6);
    fields_numbers(f, "image_std", s->deviation, (int)s->channels, 1e-6, 1e6);
    if (!fields_flag(f, "do_normalize", true))
        for (int i = 0; i < 3; i++) {
            s->mean[i] = 0.0;
            s->deviation[i] = 1.0;
        }
}

static tacit_status parse_preprocessor(tacit_context *context, const char *path, bool sized, vit_sizes *s)
{
    uint8_t *bytes;
    size_t size;
    json_error_t error;
    TRY(file_read(context, path, PREPROCESSOR_LIMIT, &bytes, &size));
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    memory_free(context, bytes);
    if (!root)
        return context_fail(context, TACIT_FORMAT, "%s:%d: not JSON: %s", path, error.line, error.text);
    fields f = {.context = context, .path = path, .root = root};
    if (sized)
        read_size(&f, s);
    read_pixels(&f, s);
    json_decref(root);
    return f.status;
}

/* The file beside config.json, where there is one. */
static tacit_status read_preprocessor(tacit_context *context, const char *config, bool sized, vit_sizes *s)
{
    const char *slash = strrchr(config, '/');
    char *folder = memory_string(context, slash ? config : ".");
    if (!folder)
        return TACIT_NOMEM;
    if (slash)
        folder[slash - config] = '\0';
    char *path = path_join(context, *folder ? folder : "/", "preprocessor_config.json");
    tacit_status status = path ? TACIT_OK : TACIT_NOMEM;
    if (path && file_exists(path))
        status = parse_preprocessor(context, path, sized, s);
    memory_free(context, folder);
    memory_free(context, path);
    return status;
}

/* ---- what it comes to ---- */

static tacit_status fill_settings(settings *s, const vit_sizes *n, bool fixed)
{
    TRY(settings_set(s, "encoder", n->kind->name));
    TRY(settings_set(s, "positions", fixed ? "sincos" : "learned"));
    TRY(settings_set(s, "readout", n->readout));
    TRY(settings_set_whole(s, "size", n->size));
    TRY(settings_set_whole(s, "patch", n->patch));
    TRY(settings_set_number(s, "norm-epsilon", n->epsilon));
    TRY(settings_set_number(s, "layer-scale", n->layer_scale));
    if (n->decoder) {
        TRY(settings_set_whole(s, "decoder-width", n->decoder_width));
        TRY(settings_set_whole(s, "decoder-depth", n->decoder_depth));
        TRY(settings_set_number(s, "mask-ratio", n->mask_ratio));
        TRY(settings_set(s, "target", n->normalized ? "normalized" : "raw"));
    }
    return config_resolve_look(s, (int)n->channels);
}

static int64_t count_decoder(const vit_sizes *n, int64_t patch_width)
{
    const int64_t width = n->decoder_width;
    return (n->kind->width + 1) * width + width + exchange_count_blocks(n->decoder_depth, width) + 2 * width +
           (width + 1) * patch_width;
}

static tacit_status fill_record(run_record *r, const vit_sizes *n, bool fixed)
{
    const int64_t width = n->kind->width, patch_width = n->patch * n->patch * n->channels;
    const int64_t a_side = n->size / n->patch, rows = fixed ? 0 : 1 + a_side * a_side;
    TRY(exchange_fill_record(r, "pictures", (int)n->channels));
    r->height = r->width = (int)n->size;
    r->weights.side = n->picture / n->patch;
    r->dimension = width;
    r->encoder_parameters = (patch_width + 1 + 1 + rows + 2) * width +
                            exchange_count_blocks(n->kind->depth, width) +
                            (n->layer_scale > 0.0 ? 2 * n->kind->depth * width : 0);
    r->parameters = r->encoder_parameters + (n->decoder ? count_decoder(n, patch_width) : 0);
    for (int i = 0; i < r->channels; i++) {
        r->mean[i] = n->mean[i];
        r->deviation[i] = n->deviation[i];
    }
    return TACIT_OK;
}

/* Grid readouts are longer. */
static int64_t regions_of(const char *name)
{
    const int64_t a_side = strncmp(name, "grid", 4) == 0 ? name[4] - '0' : 1;
    return a_side * a_side;
}

static tacit_status check_patches(tacit_context *context, const char *path, int64_t side, int64_t patch)
{
    const int64_t a_side = side / patch;
    if (a_side * a_side <= PATCHES_MOST)
        return TACIT_OK;
    return context_fail(
        context, TACIT_UNSUPPORTED,
        "%s: patch_size: pictures of %lld pixels a side have %lld patches: expected %d at the "
        "most",
        path, (long long)side, (long long)(a_side * a_side), PATCHES_MOST);
}

tacit_status vit_read_config(run_record *r, const char *path, const json_t *root)
{
    const exchange_format *format = r->weights.format;
    const bool mae = format == &exchange_vit_mae;
    fields f = {.context = r->context, .path = path, .root = root};
    vit_sizes s = {.kind = NULL};
    for (int i = 0; i < 3; i++) {
        s.mean[i] = format == &exchange_vit ? 0.5 : imagenet_mean[i];
        s.deviation[i] = format == &exchange_vit ? 0.5 : imagenet_deviation[i];
    }
    read_config(&f, format, &s, r);
    TRY(f.status);
    TRY(read_preprocessor(r->context, path, !mae, &s));
    TRY(check_patches(r->context, path, s.picture, s.patch));
    TRY(check_patches(r->context, path, s.size, s.patch));
    TRY(fill_record(r, &s, mae));
    TRY(config_create(&r->settings, r->context, s.decoder ? "mae" : "encoder"));
    const tacit_status status = fill_settings(r->settings, &s, mae);
    r->dimension *= status == TACIT_OK ? regions_of(s.readout) : 1;
    return status == TACIT_OK ? status : context_wrap(r->context, status, "%s", path);
}
