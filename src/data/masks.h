/* Masks: pictures beside the examples of a data set, white where those are odd, found by their names. */
#ifndef DATA_MASKS_H
#define DATA_MASKS_H

#include "data/dataset.h"

/* Which mask each example has, into mask_of (examples of `data`); -1: none. Names are compared without what
 * follows their last dot, that of a mask also without "_mask" at its end: they are the same, or one is the
 * end of the other behind a slash ("test/crack/000.png" and "crack/000_mask.png"). Of several examples it is
 * the one that has more of its name; the same goes before an end. TACIT_ARGUMENT: a mask of no example, or of
 * several, two masks of one. Where only a part of the data was opened (limit, labels, unreadable ones left
 * out) a mask of no example is passed over, and a log line counts them. */
tacit_status masks_find(const dataset *data, const dataset *masks, int64_t *mask_of);

/* TACIT_ARGUMENT: an example with a label other than `normal` (-1: not known) that has no mask, or a mask
 * that is not of its picture's size. */
tacit_status masks_check(const dataset *data, const dataset *masks, const int64_t *mask_of, int32_t normal);

#endif
