/* See pair_list.h. */
#include "data/pair_list.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS = 3, FIRST_SLOTS = 64 };

static const size_t file_limit = (size_t)1 << 30;

/* What is read, and where the reader stands. */
typedef struct reading {
    pair_list *list;
    const char *path;
    char *folder; /* of the file, with its slash; "" for the working folder */
    char *at, *end;
    size_t line;
} reading;

/* ---- each path once ---- */

static size_t hash_text(const char *text)
{
    size_t hash = 5381;
    for (; *text; text++)
        hash = hash * 33 + (unsigned char)*text;
    return hash;
}

/* The slot that holds `path`, or the empty one where it belongs. */
static size_t *find_slot(const pair_list *l, const char *path)
{
    size_t i = hash_text(path) % l->slot_count;
    while (l->slots[i] && strcmp(l->paths[l->slots[i] - 1], path) != 0)
        i = (i + 1) % l->slot_count;
    return &l->slots[i];
}

/* At most half of the slots are in use. */
static tacit_status make_slots(pair_list *l)
{
    if (2 * (l->path_count + 1) <= l->slot_count)
        return TACIT_OK;
    const size_t count = l->slot_count ? 2 * l->slot_count : FIRST_SLOTS;
    size_t *slots = memory_alloc(l->context, count, sizeof *slots);
    if (!slots)
        return TACIT_NOMEM;
    memory_free(l->context, l->slots);
    l->slots = slots;
    l->slot_count = count;
    for (size_t i = 0; i < l->path_count; i++)
        *find_slot(l, l->paths[i]) = i + 1;
    return TACIT_OK;
}

/* Takes `path` over, in any case. */
static tacit_status add_path(pair_list *l, char *path)
{
    void *array = l->paths;
    const tacit_status status =
        memory_reserve(l->context, &array, &l->path_capacity, l->path_count + 1, sizeof *l->paths);
    l->paths = array;
    if (status != TACIT_OK) {
        memory_free(l->context, path);
        return status;
    }
    l->paths[l->path_count++] = path;
    *find_slot(l, path) = l->path_count;
    return TACIT_OK;
}

static tacit_status number_of(const reading *r, const char *name, int64_t *out)
{
    pair_list *l = r->list;
    TRY(make_slots(l));
    char *path = *name == '/' ? memory_string(l->context, name) : path_join(l->context, r->folder, name);
    if (!path)
        return TACIT_NOMEM;
    const size_t *slot = find_slot(l, path);
    if (*slot) {
        *out = (int64_t)*slot - 1;
        memory_free(l->context, path);
        return TACIT_OK;
    }
    if (!file_exists(path)) {
        const tacit_status status = context_fail(l->context, TACIT_IO, "%s:%zu: %s: there is no such picture",
                                                 r->path, r->line, path);
        memory_free(l->context, path);
        return status;
    }
    *out = (int64_t)l->path_count;
    return add_path(l, path);
}

/* ---- lines ---- */

/* A quoted field in place: from behind its first quote; NULL: no end. */
static char *read_quoted(reading *r, char **rest)
{
    char *start = r->at + 1, *to = start, *from = start;
    for (; from < r->end && *from != '\n'; from++) {
        if (*from == '"' && (from + 1 == r->end || from[1] != '"')) {
            *rest = from + 1;
            *to = '\0';
            return start;
        }
        from += *from == '"';
        *to++ = *from;
    }
    return NULL;
}

static tacit_status fail_line(const reading *r, const char *wrong)
{
    return context_fail(r->list->context, TACIT_FORMAT,
                        "%s:%zu: %s: expected two paths and 0 or 1, separated by commas", r->path, r->line,
                        wrong);
}

/* The next field, ended by a zero byte; *last: it ends its line. */
static tacit_status read_field(reading *r, char **field, bool *last)
{
    char *rest = r->at;
    if (r->at < r->end && *r->at == '"') {
        *field = read_quoted(r, &rest);
        if (!*field)
            return fail_line(r, "a quote without its end");
    } else {
        *field = r->at;
        while (rest < r->end && *rest != ',' && *rest != '\n' && *rest != '\r')
            rest++;
    }
    char *stop = rest;
    if (rest < r->end && *rest == '\r' && (rest + 1 == r->end || rest[1] == '\n'))
        rest++;
    if (rest < r->end && *rest != ',' && *rest != '\n')
        return fail_line(r, "text behind a field");
    *last = rest == r->end || *rest == '\n';
    r->at = rest < r->end ? rest + 1 : rest;
    *stop = '\0';
    return TACIT_OK;
}

/* 1, 0, -1 where nothing is said; -2: something else. */
static int same_of(const char *text)
{
    if (!text || !*text)
        return -1;
    return (text[0] == '0' || text[0] == '1') && !text[1] ? text[0] - '0' : -2;
}

static tacit_status add_pair(const reading *r, char *const fields[FIELDS], int count)
{
    pair_list *l = r->list;
    listed_pair p = {.same = same_of(count > 2 ? fields[2] : NULL)};
    if (count < 2 || !*fields[0] || !*fields[1])
        return fail_line(r, "a path is missing");
    if (p.same == -2 && l->count == 0 && r->line == 1)
        return TACIT_OK; /* a head */
    if (p.same == -2)
        return fail_line(r, "the third field is neither 0 nor 1");
    if (l->count > 0 && (p.same < 0) != (l->pairs[0].same < 0))
        return fail_line(r, "same or different is said for some pairs and not for others");
    TRY(number_of(r, fields[0], &p.first));
    TRY(number_of(r, fields[1], &p.second));
    void *array = l->pairs;
    TRY(memory_reserve(l->context, &array, &l->capacity, l->count + 1, sizeof *l->pairs));
    l->pairs = array;
    l->pairs[l->count++] = p;
    return TACIT_OK;
}

static tacit_status read_line(reading *r)
{
    char *fields[FIELDS];
    int count = 0;
    bool last = false;
    r->line++;
    while (!last) {
        if (count == FIELDS)
            return fail_line(r, "more than three fields");
        TRY(read_field(r, &fields[count++], &last));
    }
    return count == 1 && !*fields[0] ? TACIT_OK : add_pair(r, fields, count);
}

static tacit_status read_all(reading *r)
{
    if (memchr(r->at, 0, (size_t)(r->end - r->at)))
        return context_fail(r->list->context, TACIT_FORMAT, "%s: holds a zero byte: expected CSV", r->path);
    while (r->at < r->end)
        TRY(read_line(r));
    if (r->list->count == 0)
        return context_fail(r->list->context, TACIT_FORMAT, "%s: there are no pairs in it", r->path);
    return TACIT_OK;
}

tacit_status pair_list_read(pair_list *out, tacit_context *context, const char *path)
{
    uint8_t *bytes;
    size_t size;
    *out = (pair_list){.context = context};
    TRY(file_read(context, path, file_limit, &bytes, &size));
    reading r = {.list = out, .path = path, .at = (char *)bytes, .end = (char *)bytes + size};
    r.folder = memory_string(context, path);
    tacit_status status = r.folder ? TACIT_OK : TACIT_NOMEM;
    if (r.folder) {
        char *slash = strrchr(r.folder, '/');
        r.folder[slash ? slash + 1 - r.folder : 0] = '\0';
        status = read_all(&r);
    }
    memory_free(context, r.folder);
    memory_free(context, bytes);
    return status;
}

void pair_list_free(pair_list *l)
{
    for (size_t i = 0; i < l->path_count; i++)
        memory_free(l->context, l->paths[i]);
    memory_free(l->context, l->paths);
    memory_free(l->context, l->pairs);
    memory_free(l->context, l->slots);
    *l = (pair_list){.context = l->context};
}
