/* The context: first error wins, wrapping puts places in front, long messages are cut, settings are checked.
 */
#include "support.h"

#include <pthread.h>

static void first_error_wins(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    assert_string_equal(tacit_context_message(c), "");
    assert_int_equal(context_fail(c, TACIT_FORMAT, "row %d", 7), TACIT_FORMAT);
    assert_int_equal(context_fail(c, TACIT_IO, "later"), TACIT_IO);
    assert_string_equal(tacit_context_message(c), "row 7");
    assert_int_equal(c->status, TACIT_FORMAT);
    context_begin(c);
    assert_string_equal(tacit_context_message(c), "");
    assert_int_equal(c->status, TACIT_OK);
    context_fail(c, TACIT_SHAPE, "new");
    assert_string_equal(tacit_context_message(c), "new");
    tacit_context_destroy(c);
}

static tacit_status inner(tacit_context *c, bool fails)
{
    return fails ? context_fail(c, TACIT_FORMAT, "column 3: not a number") : TACIT_OK;
}

static tacit_status middle(tacit_context *c, bool fails)
{
    const tacit_status status = inner(c, fails);
    return context_wrap(c, status, "row %d", 118);
}

static tacit_status outer(tacit_context *c, bool fails)
{
    TRY(middle(c, fails));
    return context_fail(c, TACIT_STATE, "reached the end");
}

static void wraps_nest(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    assert_int_equal(context_wrap(c, TACIT_OK, "nothing"), TACIT_OK);
    assert_string_equal(tacit_context_message(c), "");
    assert_fails(c, outer(c, true), TACIT_FORMAT, "row 118: column 3: not a number");
    context_begin(c);
    assert_fails(c, outer(c, false), TACIT_STATE, "reached the end");
    assert_string_equal(tacit_context_message(c), "reached the end");
    tacit_context_destroy(c);
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    char text[3 * MESSAGE_SIZE];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    context_fail(c, TACIT_IO, "%s", text);
    assert_int_equal(strlen(tacit_context_message(c)), MESSAGE_SIZE - 1);
    context_wrap(c, TACIT_IO, "file");
    assert_int_equal(strlen(tacit_context_message(c)), MESSAGE_SIZE - 1);
    assert_memory_equal(tacit_context_message(c), "file: xxx", 9);
    context_wrap(c, TACIT_IO, "%s", text);
    assert_memory_equal(tacit_context_message(c), "file: xxx", 9);
    tacit_context_destroy(c);
}

static void *fail_often(void *user)
{
    for (int i = 0; i < 1000; i++) {
        context_fail(user, TACIT_IO, "aaaaaaaaaaaaaaaa");
        context_wrap(user, TACIT_IO, "b");
    }
    return NULL;
}

/* Two workers that fail at once give one whole message. */
static void workers_fail_together(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, fail_often, c), 0);
    fail_often(c);
    pthread_join(other, NULL);
    assert_memory_equal(tacit_context_message(c), "b: b: b: ", 9);
    tacit_context_destroy(c);
}

static void keep_line(void *user, const char *line)
{
    snprintf(user, 64, "%s", line);
}

static void log_goes_to_the_callback(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    char line[64] = "";
    context_log(c, "to nobody");
    tacit_context_set_log(c, keep_line, line);
    context_log(c, "%d of %d", 12, 300);
    assert_string_equal(line, "12 of 300");
    tacit_context_set_log(c, NULL, NULL);
    context_log(c, "to nobody");
    assert_string_equal(line, "12 of 300");
    tacit_context_destroy(c);
}

static void threads_are_checked(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    assert_true(context_threads(c) >= 1);
    assert_ok(c, tacit_context_set_threads(c, 1024));
    assert_int_equal(context_threads(c), 1024);
    assert_fails(c, tacit_context_set_threads(c, 1025), TACIT_ARGUMENT, "threads: 1025 is outside 0 to 1024");
    assert_fails(c, tacit_context_set_threads(c, -1), TACIT_ARGUMENT, "threads: -1 is outside");
    assert_int_equal(context_threads(c), 1024);
    assert_ok(c, tacit_context_set_threads(c, 0));
    assert_string_equal(tacit_context_message(c), "");
    tacit_context_destroy(c);
}

static void every_status_has_words(void **state)
{
    (void)state;
#define CHECK(name, value, sentence)                                                                         \
    assert_string_equal(tacit_status_name(value), #name);                                                    \
    assert_string_equal(tacit_status_sentence(value), sentence);
    TACIT_STATUS_LIST(CHECK)
#undef CHECK
    assert_string_equal(tacit_status_name((tacit_status)99), "UNKNOWN");
    assert_string_equal(tacit_status_sentence((tacit_status)99), "UNKNOWN");
}

static void *no_memory(void *user, size_t size)
{
    (void)size;
    ++*(int *)user;
    return NULL;
}

static void no_free(void *user, void *pointer)
{
    (void)user;
    (void)pointer;
}

static void create_fails_without_memory(void **state)
{
    (void)state;
    int calls = 0;
    const tacit_allocator allocator = {no_memory, no_free, &calls};
    tacit_context *const other = test_context();
    tacit_context *c = other;
    assert_int_equal(tacit_context_create(&c, &allocator), TACIT_NOMEM);
    assert_null(c);
    assert_int_equal(calls, 1);
    tacit_context_destroy(NULL);
    tacit_context_destroy(other);
}

static void cancel_is_kept(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    assert_false(c->cancelled);
    tacit_context_cancel(c);
    assert_true(c->cancelled);
    tacit_context_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_wins),         cmocka_unit_test(wraps_nest),
        cmocka_unit_test(long_messages_are_cut),    cmocka_unit_test(workers_fail_together),
        cmocka_unit_test(log_goes_to_the_callback), cmocka_unit_test(threads_are_checked),
        cmocka_unit_test(every_status_has_words),   cmocka_unit_test(create_fails_without_memory),
        cmocka_unit_test(cancel_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
