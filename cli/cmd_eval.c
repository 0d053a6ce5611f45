/* `tacit eval`: what a model is worth, beside raw pixels and an untrained encoder. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <string.h>

static const tacit_option rows[] = {
    {"test", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "labelled data to test on", "eval"},
    {"quick", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out the baselines", "eval"},
    {"neighbours", TACIT_OPTION_WHOLE, 1, 1000000, NULL, "20", "examples", "that vote in kNN", "eval"},
    {"temperature", TACIT_OPTION_NUMBER, 0.0001, 1000, NULL, "0.07", "",
     "of kNN's votes, exp(similarity / temperature)", "eval"},
    {"draws", TACIT_OPTION_WHOLE, 1, 1000, NULL, "5", "draws",
     "of few labels, over which mean and deviation are", "eval"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "", "of the draws and of what is held out",
     "eval"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N of each data set only; 0: all",
     "eval"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "eval"},
    {"part", TACIT_OPTION_CHOICE, 0, 0, "auto|validation|all", "auto", "",
     "models that predict words: what of DATA; auto: of what the run was trained with, what it kept apart",
     "eval"},
    OPTIONS_TABLE("eval"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* All that one evaluation takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *train, *test; /* test NULL: a fifth of train is held out */
    tacit_evaluation_options options;
    tacit_evaluation result;
    bool columns;    /* of a table, not pictures */
    const char *raw; /* what the model is compared with, for people */
} work;

/* ---- rows of the table ---- */

enum { MEASURES = 2 + TACIT_FEW_LABELS };

/* Measure i of the scores: kNN, linear probe, then few labels. Deviation NAN where there is one draw only. */
static double score(const tacit_scores *s, int i, double *deviation)
{
    *deviation = i < 2 ? (double)NAN : s->few_deviation[i - 2];
    return i == 0 ? s->knn : i == 1 ? s->linear : s->few_mean[i - 2];
}

static const char *measure_name(const work *w, int i, char *out, size_t size)
{
    if (i == 0)
        return "kNN";
    if (i == 1)
        return "linear probe";
    const int labels = w->options.few_labels[i - 2];
    snprintf(out, size, "%d label%s a class", labels, labels == 1 ? "" : "s");
    return out;
}

static bool is_measured(const work *w, int i)
{
    double deviation;
    return isfinite(score(&w->result.learnt, i, &deviation));
}

static void print_cell(const tacit_scores *s, int i)
{
    char cell[40] = "-";
    double deviation;
    const double mean = score(s, i, &deviation);
    if (isfinite(mean) && isfinite(deviation))
        snprintf(cell, sizeof cell, "%.1f +- %.1f", 100.0 * mean, 100.0 * deviation);
    else if (isfinite(mean))
        snprintf(cell, sizeof cell, "%.1f", 100.0 * mean);
    printf("%20s", cell);
}

/* Whether the model's embedding is a code that stands beside principal components. */
static bool has_components(const work *w)
{
    return isfinite(w->result.components_reconstruction);
}

static void print_reconstruction(const work *w)
{
    const tacit_evaluation *e = &w->result;
    if (!isfinite(e->reconstruction))
        return;
    printf("\nTest %s made again from %lld numbers, mean square error of a %s: %.5f",
           w->columns ? "rows" : "pictures", (long long)e->dimension,
           w->columns ? "standardised column" : "pixel (0 to 1)", e->reconstruction);
    if (has_components(w))
        printf("; from as many principal components: %.5f", e->components_reconstruction);
    printf(".\n");
}

static void print_table(const work *w)
{
    const tacit_evaluation *e = &w->result;
    char train[COUNT_TEXT], test[COUNT_TEXT], name[64];
    printf("accuracy, per cent: trained on %s examples, tested on %s, %d classes\n\n",
           count_text(e->train_count, train), count_text(e->test_count, test), (int)e->classes);
    printf("%-20s%20s", "", "this model");
    if (w->options.baselines)
        printf("%20s%20s", w->raw, "untrained encoder");
    if (has_components(w))
        printf("%20s", w->columns ? "PCA of the columns" : "PCA of the pixels");
    putchar('\n');
    for (int i = 0; i < MEASURES; i++) {
        if (!is_measured(w, i))
            continue;
        printf("%-20s", measure_name(w, i, name, sizeof name));
        print_cell(&e->learnt, i);
        if (w->options.baselines) {
            print_cell(&e->pixels, i);
            print_cell(&e->untrained, i);
        }
        if (has_components(w))
            print_cell(&e->components, i);
        putchar('\n');
    }
}

/* ---- verdict ---- */

typedef enum verdict { BETTER, WORSE, NO_DIFFERENCE } verdict;

/* Two standard errors decide: of the test examples, or over the draws. */
static verdict judge(const work *w, int i, double *difference)
{
    double da, db;
    const double a = score(&w->result.learnt, i, &da), b = score(&w->result.pixels, i, &db);
    const double variance = i < 2 ? (a * (1 - a) + b * (1 - b)) / (double)w->result.test_count
                                  : (da * da + db * db) / (double)w->options.draws;
    const double margin = variance > 0.0 ? 2.0 * sqrt(variance) : 0.0;
    *difference = a - b;
    if (*difference > margin)
        return BETTER;
    return *difference < -margin ? WORSE : NO_DIFFERENCE;
}

/* "better at kNN (+1.2), linear probe (+3.0)"; false when nothing is. */
static bool print_verdict(const work *w, verdict wanted, const char *words, bool first)
{
    char name[64];
    double difference;
    bool any = false;
    for (int i = 0; i < MEASURES; i++) {
        if (!is_measured(w, i) || judge(w, i, &difference) != wanted)
            continue;
        if (any)
            printf(", ");
        else
            printf("%s%s ", first ? "" : "; ", words);
        printf("%s (%+.1f)", measure_name(w, i, name, sizeof name), 100.0 * difference);
        any = true;
    }
    return any;
}

static void print_sentence(const work *w)
{
    printf("\nBeside %s this model is ", w->raw);
    bool any = print_verdict(w, BETTER, "better at", true);
    any |= print_verdict(w, WORSE, "worse at", !any);
    print_verdict(w, NO_DIFFERENCE, "neither better nor worse (within two standard errors) at", !any);
    printf(".\n");
}

/* ---- JSON ---- */

static json_t *describe_scores(const work *w, const tacit_scores *s)
{
    json_t *few = json_array();
    for (int i = 0; i < TACIT_FEW_LABELS; i++)
        if (w->options.few_labels[i])
            json_array_append_new(few, json_pack("{s:i, s:o, s:o}", "labels", w->options.few_labels[i],
                                                 "mean", json_known(s->few_mean[i]), "deviation",
                                                 json_known(s->few_deviation[i])));
    return json_pack("{s:o, s:o, s:o, s:o}", "knn", json_known(s->knn), "linear", json_known(s->linear), "l2",
                     json_known(s->l2), "few_labels", few);
}

static json_t *describe(const work *w)
{
    const tacit_evaluation *e = &w->result;
    json_t *object =
        json_pack("{s:I, s:I, s:i, s:I, s:i, s:f, s:i, s:I, s:o}", "train_examples",
                  (json_int_t)e->train_count, "test_examples", (json_int_t)e->test_count, "classes",
                  (int)e->classes, "dimension", (json_int_t)e->dimension, "neighbours", w->options.neighbours,
                  "temperature", w->options.temperature, "draws", w->options.draws, "seed",
                  (json_int_t)w->options.seed, "model", describe_scores(w, &e->learnt));
    if (object && w->options.baselines) {
        json_object_set_new(object, raw_key(w->model), describe_scores(w, &e->pixels));
        json_object_set_new(object, "untrained", describe_scores(w, &e->untrained));
    }
    if (object && isfinite(e->reconstruction))
        json_object_set_new(object, "reconstruction", json_real(e->reconstruction));
    if (object && has_components(w)) {
        json_object_set_new(object, "components", describe_scores(w, &e->components));
        json_object_set_new(object, "components_reconstruction", json_real(e->components_reconstruction));
    }
    return object;
}

/* ---- the command ---- */

/* Formats without parts give the same data whatever part is asked for. */
static bool is_same(const tacit_dataset *a, const tacit_dataset *b)
{
    char one[1024], two[1024];
    tacit_dataset_info ia, ib;
    tacit_dataset_get_info(a, &ia);
    tacit_dataset_get_info(b, &ib);
    tacit_dataset_name(a, 0, one, sizeof one);
    tacit_dataset_name(b, 0, two, sizeof two);
    return ia.count == ib.count && strcmp(one, two) == 0;
}

/* The test part of the training data, if they have one. Only that there is none is not an error: a test part
 * that is damaged must not be passed over. */
static tacit_status open_test_part(work *w)
{
    const tacit_status status = session_open_data(w->session, &w->test, w->model, 1, "test");
    if (status == TACIT_ARGUMENT)
        return TACIT_OK;
    if (status == TACIT_OK && is_same(w->train, w->test)) {
        tacit_dataset_close(w->test);
        w->test = NULL;
    }
    return status;
}

/* Files that are given as test data are test data: their training part is not asked for. */
static tacit_status open_test(work *w, const char *path)
{
    session *s = w->session;
    tacit_dataset_options options = session_data_options(s, w->model, "test");
    const tacit_status status = tacit_dataset_open(&w->test, s->context, &path, 1, &options);
    if (status != TACIT_ARGUMENT)
        return status;
    options.split = NULL;
    return tacit_dataset_open(&w->test, s->context, &path, 1, &options);
}

/* Models that predict words are measured by how well they do. */
static bool predicts_words(const tacit_model *model)
{
    tacit_model_info info;
    tacit_model_get_info(model, &info);
    return info.window > 0 && strcmp(info.family, "self-prediction") == 0;
}

static tacit_status open_all(work *w)
{
    const char *test = command_line_text(&w->session->line, "test");
    tacit_status status = session_open_data(w->session, &w->train, w->model, 1, NULL);
    if (status == TACIT_OK)
        status = test ? open_test(w, test) : open_test_part(w);
    return status;
}

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static int evaluate(work *w)
{
    session *s = w->session;
    tacit_model_info info;
    tacit_model_get_info(w->model, &info);
    w->columns = info.columns > 0;
    w->raw = raw_name(w->model);
    const tacit_status status =
        tacit_evaluate(w->model, w->train, w->test, &w->options, &w->result, hear_stage, &s->progress);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(w)) ? session_broken(s, "the result could not be written") : DONE;
    print_table(w);
    print_reconstruction(w);
    if (w->options.baselines)
        print_sentence(w);
    return DONE;
}

static int run(session *s)
{
    work w = {.session = s, .options = tacit_evaluation_options_default()};
    w.options.baselines = !command_line_flag(&s->line, "quick");
    w.options.neighbours = (int)command_line_whole(&s->line, "neighbours");
    w.options.temperature = command_line_number(&s->line, "temperature");
    w.options.draws = (int)command_line_whole(&s->line, "draws");
    w.options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    tacit_status status = tacit_model_open(&w.model, s->context, s->line.operands[0]);
    if (status == TACIT_OK && predicts_words(w.model)) {
        const int code = eval_language(s, w.model);
        tacit_model_close(w.model);
        return code;
    }
    if (status == TACIT_OK)
        status = open_all(&w);
    const int code = status == TACIT_OK ? evaluate(&w) : session_fail(s, status);
    tacit_dataset_close(w.test);
    tacit_dataset_close(w.train);
    tacit_model_close(w.model);
    return code;
}

int cmd_eval(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
