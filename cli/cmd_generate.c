/* `tacit generate`: texts that a model of next-word goes on with. */
#include "command.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { PROMPT_STEP = 65536, PROMPT_MOST = 1 << 24 };

static const tacit_option rows[] = {
    {"prompt", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "text to go on from; with - as the last word, stdin is", "generate"},
    {"tokens", TACIT_OPTION_WHOLE, 0, 1e9, NULL, "200", "tokens", "new ones at the most", "generate"},
    {"number", TACIT_OPTION_WHOLE, 1, 1e9, NULL, "1", "texts", "how many, each drawn anew", "generate"},
    {"temperature", TACIT_OPTION_NUMBER, 0, 100, NULL, "0.8", "",
     "1: as likely as the model says; lower: rather what is likely; 0: always the likeliest", "generate"},
    {"top-k", TACIT_OPTION_WHOLE, 0, 1e9, NULL, "0", "tokens", "of the likeliest only; 0: of all",
     "generate"},
    {"top-p", TACIT_OPTION_NUMBER, 0.0001, 1, NULL, "1", "", "of the likeliest that make up this share only",
     "generate"},
    {"repetition", TACIT_OPTION_NUMBER, 0.1, 10, NULL, "1", "",
     "how much less likely words become that were there already", "generate"},
    {"stop", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "text at which to end, which is not written",
     "generate"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "", "of the draws", "generate"},
    {"echo", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "write the prompt, too", "generate"},
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* A prompt, and a text that grows where it is wanted whole. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_generate_options options;
    char *prompt, *text;
    size_t prompt_size, size, capacity;
    bool failed; /* a text could not be kept, or written */
} work;

/* ---- the prompt ---- */

static int read_stdin(work *w)
{
    size_t got = 0;
    do {
        char *larger = realloc(w->prompt, w->prompt_size + PROMPT_STEP);
        if (!larger || w->prompt_size > PROMPT_MOST)
            return session_broken(w->session, "stdin: the prompt is too long: expected up to %d bytes",
                                  PROMPT_MOST);
        w->prompt = larger;
        got = fread(w->prompt + w->prompt_size, 1, PROMPT_STEP, stdin);
        w->prompt_size += got;
    } while (got > 0);
    return DONE;
}

static int find_prompt(work *w)
{
    session *s = w->session;
    const char *given = command_line_text(&s->line, "prompt");
    const bool from_stdin = s->line.operand_count > 1;
    if (from_stdin && strcmp(s->line.operands[1], "-") != 0)
        return session_misused(s, "generate: \"%s\": expected - for stdin, or --prompt TEXT",
                               s->line.operands[1]);
    if (from_stdin && given)
        return session_misused(s, "generate: --prompt and - exclude each other");
    if (from_stdin)
        return read_stdin(w);
    w->prompt = given ? strdup(given) : NULL;
    w->prompt_size = given ? strlen(given) : 0;
    return given && !w->prompt ? session_broken(s, "out of memory") : DONE;
}

/* ---- texts ---- */

static void hear_piece(void *user, const char *text, size_t size)
{
    work *w = user;
    progress_clear(&w->session->progress);
    w->failed = w->failed || fwrite(text, 1, size, stdout) != size || fflush(stdout) != 0;
}

static void keep_piece(void *user, const char *text, size_t size)
{
    work *w = user;
    if (w->size + size + 1 > w->capacity) {
        const size_t capacity = 2 * (w->size + size + 1);
        char *larger = realloc(w->text, capacity);
        w->failed = w->failed || !larger;
        if (!larger)
            return;
        w->text = larger;
        w->capacity = capacity;
    }
    memcpy(w->text + w->size, text, size);
    w->size += size;
    w->text[w->size] = '\0';
}

static void tell_cut(const work *w, const tacit_generation *g)
{
    char line[200];
    if (g->cut == 0)
        return;
    snprintf(line, sizeof line,
             "the prompt is %lld tokens: its first %lld do not fit into the window and are cut",
             (long long)g->prompt, (long long)g->cut);
    progress_note(&w->session->progress, line);
}

static int write_json(work *w, int64_t sample, const tacit_generation *g)
{
    json_t *object = json_pack("{s:I, s:s%, s:I, s:I, s:I, s:b, s:f}", "text_number", (json_int_t)sample + 1,
                               "text", w->text ? w->text : "", w->size, "prompt_tokens",
                               (json_int_t)g->prompt, "cut", (json_int_t)g->cut, "tokens",
                               (json_int_t)g->tokens, "ended", (int)g->ended, "seconds", g->seconds);
    w->size = 0;
    return json_line(object) ? session_broken(w->session, "the result could not be written") : DONE;
}

static int write_text(work *w, int64_t sample, int64_t all)
{
    session *s = w->session;
    tacit_generation g;
    const bool json = command_line_flag(&s->line, "json"), echo = command_line_flag(&s->line, "echo");
    if (!json && all > 1)
        printf("%s== %lld ==\n", sample ? "\n" : "", (long long)sample + 1);
    if (echo && w->prompt_size)
        (json ? keep_piece : hear_piece)(w, w->prompt, w->prompt_size);
    const tacit_status status = tacit_generate(w->model, w->prompt, w->prompt_size, &w->options, sample,
                                               json ? keep_piece : hear_piece, w, &g);
    if (!json && (status == TACIT_OK || status == TACIT_CANCELLED))
        putchar('\n');
    if (status != TACIT_OK)
        return session_fail(s, status);
    if (w->failed || (!json && fflush(stdout) != 0))
        return session_broken(s, "the text could not be written");
    if (sample == 0)
        tell_cut(w, &g);
    return json ? write_json(w, sample, &g) : DONE;
}

/* ---- the command ---- */

static int run(session *s)
{
    work w = {.session = s, .options = tacit_generate_options_default()};
    const int64_t number = command_line_whole(&s->line, "number");
    w.options.tokens = command_line_whole(&s->line, "tokens");
    w.options.temperature = command_line_number(&s->line, "temperature");
    w.options.top_k = command_line_whole(&s->line, "top-k");
    w.options.top_p = command_line_number(&s->line, "top-p");
    w.options.repetition = command_line_number(&s->line, "repetition");
    w.options.stop = command_line_text(&s->line, "stop");
    w.options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    int code = find_prompt(&w);
    if (code == DONE) {
        session_catch_interrupts(s);
        const tacit_status status = tacit_model_open(&w.model, s->context, s->line.operands[0]);
        code = status == TACIT_OK ? DONE : session_fail(s, status);
    }
    for (int64_t i = 0; code == DONE && i < number; i++)
        code = write_text(&w, i, number);
    free(w.prompt);
    free(w.text);
    tacit_model_close(w.model);
    return code;
}

int cmd_generate(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
