/* Data sets of pictures in tar archives (plain or gzip, one or several files), read without unpacking.
 *
 *   [root/][train|test/][label/]...picture      root: a folder that all pictures share
 *
 * Members that are no pictures are ignored and counted in a log line. Order: archives by name, then members
 * by path. */
#include "data/codec.h"
#include "data/folder_labels.h"
#include "data/picture_sizes.h"
#include "data/tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SNIFF_HEAD = 64,       /* enough to know a picture */
    PROBE_HEAD = 32768,    /* enough for most pictures' headers */
    PROBE_ALL = 100000,    /* pictures whose sizes and channels are looked at one by one; then ever fewer */
    MEMBER_LIMIT = 1 << 30 /* bytes of an encoded picture */
};

typedef struct member {
    uint64_t offset, size; /* of its bytes, in the tar */
    size_t name;           /* where its path starts in the names */
    int shard;
} member;

typedef struct tar_state {
    tacit_context *context;
    tar_shard *shards;
    int shard_count;
    member *members;
    size_t count, capacity;
    char *names; /* paths, each ended by '\0' */
    size_t names_size, names_capacity;
    int64_t ignored;
    /* what the probed pictures say */
    picture_sizes sizes;
    int channels;
    bool all_probed;
} tar_state;

static bool sniff(const char *path, bool folder, const uint8_t *head, size_t size)
{
    (void)path;
    return !folder && tar_sniff(head, size);
}

/* ---- collecting members ---- */

static const char *without_dots(const char *path)
{
    for (;;) {
        if (*path == '/')
            path++;
        else if (path[0] == '.' && path[1] == '/')
            path += 2;
        else
            return path;
    }
}

static tacit_status add_member(tar_state *t, int shard, const tar_entry *entry)
{
    const char *name = without_dots(entry->name);
    const size_t size = strlen(name) + 1;
    void *array = t->names;
    TRY(memory_reserve(t->context, &array, &t->names_capacity, t->names_size + size, 1));
    t->names = array;
    array = t->members;
    TRY(memory_reserve(t->context, &array, &t->capacity, t->count + 1, sizeof *t->members));
    t->members = array;
    t->members[t->count++] = (member){entry->offset, entry->size, t->names_size, shard};
    memcpy(t->names + t->names_size, name, size);
    t->names_size += size;
    return TACIT_OK;
}

static void note_picture(tar_state *t, const image *found, bool whole)
{
    picture_sizes_note(&t->sizes, found, whole);
    if (found->channels > t->channels)
        t->channels = found->channels;
}

/* Size and channels of the picture from its first bytes; from all of them when its header is long. `bad`: the
 * header is damaged, and that is to be left for later. */
static tacit_status probe(tar_state *t, tar_scan *scan, tar_entry *entry, const dataset_options *options,
                          bool *bad)
{
    image found;
    char name[1024];
    snprintf(name, sizeof name, "%s", entry->name);
    for (size_t size = PROBE_HEAD;; size = MEMBER_LIMIT) {
        TRY(tar_scan_head(scan, entry, size));
        const bool whole = entry->head_size == entry->size;
        const tacit_status status =
            picture_header(t->context, name, entry->head, entry->head_size, options->pixel_limit, &found);
        if (status == TACIT_OK) {
            note_picture(t, &found, whole);
            return TACIT_OK;
        }
        *bad = whole && options->skip_bad;
        if (status == TACIT_NOMEM || (whole && !*bad))
            return status;
        /* Not a failure of this call: the header may be longer, or the picture is left out when it is read.
         */
        context_begin(t->context);
        if (whole)
            return TACIT_OK;
    }
}

static tacit_status take_entry(tar_state *t, int shard, tar_scan *scan, tar_entry *entry,
                               const dataset_options *options)
{
    TRY(tar_scan_head(scan, entry, SNIFF_HEAD));
    if (!picture_sniff(entry->head, entry->head_size)) {
        t->ignored++;
        return TACIT_OK;
    }
    if (entry->size > MEMBER_LIMIT)
        return context_fail(t->context, TACIT_LIMIT, "%s: %" PRIu64 " bytes: a picture may have up to 1 GB",
                            entry->name, entry->size);
    bool bad = false;
    if (t->count % (1 + t->count / PROBE_ALL) == 0)
        TRY(probe(t, scan, entry, options, &bad));
    else
        t->all_probed = false;
    t->all_probed = t->all_probed && !bad;
    return add_member(t, shard, entry);
}

static tacit_status scan_shard(tar_state *t, int shard, size_t most, const dataset_options *options,
                               uint64_t budget)
{
    tar_scan *scan;
    tar_entry entry;
    bool more;
    TRY(tar_scan_open(&scan, t->context, &t->shards[shard], most, budget));
    tacit_status status;
    do {
        status = tar_scan_next(scan, &entry, &more);
        if (status == TACIT_OK && more) {
            status = take_entry(t, shard, scan, &entry, options);
            if (status != TACIT_OK)
                context_wrap(t->context, status, "%s", t->shards[shard].path);
        }
    } while (status == TACIT_OK && more);
    tar_scan_close(scan);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static tacit_status scan_all(tar_state *t, const char *const *paths, const dataset_options *options)
{
    const char **sorted = memory_alloc(t->context, (size_t)t->shard_count, sizeof *sorted);
    if (!sorted)
        return TACIT_NOMEM;
    memcpy(sorted, paths, (size_t)t->shard_count * sizeof *sorted);
    qsort(sorted, (size_t)t->shard_count, sizeof *sorted, compare_paths);
    /* Indexes of gzip shards stay below a sixteenth of the memory, inflated spans below an eighth. */
    const uint64_t memory = memory_physical(), shards = (uint64_t)t->shard_count;
    const uint64_t most = memory / 16 / GZIP_WINDOW / shards;
    const uint64_t budget = options->cache_bytes < memory / 8 ? options->cache_bytes : memory / 8;
    tacit_status status = TACIT_OK;
    for (int i = 0; status == TACIT_OK && i < t->shard_count; i++) {
        t->shards[i].path = memory_string(t->context, sorted[i]);
        status = t->shards[i].path ? scan_shard(t, i, most < 16 ? 16 : (size_t)most, options, budget / shards)
                                   : TACIT_NOMEM;
    }
    memory_free(t->context, sorted);
    return status;
}

static int compare_members(const void *a, const void *b, void *names)
{
    const member *first = a, *second = b;
    if (first->shard != second->shard)
        return first->shard < second->shard ? -1 : 1;
    const int order = strcmp((char *)names + first->name, (char *)names + second->name);
    return order ? order : (first->offset > second->offset) - (first->offset < second->offset);
}

/* ---- split and labels ---- */

/* Chooses the split, and labels what is left. */
static tacit_status label_members(dataset *d)
{
    tar_state *t = d->state;
    found_pictures found = {t->shards[0].path,      t->members, t->count, sizeof *t->members,
                            offsetof(member, name), t->names};
    TRY(folder_labels(d, &found));
    t->count = found.count;
    return TACIT_OK;
}

/* ---- the format ---- */

static void close_tar(dataset *d)
{
    tar_state *t = d->state;
    if (!t)
        return;
    for (int i = 0; t->shards && i < t->shard_count; i++)
        tar_shard_close(&t->shards[i], d->context);
    memory_free(d->context, t->shards);
    memory_free(d->context, t->members);
    memory_free(d->context, t->names);
    memory_free(d->context, t);
    d->state = NULL;
}

static void describe(dataset *d)
{
    const tar_state *t = d->state;
    d->count = (int64_t)t->count;
    d->channels = t->channels;
    picture_sizes_tell(&t->sizes, t->all_probed, d);
    if (t->ignored)
        context_log(d->context, "%s: %" PRId64 " files that are no pictures were ignored", t->shards[0].path,
                    t->ignored);
}

static tacit_status open_tar(dataset *d, const char *const *paths, int count, const dataset_options *options)
{
    tar_state *t = memory_alloc(d->context, 1, sizeof *t);
    if (!t)
        return TACIT_NOMEM;
    d->state = t;
    t->context = d->context;
    t->channels = 1;
    t->all_probed = t->sizes.same = true;
    t->shards = memory_alloc(d->context, (size_t)count, sizeof *t->shards);
    if (!t->shards)
        return TACIT_NOMEM;
    t->shard_count = count;
    TRY(scan_all(t, paths, options));
    if (t->count == 0)
        return context_fail(d->context, TACIT_FORMAT,
                            "%s: there are no pictures in it (%" PRId64 " other files)", t->shards[0].path,
                            t->ignored);
    qsort_r(t->members, t->count, sizeof *t->members, compare_members, t->names);
    TRY(label_members(d));
    describe(d);
    return TACIT_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void name_tar(const dataset *d, int64_t i, char *out, size_t size)
{
    const tar_state *t = d->state;
    const member *m = &t->members[i];
    if (t->shard_count > 1)
        snprintf(out, size, "%s:%s", base_name(t->shards[m->shard].path), t->names + m->name);
    else
        snprintf(out, size, "%s", t->names + m->name);
}

static tacit_status read_tar(const dataset *d, int64_t i, scratch *s, image *out)
{
    const tar_state *t = d->state;
    const member *m = &t->members[i];
    const tar_shard *shard = &t->shards[m->shard];
    char name[MESSAGE_SIZE / 2];
    uint8_t *bytes = scratch_get(s, SCRATCH_FILE, (size_t)m->size);
    if (!bytes)
        return TACIT_NOMEM;
    TRY(tar_shard_read(shard, d->context, m->offset, bytes, (size_t)m->size));
    snprintf(name, sizeof name, "%s: %s", shard->path, t->names + m->name);
    return picture_decode(d->context, name, bytes, (size_t)m->size, d->options.pixel_limit, s, out);
}

const dataset_format format_tar = {
    .name = "tar",
    .summary = "pictures in .tar or .tar.gz archives, folders are labels",
    .sniff = sniff,
    .open = open_tar,
    .read = read_tar,
    .name_of = name_tar,
    .close = close_tar,
};
