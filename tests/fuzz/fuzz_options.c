/* Fuzzes the command line's parser (cli/options.c): the input is the words, separated by zero bytes. What is
 * accepted must keep the parser's promises. */
#include "../../cli/options.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const tacit_option rows[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "a file", "one"},
    {"batch", TACIT_OPTION_WHOLE, 2, 1 << 24, NULL, "auto", "examples", "examples of a step", "one"},
    {"lr", TACIT_OPTION_NUMBER, 0, 1e6, NULL, "0.001", "", "learning rate", "one"},
    {"memory", TACIT_OPTION_SIZE, 0, 0, NULL, NULL, "bytes", "activations kept", "two"},
    {"optimizer", TACIT_OPTION_CHOICE, 0, 0, "adamw|lars|sgd", "adamw", "", "how a gradient becomes a step",
     "two"},
    {"normalize", TACIT_OPTION_FLAG, 0, 0, NULL, "true", "", "less the mean", "two"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* The words point into `text`, which holds `size` bytes and a zero. */
static int split(char *text, size_t size, char *words[WORDS])
{
    int count = 0;
    for (size_t at = 0; at < size && count < WORDS; at += strlen(text + at) + 1)
        words[count++] = text + at;
    return count;
}

static void check_accepted(const command_line *line)
{
    const int64_t batch = command_line_whole(line, "batch");
    const double lr = command_line_number(line, "lr");
    require(batch == 0 || (batch >= 2 && batch <= 1 << 24));
    require(lr >= 0 && lr <= 1e6);
    require(command_line_flag(line, "normalize") !=
            (line->values[5] && strcmp(line->values[5], "false") == 0));
    require(!command_line_given(line, "memory") || *command_line_text(line, "memory"));
}

static void check_words(int count, char **words)
{
    command_line line;
    const bool parsed = command_line_parse(&line, rows, ROWS, count, words);
    require(parsed == (line.message[0] == '\0'));
    require(line.operand_count <= (size_t)count);
    if (parsed && command_line_check(&line, ROWS))
        check_accepted(&line);
    else
        require(line.message[0] != '\0');
    command_line_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS];
    char *text = calloc(size + 1, 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    const int count = split(text, size, words);
    const char *peeked = option_peek("batch", count, words);
    require(!peeked || (peeked >= text && peeked <= text + size));
    check_words(count, words);
    free(text);
    return 0;
}
