/* Memory: checked sizes, alignment, zeroes, and failure that leaves what there was. */
#include "support.h"

static void checked_sizes(void **state)
{
    (void)state;
    size_t out;
    assert_true(size_multiply(SIZE_MAX / 3, 3, &out) && out == SIZE_MAX / 3 * 3);
    assert_false(size_multiply(SIZE_MAX / 2, 3, &out));
    assert_true(size_multiply(0, SIZE_MAX, &out) && out == 0);
    assert_true(size_add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    assert_false(size_add(SIZE_MAX, 1, &out));
    assert_int_equal(size_aligned(0), 0);
    assert_int_equal(size_aligned(1), 64);
    assert_int_equal(size_aligned(64), 64);
    assert_int_equal(size_aligned(65), 128);
    assert_true(size_aligned(SIZE_MAX) == SIZE_MAX);
    assert_true(size_aligned(SIZE_MAX - 63) == SIZE_MAX - 63);
}

static void is_aligned_and_zeroed(void **state)
{
    (void)state;
    test_memory memory = {0};
    tacit_context *c = test_context_on(&memory);
    for (size_t size = 0; size < 200; size += 33) {
        uint8_t *p = memory_alloc(c, size, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % MEMORY_ALIGNMENT, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size); /* so that the next one is zero by our doing */
        memory_free(c, p);
    }
    memory_free(c, NULL);
    tacit_context_destroy(c);
    assert_int_equal(memory.alive, 0);
}

static void overflow_is_no_memory(void **state)
{
    (void)state;
    test_memory memory = {0};
    tacit_context *c = test_context_on(&memory);
    const int64_t calls = memory.calls;
    assert_null(memory_alloc(c, SIZE_MAX / 4, 8));
    assert_fails(c, c->status, TACIT_NOMEM, "out of memory (4611686018427387903 times 8 bytes)");
    context_begin(c);
    assert_null(memory_alloc(c, SIZE_MAX, 1));
    assert_int_equal(c->status, TACIT_NOMEM);
    assert_int_equal(memory.calls, calls); /* never asked of the allocator */
    tacit_context_destroy(c);
}

static void failure_is_recorded(void **state)
{
    (void)state;
    test_memory memory = {0};
    tacit_context *c = test_context_on(&memory);
    memory.fail_at = memory.calls + 1;
    assert_null(memory_alloc(c, 3, 5));
    assert_fails(c, c->status, TACIT_NOMEM, "out of memory (3 times 5 bytes)");
    context_begin(c);
    memory.fail_at = memory.calls + 1;
    assert_null(memory_string(c, "text"));
    assert_int_equal(c->status, TACIT_NOMEM);
    tacit_context_destroy(c);
    assert_int_equal(memory.alive, 0);
}

static void strings_are_copied(void **state)
{
    (void)state;
    tacit_context *c = test_context();
    char text[] = "pictures";
    char *copy = memory_string(c, text), *empty = memory_string(c, "");
    text[0] = 'X';
    assert_string_equal(copy, "pictures");
    assert_string_equal(empty, "");
    memory_free(c, copy);
    memory_free(c, empty);
    tacit_context_destroy(c);
}

static void growth_keeps_and_zeroes(void **state)
{
    (void)state;
    test_memory memory = {0};
    tacit_context *c = test_context_on(&memory);
    int *p = memory_grow(c, NULL, 0, 2, sizeof *p);
    p[0] = 5;
    p[1] = 6;
    memory.fail_at = memory.calls + 1;
    assert_null(memory_grow(c, p, 2, 100, sizeof *p));
    assert_int_equal(p[1], 6); /* still there */
    p = memory_grow(c, p, 2, 100, sizeof *p);
    assert_int_equal(p[0], 5);
    assert_int_equal(p[1], 6);
    for (int i = 2; i < 100; i++)
        assert_int_equal(p[i], 0);
    memory_free(c, p);
    tacit_context_destroy(c);
    assert_int_equal(memory.alive, 0);
}

static void reserve_grows_seldom(void **state)
{
    (void)state;
    test_memory memory = {0};
    tacit_context *c = test_context_on(&memory);
    void *array = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 10000; i++) {
        assert_ok(c, memory_reserve(c, &array, &capacity, i + 1, sizeof i));
        assert_true(capacity > i);
        memcpy((char *)array + i * sizeof i, &i, sizeof i);
    }
    assert_true(memory.calls < 30);
    for (size_t i = 0; i < 10000; i++)
        assert_memory_equal((char *)array + i * sizeof i, &i, sizeof i);
    const size_t before = capacity;
    memory.fail_at = memory.calls + 1;
    assert_fails(c, memory_reserve(c, &array, &capacity, before + 1, sizeof(size_t)), TACIT_NOMEM,
                 "out of memory");
    assert_int_equal(capacity, before);
    context_begin(c);
    assert_fails(c, memory_reserve(c, &array, &capacity, SIZE_MAX / 2, 8), TACIT_NOMEM, "out of memory");
    memory_free(c, array);
    tacit_context_destroy(c);
    assert_int_equal(memory.alive, 0);
}

/* The system tells the same in another place, rounded to kilobytes. */
static void physical_memory_is_known(void **state)
{
    (void)state;
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    if (file && fscanf(file, "MemTotal: %llu", &kilobytes) != 1)
        kilobytes = 0;
    if (file)
        fclose(file);
    assert_true(memory_physical() >= 1 << 20);
    if (kilobytes)
        assert_near((double)memory_physical(), 1024.0 * (double)kilobytes, 0, 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_sizes),         cmocka_unit_test(is_aligned_and_zeroed),
        cmocka_unit_test(overflow_is_no_memory), cmocka_unit_test(failure_is_recorded),
        cmocka_unit_test(strings_are_copied),    cmocka_unit_test(growth_keeps_and_zeroes),
        cmocka_unit_test(reserve_grows_seldom),  cmocka_unit_test(physical_memory_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
