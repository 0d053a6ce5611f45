/* Views of texts: which windows a stream has, what is never in one, pieces and pairs of texts, the bag of
 * words; and that each is a function of its key alone. */
#include "text_support.h"
#include "tokenizer_support.h"

#include "data/augment/text_views.h"

enum { BAG = 2048, LONGEST = 64 };

static tacit_context *context;
static team *workers;
static tokenizer *letters; /* bytes, and the end of a text */
static int32_t end;
static scratch memory;

static int set_up(void **state)
{
    (void)state;
    static const char *const none[] = {""};
    context = test_context();
    test_without_sync(context);
    test_folder("text-views");
    scratch_init(&memory, context);
    assert_ok(context, team_create(&workers, context, 2, NULL));
    letters = test_train(context, TOKENIZER_BYTES, 0, 1, none, 0);
    assert_ok(context, tokenizer_add_special(letters, TEXT_END, &end));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tokenizer_destroy(letters);
    team_destroy(workers);
    scratch_fini(&memory);
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

static dataset *lines_of(const char *text)
{
    dataset *d;
    const char *path = test_at("a.txt");
    test_put(path, text, strlen(text));
    assert_ok(context, dataset_open(&d, context, &path, 1, &(dataset_options){.unit = "line"}));
    return d;
}

/* One text of `size` bytes, of which byte i is i below 128. */
static dataset *numbers(size_t size)
{
    dataset *d;
    char text[128];
    const char *path = test_at("n.txt");
    assert_true(size <= sizeof text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)i;
    test_put(path, text, size);
    assert_ok(context, dataset_open(&d, context, &path, 1, NULL));
    return d;
}

static text_view_options options_of(int64_t window)
{
    return (text_view_options){.tokenizer = letters, .workers = workers, .window = window};
}

static views *create(const dataset *d, text_view_options o)
{
    views *v;
    context_begin(context);
    assert_ok(context, text_views_create(&v, context, d, &o));
    assert_int_equal(v->dtype, DTYPE_I32);
    assert_true(v->shape.rank == 1 && v->shape.size[0] == o.window + (o.stream ? o.ahead : 0));
    assert_true(v->shape.size[0] <= LONGEST && v->pixels.deviation[0] == 0.0f && v->features.count == 0);
    return v;
}

/* The plain view of an example is these ids, and -1 behind them. */
static void plain_is(const views *v, int64_t example, const int32_t *ids, int64_t count)
{
    int32_t got[LONGEST];
    memset(got, 0x55, sizeof got);
    assert_ok(context, v->plain(v, example, &memory, got));
    for (int64_t i = 0; i < v->shape.size[0]; i++)
        assert_int_equal(got[i], i < count ? ids[i] : -1);
}

#define assert_plain(v, example, ...)                                                                        \
    plain_is((v), (example), (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / 4)

static void draw(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view, int32_t *out)
{
    memset(out, 0x55, LONGEST * sizeof *out);
    assert_ok(context, v->random(v, seed, epoch, example, view, &memory, out));
}

/* ---- streams ---- */

static void windows_follow_each_other(void **state)
{
    (void)state;
    dataset *d = lines_of("abc\nde\nfghi\n");
    text_view_options o = options_of(3);
    o.stream = true;
    views *v = create(d, o); /* abc. de. fghi. are 12 tokens */
    assert_int_equal(v->count, 3);
    assert_int_equal(v->held, 0);
    assert_plain(v, 0, 'a', 'b', 'c');
    assert_plain(v, 1, end, 'd', 'e');
    assert_plain(v, 2, end, 'f', 'g');
    assert_true(views_raw_width(v) == 3 && v->raw == NULL);
    v->destroy(v);
    o.ahead = 2;
    v = create(d, o);
    assert_int_equal(v->count, 2);
    assert_plain(v, 1, end, 'd', 'e', end, 'f');
    v->destroy(v);
    dataset_close(d);
}

/* For each size: windows are whole, lie behind each other, and in time every token is in one, and never one
 * of the validation part. */
static void every_token_is_seen(void **state)
{
    (void)state;
    for (size_t size = 20; size < 48; size++) {
        dataset *d = numbers(size);
        text_view_options o = options_of(5);
        o.stream = true;
        o.ahead = 1;
        o.validation = size % 2 ? 0.2 : 0;
        views *v = create(d, o);
        const int32_t held = (int32_t)size - (int32_t)(uint64_t)((double)size * (1.0 - o.validation));
        const int32_t learnt = (int32_t)size - held;
        bool seen[128] = {false};
        for (uint32_t epoch = 0; epoch < 200; epoch++)
            for (int64_t i = 0; i < v->count; i++) {
                int32_t got[LONGEST];
                draw(v, 1, epoch, i, 0, got);
                for (int k = 0; k < 6; k++) {
                    assert_true(got[k] == end || (got[k] >= 0 && got[k] < learnt));
                    assert_true(k == 0 || got[k] == end || got[k] == got[k - 1] + 1);
                    seen[got[k] == end ? 127 : got[k]] = true;
                }
            }
        for (int32_t id = 0; id < learnt; id++)
            assert_true(seen[id]);
        assert_true(seen[127]); /* also where the text is cut: each part of it is a text */
        v->destroy(v);
        dataset_close(d);
    }
}

static void windows_move_together(void **state)
{
    (void)state;
    int32_t first[LONGEST], later[LONGEST];
    bool moved = false;
    dataset *d = numbers(100);
    text_view_options o = options_of(10);
    o.stream = true;
    views *v = create(d, o);
    assert_int_equal(v->count, 9); /* of 101 */
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        draw(v, 3, epoch, 0, 0, first);
        for (int64_t i = 1; i < v->count; i++) {
            draw(v, 3, epoch, i, 0, later);
            assert_int_equal(later[0], first[0] + 10 * i);
        }
        moved = moved || first[0] > 0;
    }
    assert_true(moved);
    v->destroy(v);
    dataset_close(d);
}

static void held_windows_stay(void **state)
{
    (void)state;
    int32_t got[LONGEST];
    dataset *d = numbers(100);
    text_view_options o = options_of(8);
    o.stream = true;
    o.ahead = 1;
    o.validation = 0.25;
    views *v = create(d, o); /* 75 tokens; 25 and the end */
    assert_int_equal(v->held, 3);
    for (int64_t i = 0; i < v->held; i++)
        for (uint32_t epoch = 0; epoch < 5; epoch++) {
            draw(v, epoch, epoch, v->count + i, 0, got);
            assert_int_equal(got[0], 75 + 8 * i);
            assert_int_equal(got[8], 75 + 8 * i + 8);
            plain_is(v, v->count + i, got, 9);
        }
    v->destroy(v);
    dataset_close(d);
}

/* Fewer held tokens than a window are one window, with nothing behind them. */
static void few_held_tokens_are_padded(void **state)
{
    (void)state;
    dataset *d = numbers(50);
    text_view_options o = options_of(10);
    o.stream = true;
    o.ahead = 1;
    o.validation = 0.04;
    views *v = create(d, o);
    assert_int_equal(v->held, 1);
    assert_plain(v, v->count, 48, 49, end);
    v->destroy(v);
    o.validation = 1e-9; /* nothing at all */
    v = create(d, o);
    assert_int_equal(v->held, 1);
    assert_plain(v, v->count, 49, end);
    v->destroy(v);
    dataset_close(d);
}

static void too_little_text(void **state)
{
    (void)state;
    views *v;
    dataset *d = numbers(9); /* and the end */
    text_view_options o = options_of(5);
    o.stream = true;
    v = create(d, o);
    assert_int_equal(v->count, 1);
    v->destroy(v);
    o.ahead = 1;
    assert_fails(context, text_views_create(&v, context, d, &o), TACIT_ARGUMENT,
                 "the texts to learn from are 10 tokens: expected at least two windows of 5: set a smaller "
                 "--window, or give more text");
    assert_null(v);
    o.window = 1000;
    context_begin(context);
    assert_fails(context, text_views_create(&v, context, d, &o), TACIT_ARGUMENT, "two windows of 1000");
    dataset_close(d);
}

/* ---- texts ---- */

static void texts_are_padded_and_cut(void **state)
{
    (void)state;
    dataset *d = lines_of("abcdef\nx\nabcd\n");
    views *v = create(d, options_of(4));
    assert_true(v->count == 3 && v->held == 0);
    assert_plain(v, 0, 'a', 'b', 'c', 'd'); /* no end: they are not behind each other */
    assert_plain(v, 1, 'x');
    assert_plain(v, 2, 'a', 'b', 'c', 'd');
    v->destroy(v);
    dataset_close(d);
}

static void crops_come_from_everywhere(void **state)
{
    (void)state;
    bool begins[128] = {false};
    dataset *d = numbers(20);
    views *v = create(d, options_of(6));
    for (uint32_t epoch = 0; epoch < 300; epoch++) {
        int32_t got[LONGEST];
        draw(v, 1, epoch, 0, epoch % 2, got);
        assert_in_range(got[0], 0, 14);
        for (int k = 1; k < 6; k++)
            assert_int_equal(got[k], got[0] + k);
        begins[got[0]] = true;
    }
    for (int i = 0; i <= 14; i++)
        assert_true(begins[i]);
    v->destroy(v);
    dataset_close(d);
}

/* What stays is in order, about the share is gone, and something always stays. */
static void tokens_are_dropped(void **state)
{
    (void)state;
    dataset *d = numbers(60);
    text_view_options o = options_of(50);
    o.drop = 0.3;
    views *v = create(d, o);
    int64_t kept = 0;
    for (uint32_t epoch = 0; epoch < 200; epoch++) {
        int32_t got[LONGEST];
        int count = 0;
        draw(v, 1, epoch, 0, 0, got);
        for (; count < 50 && got[count] >= 0; count++)
            assert_true(count == 0 || got[count] > got[count - 1]);
        for (int i = count; i < 50; i++)
            assert_int_equal(got[i], -1);
        kept += count;
    }
    assert_near((double)kept / (200 * 50), 0.7, 0.02, 0);
    assert_int_equal(v->shape.size[0], 50);
    v->destroy(v);
    o.drop = 1.0;
    v = create(d, o);
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        int32_t got[LONGEST];
        draw(v, 1, epoch, 0, 0, got);
        assert_true(got[0] >= 0 && got[0] <= 10 && got[1] == -1);
    }
    v->destroy(v);
    dataset_close(d);
}

static void pairs_have_two_texts(void **state)
{
    (void)state;
    dataset *d;
    int32_t got[LONGEST];
    const char *path = test_at("p.jsonl");
    static const char text[] = "{\"text\":\"ab\",\"b\":\"xyz\"}\n{\"text\":\"c\",\"b\":\"w\"}\n";
    test_put(path, text, sizeof text - 1);
    assert_ok(context, dataset_open(&d, context, &path, 1, &(dataset_options){.pair = "b"}));
    text_view_options o = options_of(4);
    for (int paired = 0; paired < 2; paired++) {
        o.paired = paired;
        views *v = create(d, o);
        assert_int_equal(v->count, 2);
        assert_plain(v, 0, 'a', 'b');
        draw(v, 1, 1, 0, 0, got);
        assert_true(got[0] == 'a' && got[2] == -1);
        draw(v, 1, 1, 0, 1, got);
        assert_true(paired ? got[0] == 'x' && got[2] == 'z' : got[0] == 'a' && got[2] == -1);
        draw(v, 1, 1, 1, 1, got);
        assert_int_equal(got[0], paired ? 'w' : 'c');
        v->destroy(v);
    }
    o.stream = true;
    o.window = 2;
    views *v = create(d, o); /* a stream has no pairs: ab.c. */
    assert_int_equal(v->count, 2);
    v->destroy(v);
    dataset_close(d);
}

/* ---- what a model is compared with ---- */

static double product(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < BAG; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void bags_of_words(void **state)
{
    (void)state;
    static float bag[4][BAG];
    dataset *d = lines_of("aab\nbaa\naaaaaaaaaaaab\nxyz\n");
    views *v = create(d, options_of(2)); /* the bag is of the whole text */
    assert_int_equal(views_raw_width(v), BAG);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < BAG; k++)
            bag[i][k] = NAN;
        assert_ok(context, views_raw(v, i, &memory, bag[i]));
        assert_near(product(bag[i], bag[i]), 1, 1e-5, 0);
    }
    assert_memory_equal(bag[0], bag[1], sizeof bag[0]); /* order does not matter */
    const double a = log(3), b = log(2), c = log(13);   /* log(1 + count) */
    assert_near(product(bag[0], bag[2]), (a * c + b * b) / sqrt((a * a + b * b) * (c * c + b * b)), 1e-5, 0);
    assert_near(product(bag[0], bag[3]), 0, 1e-6, 0);
    v->destroy(v);
    dataset_close(d);
}

/* ---- keys ---- */

/* The same key gives the same numbers, whatever was asked before; each part of it matters. */
static void views_are_functions_of_their_key(void **state)
{
    (void)state;
    int32_t got[LONGEST], again[LONGEST], other[LONGEST];
    dataset *d = numbers(120);
    for (int stream = 0; stream < 2; stream++) {
        text_view_options o = options_of(12);
        o.stream = stream;
        o.drop = stream ? 0 : 0.4;
        views *v = create(d, o);
        int different[3] = {0};
        for (uint32_t k = 0; k < 20; k++) {
            draw(v, k, 4, 0, 1, got);
            draw(v, 99, 98, 0, 0, other);
            draw(v, k, 4, 0, 1, again);
            assert_memory_equal(got, again, sizeof got);
            draw(v, k + 1, 4, 0, 1, other);
            different[0] += memcmp(got, other, sizeof got) != 0;
            draw(v, k, 5, 0, 1, other);
            different[1] += memcmp(got, other, sizeof got) != 0;
            draw(v, k, 4, 0, 0, other);
            different[2] += memcmp(got, other, sizeof got) != 0;
        }
        for (int i = 0; i < 3; i++)
            assert_true(different[i] > 10);
        v->destroy(v);
    }
    dataset_close(d);
}

/* From files, made or found again, as from memory; and with one worker as with two. */
static void views_from_files_are_the_same(void **state)
{
    (void)state;
    int32_t got[LONGEST], want[LONGEST];
    char folder[600];
    team *alone;
    dataset *d = numbers(120);
    snprintf(folder, sizeof folder, "%s", test_at("tokens"));
    assert_ok(context, folder_create(context, folder));
    assert_ok(context, team_create(&alone, context, 1, NULL));
    text_view_options o = options_of(7);
    o.stream = true;
    o.validation = 0.2;
    views *memory_views = create(d, o);
    o.folder = folder;
    for (int k = 0; k < 3; k++) {
        o.workers = k == 1 ? workers : alone;
        views *v = create(d, o);
        assert_true(v->count == memory_views->count && v->held == memory_views->held);
        for (int64_t i = 0; i < v->count + v->held; i++) {
            draw(memory_views, 5, 6, i, 0, want);
            draw(v, 5, 6, i, 0, got);
            assert_memory_equal(got, want, sizeof got);
        }
        v->destroy(v);
        for (int i = 0; text_view_files[i]; i++) {
            char *path = path_join(context, folder, text_view_files[i]);
            assert_int_equal(file_exists(path), i < 2);
            memory_free(context, path);
        }
    }
    memory_views->destroy(memory_views);
    assert_ok(context, folder_delete(context, folder));
    team_destroy(alone);
    dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_follow_each_other),
        cmocka_unit_test(every_token_is_seen),
        cmocka_unit_test(windows_move_together),
        cmocka_unit_test(held_windows_stay),
        cmocka_unit_test(few_held_tokens_are_padded),
        cmocka_unit_test(too_little_text),
        cmocka_unit_test(texts_are_padded_and_cut),
        cmocka_unit_test(crops_come_from_everywhere),
        cmocka_unit_test(tokens_are_dropped),
        cmocka_unit_test(pairs_have_two_texts),
        cmocka_unit_test(bags_of_words),
        cmocka_unit_test(views_are_functions_of_their_key),
        cmocka_unit_test(views_from_files_are_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
