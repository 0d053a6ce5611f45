/* Rows sorted by class, partial Fisher-Yates draws, and the held-out tenth. */
#include "use/class_rows.h"

#include <inttypes.h>

#include "base/philox.h"

enum { HELD_OUT_SHARE = 10 }; /* one row of ten */

/* Counting sort: first[c + 1] counts class c, then becomes where it ends. */
static tacit_status sort_rows(class_rows *r, const int32_t *labels, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (labels[i] < 0 || labels[i] >= r->classes)
            return context_fail(r->context, TACIT_ARGUMENT,
                                "labels: row %" PRId64 " has label %" PRId32 ", outside 0 to %" PRId32, i,
                                labels[i], r->classes - 1);
        r->first[labels[i] + 1]++;
    }
    for (int32_t c = 0; c < r->classes; c++)
        r->first[c + 1] += r->first[c];
    for (int64_t i = count - 1; i >= 0; i--)
        r->rows[--r->first[labels[i] + 1]] = i;
    for (int32_t c = 0; c < r->classes; c++)
        r->first[c] = r->first[c + 1];
    r->first[r->classes] = count;
    return TACIT_OK;
}

tacit_status class_rows_create(class_rows *out, tacit_context *context, const int32_t *labels, int64_t count,
                               int32_t classes)
{
    *out = (class_rows){.context = context, .classes = classes};
    if (classes < 1)
        return context_fail(context, TACIT_ARGUMENT, "labels: %" PRId32 " classes, expected at least 1",
                            classes);
    out->first = memory_alloc(context, (size_t)classes + 1, sizeof *out->first);
    out->rows = memory_alloc(context, (size_t)count, sizeof *out->rows);
    const tacit_status status = out->first && out->rows ? sort_rows(out, labels, count) : TACIT_NOMEM;
    if (status != TACIT_OK)
        class_rows_fini(out);
    return status;
}

void class_rows_fini(class_rows *r)
{
    memory_free(r->context, r->first);
    memory_free(r->context, r->rows);
    r->first = r->rows = NULL;
}

int64_t class_rows_count(const class_rows *r, int32_t label)
{
    return r->first[label + 1] - r->first[label];
}

void class_rows_draw(class_rows *r, int32_t label, int64_t take, uint64_t seed, uint32_t draw, uint32_t view)
{
    int64_t *rows = r->rows + r->first[label];
    const int64_t count = class_rows_count(r, label);
    draws d = draws_at(seed, DRAW_LABELS, draw, (uint64_t)label, view);
    for (int64_t i = 0; i < take && i + 1 < count; i++) {
        const int64_t other = i + (int64_t)draw_below(&d, (uint64_t)(count - i));
        const int64_t row = rows[i];
        rows[i] = rows[other];
        rows[other] = row;
    }
}

/* Marks the drawn tenth of every class in held (count). */
static void mark_held_out(class_rows *r, uint64_t seed, bool *held)
{
    for (int32_t c = 0; c < r->classes; c++) {
        const int64_t take = (class_rows_count(r, c) + HELD_OUT_SHARE / 2) / HELD_OUT_SHARE;
        class_rows_draw(r, c, take, seed, 0, CLASS_ROWS_HELD_OUT);
        for (int64_t i = 0; i < take; i++)
            held[r->rows[r->first[c] + i]] = true;
    }
}

tacit_status class_rows_hold_out(tacit_context *context, const int32_t *labels, int64_t count,
                                 int32_t classes, uint64_t seed, int64_t *order, int64_t *kept)
{
    class_rows r;
    TRY(class_rows_create(&r, context, labels, count, classes));
    tacit_status status = TACIT_NOMEM;
    bool *held = memory_alloc(context, (size_t)count, sizeof *held);
    if (held) {
        status = TACIT_OK;
        mark_held_out(&r, seed, held);
        int64_t filled = 0;
        for (int64_t i = 0; i < count; i++)
            if (!held[i])
                order[filled++] = i;
        *kept = filled;
        for (int64_t i = 0; i < count; i++)
            if (held[i])
                order[filled++] = i;
    }
    memory_free(context, held);
    class_rows_fini(&r);
    return status;
}
