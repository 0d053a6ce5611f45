/* AUROC, average precision, equal error rate and acceptance at a false rate, on cases worked by hand and by
 * brute force over pairs. */
#include "support.h"

#include "base/philox.h"
#include "use/ranking.h"

static void one_case_by_hand(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    /* Falling: 9+ | 7- 7+ | 5+ | 4- | 2- 2- 2+. */
    const double scores[8] = {2, 7, 9, 2, 4, 7, 5, 2};
    const bool positive[8] = {true, false, true, false, false, true, true, false};
    ranking r;
    double threshold;
    assert_ok(context, ranking_create(&r, context, scores, positive, 8));
    assert_int_equal(r.points, 6);
    /* Pairs won: 9 all 4; 7: 3.5; 5: 3; 2: two ties, 1; of 16. */
    assert_near(ranking_auroc(&r), 11.5 / 16, 1e-15, 0);
    /* Recall steps of 1/4 at precisions 1/1, 2/3, 3/4, 4/8. */
    assert_near(ranking_average_precision(&r), (1 + 2.0 / 3 + 3.0 / 4 + 0.5) / 4, 1e-15, 0);
    /* Refused and accepted: 3/4 0, 1/2 1/4, 1/4 1/4. */
    assert_near(ranking_eer(&r, &threshold), 0.25, 1e-15, 0);
    assert_true(threshold == 5);
    assert_near(ranking_rate_at(&r, 0.25, &threshold), 0.75, 1e-15, 0);
    assert_true(threshold == 5);
    assert_near(ranking_rate_at(&r, 0.24, &threshold), 0.25, 1e-15, 0);
    assert_true(threshold == 9);
    assert_near(ranking_rate_at(&r, 1, NULL), 1, 0, 0);
    ranking_fini(&r);
    tacit_context_destroy(context);
}

static void extremes(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const double up[4] = {1, 2, 3, 4}, same[4] = {5, 5, 5, 5};
    const bool positive[4] = {false, false, true, true}, negative[4] = {true, true, false, false};
    ranking r;
    double threshold;
    assert_ok(context, ranking_create(&r, context, up, positive, 4));
    assert_true(ranking_auroc(&r) == 1 && ranking_average_precision(&r) == 1 && ranking_eer(&r, NULL) == 0);
    assert_true(ranking_rate_at(&r, 0, &threshold) == 1 && threshold == 3);
    ranking_fini(&r);
    assert_ok(context, ranking_create(&r, context, up, negative, 4));
    assert_true(ranking_auroc(&r) == 0 && ranking_eer(&r, NULL) == 1);
    assert_true(ranking_rate_at(&r, 0, &threshold) == 0 && isinf(threshold));
    ranking_fini(&r);
    assert_ok(context, ranking_create(&r, context, same, positive, 4));
    assert_true(ranking_auroc(&r) == 0.5 && ranking_average_precision(&r) == 0.5);
    assert_true(ranking_eer(&r, NULL) == 0.5);
    ranking_fini(&r);
    tacit_context_destroy(context);
}

/* Whole scores, so many ties: the area is the share of pairs won, whatever the order of the examples. */
static void area_is_the_share_of_pairs(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    tacit_context *context = test_context();
    draws d = draws_at(8, DRAW_TEST, 0, 0, 0);
    double scores[COUNT], turned[COUNT], won = 0, pairs = 0;
    bool positive[COUNT], turned_positive[COUNT];
    for (int i = 0; i < COUNT; i++) {
        positive[i] = turned_positive[COUNT - 1 - i] = draw_below(&d, 3) == 0;
        scores[i] = turned[COUNT - 1 - i] = (double)draw_below(&d, 12) + (positive[i] ? 2 : 0);
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            if (positive[i] && !positive[j]) {
                won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
                pairs++;
            }
    ranking r, other;
    assert_ok(context, ranking_create(&r, context, scores, positive, COUNT));
    assert_ok(context, ranking_create(&other, context, turned, turned_positive, COUNT));
    assert_near(ranking_auroc(&r), won / pairs, 1e-14, 0);
    assert_true(ranking_auroc(&r) > 0.5 && ranking_auroc(&r) == ranking_auroc(&other));
    assert_true(ranking_average_precision(&r) == ranking_average_precision(&other));
    assert_true(ranking_eer(&r, NULL) == ranking_eer(&other, NULL));
    ranking_fini(&r);
    ranking_fini(&other);
    tacit_context_destroy(context);
}

static void wrong_scores_are_refused(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const double scores[3] = {1, (double)NAN, 2}, fine[3] = {1, 2, 3};
    const bool positive[3] = {true, false, true}, all[3] = {true, true, true};
    ranking r;
    assert_fails(context, ranking_create(&r, context, scores, positive, 3), TACIT_NONFINITE,
                 "scores: number 1 is not finite");
    ranking_fini(&r);
    context_begin(context);
    assert_fails(context, ranking_create(&r, context, fine, all, 3), TACIT_ARGUMENT,
                 "3 positive and 0 negative examples, expected some of each");
    context_begin(context);
    assert_fails(context, ranking_create(&r, context, fine, all, 0), TACIT_ARGUMENT, "0 positive");
    tacit_context_destroy(context);
}

static tacit_status rank(tacit_context *context, void *user)
{
    const double scores[3] = {1, 2, 3};
    const bool positive[3] = {true, false, true};
    ranking r;
    (void)user;
    const tacit_status status = ranking_create(&r, context, scores, positive, 3);
    ranking_fini(&r);
    return status;
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    assert_int_equal(test_each_failed_allocation(rank, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_case_by_hand),           cmocka_unit_test(extremes),
        cmocka_unit_test(area_is_the_share_of_pairs), cmocka_unit_test(wrong_scores_are_refused),
        cmocka_unit_test(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
