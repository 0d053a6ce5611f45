/* Walking folders. */
#include "data/file_list.h"

#include "base/file.h"
#include "base/text.h"
#include "data/codec.h"
#include "data/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SNIFF_SIZE = 16, DEPTH_MOST = 64 };

/* A folder that is being walked, and those around it. */
typedef struct level {
    const struct level *outer;
    dev_t device;
    ino_t number;
    int depth;
} level;

typedef struct walk {
    file_list *list;
    size_t below; /* length of the path that leads to the root, with its slash */
} walk;

/* ---- adding ---- */

static tacit_status add(file_list *l, const char *path, size_t below)
{
    const size_t size = strlen(path) + 1;
    void *array = l->text;
    TRY(memory_reserve(l->context, &array, &l->text_capacity, l->used + size, 1));
    l->text = array;
    array = l->files;
    TRY(memory_reserve(l->context, &array, &l->capacity, l->count + 1, sizeof *l->files));
    l->files = array;
    memcpy(l->text + l->used, path, size);
    l->files[l->count++] = (listed_file){l->used, l->used + below};
    l->used += size;
    return TACIT_OK;
}

bool file_named_like_a_picture(const char *path)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (text_ends_with(path, endings[i]))
            return true;
    return false;
}

bool file_named_like_a_text(const char *path)
{
    static const char *const endings[] = {".txt", ".text",   ".md",      ".rst",
                                          ".log", ".txt.gz", ".text.gz", ".md.gz"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (text_ends_with(path, endings[i]))
            return true;
    return false;
}

static tacit_status add_if_picture(walk *w, const char *path)
{
    tacit_context *context = w->list->context;
    int fd;
    uint8_t head[SNIFF_SIZE];
    size_t size;
    TRY(source_open(context, path, &fd, NULL));
    const tacit_status status = file_read_at(context, fd, path, 0, head, sizeof head, &size);
    close(fd);
    TRY(status);
    if (picture_sniff(head, size))
        return add(w->list, path, w->below);
    w->list->ignored++;
    return TACIT_OK;
}

/* ---- walking ---- */

static tacit_status fail_system(tacit_context *context, const char *path, const char *verb)
{
    return context_fail(context, TACIT_IO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

static bool is_circle(const level *here)
{
    for (const level *outer = here->outer; outer; outer = outer->outer)
        if (outer->device == here->device && outer->number == here->number)
            return true;
    return false;
}

static tacit_status walk_folder(walk *w, const char *folder, const level *outer);

static tacit_status walk_entry(walk *w, const char *folder, const char *name, const level *here)
{
    tacit_context *context = w->list->context;
    struct stat info;
    char *path = path_join(context, folder, name);
    if (!path)
        return TACIT_NOMEM;
    tacit_status status = TACIT_OK;
    const bool there = stat(path, &info) == 0; /* false for a link that leads nowhere */
    if (there && S_ISDIR(info.st_mode))
        status = walk_folder(w, path, here);
    else if (w->list->texts ? file_named_like_a_text(path) : file_named_like_a_picture(path))
        status = add(w->list, path, w->below);
    else if (there && S_ISREG(info.st_mode) && !w->list->texts)
        status = add_if_picture(w, path);
    else
        w->list->ignored++;
    memory_free(context, path);
    return status;
}

static tacit_status walk_entries(walk *w, DIR *list, const char *folder, const level *here)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(list);
        if (!entry)
            return errno ? fail_system(w->list->context, folder, "list") : TACIT_OK;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_name[0] == '.')
            w->list->ignored++;
        else
            TRY(walk_entry(w, folder, entry->d_name, here));
    }
}

static tacit_status walk_folder(walk *w, const char *folder, const level *outer)
{
    tacit_context *context = w->list->context;
    struct stat info = {0};
    level here = {.outer = outer, .depth = outer ? outer->depth + 1 : 1};
    if (here.depth > DEPTH_MOST)
        return context_fail(context, TACIT_LIMIT, "%s: more than %d folders inside each other", folder,
                            DEPTH_MOST);
    DIR *list = opendir(folder);
    if (!list)
        return fail_system(context, folder, "list");
    tacit_status status = TACIT_OK;
    if (fstat(dirfd(list), &info) != 0)
        status = fail_system(context, folder, "look at");
    here.device = info.st_dev;
    here.number = info.st_ino;
    if (status == TACIT_OK && !is_circle(&here))
        status = walk_entries(w, list, folder, &here);
    closedir(list);
    return status;
}

static int compare_files(const void *a, const void *b, void *text)
{
    const listed_file *first = a, *second = b;
    return strcmp((const char *)text + first->path, (const char *)text + second->path);
}

tacit_status file_list_add_folder(file_list *l, const char *folder)
{
    const size_t before = l->count, length = strlen(folder);
    walk w = {l, length + (length == 0 || folder[length - 1] != '/')};
    TRY(walk_folder(&w, folder, NULL));
    if (l->count > before)
        qsort_r(l->files + before, l->count - before, sizeof *l->files, compare_files, l->text);
    return TACIT_OK;
}

tacit_status file_list_add_file(file_list *l, const char *path)
{
    const char *slash = strrchr(path, '/');
    return add(l, path, slash ? (size_t)(slash + 1 - path) : 0);
}

void file_list_free(file_list *l)
{
    memory_free(l->context, l->text);
    memory_free(l->context, l->files);
    *l = (file_list){.context = l->context};
}
