/* Patterns through glob(3), whose own sorting follows the locale and is therefore not used. */
#include "data/paths.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static tacit_status append(path_list *l, tacit_context *context, const char *path)
{
    void *array = l->paths;
    TRY(memory_reserve(context, &array, &l->capacity, l->count + 1, sizeof *l->paths));
    l->paths = array;
    l->paths[l->count] = memory_string(context, path);
    if (!l->paths[l->count])
        return TACIT_NOMEM;
    l->count++;
    return TACIT_OK;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static tacit_status fail_glob(tacit_context *context, const char *pattern, int code)
{
    if (code == GLOB_NOMATCH)
        return context_fail(context, TACIT_IO, "%s: nothing matches this pattern", pattern);
    if (code == GLOB_NOSPACE)
        return context_fail(context, TACIT_NOMEM, "out of memory");
    return context_fail(context, TACIT_IO, "%s: a folder of this pattern can not be read: %s", pattern,
                        strerror(errno));
}

static tacit_status append_matches(path_list *l, tacit_context *context, const char *pattern)
{
    glob_t found = {0};
    const int code = glob(pattern, GLOB_ERR | GLOB_NOSORT, NULL, &found);
    if (code != 0) {
        const tacit_status status = fail_glob(context, pattern, code);
        globfree(&found);
        return status;
    }
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_paths);
    tacit_status status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < found.gl_pathc; i++)
        status = append(l, context, found.gl_pathv[i]);
    globfree(&found);
    return status;
}

tacit_status path_list_expand(path_list *out, tacit_context *context, const char *const *paths, int count)
{
    *out = (path_list){0};
    for (int i = 0; i < count; i++) {
        const bool pattern = strpbrk(paths[i], "*?[") && access(paths[i], F_OK) != 0;
        TRY(pattern ? append_matches(out, context, paths[i]) : append(out, context, paths[i]));
    }
    return TACIT_OK;
}

void path_list_free(path_list *l, tacit_context *context)
{
    for (size_t i = 0; i < l->count; i++)
        memory_free(context, l->paths[i]);
    memory_free(context, l->paths);
    *l = (path_list){0};
}
