#include "use/class_list.h"

#include "base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 26 };

static json_t *describe_names(const dataset *d)
{
    char name[LABEL_TEXT];
    json_t *names = json_array();
    for (int32_t i = 0; names && i < d->label_count; i++) {
        dataset_label_text(d, i, name, sizeof name);
        if (json_array_append_new(names, json_string(name))) {
            json_decref(names);
            names = NULL;
        }
    }
    return names;
}

tacit_status class_list_write(const dataset *d, double temperature, const char *folder)
{
    char *path = path_join(d->context, folder, "classes.json");
    json_t *object = json_pack("{s:o, s:f}", "classes", describe_names(d), "temperature", temperature);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    tacit_status status = TACIT_NOMEM;
    if (path && text)
        status = file_write(d->context, path, text, strlen(text));
    else if (path)
        status =
            context_fail(d->context, TACIT_UNSUPPORTED, "%s: can not be written: a label is not UTF-8", path);
    free(text);
    json_decref(object);
    memory_free(d->context, path);
    return status;
}

static tacit_status wrong(tacit_context *context, const char *path, const char *expected)
{
    return context_fail(context, TACIT_FORMAT, "%s: not the classes of a classifier: expected %s", path,
                        expected);
}

static tacit_status read_names(class_list *l, const char *path, const json_t *names, int32_t count)
{
    char expected[64];
    snprintf(expected, sizeof expected, "%d names as \"classes\"", (int)count);
    if (!json_is_array(names) || json_array_size(names) != (size_t)count)
        return wrong(l->context, path, expected);
    l->names = memory_alloc(l->context, (size_t)count, sizeof *l->names);
    if (!l->names)
        return TACIT_NOMEM;
    for (int32_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        if (!name || class_list_find(l, name) >= 0)
            return wrong(l->context, path, "names as \"classes\", none twice");
        l->names[i] = memory_string(l->context, name);
        if (!l->names[i])
            return TACIT_NOMEM;
        l->count++;
    }
    return TACIT_OK;
}

static tacit_status read_file(class_list *l, const char *path, int32_t count)
{
    uint8_t *bytes;
    size_t size;
    json_error_t error;
    TRY(file_read(l->context, path, FILE_LIMIT, &bytes, &size));
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    memory_free(l->context, bytes);
    if (!root)
        return context_fail(l->context, TACIT_FORMAT, "%s:%d: not JSON: %s", path, error.line, error.text);
    l->temperature = json_number_value(json_object_get(root, "temperature"));
    tacit_status status = l->temperature > 0.0 && l->temperature < 1e6
                              ? read_names(l, path, json_object_get(root, "classes"), count)
                              : wrong(l->context, path, "a \"temperature\" above 0");
    json_decref(root);
    return status;
}

tacit_status class_list_read(class_list *out, tacit_context *context, const char *folder, int32_t count)
{
    *out = (class_list){.context = context};
    char *path = path_join(context, folder, "classes.json");
    if (!path)
        return TACIT_NOMEM;
    const tacit_status status = read_file(out, path, count);
    memory_free(context, path);
    if (status != TACIT_OK)
        class_list_fini(out);
    return status;
}

void class_list_fini(class_list *l)
{
    for (int32_t i = 0; i < l->count; i++)
        memory_free(l->context, l->names[i]);
    if (l->context)
        memory_free(l->context, l->names);
    *l = (class_list){.context = NULL};
}

int32_t class_list_find(const class_list *l, const char *name)
{
    for (int32_t i = 0; i < l->count; i++)
        if (strcmp(l->names[i], name) == 0)
            return i;
    return -1;
}
