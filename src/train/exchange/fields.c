#include "train/exchange/fields.h"

#include <jansson.h>
#include <stdio.h>

const json_t *fields_get(const fields *f, const char *name)
{
    const json_t *found = json_object_get(f->root, name);
    return json_is_null(found) ? NULL : found;
}

void fields_fail(fields *f, const char *name, const char *expected)
{
    if (f->status == TACIT_OK)
        f->status = context_fail(f->context, TACIT_FORMAT, "%s: %s: expected %s", f->path, name, expected);
}

void fields_refuse(fields *f, const char *name, const char *text)
{
    if (f->status == TACIT_OK)
        f->status = context_fail(f->context, TACIT_UNSUPPORTED, "%s: %s: %s", f->path, name, text);
}

static bool is_whole(const json_t *found, int64_t low, int64_t high)
{
    return json_is_integer(found) && json_integer_value(found) >= low && json_integer_value(found) <= high;
}

static void fail_whole(fields *f, const char *name, int64_t low, int64_t high)
{
    char expected[80];
    snprintf(expected, sizeof expected, "a whole number from %lld to %lld", (long long)low, (long long)high);
    fields_fail(f, name, expected);
}

int64_t fields_whole(fields *f, const char *name, int64_t otherwise, int64_t low, int64_t high)
{
    const json_t *found = fields_get(f, name);
    if (found && is_whole(found, low, high) && f->status == TACIT_OK)
        return json_integer_value(found);
    if (found)
        fail_whole(f, name, low, high);
    return otherwise;
}

/* Infinite numbers do not pass, and JSON has none that are not numbers. */
static bool is_number(const json_t *found, double low, double high)
{
    return json_is_number(found) && json_number_value(found) >= low && json_number_value(found) <= high;
}

double fields_number(fields *f, const char *name, double otherwise, double low, double high)
{
    const json_t *found = fields_get(f, name);
    char expected[80];
    if (found && is_number(found, low, high) && f->status == TACIT_OK)
        return json_number_value(found);
    snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
    if (found)
        fields_fail(f, name, expected);
    return otherwise;
}

bool fields_flag(fields *f, const char *name, bool otherwise)
{
    const json_t *found = fields_get(f, name);
    if (found && !json_is_boolean(found))
        fields_fail(f, name, "true or false");
    return found && f->status == TACIT_OK ? json_is_true(found) : otherwise;
}

const char *fields_text(fields *f, const char *name, const char *otherwise)
{
    const json_t *found = fields_get(f, name);
    if (found && !json_is_string(found))
        fields_fail(f, name, "a text");
    return found && f->status == TACIT_OK ? json_string_value(found) : otherwise;
}

/* NULL where the two differ, or are none. */
static const json_t *same_side(const json_t *down, const json_t *across)
{
    return json_is_integer(down) && json_equal(down, across) ? down : NULL;
}

int64_t fields_side(fields *f, const char *name, int64_t otherwise, int64_t low, int64_t high)
{
    const json_t *found = fields_get(f, name), *side = found;
    if (!found)
        return otherwise;
    if (json_array_size(found) == 2)
        side = same_side(json_array_get(found, 0), json_array_get(found, 1));
    else if (json_object_get(found, "shortest_edge"))
        side = json_object_get(found, "shortest_edge");
    else if (json_is_object(found))
        side = same_side(json_object_get(found, "height"), json_object_get(found, "width"));
    if (side && is_whole(side, low, high) && f->status == TACIT_OK)
        return json_integer_value(side);
    if (side)
        fail_whole(f, name, low, high);
    else
        fields_fail(f, name, "the side of a square");
    return otherwise;
}

void fields_numbers(fields *f, const char *name, double *out, int count, double low, double high)
{
    const json_t *found = fields_get(f, name);
    char expected[80];
    bool right = json_array_size(found) == (size_t)count;
    snprintf(expected, sizeof expected, "%d numbers from %g to %g", count, low, high);
    for (int i = 0; right && i < count; i++)
        right = is_number(json_array_get(found, (size_t)i), low, high);
    if (found && !right)
        fields_fail(f, name, expected);
    for (int i = 0; found && f->status == TACIT_OK && i < count; i++)
        out[i] = json_number_value(json_array_get(found, (size_t)i));
}
