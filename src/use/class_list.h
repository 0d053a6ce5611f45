/* classes.json beside a classifier's weights: what its classes are called, and its temperature. */
#ifndef USE_CLASS_LIST_H
#define USE_CLASS_LIST_H

#include "data/dataset.h"

typedef struct class_list {
    tacit_context *context;
    int32_t count;
    char **names;       /* (count) */
    double temperature; /* above 0 */
} class_list;

/* FOLDER/classes.json, whole or not at all: the labels of `d` and a temperature. */
tacit_status class_list_write(const dataset *d, double temperature, const char *folder);

/* Reads it; there must be `count` classes, no two of one name. Damage is TACIT_FORMAT naming the file. On
 * failure *out is empty. */
tacit_status class_list_read(class_list *out, tacit_context *context, const char *folder, int32_t count);
void class_list_fini(class_list *l);

/* Class of that name, or -1. */
int32_t class_list_find(const class_list *l, const char *name);

#endif
