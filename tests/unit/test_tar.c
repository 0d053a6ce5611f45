/* Tar archives: where members lie in every dialect, splits and labels, gzip with random access from several
 * threads, every refusal, every truncation, and real CIFAR-10. */
#include "support.h"

#include "base/file.h"
#include "base/team.h"
#include "data/codec.h"
#include "data/gzip_spans.h"
#include "data/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <png.h>
#include <unistd.h>
#include <zlib.h>

static tacit_context *context;
static test_log messages;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_keep_log(context, &messages);
    test_folder("tar");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

/* A PNG of one value, 2 x 2 or of another side, in `out`; returns its size. */
static size_t make_png(uint8_t *out, size_t room, int value, int side, bool colour)
{
    uint8_t pixels[3 * 64 * 64];
    memset(pixels, value, sizeof pixels);
    png_image picture = {.version = PNG_IMAGE_VERSION, .width = (unsigned)side, .height = (unsigned)side};
    picture.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    assert_true(png_image_write_to_memory(&picture, out, &room, 0, pixels, 0, NULL));
    return room;
}

/* An archive being written: unpadded, so that its last byte belongs to the end mark. */
static struct archive *begin(const char *name, const char *dialect, bool gzip)
{
    struct archive *a = archive_write_new();
    assert_int_equal(archive_write_set_format_by_name(a, dialect), ARCHIVE_OK);
    if (gzip)
        assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
    archive_write_set_bytes_per_block(a, 512);
    archive_write_set_bytes_in_last_block(a, 1);
    assert_int_equal(archive_write_open_filename(a, test_at(name)), ARCHIVE_OK);
    return a;
}

static void add(struct archive *a, const char *path, const void *data, size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 1000000000,
                            123456789); /* pax stores the fraction in a header of its own */
    archive_entry_set_size(entry, (la_int64_t)size);
    assert_true(archive_write_header(a, entry) >= ARCHIVE_WARN); /* warns of accents in the C locale */
    assert_int_equal(archive_write_data(a, data, size), size);
    archive_entry_free(entry);
}

static void add_png(struct archive *a, const char *path, int value)
{
    uint8_t png[1024];
    add(a, path, png, make_png(png, sizeof png, value, 2, false));
}

static void end(struct archive *a)
{
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

/* Example i is called `name`, has this label (or -1: none), and every pixel has this value. */
static void expect(const dataset *d, int64_t i, const char *name, const char *label, int value)
{
    char text[2048];
    image got;
    scratch s;
    dataset_name(d, i, text, sizeof text);
    assert_string_equal(text, name);
    if (label)
        assert_string_equal(d->label_names[d->labels[i]], label);
    scratch_init(&s, context);
    assert_ok(context, dataset_read(d, i, &s, &got));
    for (int p = 0; p < got.height * got.width * got.channels; p++)
        assert_int_equal(got.pixels[p], value);
    scratch_fini(&s);
}

static const char *const dialects[] = {"ustar", "pax", "gnutar"};

/* Members lie where we say, also behind headers of several blocks (pax, long names). */
static void test_dialects(void **state)
{
    (void)state;
    char long_name[400], accented[64];
    snprintf(accented, sizeof accented, "b/\xc3\xa9t\xc3\xa9.png");
    memset(long_name, 'n', sizeof long_name);
    memcpy(long_name, "c/", 2);
    memcpy(long_name + 300, ".png", 5);
    for (int k = 0; k < 6; k++) {
        const char *dialect = dialects[k / 2];
        dataset *d;
        struct archive *a = begin("a", dialect, k % 2 == 1);
        add_png(a, accented, 20);
        add(a, "readme.txt", "no picture", 10);
        add_png(a, k / 2 == 0 ? "c/short.png" : long_name, 30);
        add(a, "empty", "", 0);
        add_png(a, "a/1.png", 10);
        end(a);
        assert_ok(context, test_open(&d, context, test_at("a"), NULL));
        assert_int_equal(d->count, 3);
        assert_int_equal(d->channels, 1);
        assert_int_equal(d->height, 2);
        assert_int_equal(d->label_count, 3);
        expect(d, 0, "a/1.png", "a", 10);
        expect(d, 1, accented, "b", 20);
        expect(d, 2, k / 2 == 0 ? "c/short.png" : long_name, "c", 30);
        assert_non_null(strstr(messages.text, "2 files that are no pictures were ignored"));
        dataset_close(d);
    }
}

static void test_splits(void **state)
{
    (void)state;
    dataset *d;
    struct archive *a = begin("a.tar", "ustar", false);
    add_png(a, "./root/train/cat/2.png", 2);
    add_png(a, "./root/train/cat/1.png", 1);
    add_png(a, "./root/test/dog/4.png", 4);
    add_png(a, "./root/train/eel/deep/3.png", 3);
    add_png(a, "./root/extra/5.png", 5);
    end(a);
    assert_ok(context, test_open(&d, context, test_at("a.tar"), NULL));
    assert_int_equal(d->count, 3);
    assert_int_equal(d->label_count, 3); /* of both splits, so that numbers agree */
    expect(d, 0, "root/train/cat/1.png", "cat", 1);
    expect(d, 1, "root/train/cat/2.png", "cat", 2);
    expect(d, 2, "root/train/eel/deep/3.png", "eel", 3);
    dataset_close(d);
    assert_ok(context, test_open(&d, context, test_at("a.tar"), "test"));
    assert_int_equal(d->count, 1);
    assert_int_equal(d->labels[0], 1);
    expect(d, 0, "root/test/dog/4.png", "dog", 4);
    dataset_close(d);
    assert_ok(context, test_open(&d, context, test_at("a.tar"), "extra"));
    assert_int_equal(d->count, 1);
    assert_null(d->labels);
    expect(d, 0, "root/extra/5.png", NULL, 5);
    dataset_close(d);
    test_refuses(context, test_at("a.tar"), "validation", TACIT_ARGUMENT,
                 "there is no folder \"validation\" in it");
}

static void test_without_folders(void **state)
{
    (void)state;
    dataset *d;
    struct archive *a = begin("a.tar", "ustar", false);
    add_png(a, "root/1.png", 1);
    add_png(a, "root/2.png", 2);
    end(a);
    assert_ok(context, test_open(&d, context, test_at("a.tar"), NULL));
    assert_null(d->labels);
    dataset_close(d);
    test_refuses(context, test_at("a.tar"), "test", TACIT_ARGUMENT, "there is no folder \"test\" in it");
    a = begin("a.tar", "ustar", false);
    add_png(a, "1.png", 1);
    add_png(a, "two/2.png", 2);
    end(a);
    assert_ok(context, test_open(&d, context, test_at("a.tar"), NULL));
    assert_null(d->labels);
    assert_non_null(strstr(messages.text, "no labels: 1 of 2 pictures are in no folder"));
    dataset_close(d);
}

static void test_shards(void **state)
{
    (void)state;
    dataset *d;
    struct archive *a = begin("s1.tar", "ustar", false);
    add_png(a, "x/1.png", 3);
    end(a);
    a = begin("s0.tar.gz", "pax", true);
    add_png(a, "y/2.png", 2);
    add_png(a, "y/1.png", 1);
    end(a);
    const char *paths[2] = {test_at("s1.tar"), test_at("s0.tar.gz")};
    const dataset_options none = {0};
    assert_ok(context, dataset_open(&d, context, paths, 2, &none));
    assert_int_equal(d->count, 3);
    expect(d, 0, "s0.tar.gz:y/1.png", "y", 1);
    expect(d, 1, "s0.tar.gz:y/2.png", "y", 2);
    expect(d, 2, "s1.tar:x/1.png", "x", 3);
    dataset_close(d);
}

static void test_sizes_and_channels(void **state)
{
    (void)state;
    dataset *d;
    uint8_t png[4096];
    struct archive *a = begin("a.tar", "ustar", false);
    add(a, "1.png", png, make_png(png, sizeof png, 1, 2, false));
    add(a, "2.png", png, make_png(png, sizeof png, 2, 5, true));
    end(a);
    assert_ok(context, test_open(&d, context, test_at("a.tar"), NULL));
    assert_int_equal(d->channels, 3);
    assert_int_equal(d->height, 0);
    assert_int_equal(d->width, 0);
    dataset_close(d);
}

/* A tar with one PNG, in memory; the caller frees it. */
static uint8_t *small_tar(bool gzip, const char *dialect, size_t *size)
{
    uint8_t *whole;
    struct archive *a = begin("small", dialect, gzip);
    add_png(a, "a/1.png", 7);
    end(a);
    assert_ok(context, file_read(context, test_at("small"), 100000, &whole, size));
    return whole;
}

static void test_truncations(void **state)
{
    (void)state;
    for (int k = 0; k < 6; k++) {
        size_t size;
        dataset *d;
        uint8_t *whole = small_tar(k % 2 == 1, dialects[k / 2], &size);
        test_put(test_at("cut"), whole, size);
        for (size_t i = size; i-- > 0;) {
            assert_int_equal(truncate(test_at("cut"), (off_t)i), 0);
            if (test_open(&d, context, test_at("cut"), NULL) == TACIT_OK)
                fail_msg("%s: %zu of %zu bytes open", dialects[k / 2], i, size);
            assert_null(d);
        }
        memory_free(context, whole);
    }
}

static void test_damage(void **state)
{
    (void)state;
    size_t size;
    uint8_t *whole = small_tar(false, "ustar", &size);
    uint8_t two[8192];
    assert_int_equal(size, 512 + 512 + 1024);
    memcpy(two, whole, 1024);
    memcpy(two + 1024, whole, size);
    two[1024 + 3] ^= 1;
    test_put(test_at("a.tar"), two, 1024 + size);
    test_refuses(context, test_at("a.tar"), NULL, TACIT_FORMAT, "damaged tar at byte 1024");
    test_put(test_at("a.tar"), whole, 1024 + 512);
    test_refuses(context, test_at("a.tar"), NULL, TACIT_FORMAT,
                 "the tar ends early, at byte 1024: expected two blocks of zeros");
    memcpy(two, whole, size);
    memcpy(two + size, whole, size);
    test_put(test_at("a.tar"), two, 2 * size);
    test_refuses(context, test_at("a.tar"), NULL, TACIT_FORMAT, "data follows the end of the tar");
    memset(two + size, 0, 4096);
    test_put(test_at("a.tar"), two, size + 4096);
    dataset *d;
    assert_ok(context, test_open(&d, context, test_at("a.tar"), NULL));
    dataset_close(d);
    test_put(test_at("a.tar"), whole, 512 + 300);
    test_refuses(context, test_at("a.tar"), NULL, TACIT_FORMAT, "damaged tar at byte");
    memory_free(context, whole);
}

static void test_refused(void **state)
{
    (void)state;
    struct archive *a = begin("a.tar", "ustar", false);
    add(a, "x.txt", "text", 4);
    end(a);
    test_refuses(context, test_at("a.tar"), NULL, TACIT_FORMAT,
                 "there are no pictures in it (1 other files)");
    test_put(test_at("a.tar.xz"),
             "\xfd"
             "7zXZ\0....",
             10);
    test_refuses(context, test_at("a.tar.xz"), NULL, TACIT_UNSUPPORTED, "this is xz data");
    test_put(test_at("a.zip"), "PK\x03\x04......", 10);
    test_refuses(context, test_at("a.zip"), NULL, TACIT_UNSUPPORTED, "this is zip data");
    a = begin("b.tar", "pax", false);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, "holes");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, 1 << 20);
    archive_entry_sparse_add_entry(entry, 1 << 19, 512);
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    archive_entry_free(entry);
    uint8_t *zeros = memory_alloc(context, 1 << 20, 1);
    assert_int_equal(archive_write_data(a, zeros, 1 << 20), 1 << 20);
    memory_free(context, zeros);
    end(a);
    test_refuses(context, test_at("b.tar"), NULL, TACIT_UNSUPPORTED, "is stored as a sparse file");
    a = begin("c.tar", "ustar", false);
    add(a, "cut.png", "\x89PNG\r\n\x1a\n....", 12);
    end(a);
    test_refuses(context, test_at("c.tar"), NULL, TACIT_FORMAT, "cut.png");
}

/* Compressed bytes that a match window matters for: words that recur at distances up to 32 KB. */
static uint8_t *make_text(size_t size)
{
    uint8_t *text = memory_alloc(context, size, 1);
    uint32_t x = 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525 + 1013904223;
        const bool repeat = i > 32000 && (x >> 28) > 1;
        text[i] = repeat ? text[i - 1 - (x >> 8) % 31000] : (uint8_t)(x >> 24);
    }
    return text;
}

static void index_gzip(gzip_spans **spans, const char *path, uint64_t spacing, size_t most, uint64_t budget)
{
    gzip_reader r;
    const uint8_t *data;
    size_t size;
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_ok(context, gzip_spans_create(spans, context, path, spacing, most));
    assert_ok(context, gzip_reader_open(&r, context, fd, path));
    r.visit = gzip_spans_visit;
    r.visit_user = *spans;
    do
        assert_ok(context, gzip_reader_next(&r, &data, &size));
    while (size);
    assert_ok(context, gzip_spans_finish(*spans, r.out, budget));
    gzip_reader_close(&r);
    close(fd);
}

typedef struct reading {
    gzip_spans *spans;
    const uint8_t *text;
    size_t size;
    int64_t wrong;
} reading;

static void read_somewhere(void *user, int64_t i, int worker)
{
    reading *r = user;
    uint8_t got[5000];
    const size_t offset = (size_t)i * 7919 * 31 % r->size, left = r->size - offset;
    const size_t size = left < sizeof got ? left : sizeof got;
    (void)worker;
    if (gzip_spans_read(r->spans, offset, got, size) != TACIT_OK || memcmp(got, r->text + offset, size) != 0)
        __atomic_add_fetch(&r->wrong, 1, __ATOMIC_RELAXED);
}

/* Any place of a gzip file of several members is read right by three threads, with room for all spans or for
 * none. */
static void test_random_access(void **state)
{
    (void)state;
    enum { SIZE = 1500000, READS = 400 };
    uint8_t *text = make_text(SIZE);
    for (size_t from = 0; from < SIZE; from += SIZE / 3) {
        gzFile file = gzopen(test_at("t.gz"), from ? "ab6" : "wb6");
        assert_int_equal(gzwrite(file, text + from, SIZE / 3), SIZE / 3);
        gzclose(file);
    }
    team *workers;
    assert_ok(context, team_create(&workers, context, 3, NULL));
    static const struct {
        uint64_t spacing, budget;
        size_t most;
    } cases[] = {{50000, UINT64_MAX, 1000}, {50000, 0, 1000}, {50000, 300000, 1000}, {1000, UINT64_MAX, 5}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        reading r = {.text = text, .size = SIZE};
        index_gzip(&r.spans, test_at("t.gz"), cases[k].spacing, cases[k].most, cases[k].budget);
        const size_t count = gzip_spans_count(r.spans);
        assert_true(k == 3 ? count >= 2 && count <= 5 : count > 10);
        team_run(workers, READS, read_somewhere, &r);
        assert_int_equal(r.wrong, 0);
        uint8_t *all = memory_alloc(context, SIZE, 1);
        assert_ok(context, gzip_spans_read(r.spans, 0, all, SIZE));
        assert_memory_equal(all, text, SIZE);
        memory_free(context, all);
        if (cases[k].budget == UINT64_MAX) /* each inflated once; the last can be empty */
            assert_in_range(gzip_spans_loads(r.spans), count - 1, count);
        else
            assert_true(gzip_spans_loads(r.spans) > count);
        gzip_spans_destroy(r.spans);
    }
    team_destroy(workers);
    memory_free(context, text);
}

/* The file is cut after it was opened: an error, not a crash. */
static void test_file_changes(void **state)
{
    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        size_t size;
        memory_free(context, small_tar(gzip, "ustar", &size));
        test_shortened(context, test_at("small"), 0, gzip ? 30 : 520);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    size_t size;
    char path[1024];
    memory_free(context, small_tar(true, "pax", &size));
    snprintf(path, sizeof path, "%s", test_at("small"));
    assert_true(test_each_failed_allocation(test_open_and_read, path) > 18);
}

static void test_cifar10(void **state)
{
    (void)state;
    char path[2048];
    const char *shared = test_shared_data();
    snprintf(path, sizeof path, "%s/cifar10-jpeg.tgz", shared ? shared : "");
    if (!shared || !file_exists(path)) {
        print_message("skipped: no cifar10-jpeg.tgz in the folder of shared data\n");
        skip();
    }
    dataset *d;
    image got;
    scratch s;
    int64_t of_label[10] = {0};
    assert_ok(context, test_open(&d, context, path, "train"));
    assert_int_equal(d->count, 50000);
    assert_int_equal(d->channels, 3);
    assert_int_equal(d->height, 32);
    assert_int_equal(d->label_count, 10);
    assert_string_equal(d->label_names[9], "truck");
    for (int64_t i = 0; i < d->count; i++)
        of_label[d->labels[i]]++;
    for (int i = 0; i < 10; i++)
        assert_int_equal(of_label[i], 5000);
    scratch_init(&s, context);
    for (int64_t i = 0; i < d->count; i += 5000) {
        assert_ok(context, dataset_read(d, i, &s, &got));
        assert_int_equal(got.width, 32);
    }
    scratch_fini(&s);
    dataset_close(d);
    assert_ok(context, test_open(&d, context, path, "test"));
    assert_int_equal(d->count, 10000);
    assert_int_equal(d->label_count, 10);
    dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dialects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_splits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_and_channels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_access, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cifar10, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
