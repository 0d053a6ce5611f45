/* Any bytes as text: they become tokens and are the same again, with a tokenizer that was trained on
 * something else, and with one that was trained on them. */
#include "data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static tokenizer *train(tacit_context *context, const void *text, size_t size)
{
    tokenizer_trainer *trainer;
    tokenizer *t;
    check(tokenizer_trainer_create(&trainer, context, TOKENIZER_BPE, 300, 1) == TACIT_OK);
    check(tokenizer_trainer_feed(trainer, text, size) == TACIT_OK);
    check(tokenizer_trainer_finish(trainer, &t) == TACIT_OK);
    tokenizer_trainer_destroy(trainer);
    check(tokenizer_size(t) >= 256 && tokenizer_size(t) <= 300);
    return t;
}

/* Twice with the same scratch, which remembers. Returns how many tokens. */
static size_t check_round_trip(tacit_context *context, const tokenizer *t, const uint8_t *data, size_t size,
                               bool specials)
{
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    byte_list back = {.context = context};
    check(tokenizer_scratch_create(&s, t) == TACIT_OK);
    check(tokenizer_encode(s, data, size, specials, &ids) == TACIT_OK);
    const size_t count = ids.count;
    check(tokenizer_encode(s, data, size, specials, &ids) == TACIT_OK);
    check(ids.count == 2 * count && count <= size);
    for (size_t i = 0; i < count; i++)
        check(ids.ids[i] == ids.ids[count + i] && (specials || !tokenizer_is_special(t, ids.ids[i])));
    check(tokenizer_decode(t, ids.ids, count, true, &back) == TACIT_OK);
    check(back.size == size && (size == 0 || memcmp(back.data, data, size) == 0));
    memory_free(context, ids.ids);
    memory_free(context, back.data);
    tokenizer_scratch_destroy(s);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char other[] =
        "It's an other text, isn't it?  \r\n 123 12 \xe4\xb8\xad\xe4\xb8\xad <|x|> aaaabbaab";
    tacit_context *context;
    check(tacit_context_create(&context, NULL) == TACIT_OK);
    tokenizer *t = train(context, other, sizeof other - 1);
    check(tokenizer_add_special(t, "<|x|>", NULL) == TACIT_OK);
    check(tokenizer_add_special(t, "<|x|>y", NULL) == TACIT_OK);
    check_round_trip(context, t, data, size, false);
    check_round_trip(context, t, data, size, true);
    tokenizer_destroy(t);
    t = train(context, data, size);
    check_round_trip(context, t, data, size, false);
    tokenizer_destroy(t);
    tacit_context_destroy(context);
    return 0;
}
