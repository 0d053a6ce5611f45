/* See metric.h. */
#include "api/metric.h"

/* Which labels have examples: present (label_count). */
static void mark_present(const dataset *d, bool *present)
{
    for (int64_t i = 0; i < d->count; i++)
        present[d->labels[i]] = true;
}

static int32_t count_shared(const dataset *a, const bool *in_a, const dataset *b, const bool *in_b)
{
    char name[LABEL_TEXT];
    int32_t count = 0;
    for (int32_t c = 0; c < a->label_count; c++) {
        if (!in_a[c])
            continue;
        dataset_label_text(a, c, name, sizeof name);
        const int32_t other = dataset_find_label(b, name);
        count += other >= 0 && in_b[other];
    }
    return count;
}

static tacit_status say_shared(tacit_context *context, const dataset *fit, const dataset *compared,
                               int32_t *shared)
{
    if (!fit->labels || !compared->labels)
        return TACIT_OK;
    bool *a = memory_alloc(context, (size_t)fit->label_count, sizeof *a);
    bool *b = memory_alloc(context, (size_t)compared->label_count, sizeof *b);
    const bool made = a && b;
    if (made) {
        mark_present(fit, a);
        mark_present(compared, b);
        *shared = count_shared(fit, a, compared, b);
    }
    memory_free(context, a);
    memory_free(context, b);
    if (*shared > 0)
        context_log(
            context,
            "fit: %d of its labels are among those compared: what is measured on these was not unseen",
            (int)*shared);
    return made ? TACIT_OK : TACIT_NOMEM;
}

tacit_status metric_open(metric *m, tacit_model *model, const tacit_dataset *fit,
                         const tacit_dataset *compared, uint64_t seed, tacit_fit *out)
{
    *m = (metric){.seed = seed};
    if (!fit)
        return TACIT_OK;
    const dataset *d = fit->data;
    m->group = d->groups ? d->groups : d->labels;
    m->groups = d->groups ? d->group_count : d->label_count;
    if (!m->group)
        return context_fail(model->context, TACIT_ARGUMENT,
                            "fit: the examples have no labels and no groups: nothing tells which belong "
                            "together");
    out->examples = d->count;
    out->labels = !d->groups;
    TRY(say_shared(model->context, d, compared->data, &out->shared_labels));
    return embedded_open(&m->data, model, fit, -1);
}

void metric_close(metric *m)
{
    embedded_close(&m->data);
    within_fini(&m->within);
}

tacit_status metric_learn(metric *m, tacit_status (*embed)(embedded *e))
{
    embedded *e = &m->data;
    m->learnt = false;
    within_fini(&m->within);
    if (!e->model || (embed == embedded_pixels && shape_count(e->views->shape) > METRIC_PIXELS))
        return TACIT_OK;
    TRY(embed(e));
    TRY(within_fit(&m->within, e->model->work, embedded_matrix(e), m->group, m->groups, m->seed));
    m->learnt = true;
    return TACIT_OK;
}

void metric_report(const metric *m, tacit_fit *out)
{
    const within *f = &m->within;
    if (!m->learnt)
        return;
    out->left_out = f->left_out;
    out->groups = f->groups;
    out->folds = f->folds;
    out->shrinkage = f->shrinkage;
    out->eer = f->eer;
}

tacit_status metric_use(const metric *m, embedded *e)
{
    if (!m->learnt)
        return TACIT_OK;
    return within_apply(&m->within, e->model->work, embedded_matrix(e), e->features);
}
