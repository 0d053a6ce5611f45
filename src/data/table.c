/* Tables in memory: columns found again by name, texts that become numbers. */
#include "data/table.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MOST = 99999 };

tacit_status table_create(row_table **out, tacit_context *context, int64_t rows, int64_t columns)
{
    size_t count;
    *out = NULL;
    if (columns < 1 || columns > TABLE_COLUMNS_MOST)
        return context_fail(context, TACIT_LIMIT, "a table of %lld columns of numbers: expected 1 to %d",
                            (long long)columns, TABLE_COLUMNS_MOST);
    if (!size_multiply((size_t)rows, (size_t)columns, &count))
        return context_fail(context, TACIT_LIMIT,
                            "a table of %lld rows of %lld columns does not fit in memory", (long long)rows,
                            (long long)columns);
    row_table *t = memory_alloc(context, 1, sizeof *t);
    if (!t)
        return TACIT_NOMEM;
    *t = (row_table){.context = context, .rows = rows, .columns = (int)columns};
    t->column = memory_alloc(context, (size_t)columns, sizeof *t->column);
    t->values = memory_alloc(context, count, sizeof *t->values);
    if (!t->column || !t->values) {
        table_destroy(t);
        return TACIT_NOMEM;
    }
    *out = t;
    return TACIT_OK;
}

void table_destroy(row_table *t)
{
    if (!t)
        return;
    for (int i = 0; t->column && i < t->columns; i++) {
        memory_free(t->context, t->column[i].name);
        memory_free(t->context, t->column[i].category);
    }
    memory_free(t->context, t->column);
    memory_free(t->context, t->values);
    memory_free(t->context, t);
}

tacit_status table_name(row_table *t, int i, const char *name, const char *category)
{
    table_column *c = &t->column[i];
    c->name = memory_string(t->context, name);
    c->category = category ? memory_string(t->context, category) : NULL;
    return c->name && (c->category || !category) ? TACIT_OK : TACIT_NOMEM;
}

const char *table_show(const char *text, char out[TABLE_SHOWN])
{
    size_t i = 0;
    for (; text[i] && i + 1 < TABLE_SHOWN; i++)
        out[i] = (unsigned char)text[i] < ' ' ? '?' : text[i];
    out[i] = '\0';
    return out;
}

/* ---- columns ---- */

static bool same_column(const table_column *a, const table_column *b)
{
    if (strcmp(a->name, b->name) != 0 || !a->category != !b->category)
        return false;
    return !a->category || strcmp(a->category, b->category) == 0;
}

/* The column of `t` that is alike, from place `start` on and around, or -1. */
static int find_column(const row_table *t, const table_column *wanted, int start)
{
    for (int i = 0; i < t->columns; i++) {
        const int at = (start + i) % t->columns;
        if (same_column(&t->column[at], wanted))
            return at;
    }
    return -1;
}

/* Some column of this name, or NULL. */
static const table_column *find_name(const row_table *t, const char *name)
{
    for (int i = 0; i < t->columns; i++)
        if (strcmp(t->column[i].name, name) == 0)
            return &t->column[i];
    return NULL;
}

/* Only a category that the data do not know is no error. */
static tacit_status check_absent(const row_table *have, const table_column *wanted)
{
    char shown[TABLE_SHOWN];
    const table_column *other = find_name(have, wanted->name);
    if (!other)
        return context_fail(have->context, TACIT_ARGUMENT,
                            "the data have no column \"%s\" of values, which the model was trained with",
                            table_show(wanted->name, shown));
    if (!other->category != !wanted->category)
        return context_fail(have->context, TACIT_ARGUMENT,
                            "column \"%s\" holds %s, but the model was trained with %s in it",
                            table_show(wanted->name, shown), other->category ? "texts" : "numbers",
                            wanted->category ? "texts" : "numbers");
    return TACIT_OK;
}

/* Without names the place must do, and then nothing may be left over. */
static tacit_status match_places(const row_table *wanted, const row_table *have, int32_t *from)
{
    if (wanted->columns != have->columns)
        return context_fail(have->context, TACIT_ARGUMENT,
                            "the data have %d columns of values, the model was trained with %d",
                            have->columns, wanted->columns);
    for (int i = 0; i < wanted->columns; i++)
        from[i] = i;
    return TACIT_OK;
}

tacit_status table_match(const row_table *wanted, const row_table *have, int32_t *from)
{
    if (wanted->named != have->named)
        return match_places(wanted, have, from);
    for (int i = 0; i < wanted->columns; i++) {
        from[i] = find_column(have, &wanted->column[i], i);
        if (from[i] < 0)
            TRY(check_absent(have, &wanted->column[i]));
    }
    return TACIT_OK;
}

bool table_equal(const row_table *a, const row_table *b)
{
    if (a->columns != b->columns)
        return false;
    for (int i = 0; i < a->columns; i++)
        if (!same_column(&a->column[i], &b->column[i]))
            return false;
    return true;
}

/* ---- texts ---- */

static bool small_number(const char *text, int32_t *out)
{
    int64_t number;
    if (!text_to_int64(text, &number) || number < 0 || number > NUMBER_MOST)
        return false;
    *out = (int32_t)number;
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts and leaves one of each; how many are left. */
static int64_t keep_different(const char **texts, int64_t count)
{
    int64_t kept = 0;
    qsort(texts, (size_t)count, sizeof *texts, by_text);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || strcmp(texts[i], texts[kept - 1]) != 0)
            texts[kept++] = texts[i];
    return kept;
}

static tacit_status copy_names(tacit_context *context, const char *const *texts, int32_t count, char ***names)
{
    *names = memory_alloc(context, (size_t)count, sizeof **names);
    for (int32_t i = 0; *names && i < count; i++) {
        (*names)[i] = memory_string(context, texts[i]);
        if (!(*names)[i])
            return TACIT_NOMEM;
    }
    return *names ? TACIT_OK : TACIT_NOMEM;
}

static tacit_status number_by_order(tacit_context *context, const char *const *texts, int64_t count,
                                    int32_t *numbers, int32_t *number_count, char ***names)
{
    const char **sorted = memory_alloc(context, (size_t)count, sizeof *sorted);
    if (!sorted)
        return TACIT_NOMEM;
    memcpy(sorted, texts, (size_t)count * sizeof *sorted);
    const int64_t kept = keep_different(sorted, count);
    for (int64_t i = 0; i < count; i++) {
        const char **found = bsearch(&texts[i], sorted, (size_t)kept, sizeof *sorted, by_text);
        numbers[i] = (int32_t)(found - sorted);
    }
    *number_count = (int32_t)kept;
    const tacit_status status = copy_names(context, sorted, *number_count, names);
    memory_free(context, sorted);
    return status;
}

tacit_status table_number_texts(tacit_context *context, const char *const *texts, int64_t count,
                                int32_t **numbers, int32_t *number_count, char ***names)
{
    int32_t most = -1;
    bool all = true;
    *names = NULL;
    *number_count = 0;
    *numbers = memory_alloc(context, (size_t)count, sizeof **numbers);
    if (!*numbers)
        return TACIT_NOMEM;
    for (int64_t i = 0; all && i < count; i++) {
        all = small_number(texts[i], &(*numbers)[i]);
        most = all && (*numbers)[i] > most ? (*numbers)[i] : most;
    }
    if (!all)
        return number_by_order(context, texts, count, *numbers, number_count, names);
    *number_count = most + 1;
    return TACIT_OK;
}
