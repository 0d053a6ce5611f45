/* Files and folders of texts: which they are, what an example is, what it is called; every refusal, with its
 * place. */
#include "text_support.h"

#include <unistd.h>

enum { CHUNK = 1 << 20, MANY = 257 };

static tacit_context *context;
static test_log lines;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_without_sync(context);
    test_keep_log(context, &lines);
    test_folder("text-files");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tacit_context_destroy(context);
    return 0;
}

static tacit_status open_at(dataset **d, const char *name, const dataset_options *options)
{
    const char *path = test_at(name);
    context_begin(context);
    lines.text[0] = '\0';
    return dataset_open(d, context, &path, 1, options);
}

static dataset *opens(const char *name, const dataset_options *options, int64_t count)
{
    dataset *d;
    assert_ok(context, open_at(&d, name, options));
    assert_int_equal(d->count, count);
    assert_true(d->texts && !d->paired && !d->table && d->channels == 1);
    assert_string_equal(dataset_kind(d), "texts");
    return d;
}

static dataset *opens_text(const char *name, const char *text, const dataset_options *options, int64_t count)
{
    test_put_text(context, name, text, strlen(text));
    return opens(name, options, count);
}

static void refuses(const char *name, const dataset_options *options, tacit_status status, const char *part)
{
    dataset *d;
    assert_fails(context, open_at(&d, name, options), status, part);
    assert_null(d);
}

static void refuses_text(const char *name, const char *text, const dataset_options *options,
                         tacit_status status, const char *part)
{
    test_put_text(context, name, text, strlen(text));
    refuses(name, options, status, part);
}

static const dataset_options by_line = {.unit = "line"}, by_byte = {.any_bytes = true};

/* ---- what an example is ---- */

static void a_file_is_a_text(void **state)
{
    (void)state;
    static const char *const units[] = {NULL, "auto", "file"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const dataset_options options = {.unit = units[i]};
        dataset *d = opens_text("whole.txt", "one\r\n\n two\n", &options, 1);
        assert_text(d, 0, "one\r\n\n two\n");
        test_name_is(d, 0, "whole.txt");
        test_name_is(d, 1, "example 1");
        assert_true(!d->labels && d->height == 0);
        dataset_close(d);
    }
}

static void endings_are_known_in_any_case(void **state)
{
    (void)state;
    static const char *const names[] = {"a.txt", "a.TXT", "a.text", "a.md", "a.rst", "a.log"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        dataset_close(opens_text(names[i], "1,2\n3,4\n", NULL, 1));
    for (size_t i = 0; i < 3; i++) {
        static const char *const packed[] = {"g.txt.gz", "g.text.gz", "g.md.gz"};
        test_put_gzip(test_at(packed[i]), "packed \xc3\xa9\n", 10);
        dataset *d = opens(packed[i], NULL, 1);
        assert_text(d, 0, "packed \xc3\xa9\n");
        dataset_close(d);
    }
}

static void a_line_is_a_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"ab\n\ncd\r\n\r\n\xc3\xa9", "ab\r\n\ncd\n\n\xc3\xa9\n",
                                        "\357\273\277ab\n\ncd\n\n\xc3\xa9\r\n", "ab\n\ncd\n\n\xc3\xa9\r"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        dataset *d = opens_text("lines.txt", texts[i], &by_line, 3);
        assert_text(d, 0, "ab");
        assert_text(d, 1, "cd");
        assert_text(d, 2, "\xc3\xa9");
        test_name_is(d, 0, "lines.txt:1");
        test_name_is(d, 2, "lines.txt:5");
        assert_non_null(strstr(lines.text, "lines.txt: 2 lines with nothing in them are no examples"));
        dataset_close(d);
    }
    dataset *d = opens_text("lines.txt", "a\rb\r\r\n \n", &by_line, 2);
    assert_text(d, 0, "a\rb\r"); /* only the last is of the end of the line */
    assert_text(d, 1, " ");
    assert_string_equal(lines.text, "");
    dataset_close(d);
}

static void a_mark_is_no_text(void **state)
{
    (void)state;
    dataset *d = opens_text("mark.txt", "\357\273\277after", NULL, 1);
    assert_text(d, 0, "after");
    dataset_close(d);
    d = opens_text("mark.txt", "\xef\xbb\xbf\xef\xbb\xbf", NULL, 1);
    assert_text(d, 0, "\xef\xbb\xbf");
    dataset_close(d);
    d = opens_text("mark.txt", "\xef\xbb\xbf", &by_byte, 1);
    assert_text(d, 0, "\xef\xbb\xbf");
    dataset_close(d);
}

static void any_bytes_are_taken(void **state)
{
    (void)state;
    static const char bytes[] = "\xff\xfe\0\r\n\x80";
    test_put(test_at("data.bin"), bytes, sizeof bytes - 1);
    dataset *d = opens("data.bin", &by_byte, 1);
    test_text_is(d, 0, TEXT_FIRST, bytes, sizeof bytes - 1);
    assert_string_equal(d->format->name, "text");
    dataset_close(d);
    d = opens("data.bin", &(dataset_options){.any_bytes = true, .unit = "line"}, 2);
    test_text_is(d, 0, TEXT_FIRST, bytes, 3);
    assert_text(d, 1, "\x80");
    dataset_close(d);
}

static void the_first_are_kept(void **state)
{
    (void)state;
    dataset *d = opens_text("some.txt", "a\nb\nc\n", &(dataset_options){.unit = "line", .limit = 2}, 2);
    assert_text(d, 1, "b");
    dataset_close(d);
}

/* ---- long files ---- */

/* `size` letters, and from byte `at` on these instead. */
static char *long_text(size_t size, size_t at, const char *text)
{
    char *out = malloc(size + 1);
    assert_non_null(out);
    memset(out, 'x', size);
    memcpy(out + at, text, strlen(text));
    out[size] = '\0';
    return out;
}

static void characters_cross_the_border_of_pieces(void **state)
{
    (void)state;
    for (size_t before = 0; before < 4; before++) {
        char *text = long_text(CHUNK + 100, CHUNK - before, "\xf0\x9f\x98\x80");
        dataset_close(opens_text("long.txt", text, NULL, 1));
        free(text);
    }
}

static void what_is_wrong_at_the_border_is_placed(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\x9f", "\xf0\x9f\x98z", "\xe4\xb8z", "\xed\xa0\x80", "\xc0\x80"};
    char part[128];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t before = 0; before < 4; before++) {
            const size_t at = CHUNK - before;
            char *text = long_text(CHUNK + 100, at, wrong[i]);
            snprintf(part, sizeof part, "long.txt: byte %zu (0x%02x) is not UTF-8: expected a text", at,
                     (unsigned)(uint8_t)wrong[i][0]);
            refuses_text("long.txt", text, NULL, TACIT_FORMAT, part);
            refuses("long.txt", &by_line, TACIT_FORMAT, part);
            free(text);
        }
}

static void line_ends_cross_the_border_of_pieces(void **state)
{
    (void)state;
    for (size_t before = 0; before < 4; before++) {
        char *text = long_text(CHUNK + 100, CHUNK - before, "\r\n\r\n\r");
        dataset *d = opens_text("long.txt", text, &by_line, 2);
        test_text_is(d, 0, TEXT_FIRST, text, CHUNK - before);
        test_text_is(d, 1, TEXT_FIRST, text + CHUNK - before + 4, 96 + before);
        test_name_is(d, 1, "long.txt:3");
        dataset_close(d);
        free(text);
    }
}

/* ---- folders ---- */

static void folders_are_labels(void **state)
{
    (void)state;
    test_put_text(context, "two/pos/b.txt", "b\nbb", 4);
    test_put_text(context, "two/pos/a.md", "a", 1);
    test_put_text(context, "two/neg/deep/c.log", "c", 1);
    test_put_text(context, "two/neg/more.json", "{}", 2);
    test_put_text(context, "two/neg/.hidden.txt", "h", 1);
    dataset *d = opens("two", NULL, 3);
    assert_non_null(strstr(lines.text, "two: 2 files that are not named like texts were ignored"));
    test_name_is(d, 0, "neg/deep/c.log");
    assert_text(d, 1, "a");
    assert_int_equal(d->label_count, 2);
    assert_true(d->labels[0] == 0 && d->labels[1] == 1 && d->labels[2] == 1);
    assert_string_equal(d->label_names[1], "pos");
    dataset_close(d);
    d = opens("two", &by_line, 4);
    assert_true(d->labels[0] == 0 && d->labels[2] == 1 && d->labels[3] == 1);
    test_name_is(d, 3, "pos/b.txt:2");
    dataset_close(d);
    d = opens("two", &(dataset_options){.only = "pos"}, 2);
    assert_text(d, 0, "a");
    dataset_close(d);
}

static void splits_are_told_of_as_texts(void **state)
{
    (void)state;
    test_put_text(context, "parts/train/a/1.txt", "1", 1);
    test_put_text(context, "parts/train/b/2.txt", "2", 1);
    test_put_text(context, "parts/test/b/3.txt", "3", 1);
    dataset *d = opens("parts", NULL, 2);
    assert_non_null(strstr(lines.text, "parts: 2 of 3 texts are of the split \"train\""));
    dataset_close(d);
    d = opens("parts", &(dataset_options){.split = "test"}, 1);
    assert_text(d, 0, "3");
    assert_true(d->labels[0] == 1 && d->label_count == 2);
    dataset_close(d);
    test_put_text(context, "loose/x/1.txt", "1", 1);
    test_put_text(context, "loose/2.txt", "2", 1);
    d = opens("loose", NULL, 2);
    assert_non_null(strstr(lines.text, "no labels: 1 of 2 texts are in no folder"));
    dataset_close(d);
    refuses("loose", &(dataset_options){.split = "test"}, TACIT_ARGUMENT, "no folder \"test\" in it");
}

static void texts_are_found_at_any_depth(void **state)
{
    (void)state;
    test_put_text(context, "deep/1/2/3/4/5/6/7/8/9/10/11/a.txt", "a", 1);
    assert_int_equal(symlink("../1", test_at("deep/1/round")), 0);
    dataset_close(opens("deep", NULL, 1));
}

static void pictures_decide_what_a_folder_is(void **state)
{
    (void)state;
    test_put_text(context, "mixed/a.txt", "a", 1);
    test_put_text(context, "mixed/b/c.png", "no picture", 10);
    refuses("mixed", NULL, TACIT_FORMAT, "c.png");
    test_put_text(context, "hidden/a.txt", "a", 1);
    test_put_text(context, "hidden/picture", "\x89PNG\r\n\x1a\n", 8);
    refuses("hidden", NULL, TACIT_FORMAT, "picture");
    dataset_close(opens("mixed", &by_byte, 1));
}

static void folders_without_texts(void **state)
{
    (void)state;
    test_put_text(context, "none/a.bin", "a", 1);
    refuses("none", NULL, TACIT_FORMAT, "none: no pictures found in this folder");
    refuses("none", &by_byte, TACIT_FORMAT, "none: no texts in it: expected files named .txt or .md");
    test_put_text(context, "named.txt/a.bin", "a", 1);
    test_put_text(context, "holds/notes.md/a.bin", "a", 1);
    refuses("holds", NULL, TACIT_FORMAT, "no texts in it");
}

/* ---- several paths ---- */

static void several_are_one_data_set(void **state)
{
    (void)state;
    dataset *d;
    char first[600], second[600];
    test_put_text(context, "m/1.txt", "one", 3);
    test_put_text(context, "m/2.txt", "two", 3);
    test_put_text(context, "m/3.jsonl", "{}", 2);
    snprintf(first, sizeof first, "%s", test_at("m/2.txt"));
    snprintf(second, sizeof second, "%s", test_at("m/1.txt"));
    const char *paths[] = {first, second};
    context_begin(context);
    assert_ok(context, dataset_open(&d, context, paths, 2, NULL));
    assert_int_equal(d->count, 2);
    assert_text(d, 0, "two");
    test_name_is(d, 1, second); /* the whole path tells them apart */
    dataset_close(d);
    snprintf(second, sizeof second, "%s", test_at("m/3.jsonl"));
    assert_fails(context, dataset_open(&d, context, paths, 2, NULL), TACIT_ARGUMENT, "must be alike");
    context_begin(context);
    assert_ok(context, dataset_open(&d, context, paths, 2, &by_byte));
    assert_int_equal(d->count, 2);
    dataset_close(d);
}

/* `count` texts "0", "1", ... of three bytes, in a folder. */
static void put_many(const char *folder, int count)
{
    char name[64], text[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%03d.txt", folder, i);
        snprintf(text, sizeof text, "%03d", i);
        test_put_text(context, name, text, 3);
    }
}

/* More files than may stay open are opened for each read, so they can be others by then. */
static void many_files_are_opened_for_each_read(void **state)
{
    (void)state;
    scratch s;
    text_piece got;
    scratch_init(&s, context);
    put_many("many", MANY);
    test_put_gzip(test_at("many/packed.txt.gz"), "packed", 6);
    dataset *d = opens("many", NULL, MANY + 1);
    assert_text(d, 0, "000");
    assert_text(d, MANY - 1, "256");
    assert_text(d, MANY, "packed");
    test_put_gzip(test_at("many/001.txt"), "001", 3);
    assert_fails(context, dataset_read_text(d, 1, TEXT_FIRST, 0, 3, &s, &got), TACIT_FORMAT,
                 "001.txt: the file has changed since it was opened");
    context_begin(context);
    test_put(test_at("many/002.txt"), "00", 2);
    assert_fails(context, dataset_read_text(d, 2, TEXT_FIRST, 0, 3, &s, &got), TACIT_FORMAT,
                 "002.txt: ends early: the file has changed");
    context_begin(context);
    test_put(test_at("many/003.txt"), "", 0);
    assert_fails(context, dataset_read_text(d, 3, TEXT_FIRST, 0, 3, &s, &got), TACIT_FORMAT, "003.txt");
    context_begin(context);
    assert_int_equal(unlink(test_at("many/004.txt")), 0);
    assert_fails(context, dataset_read_text(d, 4, TEXT_FIRST, 0, 3, &s, &got), TACIT_IO,
                 "004.txt: cannot open");
    context_begin(context);
    assert_text(d, 5, "005");
    scratch_fini(&s);
    dataset_close(d);
}

static void a_file_that_becomes_shorter_is_an_error(void **state)
{
    (void)state;
    scratch s;
    text_piece got;
    scratch_init(&s, context);
    dataset *d = opens_text("short.txt", "some text", NULL, 1);
    assert_int_equal(truncate(test_at("short.txt"), 4), 0);
    assert_fails(context, dataset_read_text(d, 0, TEXT_FIRST, 0, 9, &s, &got), TACIT_FORMAT,
                 "short.txt: ends early: the file has changed since it was opened");
    dataset_close(d);
    scratch_fini(&s);
}

/* ---- refusals ---- */

static void texts_that_are_none(void **state)
{
    (void)state;
    refuses_text("e.txt", "", NULL, TACIT_FORMAT, "e.txt: the file is empty");
    refuses("e.txt", &by_byte, TACIT_FORMAT, "e.txt: the file is empty");
    refuses_text("e.txt", "\xef\xbb\xbf", NULL, TACIT_FORMAT, "e.txt: there is no text in it");
    refuses_text("e.txt", "\n\r\n\n", &by_line, TACIT_FORMAT, "e.txt: there is no text in it");
    test_put_gzip(test_at("e.txt.gz"), "", 0);
    refuses("e.txt.gz", NULL, TACIT_FORMAT, "e.txt.gz: there is no text in it");
    refuses_text("e.txt", "ab\xff\n", NULL, TACIT_FORMAT,
                 "e.txt: byte 2 (0xff) is not UTF-8: expected a text; --bytes takes any file");
    refuses_text("e.txt", "ab\n\xe4\xb8", &by_line, TACIT_FORMAT, "e.txt: byte 3 (0xe4) is not UTF-8");
    refuses_text("e.txt", "\357\273\277a\xff", NULL, TACIT_FORMAT, "e.txt: byte 4 (0xff)");
    refuses("nowhere.txt", NULL, TACIT_IO, "nowhere.txt");
    refuses("nowhere.txt", &by_byte, TACIT_IO, "nowhere.txt: cannot open");
}

static void a_cut_gzip_is_an_error(void **state)
{
    (void)state;
    char text[3000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 23);
    test_put_gzip(test_at("cut.txt.gz"), text, sizeof text);
    assert_int_equal(truncate(test_at("cut.txt.gz"), 40), 0);
    refuses("cut.txt.gz", NULL, TACIT_FORMAT, "cut.txt.gz");
    refuses("cut.txt.gz", &by_line, TACIT_FORMAT, "cut.txt.gz");
}

/* One bad file among others is an error, whatever --skip-bad says, and that is said. */
static void bad_texts_are_never_left_out(void **state)
{
    (void)state;
    const dataset_options skip = {.skip_bad = true};
    test_put_text(context, "bad/1.txt", "fine", 4);
    dataset_close(opens("bad", &skip, 1));
    assert_non_null(strstr(lines.text, "--skip-bad is for pictures: a bad text is always an error"));
    test_put_text(context, "bad/2.txt", "", 0);
    refuses("bad", &skip, TACIT_FORMAT, "2.txt: the file is empty");
}

static void options_of_other_kinds(void **state)
{
    (void)state;
    test_put_text(context, "o.txt", "text", 4);
    refuses("o.txt", &(dataset_options){.channels = 1}, TACIT_ARGUMENT, "texts have no grey or colour");
    refuses(
        "o.txt", &(dataset_options){.label = "kind"}, TACIT_ARGUMENT,
        "o.txt: --label names a column of a CSV table or a field of JSON lines, but this is of format text");
    refuses("o.txt", &(dataset_options){.field = "body"}, TACIT_ARGUMENT,
            "o.txt: --field names a field of JSON lines, but this is of format text");
    refuses("o.txt", &(dataset_options){.pair = "body"}, TACIT_ARGUMENT, "o.txt: --pair names a field");
    test_put_text(context, "o.csv", "1,2\n3,4\n", 8);
    refuses("o.csv", &(dataset_options){.field = "1"}, TACIT_ARGUMENT,
            "o.csv: --field names a field of JSON lines, but this is of format csv");
    dataset_close(opens(
        "o.txt", &(dataset_options){.label = "l", .field = "f", .pair = "p", .columns_may_lack = true}, 1));
    dataset_close(opens("o.txt", &(dataset_options){.label = "", .field = "", .pair = ""}, 1));
}

static void other_readers_refuse_texts(void **state)
{
    (void)state;
    image picture;
    const float *row;
    text_piece got;
    scratch s;
    const uint8_t pixel = 7;
    scratch_init(&s, context);
    dataset *d = opens_text("t.txt", "text", NULL, 1);
    assert_fails(context, dataset_read(d, 0, &s, &picture), TACIT_ARGUMENT,
                 "the examples are texts: expected pictures");
    context_begin(context);
    assert_fails(context, dataset_read_row(d, 0, &row), TACIT_ARGUMENT, "texts: expected rows of a table");
    context_begin(context);
    assert_fails(context, dataset_read_text(d, 0, TEXT_SECOND, 0, 1, &s, &got), TACIT_ARGUMENT,
                 "expected two texts each, by --pair");
    context_begin(context);
    assert_fails(context, dataset_read_text(d, 1, TEXT_FIRST, 0, 1, &s, &got), TACIT_ARGUMENT,
                 "example 1 is outside 0 to 0");
    dataset_close(d);
    context_begin(context);
    assert_ok(context, dataset_from_memory(&d, context, &pixel, 1, 1, 1, 1, NULL));
    assert_fails(context, dataset_read_text(d, 0, TEXT_FIRST, 0, 1, &s, &got), TACIT_ARGUMENT,
                 "the examples are pictures: expected texts");
    dataset_close(d);
    scratch_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_a_text),
        cmocka_unit_test(endings_are_known_in_any_case),
        cmocka_unit_test(a_line_is_a_text),
        cmocka_unit_test(a_mark_is_no_text),
        cmocka_unit_test(any_bytes_are_taken),
        cmocka_unit_test(the_first_are_kept),
        cmocka_unit_test(characters_cross_the_border_of_pieces),
        cmocka_unit_test(what_is_wrong_at_the_border_is_placed),
        cmocka_unit_test(line_ends_cross_the_border_of_pieces),
        cmocka_unit_test(folders_are_labels),
        cmocka_unit_test(splits_are_told_of_as_texts),
        cmocka_unit_test(texts_are_found_at_any_depth),
        cmocka_unit_test(pictures_decide_what_a_folder_is),
        cmocka_unit_test(folders_without_texts),
        cmocka_unit_test(several_are_one_data_set),
        cmocka_unit_test(many_files_are_opened_for_each_read),
        cmocka_unit_test(a_file_that_becomes_shorter_is_an_error),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(a_cut_gzip_is_an_error),
        cmocka_unit_test(bad_texts_are_never_left_out),
        cmocka_unit_test(options_of_other_kinds),
        cmocka_unit_test(other_readers_refuse_texts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
