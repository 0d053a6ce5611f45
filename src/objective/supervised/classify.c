/* classify: a linear layer on the encoder's embedding says which class an example is of; both learn from
 * labels. What fine-tuning trains, with a rate that falls from layer to layer towards the input (Bao et al.
 * 2022, "BEiT", section A). Its settings also say which examples it learns from: see use/label_parts.h. */
#include "model/transformer.h"
#include "objective/objective.h"

typedef struct classify {
    linear_layer head;
    float smoothing;
} classify;

static const setting classify_settings[] = {
    {"classes", SETTING_WHOLE, 2, 1 << 24, NULL, "auto", "classes",
     "that are told apart; auto: those of the data", "classify"},
    {"labels", SETTING_WHOLE, 0, 9e15, NULL, "0", "examples", "of each class that are learnt from; 0: all",
     "classify"},
    {"held-out", SETTING_NUMBER, 0, 0.9, NULL, "0.2", "", "share of them kept for the temperature",
     "classify"},
    {"smoothing", SETTING_NUMBER, 0, 0.9, NULL, "0", "", "of the labels: share given to all classes alike",
     "classify"},
};

static const default_value classify_defaults[] = {
    {"optimizer", "adamw"}, {"beta2", "0.999"},      {"weight-decay", "0.05"}, {"augment", "prediction"},
    {"base-lr", "0.002"},   {"layer-decay", "0.75"}, {"samples", "0"},         {NULL, NULL}};

static value labels_of(tape *t, const lane *l)
{
    const tensor labels = tensor_of(DTYPE_I32, shape_1(l->count), l->labels);
    return l->labels ? tape_constant(t, &labels)
                     : tape_fail(t, TACIT_ARGUMENT, "the examples have no labels");
}

static value classify_lane(const method *m, tape *t, const lane *l)
{
    const classify *s = m->state;
    const value embeddings = m->encoder->embed(m->encoder, t, l->views);       /* (B, D) */
    const value logits = linear_apply(t, &s->head, embeddings);                /* (B, classes) */
    return op_softmax_cross_entropy(t, logits, labels_of(t, l), s->smoothing); /* (1) */
}

static void classify_destroy(method *m)
{
    memory_free(m->context, m->state);
    m->state = NULL;
}

static tacit_status classify_create(method *m, parameters *p, const settings *options)
{
    classify *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    if (settings_is_auto(options, "classes"))
        return context_fail(m->context, TACIT_ARGUMENT, "classify: the number of classes is not known");
    s->head = linear_declare(p, "head", m->encoder->width, settings_whole(options, "classes"));
    s->smoothing = (float)settings_number(options, "smoothing");
    return TACIT_OK;
}

const objective objective_classify = {
    .name = "classify",
    .family = SUPERVISED,
    .summary = "tell classes apart by their labels (softmax cross-entropy)",
    .views = 1,
    .settings = classify_settings,
    .setting_count = sizeof classify_settings / sizeof *classify_settings,
    .defaults = classify_defaults,
    .create = classify_create,
    .destroy = classify_destroy,
    .lane = classify_lane,
};
