/* Scores, folds and measures: see verification.h. The draw is in pairs_draw.c. */
#include "use/verification.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "use/ranking.h"
#include "use/similarities.h"

/* Which question of DRAW_PAIRS. */
enum { FOLD_EPOCH = 1, PAIR_BLOCK = 1024 };

/* ---- scores ---- */

typedef struct score_job {
    const float *unit;
    int64_t columns, count;
    const pair *pairs;
    double *scores;
} score_job;

static tacit_status score_block(void *user, int64_t block, int worker)
{
    const score_job *j = user;
    (void)worker;
    for (int64_t i = block * PAIR_BLOCK; i < block * PAIR_BLOCK + block_length(j->count, PAIR_BLOCK, block);
         i++) {
        const float *a = j->unit + j->pairs[i].first * j->columns;
        const float *b = j->unit + j->pairs[i].second * j->columns;
        double sum = 0;
        for (int64_t c = 0; c < j->columns; c++)
            sum += (double)a[c] * (double)b[c];
        j->scores[i] = fmax(-1, fmin(1, sum));
    }
    return TACIT_OK;
}

tacit_status pairs_score(work *w, matrix x, const pair *pairs, int64_t count, double *scores)
{
    float *unit = memory_alloc(w->context, (size_t)x.rows, (size_t)x.columns * sizeof *unit);
    score_job j = {unit, x.columns, count, pairs, scores};
    if (!unit)
        return TACIT_NOMEM;
    tacit_status status = unit_rows(w, "embeddings", x, unit);
    if (status == TACIT_OK)
        status = blocks_run(w, blocks_of(count, PAIR_BLOCK), score_block, &j);
    memory_free(w->context, unit);
    return status;
}

/* ---- folds ---- */

/* Rows that pairs link: parent (rows), a root is its own; sizes (rows) in pairs, of roots; fold (rows), of
 * roots. */
typedef struct links {
    int64_t *parent, *sizes;
    int32_t *fold;
} links;

static int64_t root_of(int64_t *parent, int64_t row)
{
    while (parent[row] != row)
        row = parent[row] = parent[parent[row]];
    return row;
}

static void link_rows(links *l, const pair *pairs, int64_t count, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++)
        l->parent[r] = r;
    for (int64_t i = 0; i < count; i++)
        l->parent[root_of(l->parent, pairs[i].first)] = root_of(l->parent, pairs[i].second);
    for (int64_t i = 0; i < count; i++)
        l->sizes[root_of(l->parent, pairs[i].first)]++;
}

/* Groups of linked rows in keyed order, each to the fold with the fewest pairs so far. False: too uneven. */
static bool deal_out_groups(links *l, int64_t rows, int64_t count, int32_t folds, int64_t *load,
                            uint64_t seed)
{
    int64_t most = 0;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t r = (int64_t)draw_permuted(seed, DRAW_PAIRS, FOLD_EPOCH, (uint64_t)rows, (uint64_t)i);
        int32_t least = 0;
        if (l->parent[r] != r || l->sizes[r] == 0)
            continue;
        for (int32_t f = 1; f < folds; f++)
            least = load[f] < load[least] ? f : least;
        load[least] += l->sizes[r];
        l->fold[r] = least;
        most = load[least] > most ? load[least] : most;
    }
    return most * folds <= 2 * count;
}

/* Each kind of pair for itself, so that all folds have as many of it, or one less. */
static void deal_out_pairs(pair *pairs, int64_t count, int32_t folds, uint64_t seed)
{
    int64_t dealt[2] = {0, 0};
    for (int64_t i = 0; i < count; i++) {
        pair *p = pairs + draw_permuted(seed, DRAW_PAIRS, FOLD_EPOCH, (uint64_t)count, (uint64_t)i);
        p->fold = (int32_t)(dealt[p->same == PAIR_SAME]++ % folds);
    }
}

tacit_status pairs_fold(tacit_context *context, pair *pairs, int64_t count, int64_t rows, int32_t folds,
                        uint64_t seed, bool *apart)
{
    links l = {memory_alloc(context, (size_t)rows, sizeof(int64_t)),
               memory_alloc(context, (size_t)rows, sizeof(int64_t)),
               memory_alloc(context, (size_t)rows, sizeof(int32_t))};
    int64_t *load = memory_alloc(context, (size_t)folds, sizeof *load);
    const bool made = l.parent && l.sizes && l.fold && load;
    if (made) {
        link_rows(&l, pairs, count, rows);
        *apart = deal_out_groups(&l, rows, count, folds, load, seed);
        for (int64_t i = 0; *apart && i < count; i++)
            pairs[i].fold = l.fold[root_of(l.parent, pairs[i].first)];
        if (!*apart)
            deal_out_pairs(pairs, count, folds, seed);
    }
    memory_free(context, l.parent);
    memory_free(context, l.sizes);
    memory_free(context, l.fold);
    memory_free(context, load);
    return made ? TACIT_OK : TACIT_NOMEM;
}

/* ---- measures ---- */

/* Pairs that are looked at together. */
typedef struct selection {
    tacit_context *context;
    double *scores;
    bool *same;
    int64_t count;
} selection;

/* The pairs of all folds but one; `without` -1: all pairs. */
static void select_pairs(selection *s, const pair *pairs, const double *scores, int64_t count,
                         int32_t without)
{
    s->count = 0;
    for (int64_t i = 0; i < count; i++) {
        if (pairs[i].fold == without)
            continue;
        s->scores[s->count] = scores[i];
        s->same[s->count++] = pairs[i].same == PAIR_SAME;
    }
}

/* Where most pairs are right; among equals the highest. Half way to the next score below, so that it does not
 * stand on a pair that it was chosen by. */
static double best_threshold(const ranking *r)
{
    int64_t best = 0;
    for (int64_t i = 1; i < r->points; i++)
        if (r->true_accepted[i] - r->false_accepted[i] > r->true_accepted[best] - r->false_accepted[best])
            best = i;
    if (best == 0 || best + 1 == r->points)
        return r->thresholds[best];
    return r->thresholds[best] / 2 + r->thresholds[best + 1] / 2;
}

static tacit_status choose_threshold(const selection *s, double *out)
{
    ranking r;
    TRY(ranking_create(&r, s->context, s->scores, s->same, s->count));
    *out = best_threshold(&r);
    ranking_fini(&r);
    return TACIT_OK;
}

static tacit_status measure_folds(selection *s, const pair *pairs, const double *scores, int64_t count,
                                  int32_t folds, verification *out)
{
    double sum = 0, squares = 0;
    for (int32_t f = 0; f < folds; f++) {
        double threshold;
        int64_t right = 0, all = 0;
        select_pairs(s, pairs, scores, count, f);
        const tacit_status status = choose_threshold(s, &threshold);
        if (status != TACIT_OK)
            return context_wrap(s->context, status, "without fold %d of %d", (int)f + 1, (int)folds);
        for (int64_t i = 0; i < count; i++) {
            right += pairs[i].fold == f && (scores[i] >= threshold) == (pairs[i].same == PAIR_SAME);
            all += pairs[i].fold == f;
        }
        if (all == 0)
            return context_fail(s->context, TACIT_ARGUMENT,
                                "fold %d of %d has no pairs: expected more pairs, or fewer folds", (int)f + 1,
                                (int)folds);
        const double accuracy = (double)right / (double)all;
        sum += accuracy;
        squares += accuracy * accuracy;
    }
    out->accuracy = sum / folds;
    out->deviation = sqrt(fmax(0, (squares - sum * sum / folds) / (folds - 1)));
    return TACIT_OK;
}

static tacit_status measure_all(selection *s, const pair *pairs, const double *scores, int64_t count,
                                int32_t folds, verification *out)
{
    ranking r;
    select_pairs(s, pairs, scores, count, -1);
    TRY(ranking_create(&r, s->context, s->scores, s->same, s->count));
    out->threshold = best_threshold(&r);
    out->eer = ranking_eer(&r, NULL);
    out->auroc = ranking_auroc(&r);
    out->tar[0] = r.negatives < 100 ? (double)NAN : ranking_rate_at(&r, 1e-2, NULL);
    out->tar[1] = r.negatives < 1000 ? (double)NAN : ranking_rate_at(&r, 1e-3, NULL);
    ranking_fini(&r);
    return measure_folds(s, pairs, scores, count, folds, out);
}

tacit_status verification_measure(tacit_context *context, const pair *pairs, const double *scores,
                                  int64_t count, int32_t folds, verification *out)
{
    selection s = {.context = context};
    if (folds < 2 || count < folds)
        return context_fail(context, TACIT_ARGUMENT,
                            "verify: %" PRId64 " pairs in %d folds: expected 2 folds or more, and as many "
                            "pairs",
                            count, (int)folds);
    s.scores = memory_alloc(context, (size_t)count, sizeof *s.scores);
    s.same = memory_alloc(context, (size_t)count, sizeof *s.same);
    tacit_status status = s.scores && s.same ? TACIT_OK : TACIT_NOMEM;
    if (status == TACIT_OK)
        status = measure_all(&s, pairs, scores, count, folds, out);
    memory_free(context, s.scores);
    memory_free(context, s.same);
    return status;
}
