/* What all commands share: the table's row, and a session, which is one run of one command. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "options.h"
#include "progress.h"

#if defined(__GNUC__)
#define CLI_PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define CLI_PRINTF(string, first)
#endif

/* What the program returns. One rule for all commands: WRONG_USAGE is for the words of the command line
 * themselves (an unknown command, option or name, too few or too many arguments, a value that does not parse
 * or is out of its range), FAILED for all else, also for data that do not suit the options. */
enum { DONE = 0, FAILED = 1, WRONG_USAGE = 2 };

typedef struct command {
    const char *name;
    const char *usage;   /* what follows "tacit NAME" */
    const char *summary; /* a line of `tacit --help` */
    const char *about;   /* paragraph of `tacit NAME --help`, lines broken */
    size_t least_operands, most_operands;
    int (*main)(const struct command *self, int argc, char **argv); /* the words after the name */
} command;

typedef struct session {
    const command *self;
    tacit_context *context;
    tacit_config *config; /* of commands that train, else NULL */
    command_line line;    /* parsed and checked */
    progress progress;
} session;

/* Parses argv by the rows (the first `own_rows` are the command's own, the others those of s->config), checks
 * everything, prints the help if asked for, and calls `run`. s->self must be set; s->context is created if it
 * is NULL; all of the session is freed. Returns the exit code. */
int session_run(session *s, const tacit_option *rows, size_t row_count, size_t own_rows, int argc,
                char **argv, int (*run)(session *s));

/* Prints the context's message; FAILED. */
int session_fail(session *s, tacit_status status);

/* The same where the library was only given words of the command line: TACIT_ARGUMENT is WRONG_USAGE. */
int session_refuse(session *s, tacit_status status);

/* Prints a sentence and where the help is; WRONG_USAGE. */
int session_misused(session *s, const char *format, ...) CLI_PRINTF(2, 3);

/* Prints a sentence; FAILED. */
int session_broken(session *s, const char *format, ...) CLI_PRINTF(2, 3);

/* What the line's limit, skip-bad, header, label and group say for data of this model. `split` may be NULL.
 * Texts are borrowed from the line and the model. */
tacit_dataset_options session_data_options(const session *s, const tacit_model *model, const char *split);

/* Opens operands first .. of the line with these options. */
tacit_status session_open_data(session *s, tacit_dataset **out, const tacit_model *model, size_t first,
                               const char *split);

/* What a model is compared with: "raw pixels", of tables "raw columns"; and the same as a key of JSON. */
const char *raw_name(const tacit_model *model);
const char *raw_key(const tacit_model *model);

/* From here on Ctrl-C and SIGTERM stop a running call of the library after the step; the second one kills. */
void session_catch_interrupts(session *s);

/* "60,000" */
enum { COUNT_TEXT = 32 };
const char *count_text(int64_t count, char out[COUNT_TEXT]);

/* Rows that most commands have. */
#define OPTION_THREADS                                                                                       \
    {                                                                                                        \
        "threads", TACIT_OPTION_WHOLE, 0, 1024, NULL, "0", "threads",                                        \
            "workers; 0: one for each processor; the result does not depend on it", "common"                 \
    }
#define OPTION_JSON                                                                                          \
    {                                                                                                        \
        "json", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "results for machines: JSON, one object a line", \
            "common"                                                                                         \
    }
#define OPTION_QUIET                                                                                         \
    {                                                                                                        \
        "quiet", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "nothing on stderr but errors", "common"        \
    }
/* Tables; without them what the model was trained with. */
#define OPTIONS_TABLE(group)                                                                                 \
    {"header",                                                                                               \
     TACIT_OPTION_CHOICE,                                                                                    \
     0,                                                                                                      \
     0,                                                                                                      \
     "auto|yes|no",                                                                                          \
     NULL,                                                                                                   \
     "",                                                                                                     \
     "tables: the first row names the columns; default: as trained",                                         \
     group},                                                                                                 \
        {"label", TACIT_OPTION_TEXT,                                                                         \
         0,       0,                                                                                         \
         NULL,    NULL,                                                                                      \
         "",      "tables: column of the label, by name or number; JSON lines: field; default: as trained",  \
         group},                                                                                             \
        {"group", TACIT_OPTION_TEXT,                                                                         \
         0,       0,                                                                                         \
         NULL,    NULL,                                                                                      \
         "",      "tables: column of the group; pictures: CSV of name and group; default: as trained",       \
         group},                                                                                             \
        {"unit",                                                                                             \
         TACIT_OPTION_CHOICE,                                                                                \
         0,                                                                                                  \
         0,                                                                                                  \
         "auto|file|line",                                                                                   \
         NULL,                                                                                               \
         "",                                                                                                 \
         "texts: what one of them is; default: as trained",                                                  \
         group},                                                                                             \
        {"field", TACIT_OPTION_TEXT,                                                                         \
         0,       0,                                                                                         \
         NULL,    NULL,                                                                                      \
         "",      "JSON lines: field of the text; default: as trained",                                      \
         group},                                                                                             \
    {                                                                                                        \
        "only", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",                                                     \
            "labels whose examples are kept, commas between; default: all", group                            \
    }
#define ROW_COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Of a text, two spaces and its beginning; of other examples, or NULL data, nothing. Returns `out`. */
enum { BESIDE_SIZE = 80 };
const char *text_beside(const tacit_dataset *data, int64_t i, char out[BESIDE_SIZE]);

/* cmd_eval_language.c: `tacit eval` of a model that predicts words. */
int eval_language(session *s, tacit_model *model);

int cmd_train(const command *self, int argc, char **argv);
int cmd_resume(const command *self, int argc, char **argv);
int cmd_eval(const command *self, int argc, char **argv);
int cmd_embed(const command *self, int argc, char **argv);
int cmd_cluster(const command *self, int argc, char **argv);
int cmd_classify(const command *self, int argc, char **argv);
int cmd_classify_predict(const command *self, int argc, char **argv);
int cmd_generate(const command *self, int argc, char **argv);
int cmd_restore(const command *self, int argc, char **argv);
int cmd_compare(const command *self, int argc, char **argv);
int cmd_map(const command *self, int argc, char **argv);
int cmd_anomaly(const command *self, int argc, char **argv);
int cmd_search(const command *self, int argc, char **argv);
int cmd_verify(const command *self, int argc, char **argv);
int cmd_identify(const command *self, int argc, char **argv);
int cmd_info(const command *self, int argc, char **argv);
int cmd_methods(const command *self, int argc, char **argv);
int cmd_encoders(const command *self, int argc, char **argv);
int cmd_bench(const command *self, int argc, char **argv);

#endif
