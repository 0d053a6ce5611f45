/* Tokenizers against the library `tokenizers` (files made by make_tokenizer.py): its files read, the same ids
 * for texts of all kinds, and the same vocabulary and merges from training on the same text. */
#include "golden_data.h"

#include "base/file.h"
#include "data/tokenizer.h"
#include "data/tokenizer/parts.h"

#include <jansson.h>

static tacit_context *context;

static const char *golden_path(const char *name)
{
    static char path[1024];
    const char *source = getenv("TACIT_SOURCE");
    snprintf(path, sizeof path, "%s/tests/golden/%s", source ? source : ".", name);
    return path;
}

static tokenizer *read_golden(const char *name)
{
    tokenizer *t;
    assert_ok(context, tokenizer_read(&t, context, golden_path(name)));
    return t;
}

/* Whether `text` becomes these ids, and is what they become. */
static void check_text(const tokenizer *t, const json_t *text, const json_t *ids, bool specials)
{
    tokenizer_scratch *s;
    token_list got = {.context = context};
    byte_list back = {.context = context};
    const size_t size = json_string_length(text);
    assert_ok(context, tokenizer_scratch_create(&s, t));
    /* Twice: the second time from what was remembered. */
    for (int i = 0; i < 2; i++) {
        got.count = back.size = 0;
        assert_ok(context, tokenizer_encode(s, json_string_value(text), size, specials, &got));
        assert_int_equal(got.count, json_array_size(ids));
        for (size_t j = 0; j < got.count; j++)
            assert_int_equal(got.ids[j], json_integer_value(json_array_get(ids, j)));
    }
    assert_ok(context, tokenizer_decode(t, got.ids, got.count, true, &back));
    assert_int_equal(back.size, size);
    assert_true(size == 0 || memcmp(back.data, json_string_value(text), size) == 0);
    memory_free(context, got.ids);
    memory_free(context, back.data);
    tokenizer_scratch_destroy(s);
}

/* All texts, whose ids are called `key`, with the tokenizer of a file. Returns how many there were. */
static int check_cases(const char *file, const char *key, bool specials)
{
    int count = 0;
    size_t i;
    json_t *one, *cases = json_load_file(golden_path("tokenizer_cases.json"), 0, NULL);
    assert_true(json_is_array(cases));
    tokenizer *t = read_golden(file);
    json_array_foreach(cases, i, one)
    {
        const json_t *ids = json_object_get(one, key);
        if (json_is_array(ids)) {
            check_text(t, json_object_get(one, "text"), ids, specials);
            count++;
        }
    }
    tokenizer_destroy(t);
    json_decref(cases);
    return count;
}

static void same_ids(void **state)
{
    (void)state;
    assert_int_equal(check_cases("tokenizer_bpe.json", "bpe", false), 33);
    assert_int_equal(check_cases("tokenizer_bpe.json", "bpe_special", true), 33);
}

static void same_ids_in_old_form(void **state)
{
    (void)state;
    tokenizer *t = read_golden("tokenizer_old.json");
    assert_int_equal(tokenizer_kind_of(t), TOKENIZER_BPE);
    assert_int_equal(tokenizer_size(t), 701);
    assert_int_equal(tokenizer_find_special(t, "<|endoftext|>"), 300);
    tokenizer_destroy(t);
    assert_int_equal(check_cases("tokenizer_old.json", "old", true), 33);
}

static void same_ids_of_characters(void **state)
{
    (void)state;
    tokenizer *t = read_golden("tokenizer_chars.json");
    assert_int_equal(tokenizer_kind_of(t), TOKENIZER_CHARS);
    tokenizer_destroy(t);
    assert_true(check_cases("tokenizer_chars.json", "chars", true) >= 15);
}

static void assert_same_tokens(const tokenizer *a, const tokenizer *b)
{
    assert_int_equal(tokenizer_size(a), tokenizer_size(b));
    for (int64_t i = 0; i < tokenizer_size(a); i++) {
        size_t first_size, second_size;
        const uint8_t *first = tokenizer_token(a, i, &first_size),
                      *second = tokenizer_token(b, i, &second_size);
        assert_int_equal(first_size, second_size);
        assert_memory_equal(first, second, first_size);
        assert_int_equal(tokenizer_is_special(a, i), tokenizer_is_special(b, i));
    }
    assert_int_equal(a->merges.count, b->merges.count);
    for (size_t i = 0; i < a->merges.count; i++)
        assert_memory_equal(&a->merges.merges[i], &b->merges.merges[i], sizeof(merge));
}

/* What training finds, with special tokens after it, is the tokenizer of a file. */
static void check_training(tokenizer_kind kind, int64_t vocabulary, const char *file)
{
    tokenizer_trainer *trainer;
    tokenizer *got, *want = read_golden(file);
    uint8_t *text;
    size_t size;
    int32_t id;
    assert_ok(context, file_read(context, golden_path("tokenizer_corpus.txt"), 1 << 20, &text, &size));
    assert_ok(context, tokenizer_trainer_create(&trainer, context, kind, vocabulary, 0));
    assert_ok(context, tokenizer_trainer_feed(trainer, text, size));
    assert_ok(context, tokenizer_trainer_finish(trainer, &got));
    assert_ok(context, tokenizer_add_special(got, "<|endoftext|>", &id));
    assert_ok(context, tokenizer_add_special(got, "<|mask|>", &id));
    assert_int_equal(id, tokenizer_size(got) - 1);
    assert_same_tokens(got, want);
    memory_free(context, text);
    tokenizer_trainer_destroy(trainer);
    tokenizer_destroy(got);
    tokenizer_destroy(want);
}

static void same_training(void **state)
{
    (void)state;
    check_training(TOKENIZER_BPE, 700, "tokenizer_bpe.json");
    check_training(TOKENIZER_CHARS, 0, "tokenizer_chars.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_ids),
        cmocka_unit_test(same_ids_in_old_form),
        cmocka_unit_test(same_ids_of_characters),
        cmocka_unit_test(same_training),
    };
    context = test_context();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tacit_context_destroy(context);
    return failed;
}
