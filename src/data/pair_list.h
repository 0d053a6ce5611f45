/* Lists of pairs of pictures: a CSV of two paths and whether they show the same thing. */
#ifndef DATA_PAIR_LIST_H
#define DATA_PAIR_LIST_H

#include "base/memory.h"

/* Two examples, by number; same: 1, 0 (different), or -1 (not said). */
typedef struct listed_pair {
    int64_t first, second;
    int same;
} listed_pair;

typedef struct pair_list {
    tacit_context *context;
    listed_pair *pairs; /* (count): numbers are places in `paths` */
    size_t count, capacity;
    char **paths; /* (path_count): each picture once, in the order of its first mention */
    size_t path_count, path_capacity;
    size_t *slots; /* (slot_count): where in paths, plus 1, by hash of the path */
    size_t slot_count;
} pair_list;

/* Reads "first,second,same" lines (RFC 4180: quotes, CR LF; empty lines are passed over; a first line whose
 * third field is neither 0 nor 1 is a head). The third field may be missing or empty in all lines or in none.
 * Paths that do not begin with a slash are below the file's folder. TACIT_FORMAT or TACIT_IO names file and
 * line: a line of another form, a text that is too long, a picture that is not there. Free the list after a
 * failure too. */
tacit_status pair_list_read(pair_list *out, tacit_context *context, const char *path);
void pair_list_free(pair_list *l);

#endif
