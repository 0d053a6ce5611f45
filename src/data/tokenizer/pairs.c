/* See pairs.h. */
#include "data/tokenizer/pairs.h"

enum { FIRST_SLOTS = 4096 };

void pair_table_init(pair_table *p, tacit_context *context)
{
    *p = (pair_table){.context = context, .unused = -1};
}

void pair_table_free(pair_table *p)
{
    memory_free(p->context, p->pairs);
    memory_free(p->context, p->slots);
    memory_free(p->context, p->nodes);
    memory_free(p->context, p->touched);
    pair_table_init(p, p->context);
}

static uint32_t *find_slot(const pair_table *p, uint64_t pair)
{
    size_t i = hash_mix(pair) & (p->slot_count - 1);
    while (p->slots[i] && p->pairs[p->slots[i] - 1].pair != pair)
        i = (i + 1) & (p->slot_count - 1);
    return &p->slots[i];
}

/* At most half of the slots are in use. */
static tacit_status make_slots(pair_table *p)
{
    if (2 * (p->count + 1) <= p->slot_count)
        return TACIT_OK;
    const size_t count = p->slot_count ? 2 * p->slot_count : FIRST_SLOTS;
    uint32_t *slots = memory_alloc(p->context, count, sizeof *slots);
    if (!slots)
        return TACIT_NOMEM;
    memory_free(p->context, p->slots);
    p->slots = slots;
    p->slot_count = count;
    for (size_t i = 0; i < p->count; i++)
        *find_slot(p, p->pairs[i].pair) = (uint32_t)i + 1;
    return TACIT_OK;
}

static tacit_status fail_limit(const pair_table *p)
{
    return context_fail(p->context, TACIT_LIMIT,
                        "the texts are too many to train bpe with: use a part of them");
}

static tacit_status find_or_add(pair_table *p, uint64_t pair, int32_t *number)
{
    void *array = p->pairs;
    TRY(make_slots(p));
    uint32_t *slot = find_slot(p, pair);
    if (!*slot) {
        if (p->count >= INT32_MAX)
            return fail_limit(p);
        TRY(memory_reserve(p->context, &array, &p->capacity, p->count + 1, sizeof *p->pairs));
        p->pairs = array;
        p->pairs[p->count++] = (neighbours){pair, 0, -1};
        *slot = (uint32_t)p->count;
    }
    *number = (int32_t)(*slot - 1);
    return TACIT_OK;
}

static tacit_status take_node(pair_table *p, int32_t *place)
{
    void *array = p->nodes;
    if (p->unused >= 0) {
        *place = p->unused;
        p->unused = p->nodes[p->unused].next;
        return TACIT_OK;
    }
    if (p->node_count >= INT32_MAX)
        return fail_limit(p);
    TRY(memory_reserve(p->context, &array, &p->node_capacity, p->node_count + 1, sizeof *p->nodes));
    p->nodes = array;
    *place = (int32_t)p->node_count++;
    return TACIT_OK;
}

static tacit_status touch(pair_table *p, int32_t number)
{
    void *array = p->touched;
    TRY(memory_reserve(p->context, &array, &p->touched_capacity, p->touched_count + 1, sizeof *p->touched));
    p->touched = array;
    p->touched[p->touched_count++] = number;
    return TACIT_OK;
}

tacit_status pair_table_change(pair_table *p, int32_t left, int32_t right, int64_t change, int32_t word)
{
    int32_t number = 0, node = 0;
    TRY(find_or_add(p, merge_pair(left, right), &number));
    neighbours *n = &p->pairs[number];
    n->count += change;
    if (change < 0 || (n->words >= 0 && p->nodes[n->words].word == word))
        return TACIT_OK;
    if (n->words < 0)
        TRY(touch(p, number));
    TRY(take_node(p, &node));
    p->nodes[node] = (word_node){word, n->words};
    n->words = node;
    return TACIT_OK;
}

void pair_table_recycle(pair_table *p, int32_t list)
{
    while (list >= 0) {
        const int32_t next = p->nodes[list].next;
        p->nodes[list].next = p->unused;
        p->unused = list;
        list = next;
    }
}
