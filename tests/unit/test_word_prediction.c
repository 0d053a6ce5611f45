/* next-word and masked-word: losses that are known, what is counted, and what is hidden. */
#include "words_support.h"

#include "objective/self_prediction/masked_word.h"
#include "op/op.h"

enum { WINDOW = 20, WORDS = 31, ROWS = 6, EXAMPLES = 3000, HIDDEN = 3 };

static double lane_loss(test_words *w, const tensor *ids)
{
    const int64_t examples[ROWS] = {9, 4, 7, 1, 0, 2};
    const method *m = &w->learner->method;
    tape_reset(w->tape, TAPE_INFERENCE);
    const lane l = {
        .examples = examples, .count = ids->shape.size[0], .views = tape_constant(w->tape, ids), .seed = 3};
    const value loss = m->objective->lane(m, w->tape, &l);
    assert_ok(w->context, tape_status(w->tape));
    return (double)*tape_f32(w->tape, loss);
}

static void fill(int32_t *ids, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows * columns; i++)
        ids[i] = test_word(i / columns, i % columns, WORDS - 1);
}

/* A table of zeros finds all words equally likely. */
static void no_knowledge_costs_ln_v(void **state)
{
    (void)state;
    static const char *const names[2][2] = {{"next-word", "gpt-nano"}, {"masked-word", "bert-nano"}};
    for (int k = 0; k < 2; k++) {
        test_words w;
        int32_t ids[ROWS * (WINDOW + 1)];
        const tensor all = tensor_of(DTYPE_I32, shape_2(ROWS, WINDOW + (k == 0)), ids);
        test_words_set_up(&w, names[k][0], names[k][1], WINDOW, WORDS, 1, NULL);
        fill(ids, ROWS, all.shape.size[1]);
        assert_true(fabs(lane_loss(&w, &all) - log(WORDS)) > 1e-3);
        const parameter *p = parameters_find(&w.learner->parameters, "encoder.words.weight");
        memset(w.learner->parameters.block + p->offset, 0, (size_t)shape_count(p->shape) * sizeof(float));
        assert_near(lane_loss(&w, &all), log(WORDS), 0, 1e-6);
        test_words_tear_down(&w);
    }
}

/* ---- next-word ---- */

/* Logits (rows, WINDOW, WORDS) of the first WINDOW tokens of rows of WINDOW + 1; the caller frees. */
static float *logits_of(test_words *w, const int32_t *ids, int64_t rows)
{
    int32_t read[ROWS * WINDOW];
    for (int64_t i = 0; i < rows * WINDOW; i++)
        read[i] = ids[i / WINDOW * (WINDOW + 1) + i % WINDOW];
    const tensor all = tensor_of(DTYPE_I32, shape_2(rows, WINDOW), read);
    const encoder *e = w->learner->encoder;
    tape_reset(w->tape, TAPE_INFERENCE);
    const value x = e->encode_words(e, w->tape, tape_constant(w->tape, &all), (value){0});
    const value logits = op_linear(w->tape, x, e->words, (value){0});
    assert_ok(w->context, tape_status(w->tape));
    const size_t size = (size_t)(rows * WINDOW * WORDS) * sizeof(float);
    float *out = malloc(size);
    assert_non_null(out);
    memcpy(out, tape_f32(w->tape, logits), size);
    return out;
}

/* The mean over the words that follow, in double; words of -1 do not. */
static double direct_loss(test_words *w, const int32_t *ids)
{
    double sum = 0;
    int64_t counted = 0;
    float *logits = logits_of(w, ids, ROWS);
    for (int64_t i = 0; i < ROWS * WINDOW; i++) {
        const int32_t next = ids[i / WINDOW * (WINDOW + 1) + i % WINDOW + 1];
        counted += next >= 0;
        sum += next >= 0 ? test_surprise(logits + i * WORDS, WORDS, next) : 0;
    }
    free(logits);
    return sum / (double)counted;
}

static void the_next_word_of_each(void **state)
{
    (void)state;
    test_words w;
    int32_t ids[ROWS * (WINDOW + 1)];
    const tensor all = tensor_of(DTYPE_I32, shape_2(ROWS, WINDOW + 1), ids);
    test_words_set_up(&w, "next-word", "gpt-nano", WINDOW, WORDS, 1, NULL);
    fill(ids, ROWS, WINDOW + 1);
    const double whole = lane_loss(&w, &all);
    assert_near(whole, direct_loss(&w, ids), 0, 1e-5);
    for (int row = 0; row < ROWS; row++) /* ends after 21, 18, ... 6 tokens */
        for (int i = WINDOW + 1 - 3 * row; i <= WINDOW; i++)
            ids[row * (WINDOW + 1) + i] = -1;
    const double part = lane_loss(&w, &all);
    assert_near(part, direct_loss(&w, ids), 0, 1e-5);
    assert_true(fabs(part - whole) > 1e-4);
    const method *m = &w.learner->method;
    assert_int_equal(m->objective->asked(m, WINDOW + 1), WINDOW);
    assert_int_equal(m->objective->asked(m, 1), 0);
    assert_int_equal(m->objective->asked(m, 0), 0);
    test_words_tear_down(&w);
}

/* ---- masked-word ---- */

/* What is hidden of `count` examples from `first` on, of which `ids` are the texts. */
typedef struct hiding {
    int32_t read[EXAMPLES * WINDOW], places[EXAMPLES * HIDDEN], asked[EXAMPLES * HIDDEN];
    int32_t lengths[EXAMPLES];
} hiding;

static void hide(test_words *w, int32_t *ids, int64_t first, int64_t count, uint64_t seed, uint32_t epoch,
                 hiding *out)
{
    static int64_t examples[EXAMPLES];
    const tensor all = tensor_of(DTYPE_I32, shape_2(count, WINDOW), ids);
    for (int64_t i = 0; i < count; i++)
        examples[i] = first + i;
    tape_reset(w->tape, TAPE_TRAINING);
    const lane l = {.examples = examples,
                    .count = count,
                    .views = tape_constant(w->tape, &all),
                    .seed = seed,
                    .epoch = epoch};
    const hidden_words h = masked_word_hide(&w->learner->method, w->tape, &l);
    assert_ok(w->context, tape_status(w->tape));
    const size_t rows = (size_t)count * sizeof(int32_t);
    assert_int_equal(shape_count(tape_tensor(w->tape, h.asked)->shape), count * HIDDEN);
    memcpy(out->read, tape_tensor(w->tape, h.read)->data, rows * WINDOW);
    memcpy(out->places, tape_tensor(w->tape, h.places)->data, rows * HIDDEN);
    memcpy(out->asked, tape_tensor(w->tape, h.asked)->data, rows * HIDDEN);
    memcpy(out->lengths, tape_tensor(w->tape, h.lengths)->data, rows);
}

/* What became of a hidden word. */
typedef struct tally {
    int64_t masks, others, kept;
    int64_t places[WINDOW];
} tally;

/* Of one example: exactly HIDDEN places, all different, and nothing changed anywhere else. */
static void count_one(const int32_t *ids, const hiding *h, int64_t i, tally *out)
{
    int32_t undone[WINDOW];
    const int32_t *places = h->places + i * HIDDEN, *asked = h->asked + i * HIDDEN;
    memcpy(undone, h->read + i * WINDOW, sizeof undone);
    assert_int_equal(h->lengths[i], WINDOW);
    for (int k = 0; k < HIDDEN; k++) {
        assert_in_range(places[k], 0, WINDOW - 1);
        for (int j = 0; j < k; j++)
            assert_int_not_equal(places[k], places[j]);
        const int32_t now = undone[places[k]];
        out->masks += now == WORDS - 1;
        out->kept += now == asked[k];
        out->others += now != WORDS - 1 && now != asked[k];
        out->places[places[k]]++;
        undone[places[k]] = asked[k];
    }
    assert_memory_equal(undone, ids + i * WINDOW, sizeof undone);
}

/* 9000 hidden words: 80, 10, 10 in 100, within five deviations (38 and 28 of them); one in 30 of the others
 * is the word itself. Each place 450 times, deviation 20. */
static void hidden_words_are_as_published(void **state)
{
    (void)state;
    static int32_t ids[EXAMPLES * WINDOW];
    static hiding h;
    test_words w;
    tally t = {0};
    test_words_set_up(&w, "masked-word", "bert-nano", WINDOW, WORDS, 1, NULL);
    fill(ids, EXAMPLES, WINDOW);
    hide(&w, ids, 0, EXAMPLES, 1, 0, &h);
    for (int64_t i = 0; i < EXAMPLES; i++)
        count_one(ids, &h, i, &t);
    assert_in_range(t.masks, 7200 - 190, 7200 + 190);
    assert_in_range(t.others, 870 - 140, 870 + 140);
    assert_in_range(t.kept, 930 - 145, 930 + 145);
    for (int i = 0; i < WINDOW; i++)
        assert_in_range(t.places[i], 450 - 103, 450 + 103);
    test_words_tear_down(&w);
}

static void hiding_is_keyed(void **state)
{
    (void)state;
    static hiding whole, part;
    int32_t ids[4 * WINDOW];
    test_words w;
    test_words_set_up(&w, "masked-word", "bert-nano", WINDOW, WORDS, 1, NULL);
    for (int i = 0; i < 4 * WINDOW; i++) /* four times the same text */
        ids[i] = test_word(0, i % WINDOW, WORDS - 1);
    hide(&w, ids, 10, 4, 1, 2, &whole);
    for (int i = 0; i < 4; i++) { /* alone as in a lane with others */
        hide(&w, ids, 10 + i, 1, 1, 2, &part);
        assert_memory_equal(part.read, whole.read + i * WINDOW, WINDOW * sizeof *ids);
        assert_memory_equal(part.asked, whole.asked + i * HIDDEN, HIDDEN * sizeof *ids);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(whole.read + i * WINDOW, whole.read + k * WINDOW, WINDOW * sizeof *ids);
    }
    hide(&w, ids, 10, 4, 1, 3, &part);
    assert_memory_not_equal(part.read, whole.read, sizeof ids);
    hide(&w, ids, 10, 4, 2, 2, &part);
    assert_memory_not_equal(part.read, whole.read, sizeof ids);
    test_words_tear_down(&w);
}

/* Of a text shorter than the window only what is there is hidden, its share of it, at least one word. */
static void short_texts_hide_less(void **state)
{
    (void)state;
    static const int lengths[] = {WINDOW, 10, 3, 1, 0}, asked[] = {3, 2, 1, 1, 0};
    static hiding h;
    enum { TEXTS = sizeof lengths / sizeof *lengths };
    int32_t ids[TEXTS * WINDOW];
    test_words w;
    test_words_set_up(&w, "masked-word", "bert-nano", WINDOW, WORDS, 1, NULL);
    for (uint32_t epoch = 0; epoch < 50; epoch++) {
        for (int i = 0; i < TEXTS * WINDOW; i++)
            ids[i] = i % WINDOW < lengths[i / WINDOW] ? test_word(i / WINDOW, i % WINDOW, WORDS - 1) : -1;
        hide(&w, ids, 0, TEXTS, 1, epoch, &h);
        for (int i = 0; i < TEXTS; i++) {
            assert_int_equal(h.lengths[i], lengths[i]);
            assert_int_equal(w.learner->method.objective->asked(&w.learner->method, lengths[i]), asked[i]);
            for (int k = 0; k < HIDDEN; k++) {
                assert_int_equal(h.asked[i * HIDDEN + k] >= 0, k < asked[i]);
                assert_true(k >= asked[i] || h.places[i * HIDDEN + k] < lengths[i]);
            }
            for (int k = lengths[i]; k < WINDOW; k++)
                assert_int_equal(h.read[i * WINDOW + k], -1);
        }
    }
    test_words_tear_down(&w);
}

/* What is behind the end of a text does not change how well its words are predicted. */
static void short_texts_are_on_their_own(void **state)
{
    (void)state;
    static const char *const half[] = {"mask-words", "0.5", NULL};
    int32_t ids[ROWS * WINDOW];
    const tensor all = tensor_of(DTYPE_I32, shape_2(ROWS, WINDOW), ids);
    test_words w;
    test_words_set_up(&w, "masked-word", "bert-nano", WINDOW, WORDS, 1, half);
    for (int i = 0; i < ROWS * WINDOW; i++)
        ids[i] = i % WINDOW < 6 ? test_word(i / WINDOW, i % WINDOW, WORDS - 1) : -1;
    const double before = lane_loss(&w, &all);
    const parameter *p = parameters_find(&w.learner->parameters, "encoder.positions.weight");
    for (int64_t k = 6 * p->shape.size[1]; k < shape_count(p->shape); k++)
        w.learner->parameters.block[p->offset + k] *= 3.0f;
    assert_true(lane_loss(&w, &all) == before);
    w.learner->parameters.block[p->offset] += 1.0f;
    assert_true(lane_loss(&w, &all) != before);
    test_words_tear_down(&w);
}

/* ---- wrong encoders ---- */

static void refused(const char *learns, const char *kind, shape view, const char *part)
{
    tacit_context *context = test_context();
    settings *s;
    learner *l;
    assert_ok(context, config_create(&s, context, learns));
    assert_ok(context, settings_set(s, "encoder", kind));
    assert_ok(context, settings_set(s, "patch", "4"));
    assert_ok(context, settings_set(s, "readout", "mean"));
    assert_ok(context, settings_set(s, "window", "8"));
    assert_ok(context, settings_set(s, "vocab", "9"));
    assert_fails(context, learner_create(&l, context, s, view), TACIT_ARGUMENT, part);
    assert_null(l);
    settings_destroy(s);
    tacit_context_destroy(context);
}

static void wrong_encoders_are_named(void **state)
{
    (void)state;
    refused("next-word", "bert-nano", shape_1(9),
            "next-word: in bert-nano a token sees what is to be predicted: use gpt-nano, gpt-micro or "
            "gpt-small");
    refused("next-word", "vit-nano", shape_3(8, 8, 1), "next-word: in vit-nano");
    refused("masked-word", "gpt-micro", shape_1(8),
            "masked-word: in gpt-micro a token does not see those behind it: use bert-nano, bert-micro or "
            "bert-small");
    refused("masked-word", "vit-nano", shape_3(8, 8, 1), "masked-word: in vit-nano");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_knowledge_costs_ln_v),       cmocka_unit_test(the_next_word_of_each),
        cmocka_unit_test(hidden_words_are_as_published), cmocka_unit_test(hiding_is_keyed),
        cmocka_unit_test(short_texts_hide_less),         cmocka_unit_test(short_texts_are_on_their_own),
        cmocka_unit_test(wrong_encoders_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
