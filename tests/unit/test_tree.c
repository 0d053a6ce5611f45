/* The gradient tree: its sum is that of the documented tree, bit for bit, in whatever order leaves arrive. */
#include "support.h"

#include "base/philox.h"
#include "base/team.h"
#include "train/tree.h"

enum { MOST = 9, FLOATS = 37 };

/* Three parameters: all leaves write the first, some the second, none the third. */
static void make_store(parameters *p, tacit_context *context)
{
    parameters_init(p, context);
    parameters_add(p, "all", shape_1(FLOATS), INIT_ZERO, 0);
    parameters_add(p, "some", shape_1(FLOATS), INIT_ZERO, 0);
    parameters_add(p, "none", shape_1(FLOATS), INIT_ZERO, 0);
    assert_ok(context, parameters_allocate(p));
}

/* Number k of leaf `leaf`: of very different sizes, so that the order of additions shows. */
static float leaf_value(int64_t leaf, int64_t k)
{
    draws d = draws_at(11, DRAW_TEST, 0, (uint64_t)leaf, 0);
    float x = 0;
    for (int64_t i = 0; i <= k; i++)
        x = draw_normal(&d);
    return x * (leaf % 3 == 0 ? 1000.0f : 0.01f);
}

static bool writes_some(int64_t leaf)
{
    return leaf % 4 == 1 || leaf % 4 == 2;
}

static gradient_buffer *compute_leaf(gradient_tree *t, const parameters *p, int64_t leaf)
{
    gradient_buffer *b = tree_take(t);
    assert_non_null(b);
    for (size_t i = 0; i < p->count; i++) {
        assert_false(b->written[i]);
        /* What a buffer held before must not matter where nothing is written. */
        for (int64_t k = 0; k < FLOATS; k++)
            b->block[p->table[i].offset + k] = 1e30f;
    }
    for (int64_t k = 0; k < FLOATS; k++) {
        b->block[p->table[0].offset + k] = leaf_value(leaf, k);
        if (writes_some(leaf))
            b->block[p->table[1].offset + k] = leaf_value(leaf, k);
    }
    b->written[0] = true;
    b->written[1] = writes_some(leaf);
    return b;
}

static void put_leaf(gradient_tree *t, const parameters *p, int64_t leaf)
{
    tree_put(t, leaf, compute_leaf(t, p, leaf));
}

/* The sum of leaves first .. last-1 below a node of `width` leaves, by recursion over the documented tree.
 * `some`: only those that write the second parameter; *any says whether there was one. */
static float expected(int64_t first, int64_t last, int64_t width, bool some, int64_t k, bool *any)
{
    if (width == 1) {
        *any = !some || writes_some(first);
        return *any ? leaf_value(first, k) : 0;
    }
    const int64_t middle = first + width / 2;
    if (middle >= last)
        return expected(first, last, width / 2, some, k, any);
    bool left, right;
    const float a = expected(first, middle, width / 2, some, k, &left);
    const float b = expected(middle, last, width / 2, some, k, &right);
    *any = left || right;
    return left && right ? a + b : left ? a : b;
}

static void check_root(gradient_tree *t, const parameters *p, int64_t leaves)
{
    gradient_buffer *root = tree_root(t);
    assert_non_null(root);
    int64_t width = 1;
    while (width < leaves)
        width *= 2;
    for (int64_t k = 0; k < FLOATS; k++) {
        bool any;
        const float all = expected(0, leaves, width, false, k, &any);
        const float some = expected(0, leaves, width, true, k, &any);
        assert_true(root->block[p->table[0].offset + k] == all);
        assert_true(root->block[p->table[1].offset + k] == (any ? some : 0.0f));
        assert_true(root->block[p->table[2].offset + k] == 0.0f);
    }
    tree_give(t, root);
}

static void shuffle(int64_t *order, int64_t count, uint32_t round)
{
    for (int64_t i = 0; i < count; i++)
        order[i] = (int64_t)draw_permuted(5, DRAW_TEST, round, (uint64_t)count, (uint64_t)i);
}

static void any_order_gives_the_tree_sum(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    parameters p;
    gradient_tree *t;
    make_store(&p, context);
    assert_ok(context, tree_create(&t, &p, MOST));
    for (int64_t leaves = 1; leaves <= MOST; leaves++)
        for (uint32_t round = 0; round < 12; round++) {
            int64_t order[MOST];
            shuffle(order, leaves, round);
            tree_begin(t, leaves);
            for (int64_t i = 0; i < leaves; i++)
                put_leaf(t, &p, order[i]);
            check_root(t, &p, leaves);
        }
    tree_destroy(t);
    parameters_fini(&p);
    tacit_context_destroy(context);
}

/* The numbers are such that another association gives other bits: else the test above could not fail. */
static void the_order_of_additions_shows(void **state)
{
    (void)state;
    int different = 0;
    for (int64_t k = 0; k < FLOATS; k++) {
        bool any;
        float straight = 0;
        for (int64_t leaf = 0; leaf < MOST; leaf++)
            straight += leaf_value(leaf, k);
        different += straight != expected(0, MOST, 16, false, k, &any);
    }
    assert_true(different > FLOATS / 4);
}

/* A step that failed half way leaves buffers at nodes: the next begin takes them back. */
static void a_failed_step_leaves_nothing(void **state)
{
    (void)state;
    test_memory memory = {0};
    tacit_context *context = test_context_on(&memory);
    parameters p;
    gradient_tree *t;
    make_store(&p, context);
    assert_ok(context, tree_create(&t, &p, MOST));
    for (int round = 0; round < 5; round++) {
        tree_begin(t, MOST);
        for (int64_t leaf = 0; leaf < MOST; leaf += 2)
            put_leaf(t, &p, leaf);
    }
    const int made = tree_buffers(t);
    assert_int_equal(made, 5);
    tree_begin(t, 3);
    for (int64_t leaf = 0; leaf < 3; leaf++)
        put_leaf(t, &p, leaf);
    check_root(t, &p, 3);
    assert_int_equal(tree_buffers(t), made);
    tree_begin(t, MOST); /* and a root that nobody asked for */
    for (int64_t leaf = 0; leaf < MOST; leaf++)
        put_leaf(t, &p, leaf);
    tree_destroy(t);
    parameters_fini(&p);
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
}

/* A failed allocation of a buffer is no buffer, and costs nothing later. */
static void no_memory_for_a_buffer(void **state)
{
    (void)state;
    test_memory memory = {0};
    for (int64_t k = 1;; k++) {
        tacit_context *context = test_context_on(&memory);
        parameters p;
        gradient_tree *t = NULL;
        make_store(&p, context);
        memory.fail_at = memory.calls + k;
        tacit_status status = tree_create(&t, &p, MOST);
        gradient_buffer *b = NULL;
        if (status == TACIT_OK) {
            tree_begin(t, 1);
            b = tree_take(t);
            status = b ? TACIT_OK : TACIT_NOMEM;
        }
        const bool failed = memory.calls >= memory.fail_at;
        assert_int_equal(status, failed ? TACIT_NOMEM : TACIT_OK);
        if (b)
            tree_give(t, b);
        tree_destroy(t);
        parameters_fini(&p);
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
        if (!failed)
            break;
        assert_true(k < 50);
    }
}

typedef struct job {
    gradient_tree *tree;
    const parameters *parameters;
} job;

static void run_leaf(void *user, int64_t leaf, int worker)
{
    (void)worker;
    const job *j = user;
    put_leaf(j->tree, j->parameters, leaf);
}

/* `workers` leaves are always under way, handed out in rising order, and the oldest or the newest of them is
 * the next to be done, at random. */
static void interleave(gradient_tree *t, const parameters *p, int workers, int64_t leaves, bool stuck)
{
    gradient_buffer *under_way[8];
    int64_t number[8], next = 0;
    int count = 0;
    tree_begin(t, leaves);
    while (next < leaves || count > 0) {
        while (count < workers && next < leaves) {
            under_way[count] = compute_leaf(t, p, next);
            number[count++] = next++;
        }
        /* Stuck: the first leaf of all is done last. */
        const int done = stuck && next < leaves && number[0] == 0 && count > 1 ? 1 : 0;
        tree_put(t, number[done], under_way[done]);
        count--;
        for (int i = done; i < count; i++) {
            under_way[i] = under_way[i + 1];
            number[i] = number[i + 1];
        }
    }
    check_root(t, p, leaves);
}

/* Few gradients are alive: workers + log2(leaves) + 1 when all workers are about as fast as each other, and
 * never more than the worst case of tree.h. */
static void few_buffers_are_alive(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    parameters p;
    make_store(&p, context);
    for (int workers = 1; workers <= 8; workers++)
        for (int64_t leaves = 1, levels = 0; leaves <= 128; leaves *= 2, levels++)
            for (int stuck = 0; stuck < 2; stuck++) {
                gradient_tree *t;
                assert_ok(context, tree_create(&t, &p, leaves));
                interleave(t, &p, workers, leaves, stuck);
                assert_true(tree_buffers(t) <= workers + (stuck ? 2 : 1) * levels + 1);
                tree_destroy(t);
            }
    parameters_fini(&p);
    tacit_context_destroy(context);
}

/* With real workers, in whatever order they come. */
static void workers_share_a_tree(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    parameters p;
    make_store(&p, context);
    for (int threads = 1; threads <= 3; threads++) {
        gradient_tree *t;
        team *workers;
        assert_ok(context, tree_create(&t, &p, 100));
        assert_ok(context, team_create(&workers, context, threads, NULL));
        job j = {t, &p};
        for (int round = 0; round < 3; round++) {
            tree_begin(t, 100);
            team_run(workers, 100, run_leaf, &j);
            check_root(t, &p, 100);
        }
        assert_true(tree_buffers(t) <= threads + (threads + 1) * 7); /* log2 of 100, rounded up */
        team_destroy(workers);
        tree_destroy(t);
    }
    parameters_fini(&p);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_tree_sum), cmocka_unit_test(the_order_of_additions_shows),
        cmocka_unit_test(a_failed_step_leaves_nothing), cmocka_unit_test(no_memory_for_a_buffer),
        cmocka_unit_test(few_buffers_are_alive),        cmocka_unit_test(workers_share_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
