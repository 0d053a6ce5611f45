/* The files of a run on texts: what is there when it is done, what a failure leaves of it and of the run
 * before it, and that tokens which were deleted or damaged are made again when it goes on. */
#include "text_support.h"

#include "data/augment/text_views.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS = 3, PATH = 600 };

static tacit_context *context;
static tacit_dataset *data;
static char run[PATH];

static int set_up(void **state)
{
    (void)state;
    char text[600] = "";
    context = test_context();
    test_without_sync(context);
    test_folder("text-run");
    snprintf(run, sizeof run, "%s", test_at("run"));
    while (strlen(text) < 500)
        strcat(text, "the cat sat there ");
    const char *path = test_at("a.txt");
    test_put(path, text, strlen(text));
    assert_ok(context, tacit_dataset_open(&data, context, &path, 1, NULL));
    return 0;
}

static void remove_run(void)
{
    static const char *const folders[] = {"/model", "/checkpoints", "/samples", "/tokens", ""};
    char path[PATH + 32];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s%s", run, folders[i]);
        assert_ok(context, folder_delete(context, path));
    }
}

static int tear_down(void **state)
{
    (void)state;
    tacit_dataset_close(data);
    remove_run();
    assert_ok(context, folder_delete(context, test_at("")));
    tacit_context_destroy(context);
    return 0;
}

static bool has(const char *name)
{
    char path[PATH + 64];
    snprintf(path, sizeof path, "%s%s", run, name);
    return file_exists(path) || folder_exists(path);
}

static tacit_config *config_of(const char *window)
{
    static const char *const rows[][2] = {{"tokenizer", "bytes"}, {"batch", "2"},  {"max-steps", "3"},
                                          {"samples", "0"},       {"warmup", "0"}, {"threads", "1"}};
    tacit_config *c;
    assert_ok(context, tacit_config_create(&c, context, "next-word"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_ok(context, tacit_config_set(c, rows[i][0], rows[i][1]));
    assert_ok(context, tacit_config_set(c, "window", window));
    return c;
}

static tacit_status train(const char *folder, const char *window, const tacit_train_options *options)
{
    tacit_config *c = config_of(window);
    const tacit_status status = tacit_train(context, c, data, folder, options);
    tacit_config_destroy(c);
    return status;
}

static void stop(void *user, const tacit_progress *progress)
{
    (void)progress;
    tacit_context_cancel(user);
}

/* Stopped after the first step. */
static void begin(void)
{
    const tacit_train_options options = {.progress = stop, .user = context};
    remove_run();
    assert_fails(context, train(run, "8", &options), TACIT_CANCELLED, "stopped at step 1 of 3");
}

/* The bytes of a file of the run; the caller frees them. */
static uint8_t *contents(const char *name, size_t *size)
{
    char path[PATH + 64];
    uint8_t *bytes;
    snprintf(path, sizeof path, "%s%s", run, name);
    assert_ok(context, file_read(context, path, SIZE_MAX, &bytes, size));
    return bytes;
}

static void assert_same_file(const char *name, const uint8_t *want, size_t size)
{
    size_t found;
    uint8_t *bytes = contents(name, &found);
    assert_int_equal(found, size);
    assert_memory_equal(bytes, want, size);
    memory_free(context, bytes);
}

static ino_t number_of(const char *name)
{
    char path[PATH + 64];
    struct stat info;
    snprintf(path, sizeof path, "%s%s", run, name);
    assert_int_equal(stat(path, &info), 0);
    return info.st_ino;
}

static void all_files_are_there(void **state)
{
    (void)state;
    static const char *const names[] = {"/config.json",          "/tokenizer.json",
                                        "/tokens/train.tokens",  "/tokens/validation.tokens",
                                        "/model/tokenizer.json", "/model/model.safetensors"};
    char slashes[PATH + 8];
    for (int k = 0; k < 2; k++) {
        remove_run();
        snprintf(slashes, sizeof slashes, "%s%s", run, k ? "//" : "");
        assert_ok(context, train(slashes, "8", NULL));
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            assert_true(has(names[i]));
        assert_false(has(".tokens-part"));
        assert_false(has("/.tokens-part"));
    }
}

/* What fails before the first step leaves the run that is there as it was. */
static void a_failure_leaves_the_old_run(void **state)
{
    (void)state;
    const tacit_train_options options = {.overwrite = true};
    size_t sizes[3];
    static const char *const names[] = {"/config.json", "/tokenizer.json", "/model/model.safetensors"};
    uint8_t *before[3];
    remove_run();
    assert_ok(context, train(run, "8", NULL));
    const ino_t tokens = number_of("/tokens/train.tokens");
    for (int i = 0; i < 3; i++)
        before[i] = contents(names[i], &sizes[i]);
    assert_fails(context, train(run, "8", NULL), TACIT_STATE, "holds a run already");
    assert_fails(context, train(run, "60000", &options), TACIT_ARGUMENT, "two windows of 60000");
    for (int i = 0; i < 3; i++) {
        assert_same_file(names[i], before[i], sizes[i]);
        memory_free(context, before[i]);
    }
    assert_int_equal(number_of("/tokens/train.tokens"), tokens);
    assert_false(has(".tokens-part"));
    assert_ok(context, train(run, "9", &options)); /* and one that does not fail replaces it */
    assert_false(has(".tokens-part"));
}

static void a_failure_leaves_nothing_new(void **state)
{
    (void)state;
    char slashes[PATH + 8];
    for (int k = 0; k < 2; k++) {
        remove_run();
        snprintf(slashes, sizeof slashes, "%s%s", run, k ? "/" : "");
        assert_fails(context, train(slashes, "60000", NULL), TACIT_ARGUMENT, "two windows");
        assert_false(has(".tokens-part"));
        assert_false(has(""));
    }
}

static int failing_move(const char *from, const char *to)
{
    if (!strstr(from, ".tokens-part") || strstr(from, ".tmp-"))
        return rename(from, to);
    errno = EACCES;
    return -1;
}

static void a_move_that_fails(void **state)
{
    (void)state;
    const file_hooks usual = context->files;
    remove_run();
    context->files.rename = failing_move;
    assert_fails(context, train(run, "8", NULL), TACIT_IO, "run.tokens-part: cannot be moved to ");
    context->files = usual;
    assert_false(has(".tokens-part"));
    assert_false(has("/config.json"));
    assert_ok(context, train(run, "8", NULL));
}

/* A folder that was never a run may hold anything; it is not emptied for the tokens. */
static void folders_of_others_stay(void **state)
{
    (void)state;
    char path[PATH + 64];
    remove_run();
    snprintf(path, sizeof path, "%s/tokens", run);
    assert_ok(context, folder_create(context, path));
    snprintf(path, sizeof path, "%s/tokens/train.tokens", run);
    test_put(path, "of a run that was killed", 24);
    assert_ok(context, train(run, "8", NULL));
    remove_run();
    snprintf(path, sizeof path, "%s/tokens", run);
    assert_ok(context, folder_create(context, path));
    snprintf(path, sizeof path, "%s/tokens/mine", run);
    test_put(path, "precious", 8);
    assert_fails(context, train(run, "8", NULL), TACIT_IO, "cannot be moved to ");
    assert_true(file_exists(path));
    assert_false(has(".tokens-part"));
}

/* Nothing of what a killed run left beside is believed without being looked at. */
static void a_part_of_a_killed_run(void **state)
{
    (void)state;
    char path[PATH + 64];
    size_t size;
    remove_run();
    assert_ok(context, train(run, "8", NULL));
    uint8_t *want = contents("/model/model.safetensors", &size);
    remove_run();
    snprintf(path, sizeof path, "%s.tokens-part", run);
    assert_ok(context, folder_create(context, path));
    snprintf(path, sizeof path, "%s.tokens-part/train.tokens", run);
    test_put(path, "tacit tokens 1\n and nothing", 27);
    assert_ok(context, train(run, "8", NULL));
    assert_same_file("/model/model.safetensors", want, size);
    assert_false(has(".tokens-part"));
    memory_free(context, want);
}

/* What happens to the tokens while a run is stopped. */
static void spoil(int how)
{
    char path[PATH + 64];
    snprintf(path, sizeof path, "%s/tokens/train.tokens", run);
    if (how == 1)
        assert_int_equal(truncate(path, 50), 0);
    if (how == 2) {
        size_t size;
        uint8_t *bytes = contents("/tokens/train.tokens", &size);
        bytes[40] ^= 1;
        test_put(path, bytes, size);
        memory_free(context, bytes);
    }
    snprintf(path, sizeof path, "%s/tokens", run);
    if (how == 3)
        assert_ok(context, folder_delete(context, path));
}

static void runs_go_on(void **state)
{
    (void)state;
    size_t size, tokens;
    remove_run();
    assert_ok(context, train(run, "8", NULL));
    uint8_t *want = contents("/model/model.safetensors", &size);
    uint8_t *good = contents("/tokens/train.tokens", &tokens);
    for (int how = 0; how < 4; how++) {
        begin();
        const ino_t before = number_of("/tokens/train.tokens");
        spoil(how);
        assert_ok(context, tacit_resume(context, run, data, NULL, NULL));
        assert_same_file("/model/model.safetensors", want, size);
        assert_same_file("/tokens/train.tokens", good, tokens);
        assert_true(how != 0 || number_of("/tokens/train.tokens") == before);
        assert_false(has(".tokens-part"));
    }
    memory_free(context, want);
    memory_free(context, good);
}

static void a_run_without_its_tokenizer(void **state)
{
    (void)state;
    char path[PATH + 64];
    begin();
    snprintf(path, sizeof path, "%s/tokenizer.json", run);
    assert_int_equal(unlink(path), 0);
    assert_fails(context, tacit_resume(context, run, data, NULL, NULL), TACIT_IO,
                 "tokenizer.json: cannot read");
    test_put(path, "{}", 2);
    assert_fails(context, tacit_resume(context, run, data, NULL, NULL), TACIT_FORMAT, "tokenizer.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_files_are_there),
        cmocka_unit_test(a_failure_leaves_the_old_run),
        cmocka_unit_test(a_failure_leaves_nothing_new),
        cmocka_unit_test(a_move_that_fails),
        cmocka_unit_test(folders_of_others_stay),
        cmocka_unit_test(a_part_of_a_killed_run),
        cmocka_unit_test(runs_go_on),
        cmocka_unit_test(a_run_without_its_tokenizer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
