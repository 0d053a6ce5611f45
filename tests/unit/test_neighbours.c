/* k nearest neighbours against brute force in double, at and around the borders of the tiles. */
#include "support.h"

#include "base/philox.h"
#include "use/neighbours.h"

enum { BORDER = 1024 }; /* keys in a tile */

typedef struct fixture {
    tacit_context *context;
    work *work;
} fixture;

static fixture begin(void)
{
    fixture f = {.context = test_context()};
    assert_ok(f.context, tacit_context_set_threads(f.context, 2));
    assert_ok(f.context, work_create(&f.work, f.context));
    return f;
}

static void end(fixture *f)
{
    work_destroy(f->work);
    tacit_context_destroy(f->context);
}

static float *random_rows(int64_t rows, int64_t columns, uint64_t example)
{
    float *data = test_malloc(sizeof *data * (size_t)(rows * columns + 1));
    draws d = draws_at(5, DRAW_TEST, 0, example, 0);
    for (int64_t i = 0; i < rows * columns; i++)
        data[i] = draw_normal(&d);
    return data;
}

static double cosine(const float *a, const float *b, int64_t columns)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t j = 0; j < columns; j++) {
        ab += (double)a[j] * (double)b[j];
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Every claim of one query's row: right similarities, right order, nobody nearer was left out, no row twice.
 */
static void check_row(const float *query, matrix keys, int k, const int32_t *rows, const float *similarity)
{
    bool *listed = test_calloc((size_t)keys.rows, sizeof *listed);
    for (int i = 0; i < k; i++) {
        assert_in_range(rows[i], 0, keys.rows - 1);
        assert_false(listed[rows[i]]);
        listed[rows[i]] = true;
        assert_near((double)similarity[i], cosine(query, keys.data + rows[i] * keys.columns, keys.columns),
                    2e-6, 0);
        if (i > 0)
            assert_true(similarity[i] < similarity[i - 1] ||
                        (similarity[i] == similarity[i - 1] && rows[i] > rows[i - 1]));
    }
    for (int64_t r = 0; r < keys.rows; r++)
        if (!listed[r])
            assert_true(cosine(query, keys.data + r * keys.columns, keys.columns) <=
                        (double)similarity[k - 1] + 2e-6);
    test_free(listed);
}

static void check_case(int64_t queries, int64_t keys, int64_t columns, int k)
{
    fixture f = begin();
    float *q = random_rows(queries, columns, 1), *n = random_rows(keys, columns, 2);
    int32_t *rows = test_malloc(sizeof *rows * (size_t)(queries * k));
    float *similarity = test_malloc(sizeof *similarity * (size_t)(queries * k));
    const matrix m = {keys, columns, n};
    assert_ok(f.context, neighbours_find(f.work, (matrix){queries, columns, q}, m, k, rows, similarity));
    for (int64_t i = 0; i < queries; i++)
        check_row(q + i * columns, m, k, rows + i * k, similarity + i * k);
    test_free(q), test_free(n), test_free(rows), test_free(similarity);
    end(&f);
}

static void find_agrees_with_brute_force(void **state)
{
    (void)state;
    const int64_t keys[] = {1, 2, 63, 64, 65, BORDER - 1, BORDER, BORDER + 1, 2 * BORDER, 2 * BORDER + 65};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        check_case(3, keys[i], 7, keys[i] < 10 ? 1 : 10);
    check_case(255, 300, 33, 5);
    check_case(256, 300, 33, 5);
    check_case(257, 300, 1, 5);
    check_case(1, BORDER + 500, 64, 200);
}

static void all_keys_can_be_asked_for(void **state)
{
    (void)state;
    check_case(2, 1, 5, 1);
    check_case(2, 100, 5, 100);
    check_case(2, BORDER + 3, 5, BORDER + 3);
}

static void no_query_is_no_error(void **state)
{
    (void)state;
    fixture f = begin();
    const float key[2] = {1, 0};
    assert_ok(f.context, neighbours_find(f.work, (matrix){0, 2, key}, (matrix){1, 2, key}, 1, NULL, NULL));
    end(&f);
}

/* The same vector, at several lengths that are powers of two, in every tile: the smaller row is the nearer
 * one. */
static void equal_keys_come_in_rising_rows(void **state)
{
    (void)state;
    fixture f = begin();
    const int64_t count = 2 * BORDER + 200, columns = 19;
    const int32_t twins[] = {3, 4, 70, 1000, BORDER, BORDER + 511, 2 * BORDER + 1, 2 * BORDER + 199};
    enum { TWINS = 8 };
    float *keys = random_rows(count, columns, 3);
    for (int i = 0; i < TWINS; i++)
        for (int64_t j = 0; j < columns; j++)
            keys[twins[i] * columns + j] = (i % 2 ? 4.0f : 0.5f) * (float)(j - 7);
    float query[19];
    for (int64_t j = 0; j < columns; j++)
        query[j] = (float)(j - 7) + 0.1f;
    int32_t rows[TWINS];
    float similarity[TWINS];
    for (int k = 1; k <= TWINS; k++) {
        assert_ok(f.context, neighbours_find(f.work, (matrix){1, columns, query},
                                             (matrix){count, columns, keys}, k, rows, similarity));
        for (int i = 0; i < k; i++) {
            assert_int_equal(rows[i], twins[i]);
            assert_true(similarity[i] == similarity[0]);
        }
    }
    test_free(keys);
    end(&f);
}

static void rows_of_zeros_have_similarity_zero(void **state)
{
    (void)state;
    fixture f = begin();
    const float keys[] = {-1, 0, 0, 0, 2, 0, 0, 0}, queries[] = {3, 0, 0, 0};
    int32_t rows[8];
    float similarity[8];
    assert_ok(f.context,
              neighbours_find(f.work, (matrix){2, 2, queries}, (matrix){4, 2, keys}, 4, rows, similarity));
    const int32_t expected_rows[] = {2, 1, 3, 0, 0, 1, 2, 3};
    const float expected[] = {1, 0, 0, -1, 0, 0, 0, 0};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(rows[i], expected_rows[i]);
        assert_true(similarity[i] == expected[i]);
    }
    end(&f);
}

static void length_does_not_matter(void **state)
{
    (void)state;
    fixture f = begin();
    const float keys[] = {3e38f, 3e38f, 1e-42f, 1e-42f, 1, 0}, query[] = {2e-40f, 2e-40f};
    int32_t rows[3];
    float similarity[3];
    assert_ok(f.context,
              neighbours_find(f.work, (matrix){1, 2, query}, (matrix){3, 2, keys}, 3, rows, similarity));
    assert_int_equal(rows[2], 2);
    assert_near((double)similarity[0], 1, 1e-6, 0);
    assert_near((double)similarity[1], 1, 1e-6, 0);
    assert_near((double)similarity[2], sqrt(0.5), 1e-6, 0);
    end(&f);
}

static void wrong_arguments_are_named(void **state)
{
    (void)state;
    fixture f = begin();
    float keys[] = {1, 2, 3, 4, 5, 6}, query[] = {1, 2};
    int32_t rows[4];
    float similarity[4];
    const matrix q = {1, 2, query}, n = {3, 2, keys};
    assert_fails(f.context, neighbours_find(f.work, q, n, 0, rows, similarity), TACIT_ARGUMENT, "k is 0");
    context_begin(f.context);
    assert_fails(f.context, neighbours_find(f.work, q, n, 4, rows, similarity), TACIT_ARGUMENT, "3 keys");
    context_begin(f.context);
    assert_fails(f.context, neighbours_find(f.work, q, (matrix){2, 3, keys}, 1, rows, similarity),
                 TACIT_SHAPE, "keys of 3");
    context_begin(f.context);
    keys[3] = NAN;
    assert_fails(f.context, neighbours_find(f.work, q, n, 1, rows, similarity), TACIT_NONFINITE,
                 "keys: row 1");
    context_begin(f.context);
    keys[3] = 4;
    query[0] = -INFINITY;
    assert_fails(f.context, neighbours_find(f.work, q, n, 1, rows, similarity), TACIT_NONFINITE,
                 "queries: row 0");
    end(&f);
}

/* Angles whose cosines are known: one near key of class 1 against two farther ones of class 0. */
static void near_neighbours_weigh_more(void **state)
{
    (void)state;
    fixture f = begin();
    const float keys[] = {1, 0, 0.9f, 0.43588989f, 0.9f, -0.43588989f}, query[] = {1, 0};
    const int32_t labels[] = {1, 0, 0};
    const matrix q = {1, 2, query}, n = {3, 2, keys};
    int32_t predicted = -1;
    /* exp(1 / T) against 2 exp(0.9 / T): the crossing is at T = 0.1 / ln 2 = 0.144. */
    const struct {
        float temperature;
        int32_t expected;
    } cases[] = {{0.13f, 1}, {0.16f, 0}, {1e-30f, 1}, {1e30f, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(f.context,
                  neighbours_classify(f.work, q, n, labels, 2, 3, cases[i].temperature, &predicted));
        assert_int_equal(predicted, cases[i].expected);
    }
    assert_ok(f.context, neighbours_classify(f.work, q, n, labels, 2, 1, 1e30f, &predicted));
    assert_int_equal(predicted, 1);
    end(&f);
}

static void equal_votes_go_to_the_smaller_label(void **state)
{
    (void)state;
    fixture f = begin();
    const float keys[] = {1, 0, 1, 0, 1, 0}, query[] = {1, 0};
    const int32_t labels[] = {4, 2, 3};
    int32_t predicted = -1;
    assert_ok(f.context, neighbours_classify(f.work, (matrix){1, 2, query}, (matrix){3, 2, keys}, labels, 5,
                                             3, 0.07f, &predicted));
    assert_int_equal(predicted, 2);
    end(&f);
}

/* The vote over what neighbours_find finds, over several blocks of queries. */
static void classify_votes_over_what_find_finds(void **state)
{
    (void)state;
    fixture f = begin();
    enum { Q = 300, N = 1500, D = 6, K = 9, CLASSES = 4 };
    float *queries = random_rows(Q, D, 8), *keys = random_rows(N, D, 9), similarity[Q * K];
    int32_t labels[N], predicted[Q], rows[Q * K];
    for (int i = 0; i < N; i++)
        labels[i] = (i * 7 + i / 13) % CLASSES;
    const matrix q = {Q, D, queries}, n = {N, D, keys};
    assert_ok(f.context, neighbours_find(f.work, q, n, K, rows, similarity));
    assert_ok(f.context, neighbours_classify(f.work, q, n, labels, CLASSES, K, 0.07f, predicted));
    for (int i = 0; i < Q; i++) {
        double votes[CLASSES] = {0};
        for (int j = 0; j < K; j++)
            votes[labels[rows[i * K + j]]] += exp((double)similarity[i * K + j] / 0.07);
        for (int c = 0; c < CLASSES; c++)
            assert_true(votes[c] <= votes[predicted[i]] * (1 + 1e-5));
    }
    test_free(queries), test_free(keys);
    end(&f);
}

static void wrong_votes_are_named(void **state)
{
    (void)state;
    fixture f = begin();
    const float key[] = {1, 0};
    const matrix m = {1, 2, key};
    int32_t label = 3, predicted;
    assert_fails(f.context, neighbours_classify(f.work, m, m, &label, 3, 1, 0.07f, &predicted),
                 TACIT_ARGUMENT, "row 0");
    context_begin(f.context);
    label = 0;
    assert_fails(f.context, neighbours_classify(f.work, m, m, &label, 3, 1, 0, &predicted), TACIT_ARGUMENT,
                 "temperature");
    context_begin(f.context);
    assert_fails(f.context, neighbours_classify(f.work, m, m, &label, 3, 1, NAN, &predicted), TACIT_ARGUMENT,
                 "temperature");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_agrees_with_brute_force),
        cmocka_unit_test(all_keys_can_be_asked_for),
        cmocka_unit_test(no_query_is_no_error),
        cmocka_unit_test(equal_keys_come_in_rising_rows),
        cmocka_unit_test(rows_of_zeros_have_similarity_zero),
        cmocka_unit_test(length_does_not_matter),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(near_neighbours_weigh_more),
        cmocka_unit_test(equal_votes_go_to_the_smaller_label),
        cmocka_unit_test(classify_votes_over_what_find_finds),
        cmocka_unit_test(wrong_votes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
