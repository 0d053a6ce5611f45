/* Pictures in folders, or picture files given one by one. */
#include "base/file.h"
#include "data/codec.h"
#include "data/file_list.h"
#include "data/folder_labels.h"
#include "data/picture_sizes.h"
#include "data/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOKS_MOST = 10000,  /* headers looked at to decide on channels */
    LOOK_SIZE = 1 << 18, /* bytes of a file in which its header is expected */
    BYTES_A_PIXEL = 8,   /* of a file, at the most: 16 bits, four channels, not compressed ... */
    BYTES_MORE = 1 << 26 /* ... and what profiles and texts may add */
};

typedef struct folder_state {
    file_list list;
    bool whole_names; /* several paths were opened: examples are named by the whole path */
} folder_state;

static bool sniff(const char *path, bool folder, const uint8_t *head, size_t size)
{
    (void)path;
    return folder || picture_sniff(head, size);
}

static const char *path_of(const folder_state *f, int64_t i)
{
    return f->list.text + f->list.files[i].path;
}

static const char *short_name(const folder_state *f, int64_t i)
{
    return f->list.text + (f->whole_names ? f->list.files[i].path : f->list.files[i].below);
}

/* ---- reading ---- */

/* Up to `most` bytes of file i into the scratch; *size is what there is of them, *total the file's size. */
static tacit_status read_file(const dataset *d, int64_t i, uint64_t most, scratch *s, uint8_t **out,
                              size_t *size, uint64_t *total)
{
    const char *path = path_of(d->state, i);
    int fd;
    TRY(source_open(d->context, path, &fd, total));
    const size_t wanted = (size_t)(*total < most ? *total : most);
    *out = scratch_get(s, SCRATCH_FILE, wanted);
    const tacit_status status =
        *out ? file_read_at(d->context, fd, path, 0, *out, wanted, size) : TACIT_NOMEM;
    close(fd);
    return status;
}

/* The size above which no picture within the pixel limit needs its file to be. */
static uint64_t largest_file(const dataset *d)
{
    const uint64_t pixels = (uint64_t)d->options.pixel_limit;
    const uint64_t most = SIZE_MAX / 4;
    return pixels < (most - BYTES_MORE) / BYTES_A_PIXEL ? pixels * BYTES_A_PIXEL + BYTES_MORE : most;
}

static tacit_status read_folder(const dataset *d, int64_t i, scratch *s, image *out)
{
    uint8_t *bytes;
    size_t size;
    uint64_t total;
    const uint64_t most = largest_file(d);
    const char *name = short_name(d->state, i);
    TRY(read_file(d, i, most, s, &bytes, &size, &total));
    if (total > most)
        return context_fail(d->context, TACIT_LIMIT,
                            "%s: %" PRIu64 " bytes, more than any picture within the pixel limit", name,
                            total);
    return picture_decode(d->context, name, bytes, size, d->options.pixel_limit, s, out);
}

static void name_folder(const dataset *d, int64_t i, char *out, size_t size)
{
    snprintf(out, size, "%s", short_name(d->state, i));
}

/* ---- looking at headers ---- */

typedef struct looks {
    picture_sizes sizes; /* of those looked at */
    int64_t grey;
    bool all;
} looks;

static tacit_status look_at(const dataset *d, int64_t i, scratch *s, image *out, bool *whole)
{
    const char *name = short_name(d->state, i);
    uint8_t *bytes;
    size_t size;
    uint64_t total;
    TRY(read_file(d, i, LOOK_SIZE, s, &bytes, &size, &total));
    *whole = size == total;
    const tacit_status status = picture_header(d->context, name, bytes, size, d->options.pixel_limit, out);
    if (status == TACIT_OK || status == TACIT_NOMEM || *whole)
        return status;
    /* Not a failure yet: a long profile may come first. */
    context_begin(d->context);
    *whole = true;
    TRY(read_file(d, i, largest_file(d), s, &bytes, &size, &total));
    return picture_header(d->context, name, bytes, size, d->options.pixel_limit, out);
}

/* At most LOOKS_MOST pictures, spread evenly over the first `count`. */
static tacit_status look_around(const dataset *d, int64_t count, scratch *s, looks *out)
{
    const int64_t looked_at = count < LOOKS_MOST ? count : LOOKS_MOST;
    *out = (looks){.sizes.same = true, .all = looked_at == count};
    for (int64_t k = 0; k < looked_at; k++) {
        image found;
        bool whole;
        const int64_t i = (int64_t)((double)k * (double)count / (double)looked_at);
        const tacit_status status = look_at(d, i, s, &found, &whole);
        if (status == TACIT_OK) {
            picture_sizes_note(&out->sizes, &found, whole);
            out->grey += found.channels == 1;
        } else if (!d->options.skip_bad || status == TACIT_NOMEM)
            return status;
        else
            context_begin(d->context); /* left out, and told of, when all examples are read */
    }
    return TACIT_OK;
}

static void decide_channels(dataset *d, const char *place, const looks *l)
{
    const int64_t looked = l->sizes.count;
    d->channels = looked > 0 && l->grey == looked ? 1 : 3;
    if (d->options.channels == 0 && l->grey > 0 && l->grey < looked)
        context_log(d->context, "%s: %" PRId64 " of %" PRId64 " pictures are grey: converted to colour",
                    place, l->grey, looked);
}

static tacit_status look(dataset *d, const char *place)
{
    scratch s;
    looks found;
    const int64_t count = d->options.limit && d->options.limit < d->count ? d->options.limit : d->count;
    scratch_init(&s, d->context);
    const tacit_status status = look_around(d, count, &s, &found);
    scratch_fini(&s);
    if (status != TACIT_OK)
        return status;
    decide_channels(d, place, &found);
    picture_sizes_tell(&found.sizes, found.all, d);
    return TACIT_OK;
}

/* ---- opening ---- */

static void close_folder(dataset *d)
{
    folder_state *f = d->state;
    if (f)
        file_list_free(&f->list);
    memory_free(d->context, f);
    d->state = NULL;
}

static tacit_status list_all(folder_state *f, const char *const *paths, int count)
{
    for (int i = 0; i < count; i++)
        TRY(folder_exists(paths[i]) ? file_list_add_folder(&f->list, paths[i])
                                    : file_list_add_file(&f->list, paths[i]));
    if (f->list.count == 0)
        return context_fail(f->list.context, TACIT_FORMAT,
                            "%s: no pictures found in this folder (looked for JPEG, PNG, WebP, by content)",
                            paths[0]);
    if (f->list.ignored)
        context_log(f->list.context, "%s: %" PRId64 " files that are no pictures were ignored", paths[0],
                    f->list.ignored);
    return TACIT_OK;
}

/* Chooses the split and labels what is in it. */
static tacit_status label_files(dataset *d, const char *place)
{
    file_list *l = &((folder_state *)d->state)->list;
    found_pictures found = {place,  l->files, l->count, sizeof *l->files, offsetof(listed_file, below),
                            l->text};
    TRY(folder_labels(d, &found));
    l->count = found.count;
    return TACIT_OK;
}

static tacit_status open_folder(dataset *d, const char *const *paths, int count,
                                const dataset_options *options)
{
    (void)options;
    folder_state *f = memory_alloc(d->context, 1, sizeof *f);
    if (!f)
        return TACIT_NOMEM;
    d->state = f;
    f->list.context = d->context;
    f->whole_names = count > 1;
    TRY(list_all(f, paths, count));
    TRY(label_files(d, paths[0]));
    d->count = (int64_t)f->list.count;
    return look(d, paths[0]);
}

const dataset_format format_folder = {
    .name = "folder",
    .summary = "JPEG, PNG, WebP in folders; the name of the first folder is the label",
    .sniff = sniff,
    .open = open_folder,
    .read = read_folder,
    .name_of = name_folder,
    .close = close_folder,
};
