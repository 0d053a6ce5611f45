/* What all data sets share: limit, bad examples, cache, errors of opening; and pictures from memory. */
#include "support.h"

#include "base/file.h"
#include "base/team.h"
#include "data/cache.h"
#include "data/codec.h"

#include <unistd.h>

enum { COUNT = 12, SIDE = 9 };

/* Picture i, in folder "even" or "odd": all bytes i + 1. */
static void put(tacit_context *context, const char *root, int i)
{
    char path[600];
    uint8_t pixels[SIDE * SIDE];
    memset(pixels, i + 1, sizeof pixels);
    snprintf(path, sizeof path, "%s/%s", root, i % 2 ? "odd" : "even");
    assert_ok(context, folder_create(context, path));
    snprintf(path, sizeof path, "%s/%s/%02d.png", root, i % 2 ? "odd" : "even", i);
    assert_ok(context, picture_write_png(context, path, (image){SIDE, SIDE, 1, pixels}));
}

static int setup(void **state)
{
    test_data *f = test_data_create("dataset");
    for (int i = 0; i < COUNT; i++)
        put(f->context, f->root, i);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    test_data_destroy(*state);
    return 0;
}

/* The first byte of example i; even pictures come first. */
static uint8_t byte_of(int64_t i)
{
    return (uint8_t)(i < COUNT / 2 ? 2 * i + 1 : 2 * (i - COUNT / 2) + 2);
}

static void damage(test_data *f, const char *name)
{
    char path[600];
    uint8_t *data;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    assert_ok(f->context, file_read(f->context, path, 1 << 20, &data, &size));
    data[size - 20] ^= 1;
    assert_ok(f->context, file_write(f->context, path, data, size));
    memory_free(f->context, data);
}

/* ---- opening ---- */

static void limit_keeps_the_first(void **state)
{
    test_data *f = *state;
    image got;
    assert_ok(f->context, test_data_open(f, &(dataset_options){.limit = 7}));
    assert_int_equal(f->d->count, 7);
    assert_ok(f->context, dataset_read(f->d, 6, &f->s, &got));
    assert_int_equal(got.pixels[0], byte_of(6));
    assert_fails(f->context, dataset_read(f->d, 7, &f->s, &got), TACIT_ARGUMENT,
                 "example 7 is outside 0 to 6");
    assert_ok(f->context, test_data_open(f, &(dataset_options){.limit = 1000}));
    assert_int_equal(f->d->count, COUNT);
}

static void options_are_checked(void **state)
{
    test_data *f = *state;
    assert_fails(f->context, test_data_open(f, &(dataset_options){.limit = -1}), TACIT_ARGUMENT, "limit: -1");
    assert_fails(f->context, test_data_open(f, &(dataset_options){.pixel_limit = -1}), TACIT_ARGUMENT,
                 "pixel limit: -1");
    assert_fails(f->context, test_data_open(f, &(dataset_options){.channels = 2}), TACIT_ARGUMENT,
                 "channels: 2");
    context_begin(f->context);
    assert_fails(f->context, dataset_open(&f->d, f->context, NULL, 0, NULL), TACIT_ARGUMENT,
                 "at least one path");
}

static void what_can_not_be_opened_is_named(void **state)
{
    test_data *f = *state;
    char path[600], other[600];
    const char *paths[] = {path, other};
    snprintf(path, sizeof path, "%s/none", f->root);
    assert_fails(f->context, dataset_open(&f->d, f->context, paths, 1, NULL), TACIT_IO, "/none: cannot open");
    snprintf(path, sizeof path, "%s/text.bin", f->root);
    assert_ok(f->context, file_write(f->context, path, "hello", 5));
    context_begin(f->context);
    assert_fails(f->context, dataset_open(&f->d, f->context, paths, 1, NULL), TACIT_FORMAT,
                 "/text.bin: of no known format; known are: idx (");
    assert_non_null(strstr(tacit_context_message(f->context), "folder ("));
    assert_ok(f->context, file_write(f->context, path, "", 0));
    context_begin(f->context);
    assert_fails(f->context, dataset_open(&f->d, f->context, paths, 1, NULL), TACIT_FORMAT,
                 "the file is empty");
    snprintf(path, sizeof path, "%s", f->root);
    snprintf(other, sizeof other, "%s/x.npy", f->root);
    assert_ok(f->context, file_write(f->context, other, "\x93NUMPY\1\0", 8));
    context_begin(f->context);
    assert_fails(f->context, dataset_open(&f->d, f->context, paths, 2, NULL), TACIT_ARGUMENT,
                 "the parts of a data set must be alike");
    assert_null(f->d);
}

/* ---- bad examples ---- */

static void bad_examples_are_errors_unless_skipped(void **state)
{
    test_data *f = *state;
    image got;
    char name[100];
    damage(f, "even/02.png");
    damage(f, "odd/11.png");
    assert_ok(f->context, test_data_open(f, NULL));
    assert_fails(f->context, dataset_read(f->d, 1, &f->s, &got), TACIT_FORMAT, "even/02.png: damaged PNG");
    for (int threads = 1; threads <= 4; threads += 3) {
        f->context->threads = threads;
        assert_ok(f->context,
                  test_data_open(f, &(dataset_options){.skip_bad = true, .cache_bytes = 1 << 20}));
        assert_int_equal(f->d->count, COUNT - 2);
        assert_int_equal(f->context->status, TACIT_OK);
        for (int64_t i = 0; i < f->d->count; i++) {
            const int64_t stored = i < 1 ? i : i + 1;
            assert_ok(f->context, dataset_read(f->d, i, &f->s, &got));
            assert_int_equal(got.pixels[SIDE * SIDE - 1], byte_of(stored));
            assert_int_equal(f->d->labels[i], stored >= COUNT / 2);
        }
        dataset_name(f->d, 1, name, sizeof name);
        assert_string_equal(name, "even/04.png");
        const char *first = strstr(f->log.text, "left out: even/02.png: damaged PNG"),
                   *second = strstr(f->log.text, "left out: odd/11.png: damaged PNG"),
                   *sum = strstr(f->log.text, "2 of 12 examples could not be read and were left out");
        assert_true(first && second && sum && first < second && second < sum);
    }
}

static void nothing_good_is_an_error(void **state)
{
    test_data *f = *state;
    char path[600];
    for (int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "%s/%02d.png", i % 2 ? "odd" : "even", i);
        damage(f, path);
    }
    assert_fails(f->context, test_data_open(f, &(dataset_options){.skip_bad = true}), TACIT_FORMAT,
                 "all 12 examples are bad, the last one: odd/11.png: damaged PNG");
}

static void verification_can_be_cancelled(void **state)
{
    test_data *f = *state;
    tacit_context_cancel(f->context);
    assert_fails(f->context, test_data_open(f, &(dataset_options){.skip_bad = true}), TACIT_CANCELLED,
                 "stopped");
}

/* ---- cache ---- */

static void cached_examples_outlive_their_files(void **state)
{
    test_data *f = *state;
    char path[600];
    image first, again;
    assert_ok(f->context, test_data_open(f, &(dataset_options){.cache_bytes = UINT64_MAX}));
    assert_ok(f->context, dataset_read(f->d, 0, &f->s, &first));
    snprintf(path, sizeof path, "%s/even/00.png", f->root);
    assert_int_equal(unlink(path), 0);
    assert_ok(f->context, dataset_read(f->d, 0, &f->s, &again));
    assert_int_equal(again.pixels[0], 1);
    assert_true(again.height == SIDE && again.width == SIDE && again.channels == 1);
    assert_ok(f->context, test_data_open(f, &(dataset_options){.cache_bytes = 0}));
    assert_null(f->d->cache);
}

static void cache_stays_below_its_limit(void **state)
{
    test_data *f = *state;
    uint8_t pixels[1000] = {0};
    image got;
    cache *c;
    assert_ok(f->context, cache_create(&c, f->context, 10, 100));
    assert_null(c); /* the table alone is larger; NULL is an empty cache */
    cache_put(c, 0, (image){1, 1000, 1, pixels});
    assert_false(cache_get(c, 0, &got));
    assert_ok(f->context, cache_create(&c, f->context, 10, 3000));
    int kept = 0;
    for (int64_t i = 0; i < 10; i++)
        cache_put(c, i, (image){1, 1000, 1, pixels});
    for (int64_t i = 0; i < 10; i++)
        kept += cache_get(c, i, &got);
    assert_int_equal(kept, 2);
    cache_put(c, 9, (image){1, 1, 1, pixels}); /* a small one still fits */
    assert_true(cache_get(c, 9, &got));
    cache_destroy(c);
}

typedef struct reading {
    const dataset *d;
    scratch *scratches;
    int wrong[4]; /* of each worker */
} reading;

static void read_one(void *user, int64_t i, int worker)
{
    reading *r = user;
    image got;
    const int64_t example = i * 5 % COUNT; /* every example from several workers */
    const tacit_status status = dataset_read(r->d, example, &r->scratches[worker], &got);
    r->wrong[worker] += status != TACIT_OK || got.pixels[0] != byte_of(example) ||
                        got.pixels[SIDE * SIDE - 1] != byte_of(example);
}

static void workers_read_the_same_with_any_cache(void **state)
{
    test_data *f = *state;
    const uint64_t limits[] = {0, 700, UINT64_MAX};
    scratch scratches[4];
    team *workers;
    assert_ok(f->context, team_create(&workers, f->context, 4, NULL));
    for (int i = 0; i < 4; i++)
        scratch_init(&scratches[i], f->context);
    for (int k = 0; k < 3; k++) {
        assert_ok(f->context, test_data_open(f, &(dataset_options){.cache_bytes = limits[k]}));
        reading r = {f->d, scratches, {0}};
        team_run(workers, 20 * COUNT, read_one, &r);
        assert_int_equal(r.wrong[0] + r.wrong[1] + r.wrong[2] + r.wrong[3], 0);
    }
    for (int i = 0; i < 4; i++)
        scratch_fini(&scratches[i]);
    team_destroy(workers);
}

/* ---- from memory ---- */

static void memory_is_copied_and_checked(void **state)
{
    test_data *f = *state;
    uint8_t pixels[2 * 2 * 3 * 3];
    int32_t labels[] = {2, 0};
    image got;
    char name[50];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)i;
    assert_ok(f->context, dataset_from_memory(&f->d, f->context, pixels, 2, 2, 3, 3, labels));
    memset(pixels, 0, sizeof pixels);
    labels[0] = 9;
    assert_ok(f->context, dataset_read(f->d, 1, &f->s, &got));
    assert_true(got.height == 2 && got.width == 3 && got.channels == 3);
    assert_int_equal(got.pixels[0], 18);
    assert_int_equal(got.pixels[17], 35);
    assert_true(f->d->labels[0] == 2 && f->d->label_count == 3 && f->d->height == 2 && f->d->width == 3);
    dataset_name(f->d, 1, name, sizeof name);
    assert_string_equal(name, "example 1");
    dataset *d;
    labels[1] = -1;
    assert_fails(f->context, dataset_from_memory(&d, f->context, pixels, 2, 2, 3, 3, labels), TACIT_ARGUMENT,
                 "label -1 of example 1");
    context_begin(f->context);
    assert_fails(f->context, dataset_from_memory(&d, f->context, pixels, 0, 2, 3, 3, NULL), TACIT_ARGUMENT,
                 "0 pictures of 3 x 2");
    context_begin(f->context);
    assert_fails(f->context, dataset_from_memory(&d, f->context, pixels, 1, 2, 3, 2, NULL), TACIT_ARGUMENT,
                 "channels: 2");
    context_begin(f->context);
    assert_fails(f->context,
                 dataset_from_memory(&d, f->context, pixels, INT64_MAX, 1 << 30, 1 << 30, 3, NULL),
                 TACIT_ARGUMENT, "more than fit in memory");
}

/* ---- failing memory ---- */

/* Each allocation in turn fails: told as such or, where memory only saves time, made do without; nothing
 * leaks. */
static void each_failed_allocation_is_survived(void **state)
{
    const test_data *f = *state;
    test_memory m = {0};
    const dataset_options options = {.skip_bad = true, .cache_bytes = 1 << 20, .limit = 3};
    const char *path = f->root;
    tacit_context *context = test_context_on(&m);
    context->threads = 1;
    int64_t failed = 0, fail_at = 0;
    const int64_t before = m.alive;
    do {
        dataset *d;
        image got;
        scratch s;
        scratch_init(&s, context);
        context_begin(context);
        m.calls = 0;
        m.fail_at = ++fail_at;
        tacit_status status = dataset_open(&d, context, &path, 1, &options);
        if (status == TACIT_OK)
            status = dataset_read(d, 2, &s, &got);
        if (status != TACIT_OK && status != TACIT_NOMEM)
            fail_msg("allocation %d: %s", (int)fail_at, tacit_context_message(context));
        failed += status == TACIT_NOMEM;
        dataset_close(d);
        scratch_fini(&s);
        assert_int_equal(m.alive, before);
    } while (m.calls >= m.fail_at && fail_at < 1000);
    assert_true(failed > 20 && fail_at < 1000);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(limit_keeps_the_first),
        TEST(options_are_checked),
        TEST(what_can_not_be_opened_is_named),
        TEST(bad_examples_are_errors_unless_skipped),
        TEST(nothing_good_is_an_error),
        TEST(verification_can_be_cancelled),
        TEST(cached_examples_outlive_their_files),
        TEST(cache_stays_below_its_limit),
        TEST(workers_read_the_same_with_any_cache),
        TEST(memory_is_copied_and_checked),
        TEST(each_failed_allocation_is_survived),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
