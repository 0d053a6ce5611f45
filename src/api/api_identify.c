/* tacit.h: who is it? */
#include "api/metric.h"
#include "base/file.h"
#include "use/export.h"
#include "use/identification.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

tacit_identify_options tacit_identify_options_default(void)
{
    return (tacit_identify_options){.threshold = -2, .baselines = true, .seed = 1};
}

/* What one call works on. */
typedef struct identifying {
    tacit_context *context;
    embedded gallery, probes;
    metric metric;
    const dataset *known, *asking;
    const tacit_identify_options *options;
    int32_t *truth; /* (N): each probe's label among those of the gallery; -1 stranger, -2 not labelled */
    int32_t *label; /* (N, TACIT_RANKS), and so on: the caller's, or for a baseline */
    float *similarity;
    int64_t *nearest;
} identifying;

/* ---- labels by name ---- */

static void label_text(const dataset *d, int32_t label, char out[1024])
{
    if (d->label_names)
        snprintf(out, 1024, "%s", d->label_names[label]);
    else
        snprintf(out, 1024, "%d", (int)label);
}

/* Which labels of the gallery have examples: present (label_count). */
static int32_t count_present(const dataset *gallery, bool *present)
{
    int32_t count = 0;
    for (int64_t i = 0; i < gallery->count; i++) {
        count += !present[gallery->labels[i]];
        present[gallery->labels[i]] = true;
    }
    return count;
}

static int32_t find_label(const dataset *gallery, const bool *present, const char *name)
{
    char own[1024];
    for (int32_t c = 0; c < gallery->label_count; c++) {
        label_text(gallery, c, own);
        if (present[c] && strcmp(own, name) == 0)
            return c;
    }
    return -1;
}

static tacit_status find_truth(identifying *d, tacit_identification *out)
{
    const dataset *g = d->known, *p = d->asking;
    char name[1024];
    bool *present = memory_alloc(d->context, (size_t)g->label_count, sizeof *present);
    int32_t *of = p->labels ? memory_alloc(d->context, (size_t)p->label_count, sizeof *of) : NULL;
    const bool made = present && (of || !p->labels);
    if (made)
        out->classes = count_present(g, present);
    for (int32_t c = 0; made && of && c < p->label_count; c++) {
        label_text(p, c, name);
        of[c] = find_label(g, present, name);
    }
    for (int64_t i = 0; made && i < p->count; i++) {
        d->truth[i] = of ? of[p->labels[i]] : -2;
        out->known += d->truth[i] >= 0;
        out->strangers += d->truth[i] == -1;
    }
    memory_free(d->context, present);
    memory_free(d->context, of);
    return made ? TACIT_OK : TACIT_NOMEM;
}

/* ---- answers ---- */

static double share(int64_t part, int64_t all)
{
    return all > 0 ? (double)part / (double)all : (double)NAN;
}

static tacit_status rank(const identifying *d, tacit_identify_score *out)
{
    int64_t first = 0, five = 0, known = 0;
    TRY(identification_rank(d->gallery.model->work, embedded_matrix(&d->probes), embedded_matrix(&d->gallery),
                            d->known->labels, d->known->label_count, TACIT_RANKS, d->label, d->similarity,
                            d->nearest));
    for (int64_t i = 0; i < d->asking->count; i++) {
        const int32_t *label = d->label + i * TACIT_RANKS;
        if (d->truth[i] < 0)
            continue;
        known++;
        first += label[0] == d->truth[i];
        for (int r = 0; r < TACIT_RANKS; r++)
            five += label[r] == d->truth[i];
    }
    *out = (tacit_identify_score){share(first, known), share(five, known)};
    return TACIT_OK;
}

static void count_unknown(const identifying *d, tacit_identification *out)
{
    int64_t known = 0, strangers = 0;
    for (int64_t i = 0; i < d->asking->count; i++) {
        const bool unknown = (double)d->similarity[i * TACIT_RANKS] < d->options->threshold;
        out->unknown += unknown;
        known += unknown && d->truth[i] >= 0;
        strangers += unknown && d->truth[i] == -1;
    }
    out->known_refused = share(known, out->known);
    out->strangers_refused = share(strangers, out->strangers);
}

/* The same by another representation, whose answers are not kept. */
static tacit_status rank_baseline(const identifying *d, tacit_identify_score *out)
{
    identifying other = *d;
    const size_t count = (size_t)d->asking->count;
    other.label = memory_alloc(d->context, count, TACIT_RANKS * sizeof *other.label);
    other.similarity = memory_alloc(d->context, count, TACIT_RANKS * sizeof *other.similarity);
    other.nearest = memory_alloc(d->context, count, TACIT_RANKS * sizeof *other.nearest);
    const tacit_status status =
        other.label && other.similarity && other.nearest ? rank(&other, out) : TACIT_NOMEM;
    memory_free(d->context, other.label);
    memory_free(d->context, other.similarity);
    memory_free(d->context, other.nearest);
    return status;
}

static tacit_status embed(identifying *d, tacit_status (*how)(embedded *e))
{
    TRY(how(&d->gallery));
    return how(&d->probes);
}

static tacit_status fit(identifying *d, tacit_status (*how)(embedded *e))
{
    TRY(metric_learn(&d->metric, how));
    TRY(metric_use(&d->metric, &d->gallery));
    return metric_use(&d->metric, &d->probes);
}

static tacit_status identify_baselines(identifying *d, tacit_identification *out)
{
    TRY(embed(d, embedded_pixels));
    TRY(fit(d, embedded_pixels));
    out->fit.pixels = d->metric.learnt;
    TRY(rank_baseline(d, &out->pixels));
    TRY(embed(d, embedded_untrained));
    TRY(fit(d, embedded_untrained));
    return rank_baseline(d, &out->untrained);
}

static tacit_status identify(identifying *d, tacit_identification *out,
                             void (*stage)(void *user, const char *what), void *user)
{
    TRY(find_truth(d, out));
    if (stage)
        stage(user, "embeddings");
    TRY(embed(d, embedded_run));
    if (d->options->fit) {
        TRY(rank_baseline(d, &out->unfitted));
        if (stage)
            stage(user, "metric");
    }
    TRY(fit(d, embedded_run));
    metric_report(&d->metric, &out->fit);
    TRY(rank(d, &out->learnt));
    count_unknown(d, out);
    if (!d->options->baselines || out->known == 0)
        return TACIT_OK;
    handle_tell_raw(stage, user, d->gallery.model, "", " and the untrained encoder");
    return identify_baselines(d, out);
}

tacit_status tacit_identify(tacit_model *model, const tacit_dataset *gallery, const tacit_dataset *probes,
                            const tacit_identify_options *options, int32_t *label, float *similarity,
                            int64_t *nearest, tacit_identification *out,
                            void (*stage)(void *user, const char *what), void *user)
{
    const tacit_identify_options standard = tacit_identify_options_default();
    const tacit_identify_score none = {(double)NAN, (double)NAN};
    identifying d = {.context = model->context,
                     .known = gallery->data,
                     .asking = probes->data,
                     .options = options ? options : &standard,
                     .label = label,
                     .similarity = similarity,
                     .nearest = nearest};
    context_begin(model->context);
    *out = (tacit_identification){.gallery = gallery->data->count,
                                  .probes = probes->data->count,
                                  .known_refused = (double)NAN,
                                  .strangers_refused = (double)NAN,
                                  .learnt = none,
                                  .pixels = none,
                                  .untrained = none,
                                  .unfitted = none};
    if (!gallery->data->labels)
        return context_fail(model->context, TACIT_ARGUMENT,
                            "the gallery has no labels: there are no names to give");
    d.truth = memory_alloc(model->context, (size_t)probes->data->count, sizeof *d.truth);
    tacit_status status = d.truth ? embedded_open(&d.gallery, model, gallery, -1) : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = embedded_open(&d.probes, model, probes, -1);
    if (status == TACIT_OK)
        status = metric_open(&d.metric, model, d.options->fit, gallery, d.options->seed, &out->fit);
    if (status == TACIT_OK)
        status = identify(&d, out, stage, user);
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    metric_close(&d.metric);
    embedded_close(&d.gallery);
    embedded_close(&d.probes);
    memory_free(model->context, d.truth);
    return status;
}

tacit_status tacit_identify_save(const tacit_dataset *gallery, const tacit_dataset *probes, double threshold,
                                 const int32_t *label, const float *similarity, const int64_t *nearest,
                                 const char *path)
{
    file_writer w;
    char name[1024];
    const dataset *g = gallery->data, *p = probes->data;
    context_begin(probes->context);
    for (int64_t i = 0; i < p->count; i++)
        if (label[i * TACIT_RANKS] < 0 || label[i * TACIT_RANKS] >= g->label_count ||
            nearest[i * TACIT_RANKS] < 0 || nearest[i * TACIT_RANKS] >= g->count)
            return context_fail(probes->context, TACIT_ARGUMENT,
                                "probe %lld: its answer is not of the gallery", (long long)i);
    TRY(file_writer_open(&w, probes->context, path));
    file_writer_print(&w, "name,label,answer,similarity,nearest\n");
    for (int64_t i = 0; i < p->count; i++) {
        const int64_t at = i * TACIT_RANKS;
        export_names(&w, p, i);
        label_text(g, label[at], name);
        if ((double)similarity[at] >= threshold)
            export_quoted(&w, name);
        file_writer_print(&w, ",%.9g,", (double)similarity[at]);
        dataset_name(g, nearest[at], name, sizeof name);
        export_quoted(&w, name);
        file_writer_print(&w, "\n");
    }
    return file_writer_commit(&w);
}
