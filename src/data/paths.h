/* Paths as a user gives them: patterns become the paths that match. */
#ifndef DATA_PATHS_H
#define DATA_PATHS_H

#include "base/memory.h"

typedef struct path_list {
    char **paths; /* (count), owned */
    size_t count, capacity;
} path_list;

/* In the order given; what a pattern (* ? [) matches is sorted by bytes. A path that exists is no pattern. A
 * pattern that matches nothing is TACIT_IO. Free the list after a failure too. */
tacit_status path_list_expand(path_list *out, tacit_context *context, const char *const *paths, int count);
void path_list_free(path_list *l, tacit_context *context);

#endif
