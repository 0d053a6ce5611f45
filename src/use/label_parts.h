/* Which labelled examples a classifier learns from, and which are kept back to make its probabilities honest.
 */
#ifndef USE_LABEL_PARTS_H
#define USE_LABEL_PARTS_H

#include "base/memory.h"

typedef struct label_parts {
    tacit_context *context;
    int64_t *rows; /* (kept + held): those to learn from, then those held out, both rising */
    int64_t kept, held;
} label_parts;

/* Of each class `per_class` examples (0: all; a class with fewer gives all), of which a `share` (0 to 1,
 * rounded to nearest, but at least one of two or more and never all) is held out. Keyed by `seed`. labels
 * (count) are 0 .. classes-1, else TACIT_ARGUMENT. */
tacit_status label_parts_create(label_parts *out, tacit_context *context, const int32_t *labels,
                                int64_t count, int32_t classes, int64_t per_class, double share,
                                uint64_t seed);
void label_parts_fini(label_parts *p);

#endif
