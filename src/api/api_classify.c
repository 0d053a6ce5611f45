/* tacit.h: using classifiers. */
#include "api/classifier.h"
#include "base/file.h"
#include "train/embedder.h"
#include "use/calibration.h"
#include "use/class_list.h"
#include "use/confusion.h"
#include "use/export.h"
#include "use/linear_head.h"

#include <math.h>
#include <string.h>

/* ---- embeddings and logits ---- */

tacit_status classifier_embed(tacit_model *model, const tacit_dataset *data, const int64_t *rows,
                              int64_t count, float **out)
{
    /* A method's own embedding (a code) is left aside: classes are told from what the encoder knows. */
    const learner *l = model->learner;
    learner encoder_only = *l;
    objective plain = *l->method.objective;
    dataset shown;
    views *v = NULL;
    embedder *e = NULL;
    plain.embed = NULL;
    encoder_only.method.objective = &plain;
    encoder_only.method.width = l->encoder->width;
    *out = memory_alloc(model->context, (size_t)count, (size_t)l->encoder->width * sizeof **out);
    tacit_status status = *out ? handle_model_views(model, data, &shown, &v) : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = embedder_create(&e, &encoder_only, v, model->work, true);
    if (status == TACIT_OK)
        status = embedder_run(e, rows, 0, count, *out, NULL, NULL);
    embedder_destroy(e);
    if (v)
        v->destroy(v);
    return status;
}

tacit_status classifier_logits(const tacit_model *model, matrix features, float *logits)
{
    const parameters *p = &model->learner->parameters;
    const parameter *wei = parameters_find(p, "head.weight"), *bias = parameters_find(p, "head.bias");
    return linear_logits(model->work, features, p->block + wei->offset, p->block + bias->offset,
                         (int32_t)wei->shape.size[0], logits);
}

/* ---- classes ---- */

const char *tacit_model_class(const tacit_model *model, int32_t i)
{
    return i >= 0 && i < model->classes.count ? model->classes.names[i] : "";
}

static tacit_status check(const tacit_model *model)
{
    if (!classifier_is(model->record.settings))
        return context_fail(model->context, TACIT_ARGUMENT,
                            "the model is a run of %s, not a classifier: make one with `tacit classify fit`",
                            settings_text(model->record.settings, "method"));
    if (model->classes.count == 0)
        return context_fail(model->context, TACIT_STATE,
                            "the classifier is not finished: go on with `tacit resume`");
    return TACIT_OK;
}

/* The classifier's class of each label of the data, -1: it knows none of that name. */
static int32_t *match_labels(const tacit_model *model, const dataset *d)
{
    char name[LABEL_TEXT];
    int32_t *known = memory_alloc(model->context, (size_t)d->label_count, sizeof *known);
    for (int32_t i = 0; known && i < d->label_count; i++) {
        dataset_label_text(d, i, name, sizeof name);
        known[i] = class_list_find(&model->classes, name);
    }
    return known;
}

/* Logits of the examples whose label is known to the front, in order. */
static int64_t keep_known(const tacit_model *model, const dataset *d, const int32_t *known, float *logits,
                          int32_t *label)
{
    const size_t classes = (size_t)model->classes.count;
    int64_t kept = 0;
    for (int64_t i = 0; i < d->count; i++) {
        if (known[d->labels[i]] < 0)
            continue;
        label[kept] = known[d->labels[i]];
        memmove(logits + (size_t)kept++ * classes, logits + (size_t)i * classes, classes * sizeof *logits);
    }
    return kept;
}

static void measure(const tacit_model *model, const float *logits, const int32_t *label, int64_t count,
                    tacit_classification *out)
{
    const int32_t classes = model->classes.count;
    const calibration c = calibration_measure(logits, label, count, classes, model->classes.temperature);
    out->accuracy = c.accuracy;
    out->error = c.error;
    out->loss = c.loss;
    out->error_before = calibration_measure(logits, label, count, classes, 1.0).error;
}

/* `logits` are spoilt. */
static tacit_status judge(const tacit_model *model, const dataset *d, const int32_t *predicted, float *logits,
                          int64_t *confusion_counts, tacit_classification *out)
{
    const int32_t classes = model->classes.count;
    if (confusion_counts)
        memset(confusion_counts, 0, (size_t)classes * (size_t)classes * sizeof *confusion_counts);
    if (!d->labels)
        return TACIT_OK;
    int32_t *known = match_labels(model, d);
    int32_t *label = memory_alloc(model->context, (size_t)d->count, sizeof *label);
    if (known && label) {
        for (int64_t i = 0; confusion_counts && i < d->count; i++)
            if (known[d->labels[i]] >= 0)
                confusion_counts[(int64_t)known[d->labels[i]] * classes + predicted[i]]++;
        out->measured = keep_known(model, d, known, logits, label);
        out->strangers = d->count - out->measured;
        if (out->measured > 0)
            measure(model, logits, label, out->measured, out);
    }
    const tacit_status status = known && label ? TACIT_OK : TACIT_NOMEM;
    memory_free(model->context, known);
    memory_free(model->context, label);
    return status;
}

static tacit_status classify(tacit_model *model, const tacit_dataset *data, int32_t *predicted,
                             float *probability, int64_t *counts, tacit_classification *out)
{
    const dataset *d = data->data;
    const int32_t classes = model->classes.count;
    float *features = NULL;
    float *logits = memory_alloc(model->context, (size_t)d->count, (size_t)classes * sizeof *logits);
    tacit_status status = logits ? classifier_embed(model, data, NULL, d->count, &features) : TACIT_NOMEM;
    if (status == TACIT_OK)
        status =
            classifier_logits(model, (matrix){d->count, learner_width(model->learner), features}, logits);
    memory_free(model->context, features);
    for (int64_t i = 0; status == TACIT_OK && i < d->count; i++)
        predicted[i] = calibration_softmax(logits + i * classes, classes, model->classes.temperature,
                                           probability + i * classes);
    if (status == TACIT_OK)
        status = judge(model, d, predicted, logits, counts, out);
    memory_free(model->context, logits);
    return status;
}

tacit_status tacit_classify(tacit_model *model, const tacit_dataset *data, int32_t *predicted,
                            float *probability, int64_t *confusion_counts, tacit_classification *out,
                            void (*stage)(void *user, const char *what), void *user)
{
    const double unknown = (double)NAN;
    context_begin(model->context);
    *out = (tacit_classification){.count = data->data->count,
                                  .accuracy = unknown,
                                  .error = unknown,
                                  .error_before = unknown,
                                  .loss = unknown};
    TRY(check(model));
    if (stage)
        stage(user, "classes");
    const tacit_status status = classify(model, data, predicted, probability, confusion_counts, out);
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    return status;
}

/* ---- files ---- */

static tacit_status save_predictions(const tacit_model *model, const dataset *d, const int32_t *predicted,
                                     const float *probability, const char *path)
{
    file_writer w;
    TRY(file_writer_open(&w, model->context, path));
    file_writer_print(&w, "name,label,predicted,probability\n");
    for (int64_t i = 0; i < d->count; i++) {
        export_names(&w, d, i);
        export_quoted(&w, model->classes.names[predicted[i]]);
        file_writer_print(&w, ",%.6g\n", (double)probability[i * model->classes.count + predicted[i]]);
    }
    return file_writer_commit(&w);
}

static tacit_status check_predicted(const tacit_model *model, const dataset *d, const int32_t *predicted)
{
    for (int64_t i = 0; i < d->count; i++)
        if (predicted[i] < 0 || predicted[i] >= model->classes.count)
            return context_fail(model->context, TACIT_ARGUMENT,
                                "example %lld is of class %d, outside 0 to %d", (long long)i,
                                (int)predicted[i], (int)model->classes.count - 1);
    return TACIT_OK;
}

static tacit_status save_all(const tacit_model *model, const dataset *d, const int32_t *predicted,
                             const float *probability, const int64_t *counts, char *const paths[3])
{
    const confusion c = {counts, (const char *const *)model->classes.names, model->classes.count};
    if (!paths[0] || !paths[1] || !paths[2])
        return TACIT_NOMEM;
    TRY(save_predictions(model, d, predicted, probability, paths[0]));
    if (!counts)
        return TACIT_OK;
    TRY(confusion_write_csv(model->context, paths[1], &c));
    return c.classes <= CONFUSION_DRAWN ? confusion_draw(model->context, paths[2], &c) : TACIT_OK;
}

tacit_status tacit_classify_save(const tacit_model *model, const tacit_dataset *data,
                                 const int32_t *predicted, const float *probability, const int64_t *counts,
                                 const char *folder)
{
    static const char *const names[] = {"predictions.csv", "confusion.csv", "confusion.png"};
    char *paths[3];
    context_begin(model->context);
    TRY(check(model));
    TRY(check_predicted(model, data->data, predicted));
    TRY(folder_create(model->context, folder));
    for (int i = 0; i < 3; i++)
        paths[i] = path_join(model->context, folder, names[i]);
    const tacit_status status = save_all(model, data->data, predicted, probability, counts, paths);
    for (int i = 0; i < 3; i++)
        memory_free(model->context, paths[i]);
    return status;
}
