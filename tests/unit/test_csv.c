/* CSV tables: what opens to which numbers, header, quotes, categories, labels, groups; every refusal, with
 * its place. */
#include "support.h"

#include "base/file.h"

#include <locale.h>
#include <zlib.h>

static tacit_context *context;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_folder("csv");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

static tacit_status open_text(dataset **d, const char *text, const dataset_options *options)
{
    const char *path = test_at("a.csv");
    test_put(path, text, strlen(text));
    context_begin(context);
    return dataset_open(d, context, &path, 1, options);
}

/* The text opens to these rows (count, columns). */
static dataset *expect(const char *text, const dataset_options *options, int64_t count, int columns,
                       const float *values)
{
    dataset *d;
    const float *row;
    assert_ok(context, open_text(&d, text, options));
    assert_int_equal(d->count, count);
    assert_non_null(d->table);
    assert_int_equal(d->table->columns, columns);
    assert_int_equal(d->channels, columns);
    for (int64_t i = 0; i < count; i++) {
        assert_ok(context, dataset_read_row(d, i, &row));
        for (int c = 0; c < columns; c++) {
            const float want = values[i * columns + c];
            assert_true(isnan(want) ? isnan(row[c]) : row[c] == want);
        }
    }
    return d;
}

static void refuse(const char *text, const dataset_options *options, tacit_status status, const char *part)
{
    dataset *d;
    assert_fails(context, open_text(&d, text, options), status, part);
    assert_null(d);
}

static void test_numbers(void **state)
{
    (void)state;
    static const float values[6] = {1, 2.5f, -3e-2f, 4, 5, 600};
    static const char *const texts[] = {
        "1,2.5\n-3e-2,4\n5,6e2\n",
        "1,2.5\r\n-3e-2,4\r\n5,6e2",
        "a,b\n1,2.5\n-3e-2,4\n5,6e2\n",
        "\357\273\277a,b\n1,2.5\n-0.03,4\n5,600",
        "1;2.5\n-3e-2;4\n5;6e2\n",
        "1\t2.5\n-3e-2\t4\n5\t6e2\n",
        "\n \"1\", 2.5 \n\r\n-.03,\"4\"\n5,+600\n\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        dataset_close(expect(texts[i], NULL, 3, 2, values));
}

static void test_missing(void **state)
{
    (void)state;
    const float values[12] = {1, NAN, 3, NAN, 5, NAN, NAN, 8, NAN, 10, NAN, 12};
    dataset_close(
        expect("1,,3\nNA,5,nan\n?,8,\"\"\n10,N/A,12\n", &(dataset_options){.header = "no"}, 4, 3, values));
}

static void test_header(void **state)
{
    (void)state;
    char name[64];
    const float named[2] = {1, 2}, unnamed[4] = {7, 8, 1, 2};
    dataset *d = expect("\"x, y\",\"a \"\"b\"\"\nc\"\n1,2\n", NULL, 1, 2, named);
    assert_true(d->table->named);
    assert_string_equal(d->table->column[0].name, "x, y");
    assert_string_equal(d->table->column[1].name, "a \"b\"\nc");
    dataset_name(d, 0, name, sizeof name);
    assert_string_equal(name, "a.csv:3"); /* the line, behind a header of two */
    dataset_close(d);
    d = expect("7,8\n1,2\n", NULL, 2, 2, unnamed);
    assert_false(d->table->named);
    assert_string_equal(d->table->column[1].name, "2");
    dataset_close(d);
    d = expect("7,8\n1,2\n", &(dataset_options){.header = "yes"}, 1, 2, named);
    assert_string_equal(d->table->column[1].name, "8");
    dataset_close(d);
}

static void test_categories(void **state)
{
    (void)state;
    const float values[16] = {0, 1, 0, 1, 1, 0, 0, 2, NAN, NAN, NAN, 3, 0, 0, 1, 4};
    dataset *d = expect("colour,n\nred,1\nblue,2\n,3\nsky,4\n", NULL, 4, 4, values);
    assert_string_equal(d->table->column[0].category, "blue");
    assert_string_equal(d->table->column[2].category, "sky");
    assert_string_equal(d->table->column[2].name, "colour");
    assert_null(d->table->column[3].category);
    dataset_close(d);
}

static void test_labels_and_groups(void **state)
{
    (void)state;
    static const char text[] = "id,x,kind\nu2,1,pear\nu1,2,apple\nu2,3,pear\n";
    const float values[3] = {1, 2, 3};
    dataset *d = expect(text, &(dataset_options){.label = "kind", .group = "1"}, 3, 1, values);
    assert_int_equal(d->label_count, 2);
    assert_string_equal(d->label_names[1], "pear");
    assert_true(d->labels[0] == 1 && d->labels[1] == 0 && d->labels[2] == 1);
    assert_int_equal(d->group_count, 2);
    assert_true(d->groups[0] == 1 && d->groups[1] == 0 && d->groups[2] == 1);
    dataset_close(d);
    d = expect("1,9\n2,0\n3,9\n", &(dataset_options){.label = "2"}, 3, 1, values);
    assert_null(d->label_names);
    assert_true(d->labels[0] == 9 && d->labels[1] == 0 && d->label_count == 10);
    dataset_close(d);
    dataset_close(
        expect("1\n2\n3\n", &(dataset_options){.label = "kind", .columns_may_lack = true}, 3, 1, values));
    d = expect("1,9\n2,0\n3,9\n", &(dataset_options){.label = "2", .limit = 2}, 2, 1, values);
    dataset_close(d);
}

static void test_gzip(void **state)
{
    (void)state;
    dataset *d;
    const char *path = test_at("b.csv.gz");
    gzFile file = gzopen(path, "wb");
    assert_true(file && gzputs(file, "a,b\n1,2\n3,4\n") > 0 && gzclose(file) == Z_OK);
    assert_ok(context, test_open(&d, context, path, NULL));
    assert_true(d->count == 2 && d->table->values[3] == 4);
    dataset_close(d);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        tacit_status status;
        const char *part;
    } cases[] = {
        {"1,2\n3\n", TACIT_FORMAT, "a.csv: line 2 has 1 fields: expected 2, as line 1 has"},
        {"a,b\n1,2\n\n3,4,5\n", TACIT_FORMAT, "line 4 has 3 fields: expected 2"},
        {"a,b\n1,2\n3,abc\n4,5\n", TACIT_FORMAT, "a.csv: line 3, column \"b\": \"abc\" is not a number"},
        {"1,2\n3,inf\n", TACIT_FORMAT, "line 2, column \"2\": \"inf\" is not a finite number"},
        {"1,2\n-1e39,1\n", TACIT_FORMAT, "line 2, column \"1\": \"-1e39\" is not a finite number"},
        {"1,2\n3,1,5\n", TACIT_FORMAT, "line 2 has 3 fields"},
        {"1,\"2\n3,4\n", TACIT_FORMAT, "line 1: a quote that is never closed"},
        {"1,\"2\"3\n", TACIT_FORMAT, "line 1: text behind a closing quote"},
        {"\n\n", TACIT_FORMAT, "there are no rows in it"},
        {"a,b\n", TACIT_FORMAT, "0 rows"},
        {"a,b\n1,5\n2,1e400\n", TACIT_FORMAT, "1e400"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(cases[i].text, NULL, cases[i].status, cases[i].part);
    refuse("a,a\n1,2\n", &(dataset_options){.header = "yes"}, TACIT_FORMAT, "two columns are named \"a\"");
    refuse("a,b\n1,2\n", &(dataset_options){.label = "c"}, TACIT_ARGUMENT, "no column \"c\" for --label");
    refuse("a,b\n1,2\n", &(dataset_options){.label = "3"}, TACIT_ARGUMENT, "1 to 2");
    refuse("a,b\n1,2\n", &(dataset_options){.label = "a", .group = "a"}, TACIT_ARGUMENT,
           "both label and group");
    refuse("a,b\n1,2\n", &(dataset_options){.label = "a", .group = "b"}, TACIT_FORMAT, "no column of values");
    refuse("a,b\n1,2\n,3\n", &(dataset_options){.label = "a"}, TACIT_FORMAT, "line 3, column \"a\"");
    refuse("a,b\n1,2\n", &(dataset_options){.channels = 3}, TACIT_ARGUMENT, "no grey or colour");
}

static void test_zero_byte_and_many_texts(void **state)
{
    (void)state;
    char text[2048];
    const char *path = test_at("a.csv");
    size_t used = 0;
    test_put(path, "1,2\n3,\0\n", 8);
    test_refuses(context, path, NULL, TACIT_FORMAT, "byte 6 is 0");
    for (int i = 0; i < 65; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "t%d,%d\n", i, i);
    refuse(text, NULL, TACIT_FORMAT, "column \"1\" holds more than 64 different texts");
    text[used - 7] = '\0';
    dataset *d;
    assert_ok(context, open_text(&d, text, NULL));
    assert_int_equal(d->table->columns, 65);
    dataset_close(d);
}

/* A number is read alike whatever the decimal point of the locale. */
static void test_locale(void **state)
{
    (void)state;
    const float values[2] = {1.5f, 2};
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        setlocale(LC_ALL, "C.UTF-8");
    dataset_close(expect("1.5,2\n", NULL, 1, 2, values));
    setlocale(LC_ALL, "C");
}

static void test_is_no_picture(void **state)
{
    (void)state;
    dataset *d;
    image got;
    scratch s;
    const float *row;
    const uint8_t pixel = 7;
    scratch_init(&s, context);
    assert_ok(context, open_text(&d, "1,2\n", NULL));
    assert_fails(context, dataset_read(d, 0, &s, &got), TACIT_ARGUMENT, "rows of a table");
    context_begin(context);
    assert_fails(context, dataset_read_row(d, 1, &row), TACIT_ARGUMENT, "outside 0 to 0");
    dataset_close(d);
    context_begin(context);
    assert_ok(context, dataset_from_memory(&d, context, &pixel, 1, 1, 1, 1, NULL));
    assert_fails(context, dataset_read_row(d, 0, &row), TACIT_ARGUMENT, "pictures");
    dataset_close(d);
    scratch_fini(&s);
}

static tacit_status open_and_close(tacit_context *on, void *path)
{
    dataset *d;
    const char *paths[1] = {path};
    const tacit_status status =
        dataset_open(&d, on, paths, 1, &(dataset_options){.label = "kind", .group = "id"});
    dataset_close(d);
    return status;
}

static void test_failed_memory(void **state)
{
    (void)state;
    static const char text[] = "id,x,kind,c\nu2,1,pear,a\nu1,2,apple,b\n";
    char path[512];
    snprintf(path, sizeof path, "%s", test_at("a.csv"));
    test_put(path, text, sizeof text - 1);
    assert_true(test_each_failed_allocation(open_and_close, path) > 15);
}

/* A model's columns are found again by name, in another order and with other categories. */
static void test_match(void **state)
{
    (void)state;
    dataset *a, *b;
    int32_t from[4];
    assert_ok(context, open_text(&a, "c,n\nred,1\nblue,2\n", NULL));
    assert_ok(context, open_text(&b, "n,more,c\n1,5,red\n2,5,sky\n", NULL));
    assert_ok(context, table_match(a->table, b->table, from));
    assert_true(from[0] == -1 && from[1] == 2 && from[2] == 0);
    assert_false(table_equal(a->table, b->table));
    assert_true(table_equal(a->table, a->table));
    assert_fails(context, table_match(b->table, a->table, from), TACIT_ARGUMENT, "no column \"more\"");
    dataset_close(b);
    assert_ok(context, open_text(&b, "n,c\n1,5\n2,5\n", NULL));
    assert_fails(context, table_match(a->table, b->table, from), TACIT_ARGUMENT,
                 "column \"c\" holds numbers");
    dataset_close(b);
    assert_ok(context, open_text(&b, "1,5\n2,5\n", NULL));
    assert_fails(context, table_match(a->table, b->table, from), TACIT_ARGUMENT, "2 columns of values");
    dataset_close(b);
    assert_ok(context, open_text(&b, "1,5,3\n", NULL));
    assert_ok(context, table_match(a->table, b->table, from));
    assert_true(from[0] == 0 && from[2] == 2);
    dataset_close(b);
    dataset_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_labels_and_groups),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_zero_byte_and_many_texts),
        cmocka_unit_test(test_locale),
        cmocka_unit_test(test_is_no_picture),
        cmocka_unit_test(test_failed_memory),
        cmocka_unit_test(test_match),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
