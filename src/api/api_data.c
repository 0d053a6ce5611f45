/* tacit.h: data sets. */
#include "api/handles.h"
#include "base/utf8.h"

#include <stdio.h>

tacit_dataset_options tacit_dataset_options_default(void)
{
    return (tacit_dataset_options){.cache_bytes = UINT64_MAX};
}

static tacit_status copy_paths(tacit_dataset *d, const char *const *paths, int count)
{
    d->paths = memory_alloc(d->context, (size_t)count + 1, sizeof *d->paths);
    if (!d->paths)
        return TACIT_NOMEM;
    for (int i = 0; i < count; i++) {
        d->paths[i] = memory_string(d->context, paths[i]);
        if (!d->paths[i])
            return TACIT_NOMEM;
        d->path_count++;
    }
    return TACIT_OK;
}

void handle_close_dataset(tacit_dataset *data)
{
    if (!data)
        return;
    dataset_close(data->data);
    for (int i = 0; i < data->path_count; i++)
        memory_free(data->context, data->paths[i]);
    memory_free(data->context, data->paths);
    memory_free(data->context, data);
}

/* A handle without data yet. */
static tacit_dataset *create_handle(tacit_context *context)
{
    tacit_dataset *d = memory_alloc(context, 1, sizeof *d);
    if (d)
        d->context = context;
    return d;
}

static tacit_status finish_handle(tacit_dataset **out, tacit_dataset *d, tacit_status status)
{
    if (status == TACIT_OK)
        *out = d;
    else
        handle_close_dataset(d);
    return status;
}

tacit_status handle_open_dataset(tacit_dataset **out, tacit_context *context, const char *const *paths,
                                 int count, const dataset_options *options)
{
    *out = NULL;
    tacit_dataset *d = create_handle(context);
    if (!d)
        return TACIT_NOMEM;
    tacit_status status = dataset_open(&d->data, context, paths, count, options);
    if (status == TACIT_OK)
        status = copy_paths(d, paths, count);
    return finish_handle(out, d, status);
}

tacit_status tacit_dataset_open(tacit_dataset **out, tacit_context *context, const char *const *paths,
                                int count, const tacit_dataset_options *options)
{
    const tacit_dataset_options standard = tacit_dataset_options_default();
    const tacit_dataset_options *o = options ? options : &standard;
    const dataset_options inner = {.split = o->split,
                                   .limit = o->limit,
                                   .pixel_limit = o->pixel_limit,
                                   .channels = o->channels,
                                   .skip_bad = o->skip_bad,
                                   .cache_bytes = o->cache_bytes,
                                   .header = o->header,
                                   .label = o->label,
                                   .only = o->only,
                                   .group = o->group,
                                   .columns_may_lack = o->columns_may_lack,
                                   .unit = o->unit,
                                   .field = o->field,
                                   .pair = o->pair,
                                   .any_bytes = o->any_bytes};
    context_begin(context);
    return handle_open_dataset(out, context, paths, count, &inner);
}

tacit_status tacit_dataset_from_memory(tacit_dataset **out, tacit_context *context, const uint8_t *pixels,
                                       int64_t count, int height, int width, int channels,
                                       const int32_t *labels)
{
    context_begin(context);
    *out = NULL;
    tacit_dataset *d = create_handle(context);
    if (!d)
        return TACIT_NOMEM;
    const tacit_status status =
        dataset_from_memory(&d->data, context, pixels, count, height, width, channels, labels);
    return finish_handle(out, d, status);
}

void tacit_dataset_close(tacit_dataset *data)
{
    handle_close_dataset(data);
}

void tacit_dataset_get_info(const tacit_dataset *data, tacit_dataset_info *out)
{
    const dataset *d = data->data;
    *out = (tacit_dataset_info){.format = d->format->name,
                                .count = d->count,
                                .channels = d->channels,
                                .height = d->height,
                                .width = d->width,
                                .texts = d->texts,
                                .paired = d->paired,
                                .columns = d->table ? d->table->columns : 0,
                                .groups = d->groups ? d->group_count : 0,
                                .classes = d->labels ? d->label_count : 0};
}

int32_t tacit_dataset_label(const tacit_dataset *data, int64_t i)
{
    const dataset *d = data->data;
    return d->labels && i >= 0 && i < d->count ? d->labels[i] : -1;
}

const char *tacit_dataset_label_name(const tacit_dataset *data, int32_t label)
{
    const dataset *d = data->data;
    return d->label_names && label >= 0 && label < d->label_count ? d->label_names[label] : "";
}

void tacit_dataset_name(const tacit_dataset *data, int64_t i, char *out, size_t size)
{
    dataset_name(data->data, i, out, size);
}

/* On one line; a character that `size` cuts is left out. */
static void copy_line(const text_piece *piece, char *out, size_t size)
{
    size_t good = 0, most = piece->size < size - 1 ? piece->size : size - 1;
    utf8_check(piece->bytes, most, &good);
    for (size_t i = 0; i < good; i++)
        out[i] = piece->bytes[i] < ' ' ? ' ' : (char)piece->bytes[i];
    out[good] = '\0';
}

tacit_status handle_text_line(const tacit_dataset *data, int64_t i, char *out, size_t size)
{
    scratch s;
    text_piece piece;
    *out = '\0';
    scratch_init(&s, data->context);
    const tacit_status status = dataset_read_text(data->data, i, TEXT_FIRST, 0, size, &s, &piece);
    if (status == TACIT_OK)
        copy_line(&piece, out, size);
    scratch_fini(&s);
    return status;
}

void tacit_dataset_text(const tacit_dataset *data, int64_t i, char *out, size_t size)
{
    *out = '\0';
    if (!data->data->texts || i < 0 || i >= data->data->count)
        return;
    const tacit_status unused = handle_text_line(data, i, out, size);
    (void)unused;
}

data_source handle_source(const tacit_dataset *data)
{
    const dataset *d = data->data;
    return (data_source){.paths = (const char *const *)data->paths,
                         .count = data->path_count,
                         .format = d->format->name,
                         .examples = d->count,
                         .channels = d->channels,
                         .height = d->height,
                         .width = d->width,
                         .table = d->table};
}
