/* simclr: two views of one example attract, all others of the batch repel (Chen et al. 2020, "A simple
 * framework for contrastive learning of visual representations"). */
#include "objective/contrastive/projector.h"
#include "objective/objective.h"

typedef struct simclr {
    projector projector;
    float temperature;
} simclr;

static const setting simclr_settings[] = {
    {"temperature", SETTING_NUMBER, 0.001, 10.0, NULL, "0.2", "",
     "of the softmax over similarities; of texts 0.05 unless set", "simclr"},
    {"projector-layers", SETTING_WHOLE, 1, PROJECTOR_LAYERS, NULL, "3", "",
     "linear layers of the projector; of texts 1 unless set", "simclr"},
    {"projector-width", SETTING_WHOLE, 8, 16384, NULL, "auto", "", "width of its hidden layers", "simclr"},
    {"projector-output", SETTING_WHOLE, 2, 16384, NULL, "128", "", "width of its result", "simclr"},
};

static const default_value simclr_defaults[] = {{"optimizer", "adamw"},   {"beta2", "0.95"},
                                                {"weight-decay", "0.05"}, {"augment", "contrastive"},
                                                {"base-lr", "0.002"},     {NULL, NULL}};

/* As SimCSE has it (Gao, Yao, Chen 2021): by the above, the embeddings of texts stay much alike. */
static const default_value simclr_text_defaults[] = {
    {"temperature", "0.05"}, {"projector-layers", "1"}, {NULL, NULL}};

static value simclr_lane(const method *m, tape *t, const lane *l)
{
    return m->encoder->embed(m->encoder, t, l->views); /* (B*2, D) */
}

/* Rows 2i and 2i+1 are views of one example: each is the other's target, and takes no part in its own
 * softmax. */
static value pair_index(tape *t, int64_t rows, int32_t flip)
{
    const value index = tape_output(t, DTYPE_I32, shape_1(rows));
    if (!index.id)
        return index;
    int32_t *numbers = tape_tensor(t, index)->data;
    for (int64_t i = 0; i < rows; i++)
        numbers[i] = (int32_t)i ^ flip;
    return index;
}

static value simclr_couple(const method *m, tape *t, value embeddings, value targets)
{
    (void)targets;
    const simclr *s = m->state;
    const tensor *x = tape_tensor(t, embeddings);
    const int64_t rows = x ? x->shape.size[0] : 0;
    const value z = op_l2_normalize(t, projector_apply(t, &s->projector, embeddings));
    return op_cross_entropy(t, z, z, pair_index(t, rows, 1), pair_index(t, rows, 0), s->temperature);
}

static void simclr_destroy(method *m)
{
    memory_free(m->context, m->state);
    m->state = NULL;
}

static tacit_status simclr_create(method *m, parameters *p, const settings *options)
{
    simclr *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    const int64_t inputs = m->encoder->width;
    const int64_t hidden =
        settings_is_auto(options, "projector-width") ? inputs : settings_whole(options, "projector-width");
    s->projector = projector_declare(p, (int)settings_whole(options, "projector-layers"), inputs, hidden,
                                     settings_whole(options, "projector-output"));
    s->temperature = (float)settings_number(options, "temperature");
    return TACIT_OK;
}

const objective objective_simclr = {
    .name = "simclr",
    .family = CONTRASTIVE,
    .summary = "two views of one example attract, all others repel (Chen et al. 2020)",
    .views = 2,
    .settings = simclr_settings,
    .setting_count = sizeof simclr_settings / sizeof *simclr_settings,
    .defaults = simclr_defaults,
    .text_defaults = simclr_text_defaults,
    .create = simclr_create,
    .destroy = simclr_destroy,
    .lane = simclr_lane,
    .couple = simclr_couple,
};
