/* Every allocation on the way from files of texts to their views fails once: each is told of, nothing leaks,
 * and no file is left half written. */
#include "text_support.h"
#include "tokenizer_support.h"

#include "data/augment/text_views.h"

#include <dirent.h>

/* What is opened, and how it is looked at. */
typedef struct trial {
    char path[600];
    dataset_options options;
    text_view_options look; /* without tokenizer and workers */
} trial;

static tacit_status train(tacit_context *context, tokenizer **out)
{
    tokenizer_trainer *t;
    *out = NULL;
    TRY(tokenizer_trainer_create(&t, context, TOKENIZER_BPE, 260, 1));
    tacit_status status = tokenizer_trainer_feed(t, "the cat and the dog", 19);
    if (status == TACIT_OK)
        status = tokenizer_trainer_finish(t, out);
    tokenizer_trainer_destroy(t);
    if (status == TACIT_OK)
        status = tokenizer_add_special(*out, TEXT_END, NULL);
    if (status == TACIT_OK)
        return TACIT_OK;
    tokenizer_destroy(*out);
    *out = NULL;
    return status;
}

/* The views of the first example, and what it is compared with. */
static tacit_status see(const views *v, tacit_context *context)
{
    static float bag[4096];
    int32_t ids[64];
    scratch s;
    scratch_init(&s, context);
    tacit_status status = v->random(v, 1, 1, 0, 1, &s, ids);
    if (status == TACIT_OK)
        status = v->plain(v, 0, &s, ids);
    if (status == TACIT_OK && v->raw)
        status = views_raw(v, 0, &s, bag);
    scratch_fini(&s);
    return status;
}

static tacit_status look(const dataset *d, tacit_context *context, text_view_options o)
{
    views *v = NULL;
    tokenizer *t;
    team *alone = NULL;
    TRY(train(context, &t));
    tacit_status status = team_create(&alone, context, 1, NULL);
    o.tokenizer = t;
    o.workers = alone;
    if (status == TACIT_OK)
        status = text_views_create(&v, context, d, &o);
    if (status == TACIT_OK)
        status = see(v, context);
    if (v)
        v->destroy(v);
    team_destroy(alone);
    tokenizer_destroy(t);
    return status;
}

static tacit_status open_and_look(tacit_context *context, void *user)
{
    const trial *now = user;
    const char *path = now->path;
    dataset *d;
    test_without_sync(context);
    TRY(dataset_open(&d, context, &path, 1, &now->options));
    const tacit_status status = look(d, context, now->look);
    dataset_close(d);
    return status;
}

static int leftovers(const char *folder)
{
    int count = 0;
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (const struct dirent *entry = readdir(list); entry; entry = readdir(list))
        count += strstr(entry->d_name, ".tmp-") != NULL;
    closedir(list);
    return count;
}

static void fails_everywhere(trial *now)
{
    assert_in_range(test_each_failed_allocation(open_and_look, now), 30, 500);
}

static trial folder_of_texts(const char *name)
{
    trial now = {.look = {.window = 4}};
    tacit_context *context = test_context();
    test_folder(name);
    test_put_text(context, "texts/pos/a.txt", "the cat\nand a dog that sat\n", 27);
    test_put_text(context, "texts/neg/b.txt", "the dog and a cat that sat there", 32);
    snprintf(now.path, sizeof now.path, "%s", test_at("texts"));
    tacit_context_destroy(context);
    return now;
}

static void folders(void **state)
{
    (void)state;
    trial now = folder_of_texts("text-memory");
    fails_everywhere(&now);
    now.options.unit = "line";
    fails_everywhere(&now);
}

static void packed_files(void **state)
{
    (void)state;
    trial now = {.look = {.window = 4, .stream = true, .ahead = 1}};
    test_folder("text-memory-packed");
    snprintf(now.path, sizeof now.path, "%s", test_at("a.txt.gz"));
    test_put_gzip(now.path, "the dog and a cat that sat there", 32);
    fails_everywhere(&now);
}

static void streams_in_files(void **state)
{
    (void)state;
    char folder[600];
    tacit_context *context = test_context();
    trial now = folder_of_texts("text-memory-stream");
    snprintf(folder, sizeof folder, "%s", test_at("tokens"));
    assert_ok(context, folder_create(context, folder));
    now.look.stream = true;
    now.look.ahead = 1;
    now.look.validation = 0.2;
    now.look.folder = folder;
    for (int again = 0; again < 2; again++) { /* made, later found again */
        fails_everywhere(&now);
        assert_int_equal(leftovers(folder), 0);
    }
    assert_ok(context, folder_delete(context, folder));
    tacit_context_destroy(context);
}

static void pairs_and_labels(void **state)
{
    (void)state;
    static const char text[] = "{\"text\":\"a cat\",\"b\":\"the dog\",\"kind\":\"x\"}\n"
                               "{\"text\":\"a dog\",\"b\":\"the cat\",\"kind\":\"y\"}\n";
    trial now = {.options = {.field = "text", .pair = "b", .label = "kind"},
                 .look = {.window = 4, .paired = true, .drop = 0.5}};
    test_folder("text-memory-pairs");
    snprintf(now.path, sizeof now.path, "%s", test_at("a.jsonl"));
    test_put(now.path, text, sizeof text - 1);
    fails_everywhere(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders),
        cmocka_unit_test(packed_files),
        cmocka_unit_test(streams_in_files),
        cmocka_unit_test(pairs_and_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
