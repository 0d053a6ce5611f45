/* tacit.h: odd ones out. */
#include "api/embedded.h"
#include "base/file.h"
#include "base/philox.h"
#include "use/anomaly.h"
#include "use/export.h"
#include "use/predictability.h"
#include "use/ranking.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One in HELD_OUT of the normal examples gives the threshold. */
enum { HELD_OUT = 5, HELD_OUT_EPOCH = 77, SHEET_ROWS = 16, SHEET_COLUMNS = 8 };

tacit_anomaly_options tacit_anomaly_options_default(void)
{
    return (tacit_anomaly_options){.neighbours = 5, .false_alarms = 0.01, .normal = -1, .seed = 1};
}

/* What one call works on. */
typedef struct detection {
    tacit_context *context;
    work *work;
    const tacit_anomaly_options *options;
    embedded data, fit; /* fit is not open when the data are their own reference */
    int64_t fitted;     /* rows of the reference; of fit the first, the others are held out */
    double *calm;       /* (TACIT_ODD_SCORES, held out or N): scores of normal examples, for the threshold */
    int64_t calm_count;
    int32_t *found; /* (N, k): rows of the reference */
} detection;

static void say(void (*stage)(void *user, const char *what), void *user, const char *what)
{
    if (stage)
        stage(user, what);
}

/* ---- scores ---- */

/* Both scores of the queries, into score (count) and score + stride. */
static tacit_status score_rows(const detection *d, const gaussian *g, matrix queries, matrix normal,
                               bool leave_out, double *score, int64_t stride, int32_t *found)
{
    TRY(anomaly_neighbours(d->work, queries, normal, leave_out, d->options->neighbours, score, found));
    return gaussian_score(g, d->work, queries, score + stride);
}

static tacit_status score_with(detection *d, const gaussian *g, matrix normal, double *scores)
{
    const matrix queries = embedded_matrix(&d->data);
    const bool own = !d->fit.model;
    TRY(score_rows(d, g, queries, normal, own, scores, queries.rows, d->found));
    if (own) {
        memcpy(d->calm, scores, sizeof *scores * TACIT_ODD_PREDICTION * (size_t)queries.rows);
        return TACIT_OK;
    }
    const matrix held = {d->calm_count, normal.columns, normal.data + normal.rows * normal.columns};
    int32_t *unused =
        memory_alloc(d->context, (size_t)held.rows, (size_t)d->options->neighbours * sizeof *unused);
    if (!unused)
        return TACIT_NOMEM;
    const tacit_status status = score_rows(d, g, held, normal, false, d->calm, held.rows, unused);
    memory_free(d->context, unused);
    return status;
}

static tacit_status score_all(detection *d, double *scores)
{
    gaussian g;
    const embedded *reference = d->fit.model ? &d->fit : &d->data;
    const matrix normal = {d->fitted, reference->columns, reference->features};
    TRY(gaussian_fit(&g, d->work, normal));
    const tacit_status status = score_with(d, &g, normal, scores);
    gaussian_fini(&g);
    return status;
}

/* How badly examples are predicted: of the data, and of the normal ones that are held out. */
static tacit_status score_prediction(detection *d, double *scores)
{
    const learner *l = d->data.model->learner;
    double *calm = d->calm + TACIT_ODD_PREDICTION * d->calm_count;
    const bool own = !d->fit.model;
    if (!predictability_has(l)) {
        for (int64_t i = 0; i < d->data.count; i++)
            scores[i] = (double)NAN;
        return TACIT_OK;
    }
    TRY(predictability_run(l, d->data.views, d->work, d->data.rows, d->data.count, scores));
    if (!own)
        return predictability_run(l, d->fit.views, d->work, d->fit.rows + d->fitted, d->calm_count, calm);
    memcpy(calm, scores, sizeof *scores * (size_t)d->data.count);
    return TACIT_OK;
}

/* ---- the reference ---- */

/* Keyed order of the normal examples: the last fifth of it is held out. */
static tacit_status hold_out(detection *d)
{
    embedded *e = &d->fit;
    int64_t *rows = memory_alloc(d->context, (size_t)e->count, sizeof *rows);
    if (!rows)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < e->count; i++)
        rows[i] = e->rows[draw_permuted(d->options->seed, DRAW_LABELS, HELD_OUT_EPOCH, (uint64_t)e->count,
                                        (uint64_t)i)];
    memcpy(e->rows, rows, sizeof *rows * (size_t)e->count);
    memory_free(d->context, rows);
    d->calm_count = (e->count + HELD_OUT - 1) / HELD_OUT;
    d->fitted = e->count - d->calm_count;
    return TACIT_OK;
}

/* The normal label by the number that `fit` has for it; -1: all of it is normal. */
static tacit_status normal_of(const detection *d, const dataset *fit, int32_t *out)
{
    char name[LABEL_TEXT];
    *out = -1;
    if (d->options->normal < 0 || !fit->labels)
        return TACIT_OK;
    dataset_label_text(&d->data.shown, d->options->normal, name, sizeof name);
    *out = dataset_find_label(fit, name);
    return *out >= 0 ? TACIT_OK
                     : context_fail(d->context, TACIT_ARGUMENT,
                                    "none of the normal examples has the normal label \"%s\"", name);
}

static tacit_status open_reference(detection *d, tacit_model *model, const tacit_dataset *fit)
{
    if (fit) {
        int32_t normal;
        TRY(normal_of(d, fit->data, &normal));
        TRY(embedded_open(&d->fit, model, fit, normal));
        TRY(hold_out(d));
    } else
        d->fitted = d->calm_count = d->data.count;
    const int64_t least = d->options->neighbours + (fit ? 0 : 1);
    if (d->fitted < least || d->fitted < 2)
        return context_fail(d->context, TACIT_ARGUMENT,
                            "%" PRId64 " normal examples (%" PRId64
                            " held out): too few for %d neighbours, expected at least %" PRId64 " fitted",
                            d->fitted + (fit ? d->calm_count : 0), fit ? d->calm_count : 0,
                            d->options->neighbours, least < 2 ? 2 : least);
    d->calm = memory_alloc(d->context, (size_t)d->calm_count, TACIT_ODD_SCORES * sizeof *d->calm);
    d->found =
        memory_alloc(d->context, (size_t)d->data.count, (size_t)d->options->neighbours * sizeof *d->found);
    return d->calm && d->found ? TACIT_OK : TACIT_NOMEM;
}

static void detection_close(detection *d)
{
    embedded_close(&d->data);
    embedded_close(&d->fit);
    memory_free(d->context, d->calm);
    memory_free(d->context, d->found);
    if (d->context->cancelled)
        d->context->cancelled = 0;
}

/* ---- measures ---- */

static tacit_status rank(const detection *d, const double *score, const int32_t *labels, double *auroc,
                         double *precision)
{
    ranking r;
    bool *odd = memory_alloc(d->context, (size_t)d->data.count, sizeof *odd);
    if (!odd)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < d->data.count; i++)
        odd[i] = labels[i] != d->options->normal;
    const tacit_status status = ranking_create(&r, d->context, score, odd, d->data.count);
    if (status == TACIT_OK) {
        *auroc = ranking_auroc(&r);
        *precision = ranking_average_precision(&r);
        ranking_fini(&r);
    }
    memory_free(d->context, odd);
    return status;
}

static tacit_status measure(const detection *d, const double *score, double *calm, const int32_t *labels,
                            tacit_anomaly_measure *out)
{
    int64_t flagged[2] = {0, 0}, all[2] = {0, 0};
    const double none = (double)NAN;
    *out = (tacit_anomaly_measure){none, 0, none, none, none, none};
    if (isnan(score[0]))
        return TACIT_OK;
    out->threshold = anomaly_threshold(calm, d->calm_count, d->options->false_alarms);
    for (int64_t i = 0; i < d->data.count; i++) {
        const bool odd = labels && labels[i] != d->options->normal, above = score[i] > out->threshold;
        all[odd]++;
        flagged[odd] += above;
    }
    out->flagged = flagged[0] + flagged[1];
    if (!labels)
        return TACIT_OK;
    out->false_alarms = (double)flagged[0] / (double)all[0];
    out->found = (double)flagged[1] / (double)all[1];
    return rank(d, score, labels, &out->auroc, &out->average_precision);
}

static tacit_status measure_all(const detection *d, const tacit_dataset *data, const double *scores,
                                tacit_anomaly *out)
{
    const int32_t *labels = d->options->normal >= 0 ? data->data->labels : NULL;
    out->fitted = d->fitted;
    out->held_out = d->fit.model ? d->calm_count : 0;
    for (int s = 0; s < TACIT_ODD_SCORES; s++)
        TRY(measure(d, scores + s * d->data.count, d->calm + s * d->calm_count, labels, &out->measures[s]));
    return TACIT_OK;
}

static tacit_status check(tacit_context *context, const dataset *d, const tacit_anomaly_options *o)
{
    if (o->neighbours < 1 || !(o->false_alarms > 0.0 && o->false_alarms < 1.0))
        return context_fail(context, TACIT_ARGUMENT,
                            "anomaly: %d neighbours, false alarms %g: expected above 0, and 0 to 1",
                            o->neighbours, o->false_alarms);
    if (o->normal >= 0 && (!d->labels || o->normal >= d->label_count))
        return context_fail(context, TACIT_ARGUMENT,
                            "anomaly: label %d is to be normal, but the data have %d labels", (int)o->normal,
                            d->labels ? (int)d->label_count : 0);
    return TACIT_OK;
}

static tacit_status find_odd(detection *d, tacit_model *model, const tacit_dataset *data,
                             const tacit_dataset *fit, double *scores, int64_t *nearest, tacit_anomaly *out,
                             void (*stage)(void *user, const char *what), void *user)
{
    TRY(embedded_open(&d->data, model, data, -1));
    TRY(open_reference(d, model, fit));
    say(stage, user, "embeddings");
    TRY(embedded_run(&d->data));
    if (fit)
        TRY(embedded_run(&d->fit));
    say(stage, user, "scores");
    TRY(score_all(d, scores));
    say(stage, user, "errors of prediction");
    TRY(score_prediction(d, scores + TACIT_ODD_PREDICTION * d->data.count));
    const int64_t *rows = fit ? d->fit.rows : d->data.rows;
    for (int64_t i = 0; i < d->data.count * d->options->neighbours; i++)
        nearest[i] = rows[d->found[i]];
    return measure_all(d, data, scores, out);
}

tacit_status tacit_find_odd(tacit_model *model, const tacit_dataset *data, const tacit_dataset *fit,
                            const tacit_anomaly_options *options, double *scores, int64_t *nearest,
                            tacit_anomaly *out, void (*stage)(void *user, const char *what), void *user)
{
    const tacit_anomaly_options standard = tacit_anomaly_options_default();
    detection d = {.context = model->context, .work = model->work, .options = options ? options : &standard};
    context_begin(model->context);
    *out = (tacit_anomaly){.count = data->data->count};
    TRY(check(model->context, data->data, d.options));
    const tacit_status status = find_odd(&d, model, data, fit, scores, nearest, out, stage, user);
    detection_close(&d);
    return status;
}

/* ---- each class in turn ---- */

/* The fit rows of one class as a matrix of their own. */
static tacit_status score_class(detection *d, const dataset *fit, const dataset *data, int32_t label,
                                float *own, double *scores, double *auroc, int32_t classes)
{
    gaussian g;
    const int64_t columns = d->fit.columns;
    tacit_anomaly_options o = *d->options;
    double unused;
    char name[LABEL_TEXT];
    matrix normal = {0, columns, own};
    dataset_label_text(fit, label, name, sizeof name);
    o.normal = dataset_find_label(data, name);
    if (o.normal < 0)
        return context_fail(d->context, TACIT_ARGUMENT, "none of the data has the label \"%s\" of --fit",
                            name);
    for (int64_t i = 0; i < d->fit.count; i++)
        if (fit->labels[i] == label)
            memcpy(own + normal.rows++ * columns, d->fit.features + i * columns,
                   sizeof *own * (size_t)columns);
    detection one = *d;
    one.options = &o;
    TRY(gaussian_fit(&g, d->work, normal));
    tacit_status status =
        score_rows(&one, &g, embedded_matrix(&d->data), normal, false, scores, d->data.count, d->found);
    /* What a method predicts it has learnt from all classes. */
    auroc[TACIT_ODD_PREDICTION * classes + label] = (double)NAN;
    for (int s = 0; status == TACIT_OK && s < TACIT_ODD_PREDICTION; s++)
        status = rank(&one, scores + s * d->data.count, data->labels, &auroc[s * classes + label], &unused);
    gaussian_fini(&g);
    return status;
}

static tacit_status score_classes(detection *d, const dataset *fit, const dataset *data, double *auroc)
{
    const size_t numbers = (size_t)d->fit.columns;
    float *own = memory_alloc(d->context, (size_t)d->fit.count, numbers * sizeof *own);
    double *scores = memory_alloc(d->context, (size_t)d->data.count, TACIT_ODD_SCORES * sizeof *scores);
    d->found =
        memory_alloc(d->context, (size_t)d->data.count, (size_t)d->options->neighbours * sizeof *d->found);
    tacit_status status = own && scores && d->found ? TACIT_OK : TACIT_NOMEM;
    for (int32_t c = 0; status == TACIT_OK && c < fit->label_count; c++) {
        status = score_class(d, fit, data, c, own, scores, auroc, fit->label_count);
        if (status != TACIT_OK)
            context_wrap(d->context, status, "class %d", (int)c);
    }
    memory_free(d->context, own);
    memory_free(d->context, scores);
    return status;
}

tacit_status tacit_find_odd_classes(tacit_model *model, const tacit_dataset *data, const tacit_dataset *fit,
                                    const tacit_anomaly_options *options, double *auroc,
                                    void (*stage)(void *user, const char *what), void *user)
{
    const tacit_anomaly_options standard = tacit_anomaly_options_default();
    detection d = {.context = model->context, .work = model->work, .options = options ? options : &standard};
    context_begin(model->context);
    TRY(check(model->context, data->data, d.options));
    if (!data->data->labels || !fit->data->labels)
        return context_fail(model->context, TACIT_ARGUMENT,
                            "anomaly: each class in turn asks for labels in both parts of the data");
    tacit_status status = embedded_open(&d.data, model, data, -1);
    if (status == TACIT_OK)
        status = embedded_open(&d.fit, model, fit, -1);
    say(stage, user, "embeddings");
    if (status == TACIT_OK)
        status = embedded_run(&d.data);
    if (status == TACIT_OK)
        status = embedded_run(&d.fit);
    say(stage, user, "scores of each class");
    if (status == TACIT_OK)
        status = score_classes(&d, fit->data, data->data, auroc);
    detection_close(&d);
    return status;
}

/* ---- files ---- */

/* What is saved, and how. */
typedef struct saving {
    tacit_context *context;
    const dataset *data, *fit;
    const double *scores;
    const int64_t *nearest;
    int64_t *order; /* (N): oddest first */
    double threshold;
    int score, neighbours;
} saving;

typedef struct scored {
    double score;
    int64_t row;
} scored;

static int oddest_first(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static tacit_status order_rows(saving *s)
{
    const int64_t count = s->data->count;
    scored *sorted = memory_alloc(s->context, (size_t)count, sizeof *sorted);
    s->order = memory_alloc(s->context, (size_t)count, sizeof *s->order);
    tacit_status status = sorted && s->order ? TACIT_OK : TACIT_NOMEM;
    for (int64_t i = 0; status == TACIT_OK && i < count; i++)
        sorted[i] = (scored){s->scores[s->score * count + i], i};
    if (status == TACIT_OK)
        qsort(sorted, (size_t)count, sizeof *sorted, oddest_first);
    for (int64_t i = 0; status == TACIT_OK && i < count; i++)
        s->order[i] = sorted[i].row;
    memory_free(s->context, sorted);
    return status;
}

static void write_row(file_writer *w, const saving *s, int64_t rank_of)
{
    const int64_t i = s->order[rank_of], count = s->data->count;
    char name[1024];
    file_writer_print(w, "%" PRId64 ",", rank_of + 1);
    export_names(w, s->data, i);
    file_writer_print(w, "%d,%.9g,%.9g,", s->scores[s->score * count + i] > s->threshold, s->scores[i],
                      s->scores[count + i]);
    if (isfinite(s->scores[TACIT_ODD_PREDICTION * count + i]))
        file_writer_print(w, "%.9g", s->scores[TACIT_ODD_PREDICTION * count + i]);
    for (int k = 0; k < s->neighbours; k++) {
        dataset_name(s->fit, s->nearest[i * s->neighbours + k], name, sizeof name);
        file_writer_write(w, ",", 1);
        export_quoted(w, name);
    }
    file_writer_print(w, "\n");
}

static tacit_status save_scores(const saving *s, const char *folder)
{
    file_writer w;
    char *path = path_join(s->context, folder, "scores.csv");
    if (!path)
        return TACIT_NOMEM;
    const tacit_status status = file_writer_open(&w, s->context, path);
    memory_free(s->context, path);
    TRY(status);
    file_writer_print(&w, "rank,name,label,odd,neighbours,mahalanobis,prediction");
    for (int k = 0; k < s->neighbours; k++)
        file_writer_print(&w, ",nearest_%d", k + 1);
    file_writer_print(&w, "\n");
    for (int64_t i = 0; i < s->data->count; i++)
        write_row(&w, s, i);
    return file_writer_commit(&w);
}

static tacit_status save_oddest(const saving *s, tacit_model *model, const embedded *data,
                                const embedded *fit, const char *folder)
{
    static const char *const titles[SHEET_COLUMNS] = {"odd", "nearest", "", "", "", "", "", ""};
    const int rows = s->data->count < SHEET_ROWS ? (int)s->data->count : SHEET_ROWS;
    const int columns = s->neighbours + 1 < SHEET_COLUMNS ? s->neighbours + 1 : SHEET_COLUMNS;
    sheet_cell cells[SHEET_ROWS * SHEET_COLUMNS];
    for (int r = 0; r < rows; r++) {
        cells[r * columns] = (sheet_cell){data->views, s->order[r]};
        for (int k = 0; k + 1 < columns; k++)
            cells[r * columns + k + 1] =
                (sheet_cell){fit->views, s->nearest[s->order[r] * s->neighbours + k]};
    }
    return embedded_sheet(model, cells, rows, columns, titles, folder, "oddest.png");
}

static uint8_t to_byte(float x)
{
    const float y = 255.0f * x + 0.5f;
    return (uint8_t)(y > 0.0f ? (y < 255.0f ? y : 255.0f) : 0.0f);
}

/* Original, predicted, and where they differ: black as far as the method errs usually, white at 16 times
 * that. */
static void fill_heat_row(const float *original, const float *predicted, const float *heat, double usual,
                          int64_t pixels, int64_t channels, uint8_t *out)
{
    for (int64_t i = 0; i < pixels * channels; i++) {
        const double strength = (double)heat[i / channels] / (usual > 0 ? 16 * usual : 1);
        out[i] = to_byte(original[i]);
        out[pixels * channels + i] = to_byte(predicted[i]);
        out[2 * pixels * channels + i] = to_byte((float)strength);
    }
}

static double mean_heat(const float *heat, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)heat[i];
    return sum / (double)count;
}

static tacit_status draw_heat(const saving *s, tacit_model *model, const embedded *data, float *pictures,
                              const char *path)
{
    static const char *const titles[] = {"odd", "predicted", "error"};
    const shape v = data->views->shape;
    const int64_t size = shape_count(v), pixels = v.size[0] * v.size[1];
    const int64_t rows = s->data->count < SHEET_ROWS ? s->data->count : SHEET_ROWS;
    float *predicted = pictures + rows * size, *heat = predicted + rows * size;
    TRY(predictability_show(model->learner, data->views, model->work, s->order, rows, pictures, predicted,
                            heat));
    uint8_t *bytes = memory_alloc(s->context, (size_t)rows, 3 * (size_t)size);
    if (!bytes)
        return TACIT_NOMEM;
    for (int64_t r = 0; r < rows; r++)
        fill_heat_row(pictures + r * size, predicted + r * size, heat + r * pixels,
                      mean_heat(heat, rows * pixels), pixels, size / pixels, bytes + 3 * r * size);
    const sheet drawn = {(int)rows, 3, (int)v.size[0], (int)v.size[1], (int)v.size[2], bytes, titles};
    const tacit_status status = sheet_write(s->context, path, &drawn);
    memory_free(s->context, bytes);
    return status;
}

/* heat.png, of a model that predicts pictures: of the 16 oddest, where they could not be predicted. */
static tacit_status save_heat(const saving *s, tacit_model *model, const embedded *data, const char *folder)
{
    if (model->record.table || !predictability_has(model->learner))
        return TACIT_OK;
    const size_t numbers = (size_t)shape_count(data->views->shape);
    float *pictures = memory_alloc(s->context, 3 * SHEET_ROWS, numbers * sizeof *pictures);
    char *path = path_join(s->context, folder, "heat.png");
    const tacit_status status = pictures && path ? draw_heat(s, model, data, pictures, path) : TACIT_NOMEM;
    memory_free(s->context, pictures);
    memory_free(s->context, path);
    return status;
}

tacit_status tacit_find_odd_save(tacit_model *model, const tacit_dataset *data, const tacit_dataset *fit,
                                 int score, int neighbours, const double *scores, const int64_t *nearest,
                                 const tacit_anomaly *out, const char *folder)
{
    tacit_context *context = model->context;
    embedded shown = {.model = NULL}, reference = {.model = NULL};
    saving s = {.context = context,
                .data = data->data,
                .fit = fit ? fit->data : data->data,
                .scores = scores,
                .nearest = nearest,
                .score = score,
                .neighbours = neighbours};
    context_begin(context);
    if (score < 0 || score >= TACIT_ODD_SCORES || neighbours < 1)
        return context_fail(context, TACIT_ARGUMENT, "anomaly: score %d, %d neighbours", score, neighbours);
    s.threshold = out->measures[score].threshold;
    tacit_status status = folder_create(context, folder);
    if (status == TACIT_OK)
        status = order_rows(&s);
    if (status == TACIT_OK)
        status = save_scores(&s, folder);
    if (status == TACIT_OK)
        status = embedded_open(&shown, model, data, -1);
    if (status == TACIT_OK)
        status = embedded_open(&reference, model, fit ? fit : data, -1);
    if (status == TACIT_OK)
        status = save_oddest(&s, model, &shown, &reference, folder);
    if (status == TACIT_OK)
        status = save_heat(&s, model, &shown, folder);
    embedded_close(&shown);
    embedded_close(&reference);
    memory_free(context, s.order);
    return status;
}
