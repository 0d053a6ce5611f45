#include "use/evaluate.h"

#include "use/few_labels.h"
#include "use/neighbours.h"
#include "use/probe.h"
#include "use/standardise.h"

#include <math.h>

/* ---- pixels ---- */

typedef struct pixel_job {
    const views *views;
    const int64_t *rows;
    scratch *scratches; /* (workers) */
    float *out;
} pixel_job;

static tacit_status fill_row(void *user, int64_t i, int worker)
{
    const pixel_job *j = user;
    return views_raw(j->views, j->rows[i], &j->scratches[worker], j->out + i * views_raw_width(j->views));
}

tacit_status evaluate_pixels(work *w, const views *v, const int64_t *rows, int64_t count, float *out)
{
    pixel_job j = {.views = v, .rows = rows, .out = out};
    j.scratches = memory_alloc(w->context, (size_t)w->workers, sizeof *j.scratches);
    if (!j.scratches)
        return TACIT_NOMEM;
    for (int i = 0; i < w->workers; i++)
        scratch_init(&j.scratches[i], w->context);
    const tacit_status status = blocks_run(w, count, fill_row, &j);
    for (int i = 0; i < w->workers; i++)
        scratch_fini(&j.scratches[i]);
    memory_free(w->context, j.scratches);
    return status;
}

/* ---- scores ---- */

/* Standardised copies of both parts, for the neighbours. */
static tacit_status vote(work *w, labelled train, labelled test, int32_t classes,
                         const tacit_evaluation_options *o, float *space, int32_t *predicted)
{
    const int64_t columns = train.features.columns, n = train.features.rows, m = test.features.rows;
    float *mean = space, *deviation = mean + columns, *keys = deviation + columns,
          *queries = keys + n * columns;
    TRY(columns_measure(w, train.features, mean, deviation));
    TRY(rows_standardise(w, train.features, NULL, n, mean, deviation, keys));
    TRY(rows_standardise(w, test.features, NULL, m, mean, deviation, queries));
    const int k = o->neighbours < n ? o->neighbours : (int)n;
    return neighbours_classify(w, (matrix){m, columns, queries}, (matrix){n, columns, keys}, train.labels,
                               classes, k, (float)o->temperature, predicted);
}

static tacit_status score_neighbours(work *w, labelled train, labelled test, int32_t classes,
                                     const tacit_evaluation_options *o, double *out)
{
    const int64_t rows = train.features.rows + test.features.rows + 2;
    float *space = memory_alloc(w->context, (size_t)(rows * train.features.columns), sizeof *space);
    int32_t *predicted = memory_alloc(w->context, (size_t)test.features.rows, sizeof *predicted);
    tacit_status status = TACIT_NOMEM;
    if (space && predicted)
        status = vote(w, train, test, classes, o, space, predicted);
    if (status == TACIT_OK)
        *out = accuracy_of(predicted, test.labels, test.features.rows);
    memory_free(w->context, space);
    memory_free(w->context, predicted);
    return status;
}

static tacit_status score_linear(work *w, labelled train, labelled test, int32_t classes,
                                 const tacit_evaluation_options *o, tacit_scores *out)
{
    probe p = {0};
    int32_t *predicted = memory_alloc(w->context, (size_t)test.features.rows, sizeof *predicted);
    tacit_status status = TACIT_NOMEM;
    if (predicted)
        status = probe_select(&p, w, train.features, train.labels, classes, NULL, 0, o->seed);
    if (status == TACIT_OK)
        status = probe_predict(&p, w, test.features, predicted);
    if (status == TACIT_OK) {
        out->linear = accuracy_of(predicted, test.labels, test.features.rows);
        out->l2 = p.l2;
    }
    probe_fini(&p);
    memory_free(w->context, predicted);
    return status;
}

static tacit_status score_few(work *w, labelled train, labelled test, int32_t classes,
                              const tacit_evaluation_options *o, tacit_scores *out)
{
    for (int i = 0; i < TACIT_FEW_LABELS; i++) {
        few_labels_result r;
        out->few_mean[i] = out->few_deviation[i] = (double)NAN;
        if (o->few_labels[i] < 1)
            continue;
        TRY(few_labels_evaluate(w, train.features, train.labels, test.features, test.labels, classes,
                                o->few_labels[i], o->draws, o->seed, &r));
        out->few_mean[i] = r.mean;
        out->few_deviation[i] = r.deviation;
    }
    return TACIT_OK;
}

tacit_status evaluate_features(work *w, labelled train, labelled test, int32_t classes,
                               const tacit_evaluation_options *o, tacit_scores *out)
{
    TRY(score_neighbours(w, train, test, classes, o, &out->knn));
    TRY(score_linear(w, train, test, classes, o, out));
    return score_few(w, train, test, classes, o, out);
}
