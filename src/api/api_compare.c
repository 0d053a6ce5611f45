/* tacit.h: methods compared: the same budget for each, every use that the data allow, one page. */
#include "api/comparison.h"
#include "base/clock.h"
#include "base/file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIAL_STEPS = 20,
    LEAST_STEPS = 20,
    METRICS_LIMIT = 1 << 30,
    NEIGHBOURS_OF_ODD = 5,
    TEXTS_WRITTEN = 5,
    TOKENS_WRITTEN = 60
};

tacit_compare_options tacit_compare_options_default(void)
{
    return (tacit_compare_options){.minutes = 5, .limit = 2000, .seed = 1};
}

/* What one call works on. */
typedef struct comparing {
    comparison *c;
    const tacit_compare_options *options;
    const tacit_dataset *data, *test; /* test NULL: none was given */
    const char *folder;
    dataset fit_part, judged_part; /* keyed parts, which share no example */
    tacit_dataset fit, judged;
    void (*progress)(void *user, const tacit_progress *progress);
    void (*stage)(void *user, const char *what);
    void *user;
    double rate; /* examples a second of the last training */
    int64_t epoch;
} comparing;

static void say(const comparing *k, const compared *m, const char *what)
{
    char line[128];
    snprintf(line, sizeof line, "%s: %s", m->method, what);
    if (k->stage)
        k->stage(k->user, line);
}

/* ---- parts of the data ---- */

static tacit_status make_part(const comparing *k, const tacit_dataset *from, int64_t first, int64_t count,
                              dataset *part, tacit_dataset *out)
{
    int64_t *rows = memory_alloc(k->c->context, (size_t)count, sizeof *rows);
    if (!rows)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < count; i++)
        rows[i] = (int64_t)draw_permuted(k->options->seed, DRAW_SAMPLE, 4, (uint64_t)from->data->count,
                                         (uint64_t)(first + i));
    const tacit_status status = dataset_subset(part, from->data, rows, count);
    memory_free(k->c->context, rows);
    *out = *from;
    out->data = part;
    return status;
}

static int64_t at_most(int64_t count, int64_t limit)
{
    return limit > 0 && limit < count ? limit : count;
}

static tacit_status make_parts(comparing *k)
{
    const int64_t count = k->data->data->count, limit = k->options->limit;
    if (k->test) {
        TRY(make_part(k, k->data, 0, at_most(count, limit), &k->fit_part, &k->fit));
        return make_part(k, k->test, 0, at_most(k->test->data->count, limit), &k->judged_part, &k->judged);
    }
    const int64_t half = at_most(count / 2, limit);
    TRY(make_part(k, k->data, 0, half, &k->fit_part, &k->fit));
    return make_part(k, k->data, half, half, &k->judged_part, &k->judged);
}

/* ---- training ---- */

static void hear_training(void *user, const tacit_progress *p)
{
    comparing *k = user;
    k->rate = p->examples_per_second;
    k->epoch = p->epoch_end ? p->epoch + 1 : k->epoch;
    if (k->progress)
        k->progress(k->user, p);
}

static tacit_status make_config(const comparing *k, const compared *m, int64_t steps, tacit_config **out)
{
    char number[32];
    TRY(tacit_config_create(out, k->c->context, m->method));
    for (const char *const *pair = k->options->settings; pair && pair[0]; pair += 2)
        TRY(tacit_config_set(*out, pair[0], pair[1]));
    snprintf(number, sizeof number, "%lld", (long long)k->options->seed);
    TRY(tacit_config_set(*out, "seed", number));
    snprintf(number, sizeof number, "%lld", (long long)steps);
    return tacit_config_set(*out, "max-steps", number);
}

static tacit_status train(comparing *k, compared *m, const char *run, int64_t steps, bool shown)
{
    tacit_config *config = NULL;
    const tacit_train_options options = {
        .overwrite = true, .progress = hear_training, .advice = NULL, .user = k};
    void (*heard)(void *user, const tacit_progress *progress) = k->progress;
    if (!shown)
        k->progress = NULL;
    tacit_status status = make_config(k, m, steps, &config);
    if (status == TACIT_OK)
        status = tacit_train(k->c->context, config, k->data, run, &options);
    k->progress = heard;
    if (status == TACIT_OK) {
        snprintf(m->encoder, sizeof m->encoder, "%s", tacit_config_get(config, "encoder"));
        m->examples = (double)steps * atof(tacit_config_get(config, "batch"));
    }
    tacit_config_destroy(config);
    return status;
}

/* As many steps as fit into the minutes, at the speed of a short trial. */
static tacit_status count_steps(comparing *k, compared *m, int64_t *out)
{
    *out = k->options->steps;
    if (*out > 0)
        return TACIT_OK;
    char *trial = path_join(k->c->context, k->folder, "trial");
    if (!trial)
        return TACIT_NOMEM;
    say(k, m, "how fast it is");
    tacit_status status = train(k, m, trial, TRIAL_STEPS, false);
    if (status == TACIT_OK)
        status = folder_delete(k->c->context, trial);
    memory_free(k->c->context, trial);
    TRY(status);
    const double batch = m->examples / TRIAL_STEPS;
    *out = (int64_t)(60.0 * k->options->minutes * k->rate / batch);
    *out = *out > LEAST_STEPS ? *out : LEAST_STEPS;
    return TACIT_OK;
}

/* One number of a line of metrics.jsonl; NAN where it has none. */
static double number_of(const char *line, size_t size, const char *name)
{
    json_t *object = json_loadb(line, size, 0, NULL);
    const json_t *number = json_object_get(object, name);
    const double x = json_is_number(number) ? json_number_value(number) : (double)NAN;
    json_decref(object);
    return x;
}

/* Losses as means over equal runs of steps, and the last measurement of the representation. */
static tacit_status read_curve(compared *m, tacit_context *context, int64_t steps)
{
    uint8_t *bytes;
    size_t size;
    int64_t step = 0;
    int counts[CURVE_POINTS] = {0};
    char *path = path_join(context, m->run, "metrics.jsonl");
    const tacit_status status = path ? file_read(context, path, METRICS_LIMIT, &bytes, &size) : TACIT_NOMEM;
    memory_free(context, path);
    TRY(status);
    m->curve_count = (int)at_most(steps, CURVE_POINTS);
    for (const char *line = (const char *)bytes, *end; step < steps && (end = strchr(line, '\n'));
         line = end + 1, step++) {
        const int at = (int)(step * m->curve_count / steps);
        const double rank = number_of(line, (size_t)(end - line), "effective_rank");
        m->curve[at] += number_of(line, (size_t)(end - line), "loss");
        counts[at]++;
        m->spread = number_of(line, (size_t)(end - line), "spread");
        m->effective_rank = isfinite(rank) ? rank : m->effective_rank;
    }
    for (int i = 0; i < m->curve_count; i++)
        m->curve[i] /= counts[i];
    memory_free(context, bytes);
    return TACIT_OK;
}

static tacit_status train_method(comparing *k, compared *m)
{
    TRY(count_steps(k, m, &m->steps));
    say(k, m, "training");
    memory_peak_reset();
    const double start = clock_seconds();
    TRY(train(k, m, m->run, m->steps, true));
    m->seconds = clock_seconds() - start;
    m->bytes = (double)memory_peak();
    return read_curve(m, k->c->context, m->steps);
}

/* ---- uses ---- */

static char *picture_of(const comparing *k, const compared *m, const char *name)
{
    char *path = path_join(k->c->context, m->run, name);
    if (path && !file_exists(path)) {
        memory_free(k->c->context, path);
        path = NULL;
    }
    return path;
}

/* Where a class has too few examples for that, it is not measured. */
static tacit_status find_odd_ones(comparing *k, compared *m, tacit_model *model)
{
    tacit_anomaly_options odd = tacit_anomaly_options_default();
    const int32_t classes = k->c->info.classes;
    odd.seed = k->options->seed;
    odd.neighbours = NEIGHBOURS_OF_ODD;
    say(k, m, "odd ones");
    double *auroc = memory_alloc(k->c->context, (size_t)classes, TACIT_ODD_SCORES * sizeof *auroc);
    if (!auroc)
        return TACIT_NOMEM;
    const tacit_status status = tacit_find_odd_classes(model, &k->judged, &k->fit, &odd, auroc, NULL, NULL);
    m->odd = 0;
    for (int32_t i = 0; i < classes; i++)
        m->odd += fmax(auroc[i], auroc[classes + i]) / classes;
    memory_free(k->c->context, auroc);
    if (status != TACIT_ARGUMENT)
        return status;
    context_log(k->c->context, "odd ones are not measured: %s", k->c->context->message);
    context_begin(k->c->context);
    m->odd = (double)NAN;
    return TACIT_OK;
}

static tacit_status judge_by_labels(comparing *k, compared *m, tacit_model *model)
{
    tacit_evaluation_options evaluate = tacit_evaluation_options_default();
    tacit_retrieval_options search = tacit_retrieval_options_default();
    const bool first = m == k->c->of;
    evaluate.seed = search.seed = k->options->seed;
    evaluate.baselines = search.baselines = first;
    say(k, m, "classification");
    TRY(tacit_evaluate(model, k->data, k->test, &evaluate, &m->evaluation, NULL, NULL));
    say(k, m, "search");
    TRY(tacit_measure_search(model, &k->judged, NULL, &search, &m->retrieval, NULL, NULL));
    return find_odd_ones(k, m, model);
}

static tacit_status find_groups(comparing *k, compared *m, tacit_model *model)
{
    tacit_context *context = k->c->context;
    tacit_cluster_options o = tacit_cluster_options_default();
    const int64_t count = k->judged.data->count;
    int32_t *group = memory_alloc(context, (size_t)count, sizeof *group);
    double *distance = memory_alloc(context, (size_t)count, sizeof *distance);
    char *folder = path_join(context, m->run, "groups");
    o.groups = k->c->info.classes > 1 ? k->c->info.classes : 0;
    o.seed = k->options->seed;
    o.baseline = m == k->c->of;
    say(k, m, "groups");
    tacit_status status = TACIT_NOMEM;
    if (group && distance && folder)
        status = tacit_cluster(model, &k->judged, &o, group, distance, &m->clusters, NULL, NULL);
    if (status == TACIT_OK)
        status = tacit_cluster_save(model, &k->judged, group, distance, m->clusters.groups, folder);
    memory_free(context, group);
    memory_free(context, distance);
    memory_free(context, folder);
    m->groups = picture_of(k, m, k->c->info.texts ? "groups/groups.txt" : "groups/groups.png");
    return status;
}

static tacit_status draw_map(comparing *k, compared *m, tacit_model *model)
{
    tacit_context *context = k->c->context;
    const size_t count = (size_t)k->judged.data->count;
    double *pca = memory_alloc(context, count, 2 * sizeof *pca),
           *tsne = memory_alloc(context, count, 2 * sizeof *tsne);
    char *folder = path_join(context, m->run, "map");
    say(k, m, "a map");
    tacit_status status = TACIT_NOMEM;
    if (pca && tsne && folder)
        status = tacit_map(model, &k->judged, NULL, pca, tsne, &m->map, NULL, NULL);
    if (status == TACIT_OK)
        status = tacit_map_save(model, &k->judged, pca, tsne, folder);
    memory_free(context, pca);
    memory_free(context, tsne);
    memory_free(context, folder);
    m->map_picture =
        picture_of(k, m, k->c->info.columns || k->c->info.texts ? "map/points.png" : "map/map.png");
    return status;
}

static tacit_status restore_one(comparing *k, compared *m, tacit_model *model, const char *damage,
                                double strength, const char *name, tacit_restoration *out, char **picture)
{
    tacit_restore_options o = tacit_restore_options_default();
    char *path = path_join(k->c->context, m->run, name);
    if (!path)
        return TACIT_NOMEM;
    o.damage = damage;
    o.strength = strength;
    o.seed = k->options->seed;
    say(k, m, "restoration");
    const tacit_status status = tacit_measure_restore(model, &k->judged, &o, path, out, NULL, NULL);
    memory_free(k->c->context, path);
    *picture = picture_of(k, m, name);
    return status;
}

/* What the method can do of it. A code is no repair: autoencoders are left out. */
static tacit_status restore_pictures_of(comparing *k, compared *m, tacit_model *model)
{
    const objective *o = objective_find(m->method);
    if (o->embed || k->c->info.columns)
        return TACIT_OK;
    if (o->restore)
        TRY(restore_one(k, m, model, "noise", 0.2, "noise.png", &m->noise, &m->repaired));
    if (o->restore || o->inpaint)
        return restore_one(k, m, model, "holes", 0.3, "holes.png", &m->holes, &m->restored);
    return TACIT_OK;
}

static void hear_words(void *user, const char *text, size_t size)
{
    file_writer_write(user, text, size);
}

/* What a method writes that predicts words in order. */
static tacit_status write_words(comparing *k, compared *m, tacit_model *model)
{
    tacit_generate_options o = tacit_generate_options_default();
    tacit_generation made;
    file_writer w;
    if (!objective_find(m->method)->ahead)
        return TACIT_OK;
    char *path = path_join(k->c->context, m->run, "written.txt");
    if (!path)
        return TACIT_NOMEM;
    o.seed = k->options->seed;
    o.tokens = TOKENS_WRITTEN;
    say(k, m, "words");
    tacit_status status = file_writer_open(&w, k->c->context, path);
    memory_free(k->c->context, path);
    TRY(status);
    for (int i = 0; status == TACIT_OK && i < TEXTS_WRITTEN; i++) {
        status = tacit_generate(model, "", 0, &o, i, hear_words, &w, &made);
        file_writer_print(&w, "\n");
    }
    if (status == TACIT_OK)
        status = file_writer_commit(&w);
    else
        file_writer_abandon(&w);
    m->written = picture_of(k, m, "written.txt");
    return status;
}

static tacit_status use_model(comparing *k, compared *m, tacit_model *model)
{
    char name[64];
    tacit_model_info info;
    tacit_model_get_info(model, &info);
    m->parameters = info.parameters;
    m->dimension = info.dimension;
    snprintf(name, sizeof name, "samples/epoch-%04lld.png", (long long)k->epoch);
    m->views = picture_of(k, m, strcmp(m->family, "contrastive") == 0 ? "samples/views.png" : name);
    if (k->c->info.classes > 1)
        TRY(judge_by_labels(k, m, model));
    TRY(find_groups(k, m, model));
    TRY(draw_map(k, m, model));
    TRY(write_words(k, m, model));
    return restore_pictures_of(k, m, model);
}

static tacit_status compare_method(comparing *k, compared *m)
{
    tacit_model *model;
    TRY(train_method(k, m));
    TRY(tacit_model_open(&model, k->c->context, m->run));
    const tacit_status status = use_model(k, m, model);
    tacit_model_close(model);
    return status;
}

/* ---- the list of methods ---- */

static void forget_numbers(compared *m)
{
    const double unknown = (double)NAN;
    const tacit_scores none = {unknown, unknown, unknown, {unknown, unknown, unknown, unknown}, {0}};
    const tacit_restoration nothing = {
        .damaged = {unknown, unknown}, .restored = {unknown, unknown}, .classical = {unknown, unknown}};
    m->spread = m->effective_rank = m->odd = unknown;
    m->evaluation.learnt = m->evaluation.pixels = m->evaluation.untrained = none;
    m->clusters.learnt = m->clusters.pixels = (tacit_agreement){unknown, unknown, unknown};
    m->retrieval.learnt = m->retrieval.pixels = (tacit_retrieval_score){unknown, unknown};
    m->map.tsne.trustworthiness = unknown;
    m->noise = m->holes = nothing;
}

static tacit_status add_method(comparing *k, const char *name)
{
    comparison *c = k->c;
    if (c->count == COMPARED_MOST)
        return context_fail(c->context, TACIT_ARGUMENT, "compare: more than %d methods", (int)COMPARED_MOST);
    compared *m = &c->of[c->count];
    tacit_config *config;
    TRY(tacit_config_create(&config, c->context, name)); /* says what is wrong with a name */
    tacit_config_destroy(config);
    const objective *o = objective_find(name);
    forget_numbers(m);
    snprintf(m->method, sizeof m->method, "%s", o->name);
    snprintf(m->family, sizeof m->family, "%s", family_name(o->family));
    snprintf(m->summary, sizeof m->summary, "%s", o->summary);
    m->run = path_join(c->context, k->folder, name);
    if (!m->run)
        return TACIT_NOMEM;
    c->count++;
    for (int i = 0; i + 1 < c->count; i++)
        if (strcmp(c->of[i].method, name) == 0)
            return context_fail(c->context, TACIT_ARGUMENT, "compare: %s is named twice", name);
    return tacit_run_check(c->context, m->run, k->options->overwrite);
}

static tacit_status add_methods(comparing *k)
{
    const char *names = k->options->methods;
    if (!names)
        names = k->data->data->texts ? "next-word,masked-word,simclr,vicreg" : "mae,denoise,simclr,vicreg";
    for (;;) {
        char name[64];
        const size_t length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), names);
        TRY(add_method(k, name));
        if (!names[length])
            return TACIT_OK;
        names += length + 1;
    }
}

/* ---- all of it ---- */

static tacit_status write_file(const comparing *k, const char *name,
                               tacit_status (*write)(const comparison *c, const char *path))
{
    char *path = path_join(k->c->context, k->folder, name);
    if (!path)
        return TACIT_NOMEM;
    const tacit_status status = write(k->c, path);
    memory_free(k->c->context, path);
    return status;
}

static tacit_status compare_all(comparing *k)
{
    TRY(add_methods(k));
    TRY(make_parts(k));
    TRY(folder_create(k->c->context, k->folder));
    for (int i = 0; i < k->c->count; i++)
        TRY(compare_method(k, &k->c->of[i]));
    TRY(write_file(k, "report.json", comparison_write_json));
    return write_file(k, "report.html", comparison_write_page);
}

static void comparison_fini(comparison *c)
{
    for (int i = 0; i < COMPARED_MOST; i++) {
        compared *m = &c->of[i];
        char *const texts[] = {m->run,    m->views,    m->restored, m->map_picture,
                               m->groups, m->repaired, m->written};
        for (size_t t = 0; t < ROWS(texts); t++)
            memory_free(c->context, texts[t]);
    }
    memory_free(c->context, c);
}

static tacit_status check(tacit_context *context, const tacit_dataset *data, const tacit_compare_options *o)
{
    if (o->steps < 0 || o->limit < 0 || !(o->minutes > 0 && o->minutes <= 1e6))
        return context_fail(
            context, TACIT_ARGUMENT,
            "compare: %g minutes, %lld steps, limit %lld: expected above 0, 0 or more, 0 or more", o->minutes,
            (long long)o->steps, (long long)o->limit);
    if (data->data->count < 20)
        return context_fail(context, TACIT_ARGUMENT, "compare: %lld examples: expected 20 or more",
                            (long long)data->data->count);
    return TACIT_OK;
}

tacit_status tacit_compare(tacit_context *context, const tacit_dataset *data, const tacit_dataset *test,
                           const tacit_compare_options *options, const char *folder,
                           void (*progress)(void *user, const tacit_progress *progress),
                           void (*stage)(void *user, const char *what), void *user)
{
    const tacit_compare_options standard = tacit_compare_options_default();
    comparing k = {.options = options ? options : &standard,
                   .data = data,
                   .test = test,
                   .folder = folder,
                   .progress = progress,
                   .stage = stage,
                   .user = user};
    context_begin(context);
    TRY(check(context, data, k.options));
    k.c = memory_alloc(context, 1, sizeof *k.c);
    if (!k.c)
        return TACIT_NOMEM;
    k.c->context = context;
    k.c->data = data;
    k.c->minutes = k.options->steps > 0 ? 0 : k.options->minutes;
    k.c->seed = k.options->seed;
    k.c->threads = context_threads(context);
    k.c->tested = test != NULL;
    tacit_dataset_get_info(data, &k.c->info);
    const tacit_status status = compare_all(&k);
    dataset_subset_end(&k.fit_part);
    dataset_subset_end(&k.judged_part);
    comparison_fini(k.c);
    return status;
}
