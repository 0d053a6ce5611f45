/* Files with planted faults: a full disk at every write, short writes and reads, interrupted calls, a failing
 * sync and rename. After each failure the old file is whole, nothing temporary is left, and the message names
 * the file. */
#include "support.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the planted calls do. Calls count from 1; 0 means never. */
static struct {
    int writes, fail_write; /* this write finds the disk full */
    int syncs, fail_sync;   /* this sync fails */
    bool fail_rename;       /* every rename fails */
    bool fail_read;         /* every read fails */
    size_t longest;         /* most bytes that one call moves */
    bool interrupt;         /* every second call is interrupted */
    bool stuck;             /* writes take nothing */
    int turn;
} plan;

static bool interrupted(void)
{
    if (!plan.interrupt || ++plan.turn % 2 == 0)
        return false;
    errno = EINTR;
    return true;
}

static size_t shortened(size_t size)
{
    return plan.longest && size > plan.longest ? plan.longest : size;
}

static ssize_t planted_write(int fd, const void *buffer, size_t size)
{
    if (interrupted())
        return -1;
    if (plan.stuck)
        return 0;
    if (++plan.writes == plan.fail_write) {
        errno = ENOSPC;
        return -1;
    }
    return write(fd, buffer, shortened(size));
}

static ssize_t planted_read(int fd, void *buffer, size_t size)
{
    if (interrupted())
        return -1;
    errno = EIO;
    return plan.fail_read ? -1 : read(fd, buffer, shortened(size));
}

static ssize_t planted_read_at(int fd, void *buffer, size_t size, off_t offset)
{
    if (interrupted())
        return -1;
    errno = EIO;
    return plan.fail_read ? -1 : pread(fd, buffer, shortened(size), offset);
}

static int planted_sync(int fd)
{
    if (interrupted())
        return -1;
    errno = EIO;
    return ++plan.syncs == plan.fail_sync ? -1 : fsync(fd);
}

static int planted_rename(const char *from, const char *to)
{
    errno = EACCES;
    return plan.fail_rename ? -1 : rename(from, to);
}

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    const char *folder;
    char path[600];
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){.folder = test_folder("file")};
    f.context = test_context_on(&f.memory);
    f.context->files =
        (file_hooks){planted_read, planted_write, planted_sync, planted_rename, planted_read_at};
    snprintf(f.path, sizeof f.path, "%s/model.bin", f.folder);
    memset(&plan, 0, sizeof plan);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    memset(&plan, 0, sizeof plan);
    context_begin(f->context);
    assert_ok(f->context, folder_delete(f->context, f->folder));
    tacit_context_destroy(f->context);
    return f->memory.alive == 0 ? 0 : -1;
}

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}

/* The file holds exactly `size` bytes of `want`, and is alone in its folder. */
static void check_content(fixture *f, const void *want, size_t size)
{
    uint8_t *got;
    size_t got_size;
    memset(&plan, 0, sizeof plan);
    context_begin(f->context);
    assert_ok(f->context, file_read(f->context, f->path, SIZE_MAX, &got, &got_size));
    assert_int_equal(got_size, size);
    assert_memory_equal(got, want, size);
    assert_int_equal(got[size], 0);
    memory_free(f->context, got);
    assert_int_equal(count_entries(f->folder), 1);
}

enum { LARGE = 200000 };

static const uint8_t *large_content(void)
{
    static uint8_t content[LARGE];
    for (size_t i = 0; i < LARGE; i++)
        content[i] = (uint8_t)(i * 2654435761U >> 13);
    return content;
}

/* Small and large pieces, so that the buffer is flushed, bypassed, and left part full. */
static tacit_status write_in_pieces(fixture *f)
{
    file_writer w;
    const uint8_t *content = large_content();
    const size_t ends[] = {0, 10, 5000, 60000, 65536, 65537, 140000, 199999, LARGE};
    TRY(file_writer_open(&w, f->context, f->path));
    for (size_t i = 1; i < sizeof ends / sizeof *ends; i++)
        file_writer_write(&w, content + ends[i - 1], ends[i] - ends[i - 1]);
    const uint64_t written = w.written;
    const tacit_status status = file_writer_commit(&w);
    assert_true(status != TACIT_OK || written == LARGE);
    return status;
}

static void written_and_read(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, file_write(f->context, f->path, "old", 3));
    check_content(f, "old", 3);
    assert_ok(f->context, write_in_pieces(f));
    check_content(f, large_content(), LARGE);
    assert_ok(f->context, file_write(f->context, f->path, "", 0));
    check_content(f, "", 0);
}

static void synced_before_and_after_the_rename(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, file_write(f->context, f->path, "x", 1));
    assert_int_equal(plan.syncs, 2); /* the file, and its folder */
}

static void short_and_interrupted_calls(void **state)
{
    fixture *f = *state;
    plan.longest = 777;
    plan.interrupt = true;
    assert_ok(f->context, write_in_pieces(f));
    assert_true(plan.writes > 200);
    check_content(f, large_content(), LARGE);
    plan.longest = 999;
    plan.interrupt = true;
    uint8_t *got;
    size_t size;
    assert_ok(f->context, file_read(f->context, f->path, LARGE, &got, &size));
    assert_int_equal(size, LARGE);
    assert_memory_equal(got, large_content(), LARGE);
    memory_free(f->context, got);
}

static void full_disk_at_every_write(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, file_write(f->context, f->path, "old", 3));
    int failures = 0;
    for (;; failures++) {
        memset(&plan, 0, sizeof plan);
        plan.longest = 30000;
        plan.fail_write = failures + 1;
        context_begin(f->context);
        const tacit_status status = write_in_pieces(f);
        if (status == TACIT_OK)
            break;
        assert_fails(f->context, status, TACIT_IO, f->path);
        assert_fails(f->context, status, TACIT_IO, "model.bin: cannot write: No space left on device");
        check_content(f, "old", 3);
    }
    assert_true(failures > 6);
    check_content(f, large_content(), LARGE);
}

static void failing_sync_and_rename(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, file_write(f->context, f->path, "old", 3));
    plan.syncs = 0;
    plan.fail_sync = 1;
    assert_fails(f->context, file_write(f->context, f->path, "new", 3), TACIT_IO,
                 "model.bin: cannot write: Input/output");
    check_content(f, "old", 3);
    context_begin(f->context);
    plan.fail_rename = true;
    assert_fails(f->context, file_write(f->context, f->path, "new", 3), TACIT_IO,
                 "model.bin: cannot write: Permission");
    check_content(f, "old", 3);
    /* When only the folder can not be synced the new file is in place and whole, but that may not last. */
    context_begin(f->context);
    plan.fail_sync = 2;
    assert_fails(f->context, file_write(f->context, f->path, "new", 3), TACIT_IO,
                 ": cannot write: Input/output");
    check_content(f, "new", 3);
}

static void stuck_writes_end(void **state)
{
    fixture *f = *state;
    plan.stuck = true;
    assert_fails(f->context, file_write(f->context, f->path, "new", 3), TACIT_IO, "model.bin: cannot write");
    assert_int_equal(count_entries(f->folder), 0);
}

static void no_memory_at_every_allocation(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, file_write(f->context, f->path, "old", 3));
    int64_t failures = 0;
    for (;; failures++) {
        context_begin(f->context);
        f->memory.fail_at = f->memory.calls + 1 + failures;
        const tacit_status status = write_in_pieces(f);
        if (status == TACIT_OK)
            break;
        assert_fails(f->context, status, TACIT_NOMEM, "out of memory");
        f->memory.fail_at = 0;
        check_content(f, "old", 3);
    }
    assert_int_equal(failures, 3);
    f->memory.fail_at = f->memory.calls + 1;
    uint8_t *got;
    size_t size;
    assert_fails(f->context, file_read(f->context, f->path, LARGE, &got, &size), TACIT_NOMEM,
                 "out of memory");
    assert_null(got);
}

static void abandoned_leaves_nothing(void **state)
{
    fixture *f = *state;
    file_writer w;
    assert_ok(f->context, file_write(f->context, f->path, "old", 3));
    assert_ok(f->context, file_writer_open(&w, f->context, f->path));
    file_writer_write(&w, large_content(), LARGE);
    assert_int_equal(count_entries(f->folder), 2);
    file_writer_abandon(&w);
    check_content(f, "old", 3);
}

/* A writer that could not be opened may still be used and ended. */
static void unopened_writer_is_harmless(void **state)
{
    fixture *f = *state;
    file_writer w;
    char path[700];
    snprintf(path, sizeof path, "%s/none/model.bin", f->folder);
    assert_fails(f->context, file_writer_open(&w, f->context, path), TACIT_IO,
                 "none/model.bin: cannot write: No such file or directory");
    file_writer_write(&w, "x", 1);
    file_writer_print(&w, "%d", 1);
    assert_int_equal(file_writer_commit(&w), TACIT_IO);
    file_writer_abandon(&w);
    context_begin(f->context);
    assert_fails(f->context, file_write(f->context, f->folder, "x", 1), TACIT_IO,
                 "cannot write: Is a directory");
}

static void printed(void **state)
{
    fixture *f = *state;
    char text[2000];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    file_writer w;
    assert_ok(f->context, file_writer_open(&w, f->context, f->path));
    file_writer_print(&w, "%d,%s;", 42, "a");
    file_writer_print(&w, "%s", text);
    file_writer_print(&w, "%s", text + sizeof text - 1);
    assert_ok(f->context, file_writer_commit(&w));
    char want[2100];
    const int size = snprintf(want, sizeof want, "42,a;%s", text);
    check_content(f, want, (size_t)size);
    assert_ok(f->context, file_writer_open(&w, f->context, f->path));
    f->memory.fail_at = f->memory.calls + 1;
    file_writer_print(&w, "%s", text);
    assert_fails(f->context, file_writer_commit(&w), TACIT_NOMEM, "out of memory");
    check_content(f, want, (size_t)size);
}

/* Writing to a device must not put a file in its place, and a link stays a link. */
static void devices_and_links_stay(void **state)
{
    fixture *f = *state;
    struct stat info;
    assert_ok(f->context, file_write(f->context, "/dev/null", "x", 1));
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    assert_false(file_exists("/dev/null.tmp"));
    char link[700];
    snprintf(link, sizeof link, "%s/link", f->folder);
    assert_ok(f->context, file_write(f->context, f->path, "old", 3));
    assert_int_equal(symlink("model.bin", link), 0);
    assert_ok(f->context, file_write(f->context, link, "new", 3));
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(unlink(link), 0);
    check_content(f, "new", 3);
}

static void reading_is_limited(void **state)
{
    fixture *f = *state;
    uint8_t *got;
    size_t size;
    assert_ok(f->context, file_write(f->context, f->path, "12345", 5));
    const int64_t calls = f->memory.calls;
    assert_fails(f->context, file_read(f->context, f->path, 4, &got, &size), TACIT_LIMIT,
                 "model.bin: larger than the limit of 4 bytes");
    assert_int_equal(f->memory.calls, calls); /* refused before anything is allocated */
    assert_null(got);
    context_begin(f->context);
    /* A device tells no size: the limit holds all the same. */
    assert_fails(f->context, file_read(f->context, "/dev/zero", 100000, &got, &size), TACIT_LIMIT,
                 "/dev/zero: larger");
    context_begin(f->context);
    assert_ok(f->context, file_read(f->context, "/proc/self/status", 100000, &got, &size));
    assert_true(size > 100 && strlen((char *)got) == size);
    memory_free(f->context, got);
}

static void reading_fails(void **state)
{
    fixture *f = *state;
    uint8_t *got;
    size_t size;
    assert_fails(f->context, file_read(f->context, f->path, 9, &got, &size), TACIT_IO,
                 "model.bin: cannot read: No such file or directory");
    context_begin(f->context);
    assert_fails(f->context, file_read(f->context, f->folder, 9, &got, &size), TACIT_IO,
                 "cannot read: Is a directory");
    context_begin(f->context);
    assert_ok(f->context, file_write(f->context, f->path, "12345", 5));
    plan.fail_read = true;
    assert_fails(f->context, file_read(f->context, f->path, 9, &got, &size), TACIT_IO,
                 "model.bin: cannot read: Input/output error");
    assert_null(got);
}

static void reading_at_an_offset(void **state)
{
    fixture *f = *state;
    char part[16] = "";
    size_t got;
    assert_ok(f->context, file_write(f->context, f->path, "0123456789", 10));
    const int fd = open(f->path, O_RDONLY);
    plan.longest = 2;
    plan.interrupt = true;
    assert_ok(f->context, file_read_at(f->context, fd, f->path, 3, part, 5, &got));
    assert_int_equal(got, 5);
    assert_memory_equal(part, "34567", 5);
    assert_ok(f->context, file_read_at(f->context, fd, f->path, 8, part, 5, &got));
    assert_int_equal(got, 2);
    assert_ok(f->context, file_read_at(f->context, fd, f->path, 1000, part, 5, &got));
    assert_int_equal(got, 0);
    assert_fails(f->context, file_read_at(f->context, fd, f->path, UINT64_MAX, part, 5, &got), TACIT_IO,
                 "model.bin: cannot read at byte 18446744073709551615");
    context_begin(f->context);
    plan.fail_read = true;
    assert_fails(f->context, file_read_at(f->context, fd, f->path, 0, part, 5, &got), TACIT_IO,
                 "model.bin: cannot read");
    close(fd);
}

static void appended_whole_or_not(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, file_append(f->context, f->path, "one\n", 4));
    plan.longest = 1;
    assert_ok(f->context, file_append(f->context, f->path, "two\n", 4));
    check_content(f, "one\ntwo\n", 8);
    plan.longest = 1;
    plan.fail_write = 3;
    assert_fails(f->context, file_append(f->context, f->path, "three\n", 6), TACIT_IO,
                 "model.bin: cannot write: No space");
    check_content(f, "one\ntwo\n", 8);
}

static void folders(void **state)
{
    fixture *f = *state;
    char deep[700], slashes[710];
    snprintf(deep, sizeof deep, "%s/a/b", f->folder);
    snprintf(slashes, sizeof slashes, "%s//a//b///", f->folder);
    assert_false(folder_exists(deep));
    assert_ok(f->context, folder_create(f->context, slashes));
    assert_ok(f->context, folder_create(f->context, deep));
    assert_true(folder_exists(deep));
    assert_false(file_exists(deep));
    assert_ok(f->context, file_write(f->context, f->path, "x", 1));
    assert_true(file_exists(f->path));
    assert_false(folder_exists(f->path));
    assert_fails(f->context, folder_create(f->context, f->path), TACIT_IO,
                 "model.bin: cannot create folder: File exists");
    context_begin(f->context);
    snprintf(slashes, sizeof slashes, "%s/c", f->path);
    assert_fails(f->context, folder_create(f->context, slashes), TACIT_IO, "model.bin: cannot create folder");
    context_begin(f->context);
    f->memory.fail_at = f->memory.calls + 1;
    assert_fails(f->context, folder_create(f->context, deep), TACIT_NOMEM, "out of memory");
    context_begin(f->context);
    /* Files two levels below are too deep: a wrong path is not to cost a whole tree. */
    snprintf(slashes, sizeof slashes, "%s/file", deep);
    assert_ok(f->context, file_write(f->context, slashes, "x", 1));
    assert_fails(f->context, folder_delete(f->context, f->folder), TACIT_IO,
                 "cannot delete folder: Directory not empty");
    assert_true(file_exists(slashes));
    context_begin(f->context);
    assert_ok(f->context, folder_delete(f->context, deep));
    assert_ok(f->context, folder_delete(f->context, deep));
}

/* Deleting never follows a link out of the folder. */
static void deleting_stays_inside(void **state)
{
    fixture *f = *state;
    char inner[700], link[720], file[720];
    snprintf(inner, sizeof inner, "%s/inner", f->folder);
    snprintf(link, sizeof link, "%s/link", inner);
    snprintf(file, sizeof file, "%s/file", inner);
    assert_ok(f->context, file_write(f->context, f->path, "kept", 4));
    assert_ok(f->context, folder_create(f->context, inner));
    assert_ok(f->context, file_write(f->context, file, "x", 1));
    assert_int_equal(symlink("..", link), 0);
    assert_ok(f->context, folder_delete(f->context, inner));
    assert_false(folder_exists(inner));
    check_content(f, "kept", 4);
}

static void joined(void **state)
{
    fixture *f = *state;
    const char *cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = path_join(f->context, cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        memory_free(f->context, path);
    }
    f->memory.fail_at = f->memory.calls + 1;
    assert_null(path_join(f->context, "a", "b"));
    assert_int_equal(f->context->status, TACIT_NOMEM);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(written_and_read),
        FILE_TEST(synced_before_and_after_the_rename),
        FILE_TEST(short_and_interrupted_calls),
        FILE_TEST(full_disk_at_every_write),
        FILE_TEST(failing_sync_and_rename),
        FILE_TEST(stuck_writes_end),
        FILE_TEST(no_memory_at_every_allocation),
        FILE_TEST(abandoned_leaves_nothing),
        FILE_TEST(unopened_writer_is_harmless),
        FILE_TEST(printed),
        FILE_TEST(devices_and_links_stay),
        FILE_TEST(reading_is_limited),
        FILE_TEST(reading_fails),
        FILE_TEST(reading_at_an_offset),
        FILE_TEST(appended_whole_or_not),
        FILE_TEST(folders),
        FILE_TEST(deleting_stays_inside),
        FILE_TEST(joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
