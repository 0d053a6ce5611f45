/* The tokenizer of a run: what it is made from, what it must have room for, how it is read again. */
#include "text_support.h"
#include "tokenizer_support.h"

#include "data/augment/text_views.h"
#include "train/config.h"
#include "train/words.h"

#include <unistd.h>

static tacit_context *context;

static int set_up(void **state)
{
    (void)state;
    context = test_context();
    test_without_sync(context);
    test_folder("words");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

static settings *settings_of(const char *task, const char *kind, const char *vocabulary)
{
    settings *s;
    assert_ok(context, config_create(&s, context, task));
    assert_ok(context, settings_set(s, "tokenizer", kind));
    if (vocabulary)
        assert_ok(context, settings_set(s, "vocab", vocabulary));
    return s;
}

static dataset *data_of(const char *name, const void *text, size_t size, const dataset_options *options)
{
    dataset *d;
    const char *path = test_at(name);
    test_put(path, text, size);
    context_begin(context);
    assert_ok(context, dataset_open(&d, context, &path, 1, options));
    return d;
}

static tokenizer *train(const dataset *d, const char *task, const char *kind, const char *vocabulary)
{
    tokenizer *t;
    settings *s = settings_of(task, kind, vocabulary);
    assert_ok(context, words_train(&t, context, d, s));
    assert_true(settings_whole(s, "vocab") >= tokenizer_size(t));
    assert_true(vocabulary || settings_whole(s, "vocab") == tokenizer_size(t));
    settings_destroy(s);
    return t;
}

static bool same(const tokenizer *a, const tokenizer *b)
{
    bool equal = tokenizer_size(a) == tokenizer_size(b);
    for (int64_t i = 0; equal && i < tokenizer_size(a); i++) {
        size_t n, m;
        const uint8_t *one = tokenizer_token(a, i, &n), *two = tokenizer_token(b, i, &m);
        equal = n == m && memcmp(one, two, n) == 0;
    }
    return equal;
}

static void kinds_and_special_tokens(void **state)
{
    (void)state;
    dataset *d = data_of("a.txt", "abc cba abc abc abc abc abc", 27, NULL);
    tokenizer *t = train(d, "next-word", "bytes", NULL);
    assert_int_equal(tokenizer_size(t), 257);
    assert_int_equal(tokenizer_find_special(t, TEXT_END), 256);
    assert_int_equal(tokenizer_find_special(t, WORDS_MASK), -1);
    tokenizer_destroy(t);
    t = train(d, "masked-word", "bytes", "1000");
    assert_int_equal(tokenizer_size(t), 258);
    assert_int_equal(tokenizer_find_special(t, WORDS_MASK), 257); /* the last one */
    tokenizer_destroy(t);
    t = train(d, "next-word", "chars", NULL);
    assert_int_equal(tokenizer_size(t), 6); /* four, unknown, end */
    assert_int_equal(tokenizer_find_special(t, TOKENIZER_UNKNOWN), 4);
    tokenizer_destroy(t);
    t = train(d, "simclr", "bpe", "258");
    assert_int_equal(tokenizer_size(t), 258); /* one was joined */
    tokenizer_destroy(t);
    t = train(d, "masked-word", "bpe", NULL);
    assert_in_range(tokenizer_size(t), 259, 265);
    tokenizer_destroy(t);
    dataset_close(d);
}

static void refuses(const dataset *d, const char *task, const char *kind, const char *vocabulary,
                    const char *part)
{
    tokenizer *t;
    settings *s = settings_of(task, kind, vocabulary);
    context_begin(context);
    assert_fails(context, words_train(&t, context, d, s), TACIT_ARGUMENT, part);
    assert_null(t);
    settings_destroy(s);
}

static void vocabularies_that_are_too_small(void **state)
{
    (void)state;
    dataset *d = data_of("a.txt", "abc", 3, NULL);
    refuses(d, "next-word", "bpe", "256", "--vocab 256: bpe has 257 tokens or more");
    refuses(d, "masked-word", "bpe", "257", "--vocab 257: bpe has 258 tokens or more");
    refuses(d, "next-word", "bytes", "256", "--vocab 256 is less than the 257 tokens that there are");
    refuses(d, "next-word", "chars", "4", "--vocab 4 is less than the 5 tokens that there are");
    dataset_close(d);
}

/* What is joined is not learnt from the part that is kept apart; characters are known from all. */
static void the_validation_part_teaches_nothing(void **state)
{
    (void)state;
    static const char *const last[] = {"zyzyzyzyzy", "qqqqqqqqqq"};
    tokenizer *made[2][3];
    for (int i = 0; i < 2; i++) {
        char text[128];
        snprintf(text, sizeof text,
                 "the cat the cat the cat the cat the cat the cat the cat the cat the cat..%s", last[i]);
        dataset *d = data_of("a.txt", text, strlen(text), NULL);
        made[i][0] = train(d, "next-word", "bpe", NULL);
        made[i][1] = train(d, "next-word", "chars", NULL);
        made[i][2] = train(d, "simclr", "bpe", NULL); /* texts one by one: nothing is kept apart */
        dataset_close(d);
    }
    assert_true(same(made[0][0], made[1][0]));
    assert_false(same(made[0][1], made[1][1]));
    assert_false(same(made[0][2], made[1][2]));
    for (int i = 0; i < 6; i++)
        tokenizer_destroy(made[i / 3][i % 3]);
}

/* The second texts are longer here than the first, and of other characters. */
static void pairs_teach_both_texts(void **state)
{
    (void)state;
    static const char text[] = "{\"text\":\"ab\",\"b\":\"zyzyzyzyzyzyzyzyzyzy zyzyzyzy\"}\n"
                               "{\"text\":\"ababab ab\",\"b\":\"z\"}\n";
    dataset *d = data_of("a.jsonl", text, sizeof text - 1, &(dataset_options){.pair = "b"});
    tokenizer *t = train(d, "simclr", "chars", NULL);
    assert_int_equal(tokenizer_size(t), 7); /* a b y z, a space, unknown, end */
    tokenizer_destroy(t);
    t = train(d, "simclr", "bpe", "258");
    size_t size;
    const uint8_t *token = tokenizer_token(t, 256, &size);
    assert_true(size == 2 && memcmp(token, "zy", 2) == 0); /* the most frequent neighbours */
    tokenizer_destroy(t);
    dataset_close(d);
}

/* More than a megabyte is learnt from in pieces: between words, so that none is lost or torn. */
static void long_texts_are_learnt_whole(void **state)
{
    (void)state;
    enum { SIZE = 12 * 218453 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = "hello world "[i % 12];
    dataset *d = data_of("a.txt", text, SIZE, NULL);
    tokenizer *t = train(d, "simclr", "bpe", NULL);
    dataset_close(d);
    d = data_of("a.txt", text, 1200, NULL);
    tokenizer *less = train(d, "simclr", "bpe", NULL);
    assert_true(same(t, less));
    tokenizer_destroy(t);
    tokenizer_destroy(less);
    dataset_close(d);
    free(text);
}

static void what_a_tokenizer_refuses(void **state)
{
    (void)state;
    tokenizer *t;
    dataset *d = data_of("a.bin", "ab\xff", 3, &(dataset_options){.any_bytes = true});
    settings *s = settings_of("next-word", "chars", NULL);
    assert_fails(context, words_train(&t, context, d, s), TACIT_FORMAT, "2");
    assert_null(t);
    settings_destroy(s);
    t = train(d, "next-word", "bytes", NULL);
    tokenizer_destroy(t);
    dataset_close(d);
}

static void texts_that_change(void **state)
{
    (void)state;
    static const char before[] = "{\"text\":\"0123456789\"}", after[] = "{\"text\":\"0\",\"x\":\"34\"}";
    tokenizer *t;
    dataset *d = data_of("c.jsonl", before, sizeof before - 1, NULL);
    settings *s = settings_of("next-word", "bpe", NULL);
    assert_ok(context, settings_set(s, "validation", "0.5"));
    text_range part, held;
    assert_ok(context, text_range_split(d, 0.5, &part, &held));
    assert_int_equal(part.last_byte, 5);
    test_put(test_at("c.jsonl"), after, sizeof after - 1);
    assert_ok(context, words_train(&t, context, d, s)); /* it is one text, as it is now */
    tokenizer_destroy(t);
    settings_destroy(s);
    dataset_close(d);
}

/* ---- files ---- */

static void written_and_read_again(void **state)
{
    (void)state;
    tokenizer *again;
    char folder[600];
    snprintf(folder, sizeof folder, "%s", test_at(""));
    dataset *d = data_of("a.txt", "the cat and the dog and the cat", 31, NULL);
    tokenizer *t = train(d, "masked-word", "bpe", "300");
    settings *s = settings_of("masked-word", "bpe", "300");
    assert_ok(context, words_write(t, context, folder));
    assert_ok(context, words_read(&again, context, folder, s));
    assert_true(same(t, again));
    tokenizer_destroy(again);
    assert_ok(context, settings_set(s, "vocab", "260"));
    assert_fails(context, words_read(&again, context, folder, s), TACIT_FORMAT,
                 "and no more than the 260 of the model");
    assert_null(again);
    tokenizer_destroy(t);
    t = test_train(context, TOKENIZER_BYTES, 0, 1, NULL, 0);
    assert_ok(context, words_write(t, context, folder));
    context_begin(context);
    assert_fails(context, words_read(&again, context, folder, s), TACIT_FORMAT,
                 "tokenizer.json: 256 tokens: expected \"<|endoftext|>\" among them");
    assert_null(again);
    assert_int_equal(unlink(test_at("tokenizer.json")), 0);
    context_begin(context);
    assert_fails(context, words_read(&again, context, folder, s), TACIT_IO, "tokenizer.json: cannot read");
    test_put(test_at("tokenizer.json"), "{", 1);
    context_begin(context);
    assert_fails(context, words_read(&again, context, folder, s), TACIT_FORMAT, "tokenizer.json");
    tokenizer_destroy(t);
    settings_destroy(s);
    dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_special_tokens),
        cmocka_unit_test(vocabularies_that_are_too_small),
        cmocka_unit_test(the_validation_part_teaches_nothing),
        cmocka_unit_test(pairs_teach_both_texts),
        cmocka_unit_test(long_texts_are_learnt_whole),
        cmocka_unit_test(what_a_tokenizer_refuses),
        cmocka_unit_test(texts_that_change),
        cmocka_unit_test(written_and_read_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
