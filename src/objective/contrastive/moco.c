/* moco: a view finds the other view of its example, seen by a slowly following encoder, among a queue of
 * earlier ones (He et al. 2020, "Momentum contrast for unsupervised visual representation learning"; the
 * projector and the temperature are later: Chen et al. 2020b, "Improved baselines with momentum contrastive
 * learning"). */
#include "objective/contrastive/projector.h"
#include "objective/objective.h"

#include <math.h>
#include <string.h>

typedef struct moco {
    projector projector;
    float temperature;
    double momentum, last_momentum;
    int64_t queue_rows, width;
    parameter_average average; /* weights of the key encoder */
    float *queue;              /* (queue_rows, width), rows of length 1 */
    float *keys;               /* (key_rows, width): of the step under way; NULL before the first */
    int64_t key_rows;
} moco;

static const setting moco_settings[] = {
    {"temperature", SETTING_NUMBER, 0.001, 10.0, NULL, "0.2", "", "of the softmax over similarities", "moco"},
    {"queue", SETTING_WHOLE, 2, 1 << 24, NULL, "4096", "keys", "of earlier batches to tell a view from",
     "moco"},
    {"key-momentum", SETTING_NUMBER, 0, 1, NULL, "0.99", "",
     "share of the key encoder that stays in a step; the rest follows the trained one", "moco"},
    {"last-key-momentum", SETTING_NUMBER, 0, 1, NULL, "auto", "",
     "that share at the end of a cosine over the run; auto: it does not change", "moco"},
    {"projector-layers", SETTING_WHOLE, 1, PROJECTOR_LAYERS, NULL, "3", "", "linear layers of the projector",
     "moco"},
    {"projector-width", SETTING_WHOLE, 8, 16384, NULL, "auto", "", "width of its hidden layers", "moco"},
    {"projector-output", SETTING_WHOLE, 2, 16384, NULL, "128", "", "width of its result", "moco"},
};

static const default_value moco_defaults[] = {{"optimizer", "adamw"},   {"beta2", "0.95"},
                                              {"weight-decay", "0.05"}, {"augment", "contrastive"},
                                              {"base-lr", "0.002"},     {NULL, NULL}};

/* The query's view on the one tape, the key's on the other. */
static value moco_lane(const method *m, tape *t, const lane *l)
{
    return m->encoder->embed(m->encoder, t, l->views); /* (B, D) */
}

/* The keys of this step, kept for the queue; the tape forgets them. */
static bool keep_keys(moco *s, tape *t, value keys)
{
    const tensor *x = tape_tensor(t, keys);
    if (!x || tape_status(t) != TACIT_OK)
        return false;
    if (s->key_rows != x->shape.size[0]) {
        memory_free(tape_context(t), s->keys);
        s->key_rows = x->shape.size[0];
        s->keys = memory_alloc(tape_context(t), (size_t)(s->key_rows * s->width), sizeof *s->keys);
    }
    if (!s->keys) {
        s->key_rows = 0;
        tape_fail(t, TACIT_NOMEM, "out of memory (keys of a batch)");
        return false;
    }
    memcpy(s->keys, x->data, tensor_bytes(x));
    return true;
}

static value moco_couple(const method *m, tape *t, value embeddings, value targets)
{
    moco *s = m->state;
    const projector following = projector_constant(t, &s->projector, s->average.tensors);
    const value key = op_l2_normalize(t, projector_apply(t, &following, targets));
    tape_forget(t, following.wei[0], key);
    const value query = op_l2_normalize(t, projector_apply(t, &s->projector, embeddings));
    const tensor queue = tensor_of(DTYPE_F32, shape_2(s->queue_rows, s->width), s->queue);
    if (!keep_keys(s, t, key))
        return (value){0};
    return op_info_nce(t, query, key, tape_constant(t, &queue), s->temperature);
}

/* ---- state ---- */

/* Directions without preference: a queue that starts at zero, or at rows of any length, is told apart from
 * the keys by its length alone. */
static void fill_queue(const moco *s, uint64_t seed)
{
    for (int64_t r = 0; r < s->queue_rows; r++) {
        draws d = draws_at(seed, DRAW_STATE, 0, (uint64_t)r, 0);
        float *row = s->queue + r * s->width;
        double squares = 0.0;
        for (int64_t i = 0; i < s->width; i++) {
            row[i] = draw_normal(&d);
            squares += (double)row[i] * (double)row[i];
        }
        for (int64_t i = 0; i < s->width; i++)
            row[i] = (float)((double)row[i] / sqrt(squares));
    }
}

static tacit_status moco_begin(method *m, const parameters *p, const settings *options)
{
    moco *s = m->state;
    const int64_t batch = settings_whole(options, "batch");
    if (s->queue_rows < batch)
        return context_fail(m->context, TACIT_ARGUMENT,
                            "--queue %lld holds less than a batch: expected at least --batch %lld",
                            (long long)s->queue_rows, (long long)batch);
    TRY(parameter_average_create(&s->average, p));
    s->queue = memory_alloc(m->context, (size_t)(s->queue_rows * s->width), sizeof *s->queue);
    if (!s->queue)
        return TACIT_NOMEM;
    fill_queue(s, (uint64_t)settings_whole(options, "seed"));
    m->blocks[0] = (state_block){"momentum", p->size, s->average.block};
    m->blocks[1] = (state_block){"queue", s->queue_rows * s->width, s->queue};
    m->block_count = 2;
    m->target = &s->average;
    return TACIT_OK;
}

/* Half a cosine from the first momentum to the last (Grill et al. 2020, section 3.2). */
static double momentum_at(const moco *s, int64_t step, int64_t steps)
{
    const double left = 0.5 * (1.0 + cos(3.14159265358979323846 * (double)step / (double)steps));
    return s->last_momentum - (s->last_momentum - s->momentum) * left;
}

static void moco_before_step(const method *m, const parameters *p, int64_t step, int64_t steps)
{
    const moco *s = m->state;
    parameter_average_follow(&s->average, p, (float)momentum_at(s, step, steps));
}

/* The oldest keys give way. Where they are follows from the step: each one before put in as many. */
static void moco_after_step(const method *m, int64_t step)
{
    const moco *s = m->state;
    const int64_t first = step % s->queue_rows * s->key_rows % s->queue_rows;
    for (int64_t r = 0; r < s->key_rows; r++)
        memcpy(s->queue + (first + r) % s->queue_rows * s->width, s->keys + r * s->width,
               (size_t)s->width * sizeof *s->queue);
}

/* ---- life ---- */

static void moco_destroy(method *m)
{
    moco *s = m->state;
    if (!s)
        return;
    parameter_average_destroy(&s->average, m->context);
    memory_free(m->context, s->queue);
    memory_free(m->context, s->keys);
    memory_free(m->context, s);
    m->state = NULL;
}

static tacit_status moco_create(method *m, parameters *p, const settings *options)
{
    moco *s = m->state = memory_alloc(m->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    const int64_t inputs = m->encoder->width;
    const int64_t hidden =
        settings_is_auto(options, "projector-width") ? inputs : settings_whole(options, "projector-width");
    s->width = settings_whole(options, "projector-output");
    s->projector =
        projector_declare(p, (int)settings_whole(options, "projector-layers"), inputs, hidden, s->width);
    s->temperature = (float)settings_number(options, "temperature");
    s->queue_rows = settings_whole(options, "queue");
    s->momentum = s->last_momentum = settings_number(options, "key-momentum");
    if (!settings_is_auto(options, "last-key-momentum"))
        s->last_momentum = settings_number(options, "last-key-momentum");
    return TACIT_OK;
}

const objective objective_moco = {
    .name = "moco",
    .family = CONTRASTIVE,
    .summary = "two views attract, earlier examples in a queue repel (He et al. 2020)",
    .views = 1,
    .target_views = 1,
    .settings = moco_settings,
    .setting_count = sizeof moco_settings / sizeof *moco_settings,
    .defaults = moco_defaults,
    .create = moco_create,
    .destroy = moco_destroy,
    .lane = moco_lane,
    .target = moco_lane,
    .couple = moco_couple,
    .begin = moco_begin,
    .before_step = moco_before_step,
    .after_step = moco_after_step,
};
