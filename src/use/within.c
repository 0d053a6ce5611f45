/* See within.h. Rows are copied so that those of a fold follow each other, and in a fold those of a group. */
#include "use/within.h"

#include <inttypes.h>
#include <string.h>

#include "use/ranking.h"
#include "use/standardise.h"
#include "use/verification.h"

enum { LEAST_IN_GROUP = 2, LEAST_IN_FOLD = 2, FOLD_PAIRS = 3000, NO_FOLD = -1 };

static const double shrinkages[] = {0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 1};
enum { SHRINKAGES = sizeof shrinkages / sizeof *shrinkages };

typedef struct fitting {
    work *work;
    tacit_context *context;
    within *out;
    uint64_t seed;
    int64_t count, columns; /* N, D */
    int32_t groups, folds;
    class_rows members;
    int32_t *fold;                     /* (groups), NO_FOLD: fewer than two rows */
    float *rows;                       /* (N, D): fold by fold, last those of no fold */
    int32_t *group;                    /* (N) of them */
    int64_t first[WITHIN_FOLDS + 2];   /* fold f has rows first[f] .. first[f + 1]-1 */
    int64_t freedom[WITHIN_FOLDS + 1]; /* rows less groups of each fold */
    float *means;                      /* (groups, D) */
    double *sums;                      /* (folds + 1, D) of rows */
    double *total;                     /* (D, D): sum of products within groups */
    double *held;                      /* (D, D): that of one fold */
    double *covariance;                /* (D, D) */
    float *white;                      /* (rows of the largest fold, D) */
    int64_t kind_count;                /* pairs of either kind in a fold */
    pair *pairs;                       /* (folds, 2 kind_count): rows counted from the fold's first */
    double *scores;                    /* (2 kind_count) */
    bool *same;                        /* (2 kind_count) */
} fitting;

static int64_t fold_rows(const fitting *f, int32_t fold)
{
    return f->first[fold + 1] - f->first[fold];
}

/* ---- groups in folds ---- */

static tacit_status deal_groups(fitting *f, const int32_t *group)
{
    TRY(class_rows_create(&f->members, f->context, group, f->count, f->groups));
    for (int32_t g = 0; g < f->groups; g++) {
        const int64_t rows = class_rows_count(&f->members, g);
        f->out->groups += rows >= LEAST_IN_GROUP;
        f->out->left_out += rows < LEAST_IN_GROUP ? rows : 0;
    }
    f->folds = f->out->groups / LEAST_IN_FOLD < WITHIN_FOLDS ? f->out->groups / LEAST_IN_FOLD : WITHIN_FOLDS;
    if (f->folds < 2)
        return context_fail(
            f->context, TACIT_ARGUMENT,
            "fit: %d groups of two examples or more: expected at least %d, to learn from some "
            "and measure on others",
            (int)f->out->groups, 2 * LEAST_IN_FOLD);
    f->out->folds = f->folds;
    f->fold = memory_alloc(f->context, (size_t)f->groups, sizeof *f->fold);
    if (!f->fold)
        return TACIT_NOMEM;
    labels_deal(&f->members, LEAST_IN_GROUP, f->folds, f->seed, f->fold);
    return TACIT_OK;
}

/* Copies the rows of one group behind the `at` that are there; mean and sum in the order of the rows. */
static tacit_status take_group(fitting *f, matrix x, int32_t group, int64_t at, double *sum, double *fold_sum)
{
    const int64_t d = f->columns, count = class_rows_count(&f->members, group);
    const int64_t *rows = f->members.rows + f->members.first[group];
    memset(sum, 0, sizeof *sum * (size_t)d);
    for (int64_t i = 0; i < count; i++) {
        const float *row = x.data + rows[i] * d;
        if (!row_is_finite(row, d))
            return context_fail(f->context, TACIT_NONFINITE,
                                "fit: row %" PRId64 " holds a number that is not finite", rows[i]);
        memcpy(f->rows + (at + i) * d, row, sizeof *row * (size_t)d);
        f->group[at + i] = group;
        for (int64_t j = 0; j < d; j++)
            sum[j] += (double)row[j];
    }
    for (int64_t j = 0; j < d; j++) {
        f->means[group * d + j] = (float)(sum[j] / (double)count);
        fold_sum[j] += sum[j];
    }
    return TACIT_OK;
}

static tacit_status take_folds(fitting *f, matrix x, double *sum)
{
    int64_t at = 0;
    for (int32_t fold = 0; fold <= f->folds; fold++) {
        f->first[fold] = at;
        for (int32_t g = 0; g < f->groups; g++) {
            const int64_t count = class_rows_count(&f->members, g);
            if (count == 0 || f->fold[g] != (fold < f->folds ? fold : NO_FOLD))
                continue;
            TRY(take_group(f, x, g, at, sum, f->sums + fold * f->columns));
            at += count;
            f->freedom[fold] += count - 1;
        }
    }
    f->first[f->folds + 1] = at;
    return TACIT_OK;
}

static tacit_status order_rows(fitting *f, matrix x)
{
    const size_t d = (size_t)f->columns;
    double *sum = memory_alloc(f->context, d, sizeof *sum);
    f->rows = memory_alloc(f->context, (size_t)f->count, d * sizeof *f->rows);
    f->group = memory_alloc(f->context, (size_t)f->count, sizeof *f->group);
    f->means = memory_alloc(f->context, (size_t)f->groups, d * sizeof *f->means);
    f->sums = memory_alloc(f->context, (size_t)f->folds + 1, d * sizeof *f->sums);
    const tacit_status status =
        sum && f->rows && f->group && f->means && f->sums ? take_folds(f, x, sum) : TACIT_NOMEM;
    memory_free(f->context, sum);
    return status;
}

/* ---- pairs of each fold ---- */

/* Rows that are in no fold come last and are not shown to the draw. */
static tacit_status draw_pairs(fitting *f)
{
    int64_t most;
    const int64_t shown = f->first[f->folds];
    TRY(pairs_most(f->context, f->group, shown, f->groups, f->folds, f->seed, &most));
    f->kind_count = most / f->folds < FOLD_PAIRS ? most / f->folds : FOLD_PAIRS;
    const size_t both = (size_t)(2 * f->kind_count);
    f->pairs = memory_alloc(f->context, (size_t)f->folds, both * sizeof *f->pairs);
    f->scores = memory_alloc(f->context, both, sizeof *f->scores);
    f->same = memory_alloc(f->context, both, sizeof *f->same);
    if (!f->pairs || !f->scores || !f->same)
        return TACIT_NOMEM;
    TRY(pairs_draw(f->context, f->group, shown, f->groups, f->folds * f->kind_count, f->folds, f->seed,
                   f->pairs));
    for (int64_t i = 0; i < f->folds * 2 * f->kind_count; i++) {
        f->pairs[i].first -= f->first[f->pairs[i].fold];
        f->pairs[i].second -= f->first[f->pairs[i].fold];
    }
    return TACIT_OK;
}

/* ---- one fit ---- */

/* Sums of products about the means of the groups: rows in no fold have none. */
static tacit_status add_fold(const fitting *f, int32_t fold, double *sum)
{
    const matrix rows = {fold_rows(f, fold), f->columns, f->rows + f->first[fold] * f->columns};
    return scatter_add(f->work, rows, f->means, f->group + f->first[fold], sum);
}

static void set_mean(const fitting *f, int32_t without)
{
    int64_t count = 0;
    for (int32_t k = 0; k <= f->folds; k++)
        count += k == without ? 0 : fold_rows(f, k);
    for (int64_t j = 0; j < f->columns; j++) {
        double sum = 0;
        for (int32_t k = 0; k <= f->folds; k++)
            sum += k == without ? 0 : f->sums[k * f->columns + j];
        f->out->whitener.mean[j] = (float)(sum / (double)count);
    }
}

/* By the rows of all folds but one, whose sum is in `held`; NO_FOLD: by all. */
static tacit_status fit(const fitting *f, int32_t without, double shrinkage)
{
    const int64_t d = f->columns;
    int64_t freedom = 0;
    for (int32_t k = 0; k < f->folds; k++)
        freedom += k == without ? 0 : f->freedom[k];
    for (int64_t i = 0; i < d * d; i++)
        f->covariance[i] = (f->total[i] - (without == NO_FOLD ? 0 : f->held[i])) / (double)freedom;
    if (!(trace_of(f->covariance, d) > 0))
        return context_fail(
            f->context, TACIT_ARGUMENT,
            "fit: the examples of each group are all the same: nothing tells what varies in one");
    covariance_shrink(f->covariance, d, shrinkage);
    set_mean(f, without);
    if (!whitener_set(&f->out->whitener, f->covariance))
        return context_fail(f->context, TACIT_ARGUMENT, "fit: the covariance within groups has no inverse");
    return TACIT_OK;
}

/* ---- which shrinkage ---- */

/* Adds the equal error rate of a fold when the others are fitted. */
static tacit_status measure(const fitting *f, int32_t fold, double shrinkage, double *sum)
{
    ranking r;
    const int64_t both = 2 * f->kind_count;
    const matrix held = {fold_rows(f, fold), f->columns, f->rows + f->first[fold] * f->columns};
    const pair *pairs = f->pairs + fold * both;
    if (f->context->cancelled)
        return context_fail(f->context, TACIT_CANCELLED, "stopped on request");
    TRY(fit(f, fold, shrinkage));
    TRY(whitener_apply(&f->out->whitener, f->work, held, f->white));
    TRY(pairs_score(f->work, (matrix){held.rows, f->columns, f->white}, pairs, both, f->scores));
    for (int64_t i = 0; i < both; i++)
        f->same[i] = pairs[i].same == PAIR_SAME;
    TRY(ranking_create(&r, f->context, f->scores, f->same, both));
    *sum += ranking_eer(&r, NULL);
    ranking_fini(&r);
    return TACIT_OK;
}

static tacit_status choose(const fitting *f)
{
    double sum[SHRINKAGES] = {0};
    int best = 0;
    for (int32_t fold = 0; fold < f->folds; fold++) {
        memset(f->held, 0, sizeof *f->held * (size_t)(f->columns * f->columns));
        TRY(add_fold(f, fold, f->held));
        for (int s = 0; s < SHRINKAGES; s++)
            TRY(measure(f, fold, shrinkages[s], &sum[s]));
    }
    for (int s = 1; s < SHRINKAGES; s++)
        best = sum[s] <= sum[best] ? s : best;
    f->out->shrinkage = shrinkages[best];
    f->out->eer = sum[best] / f->folds;
    return TACIT_OK;
}

static tacit_status make_room(fitting *f)
{
    const size_t d = (size_t)f->columns;
    int64_t most = 0;
    for (int32_t k = 0; k < f->folds; k++)
        most = fold_rows(f, k) > most ? fold_rows(f, k) : most;
    f->total = memory_alloc(f->context, d, d * sizeof *f->total);
    f->held = memory_alloc(f->context, d, d * sizeof *f->held);
    f->covariance = memory_alloc(f->context, d, d * sizeof *f->covariance);
    f->white = memory_alloc(f->context, (size_t)most, d * sizeof *f->white);
    return f->total && f->held && f->covariance && f->white ? TACIT_OK : TACIT_NOMEM;
}

static tacit_status fit_all(fitting *f, matrix x, const int32_t *group)
{
    TRY(deal_groups(f, group));
    TRY(order_rows(f, x));
    TRY(draw_pairs(f));
    TRY(make_room(f));
    TRY(whitener_create(&f->out->whitener, f->context, f->columns));
    for (int32_t k = 0; k < f->folds; k++)
        TRY(add_fold(f, k, f->total));
    TRY(choose(f));
    return fit(f, NO_FOLD, f->out->shrinkage);
}

static void end(fitting *f)
{
    void *all[] = {f->fold, f->rows,       f->group, f->means, f->sums,   f->total,
                   f->held, f->covariance, f->white, f->pairs, f->scores, f->same};
    class_rows_fini(&f->members);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        memory_free(f->context, all[i]);
}

tacit_status within_fit(within *out, work *w, matrix x, const int32_t *group, int32_t groups, uint64_t seed)
{
    fitting f = {.work = w,
                 .context = w->context,
                 .out = out,
                 .seed = seed,
                 .count = x.rows,
                 .columns = x.columns,
                 .groups = groups};
    *out = (within){.shrinkage = 0};
    if (x.columns > WITHIN_COLUMNS)
        return context_fail(w->context, TACIT_LIMIT, "fit: rows of %" PRId64 " numbers: expected at most %d",
                            x.columns, (int)WITHIN_COLUMNS);
    const tacit_status status = fit_all(&f, x, group);
    end(&f);
    if (status != TACIT_OK)
        within_fini(out);
    return status;
}

void within_fini(within *f)
{
    whitener_fini(&f->whitener);
    *f = (within){.shrinkage = 0};
}

tacit_status within_apply(const within *f, work *w, matrix x, float *out)
{
    return whitener_apply(&f->whitener, w, x, out);
}
