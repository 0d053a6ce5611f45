#include "train/gpt2.h"

#include "base/file.h"
#include "model/safetensors.h"
#include "train/config.h"
#include "train/words.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* A part of a block: our name, theirs, and whether its matrix is transposed. */
typedef struct part_name {
    const char *ours, *theirs;
    bool transposed;
} part_name;

static const part_name block_parts[] = {{"norm1", "ln_1", false},           {"attn.qkv", "attn.c_attn", true},
                                        {"attn.proj", "attn.c_proj", true}, {"norm2", "ln_2", false},
                                        {"mlp.fc1", "mlp.c_fc", true},      {"mlp.fc2", "mlp.c_proj", true}};

static const part_name whole_parts[] = {{"encoder.words.weight", "wte.weight", false},
                                        {"encoder.positions.weight", "wpe.weight", false},
                                        {"encoder.norm.weight", "ln_f.weight", false},
                                        {"encoder.norm.bias", "ln_f.bias", false}};

/* Their name of one of our parameters; false where they have none. */
static bool their_name(const char *ours, char out[SAFETENSORS_NAME], bool *transposed)
{
    int number, used = 0;
    *transposed = false;
    for (size_t i = 0; i < sizeof whole_parts / sizeof *whole_parts; i++)
        if (strcmp(ours, whole_parts[i].ours) == 0) {
            snprintf(out, SAFETENSORS_NAME, "%s", whole_parts[i].theirs);
            return true;
        }
    if (sscanf(ours, "encoder.blocks.%d.%n", &number, &used) != 1 || used == 0)
        return false;
    for (size_t i = 0; i < sizeof block_parts / sizeof *block_parts; i++) {
        const size_t length = strlen(block_parts[i].ours);
        const char *rest = ours + used;
        if (strncmp(rest, block_parts[i].ours, length) != 0 || rest[length] != '.')
            continue;
        *transposed = block_parts[i].transposed && strcmp(rest + length, ".weight") == 0;
        snprintf(out, SAFETENSORS_NAME, "h.%d.%s%s", number, block_parts[i].theirs, rest + length);
        return true;
    }
    return false;
}

static void transpose(const float *from, int64_t rows, int64_t columns, float *to)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            to[c * rows + r] = from[r * columns + c];
}

/* ---- the configuration ---- */

bool gpt2_is_config(const json_t *root)
{
    const char *type = json_string_value(json_object_get(root, "model_type"));
    return type && strcmp(type, "gpt2") == 0;
}

static json_int_t whole_of(const json_t *root, const char *name, json_int_t otherwise)
{
    const json_t *found = json_object_get(root, name);
    return json_is_integer(found) ? json_integer_value(found) : otherwise;
}

static bool true_or(const json_t *root, const char *name, bool otherwise)
{
    const json_t *found = json_object_get(root, name);
    return json_is_boolean(found) ? json_is_true(found) : otherwise;
}

/* What a network like ours has; the defaults are transformers'. */
static const char *find_difference(const json_t *root, json_int_t width)
{
    const json_t *activation = json_object_get(root, "activation_function");
    const char *name = activation ? json_string_value(activation) : "gelu_new";
    const json_t *epsilon = json_object_get(root, "layer_norm_epsilon");
    if (!name || (strcmp(name, "gelu_new") != 0 && strcmp(name, "gelu_pytorch_tanh") != 0))
        return "an activation_function other than gelu_new";
    if (epsilon && !(fabs(json_number_value(epsilon) - 1e-5) < 1e-9))
        return "a layer_norm_epsilon other than 1e-5";
    if (!true_or(root, "tie_word_embeddings", true))
        return "another table of words to predict than to read";
    if (!true_or(root, "scale_attn_weights", true) ||
        true_or(root, "scale_attn_by_inverse_layer_idx", false) ||
        true_or(root, "add_cross_attention", false))
        return "another attention";
    if (whole_of(root, "n_inner", 4 * width) != 4 * width)
        return "an n_inner other than 4 n_embd";
    return NULL;
}

static const encoder_kind *find_kind(json_int_t width, json_int_t depth, json_int_t heads)
{
    for (int i = 0; encoder_kinds[i]; i++) {
        const encoder_kind *k = encoder_kinds[i];
        if (k->words && k->causal && k->width == width && k->depth == depth && k->heads == heads)
            return k;
    }
    return NULL;
}

static tacit_status set_whole(settings *s, const char *name, json_int_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return settings_set(s, name, text);
}

static tacit_status fill_settings(settings *s, const encoder_kind *kind, json_int_t vocabulary,
                                  json_int_t window)
{
    TRY(settings_set(s, "encoder", kind->name));
    TRY(settings_set(s, "tokenizer", "bpe"));
    TRY(settings_set(s, "positions", "learned"));
    TRY(settings_set(s, "readout", "mean"));
    TRY(settings_set(s, "dropout", "0"));
    TRY(set_whole(s, "vocab", vocabulary));
    return set_whole(s, "window", window);
}

/* Numbers of the table, the positions, each block (3 D D + D D + 8 D D, biases, norms) and the last norm. */
static int64_t count_parameters(const encoder_kind *k, int64_t vocabulary, int64_t window)
{
    const int64_t width = k->width;
    return (vocabulary + window) * width + k->depth * (12 * width * width + 13 * width) + 2 * width;
}

/* Numbers that a run has beside its settings. */
static tacit_status fill_record(run_record *r, const encoder_kind *k, int64_t vocabulary, int64_t window)
{
    r->dimension = k->width;
    r->parameters = r->encoder_parameters = count_parameters(k, vocabulary, window);
    snprintf(r->version, sizeof r->version, "transformers");
    snprintf(r->format, sizeof r->format, "text");
    r->channels = r->height = r->width = 1;
    r->complete = true;
    r->mean = memory_alloc(r->context, 1, sizeof *r->mean);
    r->deviation = memory_alloc(r->context, 1, sizeof *r->deviation);
    if (!r->mean || !r->deviation)
        return TACIT_NOMEM;
    *r->deviation = 1.0;
    return TACIT_OK;
}

tacit_status gpt2_read_config(run_record *r, const char *path, const json_t *root)
{
    const json_int_t width = whole_of(root, "n_embd", 768), depth = whole_of(root, "n_layer", 12);
    const json_int_t heads = whole_of(root, "n_head", 12), vocabulary = whole_of(root, "vocab_size", 50257);
    const json_int_t window = whole_of(root, "n_positions", whole_of(root, "n_ctx", 1024));
    const char *difference = find_difference(root, width);
    const encoder_kind *kind = find_kind(width, depth, heads);
    if (difference)
        return context_fail(r->context, TACIT_UNSUPPORTED, "%s: a GPT-2 with %s", path, difference);
    if (!kind)
        return context_fail(
            r->context, TACIT_UNSUPPORTED,
            "%s: a GPT-2 of %lld blocks, %lld heads, %lld wide: expected the size of gpt-nano (4, 4, "
            "128), gpt-micro (6, 6, 384) or gpt-small (12, 12, 768)",
            path, (long long)depth, (long long)heads, (long long)width);
    TRY(fill_record(r, kind, vocabulary, window));
    TRY(config_create(&r->settings, r->context, "next-word"));
    TRY(fill_settings(r->settings, kind, vocabulary, window));
    r->gpt2 = true;
    return TACIT_OK;
}

/* ---- weights ---- */

static const named_tensor *find_tensor(const safetensors_file *f, const char *name)
{
    char longer[SAFETENSORS_NAME + 16];
    const named_tensor *found = safetensors_find(f, name);
    snprintf(longer, sizeof longer, "transformer.%s", name);
    return found ? found : safetensors_find(f, longer);
}

static tacit_status read_weight(const learner *l, const safetensors_file *f, const char *path, size_t i)
{
    const parameter *p = &l->parameters.table[i];
    char name[SAFETENSORS_NAME], one[SHAPE_TEXT], two[SHAPE_TEXT];
    bool transposed;
    if (!their_name(p->name, name, &transposed))
        return context_fail(l->context, TACIT_STATE, "%s: GPT-2 has no %s", path, p->name);
    const named_tensor *found = find_tensor(f, name);
    const shape wanted = transposed ? shape_2(p->shape.size[1], p->shape.size[0]) : p->shape;
    if (!found)
        return context_fail(l->context, TACIT_FORMAT, "%s: tensor %s is missing", path, name);
    if (strcmp(found->dtype_name, "F32") != 0 || !shape_equal(found->tensor.shape, wanted))
        return context_fail(l->context, TACIT_FORMAT, "%s: tensor %s is %s %s, expected F32 %s", path, name,
                            found->dtype_name, shape_text(found->tensor.shape, one), shape_text(wanted, two));
    float *to = l->parameters.block + p->offset;
    if (transposed)
        transpose(found->tensor.data, wanted.size[0], wanted.size[1], to);
    else
        memcpy(to, found->tensor.data, found->size);
    return TACIT_OK;
}

tacit_status gpt2_read_weights(learner *l, const char *path)
{
    safetensors_file f;
    TRY(safetensors_read(&f, l->context, path, 0));
    tacit_status status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < l->parameters.count; i++)
        status = read_weight(l, &f, path, i);
    safetensors_close(&f);
    return status;
}

/* All of the encoder under their names; matrices are turned into `space`, a block like the parameters'. */
static tacit_status write_weights(const learner *l, const char *path, float *space, named_tensor *tensors)
{
    static const metadata_entry metadata[] = {{"format", "pt"}};
    const parameters *p = &l->parameters;
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        char name[SAFETENSORS_NAME];
        bool transposed;
        const shape s = p->table[i].shape;
        if (!their_name(p->table[i].name, name, &transposed))
            continue;
        tensors[count].tensor = p->tensors[i];
        snprintf(tensors[count].name, SAFETENSORS_NAME, "transformer.%.140s", name);
        if (transposed) {
            float *turned = space + p->table[i].offset;
            transpose(p->tensors[i].data, s.size[0], s.size[1], turned);
            tensors[count].tensor = tensor_of(DTYPE_F32, shape_2(s.size[1], s.size[0]), turned);
        }
        count++;
    }
    return safetensors_write(l->context, path, tensors, count, metadata, 1);
}

static tacit_status write_model(const learner *l, const char *folder)
{
    char *path = path_join(l->context, folder, "model.safetensors");
    float *space = parameters_block(&l->parameters);
    named_tensor *tensors = memory_alloc(l->context, l->parameters.count, sizeof *tensors);
    const tacit_status status =
        path && space && tensors ? write_weights(l, path, space, tensors) : TACIT_NOMEM;
    memory_free(l->context, path);
    memory_free(l->context, space);
    memory_free(l->context, tensors);
    return status;
}

static tacit_status write_config(const learner *l, const tokenizer *t, const char *path)
{
    const encoder *e = l->encoder;
    const json_int_t end = tokenizer_find_special(t, "<|endoftext|>");
    json_t *root = json_pack(
        "{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:f, s:f, s:f, s:f, s:b, s:I, s:I, s:s}", "architectures",
        "GPT2LMHeadModel", "model_type", "gpt2", "n_embd", (json_int_t)e->kind->width, "n_layer",
        (json_int_t)e->kind->depth, "n_head", (json_int_t)e->kind->heads, "n_positions",
        (json_int_t)e->tokens, "vocab_size", (json_int_t)e->settings.vocabulary, "activation_function",
        "gelu_new", "layer_norm_epsilon", 1e-5, "resid_pdrop", 0.0, "embd_pdrop", 0.0, "attn_pdrop", 0.0,
        "tie_word_embeddings", 1, "bos_token_id", end, "eos_token_id", end, "torch_dtype", "float32");
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    const tacit_status status = text ? file_write(l->context, path, text, strlen(text))
                                     : context_fail(l->context, TACIT_NOMEM, "%s: out of memory", path);
    free(text);
    json_decref(root);
    return status;
}

static tacit_status write_files(const learner *l, const tokenizer *t, const char *folder, const char *config)
{
    if (file_exists(config))
        return context_fail(l->context, TACIT_STATE, "%s is there already: choose another folder", config);
    TRY(folder_create(l->context, folder));
    TRY(words_write(t, l->context, folder));
    TRY(write_model(l, folder));
    return write_config(l, t, config);
}

tacit_status gpt2_write(const learner *l, const tokenizer *t, const char *folder)
{
    const encoder *e = l->encoder;
    if (!t || !e->kind->words || !e->kind->causal || e->settings.positions == POSITIONS_ROTARY)
        return context_fail(
            l->context, TACIT_ARGUMENT, "%s%s is no GPT-2: expected a run of next-word with learnt positions",
            e->kind->name,
            e->kind->words && e->settings.positions == POSITIONS_ROTARY ? " with rotary positions" : "");
    char *config = path_join(l->context, folder, "config.json");
    const tacit_status status = config ? write_files(l, t, folder, config) : TACIT_NOMEM;
    memory_free(l->context, config);
    return status;
}
