/* Which examples count and which belong together, as a user says: labels that are kept, groups from a CSV,
 * and every error of both. */
#include "support.h"

#include "base/file.h"
#include "data/choice.h"

#include <stdio.h>
#include <string.h>

enum { COUNT = 6 };

static const int32_t of[COUNT] = {0, 1, 2, 1, 0, 2};

static dataset *make(tacit_context *context)
{
    static const uint8_t pixels[COUNT] = {10, 20, 30, 40, 50, 60};
    dataset *d;
    assert_ok(context, dataset_from_memory(&d, context, pixels, COUNT, 1, 1, 1, of));
    return d;
}

static void labels_are_kept_and_numbered_anew(void **state)
{
    (void)state;
    char name[LABEL_TEXT];
    scratch s;
    image x;
    tacit_context *context = test_context();
    dataset *d = make(context);
    scratch_init(&s, context);
    assert_ok(context, dataset_keep_labels(d, "2,0"));
    assert_int_equal(d->count, 4);
    assert_int_equal(d->label_count, 2);
    const int32_t labels[] = {1, 0, 1, 0};
    const uint8_t pixels[] = {10, 30, 50, 60};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(d->labels[i], labels[i]);
        assert_ok(context, dataset_read(d, i, &s, &x));
        assert_int_equal(x.pixels[0], pixels[i]);
    }
    dataset_label_text(d, 0, name, sizeof name);
    assert_string_equal(name, "2");
    assert_ok(context, dataset_keep_labels(d, "0")); /* of what is left */
    assert_int_equal(d->count, 2);
    assert_ok(context, dataset_read(d, 1, &s, &x));
    assert_int_equal(x.pixels[0], 50);
    dataset_close(d);
    scratch_fini(&s);
    tacit_context_destroy(context);
}

static void labels_that_are_not_there_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"3", "no label \"3\""}, {"0,0", "twice"}, {"", "no label \"\""}, {"0,", "no label \"\""}};
    tacit_context *context = test_context();
    dataset *d = make(context);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        context_begin(context);
        assert_fails(context, dataset_keep_labels(d, wrong[i][0]), TACIT_ARGUMENT, wrong[i][1]);
        assert_int_equal(d->count, COUNT);
    }
    memory_free(context, d->labels);
    d->labels = NULL;
    context_begin(context);
    assert_fails(context, dataset_keep_labels(d, "0"), TACIT_ARGUMENT, "no labels");
    dataset_close(d);
    tacit_context_destroy(context);
}

static void put_list(const char *text)
{
    test_put(test_at("groups.csv"), text, strlen(text));
}

static void groups_come_from_a_list(void **state)
{
    (void)state;
    char text[4096], name[256];
    size_t used = 0;
    tacit_context *context = test_context();
    dataset *d = make(context);
    test_folder("choice");
    used += (size_t)snprintf(text, sizeof text, "name,group\n\"not here\",zebra\n");
    for (int i = COUNT - 1; i >= 0; i--) {
        dataset_name(d, i, name, sizeof name);
        used += (size_t)snprintf(text + used, sizeof text - used, "\"%s\",%s\n", name, i % 2 ? "c" : "a");
    }
    put_list(text);
    assert_ok(context, dataset_read_groups(d, test_at("groups.csv")));
    assert_int_equal(d->group_count, 2);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(d->groups[i], i % 2);
    assert_ok(context, dataset_keep_labels(d, "1")); /* groups move with their examples */
    assert_int_equal(d->groups[0], 1);
    assert_int_equal(d->groups[1], 1);
    dataset_close(d);
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
}

static void lists_that_are_wrong_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"a,b,c\nd,e,f\n", ":1: 3 fields"},
        {"x,1\ny,2\nx,3\n", ":3: x is there twice"},
        {"name,group\nx,1\n", "groups.csv: the group of "},
        {"x,1\ny\n", "line 2"},
    };
    tacit_context *context = test_context();
    dataset *d = make(context);
    test_folder("choice");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_list(wrong[i][0]);
        context_begin(context);
        assert_fails(context, dataset_read_groups(d, test_at("groups.csv")), TACIT_FORMAT, wrong[i][1]);
        memory_free(context, d->groups);
        d->groups = NULL;
    }
    context_begin(context);
    assert_fails(context, dataset_read_groups(d, test_at("none.csv")), TACIT_IO, "none.csv");
    dataset_close(d);
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_kept_and_numbered_anew),
        cmocka_unit_test(labels_that_are_not_there_are_refused),
        cmocka_unit_test(groups_come_from_a_list),
        cmocka_unit_test(lists_that_are_wrong_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
