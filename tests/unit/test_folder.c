/* Folders of pictures: which files, in which order, with which labels and channels. */
#include "support.h"

#include "base/file.h"
#include "data/codec.h"
#include "train/config.h"

#include <unistd.h>

static int setup(void **state)
{
    static int number; /* a folder for each test: folder_delete does not go deep */
    char name[32];
    snprintf(name, sizeof name, "folder%d", number++);
    *state = test_data_create(name);
    return 0;
}

static int teardown(void **state)
{
    test_data_destroy(*state);
    return 0;
}

/* The path of `name` below the root, its folder made. Static. */
static const char *place(test_data *f, const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(f->context, folder_create(f->context, path));
    *slash = '/';
    return path;
}

/* A picture of one value everywhere. */
static void put(test_data *f, const char *name, int height, int width, int channels, uint8_t grey)
{
    uint8_t pixels[16 * 16 * 3];
    memset(pixels, grey, sizeof pixels);
    assert_ok(f->context,
              picture_write_png(f->context, place(f, name), (image){height, width, channels, pixels}));
}

static void put_text(test_data *f, const char *name, const char *text)
{
    assert_ok(f->context, file_write(f->context, place(f, name), text, strlen(text)));
}

static void assert_example(test_data *f, int64_t i, const char *name, uint8_t grey)
{
    char got[300];
    image picture;
    dataset_name(f->d, i, got, sizeof got);
    assert_string_equal(got, name);
    assert_ok(f->context, dataset_read(f->d, i, &f->s, &picture));
    assert_int_equal(picture.pixels[0], grey);
    assert_int_equal(picture.channels, f->d->channels);
}

static void assert_logged(const test_data *f, const char *part)
{
    if (!strstr(f->log.text, part))
        fail_msg("\"%s\" is not in the log: %s", part, f->log.text);
}

static void order_is_that_of_bytes_and_folders_are_labels(void **state)
{
    test_data *f = *state;
    put(f, "b/2.png", 4, 5, 1, 40);
    put(f, "a/9.png", 4, 5, 1, 30);
    put(f, "a/10.png", 4, 5, 1, 20);
    put(f, "a-b/deep/er/x.png", 4, 5, 1, 10);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_int_equal(f->d->count, 4);
    assert_example(f, 0, "a-b/deep/er/x.png", 10);
    assert_example(f, 1, "a/10.png", 20);
    assert_example(f, 2, "a/9.png", 30);
    assert_example(f, 3, "b/2.png", 40);
    assert_int_equal(f->d->label_count, 3);
    assert_string_equal(f->d->label_names[0], "a");
    assert_string_equal(f->d->label_names[1], "a-b");
    assert_string_equal(f->d->label_names[2], "b");
    const int32_t labels[] = {1, 0, 0, 2};
    assert_memory_equal(f->d->labels, labels, sizeof labels);
    assert_true(f->d->channels == 1 && f->d->height == 4 && f->d->width == 5);
    assert_string_equal(f->log.text, "");
}

static void labels_need_folders(void **state)
{
    test_data *f = *state;
    put(f, "b.png", 2, 2, 1, 1);
    put(f, "a.png", 2, 2, 1, 0);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_null(f->d->labels);
    assert_string_equal(f->log.text, "");
    put(f, "c/1.png", 2, 3, 1, 2);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_null(f->d->labels);
    assert_logged(f, "no labels: 2 of 3 pictures are in no folder");
    assert_true(f->d->height == 0 && f->d->width == 0);
}

/* A folder that all share says nothing, and train beside test are splits with the same label numbers. */
static void splits_lie_below_a_shared_folder(void **state)
{
    test_data *f = *state;
    put(f, "set/train/cat/1.png", 2, 2, 1, 1);
    put(f, "set/train/dog/1.png", 2, 2, 1, 2);
    put(f, "set/test/dog/7.png", 2, 2, 1, 3);
    put(f, "set/extra/1.png", 2, 2, 1, 4);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_int_equal(f->d->count, 2);
    assert_example(f, 1, "set/train/dog/1.png", 2);
    assert_int_equal(f->d->labels[1] - f->d->labels[0], 1);
    const int32_t dog = f->d->labels[1];
    assert_logged(f, "2 of 4 pictures are of the split \"train\"");
    assert_ok(f->context, test_data_open(f, &(dataset_options){.split = "test"}));
    assert_int_equal(f->d->count, 1);
    assert_example(f, 0, "set/test/dog/7.png", 3);
    assert_int_equal(f->d->labels[0], dog);
    assert_string_equal(f->d->label_names[dog], "dog");
    assert_fails(f->context, test_data_open(f, &(dataset_options){.split = "other"}), TACIT_ARGUMENT,
                 "there is no folder \"other\" in it");
}

/* Of pictures of different sizes: the median of their smaller sides, and what an encoder sees of that. */
static void the_usual_side_is_known(void **state)
{
    test_data *f = *state;
    settings *s;
    put(f, "a.png", 16, 11, 1, 0);
    put(f, "b.png", 16, 13, 1, 0);
    put(f, "c.png", 13, 16, 1, 0);
    put(f, "d.png", 3, 5, 1, 0);
    put(f, "e.png", 16, 16, 1, 0);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_true(f->d->side == 13 && f->d->height == 0);
    assert_ok(f->context, config_create(&s, f->context, "simclr"));
    assert_ok(f->context, config_resolve_data(s, f->context, f->d));
    assert_int_equal(settings_whole(s, "size"), 16);
    assert_int_equal(settings_whole(s, "patch"), 4);
    settings_destroy(s);
}

static void a_class_may_be_called_train(void **state)
{
    test_data *f = *state;
    put(f, "plane/1.png", 2, 2, 1, 1);
    put(f, "train/1.png", 2, 2, 1, 2);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_int_equal(f->d->count, 2);
    assert_int_equal(f->d->label_count, 2);
    assert_fails(f->context, test_data_open(f, &(dataset_options){.split = "test"}), TACIT_ARGUMENT,
                 "\"test\"");
}

static void mixed_channels_become_colour(void **state)
{
    test_data *f = *state;
    image got;
    put(f, "1.png", 2, 2, 1, 77);
    put(f, "2.png", 2, 2, 3, 55);
    put(f, "3.png", 2, 2, 3, 33);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_int_equal(f->d->channels, 3);
    assert_logged(f, "1 of 3 pictures are grey: converted to colour");
    assert_ok(f->context, dataset_read(f->d, 0, &f->s, &got));
    assert_true(got.channels == 3 && got.pixels[0] == 77 && got.pixels[11] == 77);
    assert_ok(f->context, test_data_open(f, &(dataset_options){.channels = 1}));
    assert_string_equal(f->log.text, "");
    assert_example(f, 1, "2.png", 55);
    assert_ok(f->context, test_data_open(f, &(dataset_options){.limit = 1}));
    assert_int_equal(f->d->channels, 1);
}

static void content_decides_what_is_a_picture(void **state)
{
    test_data *f = *state;
    put(f, "no ending", 2, 2, 1, 9);
    put_text(f, "notes.txt", "hello");
    put_text(f, ".hidden/1.txt", "hello");
    assert_ok(f->context, test_data_open(f, NULL));
    assert_int_equal(f->d->count, 1);
    assert_example(f, 0, "no ending", 9);
    assert_logged(f, ": 2 files that are no pictures were ignored");
}

static void folder_without_pictures_fails(void **state)
{
    test_data *f = *state;
    char message[700];
    snprintf(message, sizeof message,
             "%s: no pictures found in this folder (looked for JPEG, PNG, WebP, by content)", f->root);
    assert_fails(f->context, test_data_open(f, NULL), TACIT_FORMAT, message);
    put_text(f, "notes.dat", "hello");
    assert_fails(f->context, test_data_open(f, NULL), TACIT_FORMAT, message);
}

/* What is named like a picture and is none is an error, not an "other file". */
static void false_pictures_are_errors(void **state)
{
    test_data *f = *state;
    put(f, "a/1.png", 2, 2, 1, 9);
    put_text(f, "a/2.JPG", "hello");
    assert_fails(f->context, test_data_open(f, NULL), TACIT_FORMAT, "2.JPG: not a picture");
    put_text(f, "a/2.JPG", "");
    assert_fails(f->context, test_data_open(f, NULL), TACIT_FORMAT, "2.JPG: the file is empty");
    put_text(f, "a/2.JPG", "GIF89a");
    assert_fails(f->context, test_data_open(f, NULL), TACIT_UNSUPPORTED, "2.JPG: looks like GIF");
}

static void links_in_a_circle_end(void **state)
{
    test_data *f = *state;
    put(f, "a/1.png", 2, 2, 1, 9);
    assert_int_equal(symlink("..", place(f, "a/loop")), 0);
    assert_int_equal(symlink("nowhere", place(f, "a/broken")), 0);
    assert_ok(f->context, test_data_open(f, NULL));
    assert_int_equal(f->d->count, 1);
    assert_int_equal(symlink("nowhere", place(f, "a/broken.png")), 0);
    assert_fails(f->context, test_data_open(f, NULL), TACIT_IO, "a/broken.png: cannot open");
}

static void patterns_and_single_files(void **state)
{
    test_data *f = *state;
    char pattern[600], name[600];
    const char *paths[] = {pattern};
    put(f, "b1.png", 2, 2, 1, 2);
    put(f, "a1.png", 2, 2, 1, 1);
    put(f, "c2.png", 2, 2, 1, 3);
    snprintf(pattern, sizeof pattern, "%s/?1.png", f->root);
    assert_ok(f->context, dataset_open(&f->d, f->context, paths, 1, NULL));
    assert_int_equal(f->d->count, 2);
    snprintf(name, sizeof name, "%s/a1.png", f->root);
    assert_example(f, 0, name, 1);
    dataset_close(f->d);
    snprintf(pattern, sizeof pattern, "%s/z*", f->root);
    assert_fails(f->context, dataset_open(&f->d, f->context, paths, 1, NULL), TACIT_IO,
                 "/z*: nothing matches this pattern");
    put(f, "[x].png", 2, 2, 1, 4);
    snprintf(pattern, sizeof pattern, "%s/[x].png", f->root);
    context_begin(f->context);
    assert_ok(f->context, dataset_open(&f->d, f->context, paths, 1, NULL));
    assert_example(f, 0, "[x].png", 4);
}

/* Memory is sized by what was promised at opening. */
static void a_file_that_changes_its_size_is_an_error(void **state)
{
    test_data *f = *state;
    image got;
    put(f, "1.png", 4, 4, 1, 1);
    assert_ok(f->context, test_data_open(f, NULL));
    put(f, "1.png", 5, 4, 1, 1);
    assert_fails(f->context, dataset_read(f->d, 0, &f->s, &got), TACIT_FORMAT,
                 "1.png: 4 x 5 pixels, expected 4 x 4 as in all others");
}

static void pixel_limit_is_found_when_opening(void **state)
{
    test_data *f = *state;
    put(f, "1.png", 16, 16, 1, 1);
    assert_fails(f->context, test_data_open(f, &(dataset_options){.pixel_limit = 255}), TACIT_LIMIT,
                 "1.png: 16 x 16 = 256 pixels, over the limit of 255");
    assert_ok(f->context, test_data_open(f, &(dataset_options){.pixel_limit = 256}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(order_is_that_of_bytes_and_folders_are_labels),
        TEST(labels_need_folders),
        TEST(splits_lie_below_a_shared_folder),
        TEST(the_usual_side_is_known),
        TEST(a_class_may_be_called_train),
        TEST(mixed_channels_become_colour),
        TEST(content_decides_what_is_a_picture),
        TEST(folder_without_pictures_fails),
        TEST(false_pictures_are_errors),
        TEST(links_in_a_circle_end),
        TEST(patterns_and_single_files),
        TEST(a_file_that_changes_its_size_is_an_error),
        TEST(pixel_limit_is_found_when_opening),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
