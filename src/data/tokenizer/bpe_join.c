/* The joining of one piece's bytes to tokens: always the merge with the lowest rank, of several the leftmost,
 * until there is none. A heap of the merges that are possible makes it n log n, whatever the piece. */
#include "data/tokenizer/parts.h"

/* ---- the heap ---- */

static void heap_push(bpe_room *r, uint64_t entry)
{
    uint64_t *queue = r->queue;
    size_t i = r->queue_size++;
    for (; i > 0 && queue[(i - 1) / 2] > entry; i = (i - 1) / 2)
        queue[i] = queue[(i - 1) / 2];
    queue[i] = entry;
}

static uint64_t heap_pop(bpe_room *r)
{
    uint64_t *queue = r->queue;
    const uint64_t top = queue[0], last = queue[--r->queue_size];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < r->queue_size; i = child) {
        child += child + 1 < r->queue_size && queue[child + 1] < queue[child];
        if (queue[child] >= last)
            break;
        queue[i] = queue[child];
    }
    queue[i] = last;
    return top;
}

/* ---- joining ---- */

static tacit_status make_room(bpe_room *r, size_t size)
{
    void *array = r->symbols;
    TRY(memory_reserve(r->context, &array, &r->symbol_capacity, size, sizeof *r->symbols));
    r->symbols = array;
    array = r->queue;
    /* At most one entry for each pair, and two for each merge. */
    TRY(memory_reserve(r->context, &array, &r->queue_capacity, 3 * size, sizeof *r->queue));
    r->queue = array;
    return TACIT_OK;
}

/* Finds out whether the symbol and the one after it can be joined. */
static void consider(bpe_room *r, const merge_table *merges, int32_t place)
{
    bpe_symbol *s = &r->symbols[place];
    s->rank = s->next < 0 ? -1 : merge_rank(merges, s->id, r->symbols[s->next].id);
    if (s->rank >= 0)
        heap_push(r, (uint64_t)s->rank << 32 | (uint32_t)place);
}

static void join(bpe_room *r, const merge_table *merges, int32_t place)
{
    bpe_symbol *left = &r->symbols[place], *right = &r->symbols[left->next];
    left->id = merges->merges[left->rank].result;
    left->next = right->next;
    right->rank = -1;
    if (left->next >= 0)
        r->symbols[left->next].previous = place;
    consider(r, merges, place);
    if (left->previous >= 0)
        consider(r, merges, left->previous);
}

tacit_status bpe_join(bpe_room *r, const tokenizer *t, const uint8_t *piece, size_t size, token_list *out)
{
    const int32_t count = (int32_t)size;
    TRY(make_room(r, size));
    r->queue_size = 0;
    for (int32_t i = 0; i < count; i++)
        r->symbols[i] = (bpe_symbol){t->of_byte[piece[i]], i - 1, i + 1 < count ? i + 1 : -1, -1};
    for (int32_t i = 0; i < count; i++)
        consider(r, &t->merges, i);
    while (r->queue_size > 0) {
        const uint64_t top = heap_pop(r);
        const int32_t place = (int32_t)(top & UINT32_MAX);
        /* What became of the pair since then may have no merge, or another one, which is in the heap as well.
         */
        if (r->symbols[place].rank == (int32_t)(top >> 32))
            join(r, &t->merges, place);
    }
    TRY(token_list_reserve(out, size));
    for (int32_t i = 0; i >= 0; i = r->symbols[i].next)
        out->ids[out->count++] = r->symbols[i].id;
    return TACIT_OK;
}

void bpe_room_free(bpe_room *r)
{
    memory_free(r->context, r->symbols);
    memory_free(r->context, r->queue);
    *r = (bpe_room){.context = r->context};
}
