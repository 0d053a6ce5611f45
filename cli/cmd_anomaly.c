/* `tacit anomaly`: odd ones out, ranked, with a score and what they were compared with. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 10, TOP_NAMES = 3, NAME_SIZE = 1024 };

static const tacit_option rows[] = {
    {"fit", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "normal examples to compare with; without it the data are compared with each other", "anomaly"},
    {"normal", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "label that is normal: measures the scores, and selects from --fit where that has labels", "anomaly"},
    {"all-classes", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "",
     "each class as the normal one in turn: fitted to training examples, measured on the test part",
     "anomaly"},
    {"score", TACIT_OPTION_CHOICE, 0, 0, "neighbours|mahalanobis|prediction", "neighbours", "",
     "what the ranking is by; all are reported; prediction: of runs of self-prediction", "anomaly"},
    {"neighbours", TACIT_OPTION_WHOLE, 1, 1000, NULL, "5", "examples",
     "nearest normal ones, whose mean cosine distance is the score", "anomaly"},
    {"false-alarms", TACIT_OPTION_NUMBER, 0.000001, 0.999999, NULL, "0.01", "",
     "share of normal examples that may be called odd; sets the threshold", "anomaly"},
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder for scores.csv, oddest.png (each beside its nearest normal ones), and heat.png of "
     "self-prediction",
     "anomaly"},
    {"masks", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder of pictures named as those of DATA, or that with _mask, white where these are odd: measures "
     "how well self-prediction finds their pixels",
     "anomaly"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "part of the data, where it has parts; test where --fit or --all-classes is given, else train",
     "anomaly"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "",
     "of the normal examples that are held out", "anomaly"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N of each data set only; 0: all",
     "anomaly"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "anomaly"},
    OPTIONS_TABLE("anomaly"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

static const char *const score_names[TACIT_ODD_SCORES] = {"neighbours", "mahalanobis", "prediction"};

/* All that one search for odd examples takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *data, *fit; /* fit NULL: the data are their own reference */
    tacit_dataset *masks;      /* NULL: none */
    tacit_anomaly_options options;
    tacit_anomaly result;
    tacit_odd_pixels pixels; /* where there are masks */
    int64_t count;
    int32_t classes;  /* of fit, for --all-classes */
    int score;        /* that ranks */
    double *scores;   /* (TACIT_ODD_SCORES, N) */
    int64_t *nearest; /* (N, neighbours) */
    double *auroc;    /* (TACIT_ODD_SCORES, classes) */
} work;

/* ---- one search ---- */

static void print_cell(double share)
{
    if (isfinite(share))
        printf("%14.3f", share);
    else
        printf("%14s", "-");
}

static void print_pixels(const tacit_odd_pixels *p)
{
    char a[COUNT_TEXT], b[COUNT_TEXT];
    printf("pixels by their error of prediction: AUROC %.3f, AUPR %.3f; %.3g%% of them are odd; %s pictures, "
           "masks of %s\n",
           p->auroc, p->average_precision, 100 * p->odd_share, count_text(p->pictures, a),
           count_text(p->masked, b));
}

static void print_measures(const work *w)
{
    char a[COUNT_TEXT], b[COUNT_TEXT], c[COUNT_TEXT];
    const tacit_anomaly *r = &w->result;
    printf("%s examples beside %s normal ones", count_text(r->count, a), count_text(r->fitted, b));
    if (r->held_out)
        printf("; threshold from %s others, for %g false alarms\n\n", count_text(r->held_out, c),
               w->options.false_alarms);
    else
        printf(", which are themselves: threshold above all but a share of %g\n\n", w->options.false_alarms);
    printf("%-14s%14s%10s%14s%14s%14s%14s\n", "score", "threshold", "odd", "false alarms", "found", "AUROC",
           "AUPR");
    for (int s = 0; s < TACIT_ODD_SCORES; s++) {
        const tacit_anomaly_measure *m = &r->measures[s];
        if (!isfinite(m->threshold))
            continue;
        printf("%-14s%14.5g%10s", score_names[s], m->threshold, count_text(m->flagged, a));
        print_cell(m->false_alarms);
        print_cell(m->found);
        print_cell(m->auroc);
        print_cell(m->average_precision);
        putchar('\n');
    }
    if (w->masks)
        print_pixels(&w->pixels);
}

/* The oddest of those after `before` in the ranking; -1 when there is none left. Equal scores: by number. */
static int64_t next_odd(const work *w, int64_t before)
{
    const double *score = w->scores + w->score * w->count;
    int64_t best = -1;
    for (int64_t i = 0; i < w->count; i++) {
        const bool later =
            before < 0 || score[i] < score[before] || (score[i] == score[before] && i > before);
        if (later && (best < 0 || score[i] > score[best]))
            best = i;
    }
    return best;
}

static void print_oddest(const work *w)
{
    char name[NAME_SIZE], text[BESIDE_SIZE];
    const int names = w->options.neighbours < TOP_NAMES ? w->options.neighbours : TOP_NAMES;
    printf("\nthe oddest by %s, and the normal examples nearest to each:\n\n", score_names[w->score]);
    int64_t at = -1;
    for (int rank = 1; rank <= TOP && (at = next_odd(w, at)) >= 0; rank++) {
        tacit_dataset_name(w->data, at, name, sizeof name);
        printf("%3d  %10.5g  %s  near", rank, w->scores[w->score * w->count + at], name);
        for (int k = 0; k < names; k++) {
            tacit_dataset_name(w->fit ? w->fit : w->data, w->nearest[at * w->options.neighbours + k], name,
                               sizeof name);
            printf("%s %s", k ? "," : "", name);
        }
        printf("%s\n", text_beside(w->data, at, text));
    }
}

static json_t *describe_measure(const tacit_anomaly_measure *m)
{
    if (!isfinite(m->threshold))
        return json_null();
    return json_pack("{s:f, s:I, s:o, s:o, s:o, s:o}", "threshold", m->threshold, "odd",
                     (json_int_t)m->flagged, "false_alarms", json_known(m->false_alarms), "found",
                     json_known(m->found), "auroc", json_known(m->auroc), "aupr",
                     json_known(m->average_precision));
}

static json_t *describe_oddest(const work *w)
{
    char name[NAME_SIZE];
    json_t *list = json_array();
    int64_t at = -1;
    for (int rank = 1; rank <= TOP && (at = next_odd(w, at)) >= 0; rank++) {
        json_t *near = json_array();
        for (int k = 0; k < w->options.neighbours; k++) {
            tacit_dataset_name(w->fit ? w->fit : w->data, w->nearest[at * w->options.neighbours + k], name,
                               sizeof name);
            json_array_append_new(near, json_string(name));
        }
        tacit_dataset_name(w->data, at, name, sizeof name);
        json_array_append_new(list, json_pack("{s:s, s:f, s:o}", "name", name, "score",
                                              w->scores[w->score * w->count + at], "nearest", near));
    }
    return list;
}

static json_t *describe_pixels(const tacit_odd_pixels *p)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:f}", "pictures", (json_int_t)p->pictures, "masked",
                     (json_int_t)p->masked, "odd_share", p->odd_share, "auroc", p->auroc, "aupr",
                     p->average_precision);
}

static json_t *describe(const work *w)
{
    const tacit_anomaly *r = &w->result;
    json_t *all =
        json_pack("{s:I, s:I, s:I, s:s, s:f, s:o, s:o, s:o, s:o}", "examples", (json_int_t)r->count, "fitted",
                  (json_int_t)r->fitted, "held_out", (json_int_t)r->held_out, "score", score_names[w->score],
                  "wanted_false_alarms", w->options.false_alarms, "neighbours",
                  describe_measure(&r->measures[TACIT_ODD_NEIGHBOURS]), "mahalanobis",
                  describe_measure(&r->measures[TACIT_ODD_MAHALANOBIS]), "prediction",
                  describe_measure(&r->measures[TACIT_ODD_PREDICTION]), "oddest", describe_oddest(w));
    if (w->masks)
        json_object_set_new(all, "pixels", describe_pixels(&w->pixels));
    return all;
}

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static int find_odd(work *w, const char *folder)
{
    session *s = w->session;
    w->scores = calloc((size_t)w->count + 1, TACIT_ODD_SCORES * sizeof *w->scores);
    w->nearest = calloc((size_t)w->count + 1, (size_t)w->options.neighbours * sizeof *w->nearest);
    if (!w->scores || !w->nearest)
        return session_broken(s, "out of memory: use --limit");
    tacit_status status = TACIT_OK;
    if (w->masks)
        status = tacit_measure_odd_pixels(w->model, w->data, w->masks, w->options.normal, &w->pixels,
                                          hear_stage, &s->progress);
    if (status == TACIT_OK)
        status = tacit_find_odd(w->model, w->data, w->fit, &w->options, w->scores, w->nearest, &w->result,
                                hear_stage, &s->progress);
    if (status == TACIT_OK && !isfinite(w->result.measures[w->score].threshold))
        return session_broken(
            s,
            "--score prediction: the model is of a contrastive method, or of none, which predicts nothing");
    if (status == TACIT_OK && folder)
        status = tacit_find_odd_save(w->model, w->data, w->fit, w->score, w->options.neighbours, w->scores,
                                     w->nearest, &w->result, folder);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(w)) ? session_broken(s, "the result could not be written") : DONE;
    print_measures(w);
    print_oddest(w);
    return DONE;
}

/* ---- each class in turn ---- */

static const char *class_name(const work *w, int32_t label, char *out, size_t size)
{
    const char *name = tacit_dataset_label_name(w->fit, label);
    snprintf(out, size, "%s", name);
    if (!*name)
        snprintf(out, size, "%d", (int)label);
    return out;
}

static double mean_auroc(const work *w, int s)
{
    double sum = 0;
    for (int32_t c = 0; c < w->classes; c++)
        sum += w->auroc[s * w->classes + c];
    return sum / w->classes;
}

static void print_classes(const work *w)
{
    char name[NAME_SIZE];
    printf("AUROC of the other classes against the normal one, %d classes in turn\n\n%-20s%14s%14s\n",
           (int)w->classes, "normal", score_names[0], score_names[1]);
    for (int32_t c = 0; c < w->classes; c++)
        printf("%-20s%14.4f%14.4f\n", class_name(w, c, name, sizeof name), w->auroc[c],
               w->auroc[w->classes + c]);
    printf("%-20s%14.4f%14.4f\n", "mean", mean_auroc(w, 0), mean_auroc(w, 1));
}

static json_t *describe_classes(const work *w)
{
    char name[NAME_SIZE];
    json_t *list = json_array();
    for (int32_t c = 0; c < w->classes; c++)
        json_array_append_new(list, json_pack("{s:s, s:f, s:f}", "normal",
                                              class_name(w, c, name, sizeof name), score_names[0],
                                              w->auroc[c], score_names[1], w->auroc[w->classes + c]));
    return json_pack("{s:o, s:f, s:f}", "classes", list, "mean_neighbours", mean_auroc(w, 0),
                     "mean_mahalanobis", mean_auroc(w, 1));
}

static int find_odd_classes(work *w)
{
    session *s = w->session;
    tacit_dataset_info info;
    tacit_dataset_get_info(w->fit, &info);
    w->classes = info.classes;
    w->auroc = calloc((size_t)info.classes + 1, TACIT_ODD_SCORES * sizeof *w->auroc);
    if (!w->auroc)
        return session_broken(s, "out of memory");
    const tacit_status status =
        tacit_find_odd_classes(w->model, w->data, w->fit, &w->options, w->auroc, hear_stage, &s->progress);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe_classes(w)) ? session_broken(s, "the result could not be written") : DONE;
    print_classes(w);
    return DONE;
}

/* ---- the command ---- */

/* A label by its name, or by its number where labels have no names; -1 when there is none such. */
static int32_t find_label(const tacit_dataset *data, const char *text)
{
    tacit_dataset_info info;
    char number[16];
    tacit_dataset_get_info(data, &info);
    for (int32_t i = 0; i < info.classes; i++) {
        const char *name = tacit_dataset_label_name(data, i);
        snprintf(number, sizeof number, "%d", (int)i);
        if (strcmp(*name ? name : number, text) == 0)
            return i;
    }
    return -1;
}

static int choose_normal(work *w)
{
    const char *normal = command_line_text(&w->session->line, "normal");
    if (!normal)
        return DONE;
    w->options.normal = find_label(w->data, normal);
    if (w->options.normal < 0)
        return session_broken(w->session, "--normal %s: the data have no such label", normal);
    return DONE;
}

/* Masks may lie in parts like the data's; other folders that they lie in are no labels. */
static tacit_status open_masks(work *w, const char *folder, const char *split)
{
    tacit_dataset_options options = tacit_dataset_options_default();
    tacit_context *context = w->session->context;
    options.split = split;
    options.channels = 1;
    options.cache_bytes = 0;
    const tacit_status status = tacit_dataset_open(&w->masks, context, &folder, 1, &options);
    if (status != TACIT_ARGUMENT || !split)
        return status;
    options.split = NULL;
    return tacit_dataset_open(&w->masks, context, &folder, 1, &options);
}

static tacit_status open_all(work *w, bool classes)
{
    session *s = w->session;
    const char *fit = command_line_text(&s->line, "fit"), *split = command_line_text(&s->line, "split");
    const char *masks = command_line_text(&s->line, "masks");
    tacit_status status = tacit_model_open(&w->model, s->context, s->line.operands[0]);
    if (status == TACIT_OK && fit) {
        const tacit_dataset_options options = session_data_options(s, w->model, NULL);
        status = tacit_dataset_open(&w->fit, s->context, &fit, 1, &options);
    } else if (status == TACIT_OK && classes)
        status = session_open_data(s, &w->fit, w->model, 1, NULL);
    if (status != TACIT_OK)
        return status;
    const char *part = split ? split : fit || classes ? "test" : NULL;
    status = session_open_data(s, &w->data, w->model, 1, part);
    /* Data without a test part are what was asked for; without --fit there must be one. */
    if (status == TACIT_ARGUMENT && fit && !split)
        status = session_open_data(s, &w->data, w->model, 1, NULL);
    return status == TACIT_OK && masks ? open_masks(w, masks, part) : status;
}

static int search(work *w, bool classes)
{
    tacit_dataset_info info;
    tacit_dataset_get_info(w->data, &info);
    w->count = info.count;
    const int code = choose_normal(w);
    if (code != DONE)
        return code;
    return classes ? find_odd_classes(w) : find_odd(w, command_line_text(&w->session->line, "output"));
}

static int run(session *s)
{
    work w = {.session = s, .options = tacit_anomaly_options_default()};
    const bool classes = command_line_flag(&s->line, "all-classes");
    if (classes && command_line_text(&s->line, "normal"))
        return session_misused(s, "anomaly: --normal and --all-classes exclude each other");
    if (classes && command_line_text(&s->line, "masks"))
        return session_misused(s, "anomaly: --masks and --all-classes exclude each other");
    w.options.neighbours = (int)command_line_whole(&s->line, "neighbours");
    w.options.false_alarms = command_line_number(&s->line, "false-alarms");
    w.options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    while (strcmp(command_line_text(&s->line, "score"), score_names[w.score]) != 0)
        w.score++;
    const tacit_status status = open_all(&w, classes);
    const int code = status == TACIT_OK ? search(&w, classes) : session_fail(s, status);
    free(w.scores);
    free(w.nearest);
    free(w.auroc);
    tacit_dataset_close(w.data);
    tacit_dataset_close(w.fit);
    tacit_dataset_close(w.masks);
    tacit_model_close(w.model);
    return code;
}

int cmd_anomaly(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
