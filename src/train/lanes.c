/* The executor of lanes. */
#include "train/lanes.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <string.h>

/* What one worker has for itself. */
typedef struct lane_worker {
    tape *tape;
    tape *target;    /* bound to the method's target; NULL: it has none */
    int64_t *dealt;  /* (lane): examples of a target's lane, or NULL */
    int32_t *labels; /* (lane), or NULL */
    scratch scratch;
    double waiting, busy; /* seconds of this step */
} lane_worker;

struct lanes {
    tacit_context *context;
    const learner *learner;
    const views *views;
    work *work;
    lanes_options options;
    int64_t lane_count, leaf_count;
    lane_worker *workers;
    gradient_tree *tree;
    double *losses;         /* pointwise: (lanes) */
    float *embeddings;      /* batchwise: (batch * views, D) */
    float *diff_embeddings; /* (batch * views, D): of the loss */
    float *targets;         /* (batch * target_views, D), or NULL */
    tape *couple;
    tape **kept;        /* batchwise: (lanes), or NULL while lanes are run twice */
    value *kept_values; /* (lanes) */
    const int64_t *examples;
    uint32_t epoch;
    _Atomic tacit_status status; /* of the step: the first failure of any worker */
};

static const objective *objective_of(const lanes *l)
{
    return l->learner->method.objective;
}

static int64_t lane_examples(const lanes *l, int64_t i)
{
    const int64_t left = l->options.batch - i * l->options.lane;
    return left < l->options.lane ? left : l->options.lane;
}

/* ---- life ---- */

static tacit_status create_tape(const lanes *l, tape **out, int worker)
{
    const parameters *p = &l->learner->parameters;
    TRY(tape_create(out, l->context, l->work->backends[worker]));
    return tape_bind(*out, p->tensors, (int)p->count, p->block);
}

static tacit_status create_target(const lanes *l, int worker)
{
    lane_worker *w = &l->workers[worker];
    const method *m = &l->learner->method;
    if (!m->target)
        return context_fail(l->context, TACIT_STATE, "%s: lanes before training has begun",
                            m->objective->name);
    w->dealt = memory_alloc(l->context, (size_t)l->options.lane, sizeof *w->dealt);
    if (!w->dealt)
        return TACIT_NOMEM;
    TRY(tape_create(&w->target, l->context, l->work->backends[worker]));
    return tape_bind(w->target, m->target->tensors, (int)l->learner->parameters.count, m->target->block);
}

static tacit_status create_workers(lanes *l)
{
    l->workers = memory_alloc(l->context, (size_t)l->work->workers, sizeof *l->workers);
    if (!l->workers)
        return TACIT_NOMEM;
    for (int i = 0; i < l->work->workers; i++)
        scratch_init(&l->workers[i].scratch, l->context);
    for (int i = 0; i < l->work->workers; i++)
        TRY(create_tape(l, &l->workers[i].tape, i));
    for (int i = 0; l->options.labels && i < l->work->workers; i++) {
        l->workers[i].labels = memory_alloc(l->context, (size_t)l->options.lane, sizeof(int32_t));
        if (!l->workers[i].labels)
            return TACIT_NOMEM;
    }
    for (int i = 0; objective_of(l)->target && i < l->work->workers; i++)
        TRY(create_target(l, i));
    return TACIT_OK;
}

/* (batch * each, D), zero. */
static float *embeddings_of_batch(const lanes *l, int each)
{
    return memory_alloc(l->context, (size_t)(l->options.batch * each * l->learner->encoder->width),
                        sizeof(float));
}

static tacit_status create_coupling(lanes *l)
{
    const objective *o = objective_of(l);
    l->embeddings = embeddings_of_batch(l, o->views);
    l->diff_embeddings = embeddings_of_batch(l, o->views);
    l->targets = o->target ? embeddings_of_batch(l, o->target_views) : NULL;
    l->kept_values = memory_alloc(l->context, (size_t)l->lane_count, sizeof *l->kept_values);
    if (!l->embeddings || !l->diff_embeddings || (o->target && !l->targets) || !l->kept_values)
        return TACIT_NOMEM;
    TRY(create_tape(l, &l->couple, 0));
    tape_set_work(l->couple, l->work);
    return TACIT_OK;
}

static tacit_status create_parts(lanes *l)
{
    TRY(create_workers(l));
    TRY(tree_create(&l->tree, &l->learner->parameters, l->leaf_count));
    l->losses = memory_alloc(l->context, (size_t)l->lane_count, sizeof *l->losses);
    if (!l->losses)
        return TACIT_NOMEM;
    return objective_of(l)->couple ? create_coupling(l) : TACIT_OK;
}

tacit_status lanes_create(lanes **out, const learner *of, const views *v, work *w, const lanes_options *o)
{
    lanes *l = *out = memory_alloc(w->context, 1, sizeof *l);
    if (!l)
        return TACIT_NOMEM;
    l->context = w->context;
    l->learner = of;
    l->views = v;
    l->work = w;
    l->options = *o;
    l->lane_count = (o->batch + o->lane - 1) / o->lane;
    l->leaf_count = (l->lane_count + o->leaf - 1) / o->leaf;
    const tacit_status status = create_parts(l);
    if (status != TACIT_OK) {
        lanes_destroy(l);
        *out = NULL;
    }
    return status;
}

static void drop_kept(lanes *l)
{
    for (int64_t i = 0; l->kept && i < l->lane_count; i++)
        tape_destroy(l->kept[i]);
    memory_free(l->context, l->kept);
    l->kept = NULL;
}

void lanes_destroy(lanes *l)
{
    if (!l)
        return;
    for (int i = 0; l->workers && i < l->work->workers; i++) {
        tape_destroy(l->workers[i].tape);
        tape_destroy(l->workers[i].target);
        memory_free(l->context, l->workers[i].dealt);
        memory_free(l->context, l->workers[i].labels);
        scratch_fini(&l->workers[i].scratch);
    }
    drop_kept(l);
    tape_destroy(l->couple);
    tree_destroy(l->tree);
    memory_free(l->context, l->workers);
    memory_free(l->context, l->losses);
    memory_free(l->context, l->embeddings);
    memory_free(l->context, l->diff_embeddings);
    memory_free(l->context, l->targets);
    memory_free(l->context, l->kept_values);
    memory_free(l->context, l);
}

/* ---- one lane ---- */

static void fail_step(lanes *l, tacit_status status)
{
    tacit_status none = TACIT_OK;
    if (status != TACIT_OK)
        atomic_compare_exchange_strong(&l->status, &none, status);
}

/* Which views of each example: of an example they are numbered through, those of `target` come last. */
typedef struct view_range {
    int first, count;
} view_range;

static tacit_status fill_views(lanes *l, int worker, view_range which, const int64_t *examples, int64_t count,
                               char *out)
{
    lane_worker *w = &l->workers[worker];
    const size_t size = (size_t)shape_count(l->views->shape) * dtype_size(l->views->dtype);
    const double start = clock_seconds();
    for (int64_t i = 0; i < count; i++)
        for (int v = which.first; v < which.first + which.count; v++, out += size)
            TRY(l->views->random(l->views, l->options.seed, l->epoch, examples[i], (uint32_t)v, &w->scratch,
                                 out));
    w->waiting += clock_seconds() - start;
    return TACIT_OK;
}

/* Labels of a lane's examples, for this worker's use; NULL: none are known. */
static int32_t *tell_labels(const lanes *l, int worker, const int64_t *examples, int64_t count)
{
    int32_t *labels = l->workers[worker].labels;
    for (int64_t i = 0; labels && i < count; i++)
        labels[i] = l->options.labels[examples[i]];
    return labels;
}

/* Reads and augments a lane, and tells it. An invalid value of `views` is a failure on the tape. */
static lane tell_lane(lanes *l, tape *t, int worker, view_range which, const int64_t *examples, int64_t count)
{
    lane told = {.examples = examples,
                 .labels = tell_labels(l, worker, examples, count),
                 .count = count,
                 .seed = l->options.seed,
                 .epoch = l->epoch,
                 .pixels = &l->views->pixels,
                 .features = l->views->features.count ? &l->views->features : NULL,
                 .scratch = &l->workers[worker].scratch};
    tape_set_noise(t, &(tape_noise){.seed = l->options.seed,
                                    .epoch = l->epoch,
                                    .examples = examples,
                                    .count = count,
                                    .views = which.count});
    const value made = tape_output(t, l->views->dtype, shape_many(count * which.count, l->views->shape));
    if (!made.id)
        return told;
    const tacit_status status = fill_views(l, worker, which, examples, count, tape_tensor(t, made)->data);
    told.views = status == TACIT_OK ? made : tape_fail(t, status, "views of a lane");
    return told;
}

/* Lane i forward on `t`: the method's loss or embeddings. */
static value forward_lane(lanes *l, tape *t, int64_t i, int worker)
{
    const objective *o = objective_of(l);
    tape_reset(t, TAPE_TRAINING);
    const lane told = tell_lane(l, t, worker, (view_range){0, o->views}, l->examples + i * l->options.lane,
                                lane_examples(l, i));
    return told.views.id ? o->lane(&l->learner->method, t, &told) : told.views;
}

/* Every lane_count-th example from i on: at most as many as a lane has. */
static int64_t deal_examples(const lanes *l, int64_t i, int64_t *out)
{
    int64_t count = 0;
    for (int64_t at = i; at < l->options.batch; at += l->lane_count)
        out[count++] = l->examples[at];
    return count;
}

/* What the coupling compares embeddings with. The examples are dealt out anew, one to each lane in turn:
 * where an encoder's batch norm is over a lane, an embedding and its target then do not share the statistics
 * that would give them away (He et al. 2020, section 3.3, "shuffling BN"). */
static void target_lane(lanes *l, int64_t i, int worker)
{
    const objective *o = objective_of(l);
    const lane_worker *w = &l->workers[worker];
    const int64_t numbers = o->target_views * l->learner->encoder->width; /* of one example */
    tape_reset(w->target, TAPE_CALIBRATION); /* batch norm by the lane's own statistics, which are not kept */
    const lane told = tell_lane(l, w->target, worker, (view_range){o->views, o->target_views}, w->dealt,
                                deal_examples(l, i, w->dealt));
    const value made = told.views.id ? o->target(&l->learner->method, w->target, &told) : told.views;
    const float *from = tape_f32(w->target, made);
    for (int64_t k = 0; from && tape_status(w->target) == TACIT_OK && k < told.count; k++)
        memcpy(l->targets + (i + k * l->lane_count) * numbers, from + k * numbers,
               (size_t)numbers * sizeof *from);
    fail_step(l, tape_status(w->target));
}

/* ---- jobs ---- */

static void pointwise_lane(lanes *l, int64_t i, int worker, gradient_buffer *leaf)
{
    tape *t = l->workers[worker].tape;
    const value loss = forward_lane(l, t, i, worker);
    tape_bind_gradients(t, leaf->block, leaf->written);
    if (loss.id && tape_status(t) == TACIT_OK)
        l->losses[i] = (double)*tape_f32(t, loss) * (double)lane_examples(l, i);
    if (tape_status(t) == TACIT_OK)
        tape_backward(t, loss, NULL, (float)lane_examples(l, i) / (float)l->options.batch);
    fail_step(l, tape_status(t));
}

static void batchwise_lane(lanes *l, int64_t i, int worker, gradient_buffer *leaf)
{
    tape *t = l->kept ? l->kept[i] : l->workers[worker].tape;
    const int64_t at = i * l->options.lane * objective_of(l)->views * l->learner->encoder->width;
    tape_set_backend(t, l->work->backends[worker]);
    tape_bind_gradients(t, leaf->block, leaf->written);
    const value embeddings = l->kept ? l->kept_values[i] : forward_lane(l, t, i, worker);
    if (tape_status(t) == TACIT_OK)
        tape_backward(t, embeddings, l->diff_embeddings + at, 1.0f);
    fail_step(l, tape_status(t));
}

static void run_leaf(void *user, int64_t leaf, int worker)
{
    lanes *l = user;
    const double start = clock_seconds();
    gradient_buffer *buffer = atomic_load(&l->status) == TACIT_OK ? tree_take(l->tree) : NULL;
    if (!buffer) {
        fail_step(l, TACIT_NOMEM);
        return;
    }
    const int64_t first = leaf * l->options.leaf;
    for (int64_t i = first; i < first + l->options.leaf && i < l->lane_count; i++) {
        if (objective_of(l)->couple)
            batchwise_lane(l, i, worker, buffer);
        else
            pointwise_lane(l, i, worker, buffer);
    }
    tree_put(l->tree, leaf, buffer);
    l->workers[worker].busy += clock_seconds() - start;
}

/* Forward only: the embeddings of lane i into the batch's, and its targets, which no backward needs again. On
 * a kept tape the record stays for the backward. */
static void embed_lane(void *user, int64_t i, int worker)
{
    lanes *l = user;
    const double start = clock_seconds();
    tape *t = l->kept ? l->kept[i] : l->workers[worker].tape;
    tape_set_backend(t, l->work->backends[worker]);
    const value embeddings = forward_lane(l, t, i, worker);
    const tensor *x = tape_tensor(t, embeddings);
    const int64_t at = i * l->options.lane * objective_of(l)->views * l->learner->encoder->width;
    if (x && tape_status(t) == TACIT_OK)
        memcpy(l->embeddings + at, x->data, tensor_bytes(x));
    l->kept_values[i] = embeddings;
    fail_step(l, tape_status(t));
    if (l->targets)
        target_lane(l, i, worker);
    l->workers[worker].busy += clock_seconds() - start;
}

/* ---- the step ---- */

static value targets_of_batch(const lanes *l, tape *t)
{
    const int64_t rows = l->options.batch * objective_of(l)->target_views;
    const tensor all = tensor_of(DTYPE_F32, shape_2(rows, l->learner->encoder->width), l->targets);
    return l->targets ? tape_constant(t, &all) : (value){0};
}

/* Loss and gradient of the embeddings; the method's own parameters (a projector) get theirs in *buffer. */
static tacit_status couple_batch(lanes *l, gradient_buffer *buffer, double *loss)
{
    tape *t = l->couple;
    const int64_t rows = l->options.batch * objective_of(l)->views;
    const tensor all = tensor_of(DTYPE_F32, shape_2(rows, l->learner->encoder->width), l->embeddings);
    for (int i = 0; i < l->work->workers; i++)
        arena_reset(l->work->arenas[i]);
    tape_reset(t, TAPE_TRAINING);
    tape_bind_gradients(t, buffer->block, buffer->written);
    const value embeddings = tape_input(t, &all, true), targets = targets_of_batch(l, t);
    const value result = objective_of(l)->couple(&l->learner->method, t, embeddings, targets);
    if (tape_status(t) != TACIT_OK)
        return tape_status(t);
    *loss = (double)*tape_f32(t, result);
    TRY(tape_backward(t, result, NULL, 1.0f));
    const float *diff = tape_gradient(t, embeddings);
    if (!diff)
        return context_fail(l->context, TACIT_STATE, "the method's loss does not depend on the embeddings");
    memcpy(l->diff_embeddings, diff, tensor_bytes(&all));
    /* Where memory is short, lanes and coupling take turns in having it. */
    if (!l->kept)
        tape_release(t);
    return TACIT_OK;
}

/* After a first step with lanes run twice, what one lane holds is known: keep all lanes from now on if they
 * fit. */
static tacit_status consider_keeping(lanes *l)
{
    size_t held = 0;
    for (int i = 0; i < l->work->workers; i++)
        held = tape_memory(l->workers[i].tape) > held ? tape_memory(l->workers[i].tape) : held;
    if (l->kept || (uint64_t)held > l->options.memory / (uint64_t)l->lane_count)
        return TACIT_OK;
    l->kept = memory_alloc(l->context, (size_t)l->lane_count, sizeof(tape *));
    if (!l->kept)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < l->lane_count; i++) {
        const tacit_status status = create_tape(l, &l->kept[i], 0);
        if (status != TACIT_OK) {
            drop_kept(l);
            return status;
        }
    }
    return TACIT_OK;
}

/* The coupling's share of the gradient belongs to parameters that no lane writes, or is added last. */
static void add_coupling(const lanes *l, gradient_buffer *root, const gradient_buffer *coupling)
{
    const parameters *p = &l->learner->parameters;
    for (size_t i = 0; i < p->count; i++) {
        const int64_t offset = p->table[i].offset, count = shape_count(p->table[i].shape);
        for (int64_t k = 0; coupling->written[i] && k < count; k++)
            root->block[offset + k] += coupling->block[offset + k];
    }
}

static tacit_status batchwise_step(lanes *l, lanes_result *out)
{
    out->rerun = !l->kept;
    team_run(l->work->team, l->lane_count, embed_lane, l);
    TRY(atomic_load(&l->status));
    gradient_buffer *coupling = tree_take(l->tree);
    if (!coupling)
        return TACIT_NOMEM;
    tacit_status status = couple_batch(l, coupling, &out->loss);
    if (status == TACIT_OK) {
        team_run(l->work->team, l->leaf_count, run_leaf, l);
        status = atomic_load(&l->status);
    }
    if (status == TACIT_OK)
        status = consider_keeping(l);
    if (status == TACIT_OK) {
        out->gradient = tree_root(l->tree);
        add_coupling(l, out->gradient, coupling);
        out->embeddings = l->embeddings;
        out->rows = l->options.batch * objective_of(l)->views;
    }
    tree_give(l->tree, coupling);
    return status;
}

static tacit_status pointwise_step(lanes *l, lanes_result *out)
{
    team_run(l->work->team, l->leaf_count, run_leaf, l);
    TRY(atomic_load(&l->status));
    for (int64_t i = 0; i < l->lane_count; i++)
        out->loss += l->losses[i];
    out->loss /= (double)l->options.batch;
    out->gradient = tree_root(l->tree);
    return TACIT_OK;
}

tacit_status lanes_step(lanes *l, const int64_t *examples, uint32_t epoch, lanes_result *out)
{
    *out = (lanes_result){0};
    atomic_store(&l->status, TACIT_OK);
    l->examples = examples;
    l->epoch = epoch;
    for (int i = 0; i < l->work->workers; i++)
        l->workers[i].waiting = l->workers[i].busy = 0.0;
    tree_begin(l->tree, l->leaf_count);
    TRY(objective_of(l)->couple ? batchwise_step(l, out) : pointwise_step(l, out));
    double waiting = 0.0, busy = 0.0;
    for (int i = 0; i < l->work->workers; i++) {
        waiting += l->workers[i].waiting;
        busy += l->workers[i].busy;
    }
    out->wait_share = busy > 0.0 ? waiting / busy : 0.0;
    return TACIT_OK;
}

void lanes_give(lanes *l, gradient_buffer *gradient)
{
    tree_give(l->tree, gradient);
}

/* ---- sizes ---- */

/* Enough rows of tokens in a lane for the matrix products, few enough for the caches: a power of two to 64
 * examples. A batchwise lane may have to be kept until the whole batch is coupled, and its encoder sees all
 * tokens: it has fewer rows, but two examples at least. */
int64_t lanes_default_lane(const learner *l, int64_t batch)
{
    const int64_t rows = l->encoder->tokens * l->method.objective->views;
    const bool coupled = l->method.objective->couple;
    const int64_t most = coupled ? 512 : 1024;
    int64_t size = coupled ? 2 : 1;
    while (size < 64 && size * 2 * rows <= most && size * 2 <= batch)
        size *= 2;
    if (size < l->encoder->lane_minimum)
        size = l->encoder->lane_minimum;
    return size < batch ? size : batch;
}

/* At most as many leaves as keep the traffic of gradients a few percent of the work: the larger the gradient,
 * the fewer. */
int64_t lanes_default_leaf(const learner *l, int64_t batch, int64_t lane_size)
{
    const int64_t lanes_of_batch = (batch + lane_size - 1) / lane_size;
    const int64_t bytes = l->parameters.size * (int64_t)sizeof(float);
    const int64_t most = bytes < (INT64_C(8) << 20) ? 64 : 8;
    return (lanes_of_batch + most - 1) / most;
}
