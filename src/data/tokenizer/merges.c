/* See merges.h. */
#include "data/tokenizer/merges.h"

enum { FIRST_SLOTS = 1024 };

static void fill_slot(merge_slot *slots, size_t mask, const merge *m, size_t rank)
{
    const uint64_t pair = merge_pair(m->left, m->right);
    size_t i = hash_mix(pair) & mask;
    while (slots[i].used)
        i = (i + 1) & mask;
    slots[i] = (merge_slot){pair, (int32_t)rank, 1};
}

/* At most half of the slots are in use. */
static tacit_status make_slots(merge_table *m)
{
    if (2 * (m->count + 1) <= m->slot_count)
        return TACIT_OK;
    const size_t count = m->slot_count ? 2 * m->slot_count : FIRST_SLOTS;
    merge_slot *slots = memory_alloc(m->context, count, sizeof *slots);
    if (!slots)
        return TACIT_NOMEM;
    for (size_t i = 0; i < m->count; i++)
        fill_slot(slots, count - 1, &m->merges[i], i);
    memory_free(m->context, m->slots);
    m->slots = slots;
    m->slot_count = count;
    return TACIT_OK;
}

tacit_status merge_table_add(merge_table *m, merge added)
{
    void *array = m->merges;
    TRY(make_slots(m));
    TRY(memory_reserve(m->context, &array, &m->capacity, m->count + 1, sizeof *m->merges));
    m->merges = array;
    m->merges[m->count] = added;
    fill_slot(m->slots, m->slot_count - 1, &added, m->count++);
    return TACIT_OK;
}

void merge_table_free(merge_table *m)
{
    memory_free(m->context, m->merges);
    memory_free(m->context, m->slots);
    *m = (merge_table){.context = m->context};
}
