/* What every test program uses: cmocka, a context, and comparisons that NaN can not pass. */
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

#include "base/memory.h"

/* A context with the default allocator; fails the test if there is none. */
tacit_context *test_context(void);

/* An allocator that counts, and fails at will. */
typedef struct test_memory {
    int64_t calls;   /* allocations asked for so far */
    int64_t alive;   /* not yet freed */
    int64_t fail_at; /* this call (1 is the first) returns NULL, once; 0: none */
} test_memory;

/* A context that allocates from `memory`, which must live longer. Destroying it must leave memory->alive at
 * 0. */
tacit_context *test_context_on(test_memory *memory);

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

/* The folder of data that the project does not contain, or NULL; see tests/README.md. */
const char *test_shared_data(void);

#endif
