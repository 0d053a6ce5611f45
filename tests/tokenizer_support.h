/* What the tests of tokenizers share. */
#ifndef TESTS_TOKENIZER_SUPPORT_H
#define TESTS_TOKENIZER_SUPPORT_H

#include "support.h"

#include "data/tokenizer.h"

/* Trained on `count` texts, each ended by a zero byte. */
static inline tokenizer *test_train(tacit_context *context, tokenizer_kind kind, int64_t vocabulary,
                                    int64_t least, const char *const *texts, size_t count)
{
    tokenizer_trainer *trainer;
    tokenizer *t;
    assert_ok(context, tokenizer_trainer_create(&trainer, context, kind, vocabulary, least));
    for (size_t i = 0; i < count; i++)
        assert_ok(context, tokenizer_trainer_feed(trainer, texts[i], strlen(texts[i])));
    assert_ok(context, tokenizer_trainer_finish(trainer, &t));
    tokenizer_trainer_destroy(trainer);
    return t;
}

/* Whether the bytes become these ids; and, special ones by name, the bytes again. */
static inline void test_ids(const tokenizer *t, tacit_context *context, const void *text, size_t size,
                            bool specials, const int32_t *ids, size_t count)
{
    tokenizer_scratch *s;
    token_list got = {.context = context};
    byte_list back = {.context = context};
    assert_ok(context, tokenizer_scratch_create(&s, t));
    assert_ok(context, tokenizer_encode(s, text, size, specials, &got));
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(got.ids[i], ids[i]);
    assert_ok(context, tokenizer_decode(t, got.ids, got.count, true, &back));
    assert_int_equal(back.size, size);
    assert_true(size == 0 || memcmp(back.data, text, size) == 0);
    memory_free(context, got.ids);
    memory_free(context, back.data);
    tokenizer_scratch_destroy(s);
}

/* The same with a text that ends at a zero byte. */
#define assert_ids(t, context, text, specials, ...)                                                          \
    test_ids((t), (context), (text), strlen(text), (specials), (const int32_t[]){__VA_ARGS__},               \
             sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* The bytes survive, whatever the ids. Returns how many there are. */
static inline size_t test_round_trip(const tokenizer *t, tacit_context *context, const void *text,
                                     size_t size)
{
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    byte_list back = {.context = context};
    assert_ok(context, tokenizer_scratch_create(&s, t));
    assert_ok(context, tokenizer_encode(s, text, size, false, &ids));
    assert_ok(context, tokenizer_decode(t, ids.ids, ids.count, false, &back));
    assert_int_equal(back.size, size);
    assert_true(size == 0 || memcmp(back.data, text, size) == 0);
    const size_t count = ids.count;
    memory_free(context, ids.ids);
    memory_free(context, back.data);
    tokenizer_scratch_destroy(s);
    return count;
}

#endif
