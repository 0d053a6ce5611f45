/* Tables as comma-separated text, plain or gzip: numbers, texts as categories, a label and a group column.
 *
 * The whole table is held in memory as float32. A column is numbers when at least half of its known fields
 * are; a text in it is then an error. Else each of its texts becomes a column of its own (0 or 1). */
#include "data/csv_text.h"
#include "data/gzip.h"
#include "data/source.h"
#include "data/table.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELDS_MOST = 65536, SNIFF_SIZE = 1024, NUMBER_TEXT = 12 };

typedef enum role { ROLE_VALUE, ROLE_LABEL, ROLE_GROUP } role;

typedef struct csv_column {
    char number[NUMBER_TEXT]; /* "3": its place from 1 */
    const char *name;         /* in the text, or `number` */
    role role;
    int64_t numbers, texts;
    bool texts_only;        /* categories */
    const char **category;  /* (TABLE_CATEGORIES_MOST), sorted */
    int categories, values; /* columns of the table, from `first` on */
    int first;
} csv_column;

/* A file on its way to a data set. */
typedef struct csv {
    dataset *d;
    tacit_context *context;
    const char *path;
    csv_text text;
    int64_t rows; /* records but the header */
    bool header;
    csv_column *column;  /* (text.fields) */
    const char **labels; /* (rows), or NULL */
    const char **groups;
} csv;

typedef struct csv_state {
    char *name;
    int64_t *lines; /* (rows): where each begins in the file */
} csv_state;

typedef tacit_status (*field_function)(csv *c, csv_column *column, int64_t row, const char *field);

/* All fields of all rows, in their order. */
static tacit_status each_field(csv *c, field_function visit)
{
    const char *at = c->text.text;
    for (int64_t record = 0; record < c->text.records; record++)
        for (int64_t i = 0; i < c->text.fields; i++, at += strlen(at) + 1)
            if (record >= c->header)
                TRY(visit(c, &c->column[i], record - c->header, at));
    return TACIT_OK;
}

static int64_t line_of(const csv *c, int64_t row)
{
    return c->text.lines[row + c->header];
}

static tacit_status fail_field(const csv *c, const csv_column *column, int64_t row, const char *what,
                               const char *field)
{
    char name[TABLE_SHOWN], shown[TABLE_SHOWN];
    return context_fail(c->context, TACIT_FORMAT, "%s: line %" PRId64 ", column \"%s\": \"%s\" %s", c->path,
                        line_of(c, row), table_show(column->name, name), table_show(field, shown), what);
}

/* ---- single fields ---- */

typedef enum field_kind { FIELD_MISSING, FIELD_NUMBER, FIELD_TEXT } field_kind;

static bool is_one_of(const char *field, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(field, *words) == 0)
            return true;
    return false;
}

static field_kind read_field(const char *field, double *out)
{
    static const char *const missing[] = {"", "?", "na", "n/a", "nan", "-nan", NULL};
    static const char *const infinite[] = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", NULL};
    *out = (double)NAN;
    if (is_one_of(field, missing))
        return FIELD_MISSING;
    if (text_to_double(field, out))
        return FIELD_NUMBER;
    *out = (double)INFINITY;
    return is_one_of(field, infinite) ? FIELD_NUMBER : FIELD_TEXT;
}

/* ---- header, names, roles ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two of the first record that are equal, or NULL. */
static tacit_status find_twins(csv *c, const char **twin)
{
    const char **names = memory_alloc(c->context, (size_t)c->text.fields, sizeof *names);
    *twin = NULL;
    if (!names)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < c->text.fields; i++)
        names[i] = c->column[i].name;
    qsort(names, (size_t)c->text.fields, sizeof *names, by_text);
    for (int64_t i = 1; i < c->text.fields; i++)
        if (strcmp(names[i], names[i - 1]) == 0)
            *twin = names[i];
    memory_free(c->context, names);
    return TACIT_OK;
}

/* Whether the first record looks like names: none is a number or missing, and all differ. */
static tacit_status guess_header(csv *c)
{
    const char *twin;
    double number;
    for (int64_t i = 0; i < c->text.fields; i++)
        if (read_field(c->column[i].name, &number) != FIELD_TEXT)
            return TACIT_OK;
    TRY(find_twins(c, &twin));
    c->header = !twin;
    return TACIT_OK;
}

/* The fields of the first record as names. */
static tacit_status name_columns(csv *c)
{
    const char *at = c->text.text;
    c->column = memory_alloc(c->context, (size_t)c->text.fields, sizeof *c->column);
    if (!c->column)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < c->text.fields; i++, at += strlen(at) + 1) {
        snprintf(c->column[i].number, NUMBER_TEXT, "%d", (int)i + 1);
        c->column[i].name = at;
    }
    return TACIT_OK;
}

static tacit_status find_header(csv *c, const char *wanted)
{
    const char *twin;
    char shown[TABLE_SHOWN];
    if (c->text.fields > FIELDS_MOST)
        return context_fail(c->context, TACIT_LIMIT, "%s: %" PRId64 " columns: expected up to %d", c->path,
                            c->text.fields, FIELDS_MOST);
    TRY(name_columns(c));
    if (!wanted || strcmp(wanted, "auto") == 0)
        TRY(guess_header(c));
    else
        c->header = strcmp(wanted, "yes") == 0;
    for (int64_t i = 0; i < c->text.fields; i++)
        if (!c->header || !*c->column[i].name)
            c->column[i].name = c->column[i].number;
    TRY(find_twins(c, &twin));
    if (twin)
        return context_fail(c->context, TACIT_FORMAT, "%s: two columns are named \"%s\"", c->path,
                            table_show(twin, shown));
    c->rows = c->text.records - c->header;
    if (c->rows < 1 || c->rows > INT32_MAX)
        return context_fail(c->context, TACIT_FORMAT, "%s: %" PRId64 " rows: expected 1 to %d", c->path,
                            c->rows, INT32_MAX);
    return TACIT_OK;
}

/* Gives the column of this name, or else number, a role. */
static tacit_status give_role(csv *c, const char *what, const char *wanted, role r, bool may_lack)
{
    csv_column *found = NULL;
    int64_t number;
    char shown[TABLE_SHOWN];
    if (!wanted || !*wanted)
        return TACIT_OK;
    for (int64_t i = 0; i < c->text.fields; i++)
        found = strcmp(c->column[i].name, wanted) == 0 ? &c->column[i] : found;
    if (!found && text_to_int64(wanted, &number) && number >= 1 && number <= c->text.fields)
        found = &c->column[number - 1];
    if (!found && may_lack)
        return TACIT_OK;
    if (!found)
        return context_fail(c->context, TACIT_ARGUMENT,
                            "%s: no column \"%s\" for --%s: expected one of its names, or 1 to %" PRId64,
                            c->path, table_show(wanted, shown), what, c->text.fields);
    if (found->role != ROLE_VALUE)
        return context_fail(c->context, TACIT_ARGUMENT, "%s: column \"%s\" can not be both label and group",
                            c->path, table_show(wanted, shown));
    found->role = r;
    return TACIT_OK;
}

/* ---- what the columns hold ---- */

static tacit_status count_field(csv *c, csv_column *column, int64_t row, const char *field)
{
    double number;
    const field_kind kind = read_field(field, &number);
    const char **store = column->role == ROLE_LABEL ? c->labels : c->groups;
    if (column->role == ROLE_VALUE) {
        column->numbers += kind == FIELD_NUMBER;
        column->texts += kind == FIELD_TEXT;
        return TACIT_OK;
    }
    if (kind == FIELD_MISSING)
        return fail_field(c, column, row, "is missing: expected a label or group in each row", field);
    store[row] = field;
    return TACIT_OK;
}

/* Into the sorted categories, if it is new. */
static tacit_status collect_category(csv *c, csv_column *column, int64_t row, const char *field)
{
    double number;
    int at = 0;
    (void)row;
    if (!column->texts_only || read_field(field, &number) == FIELD_MISSING)
        return TACIT_OK;
    while (at < column->categories && strcmp(column->category[at], field) < 0)
        at++;
    if (at < column->categories && strcmp(column->category[at], field) == 0)
        return TACIT_OK;
    if (column->categories == TABLE_CATEGORIES_MOST) {
        char shown[TABLE_SHOWN];
        return context_fail(
            c->context, TACIT_FORMAT,
            "%s: column \"%s\" holds more than %d different texts: expected numbers, or at most "
            "%d categories; a column that names rows can be the --group or the --label",
            c->path, table_show(column->name, shown), TABLE_CATEGORIES_MOST, TABLE_CATEGORIES_MOST);
    }
    memmove(column->category + at + 1, column->category + at,
            (size_t)(column->categories - at) * sizeof *column->category);
    column->category[at] = field;
    column->categories++;
    return TACIT_OK;
}

static tacit_status allocate_roles(csv *c)
{
    for (int64_t i = 0; i < c->text.fields; i++) {
        const char ***store = c->column[i].role == ROLE_LABEL ? &c->labels : &c->groups;
        if (c->column[i].role == ROLE_VALUE)
            continue;
        *store = memory_alloc(c->context, (size_t)c->rows, sizeof **store);
        if (!*store)
            return TACIT_NOMEM;
    }
    return TACIT_OK;
}

/* Which columns are categories, and where each column's values stand in the table. */
static tacit_status lay_out(csv *c, int64_t *columns)
{
    TRY(allocate_roles(c));
    TRY(each_field(c, count_field));
    for (int64_t i = 0; i < c->text.fields; i++) {
        csv_column *column = &c->column[i];
        column->texts_only = column->role == ROLE_VALUE && column->texts > column->numbers;
        if (!column->texts_only)
            continue;
        column->category = memory_alloc(c->context, TABLE_CATEGORIES_MOST, sizeof *column->category);
        if (!column->category)
            return TACIT_NOMEM;
    }
    TRY(each_field(c, collect_category));
    *columns = 0;
    for (int64_t i = 0; i < c->text.fields; i++) {
        csv_column *column = &c->column[i];
        column->first = (int)*columns;
        column->values = column->texts_only ? column->categories : column->role == ROLE_VALUE;
        *columns += column->values;
    }
    return TACIT_OK;
}

/* ---- the table ---- */

static tacit_status name_table(const csv *c, row_table *t)
{
    t->named = c->header;
    for (int64_t i = 0; i < c->text.fields; i++) {
        const csv_column *column = &c->column[i];
        for (int k = 0; k < column->values; k++)
            TRY(table_name(t, column->first + k, column->name,
                           column->texts_only ? column->category[k] : NULL));
    }
    return TACIT_OK;
}

static tacit_status fill_field(csv *c, csv_column *column, int64_t row, const char *field)
{
    double number;
    float *to = c->d->table->values + row * c->d->table->columns + column->first;
    if (column->values == 0)
        return TACIT_OK;
    const field_kind kind = read_field(field, &number);
    for (int k = 0; column->texts_only && k < column->values; k++)
        to[k] = kind == FIELD_MISSING ? NAN : strcmp(column->category[k], field) == 0;
    if (column->texts_only)
        return TACIT_OK;
    if (kind == FIELD_TEXT)
        return fail_field(c, column, row, "is not a number: expected one, as in most other rows", field);
    *to = (float)number;
    if (kind == FIELD_NUMBER && !isfinite(*to))
        return fail_field(c, column, row, "is not a finite number of 32 bits", field);
    return TACIT_OK;
}

static tacit_status fill_labels(csv *c)
{
    dataset *d = c->d;
    char **names = NULL;
    if (c->labels)
        TRY(table_number_texts(c->context, c->labels, c->rows, &d->labels, &d->label_count, &d->label_names));
    if (!c->groups)
        return TACIT_OK;
    const tacit_status status =
        table_number_texts(c->context, c->groups, c->rows, &d->groups, &d->group_count, &names);
    for (int32_t i = 0; names && i < d->group_count; i++)
        memory_free(c->context, names[i]);
    memory_free(c->context, names);
    return status;
}

static tacit_status make_table(csv *c, const dataset_options *o)
{
    int64_t columns;
    dataset *d = c->d;
    csv_state *state = d->state;
    TRY(find_header(c, o->header));
    TRY(give_role(c, "label", o->label, ROLE_LABEL, o->columns_may_lack));
    TRY(give_role(c, "group", o->group, ROLE_GROUP, o->columns_may_lack));
    TRY(lay_out(c, &columns));
    if (columns == 0)
        return context_fail(c->context, TACIT_FORMAT,
                            "%s: no column of values is left: expected one beside label and group", c->path);
    TRY(table_create(&d->table, c->context, c->rows, columns));
    TRY(name_table(c, d->table));
    TRY(each_field(c, fill_field));
    TRY(fill_labels(c));
    d->count = c->rows;
    d->height = d->width = 1;
    d->channels = d->table->columns;
    memmove(c->text.lines, c->text.lines + c->header, (size_t)c->rows * sizeof *c->text.lines);
    state->lines = c->text.lines;
    c->text.lines = NULL;
    return TACIT_OK;
}

/* ---- the file ---- */

static tacit_status load(csv *c, source *file)
{
    scratch s;
    const uint8_t *bytes;
    TRY(source_attach(file, c->context, c->path));
    c->text.text = memory_alloc(c->context, (size_t)file->size + 1, 1);
    if (!c->text.text)
        return TACIT_NOMEM;
    scratch_init(&s, c->context);
    const tacit_status status = source_get(file, 0, (size_t)file->size, &s, &bytes);
    if (status == TACIT_OK)
        memcpy(c->text.text, bytes, (size_t)file->size);
    scratch_fini(&s);
    return status == TACIT_OK ? csv_cut(&c->text, (size_t)file->size) : status;
}

static void free_csv(csv *c)
{
    for (int64_t i = 0; c->column && i < c->text.fields; i++)
        memory_free(c->context, c->column[i].category);
    memory_free(c->context, c->column);
    memory_free(c->context, c->labels);
    memory_free(c->context, c->groups);
    csv_text_fini(&c->text);
}

static tacit_status open_csv(dataset *d, const char *const *paths, int count, const dataset_options *options)
{
    const char *slash = strrchr(paths[0], '/');
    csv c = {.d = d, .context = d->context, .path = paths[0]};
    source file = {0};
    if (count != 1)
        return context_fail(d->context, TACIT_ARGUMENT, "%s and %d more: a table is one file", paths[0],
                            count - 1);
    csv_state *state = d->state = memory_alloc(d->context, 1, sizeof *state);
    if (!state)
        return TACIT_NOMEM;
    state->name = memory_string(d->context, slash ? slash + 1 : paths[0]);
    if (!state->name)
        return TACIT_NOMEM;
    c.text = (csv_text){.context = d->context, .path = paths[0]};
    tacit_status status = load(&c, &file);
    source_detach(&file);
    if (status == TACIT_OK)
        status = make_table(&c, options);
    free_csv(&c);
    return status;
}

static void close_csv(dataset *d)
{
    csv_state *state = d->state;
    if (!state)
        return;
    memory_free(d->context, state->lines);
    memory_free(d->context, state->name);
    memory_free(d->context, state);
    d->state = NULL;
}

static void name_row(const dataset *d, int64_t i, char *out, size_t size)
{
    const csv_state *state = d->state;
    snprintf(out, size, "%s:%" PRId64, state->name, state->lines[i]);
}

static bool sniff(const char *path, bool folder, const uint8_t *head, size_t size)
{
    uint8_t inside[SNIFF_SIZE];
    if (folder)
        return false;
    if (gzip_sniff(head, size)) {
        const size_t got = gzip_sniff_inside(head, size, inside, sizeof inside);
        return text_ends_with(path, ".csv.gz") || csv_sniff(inside, got);
    }
    return text_ends_with(path, ".csv") || csv_sniff(head, size);
}

const dataset_format format_csv = {
    .name = "csv",
    .summary = "tables as comma-separated text, plain or gzip",
    .needs_no_cache = true,
    .sniff = sniff,
    .open = open_csv,
    .name_of = name_row,
    .close = close_csv,
};
