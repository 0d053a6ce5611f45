/* Files of tokens: used again while texts and tokenizer are what they were, made anew for anything else and
 * for every damage; nothing is left of one that could not be written. */
#include "text_support.h"
#include "tokenizer_support.h"

#include "data/token_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static tacit_context *context;
static team *workers;
static tokenizer *words, *other_words;
static const char *const lessons[] = {"the cat and the dog and the bird", "an a at a cat"};

static struct hook {
    int64_t calls, fail_at; /* of the hook that is planted */
} hook;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_without_sync(context);
    test_folder("token-file");
    assert_ok(context, team_create(&workers, context, 2, NULL));
    words = test_train(context, TOKENIZER_BPE, 300, 2, lessons, 2);
    other_words = test_train(context, TOKENIZER_BPE, 300, 2, lessons, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tokenizer_destroy(words);
    tokenizer_destroy(other_words);
    team_destroy(workers);
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

static dataset *data_of(const char *text)
{
    dataset *d;
    const char *path = test_at("lines.txt");
    test_put(path, text, strlen(text));
    assert_ok(context, dataset_open(&d, context, &path, 1, &(dataset_options){.unit = "line"}));
    return d;
}

static const char plain[] = "the cat\nand a dog\nand the bird at the cat\n";

static token_store_options in_file(const dataset *d)
{
    return (token_store_options){.range = text_range_all(d), .end = 7, .path = test_at("a.tokens")};
}

/* The number of the file that a store of this is in afterwards. */
static ino_t make(const dataset *d, const tokenizer *t, const token_store_options *o)
{
    token_store s;
    struct stat info;
    context_begin(context);
    assert_ok(context, token_store_create(&s, d, t, workers, o));
    assert_int_equal(fstat(s.fd, &info), 0);
    token_store_close(&s);
    token_store_close(&s); /* twice is fine */
    return info.st_ino;
}

/* What it makes is what a store in memory has; whether it is another file than `before`. */
static bool made_anew(const dataset *d, const tokenizer *t, const token_store_options *o, ino_t before)
{
    token_store filed, kept;
    token_store_options memory = *o;
    int32_t one[256], two[256];
    struct stat info;
    memory.path = NULL;
    context_begin(context);
    assert_ok(context, token_store_create(&filed, d, t, workers, o));
    assert_ok(context, token_store_create(&kept, d, t, workers, &memory));
    assert_true(filed.tokens == kept.tokens && filed.texts == kept.texts && kept.tokens < 256);
    assert_memory_equal(filed.starts, kept.starts, (size_t)(kept.texts + 1) * sizeof *kept.starts);
    assert_memory_equal(filed.sizes, kept.sizes, (size_t)kept.texts * sizeof *kept.sizes);
    assert_ok(context, token_store_read(&filed, 0, filed.tokens, one));
    assert_ok(context, token_store_read(&kept, 0, kept.tokens, two));
    assert_memory_equal(one, two, (size_t)kept.tokens * sizeof *one);
    assert_int_equal(fstat(filed.fd, &info), 0);
    token_store_close(&filed);
    token_store_close(&kept);
    return info.st_ino != before;
}

static void a_good_file_is_used_again(void **state)
{
    (void)state;
    dataset *d = data_of(plain);
    const token_store_options o = in_file(d);
    const ino_t first = make(d, words, &o);
    assert_false(made_anew(d, words, &o, first));
    dataset_close(d);
    d = data_of(plain); /* the same texts from another file */
    assert_false(made_anew(d, words, &o, first));
    dataset_close(d);
}

/* The old file stays open, so that its number is not given again. */
static void expect_anew(const dataset *d, const tokenizer *t, token_store_options o)
{
    dataset *before = data_of(plain);
    const token_store_options standard = in_file(before);
    const ino_t first = make(before, words, &standard);
    const int held = open(standard.path, O_RDONLY);
    assert_true(held >= 0);
    assert_true(made_anew(d ? d : before, t, &o, first));
    close(held);
    dataset_close(before);
}

static void other_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "the cat\nand a dog\nand the bird at the caT\n", "the cat\nand a dog\n",
        "the cat\nand a dog\nand the bird at the cat\nx\n", "the ca\ntand a dog\nand the bird at the cat\n",
        "and a dog\nthe cat\nand the bird at the cat\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char path[600];
        dataset *d;
        snprintf(path, sizeof path, "%s", test_at("other.txt"));
        const char *paths[] = {path};
        test_put(path, texts[i], strlen(texts[i]));
        assert_ok(context, dataset_open(&d, context, paths, 1, &(dataset_options){.unit = "line"}));
        expect_anew(d, words, in_file(d));
        dataset_close(d);
    }
}

static void other_tokens(void **state)
{
    (void)state;
    dataset *d = data_of(plain);
    token_store_options o = in_file(d);
    expect_anew(NULL, other_words, o);
    o.end = 8;
    expect_anew(NULL, words, o);
    o.end = -1;
    expect_anew(NULL, words, o);
    o = in_file(d);
    o.range.first = 1;
    expect_anew(NULL, words, o);
    o = in_file(d);
    o.range.last = 2;
    expect_anew(NULL, words, o);
    o.range.last_byte = 3;
    expect_anew(NULL, words, o);
    dataset_close(d);
}

/* A text that is cut into pieces, and two texts that are cut there. */
static void pieces_are_no_texts(void **state)
{
    (void)state;
    enum { SIZE = 1100000, CUT = 1000000 };
    struct stat info, again;
    token_store s;
    char *text = malloc(SIZE + 2);
    assert_non_null(text);
    memset(text, 'x', SIZE);
    text[CUT] = ' ';
    text[SIZE] = text[SIZE + 1] = '\0';
    dataset *d = data_of(text);
    token_store_options o = in_file(d);
    make(d, words, &o);
    assert_int_equal(stat(o.path, &info), 0);
    const int held = open(o.path, O_RDONLY);
    assert_true(held >= 0);
    dataset_close(d);
    memmove(text + CUT + 1, text + CUT, SIZE - CUT);
    text[CUT] = '\n';
    d = data_of(text);
    o.range = text_range_all(d);
    assert_ok(context, token_store_create(&s, d, words, workers, &o));
    assert_int_equal(s.texts, 2);
    assert_int_equal(fstat(s.fd, &again), 0);
    assert_true(info.st_ino != again.st_ino);
    close(held);
    token_store_close(&s);
    dataset_close(d);
    free(text);
}

static uint8_t *contents(const char *path, size_t *size)
{
    uint8_t *bytes, *copy;
    assert_ok(context, file_read(context, path, SIZE_MAX, &bytes, size));
    copy = malloc(*size + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, *size);
    memory_free(context, bytes);
    return copy;
}

/* Header, tokens, starts, sizes, tail: every byte. */
static void every_damaged_byte(void **state)
{
    (void)state;
    size_t size, now;
    dataset *d = data_of(plain);
    const token_store_options o = in_file(d);
    make(d, words, &o);
    uint8_t *good = contents(o.path, &size);
    assert_in_range(size, 150, 400);
    for (size_t at = 0; at < size; at++) {
        const uint8_t change = at % 2 ? 1 : 0x80;
        good[at] ^= change;
        test_put(o.path, good, size);
        good[at] ^= change;
        assert_true(made_anew(d, words, &o, 0));
        uint8_t *found = contents(o.path, &now);
        assert_int_equal(now, size);
        assert_memory_equal(found, good, size);
        free(found);
    }
    free(good);
    dataset_close(d);
}

static void every_other_length(void **state)
{
    (void)state;
    size_t size, now;
    dataset *d = data_of(plain);
    const token_store_options o = in_file(d);
    make(d, words, &o);
    uint8_t *good = contents(o.path, &size);
    for (size_t length = 0; length < size + 2; length++) {
        if (length == size)
            continue;
        good[size] = 0;
        uint8_t *longer = calloc(1, size + 2);
        assert_non_null(longer);
        memcpy(longer, good, size);
        test_put(o.path, longer, length);
        free(longer);
        assert_true(made_anew(d, words, &o, 0));
        uint8_t *found = contents(o.path, &now);
        assert_true(now == size && memcmp(found, good, size) == 0);
        free(found);
    }
    free(good);
    dataset_close(d);
}

/* ---- failures ---- */

static bool anything_like_tokens(void)
{
    bool found = false;
    DIR *list = opendir(test_at(""));
    assert_non_null(list);
    for (const struct dirent *entry = readdir(list); entry; entry = readdir(list))
        found = found || strstr(entry->d_name, "tokens");
    closedir(list);
    return found;
}

static ssize_t full_write(int fd, const void *bytes, size_t size)
{
    if (++hook.calls < hook.fail_at)
        return write(fd, bytes, size);
    errno = ENOSPC;
    return -1;
}

static int failing_rename(const char *from, const char *to)
{
    (void)from;
    (void)to;
    errno = EACCES;
    return -1;
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    token_store s;
    char text[3000];
    const file_hooks usual = context->files;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    dataset *d = data_of(text);
    const token_store_options o = in_file(d);
    unlink(o.path);
    for (int64_t at = 1; at < 3; at++) {
        hook = (struct hook){.fail_at = at};
        context->files.write = full_write;
        context->files.rename = at == 2 ? failing_rename : usual.rename;
        context_begin(context);
        assert_fails(context, token_store_create(&s, d, words, workers, &o), TACIT_IO,
                     "a.tokens: cannot write");
        token_store_close(&s);
        context->files = usual;
        assert_false(anything_like_tokens());
    }
    dataset_close(d);
}

/* It is noticed between rounds, not after all texts. */
static void a_full_disk_is_told_soon(void **state)
{
    (void)state;
    enum { SIZE = 20 << 20 };
    token_store s;
    char *text = malloc(SIZE + 1);
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = i % 5 ? 'a' : ' ';
    text[SIZE] = '\0';
    const file_hooks usual = context->files;
    dataset *d = data_of(text);
    const token_store_options o = in_file(d);
    hook = (struct hook){.fail_at = 1};
    context->files.write = full_write;
    context_begin(context);
    assert_fails(context, token_store_create(&s, d, words, workers, &o), TACIT_IO, "cannot write");
    assert_in_range(s.tokens, 1, SIZE / 2); /* of all there are more */
    token_store_close(&s);
    context->files = usual;
    assert_false(anything_like_tokens());
    dataset_close(d);
    free(text);
}

static ssize_t short_read(int fd, void *bytes, size_t size, off_t offset)
{
    if (++hook.calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return pread(fd, bytes, size / 2 + 1 < size ? size / 2 + 1 : size, offset);
}

static ssize_t bad_read(int fd, void *bytes, size_t size, off_t offset)
{
    if (++hook.calls < hook.fail_at)
        return pread(fd, bytes, size, offset);
    errno = EIO;
    return -1;
}

static void reads_that_give_less(void **state)
{
    (void)state;
    const file_hooks usual = context->files;
    dataset *d = data_of(plain);
    const token_store_options o = in_file(d);
    context->files.read_at = short_read;
    unlink(o.path);
    const ino_t first = make(d, words, &o);
    assert_false(made_anew(d, words, &o, first));
    context->files = usual;
    dataset_close(d);
}

/* Every read of the making, or of finding the file good, fails once. */
static void reads_that_fail(void **state)
{
    (void)state;
    const file_hooks usual = context->files;
    token_store s;
    dataset *d = data_of(plain);
    const token_store_options o = in_file(d);
    for (int filed = 0; filed < 2; filed++) {
        unlink(o.path);
        if (filed)
            make(d, words, &o);
        tacit_status status = TACIT_IO;
        for (hook.fail_at = 1; status != TACIT_OK; hook.fail_at++) {
            hook.calls = 0;
            context->files.read_at = bad_read;
            context_begin(context);
            status = token_store_create(&s, d, words, workers, &o);
            if (status != TACIT_OK)
                assert_fails(context, status, TACIT_IO, "cannot read");
            token_store_close(&s);
            assert_int_equal(file_exists(o.path), filed || status == TACIT_OK);
        }
        assert_in_range(hook.fail_at, 4, 30);
        context->files = usual;
    }
    dataset_close(d);
}

static void a_file_that_becomes_shorter(void **state)
{
    (void)state;
    token_store s;
    int32_t ids[8];
    dataset *d = data_of(plain);
    const token_store_options o = in_file(d);
    assert_ok(context, token_store_create(&s, d, words, workers, &o));
    assert_int_equal(truncate(o.path, 20), 0);
    assert_fails(context, token_store_read(&s, 0, 8, ids), TACIT_FORMAT, "a.tokens: ends early");
    token_store_close(&s);
    unlink(o.path);
    dataset_close(d);
}

static void a_folder_in_the_way(void **state)
{
    (void)state;
    token_store s;
    dataset *d = data_of(plain);
    token_store_options o = in_file(d);
    o.path = test_at("");
    context_begin(context);
    assert_fails(context, token_store_create(&s, d, words, workers, &o), TACIT_IO, "cannot write");
    token_store_close(&s);
    o.path = test_at("nowhere/a.tokens");
    context_begin(context);
    assert_fails(context, token_store_create(&s, d, words, workers, &o), TACIT_IO, "cannot write");
    token_store_close(&s);
    dataset_close(d);
}

static void a_stop_is_heard(void **state)
{
    (void)state;
    token_store s;
    dataset *d = data_of(plain);
    token_store_options o = in_file(d);
    unlink(o.path);
    for (int filed = 0; filed < 2; filed++) {
        if (!filed)
            o.path = NULL;
        context_begin(context);
        context->cancelled = 1;
        assert_fails(context, token_store_create(&s, d, words, workers, &o), TACIT_CANCELLED,
                     "stopped on request while texts became tokens");
        token_store_close(&s);
        assert_false(anything_like_tokens());
        o = in_file(d);
    }
    context->cancelled = 0;
    dataset_close(d);
}

/* What a tokenizer refuses is told by the worker that met it. */
static void texts_that_have_no_tokens(void **state)
{
    (void)state;
    token_store s;
    tokenizer *letters = test_train(context, TOKENIZER_CHARS, 0, 1, lessons, 1);
    dataset *d = data_of("the cat\nthe zebra\n");
    const token_store_options o = in_file(d);
    unlink(o.path);
    context_begin(context);
    assert_fails(context, token_store_create(&s, d, letters, workers, &o), TACIT_ARGUMENT, "");
    assert_true(tacit_context_message(context)[0]);
    token_store_close(&s);
    assert_false(anything_like_tokens());
    tokenizer_destroy(letters);
    dataset_close(d);
}

/* The record is whole as before, but its text is shorter than the place where the range ends in it. */
static void texts_that_change(void **state)
{
    (void)state;
    static const char before[] = "{\"text\":\"0123456789\"}", after[] = "{\"text\":\"0\",\"x\":\"34\"}";
    token_store s;
    dataset *d;
    text_range first, second;
    char path[600];
    snprintf(path, sizeof path, "%s", test_at("a.jsonl"));
    assert_int_equal(sizeof before, sizeof after);
    test_put(path, before, sizeof before - 1);
    assert_ok(context, test_open(&d, context, path, NULL));
    assert_ok(context, text_range_split(d, 0.5, &first, &second));
    test_put(path, after, sizeof after - 1);
    for (int k = 0; k < 2; k++) {
        const token_store_options o = {.range = k ? second : first, .end = -1};
        context_begin(context);
        assert_fails(context, token_store_create(&s, d, words, workers, &o), TACIT_FORMAT,
                     "a.jsonl:1: the text has changed since it was opened");
        token_store_close(&s);
    }
    dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_used_again),
        cmocka_unit_test(other_texts),
        cmocka_unit_test(other_tokens),
        cmocka_unit_test(pieces_are_no_texts),
        cmocka_unit_test(every_damaged_byte),
        cmocka_unit_test(every_other_length),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(a_full_disk_is_told_soon),
        cmocka_unit_test(reads_that_give_less),
        cmocka_unit_test(reads_that_fail),
        cmocka_unit_test(a_file_that_becomes_shorter),
        cmocka_unit_test(a_folder_in_the_way),
        cmocka_unit_test(a_stop_is_heard),
        cmocka_unit_test(texts_that_have_no_tokens),
        cmocka_unit_test(texts_that_change),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
