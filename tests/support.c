/* What test programs share. */
#include "support.h"

#include "base/file.h"

#include <unistd.h>

tacit_context *test_context(void)
{
    tacit_context *context;
    if (tacit_context_create(&context, NULL) != TACIT_OK)
        fail_msg("no context");
    return context;
}

static void note_largest(test_memory *memory, int64_t size)
{
    int64_t largest = __atomic_load_n(&memory->largest, __ATOMIC_RELAXED);
    while (size > largest && !__atomic_compare_exchange_n(&memory->largest, &largest, size, false,
                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void *counting_alloc(void *user, size_t size)
{
    test_memory *memory = user;
    note_largest(memory, (int64_t)size);
    const int64_t call = __atomic_add_fetch(&memory->calls, 1, __ATOMIC_RELAXED);
    void *pointer = call == memory->fail_at ? NULL : aligned_alloc(64, (size + 63) / 64 * 64);
    if (pointer)
        __atomic_add_fetch(&memory->alive, 1, __ATOMIC_RELAXED);
    return pointer;
}

static void counting_free(void *user, void *pointer)
{
    test_memory *memory = user;
    if (pointer)
        __atomic_sub_fetch(&memory->alive, 1, __ATOMIC_RELAXED);
    free(pointer);
}

tacit_context *test_context_on(test_memory *memory)
{
    const tacit_allocator allocator = {counting_alloc, counting_free, memory};
    tacit_context *context;
    if (tacit_context_create(&context, &allocator) != TACIT_OK)
        fail_msg("no context");
    return context;
}

int64_t test_each_failed_allocation(tacit_status (*work)(tacit_context *context, void *user), void *user)
{
    for (int64_t failures = 0;; failures++) {
        test_memory memory = {.fail_at = failures + 2};
        tacit_context *context = test_context_on(&memory);
        const tacit_status status = work(context, user);
        const bool failed = memory.calls >= memory.fail_at;
        if (failed)
            assert_fails(context, status, TACIT_NOMEM, "out of memory");
        else
            assert_ok(context, status);
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
        if (!failed)
            return failures;
    }
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

void test_without_sync(tacit_context *context)
{
    context->files.sync = no_sync;
}

static void keep_line(void *user, const char *line)
{
    test_log *log = user;
    const size_t used = strlen(log->text);
    snprintf(log->text + used, sizeof log->text - used, "%s\n", line);
}

void test_keep_log(tacit_context *context, test_log *log)
{
    log->text[0] = '\0';
    tacit_context_set_log(context, keep_line, log);
}

void test_assert_ok(tacit_context *context, tacit_status status, const char *expression, const char *file,
                    int line)
{
    if (status == TACIT_OK)
        return;
    print_error("%s:%d: %s: %s: %s\n", file, line, expression, tacit_status_name(status),
                tacit_context_message(context));
    _fail(file, line);
}

void test_assert_fails(tacit_context *context, tacit_status status, tacit_status expected, const char *part,
                       const char *expression, const char *file, int line)
{
    const char *message = tacit_context_message(context);
    if (status == expected && strstr(message, part))
        return;
    print_error("%s:%d: %s: got %s \"%s\", expected %s with \"%s\"\n", file, line, expression,
                tacit_status_name(status), message, tacit_status_name(expected), part);
    _fail(file, line);
}

void test_assert_near(double got, double want, double absolute, double relative, const char *expression,
                      const char *file, int line)
{
    const double error = fabs(got - want);
    if (error <= absolute + relative * fabs(want))
        return;
    print_error("%s:%d: %s is %.17g, expected %.17g (off by %g)\n", file, line, expression, got, want, error);
    _fail(file, line);
}

/* ---- files ---- */

static char folder_path[512];

const char *test_folder(const char *name)
{
    char *path = folder_path;
    snprintf(path, sizeof folder_path, "test-%s-%d", name, (int)getpid());
    tacit_context *context = test_context();
    if (folder_delete(context, path) || folder_create(context, path))
        fail_msg("%s: %s", path, tacit_context_message(context));
    tacit_context_destroy(context);
    return path;
}

const char *test_at(const char *name)
{
    static char paths[4][1024];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder_path, name);
    return path;
}

void test_put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (size)
        assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* ---- data sets ---- */

tacit_status test_open(dataset **d, tacit_context *context, const char *path, const char *split)
{
    const dataset_options options = {.split = split};
    context_begin(context);
    return dataset_open(d, context, &path, 1, &options);
}

tacit_status test_open_and_read(tacit_context *context, void *path)
{
    dataset *d;
    scratch s;
    image got;
    TRY(test_open(&d, context, path, NULL));
    scratch_init(&s, context);
    const tacit_status status = dataset_read(d, 0, &s, &got);
    scratch_fini(&s);
    dataset_close(d);
    return status;
}

void test_refuses(tacit_context *context, const char *path, const char *split, tacit_status expected,
                  const char *part)
{
    dataset *d;
    assert_fails(context, test_open(&d, context, path, split), expected, part);
    assert_null(d);
}

void test_shortened(tacit_context *context, const char *path, int64_t i, int64_t size)
{
    dataset *d;
    scratch s;
    image got;
    scratch_init(&s, context);
    assert_ok(context, test_open(&d, context, path, NULL));
    assert_int_equal(truncate(path, size), 0);
    assert_fails(context, dataset_read(d, i, &s, &got), TACIT_FORMAT,
                 "the file has changed since it was opened");
    assert_non_null(strstr(tacit_context_message(context), path));
    dataset_close(d);
    scratch_fini(&s);
}

test_data *test_data_create(const char *folder)
{
    test_data *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->context = test_context();
    test_keep_log(t->context, &t->log);
    scratch_init(&t->s, t->context);
    snprintf(t->root, sizeof t->root, "%s", test_folder(folder));
    return t;
}

void test_data_destroy(test_data *t)
{
    dataset_close(t->d);
    scratch_fini(&t->s);
    tacit_context_destroy(t->context);
    free(t);
}

tacit_status test_data_open(test_data *t, const dataset_options *options)
{
    const char *path = t->root;
    dataset_close(t->d);
    t->d = NULL;
    t->log.text[0] = '\0';
    context_begin(t->context);
    return dataset_open(&t->d, t->context, &path, 1, options);
}

/* ---- data outside the project ---- */

const char *test_shared_data(void)
{
    static char path[1024];
    const char *source = getenv("TACIT_SOURCE");
    snprintf(path, sizeof path, "%s/../shared/data", source ? source : ".");
    return folder_exists(path) ? path : NULL;
}
