/* Settings: every type, every message, who overrides whom. */
#include "support.h"

#include "base/settings.h"

#include <locale.h>

static const setting rows[] = {
    {"batch", SETTING_WHOLE, 2, 1048576, NULL, "256", "examples", "Examples of a step", "training"},
    {"lane", SETTING_WHOLE, 1, 512, NULL, "auto", "examples", "Examples of a lane", "training"},
    {"seed", SETTING_WHOLE, 0, 9.3e18, NULL, "0", "", "Seed", "training"},
    {"lr", SETTING_NUMBER, 0, 10, NULL, "auto", "", "Learning rate", "training"},
    {"decay", SETTING_NUMBER, 0, HUGE_VAL, NULL, "0.05", "", "Weight decay", "training"},
    {"ratio", SETTING_NUMBER, 0.05, 0.95, NULL, "0.75", "", "Hidden share", "mae"},
    {"memory", SETTING_SIZE, 67108864, 1e18, NULL, "auto", "bytes", "Memory", "training"},
    {"cache", SETTING_SIZE, 0, 1e6, NULL, "4K", "bytes", "Cache", "training"},
    {"method", SETTING_CHOICE, 0, 0, "mae|simclr|barlow", "mae", "", "Method", "training"},
    {"optimizer", SETTING_CHOICE, 0, 0, "adamw|lars|sgd", "auto", "", "Optimizer", "training"},
    {"name", SETTING_TEXT, 0, 0, NULL, "", "", "Name", "training"},
    {"note", SETTING_TEXT, 0, 0, NULL, "auto", "", "Note", "training"},
    {"views", SETTING_FLAG, 0, 0, NULL, "false", "", "Views", "training"},
    {"resume", SETTING_FLAG, 0, 0, NULL, "auto", "", "Resume", "training"},
};
enum { ROWS = sizeof rows / sizeof *rows };

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    settings *settings;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = test_context_on(&f->memory);
    assert_ok(f->context, settings_create(&f->settings, f->context));
    assert_ok(f->context, settings_add(f->settings, rows, ROWS));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    settings_destroy(f->settings);
    tacit_context_destroy(f->context);
    const int64_t alive = f->memory.alive;
    free(f);
    return alive ? -1 : 0;
}

static void fallbacks(void **state)
{
    const settings *s = ((fixture *)*state)->settings;
    assert_int_equal(settings_count(s), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        assert_ptr_equal(settings_row(s, i), &rows[i]);
        assert_string_equal(settings_value(s, i), rows[i].fallback);
        assert_true(settings_has(s, rows[i].name));
        assert_false(settings_is_set(s, rows[i].name));
        assert_int_equal(settings_is_auto(s, rows[i].name), strcmp(rows[i].fallback, "auto") == 0);
    }
    assert_false(settings_has(s, "bat"));
    assert_int_equal(settings_whole(s, "batch"), 256);
    assert_true(settings_number(s, "ratio") == 0.75);
    assert_int_equal(settings_size(s, "cache"), 4096);
    assert_string_equal(settings_text(s, "method"), "mae");
    assert_false(settings_flag(s, "views"));
}

/* What is not resolved yet gives 0, "auto", false. */
static void automatic_values(void **state)
{
    const settings *s = ((fixture *)*state)->settings;
    assert_int_equal(settings_whole(s, "lane"), 0);
    assert_true(settings_number(s, "lr") == 0);
    assert_int_equal(settings_size(s, "memory"), 0);
    assert_string_equal(settings_text(s, "optimizer"), "auto");
    assert_false(settings_flag(s, "resume"));
}

static void set_by_a_user(void **state)
{
    fixture *f = *state;
    settings *s = f->settings;
    const char *given[][2] = {{"batch", "2"},     {"lane", "512"},      {"seed", "9223372036854775807"},
                              {"lr", "1.5e-4"},   {"decay", "1e300"},   {"ratio", "0.95"},
                              {"memory", "1.5G"}, {"cache", "0"},       {"method", "simclr"},
                              {"name", "a b"},    {"optimizer", "sgd"}, {"views", "true"}};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        assert_ok(f->context, settings_set(s, given[i][0], given[i][1]));
        assert_string_equal(settings_text(s, given[i][0]), given[i][1]);
        assert_true(settings_is_set(s, given[i][0]));
    }
    assert_int_equal(settings_whole(s, "batch"), 2);
    assert_true(settings_whole(s, "seed") == INT64_MAX);
    assert_true(settings_number(s, "lr") == 1.5e-4);
    assert_true(settings_size(s, "memory") == UINT64_C(1610612736));
    assert_true(settings_flag(s, "views"));
    assert_false(settings_is_auto(s, "lane"));
    assert_ok(f->context, settings_set(s, "lane", "auto"));
    assert_true(settings_is_auto(s, "lane") && settings_is_set(s, "lane"));
    assert_ok(f->context, settings_set(s, "name", "auto")); /* only a word there */
    assert_false(settings_is_auto(s, "name"));
}

static void refused(void **state)
{
    fixture *f = *state;
    const char *cases[][3] = {
        {"batch", "0", "--batch 0: expected a whole number from 2 to 1048576"},
        {"batch", "1048577", "--batch 1048577: expected a whole number from 2 to 1048576"},
        {"batch", "12.5", "--batch 12.5: expected a whole number from 2 to 1048576"},
        {"batch", "", "--batch : expected a whole number from 2 to 1048576"},
        {"batch", "auto", "--batch auto: expected a whole number from 2 to 1048576"},
        {"batch", "99999999999999999999", "--batch 99999999999999999999: expected a whole number"},
        {"lane", "0", "--lane 0: expected a whole number from 1 to 512 or auto"},
        {"seed", "-1", "--seed -1: expected a whole number of at least 0"},
        {"lr", "11", "--lr 11: expected a number from 0 to 10 or auto"},
        {"lr", "nan", "--lr nan: expected a number from 0 to 10 or auto"},
        {"decay", "-1", "--decay -1: expected a number of at least 0"},
        {"decay", "inf", "--decay inf: expected a number of at least 0"},
        {"ratio", "0.96", "--ratio 0.96: expected a number from 0.05 to 0.95"},
        {"memory", "1M", "--memory 1M: expected a size such as 300M or 2G, from 64.0 MB to"},
        {"cache", "1G", "--cache 1G: expected a size such as 300M or 2G, from 0 bytes to 977 KB"},
        {"cache", "-1", "--cache -1: expected a size"},
        {"method", "simclir", "--method simclir: expected one of mae, simclr, barlow; did you mean simclr?"},
        {"method", "gan", "--method gan: expected one of mae, simclr, barlow"},
        {"method", "mae|simclr", "--method mae|simclr: expected one of"},
        {"method", "", "--method : expected one of"},
        {"optimizer", "adam",
         "--optimizer adam: expected one of adamw, lars, sgd or auto; did you mean adamw?"},
        {"views", "yes", "--views yes: expected true or false"},
        {"resume", "", "--resume : expected true or false or auto"},
        {"bach", "1", "--bach: no such option; did you mean --batch?"},
        {"zzzzzzz", "1", "--zzzzzzz: no such option"},
        {"", "1", "--: no such option"},
        {"name\n", "1", "--name?: no such option; did you mean --name?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        context_begin(f->context);
        assert_fails(f->context, settings_set(f->settings, cases[i][0], cases[i][1]), TACIT_ARGUMENT,
                     cases[i][2]);
        context_begin(f->context);
        assert_fails(f->context, settings_default(f->settings, cases[i][0], cases[i][1]), TACIT_ARGUMENT,
                     cases[i][2]);
    }
    for (size_t i = 0; i < ROWS; i++)
        assert_string_equal(settings_value(f->settings, i), rows[i].fallback);
    context_begin(f->context);
    (void)settings_set(f->settings, "method", "gan");
    assert_null(strstr(tacit_context_message(f->context), "did you mean"));
}

static void long_values_are_cut(void **state)
{
    fixture *f = *state;
    char text[2000];
    memset(text, '7', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_fails(f->context, settings_set(f->settings, "batch", text), TACIT_ARGUMENT,
                 "7: expected a whole number from 2 to 1048576");
    context_begin(f->context);
    assert_fails(f->context, settings_set(f->settings, text, "1"), TACIT_ARGUMENT, "7: no such option");
}

static void precedence(void **state)
{
    fixture *f = *state;
    settings *s = f->settings;
    assert_ok(f->context, settings_default(s, "batch", "512"));
    assert_ok(f->context, settings_default(s, "lr", "0.5"));
    assert_int_equal(settings_whole(s, "batch"), 512);
    assert_false(settings_is_set(s, "batch"));
    assert_ok(f->context, settings_set(s, "batch", "64"));
    assert_ok(f->context, settings_default(s, "batch", "128"));
    assert_int_equal(settings_whole(s, "batch"), 64);
    /* Resolving fills in what is "auto" and nothing else. */
    assert_ok(f->context, settings_resolve_whole(s, "batch", 1000));
    assert_ok(f->context, settings_resolve_number(s, "lr", 2));
    assert_int_equal(settings_whole(s, "batch"), 64);
    assert_true(settings_number(s, "lr") == 0.5);
    assert_ok(f->context, settings_resolve_whole(s, "lane", 32));
    assert_ok(f->context, settings_resolve_whole(s, "memory", INT64_C(1) << 33));
    assert_ok(f->context, settings_resolve(s, "optimizer", "lars"));
    assert_int_equal(settings_whole(s, "lane"), 32);
    assert_true(settings_size(s, "memory") == UINT64_C(1) << 33);
    assert_string_equal(settings_text(s, "optimizer"), "lars");
    assert_false(settings_is_auto(s, "lane") || settings_is_set(s, "lane"));
    assert_fails(f->context, settings_resolve(s, "nam", "x"), TACIT_ARGUMENT, "did you mean --name?");
}

static void resolved_values_are_checked(void **state)
{
    fixture *f = *state;
    assert_fails(f->context, settings_resolve_whole(f->settings, "lane", 513), TACIT_ARGUMENT,
                 "--lane 513: expected");
    context_begin(f->context);
    assert_fails(f->context, settings_set_whole(f->settings, "lane", 513), TACIT_ARGUMENT,
                 "--lane 513: expected");
    context_begin(f->context);
    assert_fails(f->context, settings_resolve_number(f->settings, "lr", (double)NAN), TACIT_ARGUMENT, "--lr");
    context_begin(f->context);
    assert_fails(f->context, settings_resolve_number(f->settings, "lr", HUGE_VAL), TACIT_ARGUMENT,
                 "--lr inf");
    assert_true(settings_is_auto(f->settings, "lr"));
}

/* The text of a number is the number, short where that is enough, in every locale. */
static void numbers_survive_as_text(void **state)
{
    fixture *f = *state;
    const double values[] = {0.1, 1.5e-4, 2.0 / 3.0, 1e-9, 0.0009765625, 3.0000000000000004, 10, 0};
    const char *texts[] = {"0.1", "0.00015", NULL, "1e-09", "0.0009765625", NULL, "10", "0"};
    const char *locales[] = {"C", "de_DE.UTF-8", "fa_IR.UTF-8"};
    for (size_t l = 0; l < sizeof locales / sizeof *locales; l++) {
        setlocale(LC_NUMERIC, locales[l]); /* may be missing: then the test says less */
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            assert_ok(f->context, settings_set(f->settings, "lr", "auto"));
            assert_ok(f->context, settings_resolve_number(f->settings, "lr", values[i]));
            assert_near(settings_number(f->settings, "lr"), values[i], 0, 4e-16);
            if (texts[i])
                assert_string_equal(settings_text(f->settings, "lr"), texts[i]);
            assert_ok(f->context,
                      settings_set_number(f->settings, "lr", values[i])); /* the same from a user */
            assert_near(settings_number(f->settings, "lr"), values[i], 0, 4e-16);
            assert_true(settings_is_set(f->settings, "lr"));
        }
    }
    setlocale(LC_NUMERIC, "C");
}

static void tables_are_checked(void **state)
{
    fixture *f = *state;
    const setting wrong[] = {{"lr", SETTING_NUMBER, 0, 1, NULL, "0", "", "", ""},
                             {"depth", SETTING_WHOLE, 1, 64, NULL, "0", "", "", ""},
                             {"style", SETTING_CHOICE, 0, 0, "a|b", "c", "", "", ""}};
    assert_fails(f->context, settings_add(f->settings, &wrong[0], 1), TACIT_STATE, "--lr is declared twice");
    context_begin(f->context);
    assert_fails(f->context, settings_add(f->settings, &wrong[1], 1), TACIT_ARGUMENT, "--depth 0: expected");
    context_begin(f->context);
    assert_fails(f->context, settings_add(f->settings, &wrong[2], 1), TACIT_ARGUMENT,
                 "--style c: expected one of a, b");
    assert_int_equal(settings_count(f->settings), ROWS);
}

static tacit_status work_with(tacit_context *context, void *unused)
{
    (void)unused;
    settings *s;
    TRY(settings_create(&s, context));
    tacit_status status = settings_add(s, rows, ROWS);
    if (status == TACIT_OK)
        status = settings_set(s, "batch", "16");
    if (status == TACIT_OK)
        status = settings_default(s, "ratio", "0.5");
    if (status == TACIT_OK)
        status = settings_resolve_number(s, "lr", 0.25);
    if (status == TACIT_OK && settings_set(s, "unknown", "") == TACIT_NOMEM)
        status = TACIT_NOMEM;
    settings_destroy(s);
    return status;
}

static void no_memory_at_every_allocation(void **state)
{
    (void)state;
    assert_true(test_each_failed_allocation(work_with, NULL) >= ROWS + 5);
}

#define SETTINGS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(fallbacks),
        SETTINGS_TEST(automatic_values),
        SETTINGS_TEST(set_by_a_user),
        SETTINGS_TEST(refused),
        SETTINGS_TEST(long_values_are_cut),
        SETTINGS_TEST(precedence),
        SETTINGS_TEST(resolved_values_are_checked),
        SETTINGS_TEST(numbers_survive_as_text),
        SETTINGS_TEST(tables_are_checked),
        cmocka_unit_test(no_memory_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
