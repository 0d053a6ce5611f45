/* Rows of numbers: what the columns are, and their values. A column of texts has become one column for each
 * of its categories, 1 where the row has it and 0 elsewhere. */
#ifndef DATA_TABLE_H
#define DATA_TABLE_H

#include "base/memory.h"

enum { TABLE_COLUMNS_MOST = 65536, TABLE_CATEGORIES_MOST = 64 };

typedef struct table_column {
    char *name;     /* as the file names it, or its number from 1 */
    char *category; /* the text that this column tells, or NULL: a column of numbers */
} table_column;

typedef struct row_table {
    tacit_context *context;
    int64_t rows;         /* N; 0: only what the columns are */
    int columns;          /* D */
    bool named;           /* the file names its columns */
    table_column *column; /* (D); those of one name are neighbours */
    float *values;        /* (N, D); missing is NAN, all else finite */
} row_table;

/* Room for all: columns without names, values 0. More than TABLE_COLUMNS_MOST columns is TACIT_LIMIT. */
tacit_status table_create(row_table **out, tacit_context *context, int64_t rows, int64_t columns);
void table_destroy(row_table *t); /* NULL is fine */

/* Names column i; texts are copied. `category` may be NULL. */
tacit_status table_name(row_table *t, int i, const char *name, const char *category);

/* Where a model that was made from rows like `wanted` finds its columns in `have`: from (wanted->columns), -1
 * for a category that `have` does not know. Columns go by name; where one side has no names, by place, and
 * then there must be equally many. A column that is missing, or is numbers in one and texts in the other, is
 * TACIT_ARGUMENT and named. */
tacit_status table_match(const row_table *wanted, const row_table *have, int32_t *from);

/* Whether both have the same columns in the same order. */
bool table_equal(const row_table *a, const row_table *b);

/* Texts (count) as numbers, in the order of their bytes. Where all are whole numbers from 0 to 99,999 they
 * are taken as they are, and *names is NULL. numbers (count) and names (number_count) are the caller's. */
tacit_status table_number_texts(tacit_context *context, const char *const *texts, int64_t count,
                                int32_t **numbers, int32_t *number_count, char ***names);

/* A text of a file for a message: cut, and on one line. Returns `out`. */
enum { TABLE_SHOWN = 48 };
const char *table_show(const char *text, char out[TABLE_SHOWN]);

#endif
