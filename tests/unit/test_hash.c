/* The hash that notices changes: of every bit, of length, of order, and of where pieces end. */
#include "support.h"

#include "base/hash.h"

enum { MOST = 40 };

static void every_bit_counts(void **state)
{
    (void)state;
    for (size_t size = 0; size <= MOST; size++) {
        uint8_t bytes[MOST] = {0};
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(31 * i + size);
        const uint64_t whole = hash_bytes(HASH_START, bytes, size);
        assert_true(whole == hash_bytes(HASH_START, bytes, size));
        assert_true(whole != hash_bytes(HASH_START + 1, bytes, size));
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_true(hash_bytes(HASH_START, bytes, size) != whole);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void length_and_pieces_count(void **state)
{
    (void)state;
    const uint8_t zeros[MOST] = {0};
    uint64_t seen[MOST + 1];
    assert_true(hash_bytes(HASH_START, NULL, 0) == hash_bytes(HASH_START, zeros, 0));
    for (size_t size = 0; size <= MOST; size++) {
        seen[size] = hash_bytes(HASH_START, zeros, size);
        for (size_t other = 0; other < size; other++)
            assert_true(seen[other] != seen[size]);
    }
    assert_true(hash_bytes(hash_bytes(HASH_START, zeros, 8), zeros, 8) != seen[16]);
    assert_true(hash_bytes(hash_bytes(HASH_START, "ab", 2), "cd", 2) !=
                hash_bytes(hash_bytes(HASH_START, "cd", 2), "ab", 2));
}

/* Bytes that lie at no multiple of eight. */
static void place_does_not_count(void **state)
{
    (void)state;
    char text[MOST] = " twenty-four bytes here ";
    const uint64_t want = hash_bytes(HASH_START, text, 24);
    for (size_t at = 1; at < 8; at++) {
        memmove(text + at, text + at - 1, 24);
        assert_true(hash_bytes(HASH_START, text + at, 24) == want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(length_and_pieces_count),
        cmocka_unit_test(place_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
