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

void test_assert_ok(tacit_context *context, tacit_status status, const char *expression, const char *file, int line)
{
    if (status == TACIT_OK)
        return;
    print_error("%s:%d: %s: %s: %s\n", file, line, expression, tacit_status_name(status), tacit_context_message(context));
    _fail(file, line);
}

void test_assert_fails(tacit_context *context, tacit_status status, tacit_status expected, const char *part,
                       const char *expression, const char *file, int line)
{
    const char *message = tacit_context_message(context);
    if (status == expected && strstr(message, part))
        return;
    print_error("%s:%d: %s: got %s \"%s\", expected %s with \"%s\"\n", file, line, expression, tacit_status_name(status),
                message, tacit_status_name(expected), part);
    _fail(file, line);
}

void test_assert_near(double got, double want, double absolute, double relative, const char *expression, const char *file,
                      int line)
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
