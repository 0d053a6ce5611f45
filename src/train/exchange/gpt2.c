#include "train/exchange/gpt2.h"

#include "base/file.h"
#include "train/config.h"
#include "train/exchange/fields.h"
#include "train/exchange/pieces.h"
#include "train/words.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static const part_name block_parts[] = {{"norm1", "ln_1", SAME},
                                        {"attn.qkv", "attn.c_attn", TRANSPOSED},
                                        {"attn.proj", "attn.c_proj", TRANSPOSED},
                                        {"norm2", "ln_2", SAME},
                                        {"mlp.fc1", "mlp.c_fc", TRANSPOSED},
                                        {"mlp.fc2", "mlp.c_proj", TRANSPOSED},
                                        {NULL, NULL, SAME}};
static const part_name whole_parts[] = {{"encoder.words", "wte", SAME},
                                        {"encoder.positions", "wpe", SAME},
                                        {"encoder.norm", "ln_f", SAME},
                                        {NULL, NULL, SAME}};
static const renaming others[] = {{"", "transformer."}, {NULL, NULL}};

static const piece_names names_read = {
    .prefix = "", .encoder = "h.", .block = block_parts, .whole = whole_parts, .others = others};
static const piece_names names_written = {
    .prefix = "transformer.", .encoder = "h.", .block = block_parts, .whole = whole_parts, .others = others};

/* ---- the configuration ---- */

typedef struct sizes {
    int64_t width, depth, heads, vocabulary, window;
    double epsilon;
} sizes;

/* The defaults are transformers'. */
static sizes read_sizes(fields *f)
{
    const int64_t most = 1 << 20, window = fields_whole(f, "n_ctx", 1024, 2, 65536);
    return (sizes){.width = fields_whole(f, "n_embd", 768, 1, most),
                   .depth = fields_whole(f, "n_layer", 12, 1, most),
                   .heads = fields_whole(f, "n_head", 12, 1, most),
                   .vocabulary = fields_whole(f, "vocab_size", 50257, 2, 1 << 22),
                   .window = fields_whole(f, "n_positions", window, 2, 65536),
                   .epsilon = fields_number(f, "layer_norm_epsilon", 1e-5, 1e-12, 0.1)};
}

/* What a network like ours has not; NULL: nothing. */
static const char *find_difference(fields *f, int64_t width)
{
    const char *name = fields_text(f, "activation_function", "gelu_new");
    if (strcmp(name, "gelu_new") != 0 && strcmp(name, "gelu_pytorch_tanh") != 0)
        return "an activation_function other than gelu_new";
    if (!fields_flag(f, "tie_word_embeddings", true))
        return "another table of words to predict than to read";
    if (!fields_flag(f, "scale_attn_weights", true) ||
        fields_flag(f, "scale_attn_by_inverse_layer_idx", false) ||
        fields_flag(f, "add_cross_attention", false))
        return "another attention";
    if (fields_whole(f, "n_inner", 4 * width, 1, 1 << 22) != 4 * width)
        return "an n_inner other than 4 n_embd";
    return NULL;
}

static const encoder_kind *find_kind(const sizes *s)
{
    for (int i = 0; encoder_kinds[i]; i++) {
        const encoder_kind *k = encoder_kinds[i];
        if (k->words && k->causal && k->width == s->width && k->depth == s->depth && k->heads == s->heads)
            return k;
    }
    return NULL;
}

static tacit_status fill_settings(settings *s, const encoder_kind *kind, const sizes *n)
{
    TRY(settings_set(s, "encoder", kind->name));
    TRY(settings_set(s, "tokenizer", "bpe"));
    TRY(settings_set(s, "positions", "learned"));
    TRY(settings_set(s, "readout", "mean"));
    TRY(settings_set(s, "dropout", "0"));
    TRY(settings_set_number(s, "norm-epsilon", n->epsilon));
    TRY(settings_set_whole(s, "vocab", n->vocabulary));
    return settings_set_whole(s, "window", n->window);
}

static tacit_status gpt2_read_config(run_record *r, const char *path, const json_t *root)
{
    fields f = {.context = r->context, .path = path, .root = root};
    const sizes s = read_sizes(&f);
    const char *difference = find_difference(&f, s.width);
    const encoder_kind *kind = find_kind(&s);
    TRY(f.status);
    if (difference)
        return context_fail(r->context, TACIT_UNSUPPORTED, "%s: a GPT-2 with %s", path, difference);
    if (!kind)
        return context_fail(
            r->context, TACIT_UNSUPPORTED,
            "%s: a GPT-2 of %lld blocks, %lld heads, %lld wide: expected the size of gpt-nano (4, 4, "
            "128), gpt-micro (6, 6, 384) or gpt-small (12, 12, 768)",
            path, (long long)s.depth, (long long)s.heads, (long long)s.width);
    TRY(exchange_fill_record(r, "text", 1));
    r->height = r->width = 1;
    r->dimension = s.width;
    r->parameters = r->encoder_parameters =
        (s.vocabulary + s.window) * s.width + exchange_count_blocks(s.depth, s.width) + 2 * s.width;
    TRY(config_create(&r->settings, r->context, "next-word"));
    return fill_settings(r->settings, kind, &s);
}

/* ---- weights ---- */

static tacit_status gpt2_read_weights(learner **out, run_record *r, shape view, safetensors_file *f,
                                      const char *path)
{
    TRY(learner_create(out, r->context, r->settings, view));
    return pieces_read(&names_read, *out, f, path);
}

static json_t *describe(const learner *l, const run_record *r)
{
    const encoder *e = l->encoder;
    const json_int_t end = tokenizer_find_special(r->tokenizer, "<|endoftext|>");
    const double epsilon = settings_number(r->settings, "norm-epsilon");
    return json_pack("{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:f, s:f, s:f, s:f, s:b, s:I, s:I, s:s}",
                     "architectures", "GPT2LMHeadModel", "model_type", "gpt2", "n_embd",
                     (json_int_t)e->kind->width, "n_layer", (json_int_t)e->kind->depth, "n_head",
                     (json_int_t)e->kind->heads, "n_positions", (json_int_t)e->tokens, "vocab_size",
                     (json_int_t)e->settings.vocabulary, "activation_function", "gelu_new",
                     "layer_norm_epsilon", epsilon > 0.0 ? epsilon : 1e-5, "resid_pdrop", 0.0, "embd_pdrop",
                     0.0, "attn_pdrop", 0.0, "tie_word_embeddings", 1, "bos_token_id", end, "eos_token_id",
                     end, "torch_dtype", "float32");
}

static tacit_status gpt2_write(const exchange_format *format, const learner *l, const run_record *r,
                               const char *folder, json_t **config)
{
    (void)format;
    char *path = path_join(l->context, folder, "model.safetensors");
    tacit_status status = path ? words_write(r->tokenizer, l->context, folder) : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = pieces_write(&names_written, l, path, NULL, 0);
    memory_free(l->context, path);
    *config = status == TACIT_OK ? describe(l, r) : NULL;
    return status;
}

const exchange_format exchange_gpt2 = {"gpt2", "GPT2LMHeadModel", gpt2_read_config, gpt2_read_weights,
                                       gpt2_write};
