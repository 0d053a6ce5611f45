/* tacit.h: making classifiers. */
#include "api/classifier.h"
#include "base/file.h"
#include "train/config.h"
#include "train/embedder.h"
#include "train/trainer.h"
#include "use/calibration.h"
#include "use/class_list.h"
#include "use/linear_head.h"

#include <math.h>
#include <string.h>

tacit_classify_options tacit_classify_options_default(void)
{
    return (tacit_classify_options){.how = TACIT_CLASSIFY_LINEAR, .held_out = 0.2, .seed = 1};
}

/* ---- settings ---- */

/* What the classifier takes over from the model it is made of, beside its encoder. */
static const char *const inherited[] = {"preset", "header", "label", "group", NULL};
static const char *const inherited_of_texts[] = {"dropout", "unit", "field", "bytes", NULL};

static tacit_status inherit(settings *s, const settings *from, const char *const *names)
{
    for (; *names; names++)
        if (!settings_is_auto(from, *names))
            TRY(settings_set(s, *names, settings_text(from, *names)));
    return TACIT_OK;
}

/* About 30,000 views of examples in all, so that few labels are seen often enough and many not too often. */
static int64_t default_epochs(int64_t examples)
{
    const int64_t epochs = 30000 / examples;
    return epochs < 10 ? 10 : (epochs > 200 ? 200 : epochs);
}

static tacit_status fill_settings(settings *s, const tacit_model *model, const dataset *d,
                                  const tacit_classify_options *o)
{
    const settings *from = model->record.settings;
    TRY(inherit(s, from, config_of_encoders));
    TRY(inherit(s, from, inherited));
    if (model->record.tokenizer) {
        TRY(inherit(s, from, config_of_words));
        TRY(inherit(s, from, inherited_of_texts));
    }
    if (o->how == TACIT_CLASSIFY_SCRATCH)
        TRY(settings_default(s, "layer-decay", "1"));
    TRY(settings_set_whole(s, "classes", d->label_count));
    TRY(settings_set_whole(s, "labels", o->labels));
    TRY(settings_set_number(s, "held-out", o->how == TACIT_CLASSIFY_LINEAR ? 0.0 : o->held_out));
    TRY(settings_set_whole(s, "seed", (int64_t)o->seed));
    for (const char *const *pair = o->settings; pair && pair[0]; pair += 2)
        TRY(settings_set(s, pair[0], pair[1]));
    return TACIT_OK;
}

bool classifier_is(const settings *s)
{
    return objective_find(settings_text(s, "method"))->family == SUPERVISED;
}

static tacit_status no_labels(tacit_context *context)
{
    return context_fail(
        context, TACIT_ARGUMENT,
        "the data have no labels: expected a folder for each class, a label file beside IDX, or "
        "--label COLUMN of a table");
}

tacit_status classifier_parts(label_parts *out, const dataset *d, const settings *s)
{
    *out = (label_parts){.context = d->context};
    if (!d->labels)
        return no_labels(d->context);
    return label_parts_create(out, d->context, d->labels, d->count, d->label_count,
                              settings_whole(s, "labels"), settings_number(s, "held-out"),
                              (uint64_t)settings_whole(s, "seed"));
}

/* ---- what one fit works on ---- */

typedef struct fit {
    tacit_context *context;
    tacit_model *model;
    const tacit_dataset *data;
    const dataset *d; /* its examples */
    const char *folder;
    const tacit_train_options *train;
    settings *settings;
    label_parts parts;
    float *features; /* (d->count, columns), of all examples */
    linear_head head;
    tacit_classifier *out;
    void (*stage)(void *user, const char *what);
    void *user;
} fit;

static void say(const fit *f, const char *what)
{
    if (f->stage)
        f->stage(f->user, what);
}

static labelled labelled_of(const fit *f)
{
    return (labelled){.features = {f->d->count, f->model->learner->encoder->width, f->features},
                      .labels = f->d->labels,
                      .classes = f->d->label_count,
                      .rows = f->parts.rows,
                      .count = f->parts.kept};
}

static void take_calibration(tacit_classifier *out, const float *logits, const int32_t *label, int64_t count,
                             int32_t classes)
{
    out->held_out = count;
    if (count == 0)
        return;
    out->temperature = calibration_temperature(logits, label, count, classes);
    const calibration c = calibration_measure(logits, label, count, classes, out->temperature);
    out->accuracy = c.accuracy;
    out->error = c.error;
    out->error_before = calibration_measure(logits, label, count, classes, 1.0).error;
}

/* ---- a linear layer ---- */

static tacit_status fit_head(fit *f)
{
    const labelled x = labelled_of(f);
    TRY(linear_head_fit(&f->head, f->model->work, &x, (uint64_t)settings_whole(f->settings, "seed")));
    f->out->l2 = f->head.l2;
    return TACIT_OK;
}

static tacit_status calibrate_head(fit *f)
{
    const labelled x = labelled_of(f);
    int64_t judged = 0;
    float *logits = memory_alloc(f->context, (size_t)x.count, (size_t)x.classes * sizeof *logits);
    int32_t *label = memory_alloc(f->context, (size_t)x.count, sizeof *label);
    tacit_status status = TACIT_NOMEM;
    if (logits && label)
        status = linear_head_cross_fit(f->model->work, &x, f->head.l2,
                                       (uint64_t)settings_whole(f->settings, "seed"), logits, label, &judged);
    if (status == TACIT_OK)
        take_calibration(f->out, logits, label, judged, x.classes);
    memory_free(f->context, logits);
    memory_free(f->context, label);
    return status;
}

/* Encoder as it is, and the head, as one learner. */
static tacit_status join(const fit *f, learner **out)
{
    TRY(learner_create(out, f->context, f->settings, handle_model_shape(&f->model->record)));
    parameters *p = &(*out)->parameters;
    parameters_take(p, &f->model->learner->parameters);
    if (!f->head.wei)
        return TACIT_OK;
    memcpy(p->block + parameters_find(p, "head.weight")->offset, f->head.wei,
           (size_t)f->head.classes * (size_t)f->head.columns * sizeof(float));
    memcpy(p->block + parameters_find(p, "head.bias")->offset, f->head.bias,
           (size_t)f->head.classes * sizeof(float));
    return TACIT_OK;
}

static data_source source_of(const fit *f)
{
    data_source source = handle_source(f->data);
    source.examples = f->parts.kept;
    source.channels = f->model->record.channels;
    source.table = f->model->record.table;
    return source;
}

static tacit_status write_linear(const fit *f, const learner *l)
{
    const data_source source = source_of(f);
    const run_record *r = &f->model->record;
    const run_numbers n = {
        .tokenizer = r->tokenizer, .mean = r->mean, .deviation = r->deviation, .complete = true};
    char *config = path_join(f->context, f->folder, "config.json");
    char *folder = path_join(f->context, f->folder, "model");
    tacit_status status = TACIT_NOMEM;
    if (config && folder)
        status = run_create(f->context, f->folder, f->train && f->train->overwrite);
    if (status == TACIT_OK)
        status = run_write_config(f->context, config, f->settings, &source, l, &n);
    if (status == TACIT_OK)
        status = run_write_model(f->context, folder, f->settings, &source, l, &n);
    if (status == TACIT_OK)
        status = class_list_write(f->d, f->out->temperature, folder);
    memory_free(f->context, config);
    memory_free(f->context, folder);
    return status;
}

static tacit_status make_linear(fit *f)
{
    learner *l = NULL;
    say(f, "a linear layer");
    TRY(config_resolve_data(f->settings, f->context, f->d));
    TRY(fit_head(f));
    say(f, "its temperature, by cross-fitting");
    TRY(calibrate_head(f));
    tacit_status status = join(f, &l);
    if (status == TACIT_OK)
        status = write_linear(f, l);
    learner_destroy(l);
    return status;
}

/* ---- the whole network ---- */

static tacit_status check_columns(const fit *f)
{
    const row_table *wanted = f->model->record.table;
    if (wanted && !table_equal(wanted, f->d->table))
        return context_fail(
            f->context, TACIT_ARGUMENT,
            "fine-tuning needs the columns and categories that the model was trained with, and in "
            "their order: a linear layer finds them by name");
    return TACIT_OK;
}

static tacit_status train_on(fit *f, const dataset *part, const learner *start)
{
    const data_source source = source_of(f);
    const run_record *r = &f->model->record;
    const trainer_start from = {.mean = r->mean,
                                .deviation = r->deviation,
                                .parameters = start ? &start->parameters : NULL,
                                .tokenizer = r->tokenizer};
    TRY(settings_resolve_whole(f->settings, "batch", part->count < 64 ? part->count : 64));
    TRY(settings_resolve_whole(f->settings, "epochs", default_epochs(part->count)));
    return trainer_train(f->context, f->settings, part, &source, f->folder, &from, f->train);
}

/* The examples that are learnt from, as the model takes them. */
static tacit_status train_network(fit *f, const learner *start)
{
    dataset shown = *f->d, part = {.context = NULL};
    if (!shown.table && shown.channels != f->model->record.channels) {
        shown.channels = f->model->record.channels;
        shown.cache = NULL; /* what is kept there has the data's own channels */
    }
    tacit_status status = dataset_subset(&part, &shown, f->parts.rows, f->parts.kept);
    if (status == TACIT_OK)
        status = train_on(f, &part, start);
    dataset_subset_end(&part);
    return status;
}

static tacit_status make_network(fit *f, bool from_scratch)
{
    learner *l = NULL;
    TRY(check_columns(f));
    if (!from_scratch) {
        say(f, "a linear layer to begin with");
        TRY(fit_head(f));
        const tacit_status status = join(f, &l);
        if (status != TACIT_OK) {
            learner_destroy(l);
            return status;
        }
    }
    say(f, "training");
    tacit_status status = train_network(f, l);
    learner_destroy(l);
    if (status == TACIT_OK)
        status = classifier_finish(f->context, f->folder, f->data, f->out);
    return status;
}

/* ---- the temperature of a trained network ---- */

static tacit_status calibrate_model(tacit_model *m, const tacit_dataset *data, const label_parts *parts,
                                    tacit_classifier *out)
{
    const int32_t classes = data->data->label_count;
    float *features = NULL;
    const int64_t *rows = parts->rows + parts->kept;
    float *logits = memory_alloc(m->context, (size_t)parts->held, (size_t)classes * sizeof *logits);
    int32_t *label = memory_alloc(m->context, (size_t)parts->held, sizeof *label);
    tacit_status status =
        logits && label ? classifier_embed(m, data, rows, parts->held, &features) : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = classifier_logits(m, (matrix){parts->held, learner_width(m->learner), features}, logits);
    if (status == TACIT_OK) {
        for (int64_t i = 0; i < parts->held; i++)
            label[i] = data->data->labels[rows[i]];
        take_calibration(out, logits, label, parts->held, classes);
    }
    memory_free(m->context, features);
    memory_free(m->context, logits);
    memory_free(m->context, label);
    return status;
}

static tacit_status finish_model(tacit_model *m, const char *head, const tacit_dataset *data,
                                 tacit_classifier *out)
{
    label_parts parts;
    TRY(classifier_parts(&parts, data->data, m->record.settings));
    out->learnt = parts.kept;
    out->classes = data->data->label_count;
    tacit_status status = parts.held > 0 ? calibrate_model(m, data, &parts, out) : TACIT_OK;
    char *folder = status == TACIT_OK ? path_join(m->context, head, "model") : NULL;
    if (status == TACIT_OK)
        status = folder ? class_list_write(data->data, out->temperature, folder) : TACIT_NOMEM;
    memory_free(m->context, folder);
    label_parts_fini(&parts);
    return status;
}

static tacit_classifier nothing_known(void)
{
    const double unknown = (double)NAN;
    return (tacit_classifier){
        .temperature = 1.0, .accuracy = unknown, .error = unknown, .error_before = unknown, .l2 = unknown};
}

tacit_status classifier_finish(tacit_context *context, const char *head, const tacit_dataset *data,
                               tacit_classifier *out)
{
    tacit_classifier own = nothing_known();
    tacit_model *m;
    TRY(tacit_model_open(&m, context, head));
    const tacit_status status = finish_model(m, head, data, out ? out : &own);
    tacit_model_close(m);
    return status;
}

/* ---- entry ---- */

static tacit_status check(const fit *f, const tacit_classify_options *o)
{
    if (!f->d->labels)
        return no_labels(f->context);
    if (f->d->label_count < 2)
        return context_fail(f->context, TACIT_ARGUMENT,
                            "the data have one class, \"%s\": expected two or more to tell apart",
                            tacit_dataset_label_name(f->data, 0));
    if (o->labels < 0 || !(o->held_out >= 0.0 && o->held_out <= 0.9))
        return context_fail(f->context, TACIT_ARGUMENT,
                            "classify: %lld labels a class, %g held out: expected 0 or more, and 0 to 0.9",
                            (long long)o->labels, o->held_out);
    return run_check(f->context, f->folder, f->train && f->train->overwrite);
}

static tacit_status prepare(fit *f, const tacit_classify_options *o)
{
    TRY(check(f, o));
    TRY(config_create(&f->settings, f->context, "classify"));
    TRY(fill_settings(f->settings, f->model, f->d, o));
    TRY(classifier_parts(&f->parts, f->d, f->settings));
    f->out->learnt = f->parts.kept;
    f->out->classes = f->d->label_count;
    if (o->how == TACIT_CLASSIFY_SCRATCH)
        return TACIT_OK;
    say(f, "embeddings");
    return classifier_embed(f->model, f->data, NULL, f->d->count, &f->features);
}

tacit_status tacit_classify_fit(tacit_model *model, const tacit_dataset *data, const char *head,
                                const tacit_classify_options *options, const tacit_train_options *train,
                                tacit_classifier *out, void (*stage)(void *user, const char *what),
                                void *user)
{
    const tacit_classify_options standard = tacit_classify_options_default();
    const tacit_classify_options *o = options ? options : &standard;
    fit f = {.context = model->context,
             .model = model,
             .data = data,
             .d = data->data,
             .folder = head,
             .train = train,
             .out = out,
             .stage = stage,
             .user = user};
    context_begin(model->context);
    *out = nothing_known();
    tacit_status status = prepare(&f, o);
    if (status == TACIT_OK)
        status = o->how == TACIT_CLASSIFY_LINEAR ? make_linear(&f)
                                                 : make_network(&f, o->how == TACIT_CLASSIFY_SCRATCH);
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    linear_head_fini(&f.head);
    label_parts_fini(&f.parts);
    memory_free(f.context, f.features);
    settings_destroy(f.settings);
    return status;
}
