/* `tacit bench`: speed as a share of the machine's peak. */
#include "command.h"
#include "json.h"

#include <string.h>

static const tacit_option rows[] = {
    {"rows", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "only these, separated by commas; all if not given",
     "bench"},
    {"seconds", TACIT_OPTION_NUMBER, 0.01, 3600, NULL, "3", "seconds", "time for each row", "bench"},
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

static const char *row_name(const void *names, size_t i)
{
    (void)names;
    return tacit_bench_name((int)i);
}

static bool is_row(const char *name, size_t length)
{
    const char *other;
    for (int i = 0; (other = tacit_bench_name(i)); i++)
        if (strlen(other) == length && strncmp(other, name, length) == 0)
            return true;
    return false;
}

/* Every name of the list is a row's. */
static int check_rows(session *s, const char *list)
{
    char name[64];
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const size_t length = strcspn(at, ",");
        if (is_row(at, length))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), at);
        const char *near = nearest_name(name, row_name, NULL);
        return session_misused(s, "--rows %s: no such row%s%s%s", name, near ? "; did you mean " : "",
                               near ? near : "", near ? "?" : "");
    }
    return DONE;
}

static void print_row(const tacit_bench_row *r)
{
    char speed[32] = "-";
    if (r->examples_per_s > 0.0)
        snprintf(speed, sizeof speed, "%.1f", r->examples_per_s);
    printf("%-18s%-10s%8d%8lld%14s%12.1f%12.1f%8.1f%%\n", r->name, r->precision, r->threads,
           (long long)r->batch, speed, r->gflops, r->peak_gflops, 100.0 * r->share);
}

static void hear_row(void *user, const tacit_bench_row *r)
{
    session *s = user;
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        json_line(json_pack("{s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o}", "name", r->name, "precision",
                            r->precision, "threads", r->threads, "batch", (json_int_t)r->batch,
                            "examples_per_s", json_known(r->examples_per_s), "gflops", json_known(r->gflops),
                            "peak_gflops", json_known(r->peak_gflops), "share", json_known(r->share)));
    else
        print_row(r);
    fflush(stdout);
    progress_stage(&s->progress, "measuring");
}

static int run(session *s)
{
    const char *list = command_line_text(&s->line, "rows");
    const int code = list ? check_rows(s, list) : DONE;
    if (code != DONE)
        return code;
    if (!command_line_flag(&s->line, "json"))
        printf("%-18s%-10s%8s%8s%14s%12s%12s%9s\n", "name", "precision", "threads", "batch", "examples/s",
               "GFLOP/s", "peak", "share");
    fflush(stdout);
    progress_stage(&s->progress, "measuring");
    const tacit_status status =
        tacit_bench(s->context, list, command_line_number(&s->line, "seconds"), hear_row, s);
    return status == TACIT_OK ? DONE : session_fail(s, status, true);
}

int cmd_bench(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
