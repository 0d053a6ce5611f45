/* Tokenizers of all kinds: training, encoding and decoding, special tokens, and every error of them. */
#include "tokenizer_support.h"

#include <pthread.h>

static tacit_context *context;

static tokenizer *make_bytes(void)
{
    return test_train(context, TOKENIZER_BYTES, 0, 0, NULL, 0);
}

static tokenizer *make_chars(const char *text)
{
    return test_train(context, TOKENIZER_CHARS, 0, 0, &text, 1);
}

static tokenizer *make_bpe(int64_t vocabulary, const char *text)
{
    return test_train(context, TOKENIZER_BPE, vocabulary, 1, &text, 1);
}

static void encode_fails(const tokenizer *t, const char *text, tacit_status expected, const char *part)
{
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    context_begin(context);
    assert_ok(context, tokenizer_scratch_create(&s, t));
    assert_ok(context, tokenizer_encode(s, "", 0, false, &ids));
    assert_fails(context, tokenizer_encode(s, text, strlen(text), true, &ids), expected, part);
    assert_int_equal(ids.count, 0);
    tokenizer_scratch_destroy(s);
    memory_free(context, ids.ids);
}

static void kinds(void **state)
{
    (void)state;
    assert_string_equal(tokenizer_kind_name(TOKENIZER_BYTES), "bytes");
    for (int kind = 0; kind < TOKENIZER_KINDS; kind++)
        assert_int_equal(tokenizer_kind_find(tokenizer_kind_name((tokenizer_kind)kind)), kind);
    assert_int_equal(tokenizer_kind_find("words"), TOKENIZER_KINDS);
}

/* ---- bytes ---- */

static void bytes_are_ids(void **state)
{
    (void)state;
    tokenizer *t = make_bytes();
    uint8_t all[256];
    int32_t ids[256];
    for (int i = 0; i < 256; i++) {
        size_t size;
        all[i] = (uint8_t)i;
        ids[i] = i;
        assert_int_equal(*tokenizer_token(t, i, &size), i);
        assert_int_equal(size, 1);
    }
    assert_int_equal(tokenizer_kind_of(t), TOKENIZER_BYTES);
    assert_int_equal(tokenizer_size(t), 256);
    test_ids(t, context, all, sizeof all, false, ids, 256);
    test_ids(t, context, "", 0, false, ids, 0);
    tokenizer_destroy(t);
}

/* ---- chars ---- */

static void chars_in_order(void **state)
{
    (void)state;
    tokenizer *t = make_chars("banana \xe4\xb8\xad\xc3\xa9\n");
    assert_int_equal(tokenizer_size(t), 7); /* \n, space, a, b, n, U+00E9, U+4E2D */
    assert_ids(t, context, "nab\n \xe4\xb8\xad\xc3\xa9", false, 4, 2, 3, 0, 1, 6, 5);
    tokenizer_destroy(t);
}

static void chars_unknown(void **state)
{
    (void)state;
    tokenizer *t = make_chars("abc");
    encode_fails(
        t, "ab\xe4\xb8\xad", TACIT_ARGUMENT,
        "the character at byte 2 of the text, \"\xe4\xb8\xad\" (U+4E2D), is none of the tokenizer's");
    encode_fails(t, "abcab\xff", TACIT_ARGUMENT, "byte 5 of the text, 0xff, is not UTF-8");
    context_begin(context);
    assert_ok(context, tokenizer_add_special(t, "<|end|>", NULL));
    encode_fails(t, "ab<|end|>cd", TACIT_ARGUMENT, "the character at byte 10 of the text, \"d\" (U+0064)");
    context_begin(context);
    assert_ok(context, tokenizer_add_special(t, TOKENIZER_UNKNOWN, NULL));
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    assert_ok(context, tokenizer_scratch_create(&s, t));
    assert_ok(context, tokenizer_encode(s, "a\xe4\xb8\xad\xff\xe4z", 7, false, &ids));
    const int32_t expected[] = {0, 4, 4, 4, 4};
    assert_int_equal(ids.count, 5);
    assert_memory_equal(ids.ids, expected, sizeof expected);
    memory_free(context, ids.ids);
    tokenizer_scratch_destroy(s);
    tokenizer_destroy(t);
}

static void chars_of_what(void **state)
{
    (void)state;
    tokenizer_trainer *trainer;
    tokenizer *t;
    context_begin(context);
    assert_ok(context, tokenizer_trainer_create(&trainer, context, TOKENIZER_CHARS, 0, 0));
    assert_fails(context, tokenizer_trainer_feed(trainer, "xy\xc3(", 4), TACIT_FORMAT,
                 "byte 2 of the text, 0xc3, is not UTF-8");
    context_begin(context);
    assert_fails(context, tokenizer_trainer_feed(trainer, "x\0y", 3), TACIT_FORMAT,
                 "byte 1 of the text is zero: expected characters");
    context_begin(context);
    assert_ok(context, tokenizer_trainer_feed(trainer, NULL, 0));
    assert_fails(context, tokenizer_trainer_finish(trainer, &t), TACIT_ARGUMENT,
                 "there are no characters in the text to make a tokenizer of");
    assert_null(t);
    tokenizer_trainer_destroy(trainer);
}

/* ---- bpe ---- */

static void assert_token(const tokenizer *t, int64_t id, const char *text)
{
    size_t size;
    const uint8_t *token = tokenizer_token(t, id, &size);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(token, text, size);
}

/* The bytes are in the order of GPT-2; then the most frequent pairs, of equals the one with smaller ids. */
static void bpe_by_frequency(void **state)
{
    (void)state;
    tokenizer *t = make_bpe(262, "low lower lowest newer wider new low");
    assert_int_equal(tokenizer_size(t), 262);
    assert_token(t, 0, "!");
    assert_token(t, 93, "~");
    assert_token(t, 94, "\xa1");
    assert_token(t, 188 + 32, " ");
    assert_token(t, 255, "\xad");
    assert_token(t, 256, "lo");   /* 4, as "ow": l is before o */
    assert_token(t, 257, "low");  /* 4 */
    assert_token(t, 258, "er");   /* 3, as " low" */
    assert_token(t, 259, " low"); /* 3 */
    assert_token(t, 260, "ew");   /* 2, as "ne" and " n" */
    assert_token(t, 261, "new");  /* 2, as " n": the left one counts before the right one */
    assert_ids(t, context, " lowlow er", false, 259, 257, 220, 258);
    tokenizer_destroy(t);
}

static void bpe_stops(void **state)
{
    (void)state;
    const char *texts[] = {"abab", "ab", "cd"};
    tokenizer *t = test_train(context, TOKENIZER_BPE, 1000, 2, texts, 3);
    assert_int_equal(tokenizer_size(t), 257); /* "ab" 3 times; "abab" and "cd" once */
    tokenizer_destroy(t);
    t = test_train(context, TOKENIZER_BPE, 1000, 0, texts, 3);
    assert_int_equal(tokenizer_size(t), 259);
    tokenizer_destroy(t);
    t = test_train(context, TOKENIZER_BPE, 256, 0, texts, 3);
    assert_int_equal(tokenizer_size(t), 256);
    assert_int_equal(test_round_trip(t, context, "abab", 4), 4);
    tokenizer_destroy(t);
    t = test_train(context, TOKENIZER_BPE, 300, 0, NULL, 0);
    assert_int_equal(tokenizer_size(t), 256);
    tokenizer_destroy(t);
}

/* Runs, where a pair overlaps itself. */
static void bpe_runs(void **state)
{
    (void)state;
    tokenizer *t = make_bpe(300, "aaaaaaa");
    assert_token(t, 256, "aa");
    assert_token(t, 257, "aaaa");
    assert_token(t, 258, "aaa");
    assert_token(t, 259, "aaaaaaa");
    assert_int_equal(tokenizer_size(t), 260);
    assert_ids(t, context, "aaaaa", false, 257, 64);
    tokenizer_destroy(t);
}

static void order_does_not_matter(void **state)
{
    (void)state;
    const char *texts[] = {"the cat sat", "on the mat", "that is that, isn't it?", "catamaran"};
    const char *turned[] = {texts[3], texts[2], texts[1], texts[0]};
    tokenizer *a = test_train(context, TOKENIZER_BPE, 290, 1, texts, 4);
    tokenizer *b = test_train(context, TOKENIZER_BPE, 290, 1, turned, 4);
    assert_int_equal(tokenizer_size(a), tokenizer_size(b));
    for (int64_t i = 0; i < tokenizer_size(a); i++) {
        size_t size, other;
        const uint8_t *token = tokenizer_token(a, i, &size);
        assert_memory_equal(token, tokenizer_token(b, i, &other), size);
        assert_int_equal(size, other);
    }
    tokenizer_destroy(a);
    tokenizer_destroy(b);
}

static void bpe_refuses(void **state)
{
    (void)state;
    tokenizer_trainer *trainer;
    tokenizer *t;
    context_begin(context);
    assert_fails(context, tokenizer_trainer_create(&trainer, context, TOKENIZER_BPE, 255, 1), TACIT_ARGUMENT,
                 "a vocabulary of 255 tokens: expected 256 to 4194304");
    assert_null(trainer);
    context_begin(context);
    assert_fails(context,
                 tokenizer_trainer_create(&trainer, context, TOKENIZER_BPE, TOKENIZER_TOKENS_MOST + 1, 1),
                 TACIT_ARGUMENT, "expected 256 to 4194304");
    context_begin(context);
    assert_ok(context, tokenizer_trainer_create(&trainer, context, TOKENIZER_BPE, 300, 1));
    assert_fails(context, tokenizer_trainer_feed(trainer, "", TOKENIZER_TEXT_MOST + 1), TACIT_LIMIT,
                 "a text of 1073741825 bytes: expected at most 1073741824");
    context_begin(context);
    assert_ok(context, tokenizer_trainer_feed(trainer, "aaaa", 4));
    tacit_context_cancel(context);
    assert_fails(context, tokenizer_trainer_finish(trainer, &t), TACIT_CANCELLED,
                 "stopped on request after 256 of 300 tokens were found");
    context->cancelled = 0;
    tokenizer_trainer_destroy(trainer);
}

/* Always the merge of the lowest rank, of several the leftmost: done anew from the beginning each time. */
static size_t join_slowly(const tokenizer *t, int32_t *ids, size_t count)
{
    for (;;) {
        int64_t best = INT64_MAX;
        size_t place = 0, size, other;
        for (size_t i = 0; i + 1 < count; i++) {
            uint8_t joined[64];
            const uint8_t *left = tokenizer_token(t, ids[i], &size);
            const uint8_t *right = tokenizer_token(t, ids[i + 1], &other);
            memcpy(joined, left, size);
            memcpy(joined + size, right, other);
            for (int64_t id = 256; id < tokenizer_size(t) && id < best; id++) {
                size_t length;
                const uint8_t *token = tokenizer_token(t, id, &length);
                if (length == size + other && memcmp(token, joined, length) == 0) {
                    best = id;
                    place = i;
                }
            }
        }
        if (best == INT64_MAX)
            return count;
        ids[place] = (int32_t)best;
        memmove(ids + place + 1, ids + place + 2, (count - place - 2) * sizeof *ids);
        count--;
    }
}

/* In a trained tokenizer each token comes out of one pair only, so that ids are ranks. */
static void joins_like_the_rule(void **state)
{
    (void)state;
    unsigned random = 1;
    tokenizer *t = make_bpe(320, "abaabbabbaabab bababbaabbaba aaabbbaaabb ababababab bbbbaaaabbbb abbaabba");
    for (int trial = 0; trial < 300; trial++) {
        char text[24] = {0};
        int32_t ids[24];
        const size_t size = 1 + (size_t)trial % 23;
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525 + 1013904223;
            text[i] = (random >> 20) % 2 ? 'a' : 'b';
            ids[i] = text[i] - '!';
        }
        test_ids(t, context, text, size, false, ids, join_slowly(t, ids, size));
    }
    tokenizer_destroy(t);
}

/* ---- pieces ---- */

/* A text is given with its cuts as '|'; no merge crosses them, though all that is possible is merged. */
static void check_pieces(const char *marked)
{
    char text[128];
    size_t size = 0, pieces = 1;
    for (const char *c = marked; *c; c++) {
        pieces += *c == '|';
        if (*c != '|')
            text[size++] = *c;
    }
    tokenizer_trainer *trainer;
    tokenizer *t;
    assert_ok(context, tokenizer_trainer_create(&trainer, context, TOKENIZER_BPE, 2000, 0));
    assert_ok(context, tokenizer_trainer_feed(trainer, text, size));
    assert_ok(context, tokenizer_trainer_finish(trainer, &t));
    tokenizer_trainer_destroy(trainer);
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    assert_ok(context, tokenizer_scratch_create(&s, t));
    assert_ok(context, tokenizer_encode(s, text, size, false, &ids));
    if (ids.count != pieces)
        fail_msg("%s: %zu pieces", marked, ids.count);
    const char *at = marked;
    for (size_t i = 0; i < pieces; i++) {
        size_t length;
        const uint8_t *token = tokenizer_token(t, ids.ids[i], &length);
        assert_memory_equal(token, at, length);
        at += length + 1;
    }
    memory_free(context, ids.ids);
    tokenizer_scratch_destroy(s);
    tokenizer_destroy(t);
}

static void pieces_of_gpt2(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Hello| world|!!| 42|nd",
        "don|'t| we|'ll| I|'ve| you|'re| he|'s| I|'m| she|'d",
        "DON|'|T|'|S",
        "a|  | b|\n|\n|c| \n| d",
        "x| |\t|y| ",
        "tab|\t|end|  ",
        "caf\xc3\xa9| \xe4\xb8\xad\xe6\x96\x87|12\xc2\xbd\xd9\xa3|\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
        "e|\xcc\x81|a",                           /* a combining mark is neither letter nor number */
        "a|\xc2\xa0|b|\xc2\x85|c|\xe3\x80\x80|d", /* white space beyond ASCII */
        "a|\xe1\xa0\x8e|b",                       /* U+180E is none */
        "a|\xff\xfe|b| |\x80| c|\xe4\xb8",        /* no UTF-8 */
        "\xc3|(|\xed\xa0\x80|)",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_pieces(texts[i]);
}

/* ---- any bytes, and many ---- */

static void any_bytes_survive(void **state)
{
    (void)state;
    uint8_t text[5000];
    unsigned random = 7;
    tokenizer *t =
        make_bpe(400, "some text to learn from, with some more text to learn \xe4\xb8\xad\xe6\x96\x87");
    for (int range = 256; range > 2; range /= 2) {
        for (size_t i = 0; i < sizeof text; i++) {
            random = random * 1664525 + 1013904223;
            text[i] = (uint8_t)((random >> 16) % (unsigned)range + (range < 128 ? 'a' : 0));
        }
        test_round_trip(t, context, text, sizeof text);
    }
    tokenizer_destroy(t);
}

/* A megabyte that is one piece takes no longer than it should. */
static void long_pieces(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    static const char *const units[] = {"a", "ab", " ", "!", "\xff", "7", "\xc3\xa9"};
    tokenizer *t =
        make_bpe(300, "abababab aaaaaaaa         !!!!!!!! 77777777 \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        for (size_t j = 0; j < SIZE; j++)
            text[j] = units[i][j % strlen(units[i])];
        assert_in_range(test_round_trip(t, context, text, SIZE), SIZE / 16, SIZE);
    }
    free(text);
    tokenizer_destroy(t);
}

static void text_limit(void **state)
{
    (void)state;
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    tokenizer *t = make_bytes();
    context_begin(context);
    assert_ok(context, tokenizer_scratch_create(&s, t));
    assert_fails(context, tokenizer_encode(s, "", TOKENIZER_TEXT_MOST + 1, false, &ids), TACIT_LIMIT,
                 "a text of 1073741825 bytes: expected at most 1073741824");
    tokenizer_scratch_destroy(s);
    tokenizer_destroy(t);
}

/* ---- special tokens ---- */

static void specials_when_asked(void **state)
{
    (void)state;
    int32_t id;
    tokenizer *t = make_bytes();
    context_begin(context);
    assert_ok(context, tokenizer_add_special(t, "<|end|>", &id));
    assert_int_equal(id, 256);
    assert_ok(context, tokenizer_add_special(t, "<|", &id));
    assert_ok(context, tokenizer_add_special(t, "<|end|>>>", &id));
    assert_int_equal(id, 258);
    assert_ok(context, tokenizer_add_special(t, "<|end|>", &id));
    assert_int_equal(id, 256);
    assert_int_equal(tokenizer_size(t), 259);
    assert_int_equal(tokenizer_find_special(t, "<|end|>>>"), 258);
    assert_int_equal(tokenizer_find_special(t, "<|en"), -1);
    assert_int_equal(tokenizer_find_special(t, "a"), -1);
    assert_true(tokenizer_is_special(t, 257));
    assert_false(tokenizer_is_special(t, 255));
    assert_ids(t, context, "a<|", false, 'a', '<', '|');
    assert_ids(t, context, "a<|end|>b", true, 'a', 256, 'b');
    assert_ids(t, context, "<|end|>><|end|>>>", true, 256, '>', 258);
    assert_ids(t, context, "<<|end|<|", true, '<', 257, 'e', 'n', 'd', '|', 257);
    tokenizer_destroy(t);
}

static void special_fails(tokenizer *t, const char *name, const char *part)
{
    const int64_t size = tokenizer_size(t);
    context_begin(context);
    assert_fails(context, tokenizer_add_special(t, name, NULL), TACIT_ARGUMENT, part);
    assert_int_equal(tokenizer_size(t), size);
}

static void specials_refused(void **state)
{
    (void)state;
    char name[TOKENIZER_NAME_MOST + 2] = {0};
    tokenizer *t = make_bpe(300, "hello hello");
    memset(name, 'x', TOKENIZER_NAME_MOST + 1);
    special_fails(t, "", "special token \"\": expected 1 to 255 bytes of UTF-8");
    special_fails(t, "a\xff", "expected 1 to 255 bytes of UTF-8");
    special_fails(t, name, "expected 1 to 255 bytes of UTF-8");
    special_fails(t, "a", "special token \"a\": is a token of text already");
    special_fails(t, "hello", "is a token of text already");
    special_fails(t, "\xc4\xa0", "is a token of text already"); /* how a file spells the space */
    name[TOKENIZER_NAME_MOST] = '\0';
    context_begin(context);
    assert_ok(context, tokenizer_add_special(t, name, NULL));
    tokenizer_destroy(t);
    t = make_chars("abc");
    special_fails(t, "c", "is a token of text already");
    tokenizer_destroy(t);
}

static void decoding(void **state)
{
    (void)state;
    byte_list out = {.context = context};
    tokenizer *t = make_bytes();
    const int32_t ids[] = {'h', 256, 'i'}, wrong[] = {'x', 257}, negative[] = {-1};
    context_begin(context);
    assert_ok(context, tokenizer_add_special(t, "<|end|>", NULL));
    assert_ok(context, tokenizer_decode(t, ids, 3, false, &out));
    assert_ok(context, tokenizer_decode(t, ids, 3, true, &out));
    assert_int_equal(out.size, 11);
    assert_memory_equal(out.data, "hih<|end|>i", 11);
    assert_fails(context, tokenizer_decode(t, wrong, 2, false, &out), TACIT_ARGUMENT,
                 "token 1 has id 257: expected 0 to 256");
    context_begin(context);
    assert_fails(context, tokenizer_decode(t, negative, 1, false, &out), TACIT_ARGUMENT,
                 "token 0 has id -1: expected 0 to 256");
    assert_int_equal(out.size, 11);
    memory_free(context, out.data);
    tokenizer_destroy(t);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 50 };
static const char shared_text[] =
    "Several threads encode the same text at once, and don't disturb each other. ";

static void *encode_often(void *user)
{
    const tokenizer *t = user;
    for (int i = 0; i < ROUNDS; i++)
        if (test_round_trip(t, context, shared_text, sizeof shared_text - 1) == 0)
            return NULL;
    return user;
}

static void several_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    tokenizer *t = make_bpe(300, shared_text);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, t), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, t);
    }
    tokenizer_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(bytes_are_ids),
        cmocka_unit_test(chars_in_order),
        cmocka_unit_test(chars_unknown),
        cmocka_unit_test(chars_of_what),
        cmocka_unit_test(bpe_by_frequency),
        cmocka_unit_test(bpe_stops),
        cmocka_unit_test(bpe_runs),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(bpe_refuses),
        cmocka_unit_test(joins_like_the_rule),
        cmocka_unit_test(pieces_of_gpt2),
        cmocka_unit_test(any_bytes_survive),
        cmocka_unit_test(long_pieces),
        cmocka_unit_test(text_limit),
        cmocka_unit_test(specials_when_asked),
        cmocka_unit_test(specials_refused),
        cmocka_unit_test(decoding),
        cmocka_unit_test(several_threads),
    };
    context = test_context();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tacit_context_destroy(context);
    return failed;
}
