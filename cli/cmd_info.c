/* `tacit info`: what a run or a model is. */
#include "command.h"
#include "json.h"

static const tacit_option rows[] = {OPTION_JSON};

static json_t *number_list(const double *numbers, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_known(numbers[i]));
    return list;
}

static json_t *describe(const tacit_model_info *m)
{
    const int channels = m->columns ? 0 : m->channels; /* of a table, config.json has the numbers */
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:o, s:o, s:s, s:I, s:I, "
        "s:I, "
        "s:I, s:I, s:i, s:I, s:I, s:i, s:b}",
        "version", m->version, "method", m->method, "family", m->family, "encoder", m->encoder, "readout",
        m->readout, "preset", m->preset, "height", m->height, "width", m->width, "channels", m->channels,
        "patch", m->patch, "dimension", (json_int_t)m->dimension, "parameters", (json_int_t)m->parameters,
        "encoder_parameters", (json_int_t)m->encoder_parameters, "mean", number_list(m->mean, channels),
        "deviation", number_list(m->deviation, channels), "data", m->data, "examples",
        (json_int_t)m->examples, "steps", (json_int_t)m->steps, "epochs", (json_int_t)m->epochs, "batch",
        (json_int_t)m->batch, "seed", (json_int_t)m->seed, "columns", m->columns, "window",
        (json_int_t)m->window, "vocabulary", (json_int_t)m->vocabulary, "classes", (int)m->classes,
        "complete", (int)m->complete);
}

static void print_numbers(const char *what, const double *numbers, int count)
{
    printf("%s", what);
    for (int i = 0; i < count; i++)
        printf(" %.4f", numbers[i]);
}

static void print_examples(const tacit_model_info *m)
{
    char a[COUNT_TEXT], b[COUNT_TEXT];
    if (m->columns) {
        printf("rows        %d columns of a table\n", m->columns);
        return;
    }
    if (m->window) {
        printf("texts       windows of %s tokens, ", count_text(m->window, a));
        printf("of %s different ones\n", count_text(m->vocabulary, b));
        return;
    }
    printf("pictures    %d x %d x %d, patches of %d\n", m->height, m->width, m->channels, m->patch);
    print_numbers("pixels      mean", m->mean, m->channels);
    print_numbers(", deviation", m->deviation, m->channels);
    putchar('\n');
}

static void print_training(const tacit_model_info *m)
{
    char a[COUNT_TEXT], b[COUNT_TEXT];
    if (m->examples == 0) { /* ours have some */
        printf("training    elsewhere\n");
        return;
    }
    printf("data        %s examples of %s", count_text(m->examples, a), m->data);
    if (!m->columns && !m->window)
        printf(", augmented as %s", m->preset);
    putchar('\n');
    if (m->classes)
        printf("classes     %s\n", count_text(m->classes, a));
    if (m->steps == 0 && m->complete) {
        printf("training    none: a linear layer was fitted, seed %llu\n", (unsigned long long)m->seed);
    } else {
        printf("training    %s steps of %s epochs done, ", count_text(m->steps, a), count_text(m->epochs, b));
        printf("batch %s, seed %llu\n", count_text(m->batch, a), (unsigned long long)m->seed);
    }
    printf("state       %s\n", m->complete ? "complete" : "unfinished");
}

static void print_info(const tacit_model_info *m)
{
    char a[COUNT_TEXT], b[COUNT_TEXT];
    printf("method      %s (%s)\n", m->method, m->family);
    printf("encoder     %s", m->encoder);
    if (!m->columns)
        printf(", readout %s", m->readout);
    putchar('\n');
    print_examples(m);
    printf("embedding   %s numbers\n", count_text(m->dimension, a));
    printf("parameters  %s, of them %s in the encoder\n", count_text(m->parameters, a),
           count_text(m->encoder_parameters, b));
    print_training(m);
    printf("made by     tacit %s\n", m->version);
}

static int run(session *s)
{
    tacit_model_info info;
    const tacit_status status = tacit_info_read(s->context, s->line.operands[0], &info);
    if (status != TACIT_OK)
        return session_fail(s, status);
    if (!command_line_flag(&s->line, "json"))
        print_info(&info);
    else if (json_line(describe(&info)))
        return session_broken(s, "%s: what it is could not be written as JSON", s->line.operands[0]);
    return DONE;
}

int cmd_info(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
