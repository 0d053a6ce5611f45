/* Texts: files of UTF-8, plain or gzip, or folders of them. A file is an example, or each of its lines. */
#include "data/codec.h"
#include "data/folder_labels.h"
#include "data/text_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SNIFF_SIZE = 16, DEPTH_MOST = 64, LOOKS_MOST = 10000 };

/* ---- which files are texts ---- */

typedef struct folder_look {
    bool texts, pictures;
    int left; /* entries that are still looked at */
} folder_look;

static bool is_picture(const char *path)
{
    uint8_t head[SNIFF_SIZE];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t size = fd < 0 ? 0 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    return file_named_like_a_picture(path) || (size > 0 && picture_sniff(head, (size_t)size));
}

/* Files that are named like texts, and pictures, in a folder and those in it. */
static void look_into(folder_look *l, const char *folder, int depth)
{
    char path[PATH_MAX];
    DIR *list = depth < DEPTH_MOST ? opendir(folder) : NULL;
    const struct dirent *entry;
    struct stat info;
    while (list && l->left-- > 0 && (entry = readdir(list))) {
        const int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || length >= (int)sizeof path)
            continue;
        l->texts = l->texts || file_named_like_a_text(path);
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            look_into(l, path, depth + 1);
        else if (!file_named_like_a_text(path))
            l->pictures = l->pictures || is_picture(path);
    }
    if (list)
        closedir(list);
}

/* A folder is one of texts when there are some in it and no pictures. */
static bool folder_holds_texts(const char *path)
{
    folder_look look = {.left = LOOKS_MOST};
    look_into(&look, path, 0);
    return look.texts && !look.pictures;
}

/* By its name: what is damaged, or of a format that is not read, may look like a text. */
static bool sniff(const char *path, bool folder, const uint8_t *head, size_t size)
{
    (void)head;
    (void)size;
    return folder ? folder_holds_texts(path) : file_named_like_a_text(path);
}

/* ---- opening and reading ---- */

static void close_text(dataset *d)
{
    if (d->state)
        text_files_free(d->state);
    memory_free(d->context, d->state);
    d->state = NULL;
}

static tacit_status label_files(dataset *d, const char *place)
{
    file_list *l = &((text_files *)d->state)->list;
    found_pictures found = {place,  l->files, l->count, sizeof *l->files, offsetof(listed_file, below),
                            l->text};
    TRY(folder_labels(d, &found));
    l->count = found.count;
    return TACIT_OK;
}

/* Labels are those of the files: each of its lines has its file's. */
static tacit_status label_places(dataset *d)
{
    const text_files *f = d->state;
    if (!d->labels)
        return TACIT_OK;
    int32_t *labels = memory_alloc(d->context, f->count, sizeof *labels);
    if (!labels)
        return TACIT_NOMEM;
    for (size_t i = 0; i < f->count; i++)
        labels[i] = d->labels[f->places[i].file];
    memory_free(d->context, d->labels);
    d->labels = labels;
    return TACIT_OK;
}

static tacit_status open_text(dataset *d, const char *const *paths, int count, const dataset_options *options)
{
    text_files *f = memory_alloc(d->context, 1, sizeof *f);
    if (!f)
        return TACIT_NOMEM;
    d->state = f;
    d->texts = true;
    TRY(text_files_list(f, d->context, paths, count));
    if (f->list.ignored)
        context_log(d->context, "%s: %" PRId64 " files that are not named like texts were ignored", paths[0],
                    f->list.ignored);
    TRY(label_files(d, paths[0]));
    const text_scan how = {.lines = options->unit && strcmp(options->unit, "line") == 0,
                           .any_bytes = options->any_bytes};
    TRY(text_files_scan(f, &how));
    TRY(label_places(d));
    if (f->empty)
        context_log(d->context, "%s: %" PRIu64 " lines with nothing in them are no examples", paths[0],
                    f->empty);
    d->channels = 1;
    d->count = (int64_t)f->count;
    return TACIT_OK;
}

static tacit_status read_text(const dataset *d, int64_t i, text_part part, uint64_t offset, size_t most,
                              scratch *s, text_piece *out)
{
    (void)part; /* there is one */
    const text_files *f = d->state;
    const text_place *p = &f->places[i];
    const uint64_t left = offset < p->size ? p->size - offset : 0;
    out->size = left < most ? (size_t)left : most;
    out->total = p->size;
    return text_files_get(f, p, offset, out->size, s, &out->bytes);
}

static void name_text(const dataset *d, int64_t i, char *out, size_t size)
{
    const text_files *f = d->state;
    text_files_name(f, &f->places[i], out, size);
}

const dataset_format format_text = {
    .name = "text",
    .summary = "texts in UTF-8, plain or gzip, or folders of files named .txt or .md",
    .needs_no_cache = true,
    .sniff = sniff,
    .open = open_text,
    .read_text = read_text,
    .name_of = name_text,
    .close = close_text,
};
