#include "use/restore_measure.h"

#include "use/filters.h"
#include "use/matrix.h"
#include "use/quality.h"

#include <math.h>
#include <string.h>

/* One classical filter. */
typedef struct filter {
    const char *name;
    int median;          /* side, or 0 */
    double space, range; /* bilateral, or 0 */
} filter;

enum { FILTERS = 11 };

static const filter filters[FILTERS] = {{"median 3", 3, 0, 0},
                                        {"median 5", 5, 0, 0},
                                        {"bilateral 1.0 0.10", 0, 1, 0.1},
                                        {"bilateral 1.0 0.20", 0, 1, 0.2},
                                        {"bilateral 1.0 0.30", 0, 1, 0.3},
                                        {"bilateral 1.0 0.50", 0, 1, 0.5},
                                        {"bilateral 2.0 0.10", 0, 2, 0.1},
                                        {"bilateral 2.0 0.20", 0, 2, 0.2},
                                        {"bilateral 2.0 0.30", 0, 2, 0.3},
                                        {"bilateral 2.0 0.50", 0, 2, 0.5},
                                        {"harmonic", 0, 0, 0}};

/* Filters that are for a kind of damage: first .. last - 1. */
typedef struct range {
    int first, last;
} range;

static range filters_for(damage_kind kind)
{
    if (kind == DAMAGE_HOLES)
        return (range){FILTERS - 1, FILTERS};
    return kind == DAMAGE_NOISE || kind == DAMAGE_PEPPER ? (range){0, FILTERS - 1} : (range){0, 0};
}

/* What the jobs share. */
typedef struct measuring {
    tacit_context *context;
    const views *views;
    work *work;
    scratch *scratches; /* (workers) */
    picture_size size;
    int64_t numbers; /* of a picture */
    damage_kind kind;
    float strength;
    uint64_t seed;
    const int64_t *examples;
    int64_t count;
    restore_pictures *pictures;
    uint8_t *hidden;       /* (count, S, S); of holes, else NULL */
    double *psnr;          /* (count, FILTERS) */
    int best;              /* filter, or -1 */
    restore_score *scores; /* (count, 3): damaged, restored, classical */
} measuring;

/* ---- damage ---- */

static tacit_status mark_holes(const measuring *m, int64_t i, scratch *s)
{
    const int64_t pixels = (int64_t)m->size.height * m->size.width;
    const float one[3] = {1, 1, 1};
    float *mark = scratch_get(s, SCRATCH_SPARE, (size_t)pixels * sizeof *mark);
    if (!mark)
        return TACIT_NOMEM;
    /* The same draws on a black picture with white holes. */
    draws d = draws_at(m->seed, DRAW_DAMAGE, 0, (uint64_t)m->examples[i], (uint32_t)m->kind);
    canvas c = {m->size.height, m->size.width, 1, mark};
    memset(mark, 0, (size_t)pixels * sizeof *mark);
    TRY(damage_apply(m->kind, m->strength, &d, one, s, &c));
    for (int64_t k = 0; k < pixels; k++)
        m->hidden[i * pixels + k] = mark[k] > 0.5f;
    return TACIT_OK;
}

static tacit_status damage_one(void *user, int64_t i, int worker)
{
    const measuring *m = user;
    scratch *s = &m->scratches[worker];
    const pixel_scale *p = &m->views->pixels;
    float *original = m->pictures->original + i * m->numbers,
          *damaged = m->pictures->damaged + i * m->numbers;
    TRY(m->views->plain(m->views, m->examples[i], s, original));
    for (int64_t k = 0; k < m->numbers; k++) {
        const int64_t c = k % m->size.channels;
        const float x = original[k] * p->deviation[c] + p->mean[c];
        original[k] = x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;
    }
    memcpy(damaged, original, (size_t)m->numbers * sizeof *damaged);
    draws d = draws_at(m->seed, DRAW_DAMAGE, 0, (uint64_t)m->examples[i], (uint32_t)m->kind);
    canvas c = {m->size.height, m->size.width, m->size.channels, damaged};
    TRY(damage_apply(m->kind, m->strength, &d, p->mean, s, &c));
    return m->hidden ? mark_holes(m, i, s) : TACIT_OK;
}

/* ---- filters ---- */

static void apply(const measuring *m, int which, int64_t i, float *out)
{
    const filter *f = &filters[which];
    const float *x = m->pictures->damaged + i * m->numbers;
    if (f->median)
        filter_median(x, m->size, f->median, out);
    else if (f->space > 0)
        filter_bilateral(x, m->size, f->space, f->range, out);
    else
        filter_harmonic(x, m->size, m->hidden + i * (int64_t)m->size.height * m->size.width, out);
}

static tacit_status try_filters(void *user, int64_t i, int worker)
{
    const measuring *m = user;
    const range r = filters_for(m->kind);
    float *out = arena_take(m->work->arenas[worker], (size_t)m->numbers * sizeof *out);
    if (!out)
        return TACIT_NOMEM;
    for (int k = r.first; k < r.last; k++) {
        apply(m, k, i, out);
        m->psnr[i * FILTERS + k] = quality_psnr(out, m->pictures->original + i * m->numbers, m->numbers);
    }
    return TACIT_OK;
}

static void choose_filter(measuring *m)
{
    const range r = filters_for(m->kind);
    double most = 0;
    m->best = -1;
    for (int k = r.first; k < r.last; k++) {
        double sum = 0;
        for (int64_t i = 0; i < m->count; i++)
            sum += m->psnr[i * FILTERS + k];
        if (m->best < 0 || sum > most) {
            most = sum;
            m->best = k;
        }
    }
}

/* ---- scores ---- */

static restore_score score(const measuring *m, int64_t i, const float *pictures)
{
    const float *x = pictures + i * m->numbers, *original = m->pictures->original + i * m->numbers;
    return (restore_score){quality_psnr(x, original, m->numbers),
                           quality_ssim(x, original, m->size.height, m->size.width, m->size.channels)};
}

static tacit_status score_one(void *user, int64_t i, int worker)
{
    const measuring *m = user;
    (void)worker;
    m->scores[3 * i] = score(m, i, m->pictures->damaged);
    m->scores[3 * i + 1] = score(m, i, m->pictures->restored);
    if (m->best < 0)
        return TACIT_OK;
    apply(m, m->best, i, m->pictures->classical + i * m->numbers);
    m->scores[3 * i + 2] = score(m, i, m->pictures->classical);
    return TACIT_OK;
}

static restore_score mean_of(const measuring *m, int which)
{
    restore_score sum = {0};
    for (int64_t i = 0; i < m->count; i++) {
        sum.psnr += m->scores[3 * i + which].psnr / (double)m->count;
        sum.ssim += m->scores[3 * i + which].ssim / (double)m->count;
    }
    return sum;
}

static void summarise(const measuring *m, restore_measure *out)
{
    out->damaged = mean_of(m, 0);
    out->restored = mean_of(m, 1);
    out->classical = (restore_score){(double)NAN, (double)NAN};
    if (m->best < 0)
        return;
    out->classical = mean_of(m, 2);
    out->filter = filters[m->best].name;
}

/* ---- all of it ---- */

static tacit_status make_room(measuring *m)
{
    tacit_context *context = m->context;
    const size_t count = (size_t)m->count, bytes = (size_t)m->numbers * sizeof(float);
    restore_pictures *p = m->pictures;
    p->original = memory_alloc(context, count, bytes);
    p->damaged = memory_alloc(context, count, bytes);
    p->classical = memory_alloc(context, count, bytes);
    p->restored = memory_alloc(context, count, bytes);
    m->scratches = memory_alloc(context, (size_t)m->work->workers, sizeof *m->scratches);
    m->psnr = memory_alloc(context, count, FILTERS * sizeof *m->psnr);
    m->scores = memory_alloc(context, count, 3 * sizeof *m->scores);
    if (m->kind == DAMAGE_HOLES)
        m->hidden = memory_alloc(context, count, (size_t)m->size.height * (size_t)m->size.width);
    if (!p->original || !p->damaged || !p->classical || !p->restored || !m->scratches || !m->psnr ||
        !m->scores || (m->kind == DAMAGE_HOLES && !m->hidden))
        return TACIT_NOMEM;
    for (int i = 0; i < m->work->workers; i++)
        scratch_init(&m->scratches[i], context);
    return TACIT_OK;
}

static tacit_status measure(measuring *m, restorer *r, restore_measure *out)
{
    const restore_pictures *p = m->pictures;
    TRY(make_room(m));
    TRY(blocks_run(m->work, m->count, damage_one, m));
    TRY(restorer_tiles(r, p->damaged, m->hidden, m->count, p->restored));
    TRY(blocks_run(m->work, m->count, try_filters, m));
    choose_filter(m);
    TRY(blocks_run(m->work, m->count, score_one, m));
    summarise(m, out);
    return TACIT_OK;
}

tacit_status restore_measure_run(restore_measure *out, restore_pictures *pictures, const learner *l,
                                 const views *v, work *w, damage_kind kind, float strength, uint64_t seed,
                                 const int64_t *examples, int64_t count)
{
    const shape s = v->shape;
    restorer *r;
    measuring m = {.context = w->context,
                   .views = v,
                   .work = w,
                   .size = {(int)s.size[0], (int)s.size[1], (int)s.size[2]},
                   .numbers = shape_count(s),
                   .kind = kind,
                   .strength = strength,
                   .seed = seed,
                   .examples = examples,
                   .count = count,
                   .pictures = pictures};
    *out = (restore_measure){0};
    *pictures = (restore_pictures){0};
    TRY(restorer_create(&r, l, &v->pixels, kind == DAMAGE_HOLES ? RESTORE_HOLES : RESTORE_WHOLE, w));
    const tacit_status status = measure(&m, r, out);
    for (int i = 0; m.scratches && i < w->workers; i++)
        scratch_fini(&m.scratches[i]);
    memory_free(w->context, m.scratches);
    memory_free(w->context, m.psnr);
    memory_free(w->context, m.scores);
    memory_free(w->context, m.hidden);
    restorer_destroy(r);
    return status;
}
