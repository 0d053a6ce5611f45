#include "use/label_parts.h"

#include "use/class_rows.h"

#include <math.h>

typedef enum part { PART_NONE, PART_KEPT, PART_HELD } part;

static int64_t held_of(int64_t count, double share)
{
    const int64_t held = (int64_t)floor(share * (double)count + 0.5);
    if (!(share > 0.0) || count < 2)
        return 0;
    return held < 1 ? 1 : (held < count ? held : count - 1);
}

static void mark(class_rows *r, int64_t per_class, double share, uint64_t seed, uint8_t *part_of)
{
    for (int32_t c = 0; c < r->classes; c++) {
        const int64_t have = class_rows_count(r, c), take = per_class && per_class < have ? per_class : have;
        const int64_t held = held_of(take, share);
        class_rows_draw(r, c, take, seed, 0, CLASS_ROWS_FEW_LABELS);
        for (int64_t i = 0; i < take; i++)
            part_of[r->rows[r->first[c] + i]] = i < held ? PART_HELD : PART_KEPT;
    }
}

static int64_t gather(const uint8_t *part_of, int64_t count, part wanted, int64_t *rows)
{
    int64_t filled = 0;
    for (int64_t i = 0; i < count; i++)
        if (part_of[i] == wanted)
            rows[filled++] = i;
    return filled;
}

tacit_status label_parts_create(label_parts *out, tacit_context *context, const int32_t *labels,
                                int64_t count, int32_t classes, int64_t per_class, double share,
                                uint64_t seed)
{
    class_rows r;
    *out = (label_parts){.context = context};
    TRY(class_rows_create(&r, context, labels, count, classes));
    uint8_t *part_of = memory_alloc(context, (size_t)count, sizeof *part_of);
    out->rows = memory_alloc(context, (size_t)count, sizeof *out->rows);
    const bool room = part_of && out->rows;
    if (room) {
        mark(&r, per_class, share, seed, part_of);
        out->kept = gather(part_of, count, PART_KEPT, out->rows);
        out->held = gather(part_of, count, PART_HELD, out->rows + out->kept);
    }
    memory_free(context, part_of);
    class_rows_fini(&r);
    return room ? TACIT_OK : TACIT_NOMEM;
}

void label_parts_fini(label_parts *p)
{
    if (p->context)
        memory_free(p->context, p->rows);
    *p = (label_parts){.context = NULL};
}
