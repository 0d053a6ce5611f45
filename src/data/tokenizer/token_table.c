/* See token_table.h. */
#include "data/tokenizer/token_table.h"

#include "data/tokenizer.h"

#include <stdlib.h>

/* ---- adding ---- */

static tacit_status make_room(token_table *v)
{
    void *array = v->special;
    if (v->strings.count >= TOKENIZER_TOKENS_MOST)
        return context_fail(v->context, TACIT_LIMIT, "a tokenizer of more than %d tokens",
                            TOKENIZER_TOKENS_MOST);
    TRY(memory_reserve(v->context, &array, &v->special_capacity, v->strings.count + 1, 1));
    v->special = array;
    return TACIT_OK;
}

static tacit_status make_special_room(token_table *v)
{
    void *array = v->specials;
    if (v->special_count >= TOKENIZER_SPECIALS_MOST)
        return context_fail(v->context, TACIT_LIMIT, "a tokenizer of more than %d special tokens",
                            TOKENIZER_SPECIALS_MOST);
    TRY(memory_reserve(v->context, &array, &v->specials_capacity, v->special_count + 1, sizeof *v->specials));
    v->specials = array;
    return TACIT_OK;
}

tacit_status token_table_add(token_table *v, const uint8_t *data, size_t size, bool special)
{
    int32_t id;
    TRY(make_room(v));
    if (special)
        TRY(make_special_room(v));
    TRY(byte_strings_add(&v->strings, data, size, &id));
    v->special[id] = special;
    if (special)
        v->specials[v->special_count++] = id;
    return TACIT_OK;
}

void token_table_free(token_table *v)
{
    byte_strings_free(&v->strings);
    memory_free(v->context, v->special);
    memory_free(v->context, v->specials);
    *v = (token_table){.context = v->context};
}

/* ---- special tokens in text ---- */

static int compare_names(const void *a, const void *b, void *user)
{
    const byte_strings *strings = user;
    size_t first_size, second_size;
    const uint8_t *first = byte_strings_get(strings, *(const int32_t *)a, &first_size);
    const uint8_t *second = byte_strings_get(strings, *(const int32_t *)b, &second_size);
    const int order = memcmp(first, second, first_size < second_size ? first_size : second_size);
    return order ? order : first_size < second_size ? -1 : first_size > second_size;
}

void token_table_sort_specials(token_table *v)
{
    if (v->special_count > 1)
        qsort_r(v->specials, v->special_count, sizeof *v->specials, compare_names, &v->strings);
}

/* Byte `at` of a special name, -1 behind its end. */
static int name_byte(const token_table *v, size_t place, size_t at)
{
    size_t size;
    const uint8_t *name = byte_strings_get(&v->strings, v->specials[place], &size);
    return at < size ? name[at] : -1;
}

/* The first of the places `low` to `high` whose byte `at` is `byte` or more; before it they are sorted alike.
 */
static size_t first_with(const token_table *v, size_t low, size_t high, size_t at, int byte)
{
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (name_byte(v, middle, at) < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t token_table_match_special(const token_table *v, const uint8_t *text, size_t size, size_t *length)
{
    size_t low = 0, high = v->special_count;
    int32_t found = -1;
    /* Byte by byte fewer names are left; of those the shortest comes first. */
    for (size_t at = 0; at < size && low < high; at++) {
        low = first_with(v, low, high, at, text[at]);
        high = first_with(v, low, high, at, text[at] + 1);
        if (low < high && name_byte(v, low, at + 1) < 0) {
            found = v->specials[low];
            *length = at + 1;
        }
    }
    return found;
}
