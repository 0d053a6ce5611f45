/* IDX files: what opens, every refusal, every truncation, and the real Fashion-MNIST. */
#include "support.h"

#include "base/file.h"
#include "data/dataset.h"

#include <unistd.h>
#include <zlib.h>

static tacit_context *context;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_folder("idx");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

static void write_gzip(const char *name, const void *data, size_t size)
{
    gzFile file = gzopen(test_at(name), "wb9");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, data, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

/* 3 images of 2 x 2, of value 10 * image + place. */
static const uint8_t three_images[28] = {0, 0, 8, 3, 0, 0, 0,  3,  0,  0,  0,  2,  0,  0,
                                         0, 2, 0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23};
static const uint8_t three_labels[11] = {0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 9};
static const uint8_t two_labels[10] = {0, 0, 8, 1, 0, 0, 0, 2, 4, 0};

static void refuses_bytes(const void *data, size_t size, tacit_status status, const char *part)
{
    test_put(test_at("bad-images-idx3-ubyte"), data, size);
    test_refuses(context, test_at("bad-images-idx3-ubyte"), NULL, status, part);
}

static void holds_the_three(const char *path, const char *split, bool labels)
{
    dataset *d;
    image got;
    scratch s;
    assert_ok(context, test_open(&d, context, path, split));
    assert_int_equal(d->count, 3);
    assert_int_equal(d->channels, 1);
    assert_int_equal(d->height, 2);
    assert_int_equal(d->width, 2);
    scratch_init(&s, context);
    for (int i = 0; i < 3; i++) {
        assert_ok(context, dataset_read(d, i, &s, &got));
        assert_memory_equal(got.pixels, three_images + 16 + 4 * i, 4);
        assert_int_equal(got.height * got.width * got.channels, 4);
        if (labels)
            assert_int_equal(d->labels[i], three_labels[8 + i]);
    }
    if (labels)
        assert_int_equal(d->label_count, 10);
    else
        assert_null(d->labels);
    scratch_fini(&s);
    dataset_close(d);
}

static void test_plain_and_gzip(void **state)
{
    (void)state;
    test_put(test_at("train-images-idx3-ubyte"), three_images, sizeof three_images);
    holds_the_three(test_at("train-images-idx3-ubyte"), NULL, false);
    test_put(test_at("train-labels-idx1-ubyte"), three_labels, sizeof three_labels);
    holds_the_three(test_at("train-images-idx3-ubyte"), "train", true);
    write_gzip("t10k-images-idx3-ubyte.gz", three_images, sizeof three_images);
    holds_the_three(test_at("t10k-images-idx3-ubyte.gz"), NULL, false);
    write_gzip("t10k-labels-idx1-ubyte.gz", three_labels, sizeof three_labels);
    holds_the_three(test_at("t10k-images-idx3-ubyte.gz"), NULL, true);
    holds_the_three(test_at("train-images-idx3-ubyte"), "test", true); /* the sibling, although it is gzip */
    holds_the_three(test_at(""), NULL, true);
    holds_the_three(test_at(""), "test", true);
    test_put(test_at("ANY"), three_images, sizeof three_images); /* found by content */
    holds_the_three(test_at("ANY"), NULL, false);
}

static void test_name(void **state)
{
    (void)state;
    dataset *d;
    char name[64];
    test_put(test_at("train-images-idx3-ubyte"), three_images, sizeof three_images);
    assert_ok(context, test_open(&d, context, test_at("train-images-idx3-ubyte"), NULL));
    dataset_name(d, 2, name, sizeof name);
    assert_string_equal(name, "train-images-idx3-ubyte:2");
    dataset_close(d);
}

static void test_test_named_test(void **state)
{
    (void)state;
    test_put(test_at("train-images.idx3"), three_images, sizeof three_images);
    write_gzip("test-images.idx3.gz", three_images, sizeof three_images);
    test_put(test_at("test-labels.idx1"), three_labels, sizeof three_labels);
    holds_the_three(test_at("train-images.idx3"), "test", true);
}

static void test_colour(void **state)
{
    (void)state;
    static const uint8_t file[20 + 6] = {0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0,
                                         0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    dataset *d;
    image got;
    scratch s;
    test_put(test_at("images-idx4"), file, sizeof file);
    assert_ok(context, test_open(&d, context, test_at("images-idx4"), NULL));
    scratch_init(&s, context);
    assert_ok(context, dataset_read(d, 0, &s, &got));
    assert_int_equal(got.channels, 3);
    assert_int_equal(got.width, 2);
    assert_memory_equal(got.pixels, file + 20, 6);
    scratch_fini(&s);
    dataset_close(d);
}

/* A copy of the three images with one byte of the header changed. */
static void refuses_header(size_t place, uint8_t value, tacit_status status, const char *part)
{
    uint8_t file[sizeof three_images];
    memcpy(file, three_images, sizeof file);
    file[place] = value;
    refuses_bytes(file, sizeof file, status, part);
}

static void test_refused_headers(void **state)
{
    (void)state;
    refuses_header(2, 0x0d, TACIT_FORMAT, "ends early: its header promises 3 x 2 x 2 values");
    refuses_header(2, 0x09, TACIT_UNSUPPORTED, "values of type 09: expected unsigned bytes");
    refuses_header(4, 1, TACIT_FORMAT, "promises 16777219 x 2 x 2 values, but 12 bytes follow");
    refuses_header(7, 2, TACIT_FORMAT, "4 bytes follow the last of 2 x 2 x 2 values");
    refuses_header(7, 0, TACIT_FORMAT, "12 bytes follow the last of 0 x 2 x 2 values");
    refuses_bytes(three_labels, sizeof three_labels, TACIT_FORMAT, "holds no images; give the images file");
    static const uint8_t none[16] = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2};
    refuses_bytes(none, sizeof none, TACIT_FORMAT, "0 images: expected 1 to");
    static const uint8_t flat[16] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2};
    refuses_bytes(flat, sizeof flat, TACIT_FORMAT, "images of 0 x 2: sides are 1 to");
    static const uint8_t two_channels[22] = {0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2};
    refuses_bytes(two_channels, sizeof two_channels, TACIT_FORMAT, "2 channels (the last dimension)");
    uint8_t huge[20] = {0, 0, 8, 4};
    memset(huge + 4, 0xff, 16); /* the product does not fit 64 bits */
    refuses_bytes(huge, sizeof huge, TACIT_FORMAT, "ends early");
}

static void test_pixel_limit(void **state)
{
    (void)state;
    dataset *d;
    const dataset_options options = {.pixel_limit = 3};
    test_put(test_at("ANY"), three_images, sizeof three_images);
    const char *path = test_at("ANY");
    assert_fails(context, dataset_open(&d, context, &path, 1, &options), TACIT_LIMIT,
                 "above the limit of 3 pixels");
}

static void test_refused_labels(void **state)
{
    (void)state;
    test_put(test_at("train-images-idx3-ubyte"), three_images, sizeof three_images);
    test_put(test_at("train-labels-idx1-ubyte"), two_labels, sizeof two_labels);
    test_refuses(context, test_at("train-images-idx3-ubyte"), NULL, TACIT_FORMAT,
                 "train-labels-idx1-ubyte holds 2 labels, but");
    test_refuses(context, test_at("train-images-idx3-ubyte"), NULL, TACIT_FORMAT,
                 "train-images-idx3-ubyte holds 3 images");
    test_put(test_at("train-labels-idx1-ubyte"), three_images, sizeof three_images);
    test_refuses(context, test_at("train-images-idx3-ubyte"), NULL, TACIT_FORMAT,
                 "labels are one dimension of whole numbers");
    static const uint8_t wide[20] = {0,    0,    0x0c, 1, 0,    0,    0, 3, 0, 0,
                                     0x27, 0x0f, 0,    0, 0x27, 0x10, 0, 0, 0, 0};
    test_put(test_at("train-labels-idx1-ubyte"), wide, sizeof wide);
    test_refuses(context, test_at("train-images-idx3-ubyte"), NULL, TACIT_FORMAT,
                 "label 10000 of example 1: expected 0 to 9999");
    static const uint8_t negative[11] = {0, 0, 9, 1, 0, 0, 0, 3, 1, 2, 0xff};
    test_put(test_at("train-labels-idx1-ubyte"), negative, sizeof negative);
    test_refuses(context, test_at("train-images-idx3-ubyte"), NULL, TACIT_FORMAT, "label -1 of example 2");
    static const uint8_t pairs[14] = {0, 0, 0x0b, 1, 0, 0, 0, 3, 0, 4, 0, 0, 0x01, 0x00};
    test_put(test_at("train-labels-idx1-ubyte"), pairs, sizeof pairs);
    dataset *d;
    assert_ok(context, test_open(&d, context, test_at("train-images-idx3-ubyte"), NULL));
    assert_int_equal(d->labels[2], 256);
    assert_int_equal(d->label_count, 257);
    dataset_close(d);
}

static void test_refused_splits(void **state)
{
    (void)state;
    test_put(test_at("train-images-idx3-ubyte"), three_images, sizeof three_images);
    test_refuses(context, test_at("train-images-idx3-ubyte"), "test", TACIT_ARGUMENT,
                 "no test images beside it");
    test_refuses(context, test_at("train-images-idx3-ubyte"), "validation", TACIT_ARGUMENT,
                 "no split validation");
    test_refuses(context, test_at(""), "test", TACIT_ARGUMENT, "no IDX file of test images in it");
    const char *both[2] = {test_at("train-images-idx3-ubyte"), test_at("train-images-idx3-ubyte")};
    dataset *d;
    context_begin(context);
    assert_fails(context, dataset_open(&d, context, both, 2, NULL), TACIT_ARGUMENT,
                 "and 1 more: IDX data is one");
}

/* Every shorter file of images, of labels, and of their gzip is refused. */
static void test_truncations(void **state)
{
    (void)state;
    dataset *d;
    for (size_t size = 0; size < sizeof three_images; size++) {
        test_put(test_at("train-images-idx3-ubyte"), three_images, size);
        assert_int_not_equal(test_open(&d, context, test_at("train-images-idx3-ubyte"), NULL), TACIT_OK);
        assert_null(d);
    }
    test_put(test_at("train-images-idx3-ubyte"), three_images, sizeof three_images);
    for (size_t size = 0; size < sizeof three_labels; size++) {
        test_put(test_at("train-labels-idx1-ubyte"), three_labels, size);
        test_refuses(context, test_at("train-images-idx3-ubyte"), NULL, TACIT_FORMAT,
                     "train-labels-idx1-ubyte");
    }
    assert_int_equal(unlink(test_at("train-labels-idx1-ubyte")), 0);
    write_gzip("whole-labels-idx1.gz", three_labels, sizeof three_labels);
    uint8_t *whole;
    size_t whole_size;
    assert_ok(context, file_read(context, test_at("whole-labels-idx1.gz"), 1000, &whole, &whole_size));
    for (size_t size = 0; size <= whole_size; size++) {
        test_put(test_at("train-labels-idx1-ubyte.gz"), whole, size);
        if (size < whole_size)
            test_refuses(context, test_at("train-images-idx3-ubyte"), NULL, TACIT_FORMAT,
                         "train-labels-idx1-ubyte.gz");
        else
            holds_the_three(test_at("train-images-idx3-ubyte"), NULL, true);
    }
    memory_free(context, whole);
}

static void test_damaged_gzip(void **state)
{
    (void)state;
    uint8_t *whole;
    size_t size;
    dataset *d;
    write_gzip("train-images-idx3-ubyte.gz", three_images, sizeof three_images);
    assert_ok(context, file_read(context, test_at("train-images-idx3-ubyte.gz"), 1000, &whole, &size));
    whole[size - 8] ^= 1; /* the checksum */
    test_put(test_at("train-images-idx3-ubyte.gz"), whole, size);
    test_refuses(context, test_at("train-images-idx3-ubyte.gz"), NULL, TACIT_FORMAT,
                 "damaged gzip data near byte");
    whole[size - 8] ^= 1;
    test_put(test_at("train-images-idx3-ubyte.gz"), whole, size);
    assert_ok(context, file_append(context, test_at("train-images-idx3-ubyte.gz"), "x", 1));
    test_refuses(context, test_at("train-images-idx3-ubyte.gz"), NULL, TACIT_FORMAT,
                 "bytes follow the end of the gzip data");
    /* two members are one file */
    FILE *joined = fopen(test_at("train-images-idx3-ubyte.gz"), "wb");
    assert_non_null(joined);
    fclose(joined);
    gzFile file = gzopen(test_at("train-images-idx3-ubyte.gz"), "ab");
    gzwrite(file, three_images, 20);
    gzclose(file);
    file = gzopen(test_at("train-images-idx3-ubyte.gz"), "ab");
    gzwrite(file, three_images + 20, 8);
    gzclose(file);
    memory_free(context, whole);
    assert_ok(context, test_open(&d, context, test_at("train-images-idx3-ubyte.gz"), NULL));
    assert_int_equal(d->count, 3);
    dataset_close(d);
}

static void test_no_memory(void **state)
{
    (void)state;
    char path[1024];
    write_gzip("train-images-idx3-ubyte.gz", three_images, sizeof three_images);
    write_gzip("train-labels-idx1-ubyte.gz", three_labels, sizeof three_labels);
    snprintf(path, sizeof path, "%s", test_at("train-images-idx3-ubyte.gz"));
    assert_true(test_each_failed_allocation(test_open_and_read, path) > 10);
    test_put(test_at("train-images-idx3-ubyte"), three_images, sizeof three_images);
    test_put(test_at("train-labels-idx1-ubyte"), three_labels, sizeof three_labels);
    snprintf(path, sizeof path, "%s", test_at("train-images-idx3-ubyte"));
    assert_true(test_each_failed_allocation(test_open_and_read, path) > 8);
}

/* The file is cut after it was opened: an error, not a crash. What was inflated is in memory. */
static void test_file_changes(void **state)
{
    (void)state;
    test_put(test_at("images-idx3-ubyte"), three_images, sizeof three_images);
    test_shortened(context, test_at("images-idx3-ubyte"), 2, sizeof three_images - 1);
    dataset *d;
    image got;
    scratch s;
    write_gzip("images-idx3-ubyte.gz", three_images, sizeof three_images);
    assert_ok(context, test_open(&d, context, test_at("images-idx3-ubyte.gz"), NULL));
    test_put(test_at("images-idx3-ubyte.gz"), NULL, 0);
    scratch_init(&s, context);
    assert_ok(context, dataset_read(d, 2, &s, &got));
    assert_memory_equal(got.pixels, three_images + 24, 4);
    scratch_fini(&s);
    dataset_close(d);
}

static void test_fashion_mnist(void **state)
{
    (void)state;
    static const char real[] = "/usr/share/datasets/fashion-mnist";
    if (!folder_exists(real)) {
        print_message("skipped: %s is not installed (package dataset-fashion-mnist)\n", real);
        skip();
    }
    dataset *d;
    image got;
    scratch s;
    uint64_t sum = 0;
    int64_t of_label[10] = {0};
    assert_ok(context, test_open(&d, context, real, NULL));
    assert_int_equal(d->count, 60000);
    assert_int_equal(d->label_count, 10);
    assert_int_equal(d->height, 28);
    scratch_init(&s, context);
    for (int64_t i = 0; i < d->count; i++) {
        assert_int_equal(dataset_read(d, i, &s, &got), TACIT_OK);
        for (int p = 0; p < 784; p++)
            sum += got.pixels[p];
        of_label[d->labels[i]]++;
    }
    assert_near((double)sum / (60000.0 * 784 * 255), .28604, 5e-6, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(of_label[i], 6000);
    scratch_fini(&s);
    dataset_close(d);
    assert_ok(context, test_open(&d, context, real, "test"));
    assert_int_equal(d->count, 10000);
    dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain_and_gzip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_test_named_test, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_colour, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pixel_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_splits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_gzip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fashion_mnist, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
