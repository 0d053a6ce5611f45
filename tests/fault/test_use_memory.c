/* Every allocation of the uses fails once: the call says so, nothing leaks, and the same work then succeeds.
 */
#include "support.h"

#include "base/philox.h"
#include "use/few_labels.h"
#include "use/neighbours.h"
#include "use/probe.h"

enum { ROWS = 60, COLUMNS = 4, CLASSES = 3, K = 3 };

static float data[ROWS * COLUMNS];
static int32_t labels[ROWS];
static const matrix features = {ROWS, COLUMNS, data};

static void make_data(void)
{
    draws d = draws_at(6, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % CLASSES;
        for (int j = 0; j < COLUMNS; j++)
            data[i * COLUMNS + j] = draw_normal(&d) + (j == labels[i] ? 2 : 0);
    }
}

static tacit_status use_find(work *w)
{
    int32_t rows[ROWS * K];
    float similarity[ROWS * K];
    return neighbours_find(w, features, features, K, rows, similarity);
}

static tacit_status use_classify(work *w)
{
    int32_t predicted[ROWS];
    return neighbours_classify(w, features, features, labels, CLASSES, K, 0.07f, predicted);
}

static tacit_status use_select(work *w)
{
    probe p;
    int32_t predicted[ROWS];
    tacit_status status = probe_select(&p, w, features, labels, CLASSES, NULL, 0, 1);
    if (status == TACIT_OK)
        status = probe_predict(&p, w, features, predicted);
    probe_fini(&p);
    return status;
}

static tacit_status use_few_labels(work *w)
{
    few_labels_result result;
    return few_labels_evaluate(w, features, labels, features, labels, CLASSES, 4, 2, 1, &result);
}

static tacit_status on_fresh_workers(tacit_context *context, tacit_status (*use)(work *w))
{
    work *w;
    TRY(work_create(&w, context));
    const tacit_status status = use(w);
    work_destroy(w);
    return status;
}

/* Fails each allocation in turn until a run needs fewer. */
static void fail_each(tacit_status (*use)(work *w), int64_t expected)
{
    int64_t failures = 0;
    for (bool failed = true; failed;) {
        test_memory memory = {0};
        tacit_context *context = test_context_on(&memory);
        assert_ok(context, tacit_context_set_threads(context, 1));
        memory.fail_at = memory.calls + failures + 1;
        const tacit_status status = on_fresh_workers(context, use);
        failed = memory.calls >= memory.fail_at;
        if (failed) {
            assert_fails(context, status, TACIT_NOMEM, "out of memory");
            failures++;
            context_begin(context);
            memory.fail_at = 0;
            assert_ok(context, on_fresh_workers(context, use));
        } else {
            assert_ok(context, status);
        }
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
    }
    assert_true(failures >= expected);
}

/* The same workers go on after a failure: a failed arena must not stay failed. */
static void workers_survive_a_failure(void **state)
{
    (void)state;
    make_data();
    for (int64_t i = 1; i <= 2; i++) { /* the copy of the keys, the arena's first block */
        test_memory memory = {0};
        tacit_context *context = test_context_on(&memory);
        work *w;
        assert_ok(context, tacit_context_set_threads(context, 1));
        assert_ok(context, work_create(&w, context));
        memory.fail_at = memory.calls + i;
        assert_fails(context, use_find(w), TACIT_NOMEM, "out of memory");
        context_begin(context);
        assert_ok(context, use_find(w));
        work_destroy(w);
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
    }
}

static void neighbours_report_no_memory(void **state)
{
    (void)state;
    make_data();
    fail_each(use_find, 9);
    fail_each(use_classify, 9);
}

static void probes_report_no_memory(void **state)
{
    (void)state;
    make_data();
    fail_each(use_select, 20);
    fail_each(use_few_labels, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_report_no_memory),
        cmocka_unit_test(probes_report_no_memory),
        cmocka_unit_test(workers_survive_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
