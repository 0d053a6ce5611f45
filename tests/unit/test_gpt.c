/* Transformers for texts: word by word as all at once, what a token sees, texts shorter and longer than the
 * window, dropout, and what they are not built for. */
#include "words_support.h"

enum { WINDOW = 24, WHOLE = 80, WORDS = 57, WIDTH = 128 };

static const char *const learned[] = {"positions", "learned", NULL};
static const char *const rotary[] = {"positions", "rotary", NULL};
static const char *const noisy[] = {"dropout", "0.1", NULL};

/* ---- on the tape ---- */

static void encode(test_words *w, int32_t *ids, int64_t rows, int64_t columns, float *out)
{
    const tensor all = tensor_of(DTYPE_I32, shape_2(rows, columns), ids);
    const encoder *e = w->learner->encoder;
    tape_reset(w->tape, TAPE_INFERENCE);
    const value x = e->encode_words(e, w->tape, tape_constant(w->tape, &all), (value){0});
    assert_ok(w->context, tape_status(w->tape));
    memcpy(out, tape_f32(w->tape, x), (size_t)(rows * columns * WIDTH) * sizeof *out);
}

static void logits_of(test_words *w, int32_t *ids, float *out)
{
    const tensor all = tensor_of(DTYPE_I32, shape_2(1, WINDOW), ids);
    const encoder *e = w->learner->encoder;
    tape_reset(w->tape, TAPE_INFERENCE);
    const value x = e->encode_words(e, w->tape, tape_constant(w->tape, &all), (value){0});
    const value logits = op_linear(w->tape, x, e->words, (value){0});
    assert_ok(w->context, tape_status(w->tape));
    memcpy(out, tape_f32(w->tape, logits), (size_t)(WINDOW * WORDS) * sizeof *out);
}

static void embed(test_words *w, tape_mode mode, const int32_t *ids, int64_t rows, int64_t columns,
                  float *out)
{
    const tensor all = tensor_of(DTYPE_I32, shape_2(rows, columns), (void *)(uintptr_t)ids);
    tape_reset(w->tape, mode);
    const value x = learner_embed(w->learner, w->tape, tape_constant(w->tape, &all));
    assert_ok(w->context, tape_status(w->tape));
    memcpy(out, tape_f32(w->tape, x), (size_t)(rows * WIDTH) * sizeof *out);
}

/* `length` tokens of text `text`, then -1. */
static void fill(int32_t *ids, int64_t text, int64_t length, int64_t columns)
{
    for (int64_t i = 0; i < columns; i++)
        ids[i] = i < length ? test_word(text, i, WORDS) : -1;
}

/* ---- word by word ---- */

static gpt_stepper *begin(test_words *w, int64_t window, int threads, const char *const *options)
{
    gpt_stepper *s;
    test_words_set_up(w, "next-word", "gpt-nano", window, WORDS, threads, options);
    assert_ok(w->context,
              gpt_stepper_create(&s, w->learner->encoder, &w->learner->parameters, w->work->team));
    return s;
}

static void end(test_words *w, gpt_stepper *s)
{
    gpt_stepper_destroy(s);
    test_words_tear_down(w);
}

static void step_through(test_words *w, gpt_stepper *s, const int32_t *ids, float *out)
{
    (void)w;
    gpt_stepper_clear(s);
    for (int i = 0; i < WINDOW; i++) {
        assert_int_equal(gpt_stepper_length(s), i);
        gpt_stepper_read(s, &ids[i], 1, out + (int64_t)i * WORDS);
    }
    assert_int_equal(gpt_stepper_length(s), WINDOW);
}

static void check_steps(const char *const *options)
{
    static float want[WINDOW * WORDS], one[WINDOW * WORDS], got[WINDOW * WORDS];
    int32_t ids[WINDOW], other[WINDOW];
    fill(ids, 1, WINDOW, WINDOW);
    fill(other, 2, WINDOW, WINDOW);
    for (int threads = 1; threads <= 3; threads++) {
        test_words w;
        gpt_stepper *s = begin(&w, WINDOW, threads, options);
        logits_of(&w, ids, want);
        step_through(&w, s, ids, got);
        for (int i = 0; i < WINDOW; i++)
            assert_near(test_distance(got + i * WORDS, want + i * WORDS, WORDS), 0, 1e-5, 0);
        if (threads == 1)
            memcpy(one, got, sizeof one);
        assert_memory_equal(got, one, sizeof one);
        /* What was there before leaves nothing. */
        step_through(&w, s, other, got);
        assert_memory_not_equal(got, one, sizeof one);
        step_through(&w, s, ids, got);
        assert_memory_equal(got, one, sizeof one);
        end(&w, s);
    }
}

static void word_by_word_is_all_at_once(void **state)
{
    (void)state;
    check_steps(learned);
    check_steps(rotary);
}

/* The logits behind WHOLE tokens that are read in these portions, the last one 0. `told`: also those behind
 * the other portions are formed. */
static void read_portions(gpt_stepper *s, const int *portions, bool told, float *logits)
{
    int32_t ids[WHOLE];
    int64_t read = 0;
    fill(ids, 3, WHOLE, WHOLE);
    gpt_stepper_clear(s);
    for (; *portions; read += *portions++)
        gpt_stepper_read(s, ids + read, *portions, portions[1] && !told ? NULL : logits);
    assert_int_equal(read, WHOLE);
    assert_int_equal(gpt_stepper_length(s), WHOLE);
}

static void check_portions(const char *const *options)
{
    static const int portions[][8] = {{80}, {1, 79}, {79, 1}, {33, 1, 2, 3, 4, 30, 7}, {32, 31, 17}};
    float want[WORDS] = {0}, got[WORDS];
    int alone[WHOLE + 1] = {0};
    for (int i = 0; i < WHOLE; i++)
        alone[i] = 1;
    for (int threads = 1; threads <= 3; threads++) {
        test_words w;
        gpt_stepper *s = begin(&w, WHOLE, threads, options);
        read_portions(s, alone, true, threads == 1 ? want : got);
        assert_true(threads == 1 || memcmp(got, want, sizeof got) == 0);
        for (size_t i = 0; i < sizeof portions / sizeof *portions; i++) {
            memset(got, 0, sizeof got);
            read_portions(s, portions[i], i % 2 == 1, got);
            assert_memory_equal(got, want, sizeof got);
        }
        end(&w, s);
    }
}

/* Nor does it matter whether logits are wanted on the way. */
static void portions_change_no_bit(void **state)
{
    (void)state;
    check_portions(learned);
    check_portions(rotary);
    gpt_stepper_destroy(NULL);
}

static void only_a_gpt_goes_word_by_word(void **state)
{
    (void)state;
    test_words w;
    gpt_stepper *s;
    test_words_set_up(&w, "masked-word", "bert-nano", WINDOW, WORDS, 1, learned);
    assert_fails(w.context, gpt_stepper_create(&s, w.learner->encoder, &w.learner->parameters, w.work->team),
                 TACIT_ARGUMENT, "bert-nano does not write texts: expected a gpt");
    assert_null(s);
    test_words_tear_down(&w);
}

/* ---- what a token sees ---- */

static void a_gpt_does_not_look_ahead(void **state)
{
    (void)state;
    static const char *const encoders[] = {"gpt-nano", "bert-nano"};
    static float before[WINDOW * WIDTH], after[WINDOW * WIDTH];
    enum { CHANGED = 11 };
    for (int rotated = 0; rotated < 2; rotated++)
        for (int k = 0; k < 2; k++) {
            test_words w;
            int32_t ids[WINDOW];
            fill(ids, 3, WINDOW, WINDOW);
            test_words_set_up(&w, "simclr", encoders[k], WINDOW, WORDS, 1, rotated ? rotary : learned);
            encode(&w, ids, 1, WINDOW, before);
            ids[CHANGED] = (ids[CHANGED] + 1) % WORDS;
            encode(&w, ids, 1, WINDOW, after);
            for (int i = 0; i < WINDOW; i++) {
                const float *x = before + i * WIDTH, *y = after + i * WIDTH;
                const bool same = memcmp(x, y, WIDTH * sizeof *x) == 0;
                assert_int_equal(same, k == 0 && i < CHANGED);
            }
            test_words_tear_down(&w);
        }
}

/* Tokens at other places are other tokens, with either kind of positions. */
static void places_matter(void **state)
{
    (void)state;
    for (int rotated = 0; rotated < 2; rotated++) {
        test_words w;
        int32_t ids[2][4] = {{1, 2, 3, 4}, {2, 1, 3, 4}};
        float out[2 * WIDTH];
        test_words_set_up(&w, "simclr", "bert-nano", WINDOW, WORDS, 1, rotated ? rotary : learned);
        embed(&w, TAPE_INFERENCE, ids[0], 2, 4, out);
        assert_true(test_distance(out, out + WIDTH, WIDTH) > 1e-3);
        test_words_tear_down(&w);
    }
}

/* ---- texts of any length ---- */

/* A text alone in a row of its own length; with -1 behind it; with others beside it; and longer than the
 * window. */
static void check_padding(const char *kind, const char *const *options)
{
    enum { LENGTH = 7, LONG = WINDOW + 5 };
    test_words w;
    int32_t alone[LENGTH], padded[WINDOW], many[4 * WINDOW], longer[LONG];
    float want[WIDTH], got[4 * WIDTH];
    test_words_set_up(&w, "simclr", kind, WINDOW, WORDS, 1, options);
    fill(alone, 4, LENGTH, LENGTH);
    fill(padded, 4, LENGTH, WINDOW);
    embed(&w, TAPE_INFERENCE, alone, 1, LENGTH, want);
    embed(&w, TAPE_INFERENCE, padded, 1, WINDOW, got);
    assert_near(test_distance(got, want, WIDTH), 0, 1e-5, 0);
    for (int i = 0; i < 4; i++)
        fill(many + i * WINDOW, i == 2 ? 4 : 10 + i, i == 2 ? LENGTH : WINDOW - 8 * i, WINDOW);
    embed(&w, TAPE_INFERENCE, many, 4, WINDOW, got);
    assert_near(test_distance(got + 2 * WIDTH, want, WIDTH), 0, 1e-5, 0);
    assert_true(test_distance(got + WIDTH, want, WIDTH) > 1e-3);
    fill(longer, 6, LONG, LONG);
    embed(&w, TAPE_INFERENCE, longer, 1, WINDOW, want);
    embed(&w, TAPE_INFERENCE, longer, 1, LONG, got);
    assert_memory_equal(got, want, sizeof want);
    test_words_tear_down(&w);
}

static void padding_changes_nothing(void **state)
{
    (void)state;
    check_padding("gpt-nano", learned);
    check_padding("gpt-nano", rotary);
    check_padding("bert-nano", learned);
    check_padding("bert-nano", rotary);
}

/* The embedding is the mean of the tokens, computed here. */
static void the_embedding_is_a_mean(void **state)
{
    (void)state;
    test_words w;
    int32_t ids[WINDOW];
    float tokens[WINDOW * WIDTH], mean[WIDTH] = {0}, got[WIDTH];
    test_words_set_up(&w, "simclr", "bert-nano", WINDOW, WORDS, 1, learned);
    fill(ids, 7, WINDOW, WINDOW);
    encode(&w, ids, 1, WINDOW, tokens);
    for (int i = 0; i < WINDOW * WIDTH; i++)
        mean[i % WIDTH] += tokens[i] / WINDOW;
    embed(&w, TAPE_INFERENCE, ids, 1, WINDOW, got);
    assert_near(test_distance(got, mean, WIDTH), 0, 1e-5, 0);
    fill(ids, 7, 0, WINDOW);
    embed(&w, TAPE_INFERENCE, ids, 1, WINDOW, got);
    for (int i = 0; i < WIDTH; i++)
        assert_true(got[i] == 0.0f);
    test_words_tear_down(&w);
}

/* ---- dropout ---- */

/* Two views of one text, and of another example's number, as a lane has them. */
static void check_noise(const char *kind)
{
    const int64_t examples[2] = {3, 4};
    int32_t ids[4][WINDOW];
    float plain[4 * WIDTH], got[4 * WIDTH], again[4 * WIDTH];
    test_words w;
    for (int i = 0; i < 4; i++)
        fill(ids[i], 8, WINDOW, WINDOW);
    test_words_set_up(&w, "simclr", kind, WINDOW, WORDS, 1, noisy);
    embed(&w, TAPE_INFERENCE, ids[0], 4, WINDOW, plain);
    tape_set_noise(w.tape, &(tape_noise){.seed = 1, .examples = examples, .count = 2, .views = 2});
    embed(&w, TAPE_INFERENCE, ids[0], 4, WINDOW, got);
    assert_memory_equal(got, plain, sizeof plain);
    embed(&w, TAPE_TRAINING, ids[0], 4, WINDOW, got);
    for (int i = 0; i < 4; i++) {
        assert_true(test_distance(got + i * WIDTH, plain, WIDTH) > 1e-3);
        for (int k = 0; k < i; k++)
            assert_true(test_distance(got + i * WIDTH, got + k * WIDTH, WIDTH) > 1e-3);
    }
    embed(&w, TAPE_TRAINING, ids[0], 4, WINDOW, again);
    assert_memory_equal(got, again, sizeof got);
    tape_set_noise(w.tape,
                   &(tape_noise){.seed = 1, .epoch = 1, .examples = examples, .count = 2, .views = 2});
    embed(&w, TAPE_TRAINING, ids[0], 4, WINDOW, again);
    assert_memory_not_equal(got, again, sizeof got);
    test_words_tear_down(&w);
}

static void dropout_is_for_training(void **state)
{
    (void)state;
    check_noise("gpt-nano");
    check_noise("bert-nano");
}

/* ---- what they are not built for ---- */

static void refused(const char *learns, const char *kind, int64_t window, const char *const *options,
                    const char *part)
{
    tacit_context *context = test_context();
    settings *s = NULL;
    learner *l;
    assert_fails(context, test_words_learner(&l, &s, context, learns, kind, window, WORDS, options),
                 TACIT_ARGUMENT, part);
    assert_null(l);
    settings_destroy(s);
    tacit_context_destroy(context);
}

static void wrong_settings_are_named(void **state)
{
    (void)state;
    static const char *const class_token[] = {"readout", "class", NULL}, *const grid[] = {"readout", "grid2",
                                                                                          NULL};
    static const char *const wide[] = {"width", "2", NULL};
    refused("simclr", "gpt-nano", WINDOW, class_token,
            "gpt-nano: the readout of a text is the mean of its tokens");
    refused("simclr", "bert-micro", WINDOW, grid,
            "bert-micro: the readout of a text is the mean of its tokens");
    refused("simclr", "gpt-small", WINDOW, wide, "gpt-small has one width: --width 2 is for resnets");
}

/* What no setting can say, a program can. */
static void wrong_sizes_are_named(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const encoder_kind *kind = encoder_find("gpt-nano");
    encoder *e;
    parameters p;
    parameters_init(&p, context);
    encoder_settings s = {.readout = READOUT_MEAN, .share = 1.0, .window = 8};
    assert_fails(context, kind->create(&e, &p, kind, &s), TACIT_ARGUMENT, "gpt-nano: 0 tokens, windows of 8");
    assert_null(e);
    s.vocabulary = 5;
    s.window = 0;
    context_begin(context);
    assert_fails(context, kind->create(&e, &p, kind, &s), TACIT_ARGUMENT, "gpt-nano: 5 tokens, windows of 0");
    parameters_fini(&p);
    tacit_context_destroy(context);
}

static void texts_are_not_pictures(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    settings *s;
    learner *l;
    assert_ok(context, config_create(&s, context, "simclr"));
    assert_ok(context, settings_set(s, "encoder", "bert-nano"));
    assert_fails(context, learner_create(&l, context, s, shape_3(8, 8, 1)), TACIT_ARGUMENT,
                 "bert-nano takes texts, but the data are pictures");
    assert_null(l);
    settings_destroy(s);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(word_by_word_is_all_at_once),
        cmocka_unit_test(portions_change_no_bit),
        cmocka_unit_test(only_a_gpt_goes_word_by_word),
        cmocka_unit_test(a_gpt_does_not_look_ahead),
        cmocka_unit_test(places_matter),
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(the_embedding_is_a_mean),
        cmocka_unit_test(dropout_is_for_training),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(wrong_sizes_are_named),
        cmocka_unit_test(texts_are_not_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
