/* Every allocation of a tokenizer's life fails once: trained, written, read, used. Nothing leaks, and each
 * failure is told of. */
#include "tokenizer_support.h"

typedef struct trial {
    tokenizer_kind kind;
    const char *path;
} trial;

static const char text[] =
    "A text that isn't long, isn't short, and has numbers like 123 in it; and then 123 again.";

static tacit_status train(tacit_context *context, tokenizer_kind kind, tokenizer **out)
{
    tokenizer_trainer *trainer;
    *out = NULL;
    TRY(tokenizer_trainer_create(&trainer, context, kind, 300, 1));
    tacit_status status = tokenizer_trainer_feed(trainer, text, sizeof text - 1);
    if (status == TACIT_OK)
        status = tokenizer_trainer_finish(trainer, out);
    tokenizer_trainer_destroy(trainer);
    return status;
}

static tacit_status use(tacit_context *context, const tokenizer *t)
{
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    byte_list back = {.context = context};
    TRY(tokenizer_scratch_create(&s, t));
    tacit_status status = tokenizer_encode(s, text, sizeof text - 1, false, &ids);
    if (status == TACIT_OK)
        status = tokenizer_encode(s, "is <|end|> it", 13, true, &ids);
    if (status == TACIT_OK)
        status = tokenizer_decode(t, ids.ids, ids.count, true, &back);
    tokenizer_scratch_destroy(s);
    memory_free(context, ids.ids);
    memory_free(context, back.data);
    return status;
}

static tacit_status write_and_read(tacit_context *context, const tokenizer *t, const char *path)
{
    tokenizer *again;
    test_without_sync(context);
    TRY(tokenizer_write(t, path));
    TRY(tokenizer_read(&again, context, path));
    const tacit_status status = use(context, again);
    tokenizer_destroy(again);
    return status;
}

static tacit_status whole_life(tacit_context *context, void *user)
{
    const trial *now = user;
    tokenizer *t;
    TRY(train(context, now->kind, &t));
    tacit_status status = tokenizer_add_special(t, "<|end|>", NULL);
    if (status == TACIT_OK)
        status = use(context, t);
    if (status == TACIT_OK)
        status = write_and_read(context, t, now->path);
    tokenizer_destroy(t);
    return status;
}

static void no_memory(void **state)
{
    (void)state;
    test_folder("tokenizer-memory");
    char path[600];
    snprintf(path, sizeof path, "%s", test_at("t.json"));
    for (int kind = 0; kind < TOKENIZER_KINDS; kind++) {
        trial now = {(tokenizer_kind)kind, path};
        const int64_t failed = test_each_failed_allocation(whole_life, &now);
        assert_in_range(failed, 20, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
