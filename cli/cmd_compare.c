/* `tacit compare`: several methods on the same data, with the same budget, and a page that says what came of
 * it. */
#include "command.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

static const tacit_option rows[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder for report.html, report.json and a run of each method", "compare"},
    {"overwrite", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "empty the runs of an earlier comparison first",
     "compare"},
    {"methods", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "names with commas between; default: mae,denoise,simclr,vicreg, of texts "
     "next-word,masked-word,simclr,vicreg",
     "compare"},
    {"minutes", TACIT_OPTION_NUMBER, 0.01, 1e6, NULL, "5", "minutes", "of training for each method",
     "compare"},
    {"steps", TACIT_OPTION_WHOLE, 0, 1e12, NULL, "0", "steps",
     "of training for each method instead, the same for all", "compare"},
    {"test", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "examples to judge by; default: the test part of DATA where there is one, else a fifth of DATA",
     "compare"},
    {"sample", TACIT_OPTION_WHOLE, 20, 1e9, NULL, "2000", "examples",
     "that search, groups, odd ones and maps work on", "compare"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "", "of all random numbers", "compare"},
    {"encoder", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "network of all methods; default: each method's own",
     "training"},
    {"size", TACIT_OPTION_WHOLE, 8, 4096, NULL, NULL, "pixels", "side of the pictures the encoder sees",
     "training"},
    {"batch", TACIT_OPTION_WHOLE, 2, 1 << 24, NULL, NULL, "examples", "of a step", "training"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N of each data set only; 0: all",
     "data"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "data"},
    {"header", TACIT_OPTION_CHOICE, 0, 0, "auto|yes|no", "auto", "",
     "tables: the first row names the columns", "data"},
    {"label", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "tables: column of the label, by name or number; JSON lines: field", "data"},
    {"field", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "JSON lines: field of the text", "data"},
    {"pair", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "JSON lines: field of a second text that belongs to it",
     "data"},
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* Options that are settings of every training as they are. */
static const char *const training[] = {"encoder", "size", "batch", "label", "field", "pair"};

static void hear_progress(void *user, const tacit_progress *p)
{
    session *s = user;
    progress_step(&s->progress, p);
}

static void hear_stage(void *user, const char *what)
{
    session *s = user;
    if (s->progress.terminal)
        progress_stage(&s->progress, what);
    else
        progress_note(&s->progress, what);
}

static tacit_dataset_options data_options(const session *s)
{
    tacit_dataset_options o = tacit_dataset_options_default();
    o.limit = command_line_whole(&s->line, "limit");
    o.skip_bad = command_line_flag(&s->line, "skip-bad");
    o.header = command_line_text(&s->line, "header");
    o.label = command_line_text(&s->line, "label");
    o.field = command_line_text(&s->line, "field");
    o.pair = command_line_text(&s->line, "pair");
    o.unit = "line";
    return o;
}

/* The examples of --test, or the test part of the data; that there is none is no error. */
static tacit_status open_test(session *s, tacit_dataset **out)
{
    tacit_dataset_options o = data_options(s);
    const char *path = command_line_text(&s->line, "test");
    o.split = "test";
    if (!path) {
        const tacit_status status =
            tacit_dataset_open(out, s->context, s->line.operands, (int)s->line.operand_count, &o);
        return status == TACIT_ARGUMENT ? TACIT_OK : status;
    }
    tacit_status status = tacit_dataset_open(out, s->context, &path, 1, &o);
    o.split = NULL;
    if (status == TACIT_ARGUMENT)
        status = tacit_dataset_open(out, s->context, &path, 1, &o);
    return status;
}

/* A data set without parts is the same whatever part is asked for. */
static bool is_same(const tacit_dataset *a, const tacit_dataset *b)
{
    char one[1024], two[1024];
    tacit_dataset_info ia, ib;
    tacit_dataset_get_info(a, &ia);
    tacit_dataset_get_info(b, &ib);
    tacit_dataset_name(a, ia.count - 1, one, sizeof one);
    tacit_dataset_name(b, ib.count - 1, two, sizeof two);
    return ia.count == ib.count && strcmp(one, two) == 0;
}

/* The findings of report.json, for people; the whole file for programs. */
static int print_report(session *s, const char *folder)
{
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/report.json", folder);
    json_t *report = json_load_file(path, 0, &error), *sentence;
    size_t i;
    if (!report)
        return session_broken(s, "%s: %s", path, error.text);
    if (command_line_flag(&s->line, "json"))
        return json_line(report) ? session_broken(s, "the result could not be written") : DONE;
    json_array_foreach(json_object_get(report, "findings"), i, sentence)
        printf("%s%s\n", i ? "- " : "", json_string_value(sentence));
    printf("\nreport  %s/report.html\n", folder);
    json_decref(report);
    return DONE;
}

static int compare(session *s, const char *folder, tacit_dataset *data, tacit_dataset *test)
{
    const char *settings[2 * (sizeof training / sizeof *training + 2) + 1] = {0};
    tacit_compare_options o = tacit_compare_options_default();
    size_t count = 0;
    for (size_t i = 0; i < sizeof training / sizeof *training; i++)
        if (command_line_text(&s->line, training[i])) {
            settings[count++] = training[i];
            settings[count++] = command_line_text(&s->line, training[i]);
        }
    settings[count++] = "header";
    settings[count++] = command_line_text(&s->line, "header");
    o.methods = command_line_text(&s->line, "methods");
    o.minutes = command_line_number(&s->line, "minutes");
    o.steps = command_line_whole(&s->line, "steps");
    o.limit = command_line_whole(&s->line, "sample");
    o.seed = (uint64_t)command_line_whole(&s->line, "seed");
    o.overwrite = command_line_flag(&s->line, "overwrite");
    o.settings = settings;
    session_catch_interrupts(s);
    const tacit_status status =
        tacit_compare(s->context, data, test, &o, folder, hear_progress, hear_stage, s);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    return print_report(s, folder);
}

static int run(session *s)
{
    const char *folder = command_line_text(&s->line, "output");
    tacit_dataset *data = NULL, *test = NULL;
    if (!folder)
        return session_misused(s, "compare: -o FOLDER is missing: the folder to leave the report in");
    const tacit_dataset_options o = data_options(s);
    tacit_status status =
        tacit_dataset_open(&data, s->context, s->line.operands, (int)s->line.operand_count, &o);
    if (status == TACIT_OK)
        status = open_test(s, &test);
    if (test && is_same(data, test)) {
        tacit_dataset_close(test);
        test = NULL;
    }
    const int code = status == TACIT_OK ? compare(s, folder, data, test) : session_fail(s, status);
    tacit_dataset_close(test);
    tacit_dataset_close(data);
    return code;
}

int cmd_compare(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
