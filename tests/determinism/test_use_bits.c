/* Neighbours, probes, few-label results and learnt metrics have the same bits for 1, 2 and 3 threads. */
#include "support.h"

#include "base/philox.h"
#include "use/few_labels.h"
#include "use/neighbours.h"
#include "use/probe.h"
#include "use/within.h"

enum { ROWS = 10500, COLUMNS = 24, CLASSES = 5, QUERIES = 700, KEYS = 2500, K = 13 };

static float train[ROWS * COLUMNS];
static int32_t labels[ROWS];

/* Everything the uses give. */
typedef struct results {
    int32_t rows[QUERIES * K], voted[QUERIES], predicted[ROWS];
    float similarity[QUERIES * K];
    float mean[COLUMNS], deviation[COLUMNS], wei[CLASSES * COLUMNS], bias[CLASSES];
    double l2;
    few_labels_result few;
    double shrinkage, eer;
    float white[ROWS * COLUMNS];
} results;

static void make_data(void)
{
    draws d = draws_at(3, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        labels[i] = (int32_t)draw_below(&d, CLASSES);
        for (int j = 0; j < COLUMNS; j++)
            train[i * COLUMNS + j] = draw_normal(&d) + (j % CLASSES == labels[i] ? 0.7f : 0);
    }
}

/* Groups of about ten rows. */
static void fit_within(work *w, matrix m, results *r)
{
    static int32_t group[ROWS];
    within f;
    for (int i = 0; i < ROWS; i++)
        group[i] = labels[i] * (ROWS / 50) + i % (ROWS / 50);
    assert_ok(w->context, within_fit(&f, w, m, group, CLASSES * (ROWS / 50), 1));
    r->shrinkage = f.shrinkage;
    r->eer = f.eer;
    assert_ok(w->context, within_apply(&f, w, m, r->white));
    within_fini(&f);
}

static void compute(int threads, results *r)
{
    tacit_context *context = test_context();
    work *w;
    probe p;
    const matrix m = {ROWS, COLUMNS, train}, keys = {KEYS, COLUMNS, train};
    const matrix queries = {QUERIES, COLUMNS, train + KEYS * COLUMNS};
    assert_ok(context, tacit_context_set_threads(context, threads));
    assert_ok(context, work_create(&w, context));
    assert_ok(context, neighbours_find(w, queries, keys, K, r->rows, r->similarity));
    assert_ok(context, neighbours_classify(w, queries, keys, labels, CLASSES, K, 0.07f, r->voted));
    assert_ok(context, probe_select(&p, w, m, labels, CLASSES, NULL, 0, 5));
    memcpy(r->mean, p.mean, sizeof r->mean);
    memcpy(r->deviation, p.deviation, sizeof r->deviation);
    memcpy(r->wei, p.wei, sizeof r->wei);
    memcpy(r->bias, p.bias, sizeof r->bias);
    r->l2 = p.l2;
    assert_ok(context, probe_predict(&p, w, m, r->predicted));
    probe_fini(&p);
    assert_ok(context, few_labels_evaluate(w, m, labels, queries, labels + KEYS, CLASSES, 5, 2, 1, &r->few));
    fit_within(w, m, r);
    work_destroy(w);
    tacit_context_destroy(context);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    static results one, more;
    make_data();
    compute(1, &one);
    assert_true(accuracy_of(one.predicted, labels, ROWS) > 0.5);
    for (int threads = 1; threads <= 3; threads++) {
        memset(&more, 0, sizeof more);
        compute(threads, &more);
        assert_memory_equal(&one, &more, sizeof one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bits_do_not_depend_on_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
