/* JSON lines: an object on each line, one of whose fields is the text; others may be a second text that
 * belongs to it, and a label. */
#include "base/text.h"
#include "data/gzip.h"
#include "data/table.h"
#include "data/text_files.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { RECORD_MOST = 1 << 28, LABEL_SIZE = 64 };

typedef struct jsonl_state {
    text_files files;
    char *fields[2]; /* of the text, and of the second one or NULL */
} jsonl_state;

static bool sniff(const char *path, bool folder, const uint8_t *head, size_t size)
{
    static const char *const endings[] = {".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"};
    (void)head;
    (void)size;
    for (size_t i = 0; !folder && i < sizeof endings / sizeof *endings; i++)
        if (text_ends_with(path, endings[i]))
            return true;
    return false;
}

static void close_jsonl(dataset *d)
{
    jsonl_state *s = d->state;
    if (!s)
        return;
    text_files_free(&s->files);
    memory_free(d->context, s->fields[0]);
    memory_free(d->context, s->fields[1]);
    memory_free(d->context, s);
    d->state = NULL;
}

/* ---- a record ---- */

static tacit_status parse(const dataset *d, const text_place *p, scratch *memory, json_t **out)
{
    const jsonl_state *s = d->state;
    const char *path = text_files_path(&s->files, p);
    const uint8_t *bytes;
    json_error_t error;
    *out = NULL;
    if (p->size > RECORD_MOST)
        return context_fail(d->context, TACIT_LIMIT, "%s: line %" PRId64 ": a record of %" PRIu64 " bytes",
                            path, p->line, p->size);
    TRY(text_files_get(&s->files, p, 0, (size_t)p->size, memory, &bytes));
    *out = json_loadb((const char *)bytes, (size_t)p->size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!*out)
        return context_fail(d->context, TACIT_FORMAT, "%s: line %" PRId64 ": not JSON: %s", path, p->line,
                            error.text);
    if (json_is_object(*out))
        return TACIT_OK;
    json_decref(*out);
    *out = NULL;
    return context_fail(d->context, TACIT_FORMAT, "%s: line %" PRId64 ": expected an object, {...}", path,
                        p->line);
}

/* The names of an object's fields, for a message. */
static void list_fields(json_t *record, char *out, size_t size)
{
    const char *name;
    json_t *value;
    size_t used = 0;
    snprintf(out, size, "none");
    json_object_foreach(record, name, value) if (used < size) used +=
        (size_t)snprintf(out + used, size - used, "%s\"%.40s\"", used ? ", " : "", name);
}

static tacit_status find_text(const dataset *d, const text_place *p, json_t *record, const char *field,
                              json_t **out)
{
    char names[400];
    const char *path = text_files_path(&((const jsonl_state *)d->state)->files, p);
    *out = json_object_get(record, field);
    if (!*out) {
        list_fields(record, names, sizeof names);
        return context_fail(d->context, TACIT_FORMAT,
                            "%s: line %" PRId64 ": there is no field \"%s\"; its fields are %s", path,
                            p->line, field, names);
    }
    if (json_is_string(*out) && json_string_length(*out) > 0)
        return TACIT_OK;
    return context_fail(d->context, TACIT_FORMAT, "%s: line %" PRId64 ": field \"%s\" is %s: expected a text",
                        path, p->line, field, json_is_string(*out) ? "empty" : "no text");
}

/* A label as text: a text, a whole number, true or false. */
static tacit_status read_label(const dataset *d, const text_place *p, json_t *record, const char *field,
                               char **out)
{
    char number[LABEL_SIZE];
    const char *path = text_files_path(&((const jsonl_state *)d->state)->files, p);
    const json_t *value = json_object_get(record, field);
    const char *text = json_is_string(value) ? json_string_value(value) : number;
    if (json_is_integer(value))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(number, sizeof number, "%s", json_is_true(value) ? "true" : "false");
    else if (!json_is_string(value))
        return context_fail(d->context, TACIT_FORMAT,
                            "%s: line %" PRId64 ": field \"%s\" of --label is %s: expected a text or a whole "
                            "number",
                            path, p->line, field, value ? "neither" : "not there");
    *out = memory_string(d->context, text);
    return *out ? TACIT_OK : TACIT_NOMEM;
}

/* ---- opening ---- */

static tacit_status copy_fields(dataset *d, const dataset_options *o)
{
    jsonl_state *s = d->state;
    s->fields[0] = memory_string(d->context, o->field && *o->field ? o->field : "text");
    d->paired = o->pair && *o->pair;
    s->fields[1] = d->paired ? memory_string(d->context, o->pair) : NULL;
    return s->fields[0] && (!d->paired || s->fields[1]) ? TACIT_OK : TACIT_NOMEM;
}

/* What every record must have is there; its label, where one is asked for, into *label. */
static tacit_status check_record(const dataset *d, const text_place *p, const char *label_field,
                                 scratch *memory, char **label)
{
    const jsonl_state *s = d->state;
    json_t *record, *unused;
    TRY(parse(d, p, memory, &record));
    tacit_status status = find_text(d, p, record, s->fields[0], &unused);
    if (status == TACIT_OK && d->paired)
        status = find_text(d, p, record, s->fields[1], &unused);
    if (status == TACIT_OK && label)
        status = read_label(d, p, record, label_field, label);
    json_decref(record);
    return status;
}

static tacit_status check_records(dataset *d, const char *label_field, char **labels)
{
    const text_files *f = &((const jsonl_state *)d->state)->files;
    scratch memory;
    scratch_init(&memory, d->context);
    tacit_status status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < f->count; i++)
        status = check_record(d, &f->places[i], label_field, &memory, labels ? &labels[i] : NULL);
    scratch_fini(&memory);
    return status;
}

static tacit_status check_and_label(dataset *d, const char *label_field)
{
    const text_files *f = &((const jsonl_state *)d->state)->files;
    if (!label_field || !*label_field)
        return check_records(d, NULL, NULL);
    char **texts = memory_alloc(d->context, f->count, sizeof *texts);
    if (!texts)
        return TACIT_NOMEM;
    tacit_status status = check_records(d, label_field, texts);
    if (status == TACIT_OK)
        status = table_number_texts(d->context, (const char *const *)texts, (int64_t)f->count, &d->labels,
                                    &d->label_count, &d->label_names);
    for (size_t i = 0; i < f->count; i++)
        memory_free(d->context, texts[i]);
    memory_free(d->context, texts);
    return status;
}

static tacit_status open_jsonl(dataset *d, const char *const *paths, int count,
                               const dataset_options *options)
{
    jsonl_state *s = memory_alloc(d->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    d->state = s;
    TRY(text_files_list(&s->files, d->context, paths, count));
    TRY(copy_fields(d, options));
    const text_scan how = {.lines = true};
    TRY(text_files_scan(&s->files, &how));
    TRY(check_and_label(d, options->label));
    d->texts = true;
    d->channels = 1;
    d->count = (int64_t)s->files.count;
    return TACIT_OK;
}

/* ---- reading ---- */

static tacit_status read_jsonl(const dataset *d, int64_t i, text_part part, uint64_t offset, size_t most,
                               scratch *memory, text_piece *out)
{
    const jsonl_state *s = d->state;
    const text_place *p = &s->files.places[i];
    json_t *record, *text;
    TRY(parse(d, p, memory, &record));
    tacit_status status = find_text(d, p, record, s->fields[part], &text);
    if (status == TACIT_OK) {
        const size_t total = json_string_length(text), at = offset < total ? (size_t)offset : total;
        uint8_t *copy;
        out->total = total;
        out->size = total - at < most ? total - at : most;
        out->bytes = copy =
            scratch_get(memory, part == TEXT_FIRST ? SCRATCH_PIXELS : SCRATCH_CONVERT, out->size);
        if (copy)
            memcpy(copy, json_string_value(text) + at, out->size);
        else
            status = TACIT_NOMEM;
    }
    json_decref(record);
    return status;
}

static void name_jsonl(const dataset *d, int64_t i, char *out, size_t size)
{
    const jsonl_state *s = d->state;
    text_files_name(&s->files, &s->files.places[i], out, size);
}

const dataset_format format_jsonl = {
    .name = "jsonl",
    .summary = "texts as JSON lines, plain or gzip, with --field, --pair, --label",
    .needs_no_cache = true,
    .sniff = sniff,
    .open = open_jsonl,
    .read_text = read_jsonl,
    .name_of = name_jsonl,
    .close = close_jsonl,
};
