/* `tacit methods` and `tacit encoders`: what there is. */
#include "command.h"
#include "json.h"

static const tacit_option rows[] = {OPTION_JSON};

typedef bool (*list_function)(int i, tacit_description *out);

static int print_list(session *s, list_function at)
{
    tacit_description d;
    const bool json = command_line_flag(&s->line, "json");
    for (int i = 0; at(i, &d); i++) {
        if (!json)
            printf("%-12s%s%s%s\n", d.name, d.family, *d.family ? ": " : "", d.summary);
        else if (json_line(
                     json_pack("{s:s, s:s, s:s}", "name", d.name, "family", d.family, "summary", d.summary)))
            return session_broken(s, "the list could not be written");
    }
    return DONE;
}

static int run_methods(session *s)
{
    return print_list(s, tacit_method_at);
}

static int run_encoders(session *s)
{
    return print_list(s, tacit_encoder_at);
}

int cmd_methods(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run_methods);
}

int cmd_encoders(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run_encoders);
}
