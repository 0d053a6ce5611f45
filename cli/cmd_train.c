/* `tacit train`: from data to a run. Its options are the library's, by the table of the chosen method. */
#include "training.h"

#include <stdlib.h>
#include <string.h>

static const tacit_option own[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "folder of the run, which is created", "run"},
    {"overwrite", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "empty the folder of an earlier run first",
     "run"},
    {"init", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "run or model to begin from instead of chance: its encoder, and what else has the same names; also a "
     "GPT-2, ViT, ViTMAE or DINOv2 of Hugging Face",
     "run"},
    {"json", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "each step as a JSON object on a line of stdout",
     "run"},
    {"quiet", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "nothing on stderr but errors", "run"},
};

static const char *or_auto(const char *text)
{
    return text ? text : "auto";
}

/* "rows of 30 columns", "pictures of 28 x 28, grey" */
static void describe_kind(const tacit_dataset_info *info, char *out, size_t size)
{
    const char *colour = info->channels == 1 ? "grey" : "colour";
    if (info->texts)
        snprintf(out, size, "texts%s", info->paired ? " in pairs" : "");
    else if (info->columns)
        snprintf(out, size, "rows of %d columns", info->columns);
    else if (info->width)
        snprintf(out, size, "pictures of %d x %d, %s", info->height, info->width, colour);
    else
        snprintf(out, size, "pictures of different sizes, %s", colour);
}

static bool pairs_by_label(const session *s, const tacit_dataset_info *info)
{
    const char *positives = tacit_config_get(s->config, "positives");
    return info->classes && !info->groups && positives && strcmp(positives, "augment") != 0;
}

/* What will be done, before it is; "auto" follows from the data and is in RUN/config.json. */
static void announce(session *s, const tacit_dataset *data)
{
    tacit_dataset_info info;
    char line[400], count[COUNT_TEXT], kind[64];
    tacit_dataset_get_info(data, &info);
    describe_kind(&info, kind, sizeof kind);
    snprintf(line, sizeof line, "data     %s %s (%s)%s", count_text(info.count, count), kind, info.format,
             pairs_by_label(s, &info) ? "; labels say which make pairs"
             : info.classes           ? "; labels are not used"
                                      : "");
    progress_note(&s->progress, line);
    snprintf(line, sizeof line, "method   %s, encoder %s, epochs %s, batch %s, seed %s",
             or_auto(tacit_config_get(s->config, "method")), or_auto(tacit_config_get(s->config, "encoder")),
             or_auto(tacit_config_get(s->config, "epochs")), or_auto(tacit_config_get(s->config, "batch")),
             or_auto(tacit_config_get(s->config, "seed")));
    progress_note(&s->progress, line);
}

static int learn(session *s, const tacit_dataset *data, const tacit_model *init, const char *folder,
                 tacit_train_options *train)
{
    announce(s, data);
    session_catch_interrupts(s);
    train->init = init;
    const tacit_status status = tacit_train(s->context, s->config, data, folder, train);
    return training_finish(s, status, folder, s->line.operands[0]);
}

static int run(session *s)
{
    const char *folder = command_line_text(&s->line, "output");
    if (!folder)
        return session_misused(s, "train: -o RUN is missing: the folder to leave the run in");
    if (s->line.operand_count == 0)
        return session_misused(s, "train: DATA is missing: files, folders or patterns to learn from");
    const tacit_dataset_options options = tacit_config_dataset_options(s->config);
    tacit_train_options train = training_options(s);
    tacit_dataset *data = NULL;
    tacit_model *init = NULL;
    tacit_status status = tacit_run_check(s->context, folder, train.overwrite);
    if (status == TACIT_OK && command_line_text(&s->line, "init"))
        status = tacit_model_open(&init, s->context, command_line_text(&s->line, "init"));
    if (status == TACIT_OK)
        status =
            tacit_dataset_open(&data, s->context, s->line.operands, (int)s->line.operand_count, &options);
    const int code = status == TACIT_OK ? learn(s, data, init, folder, &train) : session_fail(s, status);
    tacit_dataset_close(data);
    tacit_model_close(init);
    return code;
}

/* "mae, simclr" */
static void list_methods(char *out, size_t size)
{
    tacit_description d;
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; used < size && tacit_method_at(i, &d); i++)
        used += (size_t)snprintf(out + used, size - used, i ? ", %s" : "%s", d.name);
}

static size_t count_rows(const tacit_config *config)
{
    tacit_option row;
    int count = 0;
    while (tacit_config_option_at(config, count, &row))
        count++;
    return (size_t)count;
}

/* The table is the command's own rows and then those of the method. */
static int run_with_table(session *s, int argc, char **argv)
{
    const size_t count = ROW_COUNT(own) + count_rows(s->config);
    tacit_option *rows = calloc(count, sizeof *rows);
    if (!rows)
        return session_broken(s, "out of memory");
    memcpy(rows, own, sizeof own);
    for (size_t i = ROW_COUNT(own); i < count; i++)
        tacit_config_option_at(s->config, (int)(i - ROW_COUNT(own)), &rows[i]);
    const int code = session_run(s, rows, count, ROW_COUNT(own), argc, argv, run);
    free(rows);
    return code;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* Help without a method is that of the first one. */
static const char *choose_method(session *s, int argc, char **argv)
{
    char methods[300];
    tacit_description first;
    const char *method = option_peek("method", argc, argv);
    if (method)
        return method;
    if (asks_for_help(argc, argv) && tacit_method_at(0, &first))
        return first.name;
    list_methods(methods, sizeof methods);
    session_misused(s, "train: --method is missing: one of %s", methods);
    return NULL;
}

int cmd_train(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    const char *method = choose_method(&s, argc, argv);
    if (!method)
        return WRONG_USAGE;
    if (tacit_context_create(&s.context, NULL) != TACIT_OK)
        return session_broken(&s, "out of memory");
    const tacit_status status = tacit_config_create(&s.config, s.context, method);
    if (status == TACIT_OK)
        return run_with_table(&s, argc, argv);
    const int code = session_refuse(&s, status);
    tacit_context_destroy(s.context);
    return code;
}
