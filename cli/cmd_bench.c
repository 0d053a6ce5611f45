/* `tacit bench`: speed as a share of the machine's peak. */
#include "command.h"
#include "json.h"

static const tacit_option rows[] = {
    {"rows", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "only these, separated by commas; all but gpt-small, which takes minutes, if not given", "bench"},
    {"seconds", TACIT_OPTION_NUMBER, 0.01, 3600, NULL, "3", "seconds", "time for each row", "bench"},
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

typedef struct table {
    session *session;
    bool begun; /* its head is printed */
} table;

static void print_head(table *t)
{
    if (!t->begun)
        printf("%-18s%-10s%8s%8s%14s%12s%12s%9s\n", "name", "precision", "threads", "batch", "examples/s",
               "GFLOP/s", "peak", "share");
    t->begun = true;
}

static void print_row(const tacit_bench_row *r)
{
    char speed[32] = "-";
    if (r->examples_per_s > 0.0)
        snprintf(speed, sizeof speed, r->examples_per_s < 10.0 ? "%.3f" : "%.1f", r->examples_per_s);
    printf("%-18s%-10s%8d%8lld%14s%12.1f%12.1f%8.1f%%\n", r->name, r->precision, r->threads,
           (long long)r->batch, speed, r->gflops, r->peak_gflops, 100.0 * r->share);
}

static json_t *describe(const tacit_bench_row *r)
{
    return json_pack("{s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o}", "name", r->name, "precision", r->precision,
                     "threads", r->threads, "batch", (json_int_t)r->batch, "examples_per_s",
                     json_known(r->examples_per_s), "gflops", json_known(r->gflops), "peak_gflops",
                     json_known(r->peak_gflops), "share", json_known(r->share));
}

static void hear_row(void *user, const tacit_bench_row *r)
{
    table *t = user;
    progress_clear(&t->session->progress);
    if (command_line_flag(&t->session->line, "json"))
        json_line(describe(r));
    else {
        print_head(t);
        print_row(r);
    }
    fflush(stdout);
    progress_stage(&t->session->progress, "measuring");
}

static int run(session *s)
{
    table t = {.session = s};
    progress_stage(&s->progress, "measuring");
    const tacit_status status = tacit_bench(s->context, command_line_text(&s->line, "rows"),
                                            command_line_number(&s->line, "seconds"), hear_row, &t);
    return status == TACIT_OK ? DONE : session_refuse(s, status);
}

int cmd_bench(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
