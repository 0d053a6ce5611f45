/* A command line: options out of a table of rows, operands, and the help that the same table gives.
 *
 * Rows are tacit_option, so the options of a training run, which the library knows, and those of the other
 * commands are parsed, checked and explained alike. Written: --name VALUE, --name=VALUE, --flag, --no-flag;
 * `--` ends the options; a lone `-` is an operand. An option that is given twice has its last value. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "tacit.h"

#include <stdio.h>

typedef struct command_line {
    const tacit_option *rows; /* (row_count), borrowed */
    size_t row_count;
    const char **values; /* (row_count) texts as given ("true" and "false" for flags), NULL where not given */
    const char **operands; /* (operand_count), in order */
    size_t operand_count;
    bool help;         /* -h or --help */
    char message[512]; /* what is wrong, after a function returned false */
} command_line;

/* Takes the words apart; values are not looked at yet. False: an unknown option (the message names the
 * nearest), a missing value, or no memory. Texts are borrowed from argv. Free it in every case. */
bool command_line_parse(command_line *out, const tacit_option *rows, size_t row_count, int argc, char **argv);
void command_line_free(command_line *line);

/* Checks the given values of the first `count` rows against type, range and choices. */
bool command_line_check(command_line *line, size_t count);

/* Value of a row that must exist: as given, or the fallback. NULL: not given, and no fallback. The typed ones
 * are for checked values. */
const char *command_line_text(const command_line *line, const char *name);
bool command_line_flag(const command_line *line, const char *name);
int64_t command_line_whole(const command_line *line, const char *name);
double command_line_number(const command_line *line, const char *name);
/* Also for rows that may not exist: was it given? */
bool command_line_given(const command_line *line, const char *name);

/* The last value of option `name` in words that are not parsed yet, because their table depends on it; NULL:
 * none. */
const char *option_peek(const char *name, int argc, char **argv);

/* Prints the rows under their groups: what is written, what it does, unit and default. */
void options_print(FILE *to, const tacit_option *rows, size_t count);

/* The i-th of several names; NULL past the last. */
typedef const char *(*name_function)(const void *names, size_t i);
/* The name that `word` was probably meant to be, or NULL when none is near. */
const char *nearest_name(const char *word, name_function name, const void *names);

#endif
