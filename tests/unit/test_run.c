/* The run folder: config.json goes round, every damaged field is an error that names the path, weights must
 * fit, and a folder that holds a run is emptied only on request. */
#include "support.h"

#include "base/file.h"
#include "train/config.h"
#include "train/run.h"

#include <sys/stat.h>
#include <unistd.h>

/* A resolved configuration with its learner: pictures 8x8, 3 channels, patch 4. */
typedef struct trial {
    tacit_context *context;
    settings *settings;
    learner *learner;
    const char *folder;
    char path[700]; /* folder/config.json */
    data_source source;
} trial;

static const char *const data_paths[] = {"pictures/a", "pictures/\xC3\xA9.tar", "with \"quotes\" and \\"};
static const double mean[] = {0.1, 1.0 / 3.0, 0.5}, deviation[] = {0.25, 1e-3, 2.0};

static void set_up(trial *t, const char *name)
{
    static const char *const rows[][2] = {
        {"patch", "4"}, {"size", "8"},          {"readout", "mean"},    {"lr", "0.00012345678901234567"},
        {"seed", "1"},  {"mask-ratio", "0.75"}, {"encoder", "vit-nano"}};
    *t = (trial){.context = test_context(), .folder = test_folder(name)};
    test_without_sync(t->context);
    snprintf(t->path, sizeof t->path, "%s/config.json", t->folder);
    assert_ok(t->context, config_create(&t->settings, t->context, "mae"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_ok(t->context, settings_set(t->settings, rows[i][0], rows[i][1]));
    assert_ok(t->context, learner_create(&t->learner, t->context, t->settings, shape_3(8, 8, 3)));
    parameters_initialise(&t->learner->parameters, 4);
    t->source = (data_source){.paths = data_paths,
                              .count = 3,
                              .format = "folder",
                              .examples = INT64_C(5000000000),
                              .channels = 3,
                              .height = 9,
                              .width = 0};
}

static void tear_down(trial *t)
{
    learner_destroy(t->learner);
    settings_destroy(t->settings);
    assert_ok(t->context, folder_delete(t->context, t->folder));
    tacit_context_destroy(t->context);
}

static void write_config(const trial *t)
{
    const run_numbers n = {.mean = mean, .deviation = deviation, .steps = 42, .complete = true};
    assert_ok(t->context, run_write_config(t->context, t->path, t->settings, &t->source, t->learner, &n));
}

static char *read_text(const trial *t, const char *path)
{
    uint8_t *bytes;
    size_t size;
    assert_ok(t->context, file_read(t->context, path, 1 << 28, &bytes, &size));
    char *text = memory_string(t->context, (const char *)bytes);
    memory_free(t->context, bytes);
    assert_non_null(text);
    return text;
}

/* ---- config.json ---- */

static void assert_same_settings(const settings *a, const settings *b)
{
    assert_int_equal(settings_count(a), settings_count(b));
    for (size_t i = 0; i < settings_count(a); i++) {
        assert_string_equal(settings_row(a, i)->name, settings_row(b, i)->name);
        assert_string_equal(settings_value(a, i), settings_value(b, i));
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    trial t;
    run_record r;
    set_up(&t, "round-trip");
    write_config(&t);
    assert_ok(t.context, run_read_config(&r, t.context, t.path));
    assert_same_settings(r.settings, t.settings);
    assert_string_equal(r.version, tacit_version());
    assert_int_equal(r.path_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(r.paths[i], data_paths[i]);
        assert_true(r.mean[i] == mean[i] && r.deviation[i] == deviation[i]);
    }
    assert_string_equal(r.format, "folder");
    assert_true(r.examples == 5000000000 && r.channels == 3 && r.height == 9 && r.width == 0);
    assert_true(r.steps == 42 && r.complete && r.dimension == 128);
    assert_true(r.parameters == parameters_learnt(&t.learner->parameters));
    assert_true(r.encoder_parameters > 100000 && r.encoder_parameters < r.parameters);
    char *once = read_text(&t, t.path);
    run_record_fini(&r);
    write_config(&t);
    char *twice = read_text(&t, t.path);
    assert_string_equal(once, twice);
    memory_free(t.context, once);
    memory_free(t.context, twice);
    tear_down(&t);
}

/* Epochs that nobody set follow from max-steps, so that all of those are run; epochs that are set stay. */
static void epochs_of_max_steps(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"0", NULL, "20"}, {"100", NULL, "50"}, {"101", NULL, "51"}, {"101", "3", "3"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trial t;
        set_up(&t, "epochs");
        assert_ok(t.context, settings_set(t.settings, "batch", "4"));
        assert_ok(t.context, settings_set(t.settings, "max-steps", cases[i][0]));
        if (cases[i][1])
            assert_ok(t.context, settings_set(t.settings, "epochs", cases[i][1]));
        assert_ok(t.context, config_resolve_training(t.settings, t.context, t.learner, 10));
        assert_string_equal(settings_text(t.settings, "epochs"), cases[i][2]);
        tear_down(&t);
    }
}

static void data_in_memory_have_no_paths(void **state)
{
    (void)state;
    trial t;
    run_record r;
    set_up(&t, "memory");
    t.source.count = 0;
    t.source.paths = NULL;
    t.source.channels = 1;
    write_config(&t);
    assert_ok(t.context, run_read_config(&r, t.context, t.path));
    assert_true(r.path_count == 0 && r.channels == 1 && r.mean[1] == 0);
    run_record_fini(&r);
    tear_down(&t);
}

/* A path that no JSON can hold. */
static void a_path_that_is_not_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"pictures/\xFF\xFE"};
    const run_numbers n = {.mean = mean, .deviation = deviation};
    trial t;
    set_up(&t, "not-utf8");
    t.source.paths = bad;
    t.source.count = 1;
    const tacit_status status = run_write_config(t.context, t.path, t.settings, &t.source, t.learner, &n);
    assert_fails(t.context, status, TACIT_UNSUPPORTED, "is not UTF-8");
    assert_false(file_exists(t.path));
    tear_down(&t);
}

/* ---- damage ---- */

/* Writes `text` as the configuration and reads it: refused, with the path in the message. */
static void assert_refused(const trial *t, const char *text, size_t size, const char *what)
{
    run_record r;
    assert_ok(t->context, file_write(t->context, t->path, text, size));
    context_begin(t->context);
    const tacit_status status = run_read_config(&r, t->context, t->path);
    if (status == TACIT_OK)
        fail_msg("%s is read as a configuration", what);
    if (!strstr(tacit_context_message(t->context), t->path))
        fail_msg("%s: the message does not name the file: %s", what, tacit_context_message(t->context));
    assert_null(r.settings);
    assert_null(r.paths);
}

/* The configuration with the first `from` replaced by `to`. */
static void assert_replaced_refused(const trial *t, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("the configuration has no %s", from);
    const size_t size = strlen(text) + strlen(to) + 1;
    char *changed = malloc(size);
    assert_non_null(changed);
    snprintf(changed, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_refused(t, changed, strlen(changed), to);
    free(changed);
}

/* The columns of a table are written and read; what does not fit them is refused. */
static void columns_go_round(void **state)
{
    (void)state;
    static const char *const changes[][2] = {{"\"columns\": [", "\"columns\": [7, "},
                                             {"\"columns\": [", "\"columns\": 7, \"x\": ["},
                                             {"\"x\"", "7"},
                                             {"\"red\"", "null"},
                                             {"\"red\"", "\"red\", \"blue\""},
                                             {"\"channels\": 3", "\"channels\": 4"}};
    trial t;
    run_record r;
    row_table *columns;
    set_up(&t, "columns");
    assert_ok(t.context, table_create(&columns, t.context, 0, 3));
    assert_ok(t.context, table_name(columns, 0, "x", NULL));
    assert_ok(t.context, table_name(columns, 1, "colour", "red"));
    assert_ok(t.context, table_name(columns, 2, "colour", "sky"));
    columns->named = true;
    t.source.table = columns;
    write_config(&t);
    assert_ok(t.context, run_read_config(&r, t.context, t.path));
    assert_true(r.table && r.table->named && table_equal(r.table, columns));
    assert_true(r.mean[2] == mean[2]);
    run_record_fini(&r);
    char *text = read_text(&t, t.path);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        assert_replaced_refused(&t, text, changes[i][0], changes[i][1]);
    memory_free(t.context, text);
    table_destroy(columns);
    tear_down(&t);
}

static void damaged_fields(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"\"tacit\"", "\"tacet\""},
        {"\"tacit\": \"", "\"tacit\": 1, \"x\": \""},
        {"\"data\"", "\"date\""},
        {"\"paths\"", "\"path\""},
        {"\"paths\": [", "\"paths\": 3, \"x\": ["},
        {"\"pictures/a\"", "7"},
        {"\"pictures/a\"", "null"},
        {"\"format\": \"folder\"", "\"format\": []"},
        {"\"examples\": 5000000000", "\"examples\": 0"},
        {"\"examples\": 5000000000", "\"examples\": -1"},
        {"\"examples\": 5000000000", "\"examples\": 1e400"},
        {"\"examples\": 5000000000", "\"examples\": \"many\""},
        {"\"examples\": 5000000000", "\"examples\": 99999999999999999999"},
        {"\"channels\": 3", "\"channels\": 2"},
        {"\"channels\": 3", "\"channels\": 1"},
        {"\"channels\": 3", "\"channels\": 4294967299"},
        {"\"height\": 9", "\"height\": null"},
        {"\"height\": 9", "\"height\": -9"},
        {"\"width\": 0", "\"width\": 4294967296"},
        {"\"width\": 0", "\"width\": 0.5"},
        {"\"mean\": [", "\"mean\": [1, "},
        {"\"mean\": [", "\"mean\": 3, \"x\": ["},
        {"\"mean\"", "\"median\""},
        {"0.25", "0"},
        {"0.25", "-0.25"},
        {"0.25", "1e7"},
        {"0.25", "NaN"},
        {"0.25", "\"0.25\""},
        {"\"settings\": {", "\"settings\": 1, \"x\": {"},
        {"\"settings\"", "\"setting\""},
        {"\"method\": \"mae\"", "\"method\": \"mea\""},
        {"\"method\": \"mae\"", "\"method\": 5"},
        {"\"method\": \"mae\"", "\"method\": \"simclr\""},
        {"\"batch\"", "\"botch\""},
        {"\"encoder\": \"vit-nano\"", "\"encoder\": \"vit-nono\""},
        {"\"seed\": \"1\"", "\"seed\": \"-1\""},
        {"\"seed\": \"1\"", "\"seed\": 1"},
        {"\"seed\": \"1\"", "\"seed\": \"1 \""},
        {"\"mask-ratio\": \"0.75\"", "\"mask-ratio\": \"nan\""},
        {"\"steps\": 42", "\"steps\": \"42\""},
        {"\"complete\": true", "\"complete\": 1"},
        {"\"dimension\": 128", "\"dimension\": {}"},
        {"\"parameters\"", "\"perimeters\""},
        {"\"data\": {", "\"data\": {\"paths\": [], "}, /* a name twice */
    };
    trial t;
    run_record r;
    set_up(&t, "damage");
    write_config(&t);
    char *text = read_text(&t, t.path);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        assert_replaced_refused(&t, text, changes[i][0], changes[i][1]);
    write_config(&t); /* and undamaged it is read */
    context_begin(t.context);
    assert_ok(t.context, run_read_config(&r, t.context, t.path));
    run_record_fini(&r);
    memory_free(t.context, text);
    tear_down(&t);
}

static void damaged_files(void **state)
{
    (void)state;
    trial t;
    run_record r;
    set_up(&t, "cut");
    write_config(&t);
    char *text = read_text(&t, t.path);
    const size_t size = strlen(text);
    for (size_t cut = 0; cut < size; cut += 13)
        assert_refused(&t, text, cut, "a cut file");
    assert_refused(&t, "[]", 2, "a list");
    assert_refused(&t, "{}", 2, "an empty object");
    assert_refused(&t, "\0", 1, "a zero byte");
    char *deep = malloc(100000);
    assert_non_null(deep);
    memset(deep, '[', 100000);
    assert_refused(&t, deep, 100000, "a deep list");
    free(deep);
    memory_free(t.context, text);
    assert_ok(t.context, folder_delete(t.context, t.folder));
    assert_fails(t.context, run_read_config(&r, t.context, t.path), TACIT_IO, t.path);
    assert_ok(t.context, folder_create(t.context, t.folder));
    tear_down(&t);
}

/* One letter changed anywhere: an error that names the file, or a configuration; never a crash. */
static void changed_letters(void **state)
{
    (void)state;
    static const char letters[] = "\"{9-\x80";
    trial t;
    set_up(&t, "letters");
    write_config(&t);
    char *text = read_text(&t, t.path);
    const size_t size = strlen(text);
    for (size_t at = 0; at < size; at += 7) {
        run_record r;
        const char was = text[at];
        text[at] = letters[at % (sizeof letters - 1)];
        assert_ok(t.context, file_write(t.context, t.path, text, size));
        text[at] = was;
        context_begin(t.context);
        if (run_read_config(&r, t.context, t.path) == TACIT_OK)
            run_record_fini(&r);
        else
            assert_non_null(strstr(tacit_context_message(t.context), t.path));
    }
    memory_free(t.context, text);
    tear_down(&t);
}

/* ---- weights ---- */

static void weights_go_round(void **state)
{
    (void)state;
    trial t;
    learner *other;
    char weights[700];
    const run_numbers n = {.mean = mean, .deviation = deviation};
    set_up(&t, "weights");
    snprintf(weights, sizeof weights, "%s/model.safetensors", t.folder);
    assert_ok(t.context, run_write_model(t.context, t.folder, t.settings, &t.source, t.learner, &n));
    assert_true(file_exists(weights) && file_exists(t.path));
    assert_ok(t.context, learner_create(&other, t.context, t.settings, shape_3(8, 8, 3)));
    assert_ok(t.context, run_read_weights(other, weights));
    assert_memory_equal(other->parameters.block, t.learner->parameters.block,
                        (size_t)other->parameters.size * sizeof(float));
    learner_destroy(other);
    tear_down(&t);
}

/* Of another size of pictures, of another method, cut. */
static void weights_that_do_not_fit(void **state)
{
    (void)state;
    trial t;
    settings *s;
    learner *other;
    char weights[700];
    const run_numbers n = {.mean = mean, .deviation = deviation};
    set_up(&t, "other-weights");
    snprintf(weights, sizeof weights, "%s/model.safetensors", t.folder);
    assert_ok(t.context, run_write_model(t.context, t.folder, t.settings, &t.source, t.learner, &n));
    assert_ok(t.context, learner_create(&other, t.context, t.settings, shape_3(8, 8, 1)));
    assert_fails(
        t.context, run_read_weights(other, weights), TACIT_FORMAT,
        "model.safetensors: tensor encoder.patch_embed.weight is F32 (128, 48), expected F32 (128, 16)");
    learner_destroy(other);
    assert_ok(t.context, config_create(&s, t.context, "simclr"));
    assert_ok(t.context, settings_set(s, "patch", "4"));
    assert_ok(t.context, settings_set(s, "encoder", "vit-nano"));
    assert_ok(t.context, learner_create(&other, t.context, s, shape_3(8, 8, 3)));
    context_begin(t.context);
    assert_fails(t.context, run_read_weights(other, weights), TACIT_FORMAT,
                 "tensor projector.0.weight is missing");
    settings_destroy(s);
    learner_destroy(other);
    assert_ok(t.context, file_write(t.context, weights, "short", 5));
    context_begin(t.context);
    assert_fails(t.context, run_read_weights(t.learner, weights), TACIT_FORMAT, weights);
    tear_down(&t);
}

/* ---- the folder ---- */

static void put(const trial *t, const char *run, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", run, name);
    assert_ok(t->context, file_write(t->context, path, "x", 1));
}

static bool has(const char *run, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", run, name);
    return file_exists(path) || folder_exists(path);
}

static void folders_of_a_run(void **state)
{
    (void)state;
    static const char *const made[] = {"metrics.jsonl", "model/model.safetensors",
                                       "checkpoints/step-000000001.safetensors", "samples/views.png",
                                       "config.json"};
    trial t;
    char run[600];
    set_up(&t, "folders");
    snprintf(run, sizeof run, "%s/new/run", t.folder);
    assert_ok(t.context, run_create(t.context, run, false));
    assert_true(has(run, "model") && has(run, "checkpoints") && has(run, "samples"));
    put(&t, run, "notes.txt");
    assert_ok(t.context, run_create(t.context, run, false)); /* no run is in it yet */
    for (int i = 0; i < 5; i++)
        put(&t, run, made[i]);
    assert_fails(t.context, run_create(t.context, run, false), TACIT_STATE, "holds a run already");
    for (int i = 0; i < 5; i++)
        assert_true(has(run, made[i]));
    context_begin(t.context);
    assert_ok(t.context, run_create(t.context, run, true));
    for (int i = 0; i < 5; i++)
        assert_false(has(run, made[i]));
    assert_true(has(run, "notes.txt")); /* what tacit did not make stays */
    assert_true(has(run, "model") && has(run, "checkpoints") && has(run, "samples"));
    char new[700];
    snprintf(new, sizeof new, "%s/new", t.folder);
    assert_ok(t.context, folder_delete(t.context, run));
    assert_ok(t.context, folder_delete(t.context, new));
    tear_down(&t);
}

/* run_check says what run_create would, and changes nothing. */
static void a_folder_is_checked_first(void **state)
{
    (void)state;
    trial t;
    char run[700];
    set_up(&t, "checked");
    snprintf(run, sizeof run, "%s/new//run/", t.folder);
    assert_ok(t.context, run_check(t.context, run, false));
    assert_false(has(t.folder, "new"));
    assert_ok(t.context, run_check(t.context, "not-there-either", false));
    assert_ok(t.context, run_check(t.context, t.folder, false));
    put(&t, t.folder, "notes.txt");
    assert_ok(t.context, run_check(t.context, t.folder, false));
    put(&t, t.folder, "config.json");
    assert_fails(t.context, run_check(t.context, t.folder, false), TACIT_STATE, "holds a run already");
    context_begin(t.context);
    assert_ok(t.context, run_check(t.context, t.folder, true));
    assert_true(has(t.folder, "config.json"));
    snprintf(run, sizeof run, "%s/notes.txt/run", t.folder);
    assert_fails(t.context, run_check(t.context, run, false), TACIT_IO, "notes.txt is not a folder");
    context_begin(t.context);
    assert_fails(t.context, run_check(t.context, "", false), TACIT_ARGUMENT, "no name");
    tear_down(&t);
}

/* As a user who may not write there; root, who may write everywhere, becomes one for the while. */
static void a_folder_that_may_not_be_written(void **state)
{
    (void)state;
    trial t;
    char run[700];
    set_up(&t, "not-mine");
    snprintf(run, sizeof run, "%s/new/run", t.folder);
    const bool root = geteuid() == 0;
    assert_int_equal(root ? seteuid(65534) : chmod(t.folder, 0500), 0);
    const tacit_status status = run_check(t.context, run, false);
    assert_int_equal(root ? seteuid(0) : chmod(t.folder, 0700), 0);
    assert_fails(t.context, status, TACIT_IO, "Permission denied");
    tear_down(&t);
}

/* What is in the way is named. */
static void a_file_in_the_way(void **state)
{
    (void)state;
    trial t;
    char run[700];
    set_up(&t, "in-the-way");
    put(&t, t.folder, "run");
    snprintf(run, sizeof run, "%s/run", t.folder);
    assert_fails(t.context, run_create(t.context, run, true), TACIT_IO, run);
    tear_down(&t);
}

/* Emptying a run that is stopped half way must not leave the checkpoints of an old run in a folder that looks
 * new: config.json goes last. */
static void emptying_begins_with_the_checkpoints(void **state)
{
    (void)state;
    trial t;
    test_memory memory = {0};
    set_up(&t, "emptying");
    for (int64_t k = 1;; k++) {
        tacit_context *context = test_context_on(&memory);
        assert_ok(t.context, run_create(t.context, t.folder, true));
        put(&t, t.folder, "checkpoints/step-000000001.safetensors");
        put(&t, t.folder, "config.json");
        memory.fail_at = memory.calls + k;
        const tacit_status status = run_create(context, t.folder, true);
        const bool failed = memory.calls >= memory.fail_at;
        assert_int_equal(status, failed ? TACIT_NOMEM : TACIT_OK);
        assert_true(has(t.folder, "config.json") || !has(t.folder, "checkpoints/step-000000001.safetensors"));
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
        if (!failed)
            break;
        assert_true(k < 50);
    }
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(epochs_of_max_steps),
        cmocka_unit_test(data_in_memory_have_no_paths),
        cmocka_unit_test(a_path_that_is_not_text),
        cmocka_unit_test(columns_go_round),
        cmocka_unit_test(damaged_fields),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(changed_letters),
        cmocka_unit_test(weights_go_round),
        cmocka_unit_test(weights_that_do_not_fit),
        cmocka_unit_test(folders_of_a_run),
        cmocka_unit_test(a_folder_is_checked_first),
        cmocka_unit_test(a_folder_that_may_not_be_written),
        cmocka_unit_test(a_file_in_the_way),
        cmocka_unit_test(emptying_begins_with_the_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
