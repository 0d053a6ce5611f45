/* `tacit classify fit`: few labels to a classifier; and which of the two subcommands is meant. */
#include "training.h"

#include "json.h"

#include <math.h>
#include <string.h>

static const tacit_option rows[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "folder of the classifier, which is created",
     "classify"},
    {"overwrite", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "empty the folder of an earlier one first",
     "classify"},
    {"finetune", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "",
     "the encoder learns too, from where the linear layer is fitted", "classify"},
    {"scratch", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "",
     "the same network from its random start: shows what RUN is worth", "classify"},
    {"labels", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples",
     "of each class that are learnt from, drawn by the seed; 0: all", "classify"},
    {"held-out", TACIT_OPTION_NUMBER, 0, 0.9, NULL, "0.2", "",
     "with --finetune, --scratch: share of them kept for the temperature", "classify"},
    {"epochs", TACIT_OPTION_WHOLE, 1, 1000000, NULL, "auto", "epochs",
     "passes; auto: as many as show 30,000 examples, 10 to 200", "training"},
    {"batch", TACIT_OPTION_WHOLE, 2, 1 << 24, NULL, "auto", "examples",
     "of a step; auto: 64, less if there are fewer", "training"},
    {"lr", TACIT_OPTION_NUMBER, 0, 1e6, NULL, "auto", "", "rate at its peak; auto: 0.002 times batch/256",
     "training"},
    {"layer-decay", TACIT_OPTION_NUMBER, 0, 1, NULL, "auto", "",
     "rate of a layer as a share of the next one's; auto: 0.75, with --scratch 1", "training"},
    {"weight-decay", TACIT_OPTION_NUMBER, 0, 100, NULL, "auto", "", "on matrices only; auto: 0.05",
     "training"},
    {"smoothing", TACIT_OPTION_NUMBER, 0, 0.9, NULL, "auto", "",
     "share of a label given to all classes; auto: 0", "training"},
    {"augment", TACIT_OPTION_CHOICE, 0, 0, "contrastive|prediction|none", "prediction", "",
     "strong views, mild views, or none", "training"},
    {"checkpoint-minutes", TACIT_OPTION_NUMBER, 0, 1e6, NULL, "10", "minutes",
     "time between checkpoints; one more at each epoch's end", "training"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, "train", "", "part of the data, where it has parts", "data"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "",
     "of the labels drawn, and of the training", "data"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N only; 0: all", "data"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "data"},
    OPTIONS_TABLE("data"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* Options that are settings of the training as they are, "auto" included. */
static const char *const training[] = {"epochs",       "batch",     "lr",      "layer-decay",
                                       "weight-decay", "smoothing", "augment", "checkpoint-minutes",
                                       "split",        "limit",     "skip-bad"};

enum { SETTINGS_MOST = 2 * (sizeof training / sizeof *training + 4) + 1 };

static size_t add_pair(const char **settings, size_t count, const char *name, const char *value)
{
    settings[count] = name;
    settings[count + 1] = value;
    return count + 2;
}

/* What is given on the line; the columns of a table also where they are the model's. */
static void collect_settings(const session *s, const tacit_dataset_options *data, const char **settings)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof training / sizeof *training; i++) {
        const char *value = command_line_text(&s->line, training[i]);
        if (value && command_line_given(&s->line, training[i]))
            count = add_pair(settings, count, training[i], value);
    }
    if (data->header)
        count = add_pair(settings, count, "header", data->header);
    if (data->label)
        count = add_pair(settings, count, "label", data->label);
    if (data->group)
        count = add_pair(settings, count, "group", data->group);
    if (data->only)
        count = add_pair(settings, count, "only", data->only);
    settings[count] = NULL;
}

/* ---- the result ---- */

static json_t *describe(const tacit_classifier *c, const char *how)
{
    return json_pack("{s:s, s:I, s:i, s:I, s:o, s:o, s:o, s:o, s:o}", "how", how, "learnt_from",
                     (json_int_t)c->learnt, "classes", (int)c->classes, "judged", (json_int_t)c->held_out,
                     "accuracy", json_known(c->accuracy), "temperature", json_known(c->temperature),
                     "calibration_error", json_known(c->error), "calibration_error_before",
                     json_known(c->error_before), "l2", json_known(c->l2));
}

static void print_result(const tacit_classifier *c, const char *folder, bool linear)
{
    char learnt[COUNT_TEXT], judged[COUNT_TEXT];
    printf("%s examples of %d classes were learnt from\n", count_text(c->learnt, learnt), (int)c->classes);
    if (c->held_out > 0)
        printf(
            "accuracy            %.3f   on %s examples %s\ncalibration error   %.3f   with temperature %.2f; "
            "%.3f without\n",
            c->accuracy, count_text(c->held_out, judged),
            linear ? "judged by layers that had not seen them" : "that were held out", c->error,
            c->temperature, c->error_before);
    else
        printf("nothing was held out: how good it is, and how far its probabilities can be believed, is not "
               "known\n");
    printf("next                tacit classify predict %s DATA\n", folder);
}

/* ---- the command ---- */

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static const char *how_of(const session *s, tacit_classify_how *how)
{
    const bool finetune = command_line_flag(&s->line, "finetune"),
               scratch = command_line_flag(&s->line, "scratch");
    *how = finetune ? TACIT_CLASSIFY_FINETUNE : (scratch ? TACIT_CLASSIFY_SCRATCH : TACIT_CLASSIFY_LINEAR);
    return finetune ? "finetune" : (scratch ? "scratch" : "linear");
}

static int fit(session *s, tacit_model *model, const tacit_dataset *data, const tacit_dataset_options *opened)
{
    const char *folder = command_line_text(&s->line, "output"), *settings[SETTINGS_MOST];
    tacit_classify_options options = tacit_classify_options_default();
    tacit_classifier result;
    tacit_train_options train = training_options(s);
    const char *how = how_of(s, &options.how);
    collect_settings(s, opened, settings);
    options.labels = command_line_whole(&s->line, "labels");
    options.held_out = command_line_number(&s->line, "held-out");
    options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    options.settings = settings;
    session_catch_interrupts(s);
    const tacit_status status =
        tacit_classify_fit(model, data, folder, &options, &train, &result, hear_stage, &s->progress);
    if (status == TACIT_CANCELLED && options.how != TACIT_CLASSIFY_LINEAR)
        return session_broken(s, "saved; go on with: tacit resume %s", folder);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(&result, how)) ? session_broken(s, "the result could not be written")
                                                 : DONE;
    print_result(&result, folder, options.how == TACIT_CLASSIFY_LINEAR);
    return DONE;
}

static int run(session *s)
{
    tacit_model *model = NULL;
    tacit_dataset *data = NULL;
    const char *folder = command_line_text(&s->line, "output");
    if (!folder)
        return session_misused(s, "classify fit: -o HEAD is missing: the folder to leave the classifier in");
    if (command_line_flag(&s->line, "finetune") && command_line_flag(&s->line, "scratch"))
        return session_misused(s, "classify fit: --finetune and --scratch exclude each other");
    tacit_status status = tacit_run_check(s->context, folder, command_line_flag(&s->line, "overwrite"));
    if (status == TACIT_OK)
        status = tacit_model_open(&model, s->context, s->line.operands[0]);
    if (status != TACIT_OK)
        return session_fail(s, status);
    const tacit_dataset_options options =
        session_data_options(s, model, command_line_text(&s->line, "split"));
    status = session_open_data(s, &data, model, 1, options.split);
    const int code = status == TACIT_OK ? fit(s, model, data, &options) : session_fail(s, status);
    tacit_dataset_close(data);
    tacit_model_close(model);
    return code;
}

/* ---- fit or predict ---- */

static const command fit_command = {
    .name = "classify fit",
    .usage = "RUN DATA... -o HEAD [--finetune] [options]",
    .about = "Makes a classifier from labelled DATA: a linear layer on the embeddings of RUN, or, with "
             "--finetune, "
             "the\n"
             "whole network from there on. HEAD is a folder like a run: `tacit classify predict`, and any "
             "other use, "
             "opens\n"
             "it; `tacit resume` goes on after a stop. Probabilities are calibrated by a temperature.",
    .least_operands = 2,
    .most_operands = 1000000,
};

int cmd_classify(const command *self, int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "predict") == 0)
        return cmd_classify_predict(self, argc - 1, argv + 1);
    session s = {.self = argc > 0 && strcmp(argv[0], "fit") == 0 ? &fit_command : self};
    if (s.self == &fit_command)
        return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc - 1, argv + 1, run);
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        printf(
            "usage: tacit classify %s\n\n%s\n\nOptions: `tacit classify fit --help`, `tacit classify predict "
            "--help`\n",
            self->usage, self->about);
        return DONE;
    }
    return session_misused(&s, "classify: expected fit or predict%s%s", argc > 0 ? ", not " : "",
                           argc > 0 ? argv[0] : "");
}
