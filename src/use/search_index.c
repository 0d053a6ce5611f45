/* See search_index.h. */
#include "use/search_index.h"

#include "use/similarities.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 1024, CHECK_ROWS = 4096 };

static const char format_name[] = "tacit-index";

/* ---- lists of names ---- */

/* Pointers to `count` texts, each ended by a zero byte; NULL with a failure when there are more or fewer. */
static tacit_status point_at_names(tacit_context *context, const char *what, const char *text, size_t size,
                                   int64_t count, const char ***out)
{
    const char *at = text, *end = text + size;
    const char **names = *out = memory_alloc(context, (size_t)count, sizeof *names);
    if (!names)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < count; i++) {
        const char *zero = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (!zero)
            return context_fail(context, TACIT_FORMAT, "%s: %" PRId64 " names, expected %" PRId64, what, i,
                                count);
        names[i] = at;
        at = zero + 1;
    }
    if (at != end)
        return context_fail(context, TACIT_FORMAT, "%s: more names than the %" PRId64 " expected", what,
                            count);
    return TACIT_OK;
}

static void copy_name(const dataset *d, int64_t i, bool label, char out[NAME_SIZE])
{
    if (!label)
        dataset_name(d, i, out, NAME_SIZE);
    else if (d->label_names)
        snprintf(out, NAME_SIZE, "%s", d->label_names[i]);
    else
        snprintf(out, NAME_SIZE, "%" PRId64, i);
}

/* Names of the examples or of the labels, one behind the other. */
static tacit_status join_names(const dataset *d, int64_t count, bool label, char **out, size_t *size)
{
    char name[NAME_SIZE];
    size_t capacity = 0;
    void *text = NULL;
    tacit_status status = TACIT_OK;
    *size = 0;
    for (int64_t i = 0; status == TACIT_OK && i < count; i++) {
        copy_name(d, i, label, name);
        const size_t length = strlen(name) + 1;
        status = memory_reserve(d->context, &text, &capacity, *size + length, 1);
        if (status == TACIT_OK)
            memcpy((char *)text + *size, name, length);
        *size += length;
    }
    *out = text;
    return status;
}

/* ---- making ---- */

static tacit_status copy_labels(search_index *x, const dataset *d)
{
    if (!d->labels)
        return TACIT_OK;
    x->label_count = d->label_count;
    x->own_labels = memory_alloc(x->context, (size_t)d->count, sizeof *x->own_labels);
    if (!x->own_labels)
        return TACIT_NOMEM;
    memcpy(x->own_labels, d->labels, sizeof *x->own_labels * (size_t)d->count);
    x->labels = x->own_labels;
    TRY(join_names(d, d->label_count, true, &x->own_label_names, &x->label_names_size));
    x->label_names_text = x->own_label_names;
    return point_at_names(x->context, "labels", x->label_names_text, x->label_names_size, x->label_count,
                          &x->label_names);
}

tacit_status search_index_create(search_index *out, work *w, matrix x, const dataset *d, uint64_t model)
{
    *out = (search_index){.context = w->context, .model = model};
    out->own_unit = memory_alloc(w->context, (size_t)x.rows, (size_t)x.columns * sizeof *out->own_unit);
    if (!out->own_unit)
        return TACIT_NOMEM;
    TRY(unit_rows(w, "embeddings", x, out->own_unit));
    out->unit = (matrix){x.rows, x.columns, out->own_unit};
    TRY(join_names(d, d->count, false, &out->own_names, &out->names_size));
    out->names_text = out->own_names;
    TRY(point_at_names(w->context, "names", out->names_text, out->names_size, d->count, &out->names));
    return copy_labels(out, d);
}

void search_index_fini(search_index *index)
{
    tacit_context *context = index->context;
    if (!context)
        return;
    memory_free(context, index->names);
    memory_free(context, index->label_names);
    memory_free(context, index->own_unit);
    memory_free(context, index->own_labels);
    memory_free(context, index->own_names);
    memory_free(context, index->own_label_names);
    if (index->file.context)
        safetensors_close(&index->file);
    *index = (search_index){.context = NULL};
}

/* ---- the file ---- */

/* safetensors_write only reads the data. */
static named_tensor tensor_named(const char *name, dtype type, shape s, const void *data)
{
    named_tensor t = {.tensor = tensor_of(type, s, (void *)(uintptr_t)data)};
    snprintf(t.name, sizeof t.name, "%s", name);
    return t;
}

tacit_status search_index_write(const search_index *index, const char *path)
{
    char model[20];
    const matrix u = index->unit;
    snprintf(model, sizeof model, "%016" PRIx64, index->model);
    const named_tensor tensors[] = {
        tensor_named("embeddings", DTYPE_F32, shape_2(u.rows, u.columns), u.data),
        tensor_named("names", DTYPE_U8, shape_1((int64_t)index->names_size), index->names_text),
        tensor_named("labels", DTYPE_I32, shape_1(u.rows), index->labels),
        tensor_named("label_names", DTYPE_U8, shape_1((int64_t)index->label_names_size),
                     index->label_names_text)};
    const metadata_entry metadata[] = {{"format", format_name}, {"model", model}};
    return safetensors_write(index->context, path, tensors, index->labels ? 4 : 2, metadata, 2);
}

/* The tensor of this name, type and number of axes, its numbers where a processor may read them, or NULL. */
static const named_tensor *find(const search_index *x, const char *name, const char *type, int rank)
{
    const named_tensor *t = safetensors_find(&x->file, name);
    return t && strcmp(t->dtype_name, type) == 0 && t->tensor.shape.rank == rank &&
                   (uintptr_t)t->tensor.data % dtype_size(t->tensor.dtype) == 0
               ? t
               : NULL;
}

static tacit_status check_metadata(const search_index *x, const char *path, uint64_t model)
{
    char expected[20];
    const char *format = safetensors_metadata(&x->file, "format"),
               *made = safetensors_metadata(&x->file, "model");
    snprintf(expected, sizeof expected, "%016" PRIx64, model);
    if (!format || strcmp(format, format_name) != 0 || !made)
        return context_fail(x->context, TACIT_FORMAT, "%s: no index: its metadata do not say \"%s\"", path,
                            format_name);
    if (strcmp(made, expected) != 0)
        return context_fail(x->context, TACIT_STATE,
                            "%s: the index of another model (%.40s), expected %s: make it anew", path, made,
                            expected);
    return TACIT_OK;
}

/* Numbers of the file that a search relies on. */
typedef struct row_check {
    const search_index *index;
    const char *path;
} row_check;

static tacit_status check_rows(void *user, int64_t block, int worker)
{
    const row_check *c = user;
    const matrix u = c->index->unit;
    const int32_t *labels = c->index->labels;
    (void)worker;
    for (int64_t r = block * CHECK_ROWS; r < block * CHECK_ROWS + block_length(u.rows, CHECK_ROWS, block);
         r++) {
        double square = 0;
        for (int64_t i = 0; i < u.columns; i++)
            square += (double)u.data[r * u.columns + i] * (double)u.data[r * u.columns + i];
        if (!(square == 0 || fabs(square - 1) <= 1e-3))
            return context_fail(c->index->context, TACIT_FORMAT,
                                "%s: row %" PRId64 " has length %g, expected 1", c->path, r, sqrt(square));
        if (labels && (labels[r] < 0 || labels[r] >= c->index->label_count))
            return context_fail(c->index->context, TACIT_FORMAT,
                                "%s: row %" PRId64 " has label %d, expected 0 to %d", c->path, r,
                                (int)labels[r], (int)c->index->label_count - 1);
    }
    return TACIT_OK;
}

static tacit_status point_at_labels(search_index *x, const char *path)
{
    const named_tensor *labels = find(x, "labels", "I32", 1), *names = find(x, "label_names", "U8", 1);
    if (!safetensors_find(&x->file, "labels") && !safetensors_find(&x->file, "label_names"))
        return TACIT_OK;
    if (!labels || !names || labels->tensor.shape.size[0] != x->unit.rows)
        return context_fail(x->context, TACIT_FORMAT,
                            "%s: expected labels I32 (%" PRId64 ") and label_names U8", path, x->unit.rows);
    x->labels = labels->tensor.data;
    x->label_names_text = names->tensor.data;
    x->label_names_size = names->size;
    for (size_t i = 0; i < names->size; i++)
        if (!x->label_names_text[i] && x->label_count++ == INT32_MAX)
            return context_fail(x->context, TACIT_LIMIT, "%s: too many names of labels", path);
    return point_at_names(x->context, path, x->label_names_text, x->label_names_size, x->label_count,
                          &x->label_names);
}

static tacit_status point_at_file(search_index *x, const char *path, int64_t columns)
{
    const named_tensor *unit = find(x, "embeddings", "F32", 2), *names = find(x, "names", "U8", 1);
    if (!unit || !names || unit->tensor.shape.size[0] < 1)
        return context_fail(x->context, TACIT_FORMAT, "%s: expected embeddings F32 (N, D) and names U8",
                            path);
    x->unit = (matrix){unit->tensor.shape.size[0], unit->tensor.shape.size[1], unit->tensor.data};
    if (x->unit.columns != columns)
        return context_fail(x->context, TACIT_STATE,
                            "%s: embeddings of %" PRId64 " numbers, those of the model have %" PRId64, path,
                            x->unit.columns, columns);
    x->names_text = names->tensor.data;
    x->names_size = names->size;
    TRY(point_at_names(x->context, path, x->names_text, x->names_size, x->unit.rows, &x->names));
    return point_at_labels(x, path);
}

tacit_status search_index_read(search_index *out, work *w, const char *path, uint64_t model, int64_t columns)
{
    row_check check = {out, path};
    *out = (search_index){.context = w->context, .model = model};
    tacit_status status = safetensors_read(&out->file, w->context, path, 0);
    if (status == TACIT_OK)
        status = check_metadata(out, path, model);
    if (status == TACIT_OK)
        status = point_at_file(out, path, columns);
    if (status == TACIT_OK)
        status = blocks_run(w, blocks_of(out->unit.rows, CHECK_ROWS), check_rows, &check);
    if (status != TACIT_OK)
        search_index_fini(out);
    return status;
}

tacit_status search_index_match(const search_index *index, const dataset *d, const char *path)
{
    char name[NAME_SIZE];
    if (d->count != index->unit.rows)
        return context_fail(index->context, TACIT_STATE,
                            "%s: the index holds %" PRId64 " examples, the data %" PRId64 ": make it anew",
                            path, index->unit.rows, d->count);
    for (int64_t i = 0; i < d->count; i++) {
        dataset_name(d, i, name, sizeof name);
        if (strcmp(name, index->names[i]) != 0)
            return context_fail(index->context, TACIT_STATE,
                                "%s: example %" PRId64 " is %.200s in the index, %.200s in the data: make it "
                                "anew",
                                path, i, index->names[i], name);
    }
    return TACIT_OK;
}
