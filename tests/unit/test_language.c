/* How well words are predicted: next-word against the same sum in double, one word after the other;
 * masked-word against its own loss. Every window counts by what is asked of it. */
#include "words_support.h"

#include "use/language.h"

enum { WINDOW = 16, WORDS = 43, MOST = 1100 };

/* A store of `count` tokens in memory. */
static token_store store_of(test_words *w, const int32_t *ids, int64_t count, uint8_t *memory)
{
    for (int64_t i = 0; i < count; i++) {
        memory[2 * i] = (uint8_t)ids[i];
        memory[2 * i + 1] = 0;
    }
    return (token_store){.context = w->context, .tokens = count, .width = 2, .memory = memory, .fd = -1};
}

static void fill(int32_t *ids, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        ids[i] = test_word(0, i, WORDS - 1);
}

static language_measure measure(test_words *w, const int32_t *ids, int64_t count, uint64_t seed)
{
    static uint8_t memory[2 * MOST];
    language_measure out;
    const token_store s = store_of(w, ids, count, memory);
    assert_ok(w->context, language_run(w->learner, w->work, &s, seed, &out));
    return out;
}

/* Each window anew; its last word predicts the first of the next. */
static double direct(test_words *w, const int32_t *ids, int64_t count)
{
    double sum = 0;
    float logits[WORDS];
    gpt_stepper *s;
    assert_ok(w->context,
              gpt_stepper_create(&s, w->learner->encoder, &w->learner->parameters, w->work->team));
    for (int64_t i = 0; i + 1 < count; i++) {
        if (i % WINDOW == 0)
            gpt_stepper_clear(s);
        gpt_stepper_read(s, &ids[i], 1, logits);
        sum += test_surprise(logits, WORDS, ids[i + 1]);
    }
    gpt_stepper_destroy(s);
    return sum / (double)(count - 1);
}

/* Less than a window, windows to the last word, some words more, and more windows than a lane has. */
static void every_word_but_the_first(void **state)
{
    (void)state;
    static const int64_t counts[] = {2, WINDOW - 3, WINDOW, WINDOW + 1, WINDOW + 2, 3 * WINDOW + 1, MOST - 1};
    static int32_t ids[MOST];
    test_words w;
    test_words_set_up(&w, "next-word", "gpt-nano", WINDOW, WORDS, 2, NULL);
    fill(ids, MOST);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const language_measure m = measure(&w, ids, counts[i], 1);
        assert_int_equal(m.predicted, counts[i] - 1);
        assert_near(m.loss, direct(&w, ids, counts[i]), 0, 1e-5);
    }
    /* The last word of an incomplete window counts. */
    const language_measure before = measure(&w, ids, 3 * WINDOW + 4, 1);
    ids[3 * WINDOW + 3] = (ids[3 * WINDOW + 3] + 1) % WORDS;
    assert_true(measure(&w, ids, 3 * WINDOW + 4, 1).loss != before.loss);
    test_words_tear_down(&w);
}

static void same_bits_for_any_workers(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"next-word", "gpt-nano"}, {"masked-word", "bert-nano"}};
    static int32_t ids[MOST];
    fill(ids, MOST);
    for (int k = 0; k < 2; k++) {
        language_measure one = {0, 0};
        for (int threads = 1; threads <= 3; threads++) {
            test_words w;
            test_words_set_up(&w, names[k][0], names[k][1], WINDOW, WORDS, threads, NULL);
            const language_measure m = measure(&w, ids, MOST, 1);
            one = threads == 1 ? m : one;
            assert_true(m.loss == one.loss && m.predicted == one.predicted);
            test_words_tear_down(&w);
        }
    }
}

/* The method's own loss of these rows, as in epoch 0. */
static double lane_loss(test_words *w, int32_t *ids, int64_t rows, uint64_t seed)
{
    int64_t examples[8];
    const method *m = &w->learner->method;
    const tensor all = tensor_of(DTYPE_I32, shape_2(rows, WINDOW), ids);
    for (int64_t i = 0; i < rows; i++)
        examples[i] = i;
    tape_reset(w->tape, TAPE_INFERENCE);
    const lane l = {.examples = examples, .count = rows, .views = tape_constant(w->tape, &all), .seed = seed};
    const value loss = m->objective->lane(m, w->tape, &l);
    assert_ok(w->context, tape_status(w->tape));
    return (double)*tape_f32(w->tape, loss);
}

/* Of 16 words 2 are asked for. What is left behind the last whole window is not looked at. */
static void hidden_words_of_whole_windows(void **state)
{
    (void)state;
    int32_t ids[4 * WINDOW];
    test_words w;
    test_words_set_up(&w, "masked-word", "bert-nano", WINDOW, WORDS, 2, NULL);
    fill(ids, 4 * WINDOW);
    const language_measure m = measure(&w, ids, 3 * WINDOW + 7, 5);
    assert_int_equal(m.predicted, 3 * 2);
    assert_near(m.loss, lane_loss(&w, ids, 3, 5), 0, 1e-6);
    ids[3 * WINDOW] = (ids[3 * WINDOW] + 1) % WORDS;
    assert_true(measure(&w, ids, 3 * WINDOW + 7, 5).loss == m.loss);
    assert_true(measure(&w, ids, 4 * WINDOW, 5).loss != m.loss);
    assert_true(measure(&w, ids, 3 * WINDOW, 6).loss != m.loss);
    test_words_tear_down(&w);
}

static void hidden_words_of_a_short_text(void **state)
{
    (void)state;
    int32_t ids[WINDOW];
    test_words w;
    test_words_set_up(&w, "masked-word", "bert-nano", WINDOW, WORDS, 1, NULL);
    for (int64_t count = 2; count < WINDOW; count++) {
        fill(ids, WINDOW);
        for (int64_t i = count; i < WINDOW; i++)
            ids[i] = -1;
        const language_measure m = measure(&w, ids, count, 1);
        assert_int_equal(m.predicted, count < 10 ? 1 : 2);
        assert_true(m.loss > 0);
        assert_near(m.loss, lane_loss(&w, ids, 1, 1), 0, 1e-6);
    }
    test_words_tear_down(&w);
}

/* A table of zeros: ln V, however many windows and lanes there are. */
static void no_knowledge_costs_ln_v(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"next-word", "gpt-nano"}, {"masked-word", "bert-nano"}};
    static int32_t ids[MOST];
    fill(ids, MOST);
    for (int k = 0; k < 2; k++) {
        test_words w;
        test_words_set_up(&w, names[k][0], names[k][1], WINDOW, WORDS, 2, NULL);
        const parameter *p = parameters_find(&w.learner->parameters, "encoder.words.weight");
        memset(w.learner->parameters.block + p->offset, 0, (size_t)shape_count(p->shape) * sizeof(float));
        assert_near(measure(&w, ids, MOST, 1).loss, log(WORDS), 0, 1e-6);
        test_words_tear_down(&w);
    }
}

static void refused(const char *learns, const char *kind, int64_t count, const char *part)
{
    const int32_t ids[2] = {1, 2};
    uint8_t memory[4];
    language_measure out;
    test_words w;
    test_words_set_up(&w, learns, kind, WINDOW, WORDS, 1, NULL);
    const token_store s = store_of(&w, ids, count, memory);
    assert_fails(w.context, language_run(w.learner, w.work, &s, 1, &out), TACIT_ARGUMENT, part);
    test_words_tear_down(&w);
}

static void what_can_not_be_measured_is_named(void **state)
{
    (void)state;
    refused("next-word", "gpt-nano", 1, "the texts are 1 tokens: expected two or more");
    refused("masked-word", "bert-nano", 0, "the texts are 0 tokens: expected two or more");
    refused("simclr", "gpt-nano", 2, "the model does not predict words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_but_the_first),      cmocka_unit_test(same_bits_for_any_workers),
        cmocka_unit_test(hidden_words_of_whole_windows), cmocka_unit_test(hidden_words_of_a_short_text),
        cmocka_unit_test(no_knowledge_costs_ln_v),       cmocka_unit_test(what_can_not_be_measured_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
