/* See identification.h. */
#include "use/identification.h"

#include "use/similarities.h"

#include <math.h>

typedef struct ranking_job {
    work *work;
    const int32_t *labels;
    int64_t gallery;
    int32_t classes;
    int ranks;
    int32_t *label;
    float *similarity;
    int64_t *nearest;
} ranking_job;

/* The nearest example of each label; -1 where it has none. */
static void nearest_of_labels(const ranking_job *j, const float *similarity, int64_t *best)
{
    for (int32_t c = 0; c < j->classes; c++)
        best[c] = -1;
    for (int64_t i = 0; i < j->gallery; i++) {
        int64_t *b = &best[j->labels[i]];
        if (*b < 0 || similarity[i] > similarity[*b])
            *b = i;
    }
}

static int32_t take_best(const float *similarity, int64_t *best, int32_t classes, int64_t *row)
{
    int32_t most = -1;
    for (int32_t c = 0; c < classes; c++)
        if (best[c] >= 0 && (most < 0 || similarity[best[c]] > similarity[best[most]]))
            most = c;
    *row = most >= 0 ? best[most] : -1;
    if (most >= 0)
        best[most] = -1;
    return most;
}

static tacit_status rank_probe(void *user, int64_t probe, const float *similarity, int worker)
{
    const ranking_job *j = user;
    arena *a = j->work->arenas[worker];
    const size_t size = sizeof(int64_t) * (size_t)j->classes;
    int64_t *best = arena_take(a, size);
    if (!best)
        return TACIT_NOMEM;
    nearest_of_labels(j, similarity, best);
    for (int64_t i = probe * j->ranks; i < (probe + 1) * j->ranks; i++) {
        j->label[i] = take_best(similarity, best, j->classes, &j->nearest[i]);
        j->similarity[i] = j->nearest[i] < 0 ? 0 : fmaxf(-1, fminf(1, similarity[j->nearest[i]]));
    }
    arena_give(a, best, size);
    return TACIT_OK;
}

tacit_status identification_rank(work *w, matrix probes, matrix gallery, const int32_t *gallery_labels,
                                 int32_t classes, int ranks, int32_t *label, float *similarity,
                                 int64_t *nearest)
{
    ranking_job j = {w, gallery_labels, gallery.rows, classes, ranks, label, similarity, nearest};
    const size_t width = (size_t)probes.columns;
    float *asking = memory_alloc(w->context, (size_t)probes.rows, width * sizeof *asking);
    float *known = memory_alloc(w->context, (size_t)gallery.rows, width * sizeof *known);
    tacit_status status = asking && known ? TACIT_OK : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = unit_rows(w, "probes", probes, asking);
    if (status == TACIT_OK)
        status = unit_rows(w, "gallery", gallery, known);
    if (status == TACIT_OK)
        status = similarities_run(w, (matrix){probes.rows, probes.columns, asking},
                                  (matrix){gallery.rows, gallery.columns, known}, rank_probe, &j);
    memory_free(w->context, asking);
    memory_free(w->context, known);
    return status;
}
