/* JSON lines: which field is the text, second texts, labels; every refusal, with its line. */
#include "text_support.h"

#include <unistd.h>

enum { RECORD_MOST = 1 << 28 };

static tacit_context *context;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_without_sync(context);
    test_folder("jsonl");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

static tacit_status open_lines(dataset **d, const char *text, const dataset_options *options)
{
    const char *path = test_at("a.jsonl");
    test_put(path, text, strlen(text));
    context_begin(context);
    return dataset_open(d, context, &path, 1, options);
}

static dataset *opens(const char *text, const dataset_options *options, int64_t count)
{
    dataset *d;
    assert_ok(context, open_lines(&d, text, options));
    assert_int_equal(d->count, count);
    assert_true(d->texts && d->channels == 1 && !d->table);
    return d;
}

static void refuses(const char *text, const dataset_options *options, tacit_status status, const char *part)
{
    dataset *d;
    assert_fails(context, open_lines(&d, text, options), status, part);
    assert_null(d);
}

/* ---- texts ---- */

static void a_record_is_a_text(void **state)
{
    (void)state;
    dataset *d = opens("{\"text\": \"one \\u00e9\\n\"}\r\n\n{\"n\": 1.5, \"text\": \"a\\u0000b\"}", NULL, 2);
    assert_text(d, 0, "one \xc3\xa9\n");
    test_text_is(d, 1, TEXT_FIRST, "a\0b", 3);
    test_name_is(d, 0, "a.jsonl:1");
    test_name_is(d, 1, "a.jsonl:3");
    assert_true(!d->labels && !d->paired);
    dataset_close(d);
    d = opens("\xef\xbb\xbf{\"text\": \"x\"}\n", &(dataset_options){.field = ""}, 1);
    assert_text(d, 0, "x");
    dataset_close(d);
}

static void units_and_limits(void **state)
{
    (void)state;
    static const char *const units[] = {"auto", "file", "line"};
    for (size_t i = 0; i < 3; i++)
        dataset_close(
            opens("{\"text\": \"a\\nb\"}\n{\"text\": \"c\"}\n", &(dataset_options){.unit = units[i]}, 2));
    dataset_close(opens("{\"text\": \"a\"}\n{\"text\": \"c\"}\n", &(dataset_options){.limit = 1}, 1));
}

static void fields_have_names(void **state)
{
    (void)state;
    static const char record[] = "{\"text\": \"no\", \"body\": \"yes\", \"the title\": \"also\"}\n";
    dataset *d = opens(record, &(dataset_options){.field = "body", .pair = "the title"}, 1);
    assert_true(d->paired);
    assert_text(d, 0, "yes");
    test_text_is(d, 0, TEXT_SECOND, "also", 4);
    dataset_close(d);
    d = opens(record, &(dataset_options){.pair = "body"}, 1);
    assert_text(d, 0, "no");
    test_text_is(d, 0, TEXT_SECOND, "yes", 3);
    dataset_close(d);
}

/* Both texts of a pair may be held at once. */
static void both_of_a_pair_are_there(void **state)
{
    (void)state;
    scratch s;
    text_piece a, b;
    scratch_init(&s, context);
    dataset *d = opens("{\"text\": \"first\", \"b\": \"second\"}", &(dataset_options){.pair = "b"}, 1);
    assert_ok(context, dataset_read_text(d, 0, TEXT_FIRST, 0, 99, &s, &a));
    assert_ok(context, dataset_read_text(d, 0, TEXT_SECOND, 0, 99, &s, &b));
    assert_memory_equal(a.bytes, "first", 5);
    assert_memory_equal(b.bytes, "second", 6);
    dataset_close(d);
    scratch_fini(&s);
}

static void endings_and_gzip(void **state)
{
    (void)state;
    static const char *const names[] = {"b.ndjson", "b.JSONL", "b.jsonl.gz", "b.ndjson.gz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        dataset *d;
        const char *path = test_at(names[i]);
        if (i < 2)
            test_put(path, "{\"text\":\"t\"}", 12);
        else
            test_put_gzip(path, "{\"text\":\"t\"}", 12);
        assert_ok(context, test_open(&d, context, path, NULL));
        assert_string_equal(d->format->name, "jsonl");
        assert_text(d, 0, "t");
        dataset_close(d);
    }
    assert_int_equal(truncate(test_at("b.jsonl.gz"), 20), 0);
    test_refuses(context, test_at("b.jsonl.gz"), NULL, TACIT_FORMAT, "b.jsonl.gz");
}

/* ---- labels ---- */

static void labels_are_texts(void **state)
{
    (void)state;
    const dataset_options by_kind = {.label = "kind"};
    dataset *d = opens("{\"text\":\"a\",\"kind\":\"pear\"}\n{\"text\":\"b\",\"kind\":\"apple\"}\n"
                       "{\"text\":\"c\",\"kind\":true}\n{\"text\":\"d\",\"kind\":-3}\n",
                       &by_kind, 4);
    assert_int_equal(d->label_count, 4);
    assert_string_equal(d->label_names[0], "-3");
    assert_string_equal(d->label_names[3], "true");
    assert_true(d->labels[0] == 2 && d->labels[1] == 1 && d->labels[2] == 3 && d->labels[3] == 0);
    dataset_close(d);
    d = opens("{\"text\":\"a\",\"kind\":false}\n{\"text\":\"b\",\"kind\":true}\n", &by_kind, 2);
    assert_string_equal(d->label_names[0], "false");
    dataset_close(d);
    d = opens("{\"text\":\"a\",\"kind\":\"x\"}\n{\"text\":\"b\",\"kind\":\"y\"}\n",
              &(dataset_options){.label = "kind", .only = "y"}, 1);
    assert_text(d, 0, "b");
    dataset_close(d);
}

static void labels_are_numbers(void **state)
{
    (void)state;
    dataset *d = opens("{\"text\":\"a\",\"kind\":7}\n{\"text\":\"b\",\"kind\":\"2\"}\n",
                       &(dataset_options){.label = "kind"}, 2);
    assert_null(d->label_names);
    assert_true(d->labels[0] == 7 && d->labels[1] == 2 && d->label_count == 8);
    dataset_close(d);
}

static void labels_that_are_none(void **state)
{
    (void)state;
    const dataset_options by_kind = {.label = "kind"};
    static const char *const values[] = {"null", "1.5", "[1]", "{}"};
    char text[128];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(text, sizeof text, "{\"text\":\"a\",\"kind\":1}\n{\"text\":\"b\",\"kind\":%s}\n", values[i]);
        refuses(text, &by_kind, TACIT_FORMAT,
                "a.jsonl: line 2: field \"kind\" of --label is neither: expected a text or a whole number");
    }
    refuses("{\"text\":\"a\"}\n", &by_kind, TACIT_FORMAT,
            "a.jsonl: line 1: field \"kind\" of --label is not there: expected a text or a whole number");
}

/* ---- refusals ---- */

static void lines_that_are_no_records(void **state)
{
    (void)state;
    static const char *const lines[] = {"{\"text\":\"a\"",
                                        "{\"text\":\"a\"} x",
                                        "{'text':'a'}",
                                        " ",
                                        "{\"text\":\"\\ud800\"}",
                                        "7",
                                        "\"text\"",
                                        "{\"text\":\"a\",}",
                                        "{\"text\":\"a\"}{\"text\":\"a\"}"};
    char text[128];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(text, sizeof text, "{\"text\":\"a\"}\n\n%s\n", lines[i]);
        refuses(text, NULL, TACIT_FORMAT, "a.jsonl: line 3: not JSON: ");
    }
    refuses("[\"text\", 1]\n", NULL, TACIT_FORMAT, "a.jsonl: line 1: expected an object, {...}");
    refuses("{\"text\":\"a\",\"text\":\"b\"}\n", NULL, TACIT_FORMAT,
            "line 1: not JSON: duplicate object key");
    refuses("{\"text\":\"a\"}\n{\"text\":\"\xff\"}\n", NULL, TACIT_FORMAT,
            "a.jsonl: byte 22 (0xff) is not UTF-8");
    refuses("\n\n", NULL, TACIT_FORMAT, "a.jsonl: there is no text in it");
    refuses("", NULL, TACIT_FORMAT, "a.jsonl: the file is empty");
}

static void records_without_text(void **state)
{
    (void)state;
    const dataset_options pair = {.pair = "b"};
    refuses("{\"text\":\"a\"}\n{\"body\":\"a\",\"n\":1}\n", NULL, TACIT_FORMAT,
            "a.jsonl: line 2: there is no field \"text\"; its fields are \"body\", \"n\"");
    refuses("{}\n", NULL, TACIT_FORMAT, "there is no field \"text\"; its fields are none");
    refuses("{\"text\":7}\n", NULL, TACIT_FORMAT,
            "a.jsonl: line 1: field \"text\" is no text: expected a text");
    refuses("{\"text\":null}\n", NULL, TACIT_FORMAT, "field \"text\" is no text");
    refuses("{\"text\":\"\"}\n", NULL, TACIT_FORMAT, "field \"text\" is empty: expected a text");
    refuses("{\"text\":\"a\"}\n", &pair, TACIT_FORMAT,
            "line 1: there is no field \"b\"; its fields are \"text\"");
    refuses("{\"text\":\"a\",\"b\":\"\"}\n", &pair, TACIT_FORMAT, "field \"b\" is empty");
    refuses("{\"text\":\"a\",\"b\":[]}\n", &pair, TACIT_FORMAT, "field \"b\" is no text");
}

/* More names than a message has room for. */
static void many_fields_are_cut(void **state)
{
    (void)state;
    char text[8192];
    size_t used = (size_t)snprintf(text, sizeof text, "{\"first\":0");
    for (int i = 0; i < 100; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ",\"a rather long name of a field %d\":%d",
                                 i, i);
    snprintf(text + used, sizeof text - used, "}\n");
    refuses(text, NULL, TACIT_FORMAT, "its fields are \"first\", \"a rather long name of a field 0\", ");
    assert_in_range(strlen(tacit_context_message(context)), 400, 600);
}

/* The limit is told before the record is read; the file is a hole. */
static void a_huge_record_is_refused(void **state)
{
    (void)state;
    const char *path = test_at("huge.jsonl");
    char part[128];
    test_put(path, "{\"text\":\"a\"}\n", 13);
    assert_int_equal(truncate(path, 13 + RECORD_MOST + 1), 0);
    snprintf(part, sizeof part, "huge.jsonl: line 2: a record of %d bytes", RECORD_MOST + 1);
    test_refuses(context, path, NULL, TACIT_LIMIT, part);
    assert_int_equal(unlink(path), 0);
}

static void options_of_other_kinds(void **state)
{
    (void)state;
    static const char record[] = "{\"text\":\"a\"}\n";
    refuses(record, &(dataset_options){.channels = 3}, TACIT_ARGUMENT, "texts have no grey or colour");
    refuses(record, &(dataset_options){.only = "a"}, TACIT_ARGUMENT, "label");
    dataset_close(opens(record, &(dataset_options){.skip_bad = true}, 1));
    /* --bytes takes the lines as they are. */
    dataset *d = opens(record, &(dataset_options){.any_bytes = true}, 1);
    assert_text(d, 0, record);
    dataset_close(d);
}

static void several_files_are_one_data_set(void **state)
{
    (void)state;
    dataset *d;
    char first[600], second[600];
    snprintf(first, sizeof first, "%s", test_at("1.jsonl"));
    snprintf(second, sizeof second, "%s", test_at("2.jsonl"));
    test_put(first, "{\"text\":\"a\"}\n", 13);
    test_put(second, "\n{\"text\":\"b\"}\n", 14);
    const char *paths[] = {first, second};
    context_begin(context);
    assert_ok(context, dataset_open(&d, context, paths, 2, NULL));
    assert_int_equal(d->count, 2);
    assert_text(d, 1, "b");
    strcat(second, ":2");
    test_name_is(d, 1, second);
    dataset_close(d);
}

/* A record is read again each time, so it can be another by then. */
static void a_record_that_changes(void **state)
{
    (void)state;
    scratch s;
    text_piece got;
    const char *path = test_at("a.jsonl");
    scratch_init(&s, context);
    dataset *d = opens("{\"text\":\"abc\"}\n", NULL, 1);
    test_put(path, "{\"text\":\"ab\"x\n", 14);
    assert_fails(context, dataset_read_text(d, 0, TEXT_FIRST, 0, 9, &s, &got), TACIT_FORMAT, "not JSON");
    context_begin(context);
    test_put(path, "{\"tex_\":\"abc\"}\n", 15);
    assert_fails(context, dataset_read_text(d, 0, TEXT_FIRST, 0, 9, &s, &got), TACIT_FORMAT, "\"tex_\"");
    context_begin(context);
    test_put(path, "{}", 2);
    assert_fails(context, dataset_read_text(d, 0, TEXT_FIRST, 0, 9, &s, &got), TACIT_FORMAT, "has changed");
    dataset_close(d);
    scratch_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_a_text),        cmocka_unit_test(units_and_limits),
        cmocka_unit_test(fields_have_names),         cmocka_unit_test(both_of_a_pair_are_there),
        cmocka_unit_test(endings_and_gzip),          cmocka_unit_test(labels_are_texts),
        cmocka_unit_test(labels_are_numbers),        cmocka_unit_test(labels_that_are_none),
        cmocka_unit_test(lines_that_are_no_records), cmocka_unit_test(records_without_text),
        cmocka_unit_test(many_fields_are_cut),       cmocka_unit_test(a_huge_record_is_refused),
        cmocka_unit_test(options_of_other_kinds),    cmocka_unit_test(several_files_are_one_data_set),
        cmocka_unit_test(a_record_that_changes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
