/* Labels from whole numbers of any width, a run at a time. */
#include "data/labels.h"

#include <inttypes.h>

enum { LABELS_AT_ONCE = 65536 };

/* The number, with its sign extended: a negative one is above every label. */
static uint64_t number_at(const stored_labels *stored, const uint8_t *data)
{
    uint64_t number = 0;
    for (size_t i = 0; i < stored->size; i++)
        number = number << 8 | data[stored->big_endian ? i : stored->size - 1 - i];
    const uint64_t sign = UINT64_C(1) << (8 * stored->size - 1);
    return stored->is_signed && (number & sign) ? number | ~(sign - 1) : number;
}

static tacit_status fail_label(const dataset *d, const stored_labels *stored, int64_t example,
                               uint64_t number)
{
    if (stored->is_signed)
        return context_fail(d->context, TACIT_FORMAT,
                            "%s: label %" PRId64 " of example %" PRId64 ": expected 0 to %" PRId32,
                            stored->file->path, (int64_t)number, example, stored->most);
    return context_fail(d->context, TACIT_FORMAT,
                        "%s: label %" PRIu64 " of example %" PRId64 ": expected 0 to %" PRId32,
                        stored->file->path, number, example, stored->most);
}

/* Labels `first` to `last` - 1. */
static tacit_status read_run(dataset *d, const stored_labels *stored, int64_t first, int64_t last, scratch *s)
{
    const uint8_t *data;
    TRY(source_get(stored->file, stored->at + (uint64_t)first * stored->size,
                   (size_t)(last - first) * stored->size, s, &data));
    for (int64_t i = first; i < last; i++, data += stored->size) {
        const uint64_t number = number_at(stored, data);
        if (number > (uint64_t)stored->most)
            return fail_label(d, stored, i, number);
        d->labels[i] = (int32_t)number;
        if (d->labels[i] >= d->label_count)
            d->label_count = d->labels[i] + 1;
    }
    return TACIT_OK;
}

tacit_status labels_read(dataset *d, const stored_labels *stored, const char *pictures)
{
    scratch s;
    if (stored->count != (uint64_t)d->count)
        return context_fail(d->context, TACIT_FORMAT,
                            "%s holds %" PRIu64 " labels, but %s holds %" PRId64 " images",
                            stored->file->path, stored->count, pictures, d->count);
    d->labels = memory_alloc(d->context, (size_t)d->count, sizeof *d->labels);
    tacit_status status = d->labels ? TACIT_OK : TACIT_NOMEM;
    scratch_init(&s, d->context);
    for (int64_t i = 0; status == TACIT_OK && i < d->count; i += LABELS_AT_ONCE)
        status = read_run(d, stored, i, d->count - i > LABELS_AT_ONCE ? i + LABELS_AT_ONCE : d->count, &s);
    scratch_fini(&s);
    return status;
}
