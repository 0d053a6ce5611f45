/* tacit.h: same or different. */
#include "api/metric.h"
#include "base/file.h"
#include "data/pair_list.h"
#include "use/export.h"
#include "use/verification.h"

#include <inttypes.h>
#include <math.h>

struct tacit_pairs {
    tacit_context *context;
    const tacit_dataset *data;
    tacit_dataset *own; /* NULL: data is the caller's */
    pair *pairs;        /* (count) */
    int64_t count;
    int32_t folds; /* that the pairs have been drawn in; 0: none yet */
};

/* ---- pairs ---- */

static tacit_status create_pairs(tacit_pairs **out, tacit_context *context, int64_t count)
{
    tacit_pairs *p = *out = memory_alloc(context, 1, sizeof *p);
    if (!p)
        return TACIT_NOMEM;
    p->context = context;
    p->count = count;
    p->pairs = memory_alloc(context, (size_t)count, sizeof *p->pairs);
    return p->pairs ? TACIT_OK : TACIT_NOMEM;
}

static tacit_status finish_pairs(tacit_pairs **out, tacit_status status)
{
    if (status == TACIT_OK)
        return TACIT_OK;
    tacit_pairs_close(*out);
    *out = NULL;
    return status;
}

static tacit_status open_pictures(tacit_pairs *p, const pair_list *l, const char *path)
{
    if (l->path_count > INT32_MAX)
        return context_fail(p->context, TACIT_LIMIT, "%s: %zu pictures are too many", path, l->path_count);
    TRY(handle_open_dataset(&p->own, p->context, (const char *const *)l->paths, (int)l->path_count,
                            &(dataset_options){.cache_bytes = UINT64_MAX}));
    p->data = p->own;
    if (p->own->data->count != (int64_t)l->path_count)
        return context_fail(p->context, TACIT_UNSUPPORTED,
                            "%s: its %zu files hold %" PRId64 " examples: expected picture files", path,
                            l->path_count, p->own->data->count);
    for (int64_t i = 0; i < p->count; i++)
        p->pairs[i] = (pair){l->pairs[i].first, l->pairs[i].second, l->pairs[i].same, 0};
    return TACIT_OK;
}

tacit_status tacit_pairs_read(tacit_pairs **out, tacit_context *context, const char *path)
{
    pair_list l;
    context_begin(context);
    *out = NULL;
    tacit_status status = pair_list_read(&l, context, path);
    if (status == TACIT_OK)
        status = create_pairs(out, context, (int64_t)l.count);
    if (status == TACIT_OK)
        status = open_pictures(*out, &l, path);
    pair_list_free(&l);
    return finish_pairs(out, status);
}

tacit_status tacit_pairs_draw(tacit_pairs **out, const tacit_dataset *data, int64_t same, int32_t folds,
                              uint64_t seed)
{
    const dataset *d = data->data;
    const int32_t most = d->labels ? d->label_count / 2 : 0;
    context_begin(data->context);
    *out = NULL;
    if (most < 2)
        return context_fail(data->context, TACIT_ARGUMENT,
                            "pairs from labels: the data have %d labels: expected 4 or more",
                            d->labels ? (int)d->label_count : 0);
    if (same < 1 || same > INT64_MAX / (4 * (int64_t)sizeof(pair)) || folds < 2)
        return context_fail(data->context, TACIT_ARGUMENT,
                            "%" PRId64 " pairs in %d folds: expected 1 or more, in 2 or more", same,
                            (int)folds);
    tacit_status status = create_pairs(out, data->context, 2 * same);
    if (status == TACIT_OK) {
        (*out)->data = data;
        (*out)->folds = folds < most ? folds : most;
        status = pairs_draw(data->context, d->labels, d->count, d->label_count, same, (*out)->folds, seed,
                            (*out)->pairs);
    }
    return finish_pairs(out, status);
}

void tacit_pairs_close(tacit_pairs *pairs)
{
    if (!pairs)
        return;
    handle_close_dataset(pairs->own);
    memory_free(pairs->context, pairs->pairs);
    memory_free(pairs->context, pairs);
}

int64_t tacit_pairs_count(const tacit_pairs *pairs)
{
    return pairs->count;
}

tacit_pair tacit_pairs_at(const tacit_pairs *pairs, int64_t i)
{
    if (i < 0 || i >= pairs->count)
        return (tacit_pair){-1, -1, PAIR_UNKNOWN};
    const pair *p = &pairs->pairs[i];
    return (tacit_pair){p->first, p->second, p->same};
}

const tacit_dataset *tacit_pairs_data(const tacit_pairs *pairs)
{
    return pairs->data;
}

/* ---- comparing ---- */

tacit_verify_options tacit_verify_options_default(void)
{
    return (tacit_verify_options){.folds = 10, .seed = 1, .baselines = true};
}

static tacit_verify_score no_score(void)
{
    const double none = (double)NAN;
    return (tacit_verify_score){none, none, none, none, none, none, none};
}

/* Pairs that were read get folds; a copy, because the caller's do not change. */
static tacit_status fold_pairs(const tacit_pairs *p, const tacit_verify_options *o, pair *folded,
                               tacit_verification *out)
{
    for (int64_t i = 0; i < p->count; i++) {
        folded[i] = p->pairs[i];
        out->same += folded[i].same == PAIR_SAME;
    }
    out->folds = p->folds ? p->folds : o->folds;
    out->apart = true;
    if (p->folds || p->pairs[0].same == PAIR_UNKNOWN)
        return TACIT_OK;
    return pairs_fold(p->context, folded, p->count, p->data->data->count, o->folds, o->seed, &out->apart);
}

static tacit_status compare(const embedded *e, const pair *pairs, int64_t count, int32_t folds,
                            double *similarity, tacit_verify_score *out)
{
    verification v;
    TRY(pairs_score(e->model->work, embedded_matrix(e), pairs, count, similarity));
    if (pairs[0].same == PAIR_UNKNOWN)
        return TACIT_OK;
    TRY(verification_measure(e->model->context, pairs, similarity, count, folds, &v));
    *out = (tacit_verify_score){v.accuracy, v.deviation, v.eer, v.auroc, v.tar[0], v.tar[1], v.threshold};
    return TACIT_OK;
}

/* What one comparison works on. */
typedef struct comparing {
    tacit_context *context;
    embedded data;
    metric metric;
    pair *pairs; /* in folds */
    int64_t count;
    void (*stage)(void *user, const char *what);
    void *user;
    tacit_verification *out;
} comparing;

static void say(const comparing *c, const char *what)
{
    if (c->stage)
        c->stage(c->user, what);
}

static tacit_status compare_learnt(comparing *c, double *similarity)
{
    say(c, "embeddings");
    TRY(embedded_run(&c->data));
    if (c->metric.data.model) {
        TRY(compare(&c->data, c->pairs, c->count, c->out->folds, similarity, &c->out->unfitted));
        say(c, "metric");
    }
    TRY(metric_learn(&c->metric, embedded_run));
    metric_report(&c->metric, &c->out->fit);
    TRY(metric_use(&c->metric, &c->data));
    return compare(&c->data, c->pairs, c->count, c->out->folds, similarity, &c->out->learnt);
}

static tacit_status compare_baseline(comparing *c, tacit_status (*embed)(embedded *e), double *similarity,
                                     tacit_verify_score *out)
{
    TRY(embed(&c->data));
    TRY(metric_learn(&c->metric, embed));
    TRY(metric_use(&c->metric, &c->data));
    return compare(&c->data, c->pairs, c->count, c->out->folds, similarity, out);
}

static tacit_status compare_all(comparing *c, bool baselines, double *similarity)
{
    TRY(compare_learnt(c, similarity));
    if (!baselines || c->pairs[0].same == PAIR_UNKNOWN)
        return TACIT_OK;
    double *other = memory_alloc(c->context, (size_t)c->count, sizeof *other);
    tacit_status status = other ? TACIT_OK : TACIT_NOMEM;
    if (status == TACIT_OK)
        handle_tell_raw(c->stage, c->user, c->data.model, "", " and the untrained encoder");
    if (status == TACIT_OK)
        status = compare_baseline(c, embedded_pixels, other, &c->out->pixels);
    c->out->fit.pixels = c->metric.learnt;
    if (status == TACIT_OK)
        status = compare_baseline(c, embedded_untrained, other, &c->out->untrained);
    memory_free(c->context, other);
    return status;
}

tacit_status tacit_verify(tacit_model *model, const tacit_pairs *pairs, const tacit_verify_options *options,
                          double *similarity, tacit_verification *out,
                          void (*stage)(void *user, const char *what), void *user)
{
    const tacit_verify_options standard = tacit_verify_options_default();
    const tacit_verify_options *o = options ? options : &standard;
    comparing c = {
        .context = model->context, .count = pairs->count, .stage = stage, .user = user, .out = out};
    context_begin(model->context);
    *out = (tacit_verification){.count = pairs->count,
                                .learnt = no_score(),
                                .pixels = no_score(),
                                .untrained = no_score(),
                                .unfitted = no_score()};
    if (o->folds < 2)
        return context_fail(model->context, TACIT_ARGUMENT, "verify: %d folds: expected 2 or more",
                            (int)o->folds);
    c.pairs = memory_alloc(model->context, (size_t)pairs->count, sizeof *c.pairs);
    tacit_status status = c.pairs ? fold_pairs(pairs, o, c.pairs, out) : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = embedded_open(&c.data, model, pairs->data, -1);
    if (status == TACIT_OK)
        status = metric_open(&c.metric, model, o->fit, pairs->data, o->seed, &out->fit);
    if (status == TACIT_OK)
        status = compare_all(&c, o->baselines, similarity);
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    metric_close(&c.metric);
    embedded_close(&c.data);
    memory_free(model->context, c.pairs);
    return status;
}

tacit_status tacit_verify_save(const tacit_pairs *pairs, const double *similarity, double threshold,
                               const char *path)
{
    file_writer w;
    char name[1024];
    context_begin(pairs->context);
    TRY(file_writer_open(&w, pairs->context, path));
    file_writer_print(&w, "first,second,same,similarity,answer\n");
    for (int64_t i = 0; i < pairs->count; i++) {
        const pair *p = &pairs->pairs[i];
        dataset_name(pairs->data->data, p->first, name, sizeof name);
        export_quoted(&w, name);
        file_writer_write(&w, ",", 1);
        dataset_name(pairs->data->data, p->second, name, sizeof name);
        export_quoted(&w, name);
        file_writer_print(&w, p->same == PAIR_UNKNOWN ? "," : p->same == PAIR_SAME ? ",1" : ",0");
        file_writer_print(&w, ",%.9g,%d\n", similarity[i], similarity[i] >= threshold);
    }
    return file_writer_commit(&w);
}
