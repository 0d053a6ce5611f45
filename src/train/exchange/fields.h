/* Fields of a configuration that another program wrote. Nothing in it is believed: a field of another type or
 * outside its range is an error that names file and field. null counts as absent, as it does there. */
#ifndef TRAIN_EXCHANGE_FIELDS_H
#define TRAIN_EXCHANGE_FIELDS_H

#include "base/memory.h"

struct json_t;

typedef struct fields {
    tacit_context *context;
    const char *path; /* for messages */
    const struct json_t *root;
    tacit_status status; /* sticky: after a failure every function gives `otherwise` */
} fields;

/* NULL: absent. */
const struct json_t *fields_get(const fields *f, const char *name);

int64_t fields_whole(fields *f, const char *name, int64_t otherwise, int64_t low, int64_t high);
/* A finite number in [low, high]. */
double fields_number(fields *f, const char *name, double otherwise, double low, double high);
bool fields_flag(fields *f, const char *name, bool otherwise);
const char *fields_text(fields *f, const char *name, const char *otherwise);

/* A whole number, two equal ones [n, n], or an object of a "height" and an equal "width", or of a
 * "shortest_edge". */
int64_t fields_side(fields *f, const char *name, int64_t otherwise, int64_t low, int64_t high);
/* `count` numbers from low to high; *out stays as it is where the field is absent. */
void fields_numbers(fields *f, const char *name, double *out, int count, double low, double high);

/* TACIT_FORMAT "PATH: NAME: expected ...", and TACIT_UNSUPPORTED "PATH: NAME: ...": what we have not. The
 * first failure stays. */
void fields_fail(fields *f, const char *name, const char *expected);
void fields_refuse(fields *f, const char *name, const char *text);

#endif
