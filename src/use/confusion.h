/* Which class is taken for which: as CSV and as a picture. */
#ifndef USE_CONFUSION_H
#define USE_CONFUSION_H

#include "base/memory.h"

enum { CONFUSION_DRAWN = 200 }; /* classes that a picture can have */

/* counts (classes, classes): examples by label, then by what was predicted. */
typedef struct confusion {
    const int64_t *counts;
    const char *const *names; /* (classes) */
    int32_t classes;
} confusion;

/* A head "label,NAME..." and a line for each label. */
tacit_status confusion_write_csv(tacit_context *context, const char *path, const confusion *c);

/* PNG: a row for each label, a column for each prediction, dark where many of the row are. Up to 25 classes
 * the shares are written in, in percent. At most CONFUSION_DRAWN classes. */
tacit_status confusion_draw(tacit_context *context, const char *path, const confusion *c);

#endif
