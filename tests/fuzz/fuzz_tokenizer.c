/* Any bytes as a tokenizer.json: an error with a message, or a tokenizer that can be used. */
#include "data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* Every token is there, and text becomes tokens that give the text again. */
static void check_tokenizer(tacit_context *context, const tokenizer *t)
{
    static const char text[] = "It's a test, isn't it?  123\r\n<|endoftext|>\xe4\xb8\xad\xff";
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    byte_list back = {.context = context};
    for (int64_t i = 0; i < tokenizer_size(t); i++) {
        size_t length;
        const uint8_t *token = tokenizer_token(t, i, &length);
        check(length > 0 && (!tokenizer_is_special(t, i) || length <= TOKENIZER_NAME_MOST));
        check(memchr(token, 0, length) == NULL || !tokenizer_is_special(t, i));
    }
    check(tokenizer_scratch_create(&s, t) == TACIT_OK);
    for (int specials = 0; specials < 2; specials++) {
        ids.count = back.size = 0;
        if (tokenizer_encode(s, text, sizeof text - 1, specials, &ids) != TACIT_OK) {
            check(tokenizer_kind_of(t) == TOKENIZER_CHARS && tacit_context_message(context)[0]);
            continue;
        }
        check(tokenizer_decode(t, ids.ids, ids.count, true, &back) == TACIT_OK);
        check(tokenizer_find_special(t, TOKENIZER_UNKNOWN) >= 0 ||
              (back.size == sizeof text - 1 && memcmp(back.data, text, back.size) == 0));
    }
    memory_free(context, ids.ids);
    memory_free(context, back.data);
    tokenizer_scratch_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_context *context;
    tokenizer *t;
    check(tacit_context_create(&context, NULL) == TACIT_OK);
    if (tokenizer_parse(&t, context, "input", data, size) == TACIT_OK)
        check_tokenizer(context, t);
    else
        check(t == NULL && tacit_context_message(context)[0]);
    tokenizer_destroy(t);
    tacit_context_destroy(context);
    return 0;
}
