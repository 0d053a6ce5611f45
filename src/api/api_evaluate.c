/* tacit.h: evaluation. */
#include "api/handles.h"
#include "train/embedder.h"
#include "use/class_rows.h"
#include "use/evaluate.h"
#include "use/pca.h"

#include <math.h>
#include <string.h>

tacit_evaluation_options tacit_evaluation_options_default(void)
{
    return (tacit_evaluation_options){.neighbours = 20,
                                      .temperature = 0.07,
                                      .few_labels = {1, 5, 10, 100},
                                      .draws = 5,
                                      .seed = 1,
                                      .baselines = true};
}

/* One labelled set: which examples of which data, and their labels. */
enum { CALIBRATION_SAMPLE = 512 };

typedef struct part {
    const tacit_dataset *data;
    dataset shown;
    views *views;
    int64_t *rows;   /* (count) */
    int32_t *labels; /* (count) */
    int64_t count;
    float *features; /* (count, columns) of the representation at hand */
} part;

typedef struct evaluation {
    tacit_context *context;
    tacit_model *model;
    const tacit_evaluation_options *options;
    part train, test;
    int32_t classes;
    void (*stage)(void *user, const char *what);
    void *user;
} evaluation;

static void say(const evaluation *e, const char *what)
{
    if (e->stage)
        e->stage(e->user, what);
}

/* ---- the two parts ---- */

static tacit_status fill_part(evaluation *e, part *p, const tacit_dataset *data, const int64_t *rows,
                              int64_t count)
{
    p->data = data;
    p->count = count;
    p->rows = memory_alloc(e->context, (size_t)count, sizeof *p->rows);
    p->labels = memory_alloc(e->context, (size_t)count, sizeof *p->labels);
    if (!p->rows || !p->labels)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < count; i++) {
        p->rows[i] = rows ? rows[i] : i;
        p->labels[i] = data->data->labels[p->rows[i]];
    }
    return handle_model_views(e->model, data, &p->shown, &p->views);
}

/* A fifth of one labelled set, stratified and keyed, is the test part. */
static tacit_status split_fifth(evaluation *e, const tacit_dataset *data)
{
    const dataset *d = data->data;
    class_rows r;
    TRY(class_rows_create(&r, e->context, d->labels, d->count, d->label_count));
    int64_t *order = memory_alloc(e->context, (size_t)d->count, sizeof *order);
    tacit_status status = order ? TACIT_OK : TACIT_NOMEM;
    int64_t tests = 0, trains = d->count;
    for (int32_t c = 0; status == TACIT_OK && c < d->label_count; c++) {
        const int64_t all = class_rows_count(&r, c), fifth = (all + 2) / 5;
        class_rows_draw(&r, c, fifth, e->options->seed, 0, CLASS_ROWS_TEST);
        for (int64_t i = 0; i < all; i++)
            order[i < fifth ? tests++ : --trains] = r.rows[r.first[c] + i];
    }
    if (status == TACIT_OK && (tests < 1 || tests >= d->count))
        status = context_fail(e->context, TACIT_ARGUMENT,
                              "too few examples to hold a fifth out for testing: %lld", (long long)d->count);
    if (status == TACIT_OK)
        status = fill_part(e, &e->test, data, order, tests);
    if (status == TACIT_OK)
        status = fill_part(e, &e->train, data, order + tests, d->count - tests);
    memory_free(e->context, order);
    class_rows_fini(&r);
    return status;
}

static tacit_status check_labels(const evaluation *e, const tacit_dataset *data, const char *what)
{
    const dataset *d = data->data;
    if (!d->labels)
        return context_fail(e->context, TACIT_ARGUMENT,
                            "the %s data have no labels: there is nothing to evaluate against", what);
    if (d->label_count < 2)
        return context_fail(e->context, TACIT_ARGUMENT, "the %s data have only one label", what);
    return TACIT_OK;
}

/* Labels of the two sets are numbers; where they have names, those of the test set become the training set's
 * by name. */
static tacit_status match_labels(const evaluation *e, const dataset *train, const dataset *test)
{
    char name[LABEL_TEXT];
    for (int64_t i = 0; train->label_names && test->label_names && i < e->test.count; i++) {
        if (e->test.labels[i] < 0)
            continue;
        dataset_label_text(test, e->test.labels[i], name, sizeof name);
        e->test.labels[i] = dataset_find_label(train, name);
        if (e->test.labels[i] < 0)
            return context_fail(e->context, TACIT_ARGUMENT,
                                "label \"%s\" of the test data is none of the training data", name);
    }
    return TACIT_OK;
}

static tacit_status make_parts(evaluation *e, const tacit_dataset *train, const tacit_dataset *test)
{
    TRY(check_labels(e, train, "training"));
    e->classes = train->data->label_count;
    if (!test)
        return split_fifth(e, train);
    TRY(check_labels(e, test, "test"));
    if ((!train->data->label_names || !test->data->label_names) && test->data->label_count > e->classes)
        e->classes = test->data->label_count;
    TRY(fill_part(e, &e->train, train, NULL, train->data->count));
    TRY(fill_part(e, &e->test, test, NULL, test->data->count));
    return match_labels(e, train->data, test->data);
}

static void free_part(evaluation *e, part *p)
{
    if (p->views)
        p->views->destroy(p->views);
    memory_free(e->context, p->rows);
    memory_free(e->context, p->labels);
    memory_free(e->context, p->features);
}

/* ---- the representations ---- */

static tacit_status embed_part(const evaluation *e, const learner *l, part *p)
{
    embedder *how;
    memory_free(e->context, p->features);
    p->features = memory_alloc(e->context, (size_t)(p->count * learner_width(l)), sizeof *p->features);
    if (!p->features)
        return TACIT_NOMEM;
    TRY(embedder_create(&how, l, p->views, e->model->work, true));
    const tacit_status status = embedder_run(how, p->rows, 0, p->count, p->features, NULL, NULL);
    embedder_destroy(how);
    return status;
}

static tacit_status pixel_part(const evaluation *e, part *p)
{
    memory_free(e->context, p->features);
    p->features =
        memory_alloc(e->context, (size_t)(p->count * views_raw_width(p->views)), sizeof *p->features);
    if (!p->features)
        return TACIT_NOMEM;
    return evaluate_pixels(e->model->work, p->views, p->rows, p->count, p->features);
}

static tacit_status score(const evaluation *e, int64_t columns, tacit_scores *out)
{
    const labelled train = {{e->train.count, columns, e->train.features}, e->train.labels};
    const labelled test = {{e->test.count, columns, e->test.features}, e->test.labels};
    return evaluate_features(e->model->work, train, test, e->classes, e->options, out);
}

static tacit_status score_learner(evaluation *e, const learner *l, tacit_scores *out)
{
    TRY(embed_part(e, l, &e->train));
    TRY(embed_part(e, l, &e->test));
    return score(e, learner_width(l), out);
}

/* Batch norm as training would have measured it. */
static tacit_status calibrate(const evaluation *e, learner *l)
{
    embedder *how;
    const int64_t count = e->train.count < CALIBRATION_SAMPLE ? e->train.count : CALIBRATION_SAMPLE;
    TRY(embedder_create(&how, l, e->train.views, e->model->work, true));
    const tacit_status status = embedder_calibrate(how, &l->parameters, e->train.rows, count);
    embedder_destroy(how);
    return status;
}

/* The same encoder as it was before the first step. */
static tacit_status score_untrained(evaluation *e, tacit_scores *out)
{
    learner *l;
    const settings *s = e->model->record.settings;
    TRY(learner_create(&l, e->context, s, e->train.views->shape));
    parameters_initialise(&l->parameters, (uint64_t)settings_whole(s, "seed"));
    tacit_status status = calibrate(e, l);
    if (status == TACIT_OK)
        status = score_learner(e, l, out);
    learner_destroy(l);
    return status;
}

/* ---- a code beside principal components ---- */

static bool is_code(const learner *l)
{
    return l->method.objective->embed && l->method.objective->restore;
}

static double mean_of(const double *numbers, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += numbers[i];
    return sum / (double)count;
}

/* Test pictures made again from their codes. */
static tacit_status measure_reconstruction(const evaluation *e, double *out)
{
    embedder *how;
    double *errors = memory_alloc(e->context, (size_t)e->test.count, sizeof *errors);
    if (!errors)
        return TACIT_NOMEM;
    tacit_status status = embedder_create(&how, e->model->learner, e->test.views, e->model->work, true);
    if (status == TACIT_OK) {
        status = embedder_run_restore(how, e->test.rows, 0, e->test.count, errors, NULL, NULL);
        embedder_destroy(how);
    }
    if (status == TACIT_OK)
        *out = mean_of(errors, e->test.count);
    memory_free(e->context, errors);
    return status;
}

static matrix pixels_of(const part *p)
{
    return (matrix){p->count, views_raw_width(p->views), p->features};
}

/* Pixels of a part, in place of which its components come; with `error`, what is lost by it. */
static tacit_status to_components(const evaluation *e, const pca *p, part *of, double *error)
{
    const matrix pixels = pixels_of(of);
    float *codes = memory_alloc(e->context, (size_t)(of->count * p->components), sizeof *codes);
    float *again = error ? memory_alloc(e->context, (size_t)(of->count * p->columns), sizeof *again) : NULL;
    tacit_status status = codes && (again || !error) ? TACIT_OK : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = pca_transform(p, e->model->work, pixels, codes);
    if (status == TACIT_OK && error) {
        status = pca_reconstruct(p, e->model->work, (matrix){of->count, p->components, codes}, again);
        *error = pixel_square_error(&of->views->pixels, shape_last(of->views->shape), pixels.data, again,
                                    of->count * p->columns);
    }
    memory_free(e->context, again);
    memory_free(e->context, of->features);
    of->features = codes;
    return status;
}

/* Both parts hold their pixels. */
static tacit_status score_components(evaluation *e, tacit_evaluation *out)
{
    pca p;
    const int64_t width = learner_width(e->model->learner);
    const matrix pixels = pixels_of(&e->train);
    if (!is_code(e->model->learner) || pixels.columns > PCA_COLUMNS || width > pixels.columns)
        return TACIT_OK;
    say(e, "principal components of raw pixels");
    TRY(pca_fit(&p, e->model->work, pixels, width));
    tacit_status status = to_components(e, &p, &e->train, NULL);
    if (status == TACIT_OK)
        status = to_components(e, &p, &e->test, &out->components_reconstruction);
    if (status == TACIT_OK)
        status = score(e, width, &out->components);
    pca_fini(&p);
    return status;
}

/* ---- all ---- */

static tacit_status score_all(evaluation *e, tacit_evaluation *out)
{
    say(e, "embeddings of the model");
    TRY(score_learner(e, e->model->learner, &out->learnt));
    if (is_code(e->model->learner))
        TRY(measure_reconstruction(e, &out->reconstruction));
    if (!e->options->baselines)
        return TACIT_OK;
    say(e, run_raw_name(&e->model->record));
    TRY(pixel_part(e, &e->train));
    TRY(pixel_part(e, &e->test));
    TRY(score(e, views_raw_width(e->train.views), &out->pixels));
    TRY(score_components(e, out));
    say(e, "embeddings of the untrained encoder");
    return score_untrained(e, &out->untrained);
}

static tacit_scores no_scores(void)
{
    const double none = (double)NAN;
    tacit_scores s = {none, none, none, {none, none, none, none}, {none, none, none, none}};
    return s;
}

static tacit_evaluation no_evaluation(void)
{
    return (tacit_evaluation){.learnt = no_scores(),
                              .pixels = no_scores(),
                              .untrained = no_scores(),
                              .components = no_scores(),
                              .reconstruction = (double)NAN,
                              .components_reconstruction = (double)NAN};
}

static tacit_status check_options(tacit_context *context, const tacit_evaluation_options *o)
{
    if (o->neighbours < 1 || o->draws < 1 || !(o->temperature > 0.0))
        return context_fail(context, TACIT_ARGUMENT,
                            "evaluation: %d neighbours, %d draws, temperature %g: all must be above 0",
                            o->neighbours, o->draws, o->temperature);
    return TACIT_OK;
}

tacit_status tacit_evaluate(tacit_model *model, const tacit_dataset *train, const tacit_dataset *test,
                            const tacit_evaluation_options *options, tacit_evaluation *out,
                            void (*stage)(void *user, const char *what), void *user)
{
    const tacit_evaluation_options standard = tacit_evaluation_options_default();
    evaluation e = {.context = model->context,
                    .model = model,
                    .options = options ? options : &standard,
                    .stage = stage,
                    .user = user};
    context_begin(model->context);
    TRY(check_options(model->context, e.options));
    *out = no_evaluation();
    tacit_status status = make_parts(&e, train, test);
    if (status == TACIT_OK)
        status = score_all(&e, out);
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    out->train_count = e.train.count;
    out->test_count = e.test.count;
    out->classes = e.classes;
    out->dimension = learner_width(model->learner);
    free_part(&e, &e.train);
    free_part(&e, &e.test);
    return status;
}
