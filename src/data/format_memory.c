/* Pictures handed over in memory by a program. */
#include "data/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MOST = (1 << 24) - 1 };

typedef struct memory_state {
    int height, width, channels;
    uint8_t *pixels; /* (N, H, W, C) */
} memory_state;

static size_t example_size(const memory_state *m)
{
    return (size_t)m->height * (size_t)m->width * (size_t)m->channels;
}

static tacit_status read_example(const dataset *d, int64_t i, scratch *s, image *out)
{
    (void)s;
    const memory_state *m = d->state;
    *out = (image){m->height, m->width, m->channels, m->pixels + (size_t)i * example_size(m)};
    return TACIT_OK;
}

static void name_example(const dataset *d, int64_t i, char *out, size_t size)
{
    (void)d;
    snprintf(out, size, "example %" PRId64, i);
}

static void close_memory(dataset *d)
{
    memory_state *m = d->state;
    if (m)
        memory_free(d->context, m->pixels);
    memory_free(d->context, m);
    d->state = NULL;
}

/* Not in the table of formats: nothing is sniffed or opened. */
const dataset_format format_memory = {
    .name = "memory",
    .summary = "pictures handed over by a program",
    .needs_no_cache = true,
    .read = read_example,
    .name_of = name_example,
    .close = close_memory,
};

/* The bytes of all pixels into *out; TACIT_ARGUMENT when there is something wrong with the sizes. */
static tacit_status check_sizes(tacit_context *context, int64_t count, const memory_state *m, size_t *out)
{
    if (count < 1 || m->height < 1 || m->width < 1)
        return context_fail(context, TACIT_ARGUMENT,
                            "%" PRId64 " pictures of %d x %d: all must be at least 1", count, m->width,
                            m->height);
    if (m->channels != 1 && m->channels != 3)
        return context_fail(context, TACIT_ARGUMENT, "channels: %d is not 1 (grey) or 3 (colour)",
                            m->channels);
    if (!size_multiply((size_t)m->height, (size_t)m->width, out) ||
        !size_multiply(*out, (size_t)m->channels, out) || !size_multiply(*out, (size_t)count, out))
        return context_fail(context, TACIT_ARGUMENT,
                            "%" PRId64 " pictures of %d x %d are more than fit in memory", count, m->width,
                            m->height);
    return TACIT_OK;
}

static tacit_status copy_labels(dataset *d, const int32_t *labels)
{
    d->labels = memory_alloc(d->context, (size_t)d->count, sizeof *d->labels);
    if (!d->labels)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < d->count; i++) {
        if (labels[i] < 0 || labels[i] > LABEL_MOST)
            return context_fail(d->context, TACIT_ARGUMENT,
                                "label %" PRId32 " of example %" PRId64 " is outside 0 to %d", labels[i], i,
                                LABEL_MOST);
        d->labels[i] = labels[i];
        if (labels[i] >= d->label_count)
            d->label_count = labels[i] + 1;
    }
    return TACIT_OK;
}

static tacit_status fill(dataset *d, const memory_state *shape, const uint8_t *pixels, size_t size,
                         const int32_t *labels)
{
    memory_state *m = memory_alloc(d->context, 1, sizeof *m);
    if (!m)
        return TACIT_NOMEM;
    d->state = m;
    *m = *shape;
    m->pixels = memory_alloc(d->context, size, 1);
    if (!m->pixels)
        return TACIT_NOMEM;
    memcpy(m->pixels, pixels, size);
    return labels ? copy_labels(d, labels) : TACIT_OK;
}

tacit_status dataset_from_memory(dataset **out, tacit_context *context, const uint8_t *pixels, int64_t count,
                                 int height, int width, int channels, const int32_t *labels)
{
    const memory_state shape = {height, width, channels, NULL};
    size_t size;
    *out = NULL;
    if (!pixels)
        return context_fail(context, TACIT_ARGUMENT, "pixels: NULL");
    TRY(check_sizes(context, count, &shape, &size));
    dataset *d = memory_alloc(context, 1, sizeof *d);
    if (!d)
        return TACIT_NOMEM;
    d->context = context;
    d->format = &format_memory;
    d->count = count;
    d->height = height;
    d->width = width;
    d->channels = channels;
    const tacit_status status = fill(d, &shape, pixels, size, labels);
    if (status == TACIT_OK)
        *out = d;
    else
        dataset_close(d);
    return status;
}
