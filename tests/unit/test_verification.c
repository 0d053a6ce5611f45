/* Pairs: lists from CSV with every error, draws without repetition whose folds share no label, folds of given
 * pairs, and the measures on cases by hand. */
#include "support.h"

#include "data/pair_list.h"
#include "use/verification.h"

enum { N = 60, LABELS = 12, SAME = 40, FOLDS = 4 };

static int32_t labels[N];

static void make_labels(void)
{
    for (int i = 0; i < N; i++)
        labels[i] = i % LABELS;
}

static bool is_same_pair(pair a, pair b)
{
    return (a.first == b.first && a.second == b.second) || (a.first == b.second && a.second == b.first);
}

static void drawn_pairs_keep_their_promises(void **state)
{
    (void)state;
    pair pairs[2 * SAME], again[2 * SAME];
    int same = 0, fold_of[LABELS];
    int64_t most;
    tacit_context *context = test_context();
    make_labels();
    assert_ok(context, pairs_draw(context, labels, N, LABELS, SAME, FOLDS, 3, pairs));
    assert_ok(context, pairs_draw(context, labels, N, LABELS, SAME, FOLDS, 3, again));
    for (int i = 0; i < LABELS; i++)
        fold_of[i] = -1;
    for (int i = 0; i < 2 * SAME; i++) {
        const int32_t a = labels[pairs[i].first], b = labels[pairs[i].second], f = pairs[i].fold;
        assert_true(is_same_pair(pairs[i], again[i]) && pairs[i].first != pairs[i].second);
        assert_int_equal(pairs[i].same, a == b);
        same += a == b;
        assert_true((fold_of[a] < 0 || fold_of[a] == f) && (fold_of[b] < 0 || fold_of[b] == f));
        fold_of[a] = fold_of[b] = f;
        for (int j = 0; j < i; j++)
            assert_false(is_same_pair(pairs[i], pairs[j]));
    }
    assert_int_equal(same, SAME);
    /* Three labels of five in each fold: 30 pairs of one label. */
    assert_ok(context, pairs_most(context, labels, N, LABELS, FOLDS, 3, &most));
    assert_int_equal(most, 120);
    assert_fails(context, pairs_most(context, labels, N, LABELS, 1, 3, &most), TACIT_ARGUMENT, "1 folds");
    context_begin(context);
    assert_fails(context, pairs_draw(context, labels, N, LABELS, 121, FOLDS, 3, pairs), TACIT_ARGUMENT,
                 "expected 4 to 120 of each");
    tacit_context_destroy(context);
}

static void folds_keep_linked_rows_together(void **state)
{
    (void)state;
    pair pairs[40], star[20];
    bool apart = false;
    tacit_context *context = test_context();
    for (int i = 0; i < 40; i++) /* 20 chains of three rows */
        pairs[i] = (pair){i / 2 * 3 + i % 2, i / 2 * 3 + i % 2 + 1, i % 2, 0};
    assert_ok(context, pairs_fold(context, pairs, 40, 60, FOLDS, 1, &apart));
    assert_true(apart);
    for (int i = 0; i < 40; i += 2)
        assert_int_equal(pairs[i].fold, pairs[i + 1].fold);
    for (int i = 0; i < 20; i++) /* all linked to row 0 */
        star[i] = (pair){0, i + 1, i < 8, 0};
    assert_ok(context, pairs_fold(context, star, 20, 21, FOLDS, 1, &apart));
    assert_false(apart);
    for (int f = 0; f < FOLDS; f++) {
        int count[2] = {0, 0};
        for (int i = 0; i < 20; i++)
            count[star[i].same] += star[i].fold == f;
        assert_true(count[0] == 3 && count[1] == 2);
    }
    tacit_context_destroy(context);
}

/* Fold 1 alone would choose 0.35 or so, which is wrong for a pair of fold 0. */
static void threshold_comes_from_the_other_folds(void **state)
{
    (void)state;
    const pair pairs[8] = {{0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 0}, {0, 1, 0, 0},
                           {0, 1, 1, 1}, {0, 1, 1, 1}, {0, 1, 0, 1}, {0, 1, 0, 1}};
    const double scores[8] = {0.9, 0.8, 0.5, 0.1, 0.7, 0.4, 0.3, 0.2};
    verification v;
    tacit_context *context = test_context();
    assert_ok(context, verification_measure(context, pairs, scores, 8, 2, &v));
    /* Fold 0 by 0.35: 3 of 4; fold 1 by 0.65: 3 of 4. */
    assert_near(v.accuracy, 0.75, 1e-15, 0);
    assert_near(v.deviation, 0, 1e-12, 0);
    assert_near(v.auroc, 15.0 / 16, 1e-15, 0);
    assert_near(v.threshold, 0.6, 1e-15, 0);
    assert_true(isnan(v.tar[0]) && isnan(v.tar[1]));
    assert_fails(context, verification_measure(context, pairs, scores, 8, 3, &v), TACIT_ARGUMENT,
                 "fold 3 of 3 has no pairs");
    context_begin(context);
    assert_fails(context, verification_measure(context, pairs, scores, 8, 1, &v), TACIT_ARGUMENT,
                 "8 pairs in 1 folds");
    tacit_context_destroy(context);
}

/* ---- lists ---- */

static tacit_status read_text(pair_list *l, tacit_context *context, const char *text)
{
    test_put(test_at("pairs.csv"), text, strlen(text));
    context_begin(context);
    return pair_list_read(l, context, test_at("pairs.csv"));
}

static void refuse(tacit_context *context, const char *text, tacit_status status, const char *message)
{
    pair_list l;
    assert_fails(context, read_text(&l, context, text), status, message);
    pair_list_free(&l);
}

static void lists_are_read_and_refused(void **state)
{
    (void)state;
    pair_list l;
    tacit_context *context = test_context();
    test_folder("pairs");
    test_put(test_at("a"), "x", 1);
    test_put(test_at("b,\"c"), "x", 1);
    assert_ok(context, read_text(&l, context, "one,two,same\r\na,\"b,\"\"c\",1\r\n\r\na,a,0"));
    assert_int_equal(l.count, 2);
    assert_int_equal(l.path_count, 2);
    assert_true(l.pairs[0].first == 0 && l.pairs[0].second == 1 && l.pairs[0].same == 1);
    assert_true(l.pairs[1].first == 0 && l.pairs[1].second == 0 && l.pairs[1].same == 0);
    pair_list_free(&l);
    assert_ok(context, read_text(&l, context, "a,a\n"));
    assert_int_equal(l.pairs[0].same, -1);
    pair_list_free(&l);
    refuse(context, "a,a,1\na,none,0\n", TACIT_IO, "pairs.csv:2: ");
    refuse(context, "a,a,1\na,a,2\n", TACIT_FORMAT, "pairs.csv:2: the third field is neither 0 nor 1");
    refuse(context, "a,a,1\na,a\n", TACIT_FORMAT, "pairs.csv:2: same or different is said for some");
    refuse(context, "a\n", TACIT_FORMAT, "pairs.csv:1: a path is missing");
    refuse(context, "a,,1\n", TACIT_FORMAT, "pairs.csv:1: a path is missing");
    refuse(context, "a,a,1,2\n", TACIT_FORMAT, "pairs.csv:1: more than three fields");
    refuse(context, "a,\"a\n", TACIT_FORMAT, "pairs.csv:1: a quote without its end");
    refuse(context, "a,\"a\"b,1\n", TACIT_FORMAT, "pairs.csv:1: text behind a field");
    refuse(context, "", TACIT_FORMAT, "there are no pairs");
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_pairs_keep_their_promises),
        cmocka_unit_test(folds_keep_linked_rows_together),
        cmocka_unit_test(threshold_comes_from_the_other_folds),
        cmocka_unit_test(lists_are_read_and_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
