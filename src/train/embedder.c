#include "train/embedder.h"

#include "op/op.h"

#include <stdatomic.h>
#include <string.h>

/* Lanes handed out between two looks at the cancel flag and the progress, for each worker. */
enum { ROUND = 8 };

enum { CALIBRATION_LANE = 64, LANE_MOST = 64 };

struct embedder {
    tacit_context *context;
    const learner *learner;
    const views *views;
    work *work;
    int64_t lane;
    bool stops;
    tape **tapes;       /* (workers) */
    scratch *scratches; /* (workers) */
    const int64_t *examples;
    int64_t first, count, base; /* base: lane number at which this round starts */
    float *out;                 /* embeddings are wanted, or */
    double *errors;             /* how well the method restores, or */
    double *losses;             /* (lanes): sums over the examples of each */
    uint64_t seed;              /* of what a loss draws */
    _Atomic tacit_status status;
};

/* Tokens of an example; pictures may be of another size than the encoder was made for. */
static int64_t tokens_of(const encoder *e, const views *v)
{
    const int64_t own = (int64_t)e->settings.height * e->settings.width;
    return v->shape.rank == 3 && own > 0 ? e->tokens * v->shape.size[0] * v->shape.size[1] / own : e->tokens;
}

/* About 750 rows of tokens, 1 to 64 examples: from encoder and examples alone. */
static int64_t lane_size(const encoder *e, const views *v)
{
    const int64_t lane_of_tokens = 768 / (tokens_of(e, v) + 1);
    return lane_of_tokens < 1 ? 1 : (lane_of_tokens > LANE_MOST ? LANE_MOST : lane_of_tokens);
}

static tacit_status create_parts(embedder *e)
{
    const parameters *p = &e->learner->parameters;
    e->tapes = memory_alloc(e->context, (size_t)e->work->workers, sizeof *e->tapes);
    e->scratches = memory_alloc(e->context, (size_t)e->work->workers, sizeof *e->scratches);
    if (!e->tapes || !e->scratches)
        return TACIT_NOMEM;
    for (int i = 0; i < e->work->workers; i++)
        scratch_init(&e->scratches[i], e->context);
    for (int i = 0; i < e->work->workers; i++) {
        TRY(tape_create(&e->tapes[i], e->context, e->work->backends[i]));
        TRY(tape_bind(e->tapes[i], p->tensors, (int)p->count, p->block));
    }
    return TACIT_OK;
}

tacit_status embedder_create(embedder **out, const learner *l, const views *v, work *w, bool stops)
{
    embedder *e = *out = memory_alloc(w->context, 1, sizeof *e);
    if (!e)
        return TACIT_NOMEM;
    e->context = w->context;
    e->learner = l;
    e->views = v;
    e->work = w;
    e->stops = stops;
    e->lane = lane_size(l->encoder, v);
    const tacit_status status = create_parts(e);
    if (status != TACIT_OK) {
        embedder_destroy(e);
        *out = NULL;
    }
    return status;
}

void embedder_destroy(embedder *e)
{
    if (!e)
        return;
    for (int i = 0; i < e->work->workers; i++) {
        if (e->tapes)
            tape_destroy(e->tapes[i]);
        if (e->scratches)
            scratch_fini(&e->scratches[i]);
    }
    memory_free(e->context, e->tapes);
    memory_free(e->context, e->scratches);
    memory_free(e->context, e);
}

/* The lane's views; places past the end repeat the last example. */
static tacit_status fill_lane(const embedder *e, int64_t start, int64_t rows, int worker, char *out)
{
    const size_t size = (size_t)shape_count(e->views->shape) * dtype_size(e->views->dtype);
    for (int64_t i = 0; i < rows; i++, out += size) {
        const int64_t at = start + i;
        if (at >= e->count) {
            memcpy(out, out - size, size);
            continue;
        }
        const int64_t example = e->examples ? e->examples[at] : e->first + at;
        TRY(e->views->plain(e->views, example, &e->scratches[worker], out));
    }
    return TACIT_OK;
}

/* Of the first `rows` pictures of a lane. */
static tacit_status measure_errors(const embedder *e, tape *t, value pictures, int64_t rows, double *errors)
{
    const method *m = &e->learner->method;
    const int64_t size = shape_count(e->views->shape);
    const bool of_rows = m->encoder->settings.rows;
    const value restored =
        of_rows ? m->objective->restore_rows(m, t, pictures) : m->objective->restore(m, t, pictures);
    const value patches = of_rows ? pictures : op_patchify(t, pictures, m->encoder->settings.patch);
    TRY(tape_status(t));
    for (int64_t i = 0; i < rows; i++)
        errors[i] =
            pixel_square_error(&e->views->pixels, m->encoder->settings.channels,
                               tape_f32(t, patches) + i * size, tape_f32(t, restored) + i * size, size);
    return TACIT_OK;
}

/* The loss of a lane of as many examples as there are. */
static tacit_status measure_loss(embedder *e, int64_t start, int worker)
{
    tape *t = e->tapes[worker];
    const int64_t left = e->count - start, rows = left < e->lane ? left : e->lane;
    int64_t examples[LANE_MOST];
    for (int64_t i = 0; i < rows; i++)
        examples[i] = e->first + start + i;
    lane told = {.examples = examples,
                 .count = rows,
                 .seed = e->seed,
                 .pixels = &e->views->pixels,
                 .features = e->views->features.count ? &e->views->features : NULL,
                 .scratch = &e->scratches[worker]};
    told.views = tape_output(t, e->views->dtype, shape_many(rows, e->views->shape));
    if (!told.views.id)
        return tape_status(t);
    TRY(fill_lane(e, start, rows, worker, tape_tensor(t, told.views)->data));
    const value loss = e->learner->method.objective->lane(&e->learner->method, t, &told);
    TRY(tape_status(t));
    e->losses[start / e->lane] = (double)*tape_f32(t, loss) * (double)rows;
    return TACIT_OK;
}

static tacit_status run_plain_lane(embedder *e, int64_t start, int worker)
{
    tape *t = e->tapes[worker];
    tape_reset(t, TAPE_INFERENCE);
    if (e->losses)
        return measure_loss(e, start, worker);
    const value pictures = tape_output(t, e->views->dtype, shape_many(e->lane, e->views->shape));
    if (!pictures.id)
        return tape_status(t);
    TRY(fill_lane(e, start, e->lane, worker, tape_tensor(t, pictures)->data));
    const int64_t width = learner_width(e->learner), left = e->count - start;
    const int64_t rows = left < e->lane ? left : e->lane;
    if (e->errors)
        return measure_errors(e, t, pictures, rows, e->errors + start);
    const value embeddings = learner_embed(e->learner, t, pictures);
    TRY(tape_status(t));
    memcpy(e->out + start * width, tape_f32(t, embeddings), (size_t)(rows * width) * sizeof(float));
    return TACIT_OK;
}

static void run_lane(void *user, int64_t i, int worker)
{
    embedder *e = user;
    if (atomic_load(&e->status) != TACIT_OK)
        return;
    tacit_status none = TACIT_OK;
    const tacit_status status = run_plain_lane(e, (e->base + i) * e->lane, worker);
    if (status != TACIT_OK)
        atomic_compare_exchange_strong(&e->status, &none, status);
}

static tacit_status run_all(embedder *e, const int64_t *examples, int64_t first, int64_t count,
                            embedder_progress progress, void *user)
{
    const int64_t lanes_of_all = (count + e->lane - 1) / e->lane, round = (int64_t)ROUND * e->work->workers;
    e->examples = examples;
    e->first = first;
    e->count = count;
    atomic_store(&e->status, TACIT_OK);
    for (e->base = 0; e->base < lanes_of_all; e->base += round) {
        const int64_t left = lanes_of_all - e->base;
        team_run(e->work->team, left < round ? left : round, run_lane, e);
        TRY(atomic_load(&e->status));
        const int64_t done = (e->base + round) * e->lane;
        if (progress)
            progress(user, done < count ? done : count, count);
        if (e->stops && e->context->cancelled)
            return context_fail(e->context, TACIT_CANCELLED, "stopped on request after %lld of %lld examples",
                                (long long)done, (long long)count);
    }
    return TACIT_OK;
}

tacit_status embedder_run(embedder *e, const int64_t *examples, int64_t first, int64_t count, float *out,
                          embedder_progress progress, void *user)
{
    e->out = out;
    e->errors = e->losses = NULL;
    return run_all(e, examples, first, count, progress, user);
}

tacit_status embedder_run_loss(embedder *e, uint64_t seed, int64_t first, int64_t count, double *mean)
{
    const int64_t lanes_of_all = (count + e->lane - 1) / e->lane;
    double sum = 0;
    e->losses = memory_alloc(e->context, (size_t)lanes_of_all, sizeof *e->losses);
    if (!e->losses)
        return TACIT_NOMEM;
    e->seed = seed;
    const tacit_status status = run_all(e, NULL, first, count, NULL, NULL);
    for (int64_t i = 0; i < lanes_of_all; i++)
        sum += e->losses[i];
    *mean = sum / (double)count;
    memory_free(e->context, e->losses);
    e->losses = NULL;
    return status;
}

tacit_status embedder_run_restore(embedder *e, const int64_t *examples, int64_t first, int64_t count,
                                  double *errors, embedder_progress progress, void *user)
{
    const objective *o = e->learner->method.objective;
    if (e->learner->encoder->settings.rows ? !o->restore_rows : !o->restore)
        return context_fail(e->context, TACIT_ARGUMENT, "%s does not restore examples", o->name);
    e->out = NULL;
    e->losses = NULL;
    e->errors = errors;
    return run_all(e, examples, first, count, progress, user);
}

/* ---- batch norm ---- */

/* One lane's statistics onto those in the block. */
static tacit_status calibrate_lane(embedder *e, int64_t start, int64_t rows)
{
    tape *t = e->tapes[0];
    const shape v = e->views->shape;
    tape_reset(t, TAPE_CALIBRATION);
    const value pictures = tape_output(t, DTYPE_F32, shape_4(rows, v.size[0], v.size[1], v.size[2]));
    if (!pictures.id)
        return tape_status(t);
    TRY(fill_lane(e, start, rows, 0, tape_tensor(t, pictures)->data));
    learner_embed(e->learner, t, pictures);
    return tape_status(t);
}

/* What the lanes wrote, as a mean, into the parameters. */
static void take_means(const parameters *p, const float *sums, const bool *written, int64_t lanes_of_all)
{
    for (size_t i = 0; i < p->count; i++) {
        const int64_t offset = p->table[i].offset, count = shape_count(p->table[i].shape);
        for (int64_t k = 0; written[i] && k < count; k++)
            p->block[offset + k] = sums[offset + k] / (float)lanes_of_all;
    }
}

/* Lane after lane on one worker: the order of the sums does not depend on their number. */
tacit_status embedder_calibrate(embedder *e, parameters *p, const int64_t *examples, int64_t count)
{
    if (e->learner->encoder->lane_minimum == 0 || count < 1)
        return TACIT_OK;
    const int64_t rows = count < CALIBRATION_LANE ? count : CALIBRATION_LANE, lanes_of_all = count / rows;
    tacit_status status = TACIT_NOMEM;
    float *sums = parameters_block(p);
    bool *written = memory_alloc(e->context, p->count, sizeof *written);
    e->examples = examples;
    e->first = 0;
    e->count = count;
    if (sums && written) {
        tape_bind_gradients(e->tapes[0], sums, written);
        status = TACIT_OK;
        backend_thread_start();
    }
    for (int64_t i = 0; status == TACIT_OK && i < lanes_of_all; i++)
        status = calibrate_lane(e, i * rows, rows);
    if (status == TACIT_OK)
        take_means(p, sums, written, lanes_of_all);
    tape_reset(e->tapes[0], TAPE_INFERENCE);
    memory_free(e->context, sums);
    memory_free(e->context, written);
    return status;
}
