/* vicreg: two views of one example are alike, every dimension keeps its spread, and no two dimensions vary
 * together (Bardes, Ponce, LeCun 2022, "VICReg: variance-invariance-covariance regularization"). */
#include "objective/contrastive/projector.h"
#include "objective/objective.h"

enum { VIEWS = 2 };

typedef struct vicreg {
    projector projector;
    vicreg_weights weights;
} vicreg;

static const setting vicreg_settings[] = {
    {"invariance", SETTING_NUMBER, 0, 1e6, NULL, "25", "", "weight of the distance between two views",
     "vicreg"},
    {"variance", SETTING_NUMBER, 0, 1e6, NULL, "25", "", "weight of a dimension's lack of spread", "vicreg"},
    {"covariance", SETTING_NUMBER, 0, 1e6, NULL, "1", "", "weight of dimensions that vary together",
     "vicreg"},
    {"projector-layers", SETTING_WHOLE, 1, PROJECTOR_LAYERS, NULL, "3", "", "linear layers of the projector",
     "vicreg"},
    {"projector-width", SETTING_WHOLE, 8, 16384, NULL, "auto", "",
     "width of its hidden layers; auto: that of its result", "vicreg"},
    {"projector-output", SETTING_WHOLE, 2, 16384, NULL, "512", "", "width of its result", "vicreg"},
};

static const default_value vicreg_defaults[] = {{"optimizer", "adamw"},   {"beta2", "0.95"},
                                                {"weight-decay", "0.05"}, {"augment", "contrastive"},
                                                {"base-lr", "0.002"},     {NULL, NULL}};

static value vicreg_lane(const method *m, tape *t, const lane *l)
{
    return m->encoder->embed(m->encoder, t, l->views); /* (B*2, D) */
}

static value vicreg_couple(const method *m, tape *t, value embeddings, value targets)
{
    (void)targets;
    const vicreg *s = m->state;
    const value z = projector_apply_views(t, &s->projector, embeddings, VIEWS); /* (B*2, P) */
    return op_vicreg(t, projector_view(t, z, 0, VIEWS), projector_view(t, z, 1, VIEWS), s->weights);
}

static void vicreg_destroy(method *m)
{
    memory_free(m->context, m->state);
    m->state = NULL;
}

static tacit_status vicreg_create(method *m, parameters *p, const settings *options)
{
    vicreg *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    const int64_t outputs = settings_whole(options, "projector-output");
    const int64_t hidden =
        settings_is_auto(options, "projector-width") ? outputs : settings_whole(options, "projector-width");
    s->projector = projector_declare_plain_end(p, (int)settings_whole(options, "projector-layers"),
                                               m->encoder->width, hidden, outputs);
    s->weights = (vicreg_weights){(float)settings_number(options, "invariance"),
                                  (float)settings_number(options, "variance"),
                                  (float)settings_number(options, "covariance")};
    return TACIT_OK;
}

const objective objective_vicreg = {
    .name = "vicreg",
    .family = CONTRASTIVE,
    .summary = "two views are alike, each dimension keeps its spread and varies alone (Bardes et al. 2022)",
    .views = VIEWS,
    .settings = vicreg_settings,
    .setting_count = sizeof vicreg_settings / sizeof *vicreg_settings,
    .defaults = vicreg_defaults,
    .create = vicreg_create,
    .destroy = vicreg_destroy,
    .lane = vicreg_lane,
    .couple = vicreg_couple,
};
