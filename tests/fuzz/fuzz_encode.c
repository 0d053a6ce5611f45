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

/* Twice: the second time the scratch remembers. */
static void check_round_trip(tacit_context *context, const tokenizer *t, tokenizer_scratch *s,
                             const uint8_t *data, size_t size, bool specials)
{
    token_list ids = {.context = context};
    byte_list back = {.context = context};
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
}

static void check_own(tacit_context *context, const uint8_t *data, size_t size)
{
    tokenizer_scratch *s;
    tokenizer *t = train(context, data, size);
    check(tokenizer_scratch_create(&s, t) == TACIT_OK);
    check_round_trip(context, t, s, data, size, false);
    tokenizer_scratch_destroy(s);
    tokenizer_destroy(t);
}

/* The tokenizer that was trained on something else is the same for all inputs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] =
        "It's an other text, isn't it?  \r\n 123 12 \xe4\xb8\xad\xe4\xb8\xad <|x|> aaaabbaab";
    static tacit_context *context;
    static tokenizer *other;
    static tokenizer_scratch *scratch;
    if (!scratch) {
        check(tacit_context_create(&context, NULL) == TACIT_OK);
        other = train(context, text, sizeof text - 1);
        check(tokenizer_add_special(other, "<|x|>", NULL) == TACIT_OK);
        check(tokenizer_add_special(other, "<|x|>y", NULL) == TACIT_OK);
        check(tokenizer_scratch_create(&scratch, other) == TACIT_OK);
    }
    check_round_trip(context, other, scratch, data, size, false);
    check_round_trip(context, other, scratch, data, size, true);
    check_own(context, data, size);
    return 0;
}
