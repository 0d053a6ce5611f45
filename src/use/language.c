#include "use/language.h"

#include "use/matrix.h"

enum { LANE_TOKENS = 1024 };

typedef struct language {
    const learner *learner;
    work *work;
    const token_store *store;
    uint64_t seed;
    int64_t windows, window, length, lane; /* length: of a window with what is ahead */
    tape **tapes;                          /* (workers) */
    double *losses;                        /* (lanes): sums over what was asked for */
    int64_t *asked;                        /* (lanes) */
} language;

static tacit_status fill_windows(const language *g, int64_t first, int64_t count, int32_t *out)
{
    for (int64_t i = 0; i < count; i++, out += g->length) {
        const int64_t at = (first + i) * g->window, left = g->store->tokens - at;
        const int64_t some = left < g->length ? left : g->length;
        for (int64_t k = some; k < g->length; k++)
            out[k] = -1;
        TRY(token_store_read(g->store, at, some, out));
    }
    return TACIT_OK;
}

/* What is asked for in these windows. */
static int64_t count_asked(const method *m, const int32_t *ids, int64_t count, int64_t length)
{
    int64_t asked = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t known = 0;
        while (known < length && ids[i * length + known] >= 0)
            known++;
        asked += m->objective->asked(m, known);
    }
    return asked;
}

static tacit_status run_lane(void *user, int64_t i, int worker)
{
    language *g = user;
    tape *t = g->tapes[worker];
    const method *m = &g->learner->method;
    const int64_t first = i * g->lane, left = g->windows - first, count = left < g->lane ? left : g->lane;
    int64_t examples[LANE_TOKENS];
    tape_reset(t, TAPE_INFERENCE);
    for (int64_t k = 0; k < count; k++)
        examples[k] = first + k;
    const value ids = tape_output(t, DTYPE_I32, shape_2(count, g->length));
    if (!ids.id)
        return tape_status(t);
    int32_t *tokens = tape_tensor(t, ids)->data;
    TRY(fill_windows(g, first, count, tokens));
    const lane told = {.examples = examples, .count = count, .views = ids, .seed = g->seed};
    g->asked[i] = count_asked(m, tokens, count, g->length);
    const value loss = m->objective->lane(m, t, &told);
    TRY(tape_status(t));
    g->losses[i] = (double)*tape_f32(t, loss) * (double)g->asked[i];
    return TACIT_OK;
}

static tacit_status create_tapes(language *g)
{
    const parameters *p = &g->learner->parameters;
    g->tapes = memory_alloc(g->work->context, (size_t)g->work->workers, sizeof *g->tapes);
    if (!g->tapes)
        return TACIT_NOMEM;
    for (int i = 0; i < g->work->workers; i++) {
        TRY(tape_create(&g->tapes[i], g->work->context, g->work->backends[i]));
        TRY(tape_bind(g->tapes[i], p->tensors, (int)p->count, p->block));
    }
    return TACIT_OK;
}

static tacit_status run_lanes(language *g, int64_t lanes_of_all, language_measure *out)
{
    double sum = 0;
    g->losses = memory_alloc(g->work->context, (size_t)lanes_of_all, sizeof *g->losses);
    g->asked = memory_alloc(g->work->context, (size_t)lanes_of_all, sizeof *g->asked);
    if (!g->losses || !g->asked)
        return TACIT_NOMEM;
    TRY(create_tapes(g));
    TRY(blocks_run(g->work, lanes_of_all, run_lane, g));
    for (int64_t i = 0; i < lanes_of_all; i++) {
        sum += g->losses[i];
        out->predicted += g->asked[i];
    }
    out->loss = sum / (double)out->predicted;
    return TACIT_OK;
}

tacit_status language_run(const learner *l, work *w, const token_store *s, uint64_t seed,
                          language_measure *out)
{
    const objective *o = l->method.objective;
    language g = {.learner = l, .work = w, .store = s, .seed = seed, .window = l->encoder->tokens};
    *out = (language_measure){0, 0};
    if (!o->stream || s->tokens < 2)
        return context_fail(w->context, TACIT_ARGUMENT,
                            o->stream ? "the texts are %lld tokens: expected two or more"
                                      : "the model does not predict words (%lld tokens)",
                            (long long)s->tokens);
    g.length = g.window + o->ahead;
    g.windows = o->ahead ? (s->tokens - 1 + g.window - 1) / g.window : s->tokens / g.window;
    g.windows = g.windows < 1 ? 1 : g.windows;
    g.lane = g.window < LANE_TOKENS ? LANE_TOKENS / g.window : 1;
    const tacit_status status = run_lanes(&g, (g.windows + g.lane - 1) / g.lane, out);
    for (int i = 0; g.tapes && i < w->workers; i++)
        tape_destroy(g.tapes[i]);
    memory_free(w->context, g.tapes);
    memory_free(w->context, g.losses);
    memory_free(w->context, g.asked);
    return status;
}
