/* JSON for machines: one object a line on stdout. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

/* A number, or null where it is not known (NaN, infinite). */
json_t *json_known(double number);

/* Prints the value on a line of its own and gives it up. 0, or -1: not written (also when value is NULL,
 * which is what jansson returns for no memory, or a text that is not UTF-8). */
int json_line(json_t *value);

#endif
