/* Splits and labels that folder names tell.
 *
 *   ROOT / train / cats / 7.jpg     a folder that all share is passed over
 *          test  / dogs / 1.jpg     train beside test or val: a split; the next folder is the label */
#ifndef DATA_FOLDER_LABELS_H
#define DATA_FOLDER_LABELS_H

#include "data/dataset.h"

/* The pictures found in a place: `count` structures of `size` bytes. Each holds, at byte `path`, a size_t:
 * where in `text` its path below the place starts. */
typedef struct found_pictures {
    const char *place; /* what was opened, for messages */
    void *pictures;
    size_t count, size, path;
    const char *text;
} found_pictures;

/* Keeps the pictures of the split asked for (d->options.split; NULL is "train"), in order: f->count becomes
 * smaller. Sets d->labels, d->label_names, d->label_count, or leaves them empty, with a log line, when some
 * of the kept are in no folder. Numbers of labels follow the byte order of names over all splits. A split
 * that is not there is TACIT_ARGUMENT, except train. */
tacit_status folder_labels(dataset *d, found_pictures *f);

#endif
