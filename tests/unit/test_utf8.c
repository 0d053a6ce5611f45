/* UTF-8: every character there and back, everything that is none, and where. */
#include "support.h"

#include "base/utf8.h"

static void every_character(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < UTF8_CODES; code++) {
        uint8_t text[UTF8_MOST];
        uint32_t got = UTF8_CODES;
        const size_t size = utf8_encode(code, text);
        const bool surrogate = code >= 0xd800 && code < 0xe000;
        if (utf8_decode(text, size, &got) != (surrogate ? 0 : size) || (!surrogate && got != code))
            fail_msg("U+%04X", (unsigned)code);
        if (utf8_decode(text, size - 1, &got) != 0)
            fail_msg("U+%04X without its last byte", (unsigned)code);
    }
}

static void lengths(void **state)
{
    (void)state;
    uint8_t text[UTF8_MOST];
    assert_int_equal(utf8_encode(0x7f, text), 1);
    assert_int_equal(utf8_encode(0x80, text), 2);
    assert_memory_equal(text, "\xc2\x80", 2);
    assert_int_equal(utf8_encode(0x7ff, text), 2);
    assert_int_equal(utf8_encode(0x800, text), 3);
    assert_memory_equal(text, "\xe0\xa0\x80", 3);
    assert_int_equal(utf8_encode(0xffff, text), 3);
    assert_int_equal(utf8_encode(0x1f600, text), 4);
    assert_memory_equal(text, "\xf0\x9f\x98\x80", 4);
}

static void no_characters(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\x80",
                                        "\xbf",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xc3",
                                        "\xc3(",
                                        "\xe0\x80\x80",
                                        "\xe0\x9f\xbf",
                                        "\xed\xa0\x80",
                                        "\xed\xbf\xbf",
                                        "\xe2\x82",
                                        "\xe2(\xa1",
                                        "\xf0\x80\x80\x80",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf0\x9f\x98",
                                        "\xf5\x80\x80\x80",
                                        "\xf8\x88\x80\x80\x80",
                                        "\xfe",
                                        "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t code;
        size_t offset = 99;
        assert_int_equal(utf8_decode((const uint8_t *)wrong[i], strlen(wrong[i]), &code), 0);
        assert_false(utf8_check(wrong[i], strlen(wrong[i]), &offset));
        assert_int_equal(offset, 0);
    }
}

/* A wrong byte is found wherever it is, and a text that ends within a character is wrong from there on. */
static void offsets(void **state)
{
    (void)state;
    char text[64];
    size_t offset;
    assert_true(utf8_check("", 0, &offset));
    assert_int_equal(offset, 0);
    for (size_t size = 1; size < sizeof text; size++)
        for (size_t i = 0; i < size; i++) {
            memset(text, 'a', sizeof text);
            assert_true(utf8_check(text, size, &offset));
            assert_int_equal(offset, size);
            text[i] = '\xe2';
            assert_false(utf8_check(text, size, &offset));
            assert_int_equal(offset, i);
        }
    const char *mixed = "abcdefgh\xe2\x82\xac 0123456789 \xf0\x9f\x98\x80\xc3\xa9";
    assert_true(utf8_check(mixed, strlen(mixed), &offset));
    assert_false(utf8_check(mixed, strlen(mixed) - 1, &offset));
    assert_int_equal(offset, strlen(mixed) - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character),
        cmocka_unit_test(lengths),
        cmocka_unit_test(no_characters),
        cmocka_unit_test(offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
