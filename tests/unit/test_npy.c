/* .npy files: versions, shapes, alpha, labels of every whole-number type, every refusal, every truncation. */
#include "support.h"

#include "base/file.h"
#include "data/dataset.h"

#include <unistd.h>

static tacit_context *context;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_folder("npy");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

/* A file of this version, header text, and values; returns its size. */
static size_t write_npy(const char *name, int version, const char *header, const void *values, size_t size)
{
    uint8_t file[1024] = "\x93NUMPY";
    const size_t length = strlen(header), prefix = version == 1 ? 10 : 12;
    file[6] = (uint8_t)version;
    file[8] = (uint8_t)length;
    memcpy(file + prefix, header, length);
    if (size)
        memcpy(file + prefix + length, values, size);
    test_put(test_at(name), file, prefix + length + size);
    return prefix + length + size;
}

static const uint8_t values[12] = {0, 1, 2, 3, 100, 101, 102, 103, 200, 201, 202, 255};

static const char grey[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 2), }   \n";

static void expect(const char *name, int64_t count, int height, int width, int channels)
{
    dataset *d;
    assert_ok(context, test_open(&d, context, test_at(name), NULL));
    assert_int_equal(d->count, count);
    assert_int_equal(d->height, height);
    assert_int_equal(d->width, width);
    assert_int_equal(d->channels, channels);
    image got;
    scratch s;
    scratch_init(&s, context);
    for (int64_t i = 0; i < count; i++) {
        const size_t size = (size_t)height * (size_t)width * (size_t)channels;
        assert_ok(context, dataset_read(d, i, &s, &got));
        assert_memory_equal(got.pixels, values + (size_t)i * size, size);
    }
    char text[64];
    dataset_name(d, 0, text, sizeof text);
    assert_non_null(strstr(text, name));
    scratch_fini(&s);
    dataset_close(d);
}

/* Floats are rows of a table: both sizes, both orders of bytes, NaN for what is missing, labels beside. */
static void test_rows(void **state)
{
    (void)state;
    static const float singles[4] = {1, -2.5f, NAN, 4};
    static const double doubles[4] = {1, -2.5, (double)NAN, 4}, far[4] = {1, 2, 3, 1e39};
    static const uint8_t labels[2] = {1, 0};
    uint8_t turned[16];
    for (size_t i = 0; i < 16; i++)
        turned[i] = ((const uint8_t *)singles)[i / 4 * 4 + 3 - i % 4];
    const struct {
        const char *dtype;
        const void *values;
        size_t size;
    } cases[] = {{"<f4", singles, 16}, {">f4", turned, 16}, {"<f8", doubles, 32}};
    write_npy("r.labels.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", labels, 2);
    for (size_t k = 0; k < 3; k++) {
        dataset *d;
        char header[96];
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 2), }",
                 cases[k].dtype);
        write_npy("r.npy", 1, header, cases[k].values, cases[k].size);
        assert_ok(context, test_open(&d, context, test_at("r.npy"), NULL));
        assert_true(d->table && d->count == 2 && d->table->columns == 2 && !d->table->named);
        assert_true(d->labels && d->labels[0] == 1 && d->labels[1] == 0);
        for (int i = 0; i < 4; i++)
            assert_true(i == 2 ? isnan(d->table->values[i]) : d->table->values[i] == singles[i]);
        dataset_close(d);
    }
    write_npy("r.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", far, 32);
    test_refuses(context, test_at("r.npy"), NULL, TACIT_FORMAT, "row 1, column 2: not a finite number");
}

static void test_what_opens(void **state)
{
    (void)state;
    for (int version = 1; version <= 3; version++) {
        write_npy("a.npy", version, grey, values, 12);
        expect("a.npy", 3, 2, 2, 1);
    }
    write_npy("a.npy", 1, "{\"shape\":(1,2,2,3),\"fortran_order\":False,\"descr\":\"|u1\"}", values, 12);
    expect("a.npy", 1, 2, 2, 3);
    write_npy("b", 1, "{'descr': '<u1', 'fortran_order': False, 'shape': (12, 1, 1, 1,)}", values, 12);
    expect("b", 12, 1, 1, 1);
}

static void test_alpha(void **state)
{
    (void)state;
    static const uint8_t rgba[12] = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 128};
    static const uint8_t onto_white[9] = {10, 20, 30, 255, 255, 255, 127, 177, 255};
    dataset *d;
    image got;
    scratch s;
    write_npy("a.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 3, 4), }", rgba, 12);
    assert_ok(context, test_open(&d, context, test_at("a.npy"), NULL));
    assert_int_equal(d->channels, 3);
    scratch_init(&s, context);
    assert_ok(context, dataset_read(d, 0, &s, &got));
    assert_int_equal(got.channels, 3);
    assert_memory_equal(got.pixels, onto_white, 9);
    scratch_fini(&s);
    dataset_close(d);
}

static void label_header(char out[128], const char *dtype, int count)
{
    snprintf(out, 128, "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", dtype, count);
}

/* Labels 7, 0, 100 as every whole-number type. */
static void test_labels(void **state)
{
    (void)state;
    static const char *const types[] = {"|i1", "|u1", "<i2", ">i2", "<u2", ">u2", "<i4",
                                        ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8"};
    static const uint8_t labels[3] = {7, 0, 100};
    write_npy("a.npy", 1, grey, values, 12);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const size_t size = (size_t)(types[t][2] - '0');
        uint8_t stored[24] = {0};
        char header[128];
        for (size_t i = 0; i < 3; i++)
            stored[i * size + (types[t][0] == '>' ? size - 1 : 0)] = labels[i];
        label_header(header, types[t], 3);
        write_npy(t % 2 ? "a_labels.npy" : "a.labels.npy", 1, header, stored, 3 * size);
        dataset *d;
        assert_ok(context, test_open(&d, context, test_at("a.npy"), NULL));
        assert_int_equal(d->label_count, 101);
        for (int i = 0; i < 3; i++)
            assert_int_equal(d->labels[i], labels[i]);
        dataset_close(d);
        assert_int_equal(unlink(test_at(t % 2 ? "a_labels.npy" : "a.labels.npy")), 0);
    }
}

static void refuses(tacit_status status, const char *part)
{
    test_refuses(context, test_at("a.npy"), NULL, status, part);
}

static void refuses_header(const char *header, tacit_status status, const char *part)
{
    write_npy("a.npy", 1, header, values, 12);
    refuses(status, part);
}

static void refuses_labels(const char *dtype, const void *stored, size_t size, int count, tacit_status status,
                           const char *part)
{
    char header[128];
    label_header(header, dtype, count);
    write_npy("a.labels.npy", 1, header, stored, size);
    refuses(status, part);
}

static void test_refused_labels(void **state)
{
    (void)state;
    static const uint8_t minus[24] = {1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t million[12] = {1, 0, 0, 0, 0x40, 0x42, 0x0f, 0};
    write_npy("a.npy", 1, grey, values, 12);
    refuses_labels("|u1", values, 2, 2, TACIT_FORMAT, "a.labels.npy holds 2 labels, but");
    refuses_labels("|u1", values, 4, 3, TACIT_FORMAT, "1 bytes follow the last value");
    refuses_labels("<f4", minus, 12, 3, TACIT_UNSUPPORTED, "dtype <f4: labels are expected as whole numbers");
    refuses_labels("<i16", minus, 12, 3, TACIT_UNSUPPORTED, "labels are expected as whole numbers");
    refuses_labels("<i8", minus, 24, 3, TACIT_FORMAT, "label -1 of example 1: expected 0 to 999999");
    refuses_labels("<u8", minus, 24, 3, TACIT_FORMAT, "label 18446744073709551615 of example 1: expected 0");
    refuses_labels("<i4", million, 12, 3, TACIT_FORMAT, "label 1000000 of example 1: expected 0 to 999999");
    write_npy("a.labels.npy", 1, grey, values, 12);
    refuses(TACIT_FORMAT, "3 dimensions: labels are expected as (N,)");
}

static void test_refused_headers(void **state)
{
    (void)state;
    static const char damaged[] = "damaged header near byte";
    refuses_header("{'descr': '<i4', 'fortran_order': False, 'shape': (3, 2, 2)}", TACIT_UNSUPPORTED,
                   "dtype <i4: pixels are expected as |u1 (numpy.uint8), rows of a table as <f4 or <f8");
    refuses_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 2)}", TACIT_FORMAT,
                   "3 dimensions of floats: expected rows (N, D)");
    refuses_header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2)}", TACIT_FORMAT, "0 rows");
    refuses_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 65537)}", TACIT_LIMIT,
                   "65537 columns");
    refuses_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}", TACIT_FORMAT, "ends early");
    refuses_header("{'descr': [('x', '|u1')], 'fortran_order': False, 'shape': (3, 2, 2)}", TACIT_UNSUPPORTED,
                   "dtype a structure: pixels are expected as |u1");
    refuses_header("{'descr': '|u1', 'fortran_order': True, 'shape': (3, 2, 2)}", TACIT_UNSUPPORTED,
                   "fortran_order is True");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (12,)}", TACIT_FORMAT,
                   "1 dimensions: expected (N, H, W)");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3, 2, 2)}", TACIT_FORMAT,
                   "2 channels: expected 1, 3 or 4 as the last dimension");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 2, 2)}", TACIT_FORMAT,
                   "0 pictures");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 0, 2)}", TACIT_FORMAT,
                   "pictures of 0 x 2");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 60000, 60000)}", TACIT_LIMIT,
                   "60000 x 60000 are above the limit");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (4, 2, 2)}", TACIT_FORMAT,
                   "promises 16 bytes of values, but 12 follow");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2)}", TACIT_FORMAT,
                   "4 bytes follow the last value");
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 2, 2)}",
                   TACIT_FORMAT, damaged);
    refuses_header("{'descr': '|u1', 'fortran_order': False}", TACIT_FORMAT, damaged);
    refuses_header("{'descr': '|u1', 'descr': '|u1', 'shape': (3, 2, 2)}", TACIT_FORMAT, damaged);
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 2)} x", TACIT_FORMAT, damaged);
    refuses_header("{'descr': '|u1', 'fortran_order': 0, 'shape': (3, 2, 2)}", TACIT_FORMAT, damaged);
    refuses_header("{'descr': '|u1' 'fortran_order': False, 'shape': (3, 2, 2)}", TACIT_FORMAT, damaged);
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (3, -2, 2)}", TACIT_FORMAT, damaged);
    refuses_header("{'descr': '|u1', 'fortran_order': False, 'shape': (3)}", TACIT_FORMAT, damaged);
    write_npy("a.npy", 4, grey, values, 12);
    refuses(TACIT_UNSUPPORTED, ".npy version 4.0");
    static const uint8_t long_header[12] = "\x93NUMPY\x02\x00\x00\x00\x02";
    test_put(test_at("a.npy"), long_header, 12);
    refuses(TACIT_LIMIT, "a header of 131072 bytes");
}

static void test_truncations(void **state)
{
    (void)state;
    dataset *d;
    const size_t size = write_npy("whole.npy", 1, grey, values, 12);
    uint8_t *whole;
    size_t got;
    assert_ok(context, file_read(context, test_at("whole.npy"), 1000, &whole, &got));
    assert_int_equal(size, got);
    for (size_t i = 0; i < size; i++) {
        test_put(test_at("a.npy"), whole, i);
        assert_int_not_equal(test_open(&d, context, test_at("a.npy"), NULL), TACIT_OK);
        assert_null(d);
    }
    memory_free(context, whole);
}

static void test_several_files(void **state)
{
    (void)state;
    dataset *d;
    write_npy("a.npy", 1, grey, values, 12);
    const char *paths[2] = {test_at("a.npy"), test_at("a.npy")};
    assert_fails(context, dataset_open(&d, context, paths, 2, NULL), TACIT_ARGUMENT, ".npy data is one file");
}

/* More labels than are read at once, behind a header of 128 bytes. */
static void test_many_labels(void **state)
{
    (void)state;
    enum { COUNT = 65538, HEAD = 128 };
    static const char pictures[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (65538, 1, 1)}",
                      labels[] = "{'descr': '>u2', 'fortran_order': False, 'shape': (65538,)}";
    static uint8_t file[HEAD + 2 * COUNT] = "\x93NUMPY\x01\x00\x76";
    memset(file + 10, ' ', HEAD - 10);
    memcpy(file + 10, pictures, strlen(pictures));
    test_put(test_at("a.npy"), file, HEAD + COUNT);
    memset(file + 10, ' ', HEAD - 10);
    memcpy(file + 10, labels, strlen(labels));
    for (int i = 0; i < COUNT; i++) {
        file[HEAD + 2 * i] = (uint8_t)(i % 50000 >> 8);
        file[HEAD + 2 * i + 1] = (uint8_t)(i % 50000);
    }
    test_put(test_at("a.labels.npy"), file, sizeof file);
    dataset *d;
    assert_ok(context, test_open(&d, context, test_at("a.npy"), NULL));
    assert_int_equal(d->label_count, 50000);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(d->labels[i], i % 50000);
    dataset_close(d);
}

static void test_no_memory(void **state)
{
    (void)state;
    char path[1024];
    write_npy("a.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 3, 4)}", values, 12);
    write_npy("a.labels.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", values, 1);
    snprintf(path, sizeof path, "%s", test_at("a.npy"));
    assert_true(test_each_failed_allocation(test_open_and_read, path) > 10);
}

/* The file is cut after it was opened: an error, not a crash. */
static void test_file_changes(void **state)
{
    (void)state;
    const size_t size = write_npy("a.npy", 1, grey, values, 12);
    test_shortened(context, test_at("a.npy"), 2, (int64_t)size - 1);
    write_npy("a.npy", 1, grey, values, 12);
    test_shortened(context, test_at("a.npy"), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_opens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_alpha, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_changes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
