/* A metric learnt within groups: against the same in double, on rows where one direction is noise within
 * groups; W C W^T = 1; what is left out, which shrinkage wins, every refusal, and failing allocations. */
#include "support.h"

#include "base/philox.h"
#include "use/ranking.h"
#include "use/verification.h"
#include "use/within.h"

enum {
    D = 8,
    GROUPS = 41, /* of which number 3 has no rows */
    EACH = 6,
    ALONE = 4, /* the last groups have one row */
    USED = GROUPS - 1 - ALONE,
    ROWS = USED * EACH + ALONE,
    NEW_GROUPS = 30,
    NEW_EACH = 4,
    NEW = NEW_GROUPS * NEW_EACH,
    NEW_PAIRS = NEW * (NEW - 1) / 2
};

static const double shrinkages[] = {0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 1};
enum { SHRINKAGES = sizeof shrinkages / sizeof *shrinkages };

static float rows[ROWS * D], new_rows[NEW * D];
static int32_t group[ROWS], new_group[NEW];
static const matrix known = {ROWS, D, rows}, unseen = {NEW, D, new_rows};

/* The centre of a group is in the first columns, about which rows spread; the last is noise; none is about 0.
 */
static void make_row(float *row, int32_t of, float spread, draws *d)
{
    draws centre = draws_at(5, DRAW_TEST, 1, (uint64_t)of, 0);
    for (int j = 0; j < D; j++)
        row[j] = j < D - 1 ? 2 + draw_normal(&centre) + spread * draw_normal(d) : 1 + 10 * draw_normal(d);
}

/* Groups go round, so that none is in one piece. */
static void make_data(float spread)
{
    draws d = draws_at(5, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        const int32_t of = i < USED * EACH ? i % USED : i - USED * EACH + USED;
        group[i] = of < 3 ? of : of + 1;
        make_row(rows + i * D, group[i], spread, &d);
    }
    for (int i = 0; i < NEW; i++) {
        new_group[i] = i / NEW_EACH;
        make_row(new_rows + i * D, 1000 + new_group[i], spread, &d);
    }
}

static work *make_work(tacit_context *context)
{
    work *w;
    assert_ok(context, tacit_context_set_threads(context, 2));
    assert_ok(context, work_create(&w, context));
    return w;
}

/* ---- the same in double ---- */

/* Of the rows whose group is not in the fold `without`; fold NULL: of all. */
typedef struct reference {
    double mean[D], covariance[D * D], factor[D * D];
} reference;

/* Of the rows of one group with `of` >= 0. */
static void direct_mean(const int32_t *fold, int32_t without, int32_t of, double *mean)
{
    int count = 0;
    memset(mean, 0, sizeof(double) * D);
    for (int i = 0; i < ROWS; i++) {
        if ((fold && fold[group[i]] == without) || (of >= 0 && group[i] != of))
            continue;
        for (int j = 0; j < D; j++)
            mean[j] += (double)rows[i * D + j];
        count++;
    }
    for (int j = 0; j < D; j++)
        mean[j] /= count;
}

static void direct_covariance(reference *r, const int32_t *fold, int32_t without, double shrinkage)
{
    int count = 0, used = 0;
    double trace = 0;
    memset(r->covariance, 0, sizeof r->covariance);
    for (int32_t g = 0; g < GROUPS - ALONE; g++) {
        double mean[D];
        if (g == 3 || (fold && fold[g] == without))
            continue;
        direct_mean(NULL, 0, g, mean);
        used++;
        for (int i = 0; i < ROWS; i++) {
            count += group[i] == g;
            for (int k = 0; group[i] == g && k < D * D; k++)
                r->covariance[k] +=
                    ((double)rows[i * D + k / D] - mean[k / D]) * ((double)rows[i * D + k % D] - mean[k % D]);
        }
    }
    for (int k = 0; k < D * D; k++)
        r->covariance[k] /= count - used;
    for (int j = 0; j < D; j++)
        trace += r->covariance[j * D + j];
    for (int k = 0; k < D * D; k++)
        r->covariance[k] = (1 - shrinkage) * r->covariance[k] + (k / D == k % D ? shrinkage * trace / D : 0);
}

/* Cholesky and Banachiewicz, row by row. */
static void direct_factor(reference *r)
{
    memset(r->factor, 0, sizeof r->factor);
    for (int i = 0; i < D; i++)
        for (int j = 0; j <= i; j++) {
            double sum = r->covariance[i * D + j];
            for (int k = 0; k < j; k++)
                sum -= r->factor[i * D + k] * r->factor[j * D + k];
            r->factor[i * D + j] = i == j ? sqrt(sum) : sum / r->factor[j * D + j];
        }
}

static void direct_fit(reference *r, const int32_t *fold, int32_t without, double shrinkage)
{
    direct_mean(fold, without, -1, r->mean);
    direct_covariance(r, fold, without, shrinkage);
    direct_factor(r);
}

static void direct_apply(const reference *r, const float *x, double *out)
{
    for (int i = 0; i < D; i++) {
        out[i] = (double)x[i] - r->mean[i];
        for (int k = 0; k < i; k++)
            out[i] -= r->factor[i * D + k] * out[k];
        out[i] /= r->factor[i * D + i];
    }
}

static double direct_cosine(const reference *r, const float *x, const float *y)
{
    double a[D], b[D], ab = 0, aa = 0, bb = 0;
    direct_apply(r, x, a);
    direct_apply(r, y, b);
    for (int j = 0; j < D; j++) {
        ab += a[j] * b[j];
        aa += a[j] * a[j];
        bb += b[j] * b[j];
    }
    return ab / sqrt(aa * bb);
}

static double direct_eer(tacit_context *context, const pair *pairs, const double *scores, int64_t count)
{
    ranking r;
    bool *same = test_malloc((size_t)count * sizeof *same);
    for (int64_t i = 0; i < count; i++)
        same[i] = pairs[i].same == PAIR_SAME;
    assert_ok(context, ranking_create(&r, context, scores, same, count));
    const double eer = ranking_eer(&r, NULL);
    ranking_fini(&r);
    test_free(same);
    return eer;
}

/* ---- the fit ---- */

static pair new_pairs[NEW_PAIRS];

static void make_pairs(void)
{
    int count = 0;
    for (int i = 0; i < NEW; i++)
        for (int j = 0; j < i; j++)
            new_pairs[count++] = (pair){i, j, new_group[i] == new_group[j], 0};
}

static void noise_within_groups_is_left_unheard(void **state)
{
    (void)state;
    static double before[NEW_PAIRS], after[NEW_PAIRS], direct[NEW_PAIRS];
    static float white[NEW * D];
    tacit_context *context = test_context();
    work *w = make_work(context);
    within f;
    reference r;
    make_data(0.1f);
    make_pairs();
    assert_ok(context, within_fit(&f, w, known, group, GROUPS, 1));
    direct_fit(&r, NULL, 0, f.shrinkage);
    assert_ok(context, within_apply(&f, w, unseen, white));
    for (int i = 0; i < NEW; i++) {
        double wanted[D];
        direct_apply(&r, new_rows + i * D, wanted);
        for (int j = 0; j < D; j++)
            assert_near((double)white[i * D + j], wanted[j], 1e-4, 1e-4);
    }
    assert_ok(context, pairs_score(w, unseen, new_pairs, NEW_PAIRS, before));
    assert_ok(context, pairs_score(w, (matrix){NEW, D, white}, new_pairs, NEW_PAIRS, after));
    for (int i = 0; i < NEW_PAIRS; i++)
        direct[i] = direct_cosine(&r, new_rows + new_pairs[i].first * D, new_rows + new_pairs[i].second * D);
    assert_true(direct_eer(context, new_pairs, before, NEW_PAIRS) > 0.35);
    assert_true(direct_eer(context, new_pairs, after, NEW_PAIRS) < 0.01);
    assert_near(direct_eer(context, new_pairs, after, NEW_PAIRS),
                direct_eer(context, new_pairs, direct, NEW_PAIRS), 1e-4, 0);
    within_fini(&f);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void covariance_becomes_one(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context);
    within f;
    reference r;
    make_data(0.1f);
    assert_ok(context, within_fit(&f, w, known, group, GROUPS, 1));
    assert_int_equal(f.groups, USED);
    assert_int_equal(f.left_out, ALONE);
    assert_int_equal(f.folds, 5);
    direct_fit(&r, NULL, 0, f.shrinkage);
    for (int j = 0; j < D; j++)
        assert_near((double)f.whitener.mean[j], r.mean[j], 1e-5, 1e-5);
    for (int a = 0; a < D; a++)
        for (int b = 0; b < D; b++) {
            double sum = 0;
            for (int i = 0; i < D; i++)
                for (int j = 0; j < D; j++)
                    sum += (double)f.whitener.factor[a * D + i] * r.covariance[i * D + j] *
                           (double)f.whitener.factor[b * D + j];
            assert_near(sum, a == b, 1e-4, 0);
        }
    within_fini(&f);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* ---- which shrinkage ---- */

/* Rows by fold, and in a fold by group: what pairs are drawn from. Returns how many. */
static int order_rows(const int32_t *fold, int64_t *order, int32_t *label)
{
    int count = 0;
    for (int32_t f = 0; f < 5; f++)
        for (int32_t g = 0; g < GROUPS; g++)
            for (int i = 0; i < ROWS; i++)
                if (group[i] == g && fold[g] == f) {
                    order[count] = i;
                    label[count++] = g;
                }
    return count;
}

static double mean_eer(tacit_context *context, const int32_t *fold, const int64_t *order, const pair *pairs,
                       int64_t each, double shrinkage)
{
    double sum = 0, *scores = test_malloc((size_t)each * sizeof *scores);
    for (int32_t f = 0; f < 5; f++) {
        reference r;
        direct_fit(&r, fold, f, shrinkage);
        for (int64_t i = 0; i < each; i++) {
            const pair *p = &pairs[f * each + i];
            assert_int_equal(fold[group[order[p->first]]], f);
            scores[i] = direct_cosine(&r, rows + order[p->first] * D, rows + order[p->second] * D);
        }
        sum += direct_eer(context, pairs + f * each, scores, each);
    }
    test_free(scores);
    return sum / 5;
}

/* Wide groups: whether a fold is fitted too makes a difference. */
static void shrinkage_is_chosen_on_other_groups(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context);
    within f;
    class_rows members;
    int32_t fold[GROUPS], label[ROWS];
    int64_t order[ROWS], most;
    double least = 2, best = 0;
    make_data(0.8f);
    assert_ok(context, within_fit(&f, w, known, group, GROUPS, 7));
    assert_ok(context, class_rows_create(&members, context, group, ROWS, GROUPS));
    labels_deal(&members, 2, 5, 7, fold);
    class_rows_fini(&members);
    const int shown = order_rows(fold, order, label);
    assert_int_equal(shown, USED * EACH);
    assert_ok(context, pairs_most(context, label, shown, GROUPS, 5, 7, &most));
    pair *pairs = test_malloc((size_t)(2 * most) * sizeof *pairs);
    assert_ok(context, pairs_draw(context, label, shown, GROUPS, most, 5, 7, pairs));
    for (int s = 0; s < SHRINKAGES; s++) {
        const double eer = mean_eer(context, fold, order, pairs, 2 * most / 5, shrinkages[s]);
        best = eer <= least ? shrinkages[s] : best;
        least = eer <= least ? eer : least;
    }
    assert_true(f.shrinkage == best);
    assert_near(f.eer, least, 1e-4, 0);
    test_free(pairs);
    within_fini(&f);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Where all are told without fault the metric stays as near to the plain cosine as it can. */
static void the_largest_of_equals_wins(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context);
    draws d = draws_at(8, DRAW_TEST, 0, 0, 0);
    float x[5 * 2 * 4] = {0};
    int32_t of[5 * 2];
    within f;
    for (int i = 0; i < 10; i++) {
        of[i] = i / 2;
        for (int j = 0; j < 4; j++)
            x[i * 4 + j] = (j == of[i] ? 10.0f : 0.0f) + 0.01f * draw_normal(&d);
    }
    assert_ok(context, within_fit(&f, w, (matrix){10, 4, x}, of, 5, 1));
    assert_int_equal(f.folds, 2);
    assert_true(f.shrinkage == 1.0 && f.eer == 0.0);
    within_fini(&f);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* ---- refusals ---- */

static void refuse(work *w, matrix x, const int32_t *of, int32_t groups, tacit_status status,
                   const char *message)
{
    within f;
    context_begin(w->context);
    assert_fails(w->context, within_fit(&f, w, x, of, groups, 1), status, message);
    assert_null(f.whitener.mean);
    assert_null(f.whitener.factor);
    within_fini(&f);
}

static void refusals(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    work *w = make_work(context);
    float x[8 * 2];
    const int32_t three[8] = {0, 0, 1, 1, 2, 2, 3, 4}, four[8] = {0, 0, 1, 1, 2, 2, 3, 3};
    const matrix small = {8, 2, x};
    for (int i = 0; i < 16; i++)
        x[i] = (float)(four[i / 2] + i % 2);
    refuse(w, (matrix){1, WITHIN_COLUMNS + 1, x}, four, 4, TACIT_LIMIT,
           "fit: rows of 8193 numbers: expected at most 8192");
    refuse(w, small, three, 5, TACIT_ARGUMENT, "fit: 3 groups of two examples or more: expected at least 4");
    refuse(w, small, four, 4, TACIT_ARGUMENT, "fit: the examples of each group are all the same");
    refuse(w, small, four, 3, TACIT_ARGUMENT, "labels: row 6 has label 3, outside 0 to 2");
    refuse(w, small, four, 0, TACIT_ARGUMENT, "labels: 0 classes");
    x[11] = (float)INFINITY;
    refuse(w, small, four, 4, TACIT_NONFINITE, "fit: row 5 holds a number that is not finite");
    x[11] = 0;
    context_begin(context);
    context->cancelled = 1;
    within f;
    assert_fails(context, within_fit(&f, w, small, four, 4, 1), TACIT_CANCELLED, "stopped on request");
    context->cancelled = 0;
    work_destroy(w);
    tacit_context_destroy(context);
}

static tacit_status fit_and_apply(tacit_context *context, void *user)
{
    within f;
    work *w;
    (void)user;
    TRY(tacit_context_set_threads(context, 1));
    TRY(work_create(&w, context));
    float *white = memory_alloc(context, NEW * D, sizeof *white);
    tacit_status status = white ? within_fit(&f, w, known, group, GROUPS, 1) : TACIT_NOMEM;
    if (status == TACIT_OK) {
        status = within_apply(&f, w, unseen, white);
        within_fini(&f);
    }
    memory_free(context, white);
    work_destroy(w);
    return status;
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    make_data(0.1f);
    assert_true(test_each_failed_allocation(fit_and_apply, NULL) >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_within_groups_is_left_unheard),
        cmocka_unit_test(covariance_becomes_one),
        cmocka_unit_test(shrinkage_is_chosen_on_other_groups),
        cmocka_unit_test(the_largest_of_equals_wins),
        cmocka_unit_test(refusals),
        cmocka_unit_test(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
