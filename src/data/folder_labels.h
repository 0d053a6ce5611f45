/* Splits and labels that folder names tell.
 *
 *   ROOT / train / cats / 7.jpg     a folder that all share is passed over
 *          test  / dogs / 1.jpg     train beside test or val: a split; the next folder is the label */
#ifndef DATA_FOLDER_LABELS_H
#define DATA_FOLDER_LABELS_H

#include "data/dataset.h"

/* From the paths of `count` pictures below what was opened (`place`, for messages): keep[i] says whether
 * picture i is in the split asked for (d->options.split; NULL is "train"). Sets d->labels (of the kept, in
 * order), d->label_names, d->label_count, or leaves them empty, with a log line, when some of the kept are in
 * no folder. Numbers of labels follow the byte order of names over all splits. A split that is not there is
 * TACIT_ARGUMENT, except train. `paths` is changed: each then points to its label folder. */
tacit_status folder_labels(dataset *d, const char *place, const char **paths, size_t count, bool *keep);

#endif
