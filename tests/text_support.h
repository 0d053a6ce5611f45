/* What the tests of texts share: files of them, and what is read back. */
#ifndef TESTS_TEXT_SUPPORT_H
#define TESTS_TEXT_SUPPORT_H

#include "support.h"

#include "base/file.h"

#include <zlib.h>

/* A file in the test's folder, whose folders are made. */
static inline void test_put_text(tacit_context *context, const char *name, const void *bytes, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", test_at(name));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(context, folder_create(context, path));
    *slash = '/';
    test_put(path, bytes, size);
}

static inline void test_put_gzip(const char *path, const void *bytes, size_t size)
{
    gzFile file = gzopen(path, "wb1");
    assert_true(file && (size == 0 || gzwrite(file, bytes, (unsigned)size) == (int)size));
    assert_int_equal(gzclose(file), Z_OK);
}

/* Text i has these bytes, read whole and in pieces of every small size. */
static inline void test_text_is(const dataset *d, int64_t i, text_part part, const void *text, size_t size)
{
    scratch s;
    text_piece got;
    scratch_init(&s, d->context);
    assert_ok(d->context, dataset_read_text(d, i, part, 0, SIZE_MAX, &s, &got));
    assert_int_equal(got.size, size);
    assert_int_equal(got.total, size);
    assert_memory_equal(got.bytes, text, size);
    for (size_t step = 1; step < 5; step++)
        for (size_t at = 0; at < size + step && at < 40; at += step) {
            assert_ok(d->context, dataset_read_text(d, i, part, at, step, &s, &got));
            const size_t left = at < size ? size - at : 0, want = left < step ? left : step;
            assert_int_equal(got.size, want);
            assert_int_equal(got.total, size);
            assert_true(want == 0 || memcmp(got.bytes, (const char *)text + at, want) == 0);
        }
    scratch_fini(&s);
}

#define assert_text(d, i, text) test_text_is((d), (i), TEXT_FIRST, (text), strlen(text))

static inline void test_name_is(const dataset *d, int64_t i, const char *name)
{
    char got[1024];
    dataset_name(d, i, got, sizeof got);
    assert_string_equal(got, name);
}

#endif
