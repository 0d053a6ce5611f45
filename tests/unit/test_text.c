/* Strict numbers, sizes, and near names. */
#include "support.h"

#include "base/text.h"

#include <locale.h>

static void integers(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"+7", 7},
                {"007", 7},
                {"9223372036854775807", INT64_MAX},
                {"-12", -12},
                {"-9223372036854775808", INT64_MIN}};
    const char *bad[] = {"",
                         "-",
                         "+",
                         " 1",
                         "1 ",
                         "1x",
                         "0x10",
                         "1.0",
                         "--1",
                         "9223372036854775808",
                         "-9223372036854775809",
                         "99999999999999999999999",
                         "nan"};
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(text_to_int64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_to_int64(bad[i], &value));
}

static void decimals(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"0.1", 0.1},
                {"-1.5", -1.5},
                {"+2.", 2},
                {".5", 0.5},
                {"1e-4", 1e-4},
                {"1.5E3", 1500},
                {"3e+2", 300},
                {"0.001", 0.001},
                {"1e22", 1e22},
                {"123456.789", 123456.789},
                {"1e300", 1e300},
                {"0.000000000000000000001", 1e-21},
                {"1e-320", 0},
                {"100000000000000000000", 1e20}};
    const char *bad[] = {"",     ".",    "-",   "e5",  "1e",   "1e+",   "1e5.0",          "1,5",
                         " 1",   "1 ",   "nan", "inf", "-inf", "1e309", "1e999999999999", "0x1p3",
                         "1.5f", "1.2.3"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(text_to_double(good[i].text, &value));
        assert_near(value, good[i].value, 1e-300, 4e-16);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_to_double(bad[i], &value));
    /* Short decimals are exact: configurations are written and read again. */
    assert_true(text_to_double("0.05", &value) && value == 0.05);
    assert_true(text_to_double("-2.5e-5", &value) && value == -2.5e-5);
}

static void decimals_ignore_the_locale(void **state)
{
    (void)state;
    double value;
    const char *comma = setlocale(LC_NUMERIC, "de_DE.UTF-8");
    assert_true(text_to_double("1.5", &value) && value == 1.5);
    if (comma)
        setlocale(LC_NUMERIC, "C");
}

static void sizes(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"4096", 4096},
                {"1K", 1024},
                {"300M", UINT64_C(300) << 20},
                {"1.5G", UINT64_C(3) << 29},
                {"2t", UINT64_C(2) << 40},
                {"10MB", 10 << 20},
                {"7b", 7}};
    const char *bad[] = {"",
                         "B",
                         "K",
                         "KB",
                         "-1",
                         "-1K",
                         "1KK",
                         "1Q",
                         "1 K",
                         "8388608T",
                         "1e30",
                         "M1",
                         "1111111111111111111111111111111111111"};
    uint64_t value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(text_to_size(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_to_size(bad[i], &value));
}

static void sizes_for_people(void **state)
{
    (void)state;
    char text[32], tight[4];
    assert_string_equal(text_from_size(text, sizeof text, 0), "0 bytes");
    assert_string_equal(text_from_size(text, sizeof text, 999), "999 bytes");
    assert_string_equal(text_from_size(text, sizeof text, 1536), "1.5 KB");
    assert_string_equal(text_from_size(text, sizeof text, UINT64_C(312) << 20), "312 MB");
    assert_string_equal(text_from_size(text, sizeof text, UINT64_C(3) << 29), "1.5 GB");
    assert_string_equal(text_from_size(text, sizeof text, UINT64_C(5000) << 40), "5000 TB");
    assert_string_equal(text_from_size(tight, sizeof tight, 1536), "1.5");
}

static void nearest_name(void **state)
{
    (void)state;
    const char *names[] = {"mae", "simclr", "barlow-twins", "vicreg"};
    assert_string_equal(text_nearest("simclr", names, 4), "simclr");
    assert_string_equal(text_nearest("simlcr", names, 4), "simclr");
    assert_string_equal(text_nearest("mea2", names + 1, 0) ? "some" : "none", "none");
    assert_string_equal(text_nearest("man", names, 4), "mae");
    assert_string_equal(text_nearest("barlowtwin", names, 4), "barlow-twins");
    assert_null(text_nearest("resnet", names, 4));
    /* Two letters that changed places are one error, so that three letters suffice for a name. */
    assert_string_equal(text_nearest("mea", names, 4), "mae");
    assert_string_equal(text_nearest("ame", names, 4), "mae");
    assert_null(text_nearest("eam", names, 4));
    assert_string_equal(text_nearest("ivcrge", names, 4), "vicreg");
    assert_null(text_nearest("ivrcge", names, 4)); /* three swaps */
    assert_null(text_nearest("", names, 4));
    /* Words beyond what is measured are near nothing, however long. */
    char endless[400];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(text_nearest(endless, names, 4));
}

static void endings(void **state)
{
    (void)state;
    assert_true(text_ends_with("a/b.PNG", ".png"));
    assert_true(text_ends_with(".png", ".png"));
    assert_true(text_ends_with("x", ""));
    assert_false(text_ends_with("png", ".png"));
    assert_false(text_ends_with("a.png.gz", ".png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(decimals),
        cmocka_unit_test(decimals_ignore_the_locale),
        cmocka_unit_test(sizes),
        cmocka_unit_test(sizes_for_people),
        cmocka_unit_test(nearest_name),
        cmocka_unit_test(endings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
