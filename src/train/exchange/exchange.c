#include "train/exchange/exchange.h"

#include "base/file.h"
#include "model/safetensors.h"
#include "train/exchange/gpt2.h"
#include "train/exchange/vit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const exchange_format *const formats[] = {&exchange_gpt2, &exchange_vit, &exchange_vit_mae,
                                                 &exchange_dinov2, NULL};

/* ---- reading ---- */

bool exchange_is_config(const json_t *root)
{
    return json_object_get(root, "model_type") && !json_object_get(root, "tacit");
}

tacit_status exchange_read_config(run_record *r, const char *path, const json_t *root)
{
    const char *type = json_string_value(json_object_get(root, "model_type"));
    for (int i = 0; type && formats[i]; i++)
        if (strcmp(formats[i]->model_type, type) == 0) {
            r->weights.format = formats[i];
            return formats[i]->read_config(r, path, root);
        }
    return context_fail(r->context, TACIT_UNSUPPORTED,
                        "%s: model_type: %.60s: expected gpt2, vit, vit_mae or dinov2", path,
                        type ? type : "not a text");
}

tacit_status exchange_open(learner **out, run_record *r, shape view, const char *path)
{
    safetensors_file f;
    *out = NULL;
    TRY(safetensors_read(&f, r->context, path, 0));
    const tacit_status status = r->weights.format->read_weights(out, r, view, &f, path);
    safetensors_close(&f);
    return status;
}

tacit_status exchange_fill_record(run_record *r, const char *format, int channels)
{
    snprintf(r->version, sizeof r->version, "transformers");
    snprintf(r->format, sizeof r->format, "%s", format);
    r->channels = channels;
    r->complete = true;
    r->mean = memory_alloc(r->context, (size_t)channels, sizeof *r->mean);
    r->deviation = memory_alloc(r->context, (size_t)channels, sizeof *r->deviation);
    if (!r->mean || !r->deviation)
        return TACIT_NOMEM;
    for (int i = 0; i < channels; i++)
        r->deviation[i] = 1.0;
    return TACIT_OK;
}

int64_t exchange_count_blocks(int64_t depth, int64_t width)
{
    return depth * (12 * width * width + 13 * width);
}

/* ---- writing ---- */

static bool is_vit(const encoder_kind *k)
{
    return k->heads > 0 && !k->words;
}

/* NULL: there is none for this model. */
static const exchange_format *find_format(const learner *l, const run_record *r)
{
    const encoder *e = l->encoder;
    if (e->kind->words)
        return r->tokenizer && e->kind->causal && e->settings.positions != POSITIONS_ROTARY ? &exchange_gpt2
                                                                                            : NULL;
    if (!is_vit(e->kind))
        return NULL;
    if (e->settings.layer_scale != 0.0f)
        return &exchange_dinov2;
    return strcmp(l->method.objective->name, "mae") == 0 ? &exchange_vit_mae : &exchange_vit;
}

const char *exchange_class(const learner *l, const run_record *r)
{
    const exchange_format *format = find_format(l, r);
    return format ? format->class_name : NULL;
}

tacit_status exchange_write_json(tacit_context *context, const char *path, const json_t *root)
{
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    const tacit_status status = text ? file_write(context, path, text, strlen(text))
                                     : context_fail(context, TACIT_NOMEM, "%s: out of memory", path);
    free(text);
    return status;
}

static tacit_status write_files(const exchange_format *format, const learner *l, const run_record *r,
                                const char *folder, const char *path)
{
    json_t *config = NULL;
    if (file_exists(path))
        return context_fail(l->context, TACIT_STATE, "%s is there already: choose another folder", path);
    TRY(folder_create(l->context, folder));
    TRY(format->write(format, l, r, folder, &config));
    const tacit_status status = exchange_write_json(l->context, path, config);
    json_decref(config);
    return status;
}

tacit_status exchange_write(const learner *l, const run_record *r, const char *folder)
{
    const encoder *e = l->encoder;
    const exchange_format *format = find_format(l, r);
    if (!format && e->kind->words)
        return context_fail(
            l->context, TACIT_ARGUMENT, "%s%s is no GPT-2: expected a run of next-word with learnt positions",
            e->kind->name, e->settings.positions == POSITIONS_ROTARY ? " with rotary positions" : "");
    if (!format)
        return context_fail(l->context, TACIT_ARGUMENT,
                            "%s has no class in transformers that tacit writes: expected a vit for pictures, "
                            "or a gpt for texts",
                            e->kind->name);
    char *path = path_join(l->context, folder, "config.json");
    const tacit_status status = path ? write_files(format, l, r, folder, path) : TACIT_NOMEM;
    memory_free(l->context, path);
    return status;
}
