/* tokenizer.json: what is written is read again, and everything that is wrong or not ours is an error that
 * says so. */
#include "tokenizer_support.h"

#include "base/file.h"
#include "data/tokenizer/byte_level.h"

static tacit_context *context;

/* ---- there and back ---- */

static void assert_same_file(const char *a, const char *b)
{
    uint8_t *first, *second;
    size_t first_size, second_size;
    assert_ok(context, file_read(context, a, 1 << 24, &first, &first_size));
    assert_ok(context, file_read(context, b, 1 << 24, &second, &second_size));
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    memory_free(context, first);
    memory_free(context, second);
}

/* Written, read, and written again: the same tokens and the same file. */
static void check_file(tokenizer *t)
{
    tokenizer *again;
    assert_ok(context, tokenizer_write(t, test_at("a.json")));
    assert_ok(context, tokenizer_read(&again, context, test_at("a.json")));
    assert_int_equal(tokenizer_kind_of(again), tokenizer_kind_of(t));
    assert_int_equal(tokenizer_size(again), tokenizer_size(t));
    for (int64_t i = 0; i < tokenizer_size(t); i++) {
        size_t size, other;
        const uint8_t *token = tokenizer_token(t, i, &size);
        assert_memory_equal(token, tokenizer_token(again, i, &other), size);
        assert_int_equal(size, other);
        assert_int_equal(tokenizer_is_special(t, i), tokenizer_is_special(again, i));
    }
    assert_ok(context, tokenizer_write(again, test_at("b.json")));
    assert_same_file(test_at("a.json"), test_at("b.json"));
    tokenizer_destroy(again);
}

static void round_trips(void **state)
{
    (void)state;
    const char *text =
        "some text, some more text\n\"\\/\t\x7f \xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80 that's that";
    test_folder("tokenizer-json");
    context_begin(context);
    for (int kind = 0; kind < TOKENIZER_KINDS; kind++) {
        tokenizer *t = test_train(context, (tokenizer_kind)kind, 280, 1, &text, 1);
        check_file(t);
        assert_ok(context, tokenizer_add_special(t, "<|endoftext|>", NULL));
        assert_ok(context, tokenizer_add_special(t, TOKENIZER_UNKNOWN, NULL));
        assert_ok(context, tokenizer_add_special(t, "\"\xe2\x96\x81\"", NULL));
        check_file(t);
        tokenizer_destroy(t);
    }
}

static void can_not_write(void **state)
{
    (void)state;
    const char *text = "a";
    tokenizer *t = test_train(context, TOKENIZER_CHARS, 0, 0, &text, 1);
    context_begin(context);
    assert_fails(context, tokenizer_write(t, "no/such/folder/t.json"), TACIT_IO, "no/such/folder/t.json");
    tokenizer_destroy(t);
}

static void byte_level_table(void **state)
{
    (void)state;
    bool seen[256] = {false};
    uint32_t last = 0;
    for (int i = 0; i < 256; i++) {
        const uint32_t code = byte_level_code((uint8_t)i);
        assert_int_equal(byte_level_byte(code), i);
        assert_true(code > 32 && code != 127 && (code < 127 || code > 160) && code != 173);
        assert_true(byte_level_code(byte_level_ordered(i)) > last);
        last = byte_level_code(byte_level_ordered(i));
        seen[byte_level_ordered(i)] = true;
    }
    for (int i = 0; i < 256; i++)
        assert_true(seen[i]);
    assert_int_equal(byte_level_code(' '), 0x120);
    assert_int_equal(byte_level_code('\n'), 0x10a);
    assert_int_equal(byte_level_code(0xad), 0x143);
    assert_int_equal(byte_level_byte(0x144), -1);
    assert_int_equal(byte_level_byte(' '), -1);
    assert_int_equal(byte_level_byte(0x10ffff), -1);
}

/* ---- what is refused ---- */

/* The parts of a file; NULL: as they should be. */
typedef struct parts {
    const char *first;   /* in front of everything in the file */
    const char *head;    /* in front of everything in the model */
    const char *vocab;   /* behind the 256 bytes and "ab", which is 256 */
    const char *merges;  /* the array */
    const char *added;   /* the array */
    const char *cut;     /* the pre_tokenizer */
    const char *decoder; /* the decoder */
    int missing;         /* the byte in whose place there is "??", plus 1 */
} parts;

static const char byte_level[] =
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true}";

static const char *make_json(const parts *p)
{
    static char text[16384];
    size_t used =
        (size_t)snprintf(text, sizeof text,
                         "{%s \"added_tokens\": %s, \"pre_tokenizer\": %s, \"decoder\": %s, \"model\": "
                         "{%s \"merges\": %s, \"vocab\": {",
                         p->first ? p->first : "", p->added ? p->added : "[]", p->cut ? p->cut : byte_level,
                         p->decoder ? p->decoder : byte_level, p->head ? p->head : "\"type\": \"BPE\",",
                         p->merges ? p->merges : "[\"a b\"]");
    for (int i = 0; i < 256; i++) {
        char key[16] = "??";
        if (p->missing != i + 1)
            snprintf(key, sizeof key, "\\u%04x", (unsigned)byte_level_code((uint8_t)i));
        used += (size_t)snprintf(text + used, sizeof text - used, "\"%s\": %d, ", key, i);
    }
    snprintf(text + used, sizeof text - used, "\"ab\": 256%s}}}", p->vocab ? p->vocab : "");
    return text;
}

static void parse_fails(const char *json, tacit_status expected, const char *part)
{
    tokenizer *t;
    context_begin(context);
    assert_fails(context, tokenizer_parse(&t, context, "t.json", json, strlen(json)), expected, part);
    assert_null(t);
    if (strncmp(tacit_context_message(context), "t.json:", 7) != 0)
        fail_msg("\"%s\" does not name the file", tacit_context_message(context));
}

#define refused(expected, part, ...) parse_fails(make_json(&(parts){__VA_ARGS__}), (expected), (part))

static void accepted(const parts *p, int64_t size)
{
    tokenizer *t;
    const char *json = make_json(p);
    context_begin(context);
    assert_ok(context, tokenizer_parse(&t, context, "t.json", json, strlen(json)));
    assert_int_equal(tokenizer_size(t), size);
    assert_ids(t, context, "cab", false, 'c', 256);
    tokenizer_destroy(t);
}

static void both_forms(void **state)
{
    (void)state;
    accepted(&(parts){.first = NULL}, 257);
    accepted(&(parts){.merges = "[[\"a\", \"b\"]]"}, 257);
    accepted(&(parts){.merges = "[[\"a\", \"b\"], \"a ab\"]", .vocab = ", \"aab\": 257"}, 258);
    accepted(&(parts){.head = "\"dropout\": null, \"continuing_subword_prefix\": \"\", \"fuse_unk\": false,"},
             257);
    accepted(&(parts){.head = "\"type\": \"BPE\", \"dropout\": 0.0, \"ignore_merges\": false,"}, 257);
    accepted(&(parts){.first =
                          "\"normalizer\": null, \"truncation\": {\"max_length\": 5}, \"post_processor\": "
                          "{\"type\": \"ByteLevel\"},"},
             257);
    accepted(&(parts){.added = "[{\"id\": 257, \"content\": \"<x>\", \"special\": true}]"}, 258);
    accepted(&(parts){.vocab = ", \"<x>\": 258, \"cc\": 257",
                      .added = "[{\"id\": 258, \"content\": \"<x>\", \"special\": true, \"lstrip\": false}]"},
             259);
}

static void no_json(void **state)
{
    (void)state;
    parse_fails("", TACIT_FORMAT, "t.json:1:0: no JSON");
    parse_fails("{\"model\": ", TACIT_FORMAT, "t.json:1:");
    parse_fails("{\"a\": 1,\n \"a\": 2}", TACIT_FORMAT, "t.json:2:");
    parse_fails("{\"\xff\": 1}", TACIT_FORMAT, "no JSON: unable to decode byte 0xff");
    parse_fails("[]", TACIT_FORMAT, "t.json: no tokenizer.json: expected an object with a \"model\"");
    parse_fails("{\"model\": 3}", TACIT_FORMAT, "expected an object with a \"model\"");
    char *deep = malloc(100001);
    assert_non_null(deep);
    memset(deep, '[', 100000);
    deep[100000] = '\0';
    parse_fails(deep, TACIT_FORMAT, "maximum parsing depth reached");
    free(deep);
    /* Every shorter file is an error too. */
    const char *json = make_json(&(parts){.first = NULL});
    for (size_t size = 0; size < strlen(json); size += 7) {
        tokenizer *t;
        context_begin(context);
        assert_fails(context, tokenizer_parse(&t, context, "t.json", json, size), TACIT_FORMAT, "no JSON");
    }
}

static void other_models(void **state)
{
    (void)state;
    refused(TACIT_UNSUPPORTED, "t.json: a model of type WordPiece: expected a byte-level BPE",
            .head = "\"type\": \"WordPiece\",");
    refused(TACIT_UNSUPPORTED, "a model of type Unigram: expected", .head = "\"type\": \"Unigram\",");
    refused(TACIT_UNSUPPORTED, "a model of type (none): expected", .head = "\"type\": 3,");
    parse_fails("{\"model\": {\"vocab\": {}}}", TACIT_UNSUPPORTED, "a model of type (none)");
    refused(TACIT_UNSUPPORTED, "a model with dropout: expected none", .head = "\"dropout\": 0.1,");
    refused(TACIT_UNSUPPORTED, "a model with continuing_subword_prefix: expected none",
            .head = "\"continuing_subword_prefix\": \"##\",");
    refused(TACIT_UNSUPPORTED, "a model with end_of_word_suffix",
            .head = "\"end_of_word_suffix\": \"</w>\",");
    refused(TACIT_UNSUPPORTED, "a model with byte_fallback", .head = "\"byte_fallback\": true,");
    refused(TACIT_UNSUPPORTED, "a model with ignore_merges", .head = "\"ignore_merges\": true,");
    refused(TACIT_UNSUPPORTED, "a normalizer of type NFC: expected none",
            .first = "\"normalizer\": {\"type\": \"NFC\"},");
    refused(TACIT_UNSUPPORTED, "a post_processor of type TemplateProcessing: expected none or ByteLevel",
            .first = "\"post_processor\": {\"type\": \"TemplateProcessing\"},");
}

static void other_cuts(void **state)
{
    (void)state;
    refused(
        TACIT_UNSUPPORTED,
        "a pre_tokenizer of type Sequence and a decoder of type ByteLevel: expected ByteLevel for both, or "
        "null and Fuse",
        .cut = "{\"type\": \"Sequence\"}");
    refused(TACIT_UNSUPPORTED, "a pre_tokenizer of type ByteLevel and a decoder of type null",
            .decoder = "null");
    refused(TACIT_UNSUPPORTED, "a pre_tokenizer of type null and a decoder of type ByteLevel", .cut = "null");
    refused(TACIT_UNSUPPORTED, "a pre_tokenizer whose add_prefix_space is not false",
            .cut = "{\"type\": \"ByteLevel\", \"add_prefix_space\": true}");
    refused(TACIT_UNSUPPORTED, "a pre_tokenizer whose add_prefix_space is not false",
            .cut = "{\"type\": \"ByteLevel\"}");
    refused(TACIT_UNSUPPORTED, "a pre_tokenizer whose use_regex is false: expected it only where",
            .cut = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}",
            .merges = "[]");
    refused(TACIT_UNSUPPORTED, "merges where the text is not cut before: expected none",
            .cut = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}",
            .vocab = "", .added = "[{\"id\": 256, \"content\": \"ab\", \"special\": true}]");
}

/* Of bytes in order, but not all of them. */
static void too_few_bytes(void **state)
{
    (void)state;
    char json[1024];
    snprintf(
        json, sizeof json,
        "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}, "
        "\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"merges\": [], "
        "\"vocab\": {\"\\u0100\": 0, \"\\u0101\": 1}}}");
    parse_fails(json, TACIT_UNSUPPORTED, "expected it only where the tokens are the 256 bytes in order");
}

static void wrong_ids(void **state)
{
    (void)state;
    refused(TACIT_FORMAT, "t.json: token \"cd\" has no id from 0 to 257, where 258 tokens are",
            .vocab = ", \"cd\": 258");
    refused(TACIT_FORMAT, "token \"cd\" has no id from 0 to 257", .vocab = ", \"cd\": -1");
    refused(TACIT_FORMAT, "token \"cd\" has no id from 0 to 257", .vocab = ", \"cd\": \"257\"");
    refused(TACIT_FORMAT, "token \"cd\" has no id from 0 to 257", .vocab = ", \"cd\": 257.0");
    refused(TACIT_FORMAT, "token \"cd\" has no id from 0 to 257", .vocab = ", \"cd\": 9223372036854775807");
    refused(TACIT_FORMAT, "tokens \"ab\" and \"cd\" have the same id 256", .vocab = ", \"cd\": 256");
    parse_fails("{\"pre_tokenizer\": null, \"decoder\": {\"type\": \"Fuse\"}, \"model\": {\"merges\": []}}",
                TACIT_FORMAT, "the model's vocab is not an object of tokens and ids");
}

static void wrong_tokens(void **state)
{
    (void)state;
    refused(TACIT_FORMAT, "token \"c d\": \" d\" is no byte-level character", .vocab = ", \"c d\": 257");
    refused(TACIT_FORMAT, "token \"c\xe4\xb8\xad\": \"\xe4\xb8\xad\" is no byte-level character",
            .vocab = ", \"c\xe4\xb8\xad\": 257");
    refused(TACIT_FORMAT, "token \"\": is empty", .vocab = ", \"\": 257");
    refused(TACIT_FORMAT, "there is no token for byte 0x41: expected one for each byte", .missing = 'A' + 1);
}

static void wrong_specials(void **state)
{
    (void)state;
    refused(TACIT_FORMAT, "added_tokens is not an array", .added = "{\"a\": 1}");
    refused(TACIT_FORMAT, "an added token without a content of 1 to 255 bytes", .added = "[3]");
    refused(TACIT_FORMAT, "an added token without a content of 1 to 255 bytes",
            .added = "[{\"id\": 257, \"content\": \"\", \"special\": true}]");
    refused(TACIT_UNSUPPORTED, "added token \"<x>\" is not special: expected special ones only",
            .added = "[{\"id\": 257, \"content\": \"<x>\", \"special\": false}]");
    refused(TACIT_UNSUPPORTED, "added token \"<x>\" with lstrip: expected none",
            .added = "[{\"id\": 257, \"content\": \"<x>\", \"special\": true, \"lstrip\": true}]");
    refused(TACIT_FORMAT, "token \"<x>\" has no id from 0 to 257",
            .added = "[{\"id\": 300, \"content\": \"<x>\", \"special\": true}]");
    refused(TACIT_FORMAT, "token \"ab\": the vocabulary and the added tokens have different ids for it",
            .added = "[{\"id\": 257, \"content\": \"ab\", \"special\": true}]");
    refused(TACIT_FORMAT, "token \"ab\": is added twice",
            .added =
                "[{\"id\": 256, \"content\": \"ab\", \"special\": true}, {\"id\": 256, \"content\": \"ab\", "
                "\"special\": true}]");
    refused(
        TACIT_FORMAT, "token \"<x>\": another token has the same bytes",
        .added =
            "[{\"id\": 257, \"content\": \"<x>\", \"special\": true}, {\"id\": 258, \"content\": \"<x>\", "
            "\"special\": true}]");
    refused(TACIT_FORMAT, "token \" \": another token has the same bytes",
            .added = "[{\"id\": 257, \"content\": \" \", \"special\": true}]");
    refused(TACIT_FORMAT, "there is no token for byte 0x61",
            .added = "[{\"id\": 97, \"content\": \"a\", \"special\": true}]");
}

static void wrong_merges(void **state)
{
    (void)state;
    static const char form[] = "t.json: merge 1: expected \"LEFT RIGHT\" or [\"LEFT\", \"RIGHT\"]";
    refused(TACIT_FORMAT, "the model's merges are not an array", .merges = "{}");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", \"ab\"]");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", \" b\"]");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", \"a \"]");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", 3]");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", [\"a\"]]");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", [\"a\", \"b\", \"c\"]]");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", [\"a\", 3]]");
    refused(TACIT_FORMAT, form, .merges = "[\"a b\", [\"a\", \"\"]]");
    refused(TACIT_FORMAT, "merge 0: \"xyz\" is no token of the vocabulary", .merges = "[\"xyz a\"]");
    refused(TACIT_FORMAT, "merge 0: \"xyz\" is no token of the vocabulary", .merges = "[[\"a\", \"xyz\"]]");
    refused(TACIT_FORMAT, "token \"a b\": \" b\" is no byte-level character", .merges = "[[\"c\", \"a b\"]]");
    refused(TACIT_FORMAT, "merge 0: what \"b\" and \"a\" make is no token of the vocabulary",
            .merges = "[\"b a\"]");
    refused(TACIT_FORMAT, "merge 1: \"a\" and \"b\" are there twice", .merges = "[\"a b\", [\"a\", \"b\"]]");
    /* Text must never become a special token. */
    refused(TACIT_FORMAT, "merge 0: what \"a\" and \"b\" make is no token of the vocabulary",
            .added = "[{\"id\": 256, \"content\": \"ab\", \"special\": true}]");
}

static void wrong_chars(void **state)
{
    (void)state;
    static const char form[] = "{\"pre_tokenizer\": null, \"decoder\": {\"type\": \"Fuse\"}, \"model\": "
                               "{\"type\": \"BPE\", %s \"merges\": %s, \"vocab\": {%s}}}";
    char json[512];
    snprintf(json, sizeof json, form, "", "[]", "\"a\": 0, \"bc\": 1");
    parse_fails(json, TACIT_UNSUPPORTED, "token \"bc\" without a pre_tokenizer: expected single characters");
    snprintf(json, sizeof json, form, "", "[\"a b\"]", "\"a\": 0, \"b\": 1");
    parse_fails(json, TACIT_UNSUPPORTED, "merges where the text is not cut before: expected none");
    snprintf(json, sizeof json, form, "\"unk_token\": \"<unk>\",", "[]", "\"a\": 0");
    parse_fails(json, TACIT_UNSUPPORTED, "unk_token \"<unk>\": expected none or \"<|unknown|>\"");
    snprintf(json, sizeof json, form, "", "[]", "");
    parse_fails(json, TACIT_FORMAT, "there are no tokens but special ones");
}

static void too_many_specials(void **state)
{
    (void)state;
    const size_t room = (TOKENIZER_SPECIALS_MOST + 2) * (size_t)64;
    char *added = malloc(room), *json = malloc(room + 16384);
    assert_true(added && json);
    size_t used = (size_t)snprintf(added, room, "[");
    for (int i = 0; i <= TOKENIZER_SPECIALS_MOST; i++)
        used += (size_t)snprintf(added + used, room - used,
                                 "%s{\"id\": %d, \"content\": \"<%d>\", \"special\": true}", i ? "," : "",
                                 257 + i, i);
    snprintf(added + used, room - used, "]");
    const char *rest = strstr(make_json(&(parts){.first = NULL}), "\"pre_tokenizer\"");
    snprintf(json, room + 16384, "{\"added_tokens\": %s, %s", added, rest);
    parse_fails(json, TACIT_LIMIT, "65537 added tokens: expected at most 65536");
    free(added);
    free(json);
}

static void no_file(void **state)
{
    (void)state;
    tokenizer *t;
    context_begin(context);
    assert_fails(context, tokenizer_read(&t, context, "no-such.json"), TACIT_IO, "no-such.json");
    assert_null(t);
    test_folder("tokenizer-none");
    test_put(test_at("t.json"), "{", 1);
    context_begin(context);
    assert_fails(context, tokenizer_read(&t, context, test_at("t.json")), TACIT_FORMAT,
                 "t.json:1:1: no JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),      cmocka_unit_test(can_not_write),
        cmocka_unit_test(byte_level_table), cmocka_unit_test(both_forms),
        cmocka_unit_test(no_json),          cmocka_unit_test(other_models),
        cmocka_unit_test(other_cuts),       cmocka_unit_test(too_few_bytes),
        cmocka_unit_test(wrong_ids),        cmocka_unit_test(wrong_tokens),
        cmocka_unit_test(wrong_specials),   cmocka_unit_test(wrong_merges),
        cmocka_unit_test(wrong_chars),      cmocka_unit_test(too_many_specials),
        cmocka_unit_test(no_file),
    };
    context = test_context();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tacit_context_destroy(context);
    return failed;
}
