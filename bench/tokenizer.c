/* How long a tokenizer takes to train, to encode and to decode, on one thread.
 *
 *   bench_tokenizer KIND VOCABULARY TEXT [FILE.json [IDS]]
 *
 * TEXT is one document, at most a gigabyte. Writes the tokenizer to FILE.json, and the ids of TEXT, one on a
 * line, to IDS. */
#include "base/clock.h"
#include "base/file.h"
#include "data/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tacit_context *context;

static void check(tacit_status status)
{
    if (status == TACIT_OK)
        return;
    fprintf(stderr, "bench_tokenizer: %s\n", tacit_context_message(context));
    exit(1);
}

static void report(const char *what, double seconds, size_t size)
{
    printf("%-8s %8.3f s   %7.1f MB/s\n", what, seconds, (double)size / 1e6 / seconds);
}

static tokenizer *train(const char *kind, int64_t vocabulary, const uint8_t *text, size_t size)
{
    tokenizer_trainer *trainer;
    tokenizer *t;
    const double start = clock_seconds();
    check(tokenizer_trainer_create(&trainer, context, tokenizer_kind_find(kind), vocabulary, 1));
    check(tokenizer_trainer_feed(trainer, text, size));
    const double fed = clock_seconds();
    check(tokenizer_trainer_finish(trainer, &t));
    tokenizer_trainer_destroy(trainer);
    report("count", fed - start, size);
    report("merge", clock_seconds() - fed, size);
    return t;
}

static void write_ids(const token_list *l, const char *path)
{
    file_writer w;
    check(file_writer_open(&w, context, path));
    for (size_t i = 0; i < l->count; i++)
        file_writer_print(&w, "%d\n", (int)l->ids[i]);
    check(file_writer_commit(&w));
}

static void encode(const tokenizer *t, const uint8_t *text, size_t size, const char *path)
{
    tokenizer_scratch *s;
    token_list ids = {.context = context};
    byte_list back = {.context = context};
    check(tokenizer_scratch_create(&s, t));
    double start = clock_seconds();
    check(tokenizer_encode(s, text, size, false, &ids));
    report("encode", clock_seconds() - start, size);
    start = clock_seconds();
    check(tokenizer_decode(t, ids.ids, ids.count, false, &back));
    report("decode", clock_seconds() - start, size);
    printf("%lld tokens known, %zu in the text: %.2f bytes a token, %s\n", (long long)tokenizer_size(t),
           ids.count, (double)size / (double)ids.count,
           back.size == size && memcmp(back.data, text, size) == 0 ? "and back again" : "NOT the same again");
    if (path)
        write_ids(&ids, path);
    memory_free(context, ids.ids);
    memory_free(context, back.data);
    tokenizer_scratch_destroy(s);
}

int main(int count, char **arguments)
{
    uint8_t *text;
    size_t size;
    if (count < 4 || tokenizer_kind_find(arguments[1]) == TOKENIZER_KINDS) {
        fprintf(stderr, "usage: bench_tokenizer bytes|chars|bpe VOCABULARY TEXT [FILE.json [IDS]]\n");
        return 2;
    }
    if (tacit_context_create(&context, NULL) != TACIT_OK)
        return 1;
    check(file_read(context, arguments[3], TOKENIZER_TEXT_MOST, &text, &size));
    tokenizer *t = train(arguments[1], atoll(arguments[2]), text, size);
    if (count > 4)
        check(tokenizer_write(t, arguments[4]));
    encode(t, text, size, count > 5 ? arguments[5] : NULL);
    tokenizer_destroy(t);
    memory_free(context, text);
    tacit_context_destroy(context);
    return 0;
}
