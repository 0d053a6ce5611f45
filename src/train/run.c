/* config.json, model.safetensors, and the folder they are in. */
#include "train/run.h"

#include "base/file.h"
#include "model/safetensors.h"
#include "train/config.h"
#include "train/exchange/exchange.h"
#include "train/words.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_LIMIT = 1 << 20 };

/* ---- writing ---- */

/* NULL when a text is not UTF-8. */
static json_t *describe_settings(const settings *s)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < settings_count(s); i++)
        if (json_object_set_new(object, settings_row(s, i)->name, json_string(settings_value(s, i)))) {
            json_decref(object);
            object = NULL;
        }
    return object;
}

/* "columns": a name, or a name and the text that the column tells. Not 0: a name is not UTF-8. */
static int describe_table(json_t *data, const row_table *t)
{
    json_t *columns = json_array();
    int failed = 0;
    for (int i = 0; i < t->columns; i++) {
        const table_column *c = &t->column[i];
        failed |= json_array_append_new(columns, c->category ? json_pack("[s, s]", c->name, c->category)
                                                             : json_string(c->name));
    }
    failed |= json_object_set_new(data, "columns", columns);
    return failed | json_object_set_new(data, "named", json_boolean(t->named));
}

/* NULL when a path is not UTF-8. */
static json_t *describe_source(const data_source *source)
{
    json_t *paths = json_array();
    for (int i = 0; paths && i < source->count; i++)
        if (json_array_append_new(paths, json_string(source->paths[i]))) {
            json_decref(paths);
            paths = NULL;
        }
    json_t *object = json_pack("{s:o, s:s, s:I, s:i, s:i, s:i}", "paths", paths, "format", source->format,
                               "examples", (json_int_t)source->examples, "channels", source->channels,
                               "height", source->height, "width", source->width);
    if (object && source->table && describe_table(object, source->table)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *describe_numbers(const double *numbers, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, json_real(numbers[i]));
    return array;
}

static int64_t encoder_parameters(const parameters *p)
{
    int64_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (strncmp(p->table[i].name, "encoder.", 8) == 0)
            count += shape_count(p->table[i].shape);
    return count;
}

static json_t *describe_run(const settings *s, const data_source *source, const learner *l,
                            const run_numbers *n)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:b, s:I, s:I, s:I}", "tacit", TACIT_VERSION, "data",
                     describe_source(source), "mean", describe_numbers(n->mean, source->channels),
                     "deviation", describe_numbers(n->deviation, source->channels), "settings",
                     describe_settings(s), "steps", (json_int_t)n->steps, "complete", (int)n->complete,
                     "parameters", (json_int_t)parameters_learnt(&l->parameters), "encoder_parameters",
                     (json_int_t)encoder_parameters(&l->parameters), "dimension",
                     (json_int_t)learner_width(l));
}

tacit_status run_write_config(tacit_context *context, const char *path, const settings *s,
                              const data_source *source, const learner *l, const run_numbers *n)
{
    json_t *object = describe_run(s, source, l, n);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    const tacit_status status =
        text ? file_write(context, path, text, strlen(text))
             : context_fail(context, TACIT_UNSUPPORTED,
                            "%s: can not be written: a path or another text is not UTF-8", path);
    free(text);
    json_decref(object);
    return status;
}

/* Metadata that makes the file understandable alone; nothing that depends on the machine, so that equal
 * models are equal files. */
static tacit_status write_weights(tacit_context *context, const char *path, const settings *s,
                                  const learner *l)
{
    const parameters *p = &l->parameters;
    named_tensor *tensors = memory_alloc(context, p->count, sizeof *tensors);
    if (!tensors)
        return TACIT_NOMEM;
    for (size_t i = 0; i < p->count; i++) {
        snprintf(tensors[i].name, sizeof tensors[i].name, "%s", p->table[i].name);
        tensors[i].tensor = p->tensors[i];
    }
    const metadata_entry metadata[] = {{"format", "tacit"},
                                       {"method", settings_text(s, "method")},
                                       {"encoder", settings_text(s, "encoder")},
                                       {"patch", settings_text(s, "patch")},
                                       {"size", settings_text(s, "size")}};
    const tacit_status status =
        safetensors_write(context, path, tensors, p->count, metadata, sizeof metadata / sizeof *metadata);
    memory_free(context, tensors);
    return status;
}

tacit_status run_write_model(tacit_context *context, const char *model, const settings *s,
                             const data_source *source, const learner *l, const run_numbers *n)
{
    tacit_status status = TACIT_NOMEM;
    char *weights = path_join(context, model, "model.safetensors");
    char *config = path_join(context, model, "config.json");
    if (weights && config)
        status = write_weights(context, weights, s, l);
    if (status == TACIT_OK && n->tokenizer)
        status = words_write(n->tokenizer, context, model);
    if (status == TACIT_OK)
        status = run_write_config(context, config, s, source, l, n);
    memory_free(context, weights);
    memory_free(context, config);
    return status;
}

/* ---- reading ---- */

static tacit_status wrong(run_record *r, const char *path, const char *expected)
{
    return context_fail(r->context, TACIT_FORMAT, "%s: not a configuration of tacit: expected %s", path,
                        expected);
}

/* Before "norm-epsilon" was a row, "positions" was for texts only, and "learned" for all others too. */
static tacit_status forget_positions(settings *s, const json_t *object)
{
    const encoder_kind *kind = encoder_find(settings_text(s, "encoder"));
    if (json_object_get(object, "norm-epsilon") || (kind && kind->words))
        return TACIT_OK;
    return settings_set(s, "positions", "auto");
}

static tacit_status read_settings(run_record *r, const char *path, json_t *object)
{
    const char *wanted = json_string_value(json_object_get(object, "method")), *name;
    json_t *text;
    if (!wanted)
        return wrong(r, path, "\"settings\" with a \"method\"");
    tacit_status status = config_create(&r->settings, r->context, wanted);
    json_object_foreach(object, name, text)
    {
        if (status == TACIT_OK && strcmp(name, "method") != 0)
            status = json_is_string(text) ? settings_set(r->settings, name, json_string_value(text))
                                          : wrong(r, path, "texts in \"settings\"");
    }
    if (status == TACIT_OK)
        status = forget_positions(r->settings, object);
    return status == TACIT_OK ? status : context_wrap(r->context, status, "%s", path);
}

static tacit_status read_paths(run_record *r, const char *path, const json_t *paths)
{
    if (!json_is_array(paths) || json_array_size(paths) > 1000000)
        return wrong(r, path, "a list of \"paths\"");
    r->paths = memory_alloc(r->context, json_array_size(paths) + 1, sizeof *r->paths);
    if (!r->paths)
        return TACIT_NOMEM;
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *text = json_string_value(json_array_get(paths, i));
        if (!text)
            return wrong(r, path, "texts in \"paths\"");
        r->paths[r->path_count] = memory_string(r->context, text);
        if (!r->paths[r->path_count++])
            return TACIT_NOMEM;
    }
    return TACIT_OK;
}

/* Columns as describe_table wrote them; NULL: the data are pictures. */
static tacit_status read_table(run_record *r, const char *path, const json_t *columns, bool named)
{
    if (!columns)
        return TACIT_OK;
    if (json_array_size(columns) != (size_t)r->channels)
        return wrong(r, path, "as many \"columns\" as channels");
    TRY(table_create(&r->table, r->context, 0, r->channels));
    r->table->named = named;
    for (int i = 0; i < r->channels; i++) {
        const json_t *column = json_array_get(columns, (size_t)i);
        const bool pair = json_array_size(column) == 2;
        const char *name = json_string_value(pair ? json_array_get(column, 0) : column);
        const char *category = pair ? json_string_value(json_array_get(column, 1)) : NULL;
        if (!name || (pair && !category))
            return wrong(r, path, "a text or two for each of \"columns\"");
        TRY(table_name(r->table, i, name, category));
    }
    return TACIT_OK;
}

static tacit_status read_source(run_record *r, const char *path, json_t *data)
{
    const char *format;
    json_int_t examples, channels, height, width;
    json_t *paths;
    if (json_unpack(data, "{s:o, s:s, s:I, s:I, s:I, s:I}", "paths", &paths, "format", &format, "examples",
                    &examples, "channels", &channels, "height", &height, "width", &width))
        return wrong(r, path, "\"data\" with paths, format, examples, channels, height and width");
    const json_t *columns = json_object_get(data, "columns");
    if (examples < 1 ||
        (columns ? channels < 1 || channels > TABLE_COLUMNS_MOST : channels != 1 && channels != 3))
        return wrong(r, path, "1 or 3 channels, or those of a table, and at least one example");
    if (height < 0 || height > INT32_MAX || width < 0 || width > INT32_MAX)
        return wrong(r, path, "a height and a width");
    r->examples = examples;
    r->channels = (int)channels;
    r->height = (int)height;
    r->width = (int)width;
    snprintf(r->format, sizeof r->format, "%s", format);
    TRY(read_table(r, path, columns, json_is_true(json_object_get(data, "named"))));
    return read_paths(r, path, paths);
}

static tacit_status read_numbers(run_record *r, const char *path, const char *name, const json_t *array,
                                 double **into)
{
    char expected[64];
    double *out = *into = memory_alloc(r->context, (size_t)r->channels, sizeof *out);
    if (!out)
        return TACIT_NOMEM;
    snprintf(expected, sizeof expected, "%d finite numbers as \"%s\"", r->channels, name);
    if (json_array_size(array) != (size_t)r->channels)
        return wrong(r, path, expected);
    for (int i = 0; i < r->channels; i++) {
        out[i] = json_number_value(json_array_get(array, (size_t)i));
        /* Pixels are from 0 to 1, columns of a table are any numbers. */
        const double most = r->table ? 1e39 : 1e6;
        if (!(out[i] >= -most && out[i] <= most) || (strcmp(name, "deviation") == 0 && !(out[i] > 0)))
            return wrong(r, path, expected);
    }
    return TACIT_OK;
}

static tacit_status read_object(run_record *r, const char *path, json_t *root)
{
    json_t *data, *mean, *deviation, *rows;
    const char *version;
    json_int_t steps, all, own, dimension;
    int complete;
    if (json_unpack(root, "{s:s, s:o, s:o, s:o, s:o, s:I, s:b, s:I, s:I, s:I}", "tacit", &version, "data",
                    &data, "mean", &mean, "deviation", &deviation, "settings", &rows, "steps", &steps,
                    "complete", &complete, "parameters", &all, "encoder_parameters", &own, "dimension",
                    &dimension))
        return wrong(r, path, "tacit, data, mean, deviation, settings, steps, complete and sizes");
    snprintf(r->version, sizeof r->version, "%s", version);
    r->steps = steps;
    r->complete = complete;
    r->parameters = all;
    r->encoder_parameters = own;
    r->dimension = dimension;
    TRY(read_source(r, path, data));
    TRY(read_numbers(r, path, "mean", mean, &r->mean));
    TRY(read_numbers(r, path, "deviation", deviation, &r->deviation));
    return read_settings(r, path, rows);
}

tacit_status run_read_config(run_record *out, tacit_context *context, const char *path)
{
    uint8_t *bytes;
    size_t size;
    json_error_t error;
    *out = (run_record){.context = context};
    TRY(file_read(context, path, CONFIG_LIMIT, &bytes, &size));
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    memory_free(context, bytes);
    if (!root)
        return context_fail(context, TACIT_FORMAT, "%s:%d: not JSON: %s", path, error.line, error.text);
    const tacit_status status =
        exchange_is_config(root) ? exchange_read_config(out, path, root) : read_object(out, path, root);
    json_decref(root);
    if (status != TACIT_OK)
        run_record_fini(out);
    return status;
}

bool run_of_texts(const run_record *r)
{
    const encoder_kind *kind = encoder_find(settings_text(r->settings, "encoder"));
    return kind && kind->words;
}

const char *run_kind(const run_record *r)
{
    return run_of_texts(r) ? "texts" : (r->table ? "rows of a table" : "pictures");
}

const char *run_raw_name(const run_record *r)
{
    return dataset_raw_name(run_of_texts(r), r->table != NULL);
}

tacit_status run_read_words(run_record *r, const char *folder)
{
    return run_of_texts(r) ? words_read(&r->tokenizer, r->context, folder, r->settings) : TACIT_OK;
}

void run_record_fini(run_record *r)
{
    for (int i = 0; i < r->path_count; i++)
        memory_free(r->context, r->paths[i]);
    memory_free(r->context, r->paths);
    memory_free(r->context, r->mean);
    memory_free(r->context, r->deviation);
    table_destroy(r->table);
    tokenizer_destroy(r->tokenizer);
    settings_destroy(r->settings);
    *r = (run_record){.context = r->context};
}

static tacit_status copy_weight(const learner *l, const safetensors_file *f, const char *path, size_t i)
{
    const parameter *p = &l->parameters.table[i];
    const named_tensor *found = safetensors_find(f, p->name);
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (!found)
        return context_fail(l->context, TACIT_FORMAT, "%s: tensor %s is missing", path, p->name);
    if (strcmp(found->dtype_name, "F32") != 0 || !shape_equal(found->tensor.shape, p->shape))
        return context_fail(l->context, TACIT_FORMAT, "%s: tensor %s is %s %s, expected F32 %s", path,
                            p->name, found->dtype_name, shape_text(found->tensor.shape, one),
                            shape_text(p->shape, two));
    memcpy(l->parameters.block + p->offset, found->tensor.data, found->size);
    return TACIT_OK;
}

tacit_status run_read_weights(learner *l, const char *path)
{
    safetensors_file f;
    TRY(safetensors_read(&f, l->context, path, 0));
    tacit_status status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < l->parameters.count; i++)
        status = copy_weight(l, &f, path, i);
    safetensors_close(&f);
    return status;
}

/* ---- the folder ---- */

/* The last one is made where there are texts. */
static const char *const sub_folders[] = {"model", "checkpoints", "samples", "tokens"};

static tacit_status remove_file(tacit_context *context, const char *run, const char *name)
{
    char *path = path_join(context, run, name);
    if (!path)
        return TACIT_NOMEM;
    remove(path);
    memory_free(context, path);
    return TACIT_OK;
}

/* config.json goes last: a folder with it is a run, and old checkpoints in one without would be taken for
 * those of the next. */
static tacit_status clear_run(tacit_context *context, const char *run)
{
    for (int i = 0; i < 4; i++) {
        char *path = path_join(context, run, sub_folders[i]);
        const tacit_status status = path ? folder_delete(context, path) : TACIT_NOMEM;
        memory_free(context, path);
        TRY(status);
    }
    TRY(remove_file(context, run, "metrics.jsonl"));
    TRY(remove_file(context, run, "tokenizer.json"));
    return remove_file(context, run, "config.json");
}

/* Whether the folder holds a run, which must be allowed. */
static tacit_status check_taken(tacit_context *context, const char *run, bool overwrite, bool *taken)
{
    char *config = path_join(context, run, "config.json");
    if (!config)
        return TACIT_NOMEM;
    *taken = file_exists(config);
    memory_free(context, config);
    if (*taken && !overwrite)
        return context_fail(
            context, TACIT_STATE,
            "%s holds a run already: choose another folder, go on with `tacit resume %s`, or say --overwrite",
            run, run);
    return TACIT_OK;
}

/* "a/b/" becomes "a", "a" becomes "."; false where there is nothing above. `path` has room for one letter. */
static bool go_up(char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (strncmp(path, length ? "/" : ".", 2) == 0)
        return false;
    if (length == 0)
        path[length++] = '.';
    path[length] = '\0';
    return true;
}

/* The deepest folder of the path that is there must be one that may be written. */
static tacit_status check_place(tacit_context *context, const char *run, char *part)
{
    while (faccessat(AT_FDCWD, part, F_OK, AT_EACCESS) != 0)
        if ((errno != ENOENT && errno != ENOTDIR) || !go_up(part))
            return context_fail(context, TACIT_IO, "%s: cannot be looked at: %s", run, strerror(errno));
    if (!folder_exists(part))
        return context_fail(context, TACIT_IO, "%s: cannot be the folder of a run: %s is not a folder", run,
                            part);
    if (faccessat(AT_FDCWD, part, W_OK | X_OK, AT_EACCESS) != 0)
        return context_fail(context, TACIT_IO, "%s: cannot be written: %s", run, strerror(errno));
    return TACIT_OK;
}

tacit_status run_check(tacit_context *context, const char *run, bool overwrite)
{
    bool taken;
    if (!*run)
        return context_fail(context, TACIT_ARGUMENT, "the folder of the run has no name");
    TRY(check_taken(context, run, overwrite, &taken));
    char *part = memory_string(context, run);
    if (!part)
        return TACIT_NOMEM;
    const tacit_status status = check_place(context, run, part);
    memory_free(context, part);
    return status;
}

tacit_status run_create(tacit_context *context, const char *run, bool overwrite)
{
    bool taken;
    TRY(check_taken(context, run, overwrite, &taken));
    if (taken)
        TRY(clear_run(context, run));
    TRY(folder_create(context, run));
    for (int i = 0; i < 3; i++) {
        char *path = path_join(context, run, sub_folders[i]);
        const tacit_status status = path ? folder_create(context, path) : TACIT_NOMEM;
        memory_free(context, path);
        TRY(status);
    }
    return TACIT_OK;
}
