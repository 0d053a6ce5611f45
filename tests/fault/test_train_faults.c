/* Training, resuming, opening and embedding through tacit.h while memory or the disk fails: always an error,
 * never a leak, a crash, or a half-written file, and afterwards the run can be resumed, or trained again over
 * what is there, to the same bits as one that nothing disturbed. */
#include "support.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

enum { SIDE = 8, EXAMPLES = 8, WIDTH = 128, RUN = 64, PATH = 600 };

/* ---- planted faults ---- */

/* Memory that counts, and fails from call `fail_at` on: once, or for ever; or that asks for a stop then. */
typedef struct faulty_memory {
    int64_t calls, alive, fail_at, stop_at;
    bool for_ever;
    tacit_context *context; /* to stop */
} faulty_memory;

static void *faulty_alloc(void *user, size_t size)
{
    faulty_memory *m = user;
    const int64_t call = __atomic_add_fetch(&m->calls, 1, __ATOMIC_RELAXED);
    if (m->fail_at && (call == m->fail_at || (m->for_ever && call > m->fail_at)))
        return NULL;
    if (m->stop_at && call == m->stop_at)
        tacit_context_cancel(m->context);
    __atomic_add_fetch(&m->alive, 1, __ATOMIC_RELAXED);
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void faulty_free(void *user, void *pointer)
{
    faulty_memory *m = user;
    if (pointer)
        __atomic_sub_fetch(&m->alive, 1, __ATOMIC_RELAXED);
    free(pointer);
}

/* What the file hooks do at call `at` of one kind; hooks have no user data, so this is the test's. */
typedef enum fault_kind {
    FAULT_NONE,
    FAULT_WRITE_FULL,  /* ENOSPC */
    FAULT_WRITE_PART,  /* a part is written, then ENOSPC for ever */
    FAULT_WRITE_SHORT, /* every write does only a part, every third is interrupted: no error */
    FAULT_SYNC,
    FAULT_RENAME,
    FAULT_READ,       /* EIO */
    FAULT_READ_END,   /* the file ends here, it seems */
    FAULT_READ_SHORT, /* every read gives only a part, every third is interrupted: no error */
} fault_kind;

static struct fault {
    fault_kind kind;
    int64_t at, calls; /* calls of the kind's function so far */
    bool full;
} fault;

static bool fault_now(fault_kind a, fault_kind b)
{
    if (fault.kind != a && fault.kind != b)
        return false;
    return ++fault.calls == fault.at;
}

/* Of a legal but inconvenient call: how many bytes; -1: interrupted. */
static ssize_t inconvenient(size_t size)
{
    if (++fault.calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return (ssize_t)(size / 2 + 1 < size ? size / 2 + 1 : size);
}

static ssize_t faulty_write(int fd, const void *buffer, size_t size)
{
    if (fault.kind == FAULT_WRITE_SHORT) {
        const ssize_t part = inconvenient(size);
        return part < 0 ? part : write(fd, buffer, (size_t)part);
    }
    const bool now = fault_now(FAULT_WRITE_FULL, FAULT_WRITE_PART);
    if (now && fault.kind == FAULT_WRITE_PART && size > 1) {
        fault.full = true;
        return write(fd, buffer, size / 2);
    }
    if (now || fault.full) {
        errno = ENOSPC;
        return -1;
    }
    return write(fd, buffer, size);
}

static ssize_t faulty_read(int fd, void *buffer, size_t size)
{
    if (fault.kind == FAULT_READ_SHORT) {
        const ssize_t part = inconvenient(size);
        return part < 0 ? part : read(fd, buffer, (size_t)part);
    }
    if (!fault_now(FAULT_READ, FAULT_READ_END))
        return read(fd, buffer, size);
    errno = EIO;
    return fault.kind == FAULT_READ ? -1 : 0;
}

/* Nothing is synced in this test but by the fault: it would only take time. */
static int faulty_sync(int fd)
{
    (void)fd;
    errno = EIO;
    return fault_now(FAULT_SYNC, FAULT_SYNC) ? -1 : 0;
}

static int faulty_rename(const char *from, const char *to)
{
    if (!fault_now(FAULT_RENAME, FAULT_RENAME))
        return rename(from, to);
    errno = EACCES;
    return -1;
}

static void plant(fault_kind kind, int64_t at)
{
    fault = (struct fault){.kind = kind, .at = at};
}

/* ---- the work that is disturbed ---- */

static tacit_status create_context(tacit_context **out, faulty_memory *memory)
{
    const tacit_allocator allocator = {faulty_alloc, faulty_free, memory};
    TRY(tacit_context_create(out, &allocator));
    (*out)->files.write = faulty_write;
    (*out)->files.read = faulty_read;
    (*out)->files.sync = faulty_sync;
    (*out)->files.rename = faulty_rename;
    return tacit_context_set_threads(*out, 1);
}

/* Pictures of stripes. */
static tacit_status open_data(tacit_dataset **out, tacit_context *context)
{
    uint8_t pixels[EXAMPLES * SIDE * SIDE];
    for (int i = 0; i < EXAMPLES * SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(i * (i / (SIDE * SIDE) + 3) % 251);
    return tacit_dataset_from_memory(out, context, pixels, EXAMPLES, SIDE, SIDE, 1, NULL);
}

/* Two epochs of one step: a checkpoint and a model after each. Four lanes of two examples. */
static tacit_status configure(tacit_config **out, tacit_context *context, const char *method)
{
    static const char *const rows[][2] = {{"encoder", "vit-nano"}, {"epochs", "2"},     {"batch", "8"},
                                          {"lane", "2"},           {"samples", "0"},    {"patch", "4"},
                                          {"memory", "1G"},        {"readout", "mean"}, {"warmup", "0"}};
    tacit_status status = tacit_config_create(out, context, method);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == TACIT_OK; i++)
        status = tacit_config_set(*out, rows[i][0], rows[i][1]);
    return status;
}

static tacit_status train(tacit_context *context, const char *method, const char *run, bool overwrite)
{
    tacit_dataset *data = NULL;
    tacit_config *config = NULL;
    const tacit_train_options options = {.overwrite = overwrite};
    tacit_status status = open_data(&data, context);
    if (status == TACIT_OK)
        status = configure(&config, context, method);
    if (status == TACIT_OK)
        status = tacit_train(context, config, data, run, &options);
    tacit_config_destroy(config);
    tacit_dataset_close(data);
    return status;
}

static tacit_status resume(tacit_context *context, const char *run)
{
    tacit_dataset *data = NULL;
    tacit_status status = open_data(&data, context);
    if (status == TACIT_OK)
        status = tacit_resume(context, run, data, NULL, NULL);
    tacit_dataset_close(data);
    return status;
}

static tacit_status embed(tacit_context *context, const char *run, float *out)
{
    tacit_dataset *data = NULL;
    tacit_model *model = NULL;
    tacit_status status = open_data(&data, context);
    if (status == TACIT_OK)
        status = tacit_model_open(&model, context, run);
    if (status == TACIT_OK)
        status = tacit_model_embed(model, data, 0, EXAMPLES, out, NULL, NULL);
    tacit_model_close(model);
    tacit_dataset_close(data);
    return status;
}

/* ---- what is left behind ---- */

/* Files of half-written kind anywhere below `folder`. */
static int leftovers(const char *folder)
{
    int count = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[PATH];
        snprintf(path, sizeof path, "%s/%.250s", folder, e->d_name);
        if (e->d_name[0] != '.' && folder_exists(path))
            count += leftovers(path);
        count += strstr(e->d_name, ".tmp") != NULL;
    }
    if (d)
        closedir(d);
    return count;
}

static bool has(const char *run, const char *name)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", run, name);
    return file_exists(path);
}

static void remove_run(const char *run)
{
    static const char *const parts[] = {"model", "checkpoints", "samples", "."};
    char path[PATH];
    tacit_context *context = test_context();
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", run, parts[i]);
        assert_ok(context, folder_delete(context, i < 3 ? path : run));
    }
    tacit_context_destroy(context);
}

/* What a run that nothing disturbed leaves. */
static const char *const compared[] = {"model/model.safetensors", "model/config.json",
                                       "checkpoints/step-000000001.safetensors",
                                       "checkpoints/step-000000002.safetensors"};
enum { COMPARED = sizeof compared / sizeof *compared };

typedef struct reference {
    tacit_context *context;
    char run[RUN];
    uint8_t *bytes[COMPARED];
    size_t sizes[COMPARED];
    int64_t allocations; /* of a training, and of opening and embedding */
    int64_t embedding_allocations;
    float embeddings[EXAMPLES * WIDTH];
} reference;

static void read_file(tacit_context *context, const char *run, const char *name, uint8_t **bytes,
                      size_t *size)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", run, name);
    assert_ok(context, file_read(context, path, 1 << 28, bytes, size));
}

/* Trains undisturbed in folder `name`, which is left for others to use. */
static void make_reference(reference *r, const char *method, const char *name)
{
    faulty_memory memory = {0};
    tacit_context *context;
    *r = (reference){.context = test_context()};
    snprintf(r->run, sizeof r->run, "test-%s-%d", name, (int)getpid());
    plant(FAULT_NONE, 0);
    assert_int_equal(create_context(&context, &memory), TACIT_OK);
    assert_ok(context, train(context, method, r->run, true));
    r->allocations = memory.calls;
    assert_ok(context, embed(context, r->run, r->embeddings));
    r->embedding_allocations = memory.calls - r->allocations;
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
    for (int i = 0; i < COMPARED; i++)
        read_file(r->context, r->run, compared[i], &r->bytes[i], &r->sizes[i]);
}

static void drop_reference(reference *r)
{
    for (int i = 0; i < COMPARED; i++)
        memory_free(r->context, r->bytes[i]);
    remove_run(r->run);
    tacit_context_destroy(r->context);
}

static void assert_same_files(const reference *r, const char *run)
{
    for (int i = 0; i < COMPARED; i++) {
        uint8_t *bytes;
        size_t size;
        read_file(r->context, run, compared[i], &bytes, &size);
        if (size != r->sizes[i] || memcmp(bytes, r->bytes[i], size) != 0)
            fail_msg("%s/%s is not what an undisturbed run leaves", run, compared[i]);
        memory_free(r->context, bytes);
    }
}

/* metrics.jsonl has one line for each step, in order. */
static void assert_two_lines(const reference *r, const char *run)
{
    uint8_t *bytes;
    size_t size;
    read_file(r->context, run, "metrics.jsonl", &bytes, &size);
    const char *first = (const char *)bytes, *second = strchr(first, '\n');
    assert_non_null(second);
    assert_ptr_equal(strstr(first, "{\"step\": 1,"), first);
    assert_ptr_equal(strstr(second, "{\"step\": 2,"), second + 1);
    assert_true(first[size - 1] == '\n' && strchr(second + 1, '\n') == first + size - 1);
    memory_free(r->context, bytes);
}

/* A model folder with a config.json opens; without one it is no model yet. */
static void assert_whole_or_absent(tacit_context *context, const char *run)
{
    tacit_model *model = NULL;
    if (!has(run, "model/config.json"))
        return;
    assert_ok(context, tacit_model_open(&model, context, run));
    tacit_model_close(model);
}

/* After a failure: nothing half-written, and the run goes on, or begins again, to the reference's bits. */
static void assert_recovers(const reference *r, tacit_context *context, const char *method, const char *run,
                            bool by_resume)
{
    assert_int_equal(leftovers(run), 0);
    assert_whole_or_absent(context, run);
    if (by_resume && has(run, "config.json"))
        assert_ok(context, resume(context, run));
    else
        assert_ok(context, train(context, method, run, true));
    assert_same_files(r, run);
    assert_two_lines(r, run);
}

/* ---- memory ---- */

/* The k to try of `all`: each up to `each`, then about `rest` more, at a fixed stride. */
static int64_t next_try(int64_t k, int64_t all, int64_t each, int64_t rest)
{
    const int64_t stride = (all - each) / rest;
    return k < each || stride < 1 ? k + 1 : k + stride;
}

/* A training in which allocation k fails. An arena that can not have one large block goes on with small ones:
 * so it may succeed, with the reference's bits, and then false is returned. */
static bool fail_training(const reference *r, const char *method, int64_t k, bool for_ever, int recover)
{
    faulty_memory memory = {.fail_at = k, .for_ever = for_ever};
    tacit_context *context = NULL;
    char run[RUN];
    snprintf(run, sizeof run, "test-nomem-%s-%d", method, (int)getpid());
    tacit_status status = create_context(&context, &memory);
    if (status == TACIT_OK)
        status = train(context, method, run, false);
    assert_true(memory.calls >= k);
    memory.fail_at = 0;
    if (!context) {
        assert_int_equal(status, TACIT_NOMEM);
        assert_int_equal(memory.alive, 0);
        return true;
    }
    assert_int_equal(leftovers(run), 0);
    assert_int_equal(memory.alive, 1); /* the context */
    if (status == TACIT_OK)
        assert_same_files(r, run);
    else
        assert_fails(context, status, TACIT_NOMEM, "memory");
    if (recover && status != TACIT_OK)
        assert_recovers(r, context, method, run, recover == 1);
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
    remove_run(run);
    return status != TACIT_OK;
}

static void training_without_memory(const char *method)
{
    reference r;
    int tries = 0, failures = 0;
    make_reference(&r, method, "whole");
    for (int64_t k = 1; k <= r.allocations; k = next_try(k, r.allocations, 40, 45), tries++)
        failures +=
            fail_training(&r, method, k, tries % 3 == 2, k > 40 && tries % 4 == 0 ? 1 + tries / 4 % 2 : 0);
    assert_true(tries > 60 && failures > tries - 5);
    drop_reference(&r);
}

static void mae_without_memory(void **state)
{
    (void)state;
    training_without_memory("mae");
}

static void simclr_without_memory(void **state)
{
    (void)state;
    training_without_memory("simclr");
}

static void moco_without_memory(void **state)
{
    (void)state;
    training_without_memory("moco");
}

static void embedding_without_memory(void **state)
{
    (void)state;
    reference r;
    make_reference(&r, "mae", "whole");
    for (int64_t k = 1; k <= r.embedding_allocations; k = next_try(k, r.embedding_allocations, 60, 40)) {
        faulty_memory memory = {0};
        tacit_context *context;
        float out[EXAMPLES * WIDTH];
        assert_int_equal(create_context(&context, &memory), TACIT_OK);
        memory.fail_at = memory.calls + k;
        assert_fails(context, embed(context, r.run, out), TACIT_NOMEM, "memory");
        assert_int_equal(memory.alive, 1);
        if (k % 8 == 0) {
            assert_ok(context, embed(context, r.run, out));
            assert_memory_equal(out, r.embeddings, sizeof out);
        }
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
    }
    drop_reference(&r);
}

/* Resuming from the checkpoint of step 1 while allocation k fails; false when there were not so many. */
static bool fail_resuming(const reference *r, const char *method, int64_t k)
{
    faulty_memory memory = {0};
    tacit_context *context;
    char last[PATH];
    snprintf(last, sizeof last, "%s/%s", r->run, compared[3]);
    assert_int_equal(create_context(&context, &memory), TACIT_OK);
    assert_int_equal(remove(last), 0);
    memory.fail_at = memory.calls + k;
    const tacit_status status = resume(context, r->run);
    const bool reached = memory.calls >= memory.fail_at;
    memory.fail_at = 0;
    assert_int_equal(memory.alive, 1);
    if (status != TACIT_OK) {
        assert_true(reached);
        assert_fails(context, status, TACIT_NOMEM, "memory");
        assert_recovers(r, context, method, r->run, true);
    }
    assert_same_files(r, r->run);
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
    return reached;
}

static void resuming_without_memory(void **state)
{
    (void)state;
    static const char *const methods[] = {"simclr", "moco"};
    for (int m = 0; m < 2; m++) {
        reference r;
        int64_t k = 1;
        make_reference(&r, methods[m], "whole");
        while (fail_resuming(&r, methods[m], k))
            k += 17 + 13 * m;
        assert_true(k > 150);
        drop_reference(&r);
    }
}

/* ---- a stop on request ---- */

/* A training that is asked to stop at allocation k, anywhere in a step or while an epoch's end is measured:
 * it stops with that step saved, or was at its last anyway. Returns whether it stopped. */
static bool stop_training(const reference *r, const char *method, int64_t k)
{
    faulty_memory memory = {.stop_at = k};
    char run[RUN];
    snprintf(run, sizeof run, "test-stop-%d", (int)getpid());
    assert_int_equal(create_context(&memory.context, &memory), TACIT_OK);
    const tacit_status status = train(memory.context, method, run, false);
    if (status != TACIT_OK) {
        assert_fails(memory.context, status, TACIT_CANCELLED, "saved in ");
        assert_true(has(run, compared[2]));
        assert_ok(memory.context, resume(memory.context, run));
    }
    assert_same_files(r, run);
    assert_two_lines(r, run);
    tacit_context_destroy(memory.context);
    assert_int_equal(memory.alive, 0);
    remove_run(run);
    return status != TACIT_OK;
}

static void a_stop_at_any_time(void **state)
{
    (void)state;
    static const char *const methods[] = {"mae", "simclr", "moco"};
    for (int m = 0; m < 3; m++) {
        reference r;
        int stopped = 0;
        make_reference(&r, methods[m], "whole");
        for (int64_t k = 20; k <= r.allocations; k += 1 + r.allocations / 12)
            stopped += stop_training(&r, methods[m], k);
        assert_true(stopped > 4);
        drop_reference(&r);
    }
}

/* ---- the disk ---- */

/* A training in which call `at` of a kind fails; false when there were not so many. */
static bool fail_files(const reference *r, fault_kind kind, int64_t at, bool by_resume)
{
    faulty_memory memory = {0};
    tacit_context *context;
    char run[RUN];
    snprintf(run, sizeof run, "test-disk-%d", (int)getpid());
    assert_int_equal(create_context(&context, &memory), TACIT_OK);
    plant(kind, at);
    const tacit_status status = train(context, "mae", run, false);
    const bool failed = fault.calls >= at;
    plant(FAULT_NONE, 0);
    if (failed) {
        assert_fails(context, status, TACIT_IO, ": cannot ");
        assert_recovers(r, context, "mae", run, by_resume);
    } else {
        assert_ok(context, status);
        assert_same_files(r, run);
    }
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
    remove_run(run);
    return failed;
}

/* Each of the first `each` calls fails in a run of its own, then every `stride`-th. */
static void fail_each(fault_kind kind, int64_t each, int64_t stride, int64_t expected)
{
    reference r;
    int64_t failures = 0;
    make_reference(&r, "mae", "whole");
    for (int64_t at = 1; fail_files(&r, kind, at, failures % 3 != 2); at += at < each ? 1 : stride)
        failures++;
    assert_true(failures >= expected);
    drop_reference(&r);
}

static void a_full_disk(void **state)
{
    (void)state;
    fail_each(FAULT_WRITE_FULL, 4, 11, 6);
}

static void a_disk_that_fills_up(void **state)
{
    (void)state;
    fail_each(FAULT_WRITE_PART, 3, 17, 5);
}

static void syncs_that_fail(void **state)
{
    (void)state;
    fail_each(FAULT_SYNC, 3, 2, 8);
}

static void renames_that_fail(void **state)
{
    (void)state;
    fail_each(FAULT_RENAME, 7, 1, 7); /* config, then checkpoint, weights and config twice */
}

/* Short and interrupted writes and reads are no errors. */
static void inconvenient_calls_are_no_errors(void **state)
{
    (void)state;
    reference r;
    make_reference(&r, "mae", "whole");
    assert_false(fail_files(&r, FAULT_WRITE_SHORT, INT64_MAX, true));
    faulty_memory memory = {0};
    tacit_context *context;
    float out[EXAMPLES * WIDTH];
    assert_int_equal(create_context(&context, &memory), TACIT_OK);
    plant(FAULT_READ_SHORT, INT64_MAX);
    assert_ok(context, embed(context, r.run, out));
    assert_true(fault.calls > 20);
    plant(FAULT_NONE, 0);
    assert_memory_equal(out, r.embeddings, sizeof out);
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
    drop_reference(&r);
}

/* Opening and resuming: read call `at` fails or sees the end too early. False when there were not so many. */
static bool fail_reads(const reference *r, fault_kind kind, int64_t at, bool resuming)
{
    faulty_memory memory = {0};
    tacit_context *context;
    float out[EXAMPLES * WIDTH];
    assert_int_equal(create_context(&context, &memory), TACIT_OK);
    plant(kind, at);
    const tacit_status status = resuming ? resume(context, r->run) : embed(context, r->run, out);
    const bool reached = fault.calls >= at;
    plant(FAULT_NONE, 0);
    if (reached && kind == FAULT_READ)
        assert_fails(context, status, TACIT_IO, r->run);
    else if (reached && status != TACIT_OK) /* where the end was due anyway, all is well */
        assert_fails(context, status, TACIT_FORMAT, r->run);
    else
        assert_ok(context, status);
    assert_int_equal(memory.alive, 1);
    tacit_context_destroy(context);
    assert_int_equal(leftovers(r->run), 0);
    return reached;
}

static void reads_that_fail(void **state)
{
    (void)state;
    reference r;
    make_reference(&r, "mae", "whole");
    for (int kind = FAULT_READ; kind <= FAULT_READ_END; kind++)
        for (int resuming = 0; resuming < 2; resuming++) {
            int64_t at = 1;
            while (fail_reads(&r, (fault_kind)kind, at, resuming))
                at++;
            assert_true(at > 4); /* config and weights, and the end of each */
            assert_same_files(&r, r.run);
        }
    drop_reference(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mae_without_memory),
        cmocka_unit_test(simclr_without_memory),
        cmocka_unit_test(moco_without_memory),
        cmocka_unit_test(embedding_without_memory),
        cmocka_unit_test(resuming_without_memory),
        cmocka_unit_test(a_stop_at_any_time),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_disk_that_fills_up),
        cmocka_unit_test(syncs_that_fail),
        cmocka_unit_test(renames_that_fail),
        cmocka_unit_test(inconvenient_calls_are_no_errors),
        cmocka_unit_test(reads_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
