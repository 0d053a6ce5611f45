/* tacit.h: models: what they are, and embedding with them. */
#include "api/classifier.h"
#include "base/file.h"
#include "base/text.h"
#include "train/config.h"
#include "train/embedder.h"
#include "train/exchange/exchange.h"
#include "train/looks.h"
#include "use/export.h"
#include "use/neighbours.h"

#include <stdio.h>
#include <string.h>

/* ---- finding a model ---- */

/* The folder of `path`: a run's model folder, the model folder itself, or that of a weights file. */
static char *model_folder(tacit_context *context, const char *path)
{
    char *inner = path_join(context, path, "model/config.json");
    if (!inner)
        return NULL;
    const bool run = file_exists(inner);
    memory_free(context, inner);
    if (run)
        return path_join(context, path, "model");
    char *folder = memory_string(context, path);
    char *slash = folder && text_ends_with(folder, ".safetensors") ? strrchr(folder, '/') : NULL;
    if (slash)
        *slash = '\0';
    else if (folder && text_ends_with(folder, ".safetensors"))
        strcpy(folder, ".");
    return folder;
}

static tacit_status read_record(run_record *out, tacit_context *context, const char *path, char **folder)
{
    *folder = model_folder(context, path);
    char *config = *folder ? path_join(context, *folder, "config.json") : NULL;
    tacit_status status = TACIT_NOMEM;
    if (config && !file_exists(config))
        status =
            context_fail(context, TACIT_IO, "%s: neither a run nor a model: there is no config.json", path);
    else if (config)
        status = run_read_config(out, context, config);
    memory_free(context, config);
    if (status != TACIT_OK) {
        memory_free(context, *folder);
        *folder = NULL;
    }
    return status;
}

static void join_paths(const run_record *r, char *out, size_t size)
{
    size_t used = 0;
    snprintf(out, size, "memory");
    for (int i = 0; i < r->path_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i ? " %s" : "%s", r->paths[i]);
}

static void fill_info(const run_record *r, tacit_model_info *out)
{
    const settings *s = r->settings;
    const objective *o = objective_find(settings_text(s, "method"));
    *out = (tacit_model_info){.parameters = r->parameters,
                              .encoder_parameters = r->encoder_parameters,
                              .dimension = r->dimension,
                              .height = (int)settings_whole(s, "size"),
                              .width = (int)settings_whole(s, "size"),
                              .channels = r->channels,
                              .patch = (int)settings_whole(s, "patch"),
                              .steps = r->steps,
                              .epochs = settings_whole(s, "epochs"),
                              .batch = settings_whole(s, "batch"),
                              .examples = r->examples,
                              .seed = (uint64_t)settings_whole(s, "seed"),
                              .complete = r->complete};
    for (int i = 0; !r->table && i < r->channels; i++) {
        out->mean[i] = r->mean[i];
        out->deviation[i] = r->deviation[i];
    }
    out->columns = r->table ? r->table->columns : 0;
    if (run_of_texts(r)) {
        out->height = out->width = out->channels = out->patch = 0;
        out->window = settings_whole(s, "window");
        out->vocabulary = settings_whole(s, "vocab");
    }
    snprintf(out->version, sizeof out->version, "%s", r->version);
    snprintf(out->method, sizeof out->method, "%s", settings_text(s, "method"));
    snprintf(out->family, sizeof out->family, "%s", o ? family_name(o->family) : "");
    snprintf(out->encoder, sizeof out->encoder, "%s", settings_text(s, "encoder"));
    snprintf(out->readout, sizeof out->readout, "%s", settings_text(s, "readout"));
    snprintf(out->preset, sizeof out->preset, "%s", settings_text(s, "preset"));
    join_paths(r, out->data, sizeof out->data);
}

tacit_status tacit_info_read(tacit_context *context, const char *path, tacit_model_info *out)
{
    run_record r;
    char *folder;
    context_begin(context);
    TRY(read_record(&r, context, path, &folder));
    fill_info(&r, out);
    if (classifier_is(r.settings))
        out->classes = (int32_t)settings_whole(r.settings, "classes");
    memory_free(context, folder);
    run_record_fini(&r);
    return TACIT_OK;
}

/* ---- opening ---- */

shape handle_model_shape(const run_record *r)
{
    const int64_t size = settings_whole(r->settings, "size");
    if (run_of_texts(r))
        return shape_1(settings_whole(r->settings, "window"));
    return r->table ? shape_1(r->channels) : shape_3(size, size, r->channels);
}

void handle_tell_raw(void (*stage)(void *user, const char *what), void *user, const tacit_model *model,
                     const char *before, const char *after)
{
    char what[128];
    snprintf(what, sizeof what, "%s%s%s", before, run_raw_name(&model->record), after);
    if (stage)
        stage(user, what);
}

static tacit_status load(tacit_model *m, const char *folder)
{
    run_record *r = &m->record;
    char *weights = path_join(m->context, folder, "model.safetensors");
    tacit_status status = TACIT_NOMEM;
    if (weights && r->weights.format)
        status = exchange_open(&m->learner, r, handle_model_shape(r), weights);
    else if (weights)
        status = learner_create(&m->learner, m->context, r->settings, handle_model_shape(r));
    if (status == TACIT_OK && !r->weights.format)
        status = run_read_weights(m->learner, weights);
    if (status == TACIT_OK)
        status = run_read_words(r, folder);
    if (status == TACIT_OK)
        status = work_create(&m->work, m->context);
    memory_free(m->context, weights);
    return status;
}

/* Of a classifier that is still being trained there are none yet. */
static tacit_status load_classes(tacit_model *m, const char *folder)
{
    char *path = path_join(m->context, folder, "classes.json");
    if (!path)
        return TACIT_NOMEM;
    const bool finished = file_exists(path);
    memory_free(m->context, path);
    if (!finished)
        return TACIT_OK;
    return class_list_read(&m->classes, m->context, folder,
                           (int32_t)settings_whole(m->record.settings, "classes"));
}

/* Whether what follows from the data is there. */
static bool is_resolved(const run_record *r)
{
    return !settings_is_auto(r->settings, "encoder") &&
           !settings_is_auto(r->settings, run_of_texts(r) ? "vocab" : (r->table ? "encoder" : "size"));
}

tacit_status tacit_model_open(tacit_model **out, tacit_context *context, const char *path)
{
    char *folder = NULL;
    context_begin(context);
    *out = NULL;
    tacit_model *m = memory_alloc(context, 1, sizeof *m);
    if (!m)
        return TACIT_NOMEM;
    m->context = context;
    tacit_status status = read_record(&m->record, context, path, &folder);
    if (status == TACIT_OK && !is_resolved(&m->record))
        status = context_fail(context, TACIT_FORMAT, "%s: the configuration is not resolved", path);
    if (status == TACIT_OK)
        status = load(m, folder);
    if (status == TACIT_OK && classifier_is(m->record.settings))
        status = load_classes(m, folder);
    memory_free(context, folder);
    if (status == TACIT_OK)
        *out = m;
    else
        tacit_model_close(m);
    return status;
}

void tacit_model_close(tacit_model *model)
{
    if (!model)
        return;
    learner_destroy(model->learner);
    work_destroy(model->work);
    class_list_fini(&model->classes);
    if (model->record.settings)
        run_record_fini(&model->record);
    memory_free(model->context, model);
}

void tacit_model_get_info(const tacit_model *model, tacit_model_info *out)
{
    fill_info(&model->record, out);
    out->classes = model->classes.count;
}

/* ---- embedding ---- */

picture_view_options handle_model_look(const tacit_model *model)
{
    const run_record *r = &model->record;
    picture_view_options look = {.size = (int)settings_whole(r->settings, "size"),
                                 .settings = config_augment(r->settings)};
    for (int i = 0; i < 3; i++) {
        look.mean[i] = (float)r->mean[i];
        look.deviation[i] = i < r->channels ? (float)r->deviation[i] : 1.0f;
    }
    return look;
}

tacit_status handle_model_views(const tacit_model *model, const tacit_dataset *data, dataset *shown,
                                views **out)
{
    const run_record *r = &model->record;
    const dataset *d = data->data;
    const char *kind = run_kind(r);
    if (strcmp(kind, dataset_kind(d)) != 0)
        return context_fail(model->context, TACIT_ARGUMENT,
                            "the model was trained with %s, but the data are %s", kind, dataset_kind(d));
    *shown = *data->data;
    if (!r->table && shown->channels != r->channels) {
        /* What is kept in memory has the data's own channels. */
        shown->channels = model->record.channels;
        shown->cache = NULL;
    }
    const looks l = {.mean = r->mean,
                     .deviation = r->deviation,
                     .columns = r->table,
                     .tokenizer = r->tokenizer,
                     .workers = model->work->team};
    return looks_create(out, model->context, shown, r->settings, l, NULL);
}

tacit_dataset_options tacit_model_dataset_options(const tacit_model *model)
{
    const dataset_options o = config_dataset_options(model->record.settings);
    return (tacit_dataset_options){.cache_bytes = UINT64_MAX,
                                   .header = o.header,
                                   .label = o.label,
                                   .group = o.group,
                                   .columns_may_lack = true,
                                   .unit = o.unit,
                                   .field = o.field,
                                   .pair = o.pair,
                                   .any_bytes = o.any_bytes};
}

static tacit_status check_range(const tacit_dataset *data, tacit_context *context, int64_t first,
                                int64_t count)
{
    if (first < 0 || count < 0 || first > data->data->count || count > data->data->count - first)
        return context_fail(context, TACIT_ARGUMENT, "examples %lld to %lld: the data have %lld",
                            (long long)first, (long long)(first + count) - 1, (long long)data->data->count);
    return TACIT_OK;
}

tacit_status tacit_model_embed(tacit_model *model, const tacit_dataset *data, int64_t first, int64_t count,
                               float *out, tacit_count_function progress, void *user)
{
    tacit_context *context = model->context;
    dataset shown;
    views *v = NULL;
    embedder *e = NULL;
    context_begin(context);
    TRY(check_range(data, context, first, count));
    tacit_status status = handle_model_views(model, data, &shown, &v);
    if (status == TACIT_OK)
        status = embedder_create(&e, model->learner, v, model->work, true);
    if (status == TACIT_OK)
        status = embedder_run(e, NULL, first, count, out, progress, user);
    if (status == TACIT_CANCELLED)
        context->cancelled = 0;
    embedder_destroy(e);
    if (v)
        v->destroy(v);
    return status;
}

tacit_status tacit_nearest(tacit_context *context, const float *queries, int64_t query_count,
                           const float *keys, int64_t key_count, int64_t dimension, int k, int32_t *rows,
                           float *similarity)
{
    work *w;
    context_begin(context);
    if (query_count < 0 || key_count < 1 || dimension < 1)
        return context_fail(context, TACIT_ARGUMENT, "nearest: %lld queries, %lld keys of %lld numbers",
                            (long long)query_count, (long long)key_count, (long long)dimension);
    float *own =
        similarity ? NULL : memory_alloc(context, (size_t)query_count * (size_t)(k > 0 ? k : 1), sizeof *own);
    if (!similarity && !own)
        return TACIT_NOMEM;
    tacit_status status = work_create(&w, context);
    if (status == TACIT_OK)
        status =
            neighbours_find(w, (matrix){query_count, dimension, queries},
                            (matrix){key_count, dimension, keys}, k, rows, similarity ? similarity : own);
    work_destroy(w);
    memory_free(context, own);
    return status;
}

/* ---- exchange ---- */

const char *tacit_hugging_face_class(const tacit_model *model)
{
    return exchange_class(model->learner, &model->record);
}

tacit_status tacit_export_hugging_face(tacit_model *model, const char *folder)
{
    context_begin(model->context);
    return exchange_write(model->learner, &model->record, folder);
}

/* ---- files of embeddings ---- */

tacit_status tacit_save_npy(tacit_context *context, const char *path, const float *embeddings, int64_t count,
                            int64_t dimension)
{
    context_begin(context);
    return export_npy(context, path, embeddings, count, dimension);
}

tacit_status tacit_save_csv(tacit_context *context, const char *path, const float *embeddings, int64_t count,
                            int64_t dimension, const tacit_dataset *data, int64_t first)
{
    context_begin(context);
    return export_csv(context, path, embeddings, count, dimension, data ? data->data : NULL, first);
}
