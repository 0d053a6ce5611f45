/* tacit/texts.h: models of texts, trained here for a few steps, measured and made to write; and all that is
 * refused. */
#include "support.h"

#include "base/file.h"
#include "base/utf8.h"

enum { FILES = 5, FILE_SIZE = 400, MOST = 4096 };

/* ---- runs ---- */

/* The texts, and a run of each kind of method, below one folder. */
static char texts[600], pictures[600], next_word[600], masked_word[600], contrastive[600];

static void put_texts(void)
{
    char line[FILE_SIZE + 1], path[700];
    static const char *const words[] = {"the ", "cat ", "sees ", "a ", "dog.\n", "no ", "rain ", "today, "};
    for (int i = 0; i < FILES; i++) {
        size_t size = 0;
        for (int k = 0; size + 8 <= FILE_SIZE; k++)
            size += (size_t)snprintf(line + size, sizeof line - size, "%s", words[(k * k + i * k + i) % 8]);
        snprintf(path, sizeof path, "%s/%d.txt", texts, i);
        test_put(path, line, size);
    }
}

static void train(tacit_context *context, const char *learns, const char *run, const char *const *options)
{
    const char *paths[] = {texts};
    tacit_config *config;
    tacit_dataset *data;
    assert_ok(context, tacit_config_create(&config, context, learns));
    for (; *options; options += 2)
        assert_ok(context, tacit_config_set(config, options[0], options[1]));
    const tacit_dataset_options how = tacit_config_dataset_options(config);
    assert_ok(context, tacit_dataset_open(&data, context, paths, 1, &how));
    assert_ok(context, tacit_train(context, config, data, run, NULL));
    tacit_dataset_close(data);
    tacit_config_destroy(config);
}

static int make_runs(void **state)
{
    (void)state;
    static const char *const of_words[] = {"tokenizer", "bytes", "window",     "16",  "batch", "8",
                                           "max-steps", "3",     "validation", "0.2", NULL};
    static const char *const of_lines[] = {"window", "16",    "batch", "8", "max-steps",
                                           "2",      "vocab", "300",   NULL};
    tacit_context *context = test_context();
    const char *folder = test_folder("texts");
    test_without_sync(context);
    snprintf(texts, sizeof texts, "%s/data", folder);
    snprintf(pictures, sizeof pictures, "%s/pictures", folder);
    snprintf(next_word, sizeof next_word, "%s/next", folder);
    snprintf(masked_word, sizeof masked_word, "%s/masked", folder);
    snprintf(contrastive, sizeof contrastive, "%s/simclr", folder);
    assert_ok(context, folder_create(context, texts));
    put_texts();
    train(context, "next-word", next_word, of_words);
    train(context, "masked-word", masked_word, of_words);
    train(context, "simclr", contrastive, of_lines);
    const uint8_t noise[8 * 8 * 8] = {1, 200, 3};
    tacit_dataset *data;
    tacit_config *config;
    assert_ok(context, tacit_dataset_from_memory(&data, context, noise, 8, 8, 8, 1, NULL));
    assert_ok(context, tacit_config_create(&config, context, "mae"));
    assert_ok(context, tacit_config_set(config, "max-steps", "1"));
    assert_ok(context, tacit_train(context, config, data, pictures, NULL));
    tacit_config_destroy(config);
    tacit_dataset_close(data);
    tacit_context_destroy(context);
    return 0;
}

typedef struct trial {
    tacit_context *context;
    tacit_model *model;
    tacit_dataset *data; /* the texts */
    char text[MOST];
    size_t size;
    int pieces, cancel_at;
} trial;

static void set_up(trial *t, const char *run, int threads)
{
    const char *paths[] = {texts};
    *t = (trial){.context = test_context()};
    assert_ok(t->context, tacit_context_set_threads(t->context, threads));
    assert_ok(t->context, tacit_model_open(&t->model, t->context, run));
    const tacit_dataset_options how = tacit_model_dataset_options(t->model);
    assert_ok(t->context, tacit_dataset_open(&t->data, t->context, paths, 1, &how));
}

static void tear_down(trial *t)
{
    tacit_dataset_close(t->data);
    tacit_model_close(t->model);
    tacit_context_destroy(t->context);
}

/* ---- measuring ---- */

static int64_t size_of_texts(void)
{
    int64_t sum = 0;
    for (int i = 0; i < FILES; i++) {
        char path[700];
        snprintf(path, sizeof path, "%s/%d.txt", texts, i);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        sum += ftell(file);
        assert_int_equal(fclose(file), 0);
    }
    return sum;
}

/* Tokens are bytes, and one behind each text; all but the first are predicted. */
static void check_numbers(const tacit_language *m, bool ahead)
{
    assert_true(m->loss > 1 && m->loss < 9);
    assert_near(m->perplexity, exp(m->loss), 0, 1e-12);
    assert_int_equal(ahead, isfinite(m->bits_per_byte));
    if (!ahead)
        return;
    assert_int_equal(m->tokens, m->bytes + m->texts - 1);
    assert_near(m->bits_per_byte, m->loss * (double)m->tokens / (log(2) * (double)m->bytes), 0, 1e-12);
}

static void words_are_measured(void **state)
{
    (void)state;
    trial t;
    tacit_language all, part;
    for (int ahead = 0; ahead < 2; ahead++) {
        set_up(&t, ahead ? next_word : masked_word, 2);
        assert_ok(t.context, tacit_measure_language(t.model, t.data, 0, &all));
        check_numbers(&all, ahead);
        assert_int_equal(all.texts, FILES);
        assert_int_equal(all.bytes, size_of_texts());
        assert_ok(t.context, tacit_measure_language(t.model, t.data, 0.2, &part));
        check_numbers(&part, ahead);
        assert_int_equal(part.texts, 1);
        assert_in_range(part.bytes, all.bytes / 5 - 40, all.bytes / 5 + 40);
        assert_true(part.loss != all.loss);
        tear_down(&t);
    }
}

static void the_share_that_was_kept_apart(void **state)
{
    (void)state;
    trial t;
    set_up(&t, next_word, 1);
    assert_near(tacit_model_validation(t.model), 0.2, 1e-12, 0);
    tear_down(&t);
    set_up(&t, contrastive, 1);
    assert_true(tacit_model_validation(t.model) == 0.0);
    tear_down(&t);
}

static void measures_do_not_depend_on_threads(void **state)
{
    (void)state;
    for (int ahead = 0; ahead < 2; ahead++) {
        tacit_language one = {0}, more;
        for (int threads = 1; threads <= 3; threads++) {
            trial t;
            set_up(&t, ahead ? next_word : masked_word, threads);
            assert_ok(t.context, tacit_measure_language(t.model, t.data, 0, &more));
            one = threads == 1 ? more : one;
            assert_true(more.loss == one.loss && more.tokens == one.tokens);
            tear_down(&t);
        }
    }
}

static void refuses_to_measure(const char *run, const tacit_dataset *data, double share, const char *part)
{
    trial t;
    tacit_language m;
    set_up(&t, run, 1);
    assert_fails(t.context, tacit_measure_language(t.model, data ? data : t.data, share, &m), TACIT_ARGUMENT,
                 part);
    assert_true(isnan(m.loss) && isnan(m.perplexity) && isnan(m.bits_per_byte) && m.tokens == 0);
    tear_down(&t);
}

static void what_can_not_be_measured_is_named(void **state)
{
    (void)state;
    const uint8_t noise[2 * 8 * 8] = {0};
    tacit_context *context = test_context();
    tacit_dataset *squares;
    assert_ok(context, tacit_dataset_from_memory(&squares, context, noise, 2, 8, 8, 1, NULL));
    refuses_to_measure(contrastive, NULL, 0,
                       "simclr does not predict words: expected a model of next-word or masked-word");
    refuses_to_measure(next_word, squares, 0, "the model was trained with texts, but the data are pictures");
    refuses_to_measure(next_word, NULL, 1.0, "a share of 1 of the texts: expected 0 to below 1");
    refuses_to_measure(next_word, NULL, -0.5, "a share of -0.5 of the texts");
    refuses_to_measure(next_word, NULL, (double)NAN, "of the texts: expected 0 to below 1");
    tacit_dataset_close(squares);
    tacit_context_destroy(context);
}

/* The texts are no data for a model of pictures. */
static void pictures_are_no_words(void **state)
{
    (void)state;
    trial t = {.context = test_context()};
    const char *paths[] = {texts};
    tacit_language m;
    tacit_generation g;
    assert_ok(t.context, tacit_model_open(&t.model, t.context, pictures));
    assert_ok(t.context, tacit_dataset_open(&t.data, t.context, paths, 1, NULL));
    assert_fails(t.context, tacit_measure_language(t.model, t.data, 0, &m), TACIT_ARGUMENT,
                 "mae does not predict words");
    assert_fails(t.context, tacit_generate(t.model, "a", 1, NULL, 0, NULL, NULL, &g), TACIT_ARGUMENT,
                 "the model was not trained with texts: texts are written by models of next-word");
    assert_true(tacit_model_validation(t.model) == 0.0);
    tear_down(&t);
}

/* ---- writing ---- */

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
        tacit_context_cancel(t->context);
}

static tacit_status write_text(trial *t, const tacit_generate_options *o, const char *prompt, int64_t sample,
                               tacit_generation *g)
{
    t->size = 0;
    t->pieces = 0;
    t->text[0] = '\0';
    return tacit_generate(t->model, prompt, strlen(prompt), o, sample, hear, t, g);
}

static void texts_are_written(void **state)
{
    (void)state;
    static char seen[5][MOST];
    trial t;
    tacit_generation g;
    tacit_generate_options o = tacit_generate_options_default();
    o.tokens = 60;
    o.temperature = 1;
    set_up(&t, next_word, 2);
    for (int i = 0; i < 5; i++) {
        o.seed = i == 4 ? 2 : 1;
        assert_ok(t.context, write_text(&t, &o, "the cat sees a dog", i % 4, &g));
        assert_int_equal(g.prompt, 18);
        assert_int_equal(g.cut, 2);
        assert_true(g.tokens == 60 || g.ended);
        assert_true(g.seconds >= 0);
        memcpy(seen[i], t.text, MOST);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(seen[i], seen[k]);
    }
    o.seed = 1;
    assert_ok(t.context, write_text(&t, &o, "the cat sees a dog", 3, &g));
    assert_string_equal(t.text, seen[3]);
    tear_down(&t);
}

static void texts_do_not_depend_on_threads(void **state)
{
    (void)state;
    static char one[MOST];
    for (int threads = 1; threads <= 3; threads++) {
        trial t;
        tacit_generation g;
        set_up(&t, next_word, threads);
        assert_ok(t.context, write_text(&t, NULL, "", 0, &g));
        if (threads == 1)
            memcpy(one, t.text, sizeof one);
        assert_string_equal(t.text, one);
        assert_true(t.size > 0 && g.prompt == 0 && g.cut == 0);
        tear_down(&t);
    }
}

static void writing_can_be_stopped(void **state)
{
    (void)state;
    trial t;
    tacit_generation g;
    set_up(&t, next_word, 1);
    t.cancel_at = 4;
    assert_fails(t.context, write_text(&t, NULL, "a", 0, &g), TACIT_CANCELLED, "stopped on request after");
    assert_in_range(t.pieces, 4, 6); /* what one token tells is told whole */
    assert_true(g.tokens > 0 && !g.ended);
    t.cancel_at = 0; /* and again, as if nothing had been */
    assert_ok(t.context, write_text(&t, NULL, "a", 0, &g));
    assert_true(g.tokens == 200 || g.ended);
    tear_down(&t);
}

static void what_does_not_write_is_named(void **state)
{
    (void)state;
    static const char *const runs[] = {masked_word, contrastive};
    static const char *const parts[] = {"masked-word does not predict the next word",
                                        "simclr does not predict the next word"};
    tacit_generation g;
    for (int i = 0; i < 2; i++) {
        trial t;
        set_up(&t, runs[i], 1);
        assert_fails(t.context, write_text(&t, NULL, "a", 0, &g), TACIT_ARGUMENT, parts[i]);
        assert_true(g.tokens == 0 && !g.ended && t.pieces == 0);
        tear_down(&t);
    }
    trial t;
    set_up(&t, next_word, 1);
    tacit_generate_options o = tacit_generate_options_default();
    o.top_p = 0;
    assert_fails(t.context, write_text(&t, &o, "a", 0, &g), TACIT_ARGUMENT, "0 of them");
    tear_down(&t);
}

static void defaults_are_as_documented(void **state)
{
    (void)state;
    const tacit_generate_options o = tacit_generate_options_default();
    assert_true(o.tokens == 200 && o.temperature == 0.8 && o.top_k == 0 && o.top_p == 1.0);
    assert_true(o.repetition == 1.0 && !o.stop && o.seed == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_measured),
        cmocka_unit_test(the_share_that_was_kept_apart),
        cmocka_unit_test(measures_do_not_depend_on_threads),
        cmocka_unit_test(what_can_not_be_measured_is_named),
        cmocka_unit_test(pictures_are_no_words),
        cmocka_unit_test(texts_are_written),
        cmocka_unit_test(texts_do_not_depend_on_threads),
        cmocka_unit_test(writing_can_be_stopped),
        cmocka_unit_test(what_does_not_write_is_named),
        cmocka_unit_test(defaults_are_as_documented),
    };
    return cmocka_run_group_tests(tests, make_runs, NULL);
}
