/* Drawing of the progress line. */
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 256, PIECE = 48 };

static const double least_seconds = 0.1; /* between two drawings */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_init(progress *p, bool quiet)
{
    *p = (progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

void progress_clear(progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

/* One column is left free: a terminal may wrap when the last one is written. */
static void draw(progress *p, const char *line)
{
    progress_clear(p);
    fprintf(stderr, "%.*s", terminal_width() - 1, line);
    fflush(stderr);
    p->drawn = true;
    p->drawn_at = now();
}

static bool may_draw(const progress *p)
{
    return !p->quiet && p->terminal && now() - p->drawn_at >= least_seconds;
}

void progress_note(progress *p, const char *line)
{
    if (p->quiet)
        return;
    progress_clear(p);
    fprintf(stderr, "%s\n", line);
}

void progress_stage(progress *p, const char *what)
{
    char line[LINE];
    p->started_at = 0.0;
    if (p->quiet || !p->terminal)
        return;
    snprintf(line, sizeof line, "%s ...", what);
    draw(p, line);
}

/* Adds a piece after two blanks. */
static void append(char line[LINE], const char *piece)
{
    const size_t used = strlen(line);
    if (*piece)
        snprintf(line + used, LINE - used, "%s%s", used ? "  " : "", piece);
}

/* Nothing is added for a number that is not known. */
static void append_number(char line[LINE], const char *before, int digits, double number, const char *after)
{
    char piece[PIECE];
    if (!isfinite(number))
        return;
    snprintf(piece, sizeof piece, "%s%.*f%s", before, digits, number, after);
    append(line, piece);
}

/* "2:41 left", "1:02:33 left". */
static void append_time(char line[LINE], double seconds, const char *what)
{
    char piece[PIECE];
    if (!(seconds >= 0.0 && seconds < 1e8))
        return;
    const long all = (long)(seconds + 0.5), hours = all / 3600, minutes = all / 60 % 60;
    if (hours)
        snprintf(piece, sizeof piece, "%ld:%02ld:%02ld %s", hours, minutes, all % 60, what);
    else
        snprintf(piece, sizeof piece, "%ld:%02ld %s", minutes, all % 60, what);
    append(line, piece);
}

static void append_epoch(char line[LINE], const tacit_progress *s)
{
    char piece[PIECE];
    const int64_t epoch = s->epoch < s->epochs ? s->epoch + 1 : s->epochs;
    snprintf(piece, sizeof piece, "epoch %lld/%lld", (long long)epoch, (long long)s->epochs);
    append(line, piece);
}

static void describe_step(char line[LINE], const tacit_progress *s)
{
    append_epoch(line, s);
    append_number(line, "loss ", 4, s->loss, "");
    append_number(line, "", 0, s->examples_per_second, " examples/s");
    append_time(line, s->seconds_left, "left");
    append_number(line, "waiting for data ", 0, 100.0 * s->wait_share, "%");
}

/* The line of an epoch also tells of the embeddings, which are measured then. */
static void note_epoch(progress *p, const tacit_progress *s)
{
    char line[LINE] = "";
    describe_step(line, s);
    append_number(line, "validation ", 4, s->validation_loss, "");
    append_number(line, "spread ", 4, s->spread, "");
    append_number(line, "effective rank ", 1, s->effective_rank, "");
    progress_note(p, line);
}

void progress_step(progress *p, const tacit_progress *s)
{
    char line[LINE] = "";
    if (s->epoch_end)
        note_epoch(p, s);
    if (!may_draw(p))
        return;
    append_number(line, "", 0, s->steps > 0 ? 100.0 * (double)s->step / (double)s->steps : 0.0, "%");
    describe_step(line, s);
    draw(p, line);
}

void progress_count(progress *p, const char *what, int64_t done, int64_t all)
{
    char line[LINE] = "";
    if (done == 0 || p->started_at <= 0.0)
        p->started_at = now();
    if (!may_draw(p) || all <= 0)
        return;
    const double seconds = now() - p->started_at,
                 speed = done > 0 && seconds > 0.01 ? (double)done / seconds : (double)NAN;
    append_number(line, "", 0, 100.0 * (double)done / (double)all, "%");
    append(line, what);
    append_number(line, "", 0, speed, " examples/s");
    append_time(line, (double)(all - done) / speed, "left");
    draw(p, line);
}
