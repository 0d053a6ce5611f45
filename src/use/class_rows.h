/* The rows of each class, and keyed draws of some of them. */
#ifndef USE_CLASS_ROWS_H
#define USE_CLASS_ROWS_H

#include "base/memory.h"

typedef struct class_rows {
    tacit_context *context;
    int32_t classes;
    int64_t *first; /* (classes + 1): class c has rows[first[c]] .. rows[first[c + 1] - 1] */
    int64_t *rows;  /* (count), rising within a class */
} class_rows;

/* A label outside 0 .. classes-1 is TACIT_ARGUMENT and named by its row. */
tacit_status class_rows_create(class_rows *out, tacit_context *context, const int32_t *labels, int64_t count,
                               int32_t classes);
void class_rows_fini(class_rows *r);

int64_t class_rows_count(const class_rows *r, int32_t label);

/* Puts `take` of the rows of one class, drawn without replacement, before the others; at most as many as
 * there are. A function of (seed, draw, view, label) and the order so far. */
void class_rows_draw(class_rows *r, int32_t label, int64_t take, uint64_t seed, uint32_t draw, uint32_t view);

/* What `view` is: each question has draws of its own. */
enum { CLASS_ROWS_FEW_LABELS = 0, CLASS_ROWS_HELD_OUT = 1, CLASS_ROWS_TEST = 2 };

/* A tenth of each class, rounded to nearest, is held out: order (count) receives the *kept rows first and
 * then those held out, both rising. Keyed by `seed`. */
tacit_status class_rows_hold_out(tacit_context *context, const int32_t *labels, int64_t count,
                                 int32_t classes, uint64_t seed, int64_t *order, int64_t *kept);

#endif
