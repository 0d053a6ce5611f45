/* Tokens of texts in memory and in files: the same whatever the number of workers and wherever texts are cut
 * into pieces; ranges; files that are used again only when all is as it was. */
#include "text_support.h"
#include "tokenizer_support.h"

#include "base/philox.h"
#include "base/utf8.h"
#include "data/token_store.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20, BLOCK = 1 << 16, WORKERS_MOST = 3 };

static tacit_context *context;
static team *teams[WORKERS_MOST + 1];
static tokenizer *bytes_tokens, *bpe;

static int set_up(void **state)
{
    (void)state;
    static const char *const texts[] = {"the cat and the dog and the bird sat there and then they sang",
                                        "a b ab abab bab aab, isn't it? 12 21 112"};
    context = test_context();
    test_without_sync(context);
    test_folder("token-store");
    for (int i = 1; i <= WORKERS_MOST; i++)
        assert_ok(context, team_create(&teams[i], context, i, NULL));
    bytes_tokens = test_train(context, TOKENIZER_BYTES, 0, 1, texts, 0);
    bpe = test_train(context, TOKENIZER_BPE, 320, 2, texts, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tokenizer_destroy(bytes_tokens);
    tokenizer_destroy(bpe);
    for (int i = 1; i <= WORKERS_MOST; i++)
        team_destroy(teams[i]);
    tacit_context_destroy(context);
    return 0;
}

/* ---- texts ---- */

/* Words of the letters a and b, with a space behind each where `spaces`; the caller frees it. */
static char *random_text(uint64_t seed, size_t size, bool spaces)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    draws d = draws_at(seed, DRAW_TEST, 0, 0, 0);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(spaces && draw_below(&d, 6) == 0 ? ' ' : 'a' + draw_below(&d, 2));
    text[size] = '\0';
    return text;
}

/* A data set of these texts, each a file. */
static dataset *data_of(const char *folder, const char *const *texts, int count)
{
    dataset *d;
    char name[64], path[600];
    snprintf(path, sizeof path, "%s", test_at(folder));
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%05d.txt", folder, i);
        test_put_text(context, name, texts[i], strlen(texts[i]));
    }
    assert_ok(context, test_open(&d, context, path, NULL));
    assert_int_equal(d->count, count);
    return d;
}

/* ... each a line. */
static dataset *lines_of(const char *name, const char *text)
{
    dataset *d;
    const char *path = test_at(name);
    test_put(path, text, strlen(text));
    assert_ok(context, dataset_open(&d, context, &path, 1, &(dataset_options){.unit = "line"}));
    return d;
}

static token_store *store(const dataset *d, const tokenizer *t, int workers, const token_store_options *o)
{
    token_store *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_ok(context, token_store_create(s, d, t, teams[workers], o));
    assert_int_equal(s->starts[0], 0);
    assert_int_equal(s->starts[s->texts], s->tokens);
    return s;
}

static void drop(token_store *s)
{
    token_store_close(s);
    free(s);
}

static int32_t *all_tokens(const token_store *s)
{
    int32_t *out = calloc((size_t)s->tokens + 1, sizeof *out);
    assert_non_null(out);
    assert_ok(context, token_store_read(s, 0, s->tokens, out));
    return out;
}

static void assert_same(const token_store *a, const token_store *b)
{
    assert_int_equal(a->tokens, b->tokens);
    assert_int_equal(a->texts, b->texts);
    assert_memory_equal(a->starts, b->starts, ((size_t)a->texts + 1) * sizeof *a->starts);
    assert_memory_equal(a->sizes, b->sizes, (size_t)a->texts * sizeof *a->sizes);
    int32_t *one = all_tokens(a), *two = all_tokens(b);
    assert_memory_equal(one, two, (size_t)a->tokens * sizeof *one);
    free(one);
    free(two);
}

/* Text i decodes to these bytes and, where there is one, the end. */
static void assert_decodes(const token_store *s, int64_t i, const tokenizer *t, int32_t end, const char *text,
                           size_t size)
{
    byte_list back = {.context = context};
    int32_t *ids = all_tokens(s);
    int64_t last = s->starts[i + 1];
    if (end >= 0)
        assert_int_equal(ids[--last], end);
    assert_ok(context, tokenizer_decode(t, ids + s->starts[i], (size_t)(last - s->starts[i]), true, &back));
    assert_int_equal(back.size, size);
    assert_int_equal(s->sizes[i], size);
    assert_true(size == 0 || memcmp(back.data, text, size) == 0);
    memory_free(context, back.data);
    free(ids);
}

/* In memory and in a file, with every number of workers. The first one is returned. */
static token_store *stores_alike(const dataset *d, const tokenizer *t, token_store_options o)
{
    token_store *first = store(d, t, 1, &o);
    assert_true(first->memory || first->tokens == 0);
    assert_int_equal(first->fd, -1);
    for (int workers = 1; workers <= WORKERS_MOST; workers++) {
        token_store *memory = store(d, t, workers, &o);
        assert_same(first, memory);
        drop(memory);
        token_store_options filed = o;
        filed.path = test_at("alike.tokens");
        unlink(filed.path);
        token_store *file = store(d, t, workers, &filed);
        assert_true(!file->memory && file->fd >= 0);
        assert_same(first, file);
        drop(file);
    }
    return first;
}

static void short_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"the cat", "a", " b\n", "\xc3\xa9\xe4\xb8\xad"};
    dataset *d = data_of("short", texts, 4);
    for (int k = 0; k < 4; k++) {
        const tokenizer *t = k < 2 ? bytes_tokens : bpe;
        const int32_t end = k % 2 ? 7 : -1;
        token_store *s = stores_alike(d, t, (token_store_options){.range = text_range_all(d), .end = end});
        assert_int_equal(s->texts, 4);
        assert_int_equal(s->width, 2);
        for (int i = 0; i < 4; i++)
            assert_decodes(s, i, t, end, texts[i], strlen(texts[i]));
        drop(s);
    }
    dataset_close(d);
}

static void second_texts(void **state)
{
    (void)state;
    dataset *d;
    const char *path = test_at("pairs.jsonl");
    static const char text[] = "{\"text\":\"a\",\"b\":\"the other\"}\n{\"text\":\"bb\",\"b\":\"c\"}\n";
    test_put(path, text, sizeof text - 1);
    assert_ok(context, dataset_open(&d, context, &path, 1, &(dataset_options){.pair = "b"}));
    token_store_options o = {.part = TEXT_SECOND, .range = text_range_all(d), .end = -1};
    token_store *s = stores_alike(d, bpe, o);
    assert_decodes(s, 0, bpe, -1, "the other", 9);
    assert_decodes(s, 1, bpe, -1, "c", 1);
    drop(s);
    dataset_close(d);
}

/* Three megabytes with spaces, cut into pieces, give the tokens of the whole. */
static void long_texts_with_spaces(void **state)
{
    (void)state;
    tokenizer_scratch *encoder;
    token_list whole = {.context = context};
    char *text = random_text(1, 5 * PIECE / 2 + 17, true);
    const char *const texts[] = {"before", text, "after"};
    dataset *d = data_of("long", texts, 3);
    token_store *s = stores_alike(d, bpe, (token_store_options){.range = text_range_all(d), .end = -1});
    assert_ok(context, tokenizer_scratch_create(&encoder, bpe));
    assert_ok(context, tokenizer_encode(encoder, text, strlen(text), false, &whole));
    int32_t *ids = all_tokens(s);
    assert_int_equal(s->starts[2] - s->starts[1], whole.count);
    assert_memory_equal(ids + s->starts[1], whole.ids, whole.count * sizeof *ids);
    assert_decodes(s, 2, bpe, -1, "after", 5);
    free(ids);
    drop(s);
    dataset_close(d);
    free(text);
    memory_free(context, whole.ids);
    tokenizer_scratch_destroy(encoder);
}

static void long_texts_without_spaces(void **state)
{
    (void)state;
    const size_t size = 2 * PIECE + 5;
    char *text = random_text(3, size, false);
    for (size_t i = PIECE - 2; i + 4 <= size; i += PIECE) /* a character over each border */
        memcpy(text + i, "\xf0\x9f\x98\x80", 4);
    const char *const texts[] = {text};
    dataset *d = data_of("solid", texts, 1);
    token_store *s = stores_alike(d, bpe, (token_store_options){.range = text_range_all(d), .end = 9});
    assert_decodes(s, 0, bpe, 9, text, size);
    drop(s);
    dataset_close(d);
    free(text);
}

/* More than the jobs of a round, short and long mixed. */
static void many_texts(void **state)
{
    (void)state;
    const size_t size = 3 * PIECE;
    char *text = random_text(4, size, true);
    draws draw = draws_at(5, DRAW_TEST, 0, 0, 0);
    for (size_t at = 0; at < size; at += 1 + draw_below(&draw, draw_below(&draw, 50) ? 300 : 200000))
        text[at] = '\n';
    dataset *d = lines_of("many.txt", text);
    assert_true(d->count > 500);
    token_store *s = stores_alike(d, bpe, (token_store_options){.range = text_range_all(d), .end = 1});
    assert_int_equal(s->texts, d->count);
    uint64_t sum = 0;
    for (int64_t i = 0; i < s->texts; i++)
        sum += s->sizes[i];
    assert_in_range(sum, size / 2, size);
    assert_decodes(s, d->count - 1, bpe, 1, strrchr(text, '\n') + 1, strlen(strrchr(text, '\n')) - 1);
    drop(s);
    dataset_close(d);
    free(text);
}

/* Blocks of the file that are exactly full, and one token less or more. */
static void full_blocks(void **state)
{
    (void)state;
    for (size_t size = BLOCK / 2 - 1; size <= BLOCK / 2 + 1; size++) {
        char *text = random_text(6, size, true);
        const char *const texts[] = {text};
        dataset *d = data_of("block", texts, 1);
        token_store_options o = {.range = text_range_all(d), .end = -1, .path = test_at("block.tokens")};
        drop(store(d, bytes_tokens, 1, &o));
        token_store *again = store(d, bytes_tokens, 1, &o);
        assert_int_equal(again->tokens, size);
        assert_decodes(again, 0, bytes_tokens, -1, text, size);
        drop(again);
        dataset_close(d);
        free(text);
    }
}

/* A vocabulary that two bytes do not hold: of more characters. */
static void four_bytes(void **state)
{
    (void)state;
    enum { CODES = 70000 };
    char *text = calloc(CODES, UTF8_MOST);
    assert_non_null(text);
    size_t size = 0;
    for (uint32_t code = 'a'; code < CODES; code++)
        if (code < 0xd800 || code > 0xdfff)
            size += utf8_encode(code, (uint8_t *)text + size);
    tokenizer *t = test_train(context, TOKENIZER_CHARS, 0, 1, (const char *const *)&text, 1);
    assert_in_range(tokenizer_size(t), 65537, CODES);
    dataset *d = data_of("wide", (const char *const *)&text, 1);
    token_store *s = stores_alike(d, t, (token_store_options){.range = text_range_all(d), .end = 65536});
    assert_int_equal(s->width, 4);
    assert_decodes(s, 0, t, 65536, text, size);
    drop(s);
    dataset_close(d);
    tokenizer_destroy(t);
    free(text);
}

/* ---- cuts ---- */

static void assert_cut(const char *text, size_t want)
{
    assert_int_equal(text_cut((const uint8_t *)text, strlen(text)), want);
}

static void places_to_cut(void **state)
{
    (void)state;
    assert_cut("one two three", 7);
    assert_cut("one two  ", 7);
    assert_cut("one two\n\n  three", 7);
    assert_cut(" one", 4);
    assert_cut("one", 3);
    assert_cut("x", 1);
    assert_cut("  ", 2);
    assert_cut("\xc3\xa9 \xc3\xa9", 5); /* a space behind what is no printing ASCII is no place */
    assert_cut("ab\xe4\xb8", 2);
    assert_cut("\xe4\xb8", 2); /* no character is whole: all of it */
    assert_cut("a b\xe4\xb8", 1);
}

/* Random texts of awkward bytes: in two pieces at the place, the tokens are those of the whole. */
static void cuts_change_no_token(void **state)
{
    (void)state;
    static const char *const parts[] = {" ", "  ", "\n",       "a",  "b", "ab", "'s",
                                        "'", "1",  "\xc3\xa9", "\t", ".", "the"};
    tokenizer_scratch *encoder;
    token_list whole = {.context = context}, pieces = {.context = context};
    assert_ok(context, tokenizer_scratch_create(&encoder, bpe));
    for (uint64_t seed = 0; seed < 3000; seed++) {
        char text[128] = "";
        draws d = draws_at(seed, DRAW_TEST, 1, 0, 0);
        for (int i = 0; i < 20; i++)
            strcat(text, parts[draw_below(&d, sizeof parts / sizeof *parts)]);
        const size_t size = strlen(text), cut = text_cut((const uint8_t *)text, size - 3);
        if (cut == size - 3 || text[cut] > ' ')
            continue;
        whole.count = pieces.count = 0;
        assert_ok(context, tokenizer_encode(encoder, text, size, false, &whole));
        assert_ok(context, tokenizer_encode(encoder, text, cut, false, &pieces));
        assert_ok(context, tokenizer_encode(encoder, text + cut, size - cut, false, &pieces));
        assert_int_equal(pieces.count, whole.count);
        assert_memory_equal(pieces.ids, whole.ids, whole.count * sizeof *whole.ids);
    }
    memory_free(context, whole.ids);
    memory_free(context, pieces.ids);
    tokenizer_scratch_destroy(encoder);
}

/* ---- ranges ---- */

/* The texts of both parts, one after the other and with a bar between them, are these. */
static void assert_parts(const dataset *d, double share, const char *want)
{
    char got[256] = "";
    text_range range[2];
    assert_ok(context, text_range_split(d, share, &range[0], &range[1]));
    for (int k = 0; k < 2; k++) {
        token_store *s = stores_alike(d, bytes_tokens, (token_store_options){.range = range[k], .end = '.'});
        int32_t *ids = all_tokens(s);
        if (k)
            strcat(got, "|");
        for (int64_t i = 0; i < s->tokens; i++)
            strncat(got, (const char[]){(char)ids[i]}, 1);
        free(ids);
        drop(s);
    }
    assert_string_equal(got, want);
}

static void a_split_between_texts(void **state)
{
    (void)state;
    dataset *d = lines_of("s.txt", "0123456789\n0123456789\n0123456789\n0123456789\n");
    assert_parts(d, 0.25, "0123456789.0123456789.0123456789.|0123456789.");
    assert_parts(d, 0.5, "0123456789.0123456789.|0123456789.0123456789.");
    assert_parts(d, 0.27, "0123456789.0123456789.0123456789.|0123456789."); /* near enough */
    dataset_close(d);
    /* A tenth of 11 bytes before the end of a text, or behind it, is near. */
    d = lines_of("s.txt", "012345678\n0\n0123456789\n");
    assert_parts(d, 0.5, "012345678.0.|0123456789.");
    dataset_close(d);
}

static void a_split_within_a_text(void **state)
{
    (void)state;
    dataset *d = lines_of("s.txt", "0123456789\n0123456789abcdefghij\n");
    assert_parts(d, 0.5, "0123456789.01234.|56789abcdefghij.");
    dataset_close(d);
    d = lines_of("s.txt", "0123456789\n");
    assert_parts(d, 0.2, "01234567.|89.");
    assert_parts(d, 0.4, "012345.|6789.");
    dataset_close(d);
}

/* Not within a character: the cut goes behind it. */
static void a_split_at_characters(void **state)
{
    (void)state;
    dataset *d = lines_of("s.txt", "ab\xf0\x9f\x98\x80"
                                   "cd\n");
    assert_parts(d, 0.7,
                 "ab.|\xf0\x9f\x98\x80"
                 "cd.");
    assert_parts(d, 0.6, "ab\xf0\x9f\x98\x80.|cd.");
    assert_parts(d, 0.3, "ab\xf0\x9f\x98\x80.|cd.");
    dataset_close(d);
    d = lines_of("s.txt", "a\xc3\xa9\nb\n");
    assert_parts(d, 0.4, "a\xc3\xa9.|b."); /* behind it is nothing of that text, so none of it */
    dataset_close(d);
    d = lines_of("s.txt", "aa\xf0\x9f\x98\x80\n");
    assert_parts(d, 0.3, "aa\xf0\x9f\x98\x80.|");
    dataset_close(d);
}

static void tiny_data(void **state)
{
    (void)state;
    dataset *d = lines_of("s.txt", "a\n");
    assert_parts(d, 0.1, "|a.");
    assert_parts(d, 0.9, "|a.");
    assert_parts(d, 1e-20, "a.|");
    dataset_close(d);
    d = lines_of("s.txt", "ab\n");
    assert_parts(d, 0.5, "a.|b.");
    assert_parts(d, 0.1, "a.|b.");
    dataset_close(d);
    d = lines_of("s.txt", "a\nb\nc\n");
    assert_parts(d, 0.1, "a.b.|c.");
    dataset_close(d);
}

/* Every byte is in exactly one part, and about the share is in the second. */
static void splits_lose_nothing(void **state)
{
    (void)state;
    char *text = random_text(8, 3000, true);
    draws draw = draws_at(9, DRAW_TEST, 0, 0, 0);
    for (size_t at = 7; at < 3000; at += 2 + draw_below(&draw, 300))
        text[at] = '\n';
    dataset *d = lines_of("s.txt", text);
    token_store *all =
        store(d, bytes_tokens, 1, &(token_store_options){.range = text_range_all(d), .end = -1});
    int32_t *want = all_tokens(all), *got = calloc((size_t)all->tokens, sizeof *got);
    for (int percent = 1; percent < 90; percent += 4) {
        text_range range[2];
        assert_ok(context, text_range_split(d, percent / 100.0, &range[0], &range[1]));
        token_store *a = store(d, bytes_tokens, 1, &(token_store_options){.range = range[0], .end = -1});
        token_store *b = store(d, bytes_tokens, 1, &(token_store_options){.range = range[1], .end = -1});
        assert_int_equal(a->tokens + b->tokens, all->tokens);
        assert_ok(context, token_store_read(a, 0, a->tokens, got));
        assert_ok(context, token_store_read(b, 0, b->tokens, got + a->tokens));
        assert_memory_equal(got, want, (size_t)all->tokens * sizeof *got);
        assert_near((double)b->tokens / (double)all->tokens, percent / 100.0, 1.0 / (double)all->tokens, 0.1);
        drop(a);
        drop(b);
    }
    free(want);
    free(got);
    drop(all);
    dataset_close(d);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_texts),
        cmocka_unit_test(second_texts),
        cmocka_unit_test(long_texts_with_spaces),
        cmocka_unit_test(long_texts_without_spaces),
        cmocka_unit_test(many_texts),
        cmocka_unit_test(full_blocks),
        cmocka_unit_test(four_bytes),
        cmocka_unit_test(places_to_cut),
        cmocka_unit_test(cuts_change_no_token),
        cmocka_unit_test(a_split_between_texts),
        cmocka_unit_test(a_split_within_a_text),
        cmocka_unit_test(a_split_at_characters),
        cmocka_unit_test(tiny_data),
        cmocka_unit_test(splits_lose_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
