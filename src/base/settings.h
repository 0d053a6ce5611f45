/* Settings: one table of rows drives parsing, help, validation and the dump of a configuration.
 *
 * A `settings` holds the current text of every row of the tables that were added to it. A row whose fallback
 * is "auto" stays "auto" until somebody resolves it (settings_resolve) from the data or the encoder. */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/memory.h"

typedef enum setting_type {
    SETTING_WHOLE,  /* a whole number in [low, high] */
    SETTING_NUMBER, /* a real number in [low, high] */
    SETTING_SIZE,   /* bytes, with an optional suffix: "300M" */
    SETTING_CHOICE, /* one of `choices`, separated by | */
    SETTING_TEXT,
    SETTING_FLAG /* "true" or "false" */
} setting_type;

typedef struct setting {
    const char *name; /* without dashes: "batch" */
    setting_type type;
    double low, high;     /* WHOLE, NUMBER, SIZE */
    const char *choices;  /* CHOICE, else NULL */
    const char *fallback; /* the default as text; may be "auto" */
    const char *unit;     /* "examples", "bytes", "" */
    const char *text;     /* one line of help */
    const char *group;    /* heading in the help: "training", "mae" */
} setting;

typedef struct settings settings;

tacit_status settings_create(settings **out, tacit_context *context);
void settings_destroy(settings *s);

/* The rows are kept, not copied: they are static tables. A name that is there already is TACIT_STATE. */
tacit_status settings_add(settings *s, const setting *rows, size_t count);

/* Sets a row from a user's text, checked whole: unknown names say the nearest one, bad values what is allowed
 * ("--batch 0: expected a whole number from 2 to 1048576"). "auto" is accepted where it is the fallback. */
tacit_status settings_set(settings *s, const char *name, const char *text);
tacit_status settings_set_whole(settings *s, const char *name, int64_t value);
tacit_status settings_set_number(settings *s, const char *name, double value);

/* Another default, from a method's table; does not override what a user set. The same checks. */
tacit_status settings_default(settings *s, const char *name, const char *text);

/* A value for a row that is "auto"; does nothing to others. */
tacit_status settings_resolve(settings *s, const char *name, const char *text);
tacit_status settings_resolve_whole(settings *s, const char *name, int64_t value);
tacit_status settings_resolve_number(settings *s, const char *name, double value);

/* The names must exist and be of that type (asserted); an "auto" row gives 0, "auto", false. */
int64_t settings_whole(const settings *s, const char *name);
double settings_number(const settings *s, const char *name);
uint64_t settings_size(const settings *s, const char *name);
const char *settings_text(const settings *s, const char *name); /* any type */
bool settings_flag(const settings *s, const char *name);
bool settings_is_auto(const settings *s, const char *name);
bool settings_is_set(const settings *s, const char *name); /* by a user */
bool settings_has(const settings *s, const char *name);

/* Rows in the order they were added. */
size_t settings_count(const settings *s);
const setting *settings_row(const settings *s, size_t i);
const char *settings_value(const settings *s, size_t i); /* current text */

#endif
