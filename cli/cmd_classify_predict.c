/* `tacit classify predict`: the class of each example, and how often that is right where labels are there. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const tacit_option rows[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder for predictions.csv, and with labels confusion.csv and confusion.png", "classify"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "part of the data; the test part where there is one",
     "classify"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N only; 0: all", "classify"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "classify"},
    OPTIONS_TABLE("classify"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

enum { MATRIX_MOST = 12, SHOWN_MOST = 40, LISTED = 20, NAME_SIZE = 1024 };

/* All that one prediction takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *data;
    int64_t count;
    int32_t classes;
    int32_t *predicted; /* (N) */
    float *probability; /* (N, classes) */
    int64_t *confusion; /* (classes, classes) */
    tacit_classification result;
} work;

/* Examples of a class: with its label (of_label), and predicted to be it; right are both. */
typedef struct tally {
    int64_t of_label, predicted, right;
} tally;

static tally count_class(const work *w, int32_t c)
{
    tally t = {.right = w->confusion[(int64_t)c * w->classes + c]};
    for (int32_t k = 0; k < w->classes; k++) {
        t.of_label += w->confusion[(int64_t)c * w->classes + k];
        t.predicted += w->confusion[(int64_t)k * w->classes + c];
    }
    return t;
}

static double share(int64_t part, int64_t all)
{
    return all ? (double)part / (double)all : (double)NAN;
}

/* ---- for people ---- */

static void print_share(double x)
{
    if (isfinite(x))
        printf("%12.3f", x);
    else
        printf("%12s", "-");
}

static void print_classes(const work *w)
{
    printf("\n%-24s%12s%12s%12s\n", "class", "examples", "found", "right");
    for (int32_t c = 0; c < w->classes && c < SHOWN_MOST; c++) {
        char count[COUNT_TEXT];
        const tally t = count_class(w, c);
        printf("%-24.23s%12s", tacit_model_class(w->model, c), count_text(t.of_label, count));
        print_share(share(t.right, t.of_label));
        print_share(share(t.right, t.predicted));
        putchar('\n');
    }
    if (w->classes > SHOWN_MOST)
        printf("... %d more: -o FOLDER has them all\n", (int)w->classes - SHOWN_MOST);
    printf("\nfound: share of the class that is predicted to be it (recall); right: share of what is "
           "predicted to be\n"
           "it (precision).\n");
}

static void print_confusion(const work *w)
{
    printf("\n%-16s", "label \\ predicted");
    for (int32_t c = 0; c < w->classes; c++)
        printf("%7.6s", tacit_model_class(w->model, c));
    putchar('\n');
    for (int32_t i = 0; i < w->classes; i++) {
        printf("%-17.16s", tacit_model_class(w->model, i));
        for (int32_t c = 0; c < w->classes; c++)
            printf("%7lld", (long long)w->confusion[(int64_t)i * w->classes + c]);
        putchar('\n');
    }
}

static void print_measures(const work *w)
{
    char measured[COUNT_TEXT], strangers[COUNT_TEXT];
    const tacit_classification *r = &w->result;
    printf("accuracy            %.4f   on %s examples\ncalibration error   %.4f   %.4f without the "
           "temperature\n",
           r->accuracy, count_text(r->measured, measured), r->error, r->error_before);
    if (r->strangers)
        printf("%s examples have a label that the classifier does not know: they are not measured\n",
               count_text(r->strangers, strangers));
    print_classes(w);
    if (w->classes <= MATRIX_MOST)
        print_confusion(w);
}

static void print_predictions(const work *w)
{
    char name[NAME_SIZE];
    printf("%-12s %-24s %s\n", "probability", "class", "example");
    for (int64_t i = 0; i < w->count && i < LISTED; i++) {
        tacit_dataset_name(w->data, i, name, sizeof name);
        printf("%-12.3f %-24.24s %s\n", (double)w->probability[i * w->classes + w->predicted[i]],
               tacit_model_class(w->model, w->predicted[i]), name);
    }
    if (w->count > LISTED)
        printf("... %lld more: -o FOLDER has them all\n", (long long)(w->count - LISTED));
}

/* ---- for machines ---- */

static json_t *describe_classes(const work *w)
{
    json_t *classes = json_array();
    for (int32_t c = 0; c < w->classes; c++) {
        const tally t = count_class(w, c);
        json_t *counts = json_array();
        for (int32_t k = 0; k < w->classes; k++)
            json_array_append_new(counts, json_integer(w->confusion[(int64_t)c * w->classes + k]));
        json_array_append_new(classes,
                              json_pack("{s:s, s:I, s:o, s:o, s:o}", "name", tacit_model_class(w->model, c),
                                        "examples", (json_int_t)t.of_label, "recall",
                                        json_known(share(t.right, t.of_label)), "precision",
                                        json_known(share(t.right, t.predicted)), "predicted_as", counts));
    }
    return classes;
}

static json_t *describe(const work *w)
{
    const tacit_classification *r = &w->result;
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "examples", (json_int_t)r->count, "measured",
                     (json_int_t)r->measured, "strangers", (json_int_t)r->strangers, "accuracy",
                     json_known(r->accuracy), "calibration_error", json_known(r->error),
                     "calibration_error_before", json_known(r->error_before), "loss", json_known(r->loss),
                     "classes", describe_classes(w));
}

/* ---- the command ---- */

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static tacit_status predict_all(work *w, const char *folder)
{
    session *s = w->session;
    tacit_status status = tacit_classify(w->model, w->data, w->predicted, w->probability, w->confusion,
                                         &w->result, hear_stage, &s->progress);
    if (status == TACIT_OK && folder)
        status = tacit_classify_save(w->model, w->data, w->predicted, w->probability,
                                     w->result.measured ? w->confusion : NULL, folder);
    return status;
}

static int predict(work *w, const char *folder)
{
    session *s = w->session;
    tacit_dataset_info info;
    tacit_model_info model;
    tacit_dataset_get_info(w->data, &info);
    tacit_model_get_info(w->model, &model);
    w->count = info.count;
    w->classes = model.classes;
    const size_t classes = (size_t)model.classes + 1; /* 0 where it is no classifier: the library says so */
    w->predicted = calloc((size_t)info.count + 1, sizeof *w->predicted);
    w->probability = calloc((size_t)info.count + 1, classes * sizeof *w->probability);
    w->confusion = calloc(classes, classes * sizeof *w->confusion);
    if (!w->predicted || !w->probability || !w->confusion)
        return session_broken(s, "out of memory: use --limit");
    const tacit_status status = predict_all(w, folder);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(w)) ? session_broken(s, "the result could not be written") : DONE;
    if (w->result.measured)
        print_measures(w);
    else
        print_predictions(w);
    return DONE;
}

/* That there is no test part is no error where none was asked for. */
static tacit_status open_data(work *w)
{
    session *s = w->session;
    const char *split = command_line_text(&s->line, "split");
    const tacit_status status = session_open_data(s, &w->data, w->model, 1, split ? split : "test");
    return status == TACIT_ARGUMENT && !split ? session_open_data(s, &w->data, w->model, 1, NULL) : status;
}

static int run(session *s)
{
    work w = {.session = s};
    session_catch_interrupts(s);
    tacit_status status = tacit_model_open(&w.model, s->context, s->line.operands[0]);
    if (status == TACIT_OK)
        status = open_data(&w);
    const int code =
        status == TACIT_OK ? predict(&w, command_line_text(&s->line, "output")) : session_fail(s, status);
    free(w.predicted);
    free(w.probability);
    free(w.confusion);
    tacit_dataset_close(w.data);
    tacit_model_close(w.model);
    return code;
}

int cmd_classify_predict(const command *self, int argc, char **argv)
{
    static const command predict_command = {
        .name = "classify predict",
        .usage = "HEAD DATA... [-o FOLDER] [options]",
        .about = "Says of each example which class it is of, and with what probability. Labels of DATA, "
                 "where there "
                 "are any,\n"
                 "are matched by name and only used to measure.",
        .least_operands = 2,
        .most_operands = 1000000,
    };
    (void)self;
    session s = {.self = &predict_command};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
