/* Labels that a file beside the pictures holds as whole numbers. */
#ifndef DATA_LABELS_H
#define DATA_LABELS_H

#include "data/source.h"

typedef struct stored_labels {
    const source *file;
    uint64_t at;     /* byte of the first label */
    uint64_t count;  /* all of them lie within the file */
    size_t size;     /* bytes of a label: 1, 2, 4 or 8 */
    bool big_endian; /* matters from 2 bytes on */
    bool is_signed;  /* two's complement */
    int32_t most;    /* the largest label that is accepted */
} stored_labels;

/* Sets d->labels and d->label_count from a label for each of the d->count pictures, which `pictures` (a path,
 * for the message) holds. Another count, and a label outside 0 to `most`, are TACIT_FORMAT. */
tacit_status labels_read(dataset *d, const stored_labels *stored, const char *pictures);

#endif
