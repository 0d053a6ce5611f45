/* barlow: two views of one example agree in every dimension, and the dimensions tell different things
 * (Zbontar, Jing, Misra, LeCun, Deny 2021, "Barlow Twins: self-supervised learning via redundancy
 * reduction"). */
#include "objective/contrastive/projector.h"
#include "objective/objective.h"

enum { VIEWS = 2 };

typedef struct barlow {
    projector projector;
    float redundancy;
} barlow;

static const setting barlow_settings[] = {
    {"redundancy", SETTING_NUMBER, 0, 1000, NULL, "0.0051", "",
     "weight of the correlations between different dimensions (the paper's lambda)", "barlow"},
    {"projector-layers", SETTING_WHOLE, 1, PROJECTOR_LAYERS, NULL, "3", "", "linear layers of the projector",
     "barlow"},
    {"projector-width", SETTING_WHOLE, 8, 16384, NULL, "auto", "",
     "width of its hidden layers; auto: that of its result", "barlow"},
    {"projector-output", SETTING_WHOLE, 2, 16384, NULL, "512", "", "width of its result", "barlow"},
};

static const default_value barlow_defaults[] = {{"optimizer", "adamw"},   {"beta2", "0.95"},
                                                {"weight-decay", "0.05"}, {"augment", "contrastive"},
                                                {"base-lr", "0.002"},     {NULL, NULL}};

static value barlow_lane(const method *m, tape *t, const lane *l)
{
    return m->encoder->embed(m->encoder, t, l->views); /* (B*2, D) */
}

static value barlow_couple(const method *m, tape *t, value embeddings, value targets)
{
    (void)targets;
    const barlow *s = m->state;
    const value none = {0};
    const value y = projector_apply_views(t, &s->projector, embeddings, VIEWS); /* (B*2, P) */
    const value z = op_batch_norm_views(t, y, none, none, VIEWS);
    return op_redundancy(t, projector_view(t, z, 0, VIEWS), projector_view(t, z, 1, VIEWS), s->redundancy);
}

static void barlow_destroy(method *m)
{
    memory_free(m->context, m->state);
    m->state = NULL;
}

static tacit_status barlow_create(method *m, parameters *p, const settings *options)
{
    barlow *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    const int64_t outputs = settings_whole(options, "projector-output");
    const int64_t hidden =
        settings_is_auto(options, "projector-width") ? outputs : settings_whole(options, "projector-width");
    s->projector = projector_declare_plain_end(p, (int)settings_whole(options, "projector-layers"),
                                               m->encoder->width, hidden, outputs);
    s->redundancy = (float)settings_number(options, "redundancy");
    return TACIT_OK;
}

const objective objective_barlow = {
    .name = "barlow",
    .family = CONTRASTIVE,
    .summary = "two views agree in each dimension, dimensions do not repeat each other (Zbontar et al. 2021)",
    .views = VIEWS,
    .settings = barlow_settings,
    .setting_count = sizeof barlow_settings / sizeof *barlow_settings,
    .defaults = barlow_defaults,
    .create = barlow_create,
    .destroy = barlow_destroy,
    .lane = barlow_lane,
    .couple = barlow_couple,
};
