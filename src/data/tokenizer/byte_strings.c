/* See byte_strings.h. */
#include "data/tokenizer/byte_strings.h"

enum { FIRST_SLOTS = 1024 };

/* The slot that holds the string, or the empty one where it belongs. There must be slots. */
static uint32_t *find_slot(const byte_strings *s, const uint8_t *data, size_t size, uint32_t hash)
{
    const size_t mask = s->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &s->slots[i];
        if (!*slot)
            return slot;
        const byte_string *other = &s->strings[*slot - 1];
        if (other->hash == hash && other->size == size && memcmp(s->pool + other->at, data, size) == 0)
            return slot;
    }
}

/* At most half of the slots are in use. */
static tacit_status make_slots(byte_strings *s)
{
    if (2 * (s->count + 1) <= s->slot_count)
        return TACIT_OK;
    const size_t count = s->slot_count ? 2 * s->slot_count : FIRST_SLOTS, mask = count - 1;
    uint32_t *slots = memory_alloc(s->context, count, sizeof *slots);
    if (!slots)
        return TACIT_NOMEM;
    for (size_t i = 0; i < s->count; i++) {
        size_t at = s->strings[i].hash & mask;
        while (slots[at])
            at = (at + 1) & mask;
        slots[at] = (uint32_t)i + 1;
    }
    memory_free(s->context, s->slots);
    s->slots = slots;
    s->slot_count = count;
    return TACIT_OK;
}

static tacit_status make_room(byte_strings *s, size_t size)
{
    void *array = s->strings;
    TRY(memory_reserve(s->context, &array, &s->capacity, s->count + 1, sizeof *s->strings));
    s->strings = array;
    array = s->pool;
    TRY(memory_reserve(s->context, &array, &s->pool_capacity, s->pool_size + size, 1));
    s->pool = array;
    return TACIT_OK;
}

int32_t byte_strings_find(const byte_strings *s, const uint8_t *data, size_t size)
{
    return s->slot_count ? (int32_t)*find_slot(s, data, size, hash_bytes(data, size)) - 1 : -1;
}

tacit_status byte_strings_add(byte_strings *s, const uint8_t *data, size_t size, int32_t *number)
{
    TRY(make_slots(s));
    const uint32_t hash = hash_bytes(data, size);
    uint32_t *slot = find_slot(s, data, size, hash);
    if (!*slot) {
        if (s->count >= INT32_MAX - 1)
            return context_fail(s->context, TACIT_LIMIT, "more than %d different words", INT32_MAX - 1);
        TRY(make_room(s, size));
        s->strings[s->count++] = (byte_string){s->pool_size, (uint32_t)size, hash};
        memcpy(s->pool + s->pool_size, data, size);
        s->pool_size += size;
        *slot = (uint32_t)s->count;
    }
    *number = (int32_t)*slot - 1;
    return TACIT_OK;
}

const uint8_t *byte_strings_get(const byte_strings *s, int64_t number, size_t *size)
{
    const byte_string *string = &s->strings[number];
    *size = string->size;
    return s->pool + string->at;
}

void byte_strings_free(byte_strings *s)
{
    memory_free(s->context, s->pool);
    memory_free(s->context, s->strings);
    memory_free(s->context, s->slots);
    *s = (byte_strings){.context = s->context};
}
