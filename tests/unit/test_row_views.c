/* Views of rows: standardised, equal for equal keys, corrupted in exactly their share, from the column's own
 * values. */
#include "support.h"

#include "base/file.h"
#include "data/augment/row_views.h"

enum { ROWS = 50, COLUMNS = 12 }; /* the last two are the categories of one column */

typedef struct trial {
    tacit_context *context;
    dataset *d;
    double mean[COLUMNS], deviation[COLUMNS];
} trial;

/* Number columns hold 1000 column + row, so that a value tells where it came from; row 7 lacks column 3, and
 * column 9 is constant. */
static void set_up(trial *t)
{
    char text[ROWS * 100];
    size_t used = 0;
    t->context = test_context();
    test_folder("row_views");
    for (int i = 0; i < ROWS; i++) {
        for (int c = 0; c < COLUMNS - 2; c++) {
            if (i == 7 && c == 3)
                used += (size_t)snprintf(text + used, sizeof text - used, ",");
            else
                used += (size_t)snprintf(text + used, sizeof text - used, "%d,", c == 9 ? 5 : 1000 * c + i);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", i % 5 ? "red" : "blue");
    }
    test_put(test_at("a.csv"), text, used);
    assert_ok(t->context, test_open(&t->d, t->context, test_at("a.csv"), NULL));
    row_statistics(t->d, t->mean, t->deviation);
}

static void tear_down(trial *t)
{
    dataset_close(t->d);
    assert_ok(t->context, folder_delete(t->context, test_at("")));
    tacit_context_destroy(t->context);
}

static views *create(trial *t, double corrupt)
{
    views *v;
    const row_view_options o = {.mean = t->mean, .deviation = t->deviation, .corrupt = corrupt};
    assert_ok(t->context, row_views_create(&v, t->context, t->d, &o));
    assert_true(v->shape.rank == 1 && v->shape.size[0] == COLUMNS);
    return v;
}

static void test_statistics(void **state)
{
    (void)state;
    trial t;
    set_up(&t);
    assert_near(t.mean[0], 24.5, 1e-12, 0);
    assert_near(t.deviation[0], sqrt((ROWS * ROWS - 1) / 12.0), 1e-12, 0);
    assert_near(t.mean[3], (3000.0 * 49 + 1225 - 7) / 49, 1e-9, 0);
    assert_near(t.mean[9], 5, 0, 0);
    assert_near(t.deviation[9], 1, 0, 0);
    assert_near(t.mean[10], 0.2, 1e-12, 0);
    assert_near(t.deviation[10], 0.4, 1e-12, 0);
    tear_down(&t);
}

static void test_plain(void **state)
{
    (void)state;
    trial t;
    float out[COLUMNS];
    set_up(&t);
    views *v = create(&t, 0.6);
    assert_ok(t.context, v->plain(v, 7, NULL, out));
    assert_true(out[3] == 0.0f && out[9] == 0.0f);
    assert_near((double)out[2], (2007 - t.mean[2]) / t.deviation[2], 1e-5, 0);
    assert_near((double)out[11], 0.2 / 0.4, 1e-6, 0);
    v->destroy(v);
    tear_down(&t);
}

/* Which features differ from the plain view. Column 9 never does: all its values are one. */
static int changed(const float *plain, const float *view)
{
    int count = 0;
    for (int c = 0; c < COLUMNS; c++)
        count += plain[c] != view[c];
    return count;
}

static void test_corruption(void **state)
{
    (void)state;
    trial t;
    float plain[COLUMNS], out[COLUMNS], again[COLUMNS];
    int64_t seen[COLUMNS] = {0}, total = 0;
    set_up(&t);
    views *v = create(&t, 0.6); /* 11 columns of the file: 6 are replaced */
    for (uint32_t epoch = 0; epoch < 200; epoch++) {
        const int64_t row = epoch % ROWS;
        assert_ok(t.context, v->plain(v, row, NULL, plain));
        assert_ok(t.context, v->random(v, 3, epoch, row, 0, NULL, out));
        assert_memory_equal(out, plain, sizeof out);
        assert_ok(t.context, v->random(v, 3, epoch, row, 1, NULL, out));
        assert_ok(t.context, v->random(v, 3, epoch, row, 1, NULL, again));
        assert_memory_equal(out, again, sizeof out);
        assert_true(changed(plain, out) <= 7);
        assert_near((double)(out[10] + out[11]) * 0.4, 0, 1e-6,
                    0); /* the categories of one row stay together */
        for (int c = 0; c < 9; c++) {
            const double value = (double)out[c] * t.deviation[c] + t.mean[c];
            assert_true(value > 1000 * c - 0.01 && value < 1000 * c + ROWS - 0.99);
            seen[c] += plain[c] != out[c];
            total += plain[c] != out[c];
        }
    }
    /* 6 of 11, but for 1 in 50 that is the row's own: 5.9 a column and 11 views. */
    for (int c = 0; c < 9; c++)
        assert_near((double)seen[c] / 200, 6.0 / 11 * 0.98, 0.14, 0); /* four deviations of 0.035 */
    assert_near((double)total / 1800, 6.0 / 11 * 0.98, 0.04, 0);
    v->destroy(v);
    tear_down(&t);
}

/* Each row is drawn about as often as any other. */
static void test_marginals(void **state)
{
    (void)state;
    trial t;
    float out[COLUMNS];
    int seen[ROWS] = {0};
    set_up(&t);
    views *v = create(&t, 1);
    for (uint32_t epoch = 0; epoch < 5000; epoch++) {
        assert_ok(t.context, v->random(v, 1, epoch, 0, 1, NULL, out));
        seen[(int)lround((double)out[0] * t.deviation[0] + t.mean[0])]++;
    }
    for (int i = 0; i < ROWS; i++)
        assert_true(seen[i] > 55 && seen[i] < 150); /* 100, deviation 10 */
    v->destroy(v);
    tear_down(&t);
}

static void test_share(void **state)
{
    (void)state;
    trial t;
    float plain[COLUMNS], out[COLUMNS];
    views *v;
    set_up(&t);
    v = create(&t, 0);
    assert_ok(t.context, v->plain(v, 1, NULL, plain));
    assert_ok(t.context, v->random(v, 1, 0, 1, 1, NULL, out));
    assert_memory_equal(out, plain, sizeof out);
    v->destroy(v);
    v = create(&t, 0.01); /* at least one, and the next epoch another */
    int count = 0;
    for (uint32_t epoch = 0; epoch < 100; epoch++) {
        assert_ok(t.context, v->random(v, 1, epoch, 1, 1, NULL, out));
        assert_true(changed(plain, out) <= 2);
        count += changed(plain, out) > 0;
    }
    assert_true(count > 60);
    v->destroy(v);
    tear_down(&t);
}

static void test_refusals(void **state)
{
    (void)state;
    trial t;
    views *v;
    set_up(&t);
    row_view_options o = {.mean = t.mean, .deviation = t.deviation, .corrupt = (double)NAN};
    assert_fails(t.context, row_views_create(&v, t.context, t.d, &o), TACIT_ARGUMENT, "expected 0 to 1");
    assert_null(v);
    o.corrupt = 1;
    t.deviation[2] = 0;
    context_begin(t.context);
    assert_fails(t.context, row_views_create(&v, t.context, t.d, &o), TACIT_ARGUMENT, "of column 3");
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics), cmocka_unit_test(test_plain), cmocka_unit_test(test_corruption),
        cmocka_unit_test(test_marginals),  cmocka_unit_test(test_share), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
