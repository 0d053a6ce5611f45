/* Texts that a model goes on with. Most models here are written, not learnt: what comes at each place of the
 * window is set by its positions. */
#include "words_support.h"

#include "base/utf8.h"
#include "tokenizer_support.h"
#include "use/generate.h"

enum { WINDOW = 16, HALF = 8, BYTES_END = 256, BYTES_MASK = 257, NO_TOKEN = 258, WORDS = 260, MOST = 4096 };

/* ---- a model that says what it is told to ---- */

/* Nothing but the table of words, of large random rows, and positions. */
static void empty_out(learner *l)
{
    parameters *p = &l->parameters;
    for (size_t i = 0; i < p->count; i++) {
        const parameter *one = &p->table[i];
        float *numbers = p->block + one->offset;
        const bool words = strcmp(one->name, "encoder.words.weight") == 0;
        draws d = draws_at(1, DRAW_TEST, 0, i, 0);
        for (int64_t k = 0; k < shape_count(one->shape); k++)
            numbers[k] =
                words ? draw_normal(&d) : (strcmp(one->name, "encoder.norm.weight") == 0 ? 1.0f : 0.0f);
    }
}

/* After the token at place t comes script[t]. */
static void write_script(learner *l, const int32_t *script, int64_t count)
{
    const parameters *p = &l->parameters;
    const parameter *words = parameters_find(p, "encoder.words.weight");
    const parameter *places = parameters_find(p, "encoder.positions.weight");
    const int64_t width = words->shape.size[1];
    for (int64_t t = 0; t < count; t++)
        for (int64_t k = 0; k < width; k++)
            p->block[places->offset + t * width + k] =
                100.0f * p->block[words->offset + script[t] * width + k];
}

typedef struct trial {
    test_words words;
    tokenizer *tokenizer;
    tacit_generate_options options;
    generation result;
    char text[MOST]; /* that was heard */
    size_t size;
    int pieces, cancel_at; /* piece at which to cancel; 0: none */
} trial;

/* Bytes, the end of a text, and the mask; two rows of the table are no tokens. */
static void set_up(trial *t, const char *text)
{
    int32_t script[WINDOW], id;
    *t = (trial){.options = tacit_generate_options_default()};
    test_words_set_up(&t->words, "next-word", "gpt-nano", WINDOW, WORDS, 2, NULL);
    t->tokenizer = test_train(t->words.context, TOKENIZER_BYTES, 256, 1, &text, 1);
    assert_ok(t->words.context, tokenizer_add_special(t->tokenizer, "<|endoftext|>", &id));
    assert_int_equal(id, BYTES_END);
    assert_ok(t->words.context, tokenizer_add_special(t->tokenizer, "<|mask|>", &id));
    assert_int_equal(id, BYTES_MASK);
    empty_out(t->words.learner);
    for (int i = 0; i < WINDOW; i++)
        script[i] = i < (int)strlen(text) ? (uint8_t)text[i] : BYTES_END;
    write_script(t->words.learner, script, WINDOW);
}

static void tear_down(trial *t)
{
    tokenizer_destroy(t->tokenizer);
    test_words_tear_down(&t->words);
}

/* Whatever is told is UTF-8, piece by piece. */
static void hear(void *user, const char *text, size_t size)
{
    trial *t = user;
    size_t offset;
    assert_true(size > 0 && t->size + size < MOST);
    assert_true(utf8_check(text, size, &offset));
    memcpy(t->text + t->size, text, size);
    t->size += size;
    t->text[t->size] = '\0';
    if (++t->pieces == t->cancel_at)
        tacit_context_cancel(t->words.context);
}

static tacit_status run_bytes(trial *t, const void *prompt, size_t size, int64_t sample)
{
    t->size = 0;
    t->pieces = 0;
    t->text[0] = '\0';
    context_begin(t->words.context);
    return generate_run(t->words.learner, t->words.work, t->tokenizer, prompt, size, &t->options, sample,
                        hear, t, &t->result);
}

static tacit_status run(trial *t, const char *prompt)
{
    return run_bytes(t, prompt, strlen(prompt), 0);
}

static void check_result(const trial *t, int64_t prompt, int64_t cut, int64_t tokens, bool ended)
{
    assert_int_equal(t->result.prompt, prompt);
    assert_int_equal(t->result.cut, cut);
    assert_int_equal(t->result.tokens, tokens);
    assert_int_equal(t->result.ended, ended);
}

/* ---- where a text ends ---- */

static void texts_end_by_themselves(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "a b c");
    assert_ok(t.words.context, run(&t, ""));
    assert_string_equal(t.text, "a b c");
    check_result(&t, 0, 0, 5, true);
    assert_ok(t.words.context, run(&t, "xy")); /* place 1 says what is first */
    assert_string_equal(t.text, " b c");
    check_result(&t, 2, 0, 4, true);
    t.options.tokens = 2;
    assert_ok(t.words.context, run(&t, ""));
    assert_string_equal(t.text, "a ");
    check_result(&t, 0, 0, 2, false);
    t.options.tokens = 0;
    assert_ok(t.words.context, run(&t, "xyz"));
    assert_string_equal(t.text, "");
    check_result(&t, 3, 0, 0, false);
    tear_down(&t);
}

static void check_stop(const char *script, const char *stop, const char *want, bool ended)
{
    trial t;
    set_up(&t, script);
    t.options.stop = stop;
    t.options.tokens = (int64_t)strlen(script);
    assert_ok(t.words.context, run(&t, ""));
    assert_string_equal(t.text, want);
    assert_int_equal(t.result.ended, ended);
    tear_down(&t);
}

/* Tokens are bytes here: every stop of more than one reaches over borders. */
static void a_stop_ends_a_text(void **state)
{
    (void)state;
    check_stop("abSTOPcd", "STOP", "ab", true);
    check_stop("STOPcd", "STOP", "", true);
    check_stop("abSTxSTOP", "STOP", "abSTx", true);
    check_stop("abSTSTOP", "STOP", "abST", true);
    check_stop("abSTO", "STOP", "abSTO", false); /* it was only begun */
    check_stop("aXbXc", "X", "a", true);
    check_stop("abc", "abcd", "abc", false);
    check_stop("abc", "", "abc", false);
    check_stop("a\xc3\xa4\xc3\xb6z", "\xc3\xb6", "a\xc3\xa4", true);
    check_stop("a\xe2\x82Xz", "X", "a\xef\xbf\xbd\xef\xbf\xbd", true);
}

/* A stop within one token, and one that begins within a token and ends in the next. */
static void a_stop_may_be_within_a_token(void **state)
{
    (void)state;
    static const char *const corpus[] = {"abcd abcd abcd abcd"};
    static const struct {
        const char *stop, *want;
    } cases[] = {{"bc", "a"}, {"da", "abc"}, {"abcd", ""}, {"dabcd", "abc"}, {"x", "abcdabcd"}};
    trial t;
    int32_t script[WINDOW], id;
    set_up(&t, "");
    tokenizer_destroy(t.tokenizer);
    t.tokenizer = test_train(t.words.context, TOKENIZER_BPE, 259, 1, corpus, 1);
    token_list ids = {.context = t.words.context};
    tokenizer_scratch *s;
    assert_ok(t.words.context, tokenizer_scratch_create(&s, t.tokenizer));
    assert_ok(t.words.context, tokenizer_encode(s, "abcd", 4, false, &ids));
    assert_int_equal(ids.count, 1);
    assert_ok(t.words.context, tokenizer_add_special(t.tokenizer, "<|endoftext|>", &id));
    for (int i = 0; i < WINDOW; i++)
        script[i] = i < 2 ? ids.ids[0] : id;
    write_script(t.words.learner, script, WINDOW);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t.options.stop = cases[i].stop;
        assert_ok(t.words.context, run(&t, ""));
        assert_string_equal(t.text, cases[i].want);
        assert_true(t.result.ended);
    }
    memory_free(t.words.context, ids.ids);
    tokenizer_scratch_destroy(s);
    tear_down(&t);
}

/* ---- only characters are told ---- */

/* Each byte that is part of no character as U+FFFD. */
static void as_characters(const uint8_t *bytes, size_t size, char *out)
{
    uint32_t code;
    for (size_t i = 0; i < size;) {
        const size_t length = utf8_decode(bytes + i, size - i, &code);
        memcpy(out, length ? (const void *)(bytes + i) : "\xef\xbf\xbd", length ? length : 3);
        out += length ? length : 3;
        i += length ? length : 1;
    }
    *out = '\0';
}

static void check_bytes(const char *script)
{
    char want[3 * WINDOW + 1];
    trial t;
    set_up(&t, script);
    as_characters((const uint8_t *)script, strlen(script), want);
    assert_ok(t.words.context, run(&t, ""));
    assert_string_equal(t.text, want);
    tear_down(&t);
}

static void only_whole_characters_are_told(void **state)
{
    (void)state;
    check_bytes("\xe2\x82\xac \xf0\x9f\x98\x80 \xc3\xa9");
    check_bytes("a\xff z");
    check_bytes("\x80\xbf\xc0\xaf");
    check_bytes("a\xe2\x82");     /* ends within a character */
    check_bytes("a\xf0\x9f\x98"); /* and so */
    check_bytes("\xf0\x9f\x98\xf0\x9f\x98\x80");
    check_bytes("\xed\xa0\x80\xe2\x28\xa1x"); /* a surrogate; a broken character */
    check_bytes("\xc3\xc3\xa9\xc3");
}

/* A character is told as soon as it is whole, an ASCII one at once. */
static void characters_are_told_as_they_come(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "ab\xe2\x82\xac"
               "c");
    assert_ok(t.words.context, run(&t, ""));
    assert_int_equal(t.pieces, 4);
    tear_down(&t);
}

/* A model that knows nothing, at a high temperature: any bytes. */
static void any_bytes_become_characters(void **state)
{
    (void)state;
    trial t;
    int64_t wrong = 0;
    set_up(&t, "");
    memset(t.words.learner->parameters.block, 0, (size_t)t.words.learner->parameters.size * sizeof(float));
    t.options.temperature = 1.0;
    t.options.tokens = 80;
    for (int64_t sample = 0; sample < 12; sample++) {
        assert_ok(t.words.context, run_bytes(&t, "", 0, sample));
        wrong += strstr(t.text, "\xef\xbf\xbd") != NULL;
    }
    assert_true(wrong > 5);
    tear_down(&t);
}

/* ---- tokens that are no text ---- */

static int64_t characters_in(const char *text, size_t size)
{
    int64_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((uint8_t)text[i] & 0xc0) != 0x80;
    return count;
}

static void no_text_is_not_written(void **state)
{
    (void)state;
    const int32_t script[] = {'a', BYTES_MASK, NO_TOKEN, NO_TOKEN + 1, 'b', BYTES_END};
    trial t;
    set_up(&t, "");
    write_script(t.words.learner, script, 6);
    assert_ok(t.words.context, run(&t, ""));
    assert_true(t.text[0] == 'a' && t.text[t.size - 1] == 'b' && t.result.ended);
    assert_null(strstr(t.text, "<|mask|>"));
    assert_int_equal(t.result.tokens, 5); /* another token each, which is text */
    assert_int_equal(characters_in(t.text, t.size), 5);
    tear_down(&t);
}

/* ---- the window ---- */

static void a_full_window_forgets_its_older_half(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "0123456789abcdef");
    t.options.tokens = 34;
    assert_ok(t.words.context, run(&t, ""));
    /* Place 15 says the 16th; eight tokens are read again, and place 7 says the next. */
    assert_string_equal(t.text, "0123456789abcdef"
                                "789abcdef"
                                "789abcdef");
    check_result(&t, 0, 0, 34, false);
    tear_down(&t);
}

static void a_long_prompt_is_cut(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "0123456789abcdef");
    t.options.tokens = 3;
    assert_ok(t.words.context, run(&t, "ABCDEFGHIJKLMNOP"));
    assert_string_equal(t.text, "f78");
    check_result(&t, 16, 0, 3, false);
    assert_ok(t.words.context, run(&t, "wxyzABCDEFGHIJKLMNOP"));
    assert_string_equal(t.text, "f78");
    check_result(&t, 20, 4, 3, false);
    assert_ok(t.words.context, run(&t, "ABCDEFGHIJKLMNO"));
    assert_string_equal(t.text, "ef7");
    check_result(&t, 15, 0, 3, false);
    tear_down(&t);
}

/* What was cut from the prompt has no part in what comes; what was not has. */
static void only_the_window_counts(void **state)
{
    (void)state;
    trial t;
    char first[MOST];
    set_up(&t, "");
    assert_ok(t.words.context, learner_begin(t.words.learner, t.words.settings));
    test_words_wake(t.words.learner);
    t.options.temperature = 1.0;
    t.options.tokens = 5;
    assert_ok(t.words.context, run(&t, "xxxxABCDEFGHIJKLMNOP"));
    memcpy(first, t.text, sizeof first);
    assert_ok(t.words.context, run(&t, "yyyyABCDEFGHIJKLMNOP"));
    assert_string_equal(t.text, first);
    assert_ok(t.words.context, run(&t, "yyyyzzzzEFGHIJKLMNOP"));
    assert_string_not_equal(t.text, first);
    tear_down(&t);
}

/* ---- draws ---- */

static void samples_differ_and_come_again(void **state)
{
    (void)state;
    trial t;
    static char texts[6][MOST];
    set_up(&t, "");
    assert_ok(t.words.context, learner_begin(t.words.learner, t.words.settings));
    test_words_wake(t.words.learner);
    t.options.temperature = 1.0;
    t.options.tokens = 40;
    for (int i = 0; i < 6; i++) {
        t.options.seed = i < 4 ? 1 : 2;
        assert_ok(t.words.context, run_bytes(&t, "go", 2, i % 4));
        memcpy(texts[i], t.text, MOST);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(texts[i], texts[k]);
    }
    t.options.seed = 1;
    assert_ok(t.words.context, run_bytes(&t, "go", 2, 2));
    assert_string_equal(t.text, texts[2]);
    t.options.temperature = 0.0; /* then nothing is drawn */
    assert_ok(t.words.context, run_bytes(&t, "go", 2, 2));
    memcpy(texts[0], t.text, MOST);
    t.options.seed = 5;
    assert_ok(t.words.context, run_bytes(&t, "go", 2, 3));
    assert_string_equal(t.text, texts[0]);
    tear_down(&t);
}

static void repetition_can_be_made_unlikely(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "aaaaaaaa");
    t.options.temperature = 0.0;
    t.options.tokens = 8;
    assert_ok(t.words.context, run(&t, ""));
    assert_string_equal(t.text, "aaaaaaaa");
    t.options.repetition = 10.0;
    assert_ok(t.words.context, run(&t, ""));
    assert_true(t.text[0] == 'a' && t.text[1] != 'a');
    assert_ok(t.words.context, run(&t, "a")); /* the prompt counts */
    assert_true(t.text[0] != 'a');
    tear_down(&t);
}

/* ---- what goes wrong ---- */

static void writing_can_be_stopped(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "0123456789abcdef");
    t.cancel_at = 5;
    assert_fails(t.words.context, run(&t, ""), TACIT_CANCELLED, "stopped on request after 5 tokens");
    assert_string_equal(t.text, "01234");
    check_result(&t, 0, 0, 5, false);
    tear_down(&t);
}

static void wrong_options_are_named(void **state)
{
    (void)state;
    static const struct {
        int64_t tokens, top_k;
        double temperature, top_p, repetition;
        const char *part;
    } cases[] = {
        {-1, 0, 1, 1, 1, "-1 tokens"},
        {1, -1, 1, 1, 1, "the -1 likeliest"},
        {1, 0, -0.1, 1, 1, "temperature -0.1"},
        {1, 0, 101, 1, 1, "temperature 101"},
        {1, 0, (double)NAN, 1, 1, "temperature"},
        {1, 0, 1, 0, 1, "0 of them"},
        {1, 0, 1, 1.5, 1, "1.5 of them"},
        {1, 0, 1, (double)NAN, 1, "of them"},
        {1, 0, 1, 1, 0, "repetition 0"},
        {1, 0, 1, 1, 11, "repetition 11"},
        {1, 0, 1, 1, (double)NAN, "repetition"},
    };
    trial t;
    set_up(&t, "abc");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t.options = (tacit_generate_options){.tokens = cases[i].tokens,
                                             .top_k = cases[i].top_k,
                                             .temperature = cases[i].temperature,
                                             .top_p = cases[i].top_p,
                                             .repetition = cases[i].repetition};
        assert_fails(t.words.context, run(&t, ""), TACIT_ARGUMENT, cases[i].part);
        assert_non_null(strstr(tacit_context_message(t.words.context), "expected 0 or more, 0 to 100"));
        assert_int_equal(t.pieces, 0);
    }
    tear_down(&t);
}

static void other_methods_do_not_write(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"masked-word", "bert-nano"}, {"simclr", "gpt-nano"}};
    for (int i = 0; i < 2; i++) {
        trial t = {.options = tacit_generate_options_default()};
        char part[128];
        test_words_set_up(&t.words, names[i][0], names[i][1], WINDOW, WORDS, 1, NULL);
        snprintf(part, sizeof part,
                 "%s does not predict the next word: texts are written by models of next-word", names[i][0]);
        assert_fails(t.words.context, run(&t, ""), TACIT_ARGUMENT, part);
        tear_down(&t);
    }
}

/* A prompt of characters that the tokenizer does not know. */
static void a_prompt_must_be_known(void **state)
{
    (void)state;
    static const char *const corpus[] = {"abc"};
    trial t;
    set_up(&t, "");
    tokenizer_destroy(t.tokenizer);
    t.tokenizer = test_train(t.words.context, TOKENIZER_CHARS, 256, 1, corpus, 1);
    assert_ok(t.words.context, tokenizer_add_special(t.tokenizer, "<|endoftext|>", NULL));
    assert_fails(t.words.context, run(&t, "abz"), TACIT_ARGUMENT, "2");
    assert_int_equal(t.pieces, 0);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_end_by_themselves),
        cmocka_unit_test(a_stop_ends_a_text),
        cmocka_unit_test(a_stop_may_be_within_a_token),
        cmocka_unit_test(only_whole_characters_are_told),
        cmocka_unit_test(characters_are_told_as_they_come),
        cmocka_unit_test(any_bytes_become_characters),
        cmocka_unit_test(no_text_is_not_written),
        cmocka_unit_test(a_full_window_forgets_its_older_half),
        cmocka_unit_test(a_long_prompt_is_cut),
        cmocka_unit_test(only_the_window_counts),
        cmocka_unit_test(samples_differ_and_come_again),
        cmocka_unit_test(repetition_can_be_made_unlikely),
        cmocka_unit_test(writing_can_be_stopped),
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(other_methods_do_not_write),
        cmocka_unit_test(a_prompt_must_be_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
