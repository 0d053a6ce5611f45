/* Checkpoints: what is written is read, the newest few stay, and a damaged or foreign file is named. */
#include "support.h"

#include "base/file.h"
#include "train/checkpoint.h"

enum { FLOATS = 50, OTHER = 3, QUEUE = 37 };

/* A small model with the state of AdamW and of a method, all of it a function of `mark`. */
typedef struct trial {
    tacit_context *context;
    parameters parameters;
    checkpoint checkpoint;
    float queue[QUEUE];
    state_block blocks[2]; /* of a method with a queue and an average of the parameters */
    const char *folder;
} trial;

static void fill(trial *t, float mark)
{
    for (int64_t i = 0; i < t->parameters.size; i++) {
        t->parameters.block[i] = mark + (float)i;
        for (int b = 0; b < t->checkpoint.blocks; b++)
            t->checkpoint.state[b][i] = mark * (float)(b + 2) - (float)i * 0.25f;
        t->blocks[1].data[i] = mark * 0.5f + (float)i;
    }
    for (int i = 0; i < QUEUE; i++)
        t->queue[i] = mark * 3.0f - (float)i;
}

static bool holds(const trial *t, float mark)
{
    for (int64_t i = 0; i < t->parameters.size; i++) {
        if (t->parameters.block[i] != mark + (float)i)
            return false;
        for (int b = 0; b < t->checkpoint.blocks; b++)
            if (t->checkpoint.state[b][i] != mark * (float)(b + 2) - (float)i * 0.25f)
                return false;
        if (t->blocks[1].data[i] != mark * 0.5f + (float)i)
            return false;
    }
    for (int i = 0; i < QUEUE; i++)
        if (t->queue[i] != mark * 3.0f - (float)i)
            return false;
    return true;
}

static void set_up(trial *t, const char *name)
{
    *t = (trial){.context = test_context(), .folder = test_folder(name)};
    test_without_sync(t->context);
    parameters_init(&t->parameters, t->context);
    parameters_add(&t->parameters, "a", shape_1(FLOATS), INIT_ZERO, 0);
    parameters_add(&t->parameters, "b", shape_2(OTHER, OTHER), INIT_ZERO, 0);
    assert_ok(t->context, parameters_allocate(&t->parameters));
    t->checkpoint = (checkpoint){.parameters = &t->parameters, .optimizer = "adamw", .blocks = 2};
    for (int b = 0; b < 2; b++)
        t->checkpoint.state[b] = parameters_block(&t->parameters);
    t->blocks[0] = (state_block){"queue", QUEUE, t->queue};
    t->blocks[1] = (state_block){"average", t->parameters.size, parameters_block(&t->parameters)};
    t->checkpoint.method = t->blocks;
    t->checkpoint.method_blocks = 2;
}

static void tear_down(trial *t)
{
    for (int b = 0; b < 2; b++)
        memory_free(t->context, t->checkpoint.state[b]);
    memory_free(t->context, t->blocks[1].data);
    parameters_fini(&t->parameters);
    assert_ok(t->context, folder_delete(t->context, t->folder));
    tacit_context_destroy(t->context);
}

static const char *path_of(const trial *t, int64_t step)
{
    static char path[700];
    snprintf(path, sizeof path, "%s/step-%09lld.safetensors", t->folder, (long long)step);
    return path;
}

static void write_step(trial *t, int64_t step, int keep)
{
    fill(t, (float)step);
    t->checkpoint.step = step;
    assert_ok(t->context, checkpoint_write(t->context, t->folder, &t->checkpoint, keep));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    trial t;
    uint8_t *first, *second;
    size_t size, again;
    set_up(&t, "round-trip");
    write_step(&t, 7, 2);
    assert_ok(t.context, file_read(t.context, path_of(&t, 7), SIZE_MAX / 4, &first, &size));
    fill(&t, -1);
    t.checkpoint.step = 99;
    assert_ok(t.context, checkpoint_read(t.context, t.folder, &t.checkpoint));
    assert_true(holds(&t, 7) && t.checkpoint.step == 7);
    write_step(&t, 7, 2); /* equal states are equal files */
    assert_ok(t.context, file_read(t.context, path_of(&t, 7), SIZE_MAX / 4, &second, &again));
    assert_int_equal(size, again);
    assert_memory_equal(first, second, size);
    memory_free(t.context, first);
    memory_free(t.context, second);
    tear_down(&t);
}

static void none_is_step_zero(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "none");
    fill(&t, 3);
    t.checkpoint.step = 5;
    assert_ok(t.context, checkpoint_read(t.context, t.folder, &t.checkpoint));
    assert_true(t.checkpoint.step == 0 && holds(&t, 3));
    t.checkpoint.step = 5;
    assert_ok(t.context, checkpoint_read(t.context, "no-such-folder", &t.checkpoint));
    assert_true(t.checkpoint.step == 0 && holds(&t, 3));
    tear_down(&t);
}

/* By number, not by name or date; what is not ours is neither read nor deleted. */
static void the_newest_few_stay(void **state)
{
    (void)state;
    static const char *const strange[] = {"step-.safetensors", "step-000000900.safetensors.tmp-1",
                                          "step-9x9.safetensors", "notes.txt", "step--00000005.safetensors"};
    static const int64_t steps[] = {2, 40, 300, 1999999999, 2000000000, 12345678901};
    trial t;
    char path[700];
    set_up(&t, "prune");
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        snprintf(path, sizeof path, "%s/%s", t.folder, strange[i]);
        assert_ok(t.context, file_write(t.context, path, "x", 1));
    }
    for (int i = 0; i < 6; i++) {
        write_step(&t, steps[i], 3);
        for (int k = 0; k < 6; k++)
            assert_int_equal(file_exists(path_of(&t, steps[k])), k <= i && k > i - 3);
    }
    assert_ok(t.context, checkpoint_read(t.context, t.folder, &t.checkpoint));
    assert_true(t.checkpoint.step == 12345678901);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        snprintf(path, sizeof path, "%s/%s", t.folder, strange[i]);
        assert_true(file_exists(path));
    }
    tear_down(&t);
}

/* ---- damage ---- */

static void assert_refused(trial *t)
{
    context_begin(t->context);
    assert_fails(t->context, checkpoint_read(t->context, t->folder, &t->checkpoint), TACIT_FORMAT,
                 path_of(t, 7));
}

/* Cut at any length, or a byte of the header changed: an error that names the file, or, where the byte is in
 * a text that nobody reads, the same numbers. */
static void damaged_files(void **state)
{
    (void)state;
    trial t;
    uint8_t *bytes;
    size_t size;
    int refused = 0;
    set_up(&t, "damage");
    write_step(&t, 7, 2);
    assert_ok(t.context, file_read(t.context, path_of(&t, 7), SIZE_MAX / 4, &bytes, &size));
    for (size_t cut = 0; cut < size; cut += cut < 600 ? 37 : 101) {
        assert_ok(t.context, file_write(t.context, path_of(&t, 7), bytes, cut));
        assert_refused(&t);
    }
    const size_t header = (size_t)bytes[0] + 256 * (size_t)bytes[1] + 8;
    assert_true(header < size);
    for (size_t at = 0; at < header; at += 3) {
        bytes[at] ^= 4;
        assert_ok(t.context, file_write(t.context, path_of(&t, 7), bytes, size));
        bytes[at] ^= 4;
        fill(&t, -1);
        context_begin(t.context);
        const tacit_status status = checkpoint_read(t.context, t.folder, &t.checkpoint);
        refused += status != TACIT_OK;
        if (status == TACIT_OK)
            assert_true(holds(&t, 7));
        else
            assert_fails(t.context, status, TACIT_FORMAT, path_of(&t, 7));
    }
    assert_true(refused > (int)header / 6);
    memory_free(t.context, bytes);
    tear_down(&t);
}

/* Of a method without state, or with a queue of another size; and again one that fits. */
static void state_of_another_method(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "another-method");
    t.checkpoint.method_blocks = 1;
    write_step(&t, 7, 2);
    t.checkpoint.method_blocks = 2;
    assert_refused(&t);
    assert_non_null(strstr(tacit_context_message(t.context), "numbers of method.average"));
    t.blocks[0].count = QUEUE - 1;
    write_step(&t, 7, 2);
    t.blocks[0].count = QUEUE;
    assert_refused(&t);
    assert_non_null(strstr(tacit_context_message(t.context), "expected 37 numbers of method.queue"));
    write_step(&t, 7, 2);
    fill(&t, -1);
    context_begin(t.context);
    assert_ok(t.context, checkpoint_read(t.context, t.folder, &t.checkpoint));
    assert_true(holds(&t, 7));
    tear_down(&t);
}

/* Of another optimizer, of another model. */
static void files_of_another_run(void **state)
{
    (void)state;
    trial t;
    set_up(&t, "foreign");
    t.checkpoint.optimizer = "lars";
    write_step(&t, 7, 2);
    t.checkpoint.optimizer = "adamw";
    assert_refused(&t);
    assert_non_null(strstr(tacit_context_message(t.context), "expected a step of adamw"));
    t.checkpoint.blocks = 1;
    write_step(&t, 7, 2);
    t.checkpoint.blocks = 2;
    assert_refused(&t);
    assert_non_null(strstr(tacit_context_message(t.context), "state.1"));
    t.parameters.size -= 16; /* as a model with fewer parameters would write it */
    write_step(&t, 7, 2);
    t.parameters.size += 16;
    assert_refused(&t);
    assert_non_null(strstr(tacit_context_message(t.context), "numbers of parameters"));
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(none_is_step_zero),
        cmocka_unit_test(the_newest_few_stay),     cmocka_unit_test(damaged_files),
        cmocka_unit_test(files_of_another_run),    cmocka_unit_test(state_of_another_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
