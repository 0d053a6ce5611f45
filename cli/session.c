/* One run of one command: parsing, context, errors, signals. */
#include "command.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What the signal handler stops. */
static tacit_context *interrupted_context;

static void handle_interrupt(int number)
{
    (void)number;
    tacit_context_cancel(interrupted_context);
}

void session_catch_interrupts(session *s)
{
    struct sigaction action = {.sa_handler = handle_interrupt, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    interrupted_context = s->context;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void release_interrupts(const session *s)
{
    if (interrupted_context != s->context)
        return;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    interrupted_context = NULL;
}

/* ---- errors ---- */

int session_fail(session *s, tacit_status status)
{
    const char *message = s->context ? tacit_context_message(s->context) : "";
    progress_clear(&s->progress);
    fprintf(stderr, "tacit: %s\n", *message ? message : tacit_status_sentence(status));
    return FAILED;
}

int session_refuse(session *s, tacit_status status)
{
    const int code = session_fail(s, status);
    return status == TACIT_ARGUMENT ? WRONG_USAGE : code;
}

int session_misused(session *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("tacit: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\ntacit: see `tacit %s --help`\n", s->self->name);
    va_end(arguments);
    return WRONG_USAGE;
}

int session_broken(session *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    progress_clear(&s->progress);
    fputs("tacit: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return FAILED;
}

/* ---- before the command ---- */

static void print_help(const session *s)
{
    printf("usage: tacit %s %s\n\n%s\n", s->self->name, s->self->usage, s->self->about);
    options_print(stdout, s->line.rows, s->line.row_count);
}

static int check_operands(session *s)
{
    const command *c = s->self;
    if (s->line.operand_count < c->least_operands)
        return session_misused(s, "%s: too few arguments: tacit %s %s", c->name, c->name, c->usage);
    if (s->line.operand_count > c->most_operands)
        return session_misused(s, "%s: one argument too many, \"%s\": tacit %s %s", c->name,
                               s->line.operands[c->most_operands], c->name, c->usage);
    return DONE;
}

/* The library checks the options that are its own. */
static int set_config(session *s, size_t own_rows)
{
    for (size_t i = own_rows; i < s->line.row_count; i++) {
        if (!s->line.values[i])
            continue;
        const tacit_status status = tacit_config_set(s->config, s->line.rows[i].name, s->line.values[i]);
        if (status != TACIT_OK)
            return session_refuse(s, status);
    }
    return DONE;
}

static void hear_log(void *user, const char *line)
{
    progress_note(user, line);
}

static int set_up(session *s)
{
    const char *threads = command_line_text(&s->line, "threads");
    progress_init(&s->progress, command_line_flag(&s->line, "quiet"));
    tacit_context_set_log(s->context, hear_log, &s->progress);
    const tacit_status status = tacit_context_set_threads(s->context, threads ? atoi(threads) : 0);
    return status == TACIT_OK ? DONE : session_refuse(s, status);
}

static int check_and_run(session *s, size_t own_rows, int (*run)(session *s))
{
    int code = DONE;
    if (s->line.help) {
        print_help(s);
        return DONE;
    }
    if (!command_line_check(&s->line, own_rows))
        return session_misused(s, "%s", s->line.message);
    if (!s->context && tacit_context_create(&s->context, NULL) != TACIT_OK)
        return session_broken(s, "out of memory");
    if ((code = check_operands(s)) != DONE || (code = set_config(s, own_rows)) != DONE ||
        (code = set_up(s)) != DONE)
        return code;
    return run(s);
}

int session_run(session *s, const tacit_option *rows, size_t row_count, size_t own_rows, int argc,
                char **argv, int (*run)(session *s))
{
    int code;
    if (command_line_parse(&s->line, rows, row_count, argc, argv))
        code = check_and_run(s, own_rows, run);
    else
        code = session_misused(s, "%s", s->line.message);
    progress_clear(&s->progress);
    release_interrupts(s);
    command_line_free(&s->line);
    tacit_config_destroy(s->config);
    tacit_context_destroy(s->context);
    return code;
}

/* ---- what commands share ---- */

/* The words of the line go before what the model was trained with; a column that is named must be there. */
tacit_dataset_options session_data_options(const session *s, const tacit_model *model, const char *split)
{
    tacit_dataset_options options = tacit_model_dataset_options(model);
    const char *header = command_line_text(&s->line, "header");
    const char *label = command_line_text(&s->line, "label"), *group = command_line_text(&s->line, "group");
    options.split = split;
    options.limit = command_line_whole(&s->line, "limit");
    options.skip_bad = command_line_flag(&s->line, "skip-bad");
    options.header = header ? header : options.header;
    options.label = label ? label : options.label;
    options.group = group ? group : options.group;
    options.only = command_line_text(&s->line, "only");
    const char *unit = command_line_text(&s->line, "unit"), *field = command_line_text(&s->line, "field");
    options.unit = unit ? unit : options.unit;
    options.field = field ? field : options.field;
    options.columns_may_lack = !label && !group && !field;
    return options;
}

tacit_status session_open_data(session *s, tacit_dataset **out, const tacit_model *model, size_t first,
                               const char *split)
{
    const tacit_dataset_options options = session_data_options(s, model, split);
    return tacit_dataset_open(out, s->context, s->line.operands + first, (int)(s->line.operand_count - first),
                              &options);
}

/* 0: pictures, 1: rows of a table, 2: texts. */
static int kind_of(const tacit_model *model)
{
    tacit_model_info info;
    tacit_model_get_info(model, &info);
    return info.window > 0 ? 2 : info.columns > 0;
}

const char *raw_name(const tacit_model *model)
{
    static const char *const names[] = {"raw pixels", "raw columns", "bag of words"};
    return names[kind_of(model)];
}

const char *raw_key(const tacit_model *model)
{
    static const char *const keys[] = {"raw_pixels", "raw_columns", "bag_of_words"};
    return keys[kind_of(model)];
}

const char *count_text(int64_t count, char out[COUNT_TEXT])
{
    char digits[COUNT_TEXT];
    const int length = snprintf(digits, sizeof digits, "%lld", (long long)count);
    char *to = out;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0 && digits[i - 1] != '-')
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *text_beside(const tacit_dataset *data, int64_t i, char out[BESIDE_SIZE])
{
    char text[BESIDE_SIZE - 2] = "";
    if (data)
        tacit_dataset_text(data, i, text, sizeof text);
    snprintf(out, BESIDE_SIZE, "%s%s", *text ? "  " : "", text);
    return out;
}
