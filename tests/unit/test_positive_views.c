/* Positives from groups: the second view is of another member, each as often as any other, and no view is
 * given twice. */
#include "support.h"

#include "data/augment/positive_views.h"

enum { EXAMPLES = 9, EPOCHS = 3000 };

/* Example 3 is alone. */
static const int32_t groups[EXAMPLES] = {0, 1, 0, 2, 1, 0, 3, 3, 0};

/* Tells what it was asked for. */
static tacit_status told(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view,
                         scratch *s, void *out)
{
    (void)v, (void)seed, (void)epoch, (void)s;
    ((float *)out)[0] = (float)example;
    ((float *)out)[1] = (float)view;
    return TACIT_OK;
}

static tacit_status told_plain(const views *v, int64_t example, scratch *s, void *out)
{
    return told(v, 0, 0, example, 77, s, out);
}

static void destroy_nothing(views *v)
{
    (void)v;
}

static views inner = {
    .dtype = DTYPE_F32, .shape = {1, {2}}, .random = told, .plain = told_plain, .destroy = destroy_nothing};

static views *create(tacit_context *context, bool both)
{
    views *v;
    const positive_options o = {groups, EXAMPLES, 4, both};
    assert_ok(context, positive_views_create(&v, context, &inner, &o));
    assert_int_equal(positives_alone(v), 1);
    return v;
}

static int64_t ask(const views *v, uint32_t epoch, int64_t example, uint32_t view, uint32_t *number)
{
    float out[2];
    assert_int_equal(v->random(v, 11, epoch, example, view, NULL, out), TACIT_OK);
    if (number)
        *number = (uint32_t)out[1];
    return (int64_t)out[0];
}

static void test_the_second_view_is_of_another_member(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    views *v = create(context, false);
    int64_t seen[EXAMPLES][EXAMPLES] = {{0}};
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++)
        for (int64_t i = 0; i < EXAMPLES; i++) {
            assert_int_equal(ask(v, epoch, i, 0, NULL), i);
            const int64_t partner = ask(v, epoch, i, 1, NULL);
            assert_int_equal(ask(v, epoch, i, 1, NULL), partner);
            seen[i][partner]++;
        }
    for (int64_t i = 0; i < EXAMPLES; i++)
        for (int64_t j = 0; j < EXAMPLES; j++) {
            int64_t others = -1;
            for (int64_t k = 0; k < EXAMPLES; k++)
                others += groups[k] == groups[i];
            const bool wanted = others ? groups[i] == groups[j] && i != j : i == j;
            const double want = wanted ? (double)EPOCHS / (double)(others ? others : 1) : 0;
            /* Six deviations of a count of 3000 draws with probability 1/3. */
            if (!(fabs((double)seen[i][j] - want) <= (wanted && others > 1 ? 155 : 0)))
                fail_msg("%d drew %d %d times, expected %g", (int)i, (int)j, (int)seen[i][j], want);
        }
    v->destroy(v);
    tacit_context_destroy(context);
}

/* 0, 2, 5 and 8 draw each other; where two draw the same one, they get different views of it, and none is
 * that which it gives itself. */
static void test_no_view_is_given_twice(void **state)
{
    (void)state;
    static const int64_t members[] = {0, 2, 5, 8};
    tacit_context *context = test_context();
    views *v = create(context, false);
    int met = 0;
    for (uint32_t epoch = 0; epoch < 50; epoch++)
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < a; b++) {
                uint32_t one, two;
                const int64_t of_a = ask(v, epoch, members[a], 1, &one);
                const int64_t of_b = ask(v, epoch, members[b], 1, &two);
                assert_true(one > 1 && two > 1 && one % 2 == 1);
                assert_true(of_a != of_b || one != two);
                met += of_a == of_b;
            }
    assert_true(met > 20);
    v->destroy(v);
    tacit_context_destroy(context);
}

static void test_both_is_a_fair_coin(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    views *v = create(context, true);
    int own = 0;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++)
        own += ask(v, epoch, 0, 1, NULL) == 0;
    if (!(abs(own - EPOCHS / 2) <= 165)) /* six deviations */
        fail_msg("of %d pairs %d are of one example", (int)EPOCHS, own);
    v->destroy(v);
    tacit_context_destroy(context);
}

static void test_plain_views_are_those_of_the_example(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    views *v = create(context, false);
    float out[2];
    assert_int_equal(v->plain(v, 4, NULL, out), TACIT_OK);
    assert_true(out[0] == 4 && out[1] == 77);
    v->destroy(v);
    tacit_context_destroy(context);
}

static void test_groups_of_one_are_refused(void **state)
{
    (void)state;
    static const int32_t alone[] = {0, 1, 2};
    const positive_options o = {alone, 3, 3, false};
    tacit_context *context = test_context();
    views *v;
    assert_int_equal(positive_views_create(&v, context, &inner, &o), TACIT_ARGUMENT);
    assert_non_null(strstr(tacit_context_message(context), "each of the 3 examples is alone"));
    tacit_context_destroy(context);
}

static tacit_status create_again(tacit_context *context, void *user)
{
    (void)user;
    views *v;
    const positive_options o = {groups, EXAMPLES, 4, false};
    TRY(positive_views_create(&v, context, &inner, &o));
    v->destroy(v);
    return TACIT_OK;
}

static void test_without_memory(void **state)
{
    (void)state;
    assert_true(test_each_failed_allocation(create_again, NULL) == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_second_view_is_of_another_member),
        cmocka_unit_test(test_no_view_is_given_twice),
        cmocka_unit_test(test_both_is_a_fair_coin),
        cmocka_unit_test(test_plain_views_are_those_of_the_example),
        cmocka_unit_test(test_groups_of_one_are_refused),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
