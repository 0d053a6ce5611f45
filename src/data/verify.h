/* Looking at every example once, for --skip-bad. */
#ifndef DATA_VERIFY_H
#define DATA_VERIFY_H

#include "data/dataset.h"

/* Reads all examples, on all threads, and leaves out those that can not be read: d->count, d->kept and
 * d->labels are changed, each is named in a log line, and the last line counts them. Which are left out
 * depends on the data only. No memory, and a cancelled context, are failures; so is a data set in which
 * nothing can be read. */
tacit_status dataset_leave_out_bad(dataset *d);

#endif
