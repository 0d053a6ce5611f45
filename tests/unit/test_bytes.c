/* Numbers from hostile bytes: both byte orders, and never a read past the end. */
#include "support.h"

#include "base/bytes.h"

static const uint8_t digits[] = {0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88};

static void both_orders(void **state)
{
    (void)state;
    bytes b = bytes_of(digits, sizeof digits);
    assert_int_equal(bytes_u8(&b), 0x01);
    assert_int_equal(bytes_u16_le(&b), 0x0382);
    assert_int_equal(bytes_u16_be(&b), 0x8405);
    assert_int_equal(bytes_left(&b), 3);
    b = bytes_of(digits, sizeof digits);
    assert_int_equal(bytes_u32_le(&b), 0x84038201);
    assert_int_equal(bytes_u32_be(&b), 0x05860788);
    assert_int_equal(bytes_left(&b), 0);
    b = bytes_of(digits, sizeof digits);
    assert_true(bytes_u64_le(&b) == UINT64_C(0x8807860584038201));
    assert_false(b.failed);
}

static void reading_past_the_end_sticks(void **state)
{
    (void)state;
    /* On the heap at its exact size, so that AddressSanitizer sees a read of one byte too many. */
    uint8_t *exact = malloc(3);
    memcpy(exact, digits, 3);
    bytes b = bytes_of(exact, 3);
    assert_int_equal(bytes_u32_le(&b), 0);
    assert_true(b.failed);
    assert_int_equal(bytes_u8(&b), 0);
    assert_null(bytes_skip(&b, 0));
    b = bytes_of(exact, 3);
    assert_non_null(bytes_skip(&b, 3));
    assert_null(bytes_skip(&b, 1));
    b = bytes_of(exact, 3);
    assert_ptr_equal(bytes_skip(&b, 1), exact);
    assert_null(bytes_skip(&b, SIZE_MAX));
    assert_true(b.failed);
    free(exact);
}

static void no_bytes_at_all(void **state)
{
    (void)state;
    bytes b = bytes_of(NULL, 0);
    assert_non_null(bytes_skip(&b, 0));
    assert_false(b.failed);
    assert_true(bytes_u64_le(&b) == 0);
    assert_true(b.failed);
}

static void written_and_read_again(void **state)
{
    (void)state;
    uint8_t out[12];
    bytes_put_u32_le(out, 0xfedcba98);
    bytes_put_u64_le(out + 4, UINT64_C(0x0123456789abcdef));
    assert_int_equal(out[0], 0x98);
    assert_int_equal(out[4], 0xef);
    bytes b = bytes_of(out, sizeof out);
    assert_int_equal(bytes_u32_le(&b), 0xfedcba98);
    assert_true(bytes_u64_le(&b) == UINT64_C(0x0123456789abcdef));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_orders),
        cmocka_unit_test(reading_past_the_end_sticks),
        cmocka_unit_test(no_bytes_at_all),
        cmocka_unit_test(written_and_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
