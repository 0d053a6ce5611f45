/* Which examples of a data set count, and which of them belong together, as a user says. */
#ifndef DATA_CHOICE_H
#define DATA_CHOICE_H

#include "data/dataset.h"

/* Leaves out all examples but those with the labels that `names` lists, commas between; labels are numbered
 * anew, in that order, and keep their names. TACIT_ARGUMENT: data without labels, a name that is no label, or
 * listed twice, or no example left. */
tacit_status dataset_keep_labels(dataset *d, const char *names);

/* Groups of pictures from a CSV of name and group, with or without a head "name,group": every example must be
 * there, by its name or by the end of it behind a slash. A name twice, one that is not there, a record of
 * other than two fields: TACIT_FORMAT with file and line. What is listed and is no example is passed over. */
tacit_status dataset_read_groups(dataset *d, const char *path);

#endif
