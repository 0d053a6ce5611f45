#include "use/odd_pixels.h"

#include "use/matrix.h"
#include "use/ranking.h"

#include <inttypes.h>

enum { CHUNK = 64 };

/* What one measurement works on. */
typedef struct measurement {
    const learner *learner;
    const views *pictures, *masks;
    work *work;
    const int64_t *mask_of; /* (count) */
    int64_t count, pixels;  /* pictures, and pixels of each */
    bool *odd;              /* (count, pixels) */
    double *score;          /* (count, pixels) */
} measurement;

/* ---- masks ---- */

static tacit_status mark_odd(const measurement *m, scratch *s, float *mask, tacit_odd_pixels *out)
{
    int64_t odd = 0;
    for (int64_t i = 0; i < m->count; i++) {
        if (m->mask_of[i] < 0)
            continue;
        out->masked++;
        TRY(m->masks->plain(m->masks, m->mask_of[i], s, mask));
        for (int64_t k = 0; k < m->pixels; k++) {
            m->odd[i * m->pixels + k] = mask[k] > 0.5f;
            odd += mask[k] > 0.5f;
        }
    }
    out->odd_share = (double)odd / ((double)m->count * (double)m->pixels);
    if (odd == 0 || odd == m->count * m->pixels)
        return context_fail(m->work->context, TACIT_ARGUMENT,
                            "%" PRId64 " masks of %" PRId64
                            " pictures: %s pixel is white, so there is nothing to tell apart",
                            out->masked, m->count, odd ? "every" : "no");
    return TACIT_OK;
}

static tacit_status read_masks(measurement *m, tacit_odd_pixels *out)
{
    tacit_context *context = m->work->context;
    scratch s;
    scratch_init(&s, context);
    m->odd = memory_alloc(context, (size_t)m->count, (size_t)m->pixels * sizeof *m->odd);
    float *mask = memory_alloc(context, (size_t)m->pixels, sizeof *mask);
    const tacit_status status = m->odd && mask ? mark_odd(m, &s, mask, out) : TACIT_NOMEM;
    memory_free(context, mask);
    scratch_fini(&s);
    return status;
}

/* ---- errors of prediction ---- */

/* Room of a chunk. */
typedef struct chunk {
    int64_t examples[CHUNK];
    float *original, *predicted; /* (CHUNK, S, S, C): not looked at */
    float *heat;                 /* (CHUNK, S, S) */
} chunk;

static tacit_status score_chunk(const measurement *m, chunk *c, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        c->examples[i] = first + i;
    TRY(predictability_show(m->learner, m->pictures, m->work, c->examples, count, c->original, c->predicted,
                            c->heat));
    for (int64_t k = 0; k < count * m->pixels; k++)
        m->score[first * m->pixels + k] = (double)c->heat[k];
    return TACIT_OK;
}

static tacit_status score_pixels(measurement *m)
{
    tacit_context *context = m->work->context;
    const int64_t room = m->count < CHUNK ? m->count : CHUNK;
    const size_t numbers = (size_t)shape_count(m->pictures->shape);
    chunk c = {.original = memory_alloc(context, (size_t)room, numbers * sizeof *c.original),
               .predicted = memory_alloc(context, (size_t)room, numbers * sizeof *c.predicted),
               .heat = memory_alloc(context, (size_t)room, (size_t)m->pixels * sizeof *c.heat)};
    m->score = memory_alloc(context, (size_t)m->count, (size_t)m->pixels * sizeof *m->score);
    tacit_status status = c.original && c.predicted && c.heat && m->score ? TACIT_OK : TACIT_NOMEM;
    for (int64_t first = 0; status == TACIT_OK && first < m->count; first += room)
        status = score_chunk(m, &c, first, block_length(m->count - first, room, 0));
    memory_free(context, c.original);
    memory_free(context, c.predicted);
    memory_free(context, c.heat);
    return status;
}

/* ---- all of it ---- */

static tacit_status rank_pixels(const measurement *m, tacit_odd_pixels *out)
{
    ranking r;
    TRY(ranking_create(&r, m->work->context, m->score, m->odd, m->count * m->pixels));
    out->auroc = ranking_auroc(&r);
    out->average_precision = ranking_average_precision(&r);
    ranking_fini(&r);
    return TACIT_OK;
}

tacit_status odd_pixels_measure(const learner *l, const views *pictures, const views *masks, work *w,
                                const int64_t *mask_of, int64_t count, tacit_odd_pixels *out)
{
    measurement m = {
        .learner = l, .pictures = pictures, .masks = masks, .work = w, .mask_of = mask_of, .count = count};
    *out = (tacit_odd_pixels){.pictures = count};
    m.pixels = pictures->shape.size[0] * pictures->shape.size[1];
    tacit_status status = read_masks(&m, out);
    if (status == TACIT_OK)
        status = score_pixels(&m);
    if (status == TACIT_OK)
        status = rank_pixels(&m, out);
    memory_free(w->context, m.odd);
    memory_free(w->context, m.score);
    return status;
}
