/* Splits and labels from the first folders of paths. */
#include "data/folder_labels.h"

#include <stdlib.h>
#include <string.h>

/* Length of the folder that a path starts with, without its slash; 0 when it starts with the file. */
static size_t folder_length(const char *path)
{
    const char *slash = strchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

static bool starts_with_folder(const char *path, const char *folder, size_t length)
{
    return folder_length(path) == length && memcmp(path, folder, length) == 0;
}

static bool is_in(const char *path, const char *folder)
{
    return starts_with_folder(path, folder, strlen(folder));
}

static bool any_in(const char *const *paths, size_t count, const char *folder)
{
    for (size_t i = 0; i < count; i++)
        if (is_in(paths[i], folder))
            return true;
    return false;
}

static bool all_in_one_folder(const char *const *paths, size_t count)
{
    const size_t length = folder_length(paths[0]);
    for (size_t i = 1; length > 0 && i < count; i++)
        if (!starts_with_folder(paths[i], paths[0], length))
            return false;
    return length > 0;
}

/* The folder that holds the split `asked`, or NULL when the first folders are no splits. */
static const char *find_split(const char *const *paths, size_t count, const char *asked)
{
    const bool train = any_in(paths, count, "train"), test = any_in(paths, count, "test");
    const bool val = any_in(paths, count, "val");
    if (!train || (!test && !val))
        return any_in(paths, count, asked) && strcmp(asked, "train") != 0 ? asked : NULL;
    return strcmp(asked, "test") == 0 && !test ? "val" : asked;
}

/* ---- labels ---- */

static int compare_folders(const void *a, const void *b)
{
    const char *first = *(const char *const *)a, *second = *(const char *const *)b;
    const size_t n = folder_length(first), m = folder_length(second);
    const int order = memcmp(first, second, n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

/* The different folders, sorted, into found (count); returns how many. */
static size_t find_names(const char *const *paths, size_t count, const char **found)
{
    size_t different = 0, named = 0;
    for (size_t i = 0; i < count; i++)
        if (folder_length(paths[i]) > 0)
            found[named++] = paths[i];
    qsort(found, named, sizeof *found, compare_folders);
    for (size_t i = 0; i < named; i++)
        if (different == 0 || compare_folders(&found[different - 1], &found[i]) != 0)
            found[different++] = found[i];
    return different;
}

static tacit_status copy_names(dataset *d, const char *const *found, size_t count)
{
    d->label_names = memory_alloc(d->context, count, sizeof *d->label_names);
    if (!d->label_names)
        return TACIT_NOMEM;
    d->label_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        const size_t length = folder_length(found[i]);
        d->label_names[i] = memory_alloc(d->context, length + 1, 1);
        if (!d->label_names[i])
            return TACIT_NOMEM;
        memcpy(d->label_names[i], found[i], length);
    }
    return TACIT_OK;
}

static tacit_status number_kept(dataset *d, const char *const *paths, size_t count, const bool *keep,
                                const char **found)
{
    const size_t names = find_names(paths, count, found);
    if (names > INT32_MAX)
        return context_fail(d->context, TACIT_LIMIT, "%zu folders are too many labels", names);
    TRY(copy_names(d, found, names));
    d->labels = memory_alloc(d->context, count, sizeof *d->labels);
    if (!d->labels)
        return TACIT_NOMEM;
    for (size_t i = 0, kept = 0; i < count; i++)
        if (keep[i]) {
            const char **place = bsearch(&paths[i], found, names, sizeof *found, compare_folders);
            d->labels[kept++] = (int32_t)(place - found);
        }
    return TACIT_OK;
}

static tacit_status label_kept(dataset *d, const char *place, const char *const *paths, size_t count,
                               const bool *keep)
{
    size_t without = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        kept += keep[i];
        without += keep[i] && folder_length(paths[i]) == 0;
    }
    if (without == kept)
        return TACIT_OK;
    if (without > 0) {
        context_log(d->context, "%s: no labels: %zu of %zu %s are in no folder that could name them", place,
                    without, kept, dataset_kind(d));
        return TACIT_OK;
    }
    const char **found = memory_alloc(d->context, count, sizeof *found);
    if (!found)
        return TACIT_NOMEM;
    const tacit_status status = number_kept(d, paths, count, keep, found);
    memory_free(d->context, found);
    return status;
}

/* ---- splits ---- */

static tacit_status fail_split(dataset *d, const char *place, const char *asked)
{
    return context_fail(d->context, TACIT_ARGUMENT,
                        "%s: there is no folder \"%s\" in it, which is the split asked for", place, asked);
}

/* Keeps what is in `split`, and steps into the folders of all splits. */
static tacit_status enter_split(dataset *d, const char *place, const char **paths, size_t count,
                                const char *split, bool *keep)
{
    static const char *const splits[] = {"train", "test", "val"};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        keep[i] = is_in(paths[i], split);
        kept += keep[i];
        bool inside = keep[i];
        for (size_t k = 0; k < sizeof splits / sizeof *splits; k++)
            inside = inside || is_in(paths[i], splits[k]);
        paths[i] = inside ? paths[i] + folder_length(paths[i]) + 1 : ""; /* what is outside names no label */
    }
    if (kept == 0)
        return fail_split(d, place, split);
    context_log(d->context, "%s: %zu of %zu %s are of the split \"%s\"", place, kept, count, dataset_kind(d),
                split);
    return TACIT_OK;
}

/* Says which pictures are kept, and labels them; each path then points to its label folder. */
static tacit_status choose(dataset *d, const char *place, const char **paths, size_t count, bool *keep)
{
    const char *asked = d->options.split ? d->options.split : "train";
    const char *split = find_split(paths, count, asked);
    while (!split && all_in_one_folder(paths, count)) {
        for (size_t i = 0; i < count; i++)
            paths[i] += folder_length(paths[i]) + 1;
        split = find_split(paths, count, asked);
    }
    for (size_t i = 0; i < count; i++)
        keep[i] = true;
    if (split)
        TRY(enter_split(d, place, paths, count, split, keep));
    else if (strcmp(asked, "train") != 0)
        return fail_split(d, place, asked);
    return label_kept(d, place, paths, count, keep);
}

/* ---- the pictures ---- */

static const char *path_of(const found_pictures *f, size_t i)
{
    size_t start;
    memcpy(&start, (const char *)f->pictures + i * f->size + f->path, sizeof start);
    return f->text + start;
}

static void keep_only(found_pictures *f, const bool *keep)
{
    char *pictures = f->pictures;
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++)
        if (keep[i])
            memmove(pictures + kept++ * f->size, pictures + i * f->size, f->size);
    f->count = kept;
}

tacit_status folder_labels(dataset *d, found_pictures *f)
{
    const char **paths = memory_alloc(d->context, f->count, sizeof *paths);
    bool *keep = memory_alloc(d->context, f->count, sizeof *keep);
    tacit_status status = TACIT_NOMEM;
    if (!paths || !keep)
        goto out;
    for (size_t i = 0; i < f->count; i++)
        paths[i] = path_of(f, i);
    status = choose(d, f->place, paths, f->count, keep);
    if (status == TACIT_OK)
        keep_only(f, keep);
out:
    memory_free(d->context, paths);
    memory_free(d->context, keep);
    return status;
}
