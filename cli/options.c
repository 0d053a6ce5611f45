/* Parsing and checking by the table. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

enum { WORD_LIMIT = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours between two words of at most WORD_LIMIT bytes.
 */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_LIMIT + 1]; /* of a's letter i, and of the two before it, by i % 3 */
    const size_t width = strlen(b), height = strlen(a);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= height; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[height % 3][width];
}

/* A third of the longer word may differ, so that short words do not match everything. */
const char *nearest_name(const char *word, name_function name, const void *names)
{
    const char *best = NULL, *other;
    size_t best_distance = SIZE_MAX;
    if (strlen(word) > WORD_LIMIT)
        return NULL;
    for (size_t i = 0; (other = name(names, i)); i++) {
        if (strlen(other) > WORD_LIMIT)
            continue;
        const size_t distance = edit_distance(word, other);
        const size_t longer = strlen(word) > strlen(other) ? strlen(word) : strlen(other);
        const size_t allowed = longer / 3 > 1 ? longer / 3 : 1;
        if (distance <= allowed && distance < best_distance) {
            best = other;
            best_distance = distance;
        }
    }
    return best;
}

static const char *row_name(const void *names, size_t i)
{
    const command_line *line = names;
    return i < line->row_count ? line->rows[i].name : NULL;
}

/* ---- rows ---- */

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static bool
wrong(command_line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->message, sizeof line->message, format, arguments);
    va_end(arguments);
    return false;
}

/* The row of a name of `length` bytes; row_count where there is none. */
static size_t find_row(const command_line *line, const char *name, size_t length)
{
    size_t i = 0;
    while (i < line->row_count &&
           (strncmp(line->rows[i].name, name, length) != 0 || line->rows[i].name[length] != '\0'))
        i++;
    return i;
}

/* Options that have a letter too. A letter may stand for several: a command has at most one of them. */
static const struct letter {
    const char *letter, *option;
} letters[] = {{"-o", "--output"}, {"-q", "--quiet"},      {"-h", "--help"},
               {"-k", "--groups"}, {"-k", "--neighbours"}, {"-n", "--number"}};

enum { LETTER_COUNT = sizeof letters / sizeof *letters };

/* The option that a word means in this command; the word itself where it is no letter. */
static const char *letter_name(const command_line *line, const char *word)
{
    const char *name = word;
    for (size_t i = 0; i < LETTER_COUNT; i++) {
        const char *option = letters[i].option + 2;
        if (strcmp(word, letters[i].letter) == 0 &&
            (name == word || find_row(line, option, strlen(option)) < line->row_count))
            name = letters[i].option;
    }
    return name;
}

/* "-o, ", or "" where the option has no letter. */
static const char *letter_prefix(const char *option, char out[8])
{
    out[0] = '\0';
    for (size_t i = 0; i < LETTER_COUNT; i++)
        if (strcmp(letters[i].option + 2, option) == 0)
            snprintf(out, 8, "%s, ", letters[i].letter);
    return out;
}

/* ---- parsing ---- */

/* Words that are still to be read. */
typedef struct words {
    int count, next;
    char **word;
} words;

static bool fail_unknown(command_line *line, const char *option, size_t length)
{
    char name[WORD_LIMIT + 1];
    snprintf(name, sizeof name, "%.*s", (int)least(length, WORD_LIMIT), option + 2);
    const char *near = strncmp(option, "--", 2) == 0 ? nearest_name(name, row_name, line) : NULL;
    if (near)
        return wrong(line, "--%s: no such option; did you mean --%s?", name, near);
    return wrong(line, "%.80s: no such option", option);
}

/* --no-NAME, where NAME is a flag. */
static bool parse_negated(command_line *line, const char *option, size_t length)
{
    const size_t i = length > 3 && strncmp(option + 2, "no-", 3) == 0 ? find_row(line, option + 5, length - 3)
                                                                      : line->row_count;
    if (i == line->row_count || line->rows[i].type != TACIT_OPTION_FLAG)
        return fail_unknown(line, option, length);
    if (option[2 + length] == '=')
        return wrong(line, "--no-%s takes no value", line->rows[i].name);
    line->values[i] = "false";
    return true;
}

static bool parse_option(command_line *line, words *w, const char *option)
{
    if (strcmp(option, "--help") == 0)
        return line->help = true;
    if (strncmp(option, "--", 2) != 0)
        return fail_unknown(line, option, 0);
    const size_t length = strcspn(option + 2, "=");
    const size_t i = find_row(line, option + 2, length);
    if (i == line->row_count)
        return parse_negated(line, option, length);
    if (option[2 + length] == '=')
        line->values[i] = option + 3 + length;
    else if (line->rows[i].type == TACIT_OPTION_FLAG)
        line->values[i] = "true";
    else if (w->next < w->count && strncmp(w->word[w->next], "--", 2) != 0)
        line->values[i] = w->word[w->next++];
    else
        return wrong(line, "--%s: its value is missing", line->rows[i].name);
    return true;
}

bool command_line_parse(command_line *out, const tacit_option *rows, size_t row_count, int argc, char **argv)
{
    *out = (command_line){.rows = rows, .row_count = row_count};
    out->values = calloc(row_count + 1, sizeof *out->values);
    out->operands = calloc((size_t)argc + 1, sizeof *out->operands);
    if (!out->values || !out->operands)
        return wrong(out, "out of memory");
    words w = {argc, 0, argv};
    bool options = true;
    while (w.next < w.count) {
        const char *word = w.word[w.next++];
        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (!options || word[0] != '-' || word[1] == '\0')
            out->operands[out->operand_count++] = word;
        else if (!parse_option(out, &w, letter_name(out, word)))
            return false;
    }
    return true;
}

void command_line_free(command_line *line)
{
    free(line->values);
    free(line->operands);
    line->values = line->operands = NULL;
}

const char *option_peek(const char *name, int argc, char **argv)
{
    const char *value = NULL;
    const size_t length = strlen(name);
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, length) != 0)
            continue;
        const char *end = argv[i] + 2 + length;
        if (*end == '=')
            value = end + 1;
        else if (*end == '\0' && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
            value = argv[++i];
    }
    return value;
}

/* ---- checking ---- */

/* A plain decimal number in the whole text; strtod alone would also take blanks, hexadecimals, nan and inf.
 */
static bool read_number(const char *text, double *out)
{
    char *end;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool read_whole(const char *text, int64_t *out)
{
    char *end;
    if (!*text || strspn(text, "-0123456789") != strlen(text))
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

/* "300M", "1.5G", "2GB", "4096", as far as the library takes them. */
static bool is_size(const char *text)
{
    static const char units[] = "KkMmGgTt";
    char number[32];
    double value;
    const size_t length = strspn(text, ".0123456789");
    if (length == 0 || length >= sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)length, text);
    const char *suffix = text + length, *unit = *suffix ? strchr(units, *suffix) : NULL;
    const int power = unit ? 1 + (int)(unit - units) / 2 : 0;
    suffix += unit != NULL;
    suffix += *suffix == 'B' || *suffix == 'b';
    return *suffix == '\0' && read_number(number, &value) && ldexp(value, 10 * power) < 9e18;
}

static bool is_choice(const char *choices, const char *text)
{
    const size_t length = strlen(text);
    for (const char *c = choices; *c; c += *c == '|') {
        const size_t one = strcspn(c, "|");
        if (one == length && strncmp(c, text, length) == 0)
            return true;
        c += one;
    }
    return false;
}

static bool is_acceptable(const tacit_option *row, const char *text)
{
    double number;
    int64_t whole;
    if (row->fallback && strcmp(row->fallback, "auto") == 0 && strcmp(text, "auto") == 0)
        return true;
    switch (row->type) {
    case TACIT_OPTION_WHOLE:
        return read_whole(text, &whole) && (double)whole >= row->low && (double)whole <= row->high;
    case TACIT_OPTION_NUMBER:
        return read_number(text, &number) && number >= row->low && number <= row->high;
    case TACIT_OPTION_SIZE:
        return is_size(text);
    case TACIT_OPTION_CHOICE:
        return is_choice(row->choices, text);
    case TACIT_OPTION_TEXT:
        return *text != '\0';
    case TACIT_OPTION_FLAG:
        return is_choice("true|false", text);
    }
    return false;
}

/* "one of a, b, c" from "a|b|c". */
static void list_choices(const char *choices, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "one of ");
    for (const char *c = choices; *c && used + 2 < size; c++) {
        out[used++] = *c == '|' ? ',' : *c;
        if (*c == '|')
            out[used++] = ' ';
    }
    out[used] = '\0';
}

static void describe_values(const tacit_option *row, char *out, size_t size)
{
    switch (row->type) {
    case TACIT_OPTION_WHOLE:
        snprintf(out, size, "a whole number from %.0f to %.0f", row->low, row->high);
        break;
    case TACIT_OPTION_NUMBER:
        snprintf(out, size, "a number from %g to %g", row->low, row->high);
        break;
    case TACIT_OPTION_SIZE:
        snprintf(out, size, "a size such as 300M or 2G");
        break;
    case TACIT_OPTION_CHOICE:
        list_choices(row->choices, out, size);
        break;
    case TACIT_OPTION_TEXT:
        snprintf(out, size, "a text that is not empty");
        break;
    case TACIT_OPTION_FLAG:
        snprintf(out, size, "true or false");
        break;
    }
}

bool command_line_check(command_line *line, size_t count)
{
    char expected[300];
    for (size_t i = 0; i < count; i++) {
        if (!line->values[i] || is_acceptable(&line->rows[i], line->values[i]))
            continue;
        describe_values(&line->rows[i], expected, sizeof expected);
        return wrong(line, "--%s %.80s: expected %s", line->rows[i].name, line->values[i], expected);
    }
    return true;
}

/* ---- values ---- */

bool command_line_given(const command_line *line, const char *name)
{
    const size_t i = find_row(line, name, strlen(name));
    return i < line->row_count && line->values[i];
}

const char *command_line_text(const command_line *line, const char *name)
{
    const size_t i = find_row(line, name, strlen(name));
    if (i == line->row_count)
        return NULL;
    return line->values[i] ? line->values[i] : line->rows[i].fallback;
}

bool command_line_flag(const command_line *line, const char *name)
{
    const char *text = command_line_text(line, name);
    return text && strcmp(text, "true") == 0;
}

int64_t command_line_whole(const command_line *line, const char *name)
{
    int64_t value = 0;
    const char *text = command_line_text(line, name);
    return text && read_whole(text, &value) ? value : 0;
}

double command_line_number(const command_line *line, const char *name)
{
    double value = 0.0;
    const char *text = command_line_text(line, name);
    return text && read_number(text, &value) ? value : 0.0;
}

/* ---- help ---- */

enum { HELP_WIDTH = 100, HELP_TEXT_AT = 30 };

/* Prints words from column HELP_TEXT_AT on, broken at HELP_WIDTH; `column` is where the line stands. */
static void print_wrapped(FILE *to, size_t column, const char *text)
{
    if (column + 2 > HELP_TEXT_AT) {
        fputc('\n', to);
        column = 0;
    }
    fprintf(to, "%*s", (int)(HELP_TEXT_AT - column), "");
    column = HELP_TEXT_AT;
    while (*text) {
        const size_t length = strcspn(text, " ");
        if (column > HELP_TEXT_AT && column + 1 + length > HELP_WIDTH) {
            fprintf(to, "\n%*s", HELP_TEXT_AT, "");
            column = HELP_TEXT_AT;
        } else if (column > HELP_TEXT_AT) {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", (int)length, text);
        column += length;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', to);
}

/* "--batch N", "--[no-]skip-bad", "-o, --output FILE". */
static size_t write_option(const tacit_option *row, char *out, size_t size)
{
    static const char *const places[] = {
        [TACIT_OPTION_WHOLE] = " N",     [TACIT_OPTION_NUMBER] = " X",  [TACIT_OPTION_SIZE] = " BYTES",
        [TACIT_OPTION_CHOICE] = " WORD", [TACIT_OPTION_TEXT] = " TEXT", [TACIT_OPTION_FLAG] = ""};
    const bool on = row->type == TACIT_OPTION_FLAG && row->fallback && strcmp(row->fallback, "true") == 0;
    char letter[8];
    const int length = snprintf(out, size, "  %s--%s%s%s", letter_prefix(row->name, letter),
                                on ? "[no-]" : "", row->name, places[row->type]);
    return length < 0 ? 0 : least((size_t)length, size - 1);
}

/* "text (unit; one of a, b; default x)". */
static void write_text(const tacit_option *row, char *out, size_t size)
{
    char parts[3][300] = {"", "", ""};
    int count = 0;
    if (row->unit && *row->unit)
        snprintf(parts[count++], sizeof parts[0], "%s", row->unit);
    if (row->type == TACIT_OPTION_CHOICE)
        list_choices(row->choices, parts[count++], sizeof parts[0]);
    if (row->type != TACIT_OPTION_FLAG && row->fallback && *row->fallback)
        snprintf(parts[count++], sizeof parts[0], "default %s", row->fallback);
    size_t used = (size_t)snprintf(out, size, "%s", row->text);
    for (int i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "; " : " (", parts[i]);
    if (count && used < size)
        snprintf(out + used, size - used, ")");
}

static bool is_first_of_group(const tacit_option *rows, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(rows[j].group, rows[i].group) == 0)
            return false;
    return true;
}

void options_print(FILE *to, const tacit_option *rows, size_t count)
{
    char name[120], text[1200];
    for (size_t first = 0; first < count; first++) {
        if (!is_first_of_group(rows, first))
            continue;
        fprintf(to, "\n%s\n", rows[first].group);
        for (size_t i = first; i < count; i++) {
            if (strcmp(rows[i].group, rows[first].group) != 0)
                continue;
            const size_t column = write_option(&rows[i], name, sizeof name);
            fputs(name, to);
            write_text(&rows[i], text, sizeof text);
            print_wrapped(to, column, text);
        }
    }
}
