/* Data sets: finding the format, what is common to all formats (limit, channels, bad examples, cache),
 * reading. */
#include "data/dataset.h"

#include "base/file.h"
#include "data/cache.h"
#include "data/choice.h"
#include "data/codec.h"
#include "data/paths.h"
#include "data/source.h"
#include "data/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_SIZE = 4096, NAME_SIZE = 512 };
static const int64_t default_pixel_limit = 178956970; /* 2^29 / 3 */

const dataset_format *const dataset_formats[] = {&format_idx,  &format_npy, &format_tar,    &format_jsonl,
                                                 &format_text, &format_csv, &format_folder, NULL};

/* ---- finding the format ---- */

static tacit_status read_head(tacit_context *context, const char *path, uint8_t head[HEAD_SIZE], size_t *size)
{
    int fd;
    TRY(source_open(context, path, &fd, NULL));
    const tacit_status status = file_read_at(context, fd, path, 0, head, HEAD_SIZE, size);
    close(fd);
    return status;
}

static tacit_status fail_unknown(tacit_context *context, const char *path)
{
    char known[600] = "";
    for (size_t i = 0, used = 0; dataset_formats[i] && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s (%s)", i ? "; " : "",
                                 dataset_formats[i]->name, dataset_formats[i]->summary);
    return context_fail(context, TACIT_FORMAT, "%s: of no known format; known are: %s", path, known);
}

static tacit_status find_format(tacit_context *context, const char *path, bool any_bytes,
                                const dataset_format **out)
{
    uint8_t head[HEAD_SIZE];
    size_t size = 0;
    const bool folder = folder_exists(path);
    *out = any_bytes ? &format_text : NULL;
    if (any_bytes)
        return TACIT_OK;
    if (!folder)
        TRY(read_head(context, path, head, &size));
    if (!folder && size == 0)
        return context_fail(context, TACIT_FORMAT, "%s: the file is empty", path);
    for (size_t i = 0; dataset_formats[i]; i++)
        if (dataset_formats[i]->sniff(path, folder, head, size)) {
            *out = dataset_formats[i];
            return TACIT_OK;
        }
    return fail_unknown(context, path);
}

/* The one format of all paths. */
static tacit_status find_common_format(tacit_context *context, const path_list *l, bool any_bytes,
                                       const dataset_format **out)
{
    TRY(find_format(context, l->paths[0], any_bytes, out));
    for (size_t i = 1; i < l->count; i++) {
        const dataset_format *other;
        TRY(find_format(context, l->paths[i], any_bytes, &other));
        if (other != *out)
            return context_fail(
                context, TACIT_ARGUMENT,
                "%s is of format %s, but %s of format %s: the parts of a data set must be alike", l->paths[0],
                (*out)->name, l->paths[i], other->name);
    }
    return TACIT_OK;
}

/* ---- opening ---- */

static tacit_status check_options(tacit_context *context, int paths, const dataset_options *o)
{
    if (paths < 1)
        return context_fail(context, TACIT_ARGUMENT, "no data: expected at least one path");
    if (o->limit < 0)
        return context_fail(context, TACIT_ARGUMENT, "limit: %" PRId64 " is below 0", o->limit);
    if (o->pixel_limit < 0)
        return context_fail(context, TACIT_ARGUMENT, "pixel limit: %" PRId64 " is below 0", o->pixel_limit);
    if (o->channels != 0 && o->channels != 1 && o->channels != 3)
        return context_fail(context, TACIT_ARGUMENT, "channels: %d is not 1 (grey) or 3 (colour)",
                            o->channels);
    return TACIT_OK;
}

/* Memory for decoded examples; none where reading again costs no more. */
static tacit_status open_cache(dataset *d)
{
    uint64_t limit = d->options.cache_bytes;
    if (limit == UINT64_MAX)
        limit = memory_physical() / 4;
    if (limit == 0 || d->format->needs_no_cache)
        return TACIT_OK;
    return cache_create(&d->cache, d->context, d->count, limit);
}

static bool asked(const char *option)
{
    return option && *option;
}

/* What only one kind of data has is not passed over when it is asked for of another. */
static tacit_status check_kind(const dataset *d, const char *path)
{
    const dataset_options *o = &d->options;
    const bool records = d->format == &format_jsonl, pictures = !d->table && !d->texts;
    if (!pictures && o->channels)
        return context_fail(d->context, TACIT_ARGUMENT, "%s: %s have no grey or colour", path,
                            d->table ? "rows of a table" : "texts");
    if (!d->table && !records && !o->columns_may_lack && asked(o->label))
        return context_fail(d->context, TACIT_ARGUMENT,
                            "%s: --label names a column of a CSV table or a field of JSON lines, but this is "
                            "of format %s",
                            path, d->format->name);
    if (!records && !o->columns_may_lack && (asked(o->field) || asked(o->pair)))
        return context_fail(d->context, TACIT_ARGUMENT,
                            "%s: --%s names a field of JSON lines, but this is of format %s", path,
                            asked(o->field) ? "field" : "pair", d->format->name);
    if (!pictures && o->skip_bad)
        context_log(d->context, "--skip-bad is for pictures: a bad %s is always an error",
                    d->table ? "row of a table" : "text");
    return TACIT_OK;
}

static tacit_status open_parts(dataset *d, const path_list *l)
{
    const dataset_options *options = &d->options;
    TRY(find_common_format(d->context, l, options->any_bytes, &d->format));
    TRY(d->format->open(d, (const char *const *)l->paths, (int)l->count, options));
    if (d->count < 1)
        return context_fail(d->context, TACIT_FORMAT, "%s: there are no examples in it", l->paths[0]);
    TRY(check_kind(d, l->paths[0]));
    if (options->limit && options->limit < d->count)
        d->count = options->limit;
    if (options->channels)
        d->channels = options->channels;
    TRY(open_cache(d));
    if (options->skip_bad && !d->table && !d->texts)
        TRY(dataset_leave_out_bad(d));
    if (!d->table && options->group && *options->group && !options->columns_may_lack)
        TRY(dataset_read_groups(d, options->group));
    return options->only && *options->only ? dataset_keep_labels(d, options->only) : TACIT_OK;
}

tacit_status dataset_open(dataset **out, tacit_context *context, const char *const *paths, int count,
                          const dataset_options *options)
{
    static const dataset_options defaults = {0};
    path_list list;
    *out = NULL;
    TRY(check_options(context, count, options ? options : &defaults));
    dataset *d = memory_alloc(context, 1, sizeof *d);
    if (!d)
        return TACIT_NOMEM;
    d->context = context;
    d->options = options ? *options : defaults;
    if (d->options.pixel_limit == 0)
        d->options.pixel_limit = default_pixel_limit;
    tacit_status status = path_list_expand(&list, context, paths, count);
    if (status == TACIT_OK)
        status = open_parts(d, &list);
    path_list_free(&list, context);
    d->options.split = d->options.header = d->options.label = d->options.group = d->options.only =
        d->options.unit = d->options.field = d->options.pair = NULL; /* were borrowed */
    if (status == TACIT_OK)
        *out = d;
    else
        dataset_close(d);
    return status;
}

void dataset_close(dataset *d)
{
    if (!d)
        return;
    tacit_context *context = d->context;
    cache_destroy(d->cache);
    if (d->format)
        d->format->close(d);
    for (int32_t i = 0; d->label_names && i < d->label_count; i++)
        memory_free(context, d->label_names[i]);
    memory_free(context, d->label_names);
    memory_free(context, d->labels);
    memory_free(context, d->groups);
    table_destroy(d->table);
    memory_free(context, d->kept);
    memory_free(context, d);
}

const char *dataset_kind(const dataset *d)
{
    return d->table ? "rows of a table" : (d->texts ? "texts" : "pictures");
}

const char *dataset_raw_name(bool texts, bool table)
{
    return texts ? "bags of words" : (table ? "raw columns" : "raw pixels");
}

int64_t dataset_stored(const dataset *d, int64_t i)
{
    return d->kept ? d->kept[i] : i;
}

/* ---- a part of one ---- */

/* values[rows[i]]; NULL where there are none, or no memory. */
static int32_t *pick(const dataset *d, const int32_t *values, const int64_t *rows, int64_t count)
{
    int32_t *out = values ? memory_alloc(d->context, (size_t)count, sizeof *out) : NULL;
    for (int64_t i = 0; out && i < count; i++)
        out[i] = values[rows[i]];
    return out;
}

tacit_status dataset_subset(dataset *out, const dataset *d, const int64_t *rows, int64_t count)
{
    *out = *d;
    out->count = count;
    out->labels = pick(d, d->labels, rows, count);
    out->groups = pick(d, d->groups, rows, count);
    out->kept = memory_alloc(d->context, (size_t)count, sizeof *out->kept);
    if (!out->kept || (d->labels && !out->labels) || (d->groups && !out->groups))
        return TACIT_NOMEM;
    for (int64_t i = 0; i < count; i++)
        out->kept[i] = dataset_stored(d, rows[i]);
    return TACIT_OK;
}

void dataset_subset_end(dataset *subset)
{
    if (!subset->context)
        return;
    memory_free(subset->context, subset->kept);
    memory_free(subset->context, subset->labels);
    memory_free(subset->context, subset->groups);
    *subset = (dataset){.context = NULL};
}

/* ---- reading ---- */

/* What a data set says of all its examples must be true of each: memory is sized by it. */
static tacit_status check_size(const dataset *d, int64_t stored, const image *example)
{
    char name[NAME_SIZE];
    if (!d->height || (example->height == d->height && example->width == d->width))
        return TACIT_OK;
    d->format->name_of(d, stored, name, sizeof name);
    return context_fail(d->context, TACIT_FORMAT, "%s: %d x %d pixels, expected %d x %d as in all others",
                        name, example->width, example->height, d->width, d->height);
}

static tacit_status check_number(const dataset *d, int64_t i)
{
    if (i < 0 || i >= d->count)
        return context_fail(d->context, TACIT_ARGUMENT, "example %" PRId64 " is outside 0 to %" PRId64, i,
                            d->count - 1);
    return TACIT_OK;
}

tacit_status dataset_read_row(const dataset *d, int64_t i, const float **out)
{
    *out = NULL;
    if (!d->table)
        return context_fail(d->context, TACIT_ARGUMENT, "the examples are %s: expected rows of a table",
                            dataset_kind(d));
    TRY(check_number(d, i));
    *out = d->table->values + dataset_stored(d, i) * d->table->columns;
    return TACIT_OK;
}

tacit_status dataset_read(const dataset *d, int64_t i, scratch *s, image *out)
{
    *out = (image){0};
    if (d->table || d->texts)
        return context_fail(d->context, TACIT_ARGUMENT, "the examples are %s: expected pictures",
                            dataset_kind(d));
    TRY(check_number(d, i));
    const int64_t stored = dataset_stored(d, i);
    if (cache_get(d->cache, stored, out))
        return TACIT_OK;
    image example;
    TRY(d->format->read(d, stored, s, &example));
    TRY(check_size(d, stored, &example));
    example = picture_convert(example, d->channels, s);
    if (!example.pixels)
        return TACIT_NOMEM;
    cache_put(d->cache, stored, example);
    *out = example;
    return TACIT_OK;
}

tacit_status dataset_read_text(const dataset *d, int64_t i, text_part part, uint64_t offset, size_t most,
                               scratch *s, text_piece *out)
{
    *out = (text_piece){0};
    if (!d->texts || (part == TEXT_SECOND && !d->paired))
        return context_fail(d->context, TACIT_ARGUMENT, "the examples are %s: expected %s", dataset_kind(d),
                            d->texts ? "two texts each, by --pair" : "texts");
    TRY(check_number(d, i));
    return d->format->read_text(d, dataset_stored(d, i), part, offset, most, s, out);
}

void dataset_name(const dataset *d, int64_t i, char *out, size_t size)
{
    if (i >= 0 && i < d->count)
        d->format->name_of(d, dataset_stored(d, i), out, size);
    else
        snprintf(out, size, "example %" PRId64, i);
}

void dataset_label_text(const dataset *d, int32_t label, char *out, size_t size)
{
    if (d->label_names)
        snprintf(out, size, "%s", d->label_names[label]);
    else
        snprintf(out, size, "%d", (int)label);
}

int32_t dataset_find_label(const dataset *d, const char *text)
{
    char own[LABEL_TEXT];
    for (int32_t i = 0; d->labels && i < d->label_count; i++) {
        dataset_label_text(d, i, own, sizeof own);
        if (strcmp(own, text) == 0)
            return i;
    }
    return -1;
}
