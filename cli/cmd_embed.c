/* `tacit embed`: pictures or rows to vectors, in a file or on stdout. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, NAME_SIZE = 1024 }; /* examples that are embedded at a time for stdout */

static const tacit_option rows[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "file to write, .npy or .csv; - is stdout", "embed"},
    {"format", TACIT_OPTION_CHOICE, 0, 0, "npy|csv", NULL, "", "instead of what the file's name says",
     "embed"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, "train", "", "part of the data, where it has parts", "embed"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N only; 0: all", "embed"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "embed"},
    OPTIONS_TABLE("embed"),
    OPTION_THREADS,
    OPTION_QUIET,
};

/* What is embedded, and by what. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *data;
    int64_t count, dimension;
    int64_t before; /* examples done in earlier blocks */
} work;

static void hear_count(void *user, int64_t done, int64_t all)
{
    const work *w = user;
    (void)all;
    progress_count(&w->session->progress, "embedding", w->before + done, w->count);
}

/* ---- stdout ---- */

/* As RFC 4180 has it: quotes doubled. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_label(const work *w, int32_t label)
{
    const char *name = tacit_dataset_label_name(w->data, label);
    if (label >= 0 && *name)
        print_quoted(name);
    else if (label >= 0)
        printf("%d", (int)label);
}

/* The same row as tacit_save_csv writes. */
static void print_example(const work *w, int64_t i, const float *embedding)
{
    char name[NAME_SIZE];
    tacit_dataset_name(w->data, i, name, sizeof name);
    print_quoted(name);
    putchar(',');
    print_label(w, tacit_dataset_label(w->data, i));
    for (int64_t j = 0; j < w->dimension; j++)
        printf(",%.9g", (double)embedding[j]);
    putchar('\n');
}

static tacit_status print_blocks(work *w, float *block)
{
    for (int64_t at = 0; at < w->count && !ferror(stdout); at += BLOCK) {
        const int64_t count = w->count - at < BLOCK ? w->count - at : BLOCK;
        w->before = at;
        const tacit_status status = tacit_model_embed(w->model, w->data, at, count, block, hear_count, w);
        if (status != TACIT_OK)
            return status;
        for (int64_t i = 0; i < count; i++)
            print_example(w, at + i, block + i * w->dimension);
    }
    return TACIT_OK;
}

static tacit_status print_csv(work *w, float *block)
{
    printf("name,label");
    for (int64_t j = 0; j < w->dimension; j++)
        printf(",e%lld", (long long)j);
    putchar('\n');
    return print_blocks(w, block);
}

/* ---- files ---- */

static tacit_status save(work *w, const char *path, bool csv, float *embeddings)
{
    tacit_context *context = w->session->context;
    const tacit_status status = tacit_model_embed(w->model, w->data, 0, w->count, embeddings, hear_count, w);
    if (status != TACIT_OK)
        return status;
    if (csv)
        return tacit_save_csv(context, path, embeddings, w->count, w->dimension, w->data, 0);
    return tacit_save_npy(context, path, embeddings, w->count, w->dimension);
}

static int embed(work *w, const char *path, bool csv)
{
    const bool to_stdout = strcmp(path, "-") == 0;
    const int64_t rows_held = to_stdout && w->count > BLOCK ? BLOCK : w->count;
    float *embeddings = calloc((size_t)rows_held, (size_t)w->dimension * sizeof *embeddings);
    if (!embeddings)
        return session_broken(w->session,
                              "out of memory: the embeddings need %lld bytes; use --limit, or -o -",
                              (long long)(rows_held * w->dimension * (int64_t)sizeof *embeddings));
    hear_count(w, 0, w->count);
    const tacit_status status = to_stdout ? print_csv(w, embeddings) : save(w, path, csv, embeddings);
    free(embeddings);
    if (status != TACIT_OK)
        return session_fail(w->session, status);
    if (!to_stdout) {
        char line[NAME_SIZE + 100];
        snprintf(line, sizeof line, "%s: %lld embeddings of %lld numbers", path, (long long)w->count,
                 (long long)w->dimension);
        progress_note(&w->session->progress, line);
    }
    return DONE;
}

/* ---- the command ---- */

static bool ends_with(const char *text, const char *ending)
{
    const size_t a = strlen(text), b = strlen(ending);
    return a >= b && strcmp(text + a - b, ending) == 0;
}

/* npy or csv by --format, else by the name. */
static int choose_format(session *s, const char *path, bool *csv)
{
    const char *format = command_line_text(&s->line, "format");
    const bool to_stdout = strcmp(path, "-") == 0;
    *csv = format ? strcmp(format, "csv") == 0 : to_stdout || ends_with(path, ".csv");
    if (to_stdout && !*csv)
        return session_misused(s, "embed: -o - is written as CSV only");
    if (!format && !*csv && !ends_with(path, ".npy"))
        return session_misused(s, "embed: -o %s: expected a name that ends in .npy or .csv, or --format",
                               path);
    return DONE;
}

static int run(session *s)
{
    bool csv;
    const char *path = command_line_text(&s->line, "output");
    if (!path)
        return session_misused(s, "embed: -o FILE is missing: out.npy, out.csv, or - for stdout");
    int code = choose_format(s, path, &csv);
    if (code != DONE)
        return code;
    work w = {.session = s};
    tacit_status status = tacit_model_open(&w.model, s->context, s->line.operands[0]);
    if (status == TACIT_OK)
        status = session_open_data(s, &w.data, w.model, 1, command_line_text(&s->line, "split"));
    if (status == TACIT_OK) {
        tacit_model_info model;
        tacit_dataset_info data;
        tacit_model_get_info(w.model, &model);
        tacit_dataset_get_info(w.data, &data);
        w.count = data.count;
        w.dimension = model.dimension;
        code = embed(&w, path, csv);
    } else
        code = session_fail(s, status);
    tacit_dataset_close(w.data);
    tacit_model_close(w.model);
    return code;
}

int cmd_embed(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
