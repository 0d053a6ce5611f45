/* What test programs share: cmocka, a context, memory that fails, comparisons that NaN can not pass, files,
 * and data sets. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/dataset.h"

/* A context with the default allocator; fails the test if there is none. */
tacit_context *test_context(void);

/* An allocator that counts, and fails at will. */
typedef struct test_memory {
    int64_t calls;   /* allocations asked for so far */
    int64_t alive;   /* not yet freed */
    int64_t fail_at; /* this call (1 is the first) returns NULL, once; 0: none */
    int64_t largest; /* most bytes asked for at once */
} test_memory;

/* A context that allocates from `memory`, which must live longer. Destroying it must leave memory->alive at
 * 0. */
tacit_context *test_context_on(test_memory *memory);

/* Does `work` on fresh contexts, of whose allocations after the first (the context's own) each fails once,
 * until none is left to fail. It must tell of each: TACIT_NOMEM with the message, at the end TACIT_OK, and
 * nothing may be left alive. Returns how many failed. */
int64_t test_each_failed_allocation(tacit_status (*work)(tacit_context *context, void *user), void *user);

/* Files of this context are not synced: for hundreds of small files that would only take time. */
void test_without_sync(tacit_context *context);

/* What the context logged: lines, each ended by a newline. */
typedef struct test_log {
    char text[4096];
} test_log;

/* Empties `log`, which then gets all lines of the context; those that do not fit are lost. */
void test_keep_log(tacit_context *context, test_log *log);

/* The status is OK; if not, the message is printed and the test fails. */
#define assert_ok(context, expression)                                                                       \
    test_assert_ok((context), (expression), #expression, __FILE__, __LINE__)
void test_assert_ok(tacit_context *context, tacit_status status, const char *expression, const char *file,
                    int line);

/* The status is `expected` and the message holds `part`. */
#define assert_fails(context, expression, expected, part)                                                    \
    test_assert_fails((context), (expression), (expected), (part), #expression, __FILE__, __LINE__)
void test_assert_fails(tacit_context *context, tacit_status status, tacit_status expected, const char *part,
                       const char *expression, const char *file, int line);

/* |got - want| <= absolute + relative * |want|; NaN fails. */
#define assert_near(got, want, absolute, relative)                                                           \
    test_assert_near((got), (want), (absolute), (relative), #got, __FILE__, __LINE__)
void test_assert_near(double got, double want, double absolute, double relative, const char *expression,
                      const char *file, int line);

/* A fresh empty folder of this test process, below the working folder; deleted by nobody but the build. The
 * name is static. */
const char *test_folder(const char *name);

/* "NAME" in the folder that test_folder made last; static, four at a time. */
const char *test_at(const char *name);

/* A file of these bytes, without the waiting for the disk that file_write does. */
void test_put(const char *path, const void *bytes, size_t size);

/* dataset_open of one path with a split (or NULL) and otherwise defaults, after context_begin. */
tacit_status test_open(dataset **d, tacit_context *context, const char *path, const char *split);

/* Opens `path` and reads the first example: work for test_each_failed_allocation. */
tacit_status test_open_and_read(tacit_context *context, void *path);

/* The path does not open: the status is `expected`, and the message holds `part`. */
void test_refuses(tacit_context *context, const char *path, const char *split, tacit_status expected,
                  const char *part);

/* `path` opens; when the file is then cut to `size` bytes, reading example i is an error that says so. */
void test_shortened(tacit_context *context, const char *path, int64_t i, int64_t size);

/* A folder of pictures under test, and what reading it takes. */
typedef struct test_data {
    tacit_context *context; /* its lines are in `log` */
    scratch s;
    char root[512];
    test_log log;
    dataset *d; /* NULL until test_data_open */
} test_data;

/* With an empty folder of this name. */
test_data *test_data_create(const char *folder);
void test_data_destroy(test_data *t);

/* Opens the root as t->d, in place of what was open, with an empty log. */
tacit_status test_data_open(test_data *t, const dataset_options *options);

/* The folder of data that the project does not contain, or NULL; see tests/README.md. */
const char *test_shared_data(void);

#endif
