/* Scratch memory of one worker: pieces that grow and are kept. */
#include "data/dataset.h"

void scratch_init(scratch *s, tacit_context *context)
{
    *s = (scratch){.context = context};
}

void scratch_fini(scratch *s)
{
    for (size_t i = 0; i < sizeof s->pieces / sizeof *s->pieces; i++)
        memory_free(s->context, s->pieces[i].data);
    *s = (scratch){.context = s->context};
}

void *scratch_get(scratch *s, scratch_use use, size_t size)
{
    struct scratch_piece *piece = &s->pieces[use];
    if (piece->data && size <= piece->size)
        return piece->data;
    /* Half as much again, so that slowly growing pictures do not allocate each time. What was there is not
     * kept, so it is freed first: old and new are never alive together. */
    size_t larger;
    if (!size_add(piece->size, piece->size / 2, &larger) || larger < size)
        larger = size;
    memory_free(s->context, piece->data);
    *piece = (struct scratch_piece){0};
    piece->data = memory_alloc(s->context, larger, 1);
    if (piece->data)
        piece->size = larger;
    return piece->data;
}
