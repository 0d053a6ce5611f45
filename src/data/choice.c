#include "data/choice.h"

#include "base/file.h"
#include "data/csv_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- labels ---- */

/* What a choice of labels makes of the old ones. */
typedef struct label_choice {
    tacit_context *context;
    int32_t *number; /* (labels before): -1: left out */
    char **names;    /* (count) */
    int32_t count;
} label_choice;

static void label_choice_fini(label_choice *c)
{
    for (int32_t i = 0; c->names && i < c->count; i++)
        memory_free(c->context, c->names[i]);
    memory_free(c->context, c->names);
    memory_free(c->context, c->number);
}

static tacit_status add_label(label_choice *c, const dataset *d, const char *name)
{
    const int32_t label = dataset_find_label(d, name);
    if (label < 0)
        return context_fail(c->context, TACIT_ARGUMENT, "--only: the data have no label \"%s\"", name);
    if (c->number[label] >= 0)
        return context_fail(c->context, TACIT_ARGUMENT, "--only: \"%s\" is listed twice", name);
    c->names[c->count] = memory_string(c->context, name);
    if (!c->names[c->count])
        return TACIT_NOMEM;
    c->number[label] = c->count++;
    return TACIT_OK;
}

static tacit_status choose_labels(label_choice *c, const dataset *d, const char *names)
{
    char name[LABEL_TEXT];
    c->number = memory_alloc(c->context, (size_t)d->label_count, sizeof *c->number);
    c->names = memory_alloc(c->context, (size_t)d->label_count, sizeof *c->names);
    if (!c->number || !c->names)
        return TACIT_NOMEM;
    for (int32_t i = 0; i < d->label_count; i++)
        c->number[i] = -1;
    for (;; names++) {
        const size_t length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < LABEL_TEXT ? length : LABEL_TEXT - 1), names);
        TRY(add_label(c, d, name));
        names += length;
        if (!*names)
            return TACIT_OK;
    }
}

/* The examples that stay move together with all that is said of them. */
static tacit_status keep_examples(dataset *d, const label_choice *c)
{
    int64_t *kept = memory_alloc(c->context, (size_t)d->count, sizeof *kept), count = 0;
    if (!kept)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < d->count; i++) {
        const int32_t label = c->number[d->labels[i]];
        if (label < 0)
            continue;
        kept[count] = dataset_stored(d, i);
        d->labels[count] = label;
        if (d->groups)
            d->groups[count] = d->groups[i];
        count++;
    }
    memory_free(c->context, d->kept);
    d->kept = kept;
    d->count = count;
    return TACIT_OK;
}

static void take_names(dataset *d, label_choice *c)
{
    for (int32_t i = 0; d->label_names && i < d->label_count; i++)
        memory_free(c->context, d->label_names[i]);
    memory_free(c->context, d->label_names);
    d->label_names = c->names;
    d->label_count = c->count;
    c->names = NULL;
}

tacit_status dataset_keep_labels(dataset *d, const char *names)
{
    label_choice c = {.context = d->context};
    if (!d->labels)
        return context_fail(d->context, TACIT_ARGUMENT, "--only %s: the data have no labels", names);
    tacit_status status = choose_labels(&c, d, names);
    if (status == TACIT_OK)
        status = keep_examples(d, &c);
    if (status == TACIT_OK)
        take_names(d, &c);
    label_choice_fini(&c);
    if (status == TACIT_OK && d->count == 0)
        status = context_fail(d->context, TACIT_ARGUMENT, "--only %s: no example has such a label", names);
    return status;
}

/* ---- groups ---- */

enum { LIST_LIMIT = 1 << 30, NAME_SIZE = 4096 };

typedef struct entry {
    const char *name, *group;
    int64_t line;
} entry;

/* The lines of the file, by name. */
typedef struct group_list {
    csv_text text;
    entry *entries;
    int64_t count;
} group_list;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static tacit_status sort_entries(group_list *g)
{
    qsort(g->entries, (size_t)g->count, sizeof *g->entries, by_name);
    for (int64_t i = 1; i < g->count; i++)
        if (strcmp(g->entries[i].name, g->entries[i - 1].name) == 0)
            return context_fail(g->text.context, TACIT_FORMAT, "%s:%" PRId64 ": %s is there twice",
                                g->text.path, g->entries[i].line, g->entries[i].name);
    return TACIT_OK;
}

static tacit_status read_list(group_list *g, tacit_context *context, const char *path)
{
    uint8_t *bytes;
    size_t size;
    g->text = (csv_text){.context = context, .path = path};
    TRY(file_read(context, path, LIST_LIMIT, &bytes, &size));
    g->text.text = (char *)bytes; /* one byte more is there */
    TRY(csv_cut(&g->text, size));
    if (g->text.fields != 2)
        return context_fail(context, TACIT_FORMAT,
                            "%s:%" PRId64 ": %" PRId64 " fields: expected a name and a group", path,
                            g->text.lines[0], g->text.fields);
    g->entries = memory_alloc(context, (size_t)g->text.records, sizeof *g->entries);
    if (!g->entries)
        return TACIT_NOMEM;
    const char *at = g->text.text;
    for (int64_t i = 0; i < g->text.records; i++) {
        const char *name = at, *group = name + strlen(name) + 1;
        at = group + strlen(group) + 1;
        if (i > 0 || strcmp(name, "name") != 0 || strcmp(group, "group") != 0)
            g->entries[g->count++] = (entry){name, group, g->text.lines[i]};
    }
    return sort_entries(g);
}

/* The entry of an example: its whole name, or what is behind one of its slashes, the longest first; NULL:
 * none. */
static const entry *find_entry(const group_list *g, const char *name)
{
    for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        const entry wanted = {at, NULL, 0};
        const entry *found = bsearch(&wanted, g->entries, (size_t)g->count, sizeof *g->entries, by_name);
        if (found)
            return found;
    }
    return NULL;
}

/* Groups are numbered as they come. */
static tacit_status number_groups(dataset *d, const group_list *g)
{
    char name[NAME_SIZE];
    const char **texts = memory_alloc(d->context, (size_t)d->count, sizeof *texts);
    char **names = NULL;
    tacit_status status = texts ? TACIT_OK : TACIT_NOMEM;
    for (int64_t i = 0; status == TACIT_OK && i < d->count; i++) {
        dataset_name(d, i, name, sizeof name);
        const entry *found = find_entry(g, name);
        if (found)
            texts[i] = found->group;
        else
            status =
                context_fail(d->context, TACIT_FORMAT, "%s: the group of %s is missing", g->text.path, name);
    }
    if (status == TACIT_OK)
        status = table_number_texts(d->context, texts, d->count, &d->groups, &d->group_count, &names);
    for (int32_t i = 0; names && i < d->group_count; i++)
        memory_free(d->context, names[i]);
    memory_free(d->context, names);
    memory_free(d->context, texts);
    return status;
}

tacit_status dataset_read_groups(dataset *d, const char *path)
{
    group_list g = {.count = 0};
    tacit_status status = read_list(&g, d->context, path);
    if (status == TACIT_OK)
        status = number_groups(d, &g);
    csv_text_fini(&g.text);
    memory_free(d->context, g.entries);
    return status;
}
