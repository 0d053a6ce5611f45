/* Settings: the current text of every row, checked when it is set, parsed when it is asked for. The text is
 * the value: what is written to a configuration and read back gives the same number. */
#include "base/settings.h"

#include "base/text.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_TEXT = 40, EXPECTED_TEXT = 600, CHOICES_TEXT = 512, CHOICES = 64 };

typedef struct entry {
    const setting *row;
    char *value; /* owned */
    bool set;    /* by a user */
} entry;

struct settings {
    tacit_context *context;
    entry *entries;
    size_t count, capacity;
};

tacit_status settings_create(settings **out, tacit_context *context)
{
    *out = memory_alloc(context, 1, sizeof **out);
    if (!*out)
        return TACIT_NOMEM;
    (*out)->context = context;
    return TACIT_OK;
}

void settings_destroy(settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        memory_free(s->context, s->entries[i].value);
    memory_free(s->context, s->entries);
    memory_free(s->context, s);
}

static entry *find(const settings *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].row->name, name) == 0)
            return &s->entries[i];
    return NULL;
}

static bool accepts_auto(const setting *row)
{
    return strcmp(row->fallback, "auto") == 0;
}

static bool entry_is_auto(const entry *e)
{
    return accepts_auto(e->row) && strcmp(e->value, "auto") == 0;
}

/* ---- checking ---- */

/* The names between the bars of `choices`, as strings in `space`. A table whose choices do not fit gives
 * fewer. */
static size_t split_choices(const char *choices, char space[CHOICES_TEXT], const char *names[CHOICES])
{
    size_t count = 0;
    snprintf(space, CHOICES_TEXT, "%s", choices);
    for (char *p = space; p && count < CHOICES;) {
        names[count++] = p;
        p = strchr(p, '|');
        if (p)
            *p++ = '\0';
    }
    return count;
}

static bool is_choice(const setting *row, const char *text)
{
    char space[CHOICES_TEXT];
    const char *names[CHOICES];
    const size_t count = split_choices(row->choices, space, names);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0)
            return true;
    return false;
}

static bool in_range(const setting *row, double value)
{
    return value >= row->low && value <= row->high;
}

static bool acceptable(const setting *row, const char *text)
{
    int64_t whole;
    double number;
    uint64_t size;
    if (accepts_auto(row) && strcmp(text, "auto") == 0)
        return true;
    switch (row->type) {
    case SETTING_WHOLE:
        return text_to_int64(text, &whole) && in_range(row, (double)whole);
    case SETTING_NUMBER:
        return text_to_double(text, &number) && in_range(row, number);
    case SETTING_SIZE:
        return text_to_size(text, &size) && in_range(row, (double)size);
    case SETTING_CHOICE:
        return is_choice(row, text);
    case SETTING_FLAG:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    case SETTING_TEXT:
        return true;
    }
    return false;
}

/* The shortest text that text_to_double reads as `value` again; the point is a point in every locale. */
static const char *number_text(double value, char out[NUMBER_TEXT])
{
    char printed[NUMBER_TEXT];
    double back;
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(printed, sizeof printed, "%.*g", digits, value);
        char *to = out;
        for (const char *from = printed; *from; from++) {
            const bool kept = (*from >= '0' && *from <= '9') || (*from >= 'a' && *from <= 'z') ||
                              *from == '-' || *from == '+';
            if (kept)
                *to++ = *from;
            else if (to == out || to[-1] != '.') /* the locale's point may be several bytes */
                *to++ = '.';
        }
        *to = '\0';
        if (text_to_double(out, &back) && !(back < value || back > value))
            break;
    }
    return out;
}

/* "from 2 to 1048576", "of at least 0" where there is no upper limit. */
static void describe_range(const setting *row, char *out, size_t size)
{
    char low[NUMBER_TEXT], high[NUMBER_TEXT];
    const double unlimited = row->type == SETTING_NUMBER ? DBL_MAX : 9e18;
    if (row->type == SETTING_SIZE) {
        text_from_size(low, sizeof low, (uint64_t)row->low);
        if (row->high < unlimited)
            text_from_size(high, sizeof high, (uint64_t)row->high);
    } else {
        number_text(row->low, low);
        number_text(row->high, high);
    }
    if (row->high < unlimited)
        snprintf(out, size, "from %s to %s", low, high);
    else
        snprintf(out, size, "of at least %s", low);
}

static void describe_choices(const setting *row, const char *text, char *out, size_t size)
{
    char space[CHOICES_TEXT];
    const char *names[CHOICES];
    const size_t count = split_choices(row->choices, space, names);
    size_t used = (size_t)snprintf(out, size, "one of ");
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i ? ", %s" : "%s", names[i]);
    if (accepts_auto(row) && !is_choice(row, "auto") && used < size)
        used += (size_t)snprintf(out + used, size - used, " or auto");
    const char *nearest = text_nearest(text, names, count);
    if (nearest && used < size)
        snprintf(out + used, size - used, "; did you mean %s?", nearest);
}

static void describe(const setting *row, const char *text, char *out, size_t size)
{
    char range[2 * NUMBER_TEXT + 20];
    const char *automatic = accepts_auto(row) ? " or auto" : "";
    switch (row->type) {
    case SETTING_WHOLE:
        describe_range(row, range, sizeof range);
        snprintf(out, size, "a whole number %s%s", range, automatic);
        break;
    case SETTING_NUMBER:
        describe_range(row, range, sizeof range);
        snprintf(out, size, "a number %s%s", range, automatic);
        break;
    case SETTING_SIZE:
        describe_range(row, range, sizeof range);
        snprintf(out, size, "a size such as 300M or 2G, %s%s", range, automatic);
        break;
    case SETTING_CHOICE:
        describe_choices(row, text, out, size);
        break;
    case SETTING_FLAG:
        snprintf(out, size, "true or false%s", automatic);
        break;
    case SETTING_TEXT:
        snprintf(out, size, "a text");
        break;
    }
}

static tacit_status check(settings *s, const setting *row, const char *text)
{
    if (acceptable(row, text))
        return TACIT_OK;
    char expected[EXPECTED_TEXT];
    describe(row, text, expected, sizeof expected);
    return context_fail(s->context, TACIT_ARGUMENT, "--%s %.80s: expected %s", row->name, text, expected);
}

static tacit_status fail_unknown(settings *s, const char *name)
{
    const char **names = memory_alloc(s->context, s->count, sizeof *names);
    if (!names)
        return TACIT_NOMEM;
    for (size_t i = 0; i < s->count; i++)
        names[i] = s->entries[i].row->name;
    const char *nearest = text_nearest(name, names, s->count);
    memory_free(s->context, names);
    if (nearest)
        return context_fail(s->context, TACIT_ARGUMENT, "--%.80s: no such option; did you mean --%s?", name,
                            nearest);
    return context_fail(s->context, TACIT_ARGUMENT, "--%.80s: no such option", name);
}

/* ---- changing ---- */

static tacit_status add_row(settings *s, const setting *row)
{
    if (find(s, row->name))
        return context_fail(s->context, TACIT_STATE, "--%s is declared twice", row->name);
    TRY(check(s, row, row->fallback));
    void *entries = s->entries;
    TRY(memory_reserve(s->context, &entries, &s->capacity, s->count + 1, sizeof *s->entries));
    s->entries = entries;
    char *value = memory_string(s->context, row->fallback);
    if (!value)
        return TACIT_NOMEM;
    s->entries[s->count++] = (entry){row, value, false};
    return TACIT_OK;
}

tacit_status settings_add(settings *s, const setting *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(add_row(s, &rows[i]));
    return TACIT_OK;
}

static tacit_status replace(settings *s, entry *e, const char *text)
{
    char *value = memory_string(s->context, text);
    if (!value)
        return TACIT_NOMEM;
    memory_free(s->context, e->value);
    e->value = value;
    return TACIT_OK;
}

tacit_status settings_set(settings *s, const char *name, const char *text)
{
    entry *e = find(s, name);
    if (!e)
        return fail_unknown(s, name);
    TRY(check(s, e->row, text));
    TRY(replace(s, e, text));
    e->set = true;
    return TACIT_OK;
}

tacit_status settings_default(settings *s, const char *name, const char *text)
{
    entry *e = find(s, name);
    if (!e)
        return fail_unknown(s, name);
    TRY(check(s, e->row, text));
    return e->set ? TACIT_OK : replace(s, e, text);
}

tacit_status settings_resolve(settings *s, const char *name, const char *text)
{
    entry *e = find(s, name);
    if (!e)
        return fail_unknown(s, name);
    if (!entry_is_auto(e))
        return TACIT_OK;
    TRY(check(s, e->row, text));
    return replace(s, e, text);
}

static const char *whole_text(int64_t value, char out[NUMBER_TEXT])
{
    snprintf(out, NUMBER_TEXT, "%" PRId64, value);
    return out;
}

tacit_status settings_set_whole(settings *s, const char *name, int64_t value)
{
    char text[NUMBER_TEXT];
    return settings_set(s, name, whole_text(value, text));
}

tacit_status settings_set_number(settings *s, const char *name, double value)
{
    char text[NUMBER_TEXT];
    return settings_set(s, name, number_text(value, text));
}

tacit_status settings_resolve_whole(settings *s, const char *name, int64_t value)
{
    char text[NUMBER_TEXT];
    return settings_resolve(s, name, whole_text(value, text));
}

tacit_status settings_resolve_number(settings *s, const char *name, double value)
{
    char text[NUMBER_TEXT];
    return settings_resolve(s, name, number_text(value, text));
}

/* ---- asking ---- */

/* NULL for a wrong name or type, which is a mistake in our code. */
static const char *value_of(const settings *s, const char *name, setting_type type)
{
    const entry *e = find(s, name);
    const bool right = e && e->row->type == type;
    assert(right);
    return right ? e->value : NULL;
}

int64_t settings_whole(const settings *s, const char *name)
{
    int64_t value = 0;
    const char *text = value_of(s, name, SETTING_WHOLE);
    return text && text_to_int64(text, &value) ? value : 0;
}

double settings_number(const settings *s, const char *name)
{
    double value = 0;
    const char *text = value_of(s, name, SETTING_NUMBER);
    return text && text_to_double(text, &value) ? value : 0;
}

uint64_t settings_size(const settings *s, const char *name)
{
    uint64_t value = 0;
    const char *text = value_of(s, name, SETTING_SIZE);
    return text && text_to_size(text, &value) ? value : 0;
}

bool settings_flag(const settings *s, const char *name)
{
    const char *text = value_of(s, name, SETTING_FLAG);
    return text && strcmp(text, "true") == 0;
}

const char *settings_text(const settings *s, const char *name)
{
    const entry *e = find(s, name);
    assert(e);
    return e ? e->value : "";
}

bool settings_is_auto(const settings *s, const char *name)
{
    const entry *e = find(s, name);
    assert(e);
    return e && entry_is_auto(e);
}

bool settings_is_set(const settings *s, const char *name)
{
    const entry *e = find(s, name);
    assert(e);
    return e && e->set;
}

bool settings_has(const settings *s, const char *name)
{
    return find(s, name) != NULL;
}

size_t settings_count(const settings *s)
{
    return s->count;
}

const setting *settings_row(const settings *s, size_t i)
{
    return s->entries[i].row;
}

const char *settings_value(const settings *s, size_t i)
{
    return s->entries[i].value;
}
