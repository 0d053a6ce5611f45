/* Where the second view of a pair comes from: the example itself, or another one of its group. */
#ifndef DATA_AUGMENT_POSITIVE_VIEWS_H
#define DATA_AUGMENT_POSITIVE_VIEWS_H

#include "data/views.h"

/* Which examples belong together; `groups` is copied. */
typedef struct positive_options {
    const int32_t *groups; /* (count), 0 .. group_count-1 */
    int64_t count;
    int32_t group_count;
    bool both; /* of each pair a coin decides, whether it is of one example or of two */
} positive_options;

/* Views of which those with odd numbers are of another example of the same group, drawn anew for each epoch,
 * every other one alike; of an example that is alone in its group they are its own. All else is that of
 * `inner`, which is destroyed with it; after a failure `inner` stays the caller's. TACIT_ARGUMENT: all
 * examples are alone. */
tacit_status positive_views_create(views **out, tacit_context *context, views *inner,
                                   const positive_options *o);

/* Examples that are alone in their group. */
int64_t positives_alone(const views *v);

#endif
