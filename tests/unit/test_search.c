/* The scan against a direct search, the measures of retrieval on a case by hand, identification, and the
 * index file: what was written comes back, and hostile files are refused. */
#include "support.h"

#include "base/file.h"
#include "base/philox.h"
#include "use/identification.h"
#include "use/retrieval.h"
#include "use/search.h"
#include "use/search_index.h"
#include "use/similarities.h"

enum { ROWS = 40000, D = 7, QUERIES = 19, K = 12 };

static float keys[ROWS * D], asking[QUERIES * D];

static work *make_work(tacit_context *context, int threads)
{
    work *w;
    assert_ok(context, tacit_context_set_threads(context, threads));
    assert_ok(context, work_create(&w, context));
    return w;
}

static void make_rows(work *w)
{
    draws d = draws_at(4, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS * D; i++)
        keys[i] = draw_normal(&d);
    for (int i = 0; i < QUERIES * D; i++)
        asking[i] = draw_normal(&d);
    memcpy(keys + (ROWS - 1) * D, keys + 5 * D, sizeof *keys * D); /* twins, far apart */
    memcpy(asking, keys + 5 * D, sizeof *keys * D);
    assert_ok(w->context, unit_rows(w, "keys", (matrix){ROWS, D, keys}, keys));
    assert_ok(w->context, unit_rows(w, "queries", (matrix){QUERIES, D, asking}, asking));
}

static double cosine(int q, int r)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += (double)asking[q * D + i] * (double)keys[r * D + i];
    return sum;
}

static void scan_finds_the_nearest(void **state)
{
    (void)state;
    static int32_t rows[2][QUERIES * K];
    static float similarity[2][QUERIES * K];
    tacit_context *context = test_context();
    for (int run = 0; run < 2; run++) {
        work *w = make_work(context, 1 + 2 * run);
        make_rows(w);
        assert_ok(context, search_nearest(w, (matrix){QUERIES, D, asking}, (matrix){ROWS, D, keys}, K,
                                          rows[run], similarity[run]));
        work_destroy(w);
    }
    assert_memory_equal(rows[0], rows[1], sizeof rows[0]);
    assert_memory_equal(similarity[0], similarity[1], sizeof similarity[0]);
    assert_int_equal(rows[0][0], 5);
    assert_int_equal(rows[0][1], ROWS - 1);
    for (int q = 0; q < QUERIES; q++) {
        int nearer = 0;
        for (int i = 0; i < K; i++) {
            assert_near((double)similarity[0][q * K + i], cosine(q, rows[0][q * K + i]), 1e-6, 0);
            assert_true(i == 0 || similarity[0][q * K + i] <= similarity[0][q * K + i - 1]);
        }
        for (int r = 0; r < ROWS; r++)
            nearer += cosine(q, r) > (double)similarity[0][q * K + K - 1] + 1e-6;
        assert_in_range(nearer, K - 3, K - 1);
    }
    tacit_context_destroy(context);
}

static void wrong_questions_are_refused(void **state)
{
    (void)state;
    int32_t rows[1];
    float similarity[1], bad[2] = {1, NAN};
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    const matrix three = {3, D, keys};
    assert_fails(context, search_nearest(w, three, three, 4, rows, similarity), TACIT_ARGUMENT,
                 "4 nearest of 3");
    context_begin(context);
    assert_fails(context, search_nearest(w, (matrix){1, 2, bad}, three, 1, rows, similarity), TACIT_SHAPE,
                 "2 features");
    context_begin(context);
    assert_fails(context, unit_rows(w, "queries", (matrix){2, 1, bad}, bad), TACIT_NONFINITE,
                 "queries: row 1 ");
    work_destroy(w);
    tacit_context_destroy(context);
}

/* Four angles: 0 and 10 degrees have label 0, 20 and 90 label 1, 180 label 2 alone. */
static const float angles[10] = {1, 0, 0.9848f, 0.1736f, 0.9397f, 0.3420f, 0, 1, -1, 0};
static const int32_t angle_labels[5] = {0, 0, 1, 1, 2};

static void retrieval_by_hand(void **state)
{
    (void)state;
    retrieval r;
    tacit_context *context = test_context();
    work *w = make_work(context, 2);
    const matrix x = {5, 2, angles};
    assert_ok(context, retrieval_measure(w, x, angle_labels, 1, 100, 1, &r));
    assert_int_equal(r.queries, 4);
    assert_int_equal(r.left_out, 1);
    /* 0: 10 first. 10: 0 and 20 are equally near within rounding, so either rank. 20: 90 after 10 and 0. 90:
     * 20 first. */
    assert_true(r.precision == 0.5 || r.precision == 0.75);
    assert_true(fabs(r.average_precision - (1 + 0.5 + 1.0 / 3 + 1) / 4) < 1e-12 ||
                fabs(r.average_precision - (1 + 1 + 1.0 / 3 + 1) / 4) < 1e-12);
    assert_fails(context, retrieval_measure(w, x, angle_labels, 5, 100, 1, &r), TACIT_ARGUMENT,
                 "5 nearest of 5");
    work_destroy(w);
    tacit_context_destroy(context);
}

static void labels_are_ranked_by_their_nearest(void **state)
{
    (void)state;
    const float probe[2] = {0, -1}; /* 270 degrees */
    int32_t label[5];
    float similarity[5];
    int64_t nearest[5];
    tacit_context *context = test_context();
    work *w = make_work(context, 1);
    assert_ok(context, identification_rank(w, (matrix){1, 2, probe}, (matrix){5, 2, angles}, angle_labels, 4,
                                           5, label, similarity, nearest));
    const int32_t labels[5] = {0, 2, 1, -1, -1};
    const int64_t rows[5] = {0, 4, 2, -1, -1};
    assert_memory_equal(label, labels, sizeof labels);
    assert_memory_equal(nearest, rows, sizeof rows);
    assert_near((double)similarity[2], -0.3420, 1e-4, 0);
    work_destroy(w);
    tacit_context_destroy(context);
}

/* ---- the index file ---- */

typedef struct indexing {
    tacit_context *context;
    work *work;
    dataset *data;
    search_index index;
    char path[512];
} indexing;

static void indexing_begin(indexing *t)
{
    const uint8_t pixels[5] = {0};
    t->context = test_context();
    t->work = make_work(t->context, 1);
    snprintf(t->path, sizeof t->path, "%s/x.idx", test_folder("search"));
    assert_ok(t->context, dataset_from_memory(&t->data, t->context, pixels, 5, 1, 1, 1, angle_labels));
    assert_ok(t->context, search_index_create(&t->index, t->work, (matrix){5, 2, angles}, t->data, 77));
    assert_ok(t->context, search_index_write(&t->index, t->path));
}

static void indexing_end(indexing *t)
{
    search_index_fini(&t->index);
    dataset_close(t->data);
    work_destroy(t->work);
    tacit_context_destroy(t->context);
}

static void index_comes_back(void **state)
{
    (void)state;
    indexing t;
    search_index again;
    indexing_begin(&t);
    assert_ok(t.context, search_index_read(&again, t.work, t.path, 77, 2));
    assert_int_equal(again.unit.rows, 5);
    assert_memory_equal(again.unit.data, t.index.unit.data, sizeof angles);
    assert_memory_equal(again.labels, angle_labels, sizeof angle_labels);
    assert_int_equal(again.label_count, 3);
    assert_string_equal(again.label_names[2], "2");
    assert_string_equal(again.names[4], t.index.names[4]);
    assert_ok(t.context, search_index_match(&again, t.data, t.path));
    again.unit.rows = 4;
    assert_fails(t.context, search_index_match(&again, t.data, t.path), TACIT_STATE,
                 "the index holds 4 examples, the data 5");
    search_index_fini(&again);
    context_begin(t.context);
    assert_fails(t.context, search_index_read(&again, t.work, t.path, 78, 2), TACIT_STATE, "another model");
    context_begin(t.context);
    assert_fails(t.context, search_index_read(&again, t.work, t.path, 77, 3), TACIT_STATE,
                 "embeddings of 2 numbers, those of the model have 3");
    indexing_end(&t);
}

/* A file whose byte at the place of `part` of the index is another must not open, or say what was changed. */
static void index_refuses(indexing *t, const char *message)
{
    search_index again;
    assert_ok(t->context, search_index_write(&t->index, t->path));
    assert_fails(t->context, search_index_read(&again, t->work, t->path, 77, 2), TACIT_FORMAT, message);
    context_begin(t->context);
}

static void hostile_indexes_are_refused(void **state)
{
    (void)state;
    indexing t;
    indexing_begin(&t);
    t.index.own_unit[2] = 3;
    index_refuses(&t, "x.idx: row 1 has length 3.0");
    t.index.own_unit[2] = NAN;
    index_refuses(&t, "x.idx: row 1 has length nan");
    t.index.own_unit[2] = angles[2];
    t.index.own_labels[3] = 3;
    index_refuses(&t, "row 3 has label 3, expected 0 to 2");
    t.index.own_labels[3] = 1;
    t.index.names_size--;
    index_refuses(&t, "4 names, expected 5");
    t.index.names_size++;
    t.index.own_names[0] = '\0';
    index_refuses(&t, "more names than the 5 expected");
    test_put(t.path, "no index", 8);
    search_index again;
    assert_int_equal(search_index_read(&again, t.work, t.path, 77, 2), TACIT_FORMAT);
    indexing_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_finds_the_nearest), cmocka_unit_test(wrong_questions_are_refused),
        cmocka_unit_test(retrieval_by_hand),      cmocka_unit_test(labels_are_ranked_by_their_nearest),
        cmocka_unit_test(index_comes_back),       cmocka_unit_test(hostile_indexes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
