/* The team: every number once, in rising order, by workers that each started once. Run under ThreadSanitizer
 * too. */
#include "support.h"

#include "base/team.h"

#include <pthread.h>
#include <sched.h>

enum { MOST = 8, COUNT = 500 };

typedef struct record {
    pthread_mutex_t lock;
    int64_t last[MOST];  /* last number of each worker, to see that they rise */
    int busy[MOST];      /* whether the worker runs a job now */
    int times[COUNT];    /* how often each number ran; not locked: each is one worker's */
    bool rising, single; /* no worker saw a smaller number after a larger one, or two at once */
    int workers;         /* size of the team */
} record;

static int starts;
static _Thread_local int started_here;

static void start(void)
{
    __atomic_add_fetch(&starts, 1, __ATOMIC_RELAXED);
    started_here++;
}

static void job(void *user, int64_t i, int worker)
{
    record *r = user;
    r->times[i]++;
    pthread_mutex_lock(&r->lock);
    r->single = r->single && worker >= 0 && worker < r->workers && !r->busy[worker] && started_here == 1;
    r->rising = r->rising && i > r->last[worker];
    r->last[worker] = i;
    r->busy[worker] = 1;
    pthread_mutex_unlock(&r->lock);
    if (i % 7 == 0)
        sched_yield();
    pthread_mutex_lock(&r->lock);
    r->busy[worker] = 0;
    pthread_mutex_unlock(&r->lock);
}

/* Runs `count` numbers; after team_run all was seen, with no lock needed: it returns when all are done. */
static void check_round(team *t, int64_t count)
{
    record r = {.lock = PTHREAD_MUTEX_INITIALIZER, .rising = true, .single = true, .workers = team_size(t)};
    for (int i = 0; i < MOST; i++)
        r.last[i] = -1;
    team_run(t, count, job, &r);
    assert_true(r.rising);
    assert_true(r.single);
    for (int64_t i = 0; i < COUNT; i++)
        assert_int_equal(r.times[i], i < count);
}

static void every_number_once(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    for (int size = 1; size <= MOST; size++) {
        team *t;
        starts = 0;
        started_here = 0;
        assert_ok(context, team_create(&t, context, size, start));
        assert_int_equal(team_size(t), size);
        for (int round = 0; round < 30; round++) {
            check_round(t, COUNT);
            check_round(t, round % 3);
        }
        team_destroy(t);
        assert_int_equal(starts, size);
    }
    tacit_context_destroy(context);
}

typedef struct order {
    int64_t given[COUNT];
    int64_t next;
    int inside, most_inside;
} order;

/* With one worker the order of hand-out is the order of running. */
static void note(void *user, int64_t i, int worker)
{
    order *o = user;
    assert_int_equal(worker, 0);
    o->given[o->next++] = i;
}

static void hand_out_rises(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    team *t;
    order o = {.next = 0};
    assert_ok(context, team_create(&t, context, 1, NULL));
    team_run(t, COUNT, note, &o);
    assert_int_equal(o.next, COUNT);
    for (int64_t i = 0; i < COUNT; i++)
        assert_int_equal(o.given[i], i);
    team_destroy(t);
    tacit_context_destroy(context);
}

/* Waits until two workers are inside at once: a team that ran its jobs one after another would never end, so
 * this gives up after many turns. */
static void meet(void *user, int64_t i, int worker)
{
    order *o = user;
    (void)i;
    (void)worker;
    __atomic_add_fetch(&o->inside, 1, __ATOMIC_SEQ_CST);
    for (int turn = 0; turn < 1000000; turn++) {
        if (__atomic_load_n(&o->inside, __ATOMIC_SEQ_CST) == 2) {
            __atomic_store_n(&o->most_inside, 2, __ATOMIC_SEQ_CST);
            break;
        }
        sched_yield();
    }
}

static void workers_run_side_by_side(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    team *t;
    order o = {.next = 0};
    assert_ok(context, team_create(&t, context, 2, NULL));
    team_run(t, 2, meet, &o);
    assert_int_equal(o.most_inside, 2);
    team_destroy(t);
    tacit_context_destroy(context);
}

static void fails_without_memory(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= 2; k++) {
        test_memory memory = {0};
        tacit_context *context = test_context_on(&memory);
        team *t;
        memory.fail_at = memory.calls + k;
        assert_fails(context, team_create(&t, context, 3, NULL), TACIT_NOMEM, "out of memory");
        assert_null(t);
        team_destroy(t);
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_once),
        cmocka_unit_test(hand_out_rises),
        cmocka_unit_test(workers_run_side_by_side),
        cmocka_unit_test(fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
