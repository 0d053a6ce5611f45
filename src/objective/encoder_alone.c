/* encoder: what stands in the place of a method where an encoder was trained by another program and comes
 * without what it was trained with. It embeds; there is nothing that it could be trained to. */
#include "objective/objective.h"

static const default_value encoder_defaults[] = {{"augment", "none"}, {"samples", "0"}, {NULL, NULL}};

static tacit_status encoder_create(method *m, parameters *p, const settings *options)
{
    (void)m, (void)p, (void)options;
    return TACIT_OK;
}

static void encoder_destroy(method *m)
{
    (void)m;
}

static value encoder_lane(const method *m, tape *t, const lane *l)
{
    (void)m, (void)l;
    return tape_fail(t, TACIT_ARGUMENT, "an encoder alone has no loss");
}

const objective objective_encoder = {
    .name = "encoder",
    .family = ELSEWHERE,
    .summary = "an encoder alone, trained by another program",
    .views = 1,
    .defaults = encoder_defaults,
    .create = encoder_create,
    .destroy = encoder_destroy,
    .lane = encoder_lane,
};
