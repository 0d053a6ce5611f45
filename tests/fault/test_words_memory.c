/* Every allocation of measuring words and of writing texts fails once: the call says so, and nothing leaks.
 */
#include "words_support.h"

#include "tokenizer_support.h"
#include "train/lanes.h"
#include "use/generate.h"
#include "use/language.h"

enum { WINDOW = 12, WORDS = 257, TOKENS = 100 };

typedef struct model {
    settings *settings;
    learner *learner;
    work *work;
} model;

/* All its numbers are 0: what they are is of no account here. */
static tacit_status open_model(model *m, tacit_context *context, const char *learns, const char *kind)
{
    *m = (model){.settings = NULL};
    TRY(tacit_context_set_threads(context, 1));
    TRY(test_words_learner(&m->learner, &m->settings, context, learns, kind, WINDOW, WORDS, NULL));
    return work_create(&m->work, context);
}

static void close_model(model *m)
{
    work_destroy(m->work);
    learner_destroy(m->learner);
    settings_destroy(m->settings);
}

/* ---- measuring ---- */

typedef struct choice {
    const char *learns, *kind;
} choice;

static tacit_status measure(tacit_context *context, void *user)
{
    const choice *c = user;
    uint8_t memory[2 * TOKENS] = {0};
    model m;
    language_measure out;
    for (int i = 0; i < TOKENS; i++)
        memory[2 * i] = (uint8_t)(i * 7);
    const token_store s = {.context = context, .tokens = TOKENS, .width = 2, .memory = memory, .fd = -1};
    tacit_status status = open_model(&m, context, c->learns, c->kind);
    if (status == TACIT_OK)
        status = language_run(m.learner, m.work, &s, 1, &out);
    close_model(&m);
    return status;
}

static void measuring_reports_no_memory(void **state)
{
    (void)state;
    choice c = {"next-word", "gpt-nano"};
    assert_true(test_each_failed_allocation(measure, &c) > 20);
    c = (choice){"masked-word", "bert-nano"};
    assert_true(test_each_failed_allocation(measure, &c) > 20);
}

/* ---- writing ---- */

static void hear(void *user, const char *text, size_t size)
{
    (void)text;
    *(size_t *)user += size;
}

static tacit_status train_bytes(tokenizer **out, tacit_context *context)
{
    tokenizer_trainer *t;
    *out = NULL;
    TRY(tokenizer_trainer_create(&t, context, TOKENIZER_BYTES, 256, 1));
    tacit_status status = tokenizer_trainer_finish(t, out);
    tokenizer_trainer_destroy(t);
    return status == TACIT_OK ? tokenizer_add_special(*out, "<|endoftext|>", NULL) : status;
}

/* More tokens than the window has, so that all lists grow; `user` is the prompt. */
static tacit_status write_text(tacit_context *context, void *user)
{
    const char *prompt = user;
    model m;
    tokenizer *t = NULL;
    generation g;
    size_t heard = 0;
    tacit_generate_options o = tacit_generate_options_default();
    o.tokens = 2 * WINDOW;
    o.stop = "no such text";
    tacit_status status = open_model(&m, context, "next-word", "gpt-nano");
    if (status == TACIT_OK)
        status = train_bytes(&t, context);
    if (status == TACIT_OK)
        status = generate_run(m.learner, m.work, t, prompt, strlen(prompt), &o, 0, hear, &heard, &g);
    assert_true(status != TACIT_OK || heard > 0);
    tokenizer_destroy(t);
    close_model(&m);
    return status;
}

static void writing_reports_no_memory(void **state)
{
    (void)state;
    char none[] = "", some[] = "once upon a time";
    assert_true(test_each_failed_allocation(write_text, none) > 20);
    assert_true(test_each_failed_allocation(write_text, some) > 20);
}

/* ---- training ---- */

static tacit_status take_view(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view,
                              scratch *s, void *out)
{
    (void)s;
    int32_t *ids = out;
    for (int64_t i = 0; i < v->shape.size[0]; i++)
        ids[i] = (int32_t)((seed + epoch + (uint64_t)(example * i) + view) % (WORDS - 1));
    return TACIT_OK;
}

/* A step of one lane of texts, forward and backward. With a second lane the arena would be made one piece
 * between them, where it does not matter that there is no memory. */
static tacit_status step(tacit_context *context, void *user)
{
    const choice *c = user;
    const views v = {.dtype = DTYPE_I32,
                     .shape = shape_1(WINDOW + objective_find(c->learns)->ahead),
                     .count = 8,
                     .random = take_view};
    const lanes_options o = {.batch = 4, .lane = 4, .leaf = 1, .memory = UINT64_C(1) << 30, .seed = 1};
    const int64_t examples[] = {4, 1, 3, 2};
    model m;
    lanes *l = NULL;
    lanes_result r;
    tacit_status status = open_model(&m, context, c->learns, c->kind);
    if (status == TACIT_OK)
        status = lanes_create(&l, m.learner, &v, m.work, &o);
    if (status == TACIT_OK)
        status = lanes_step(l, examples, 0, &r);
    if (status == TACIT_OK)
        lanes_give(l, r.gradient);
    lanes_destroy(l);
    close_model(&m);
    return status;
}

static void a_step_reports_no_memory(void **state)
{
    (void)state;
    choice c = {"next-word", "gpt-nano"};
    assert_true(test_each_failed_allocation(step, &c) > 20);
    c = (choice){"masked-word", "bert-nano"};
    assert_true(test_each_failed_allocation(step, &c) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measuring_reports_no_memory),
        cmocka_unit_test(writing_reports_no_memory),
        cmocka_unit_test(a_step_reports_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
