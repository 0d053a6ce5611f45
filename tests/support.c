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

static void *counting_alloc(void *user, size_t size)
{
    test_memory *memory = user;
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

const char *test_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "test-%s-%d", name, (int)getpid());
    tacit_context *context = test_context();
    if (folder_delete(context, path) || folder_create(context, path))
        fail_msg("%s: %s", path, tacit_context_message(context));
    tacit_context_destroy(context);
    return path;
}

const char *test_shared_data(void)
{
    static char path[1024];
    const char *source = getenv("TACIT_SOURCE");
    snprintf(path, sizeof path, "%s/../shared/data", source ? source : ".");
    return folder_exists(path) ? path : NULL;
}
