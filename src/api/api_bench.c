/* tacit.h: speed. */
#include "use/bench.h"

tacit_status tacit_bench(tacit_context *context, const char *rows, double seconds,
                         void (*row)(void *user, const tacit_bench_row *row), void *user)
{
    context_begin(context);
    if (!(seconds > 0.0) || !(seconds <= 3600.0))
        return context_fail(context, TACIT_ARGUMENT,
                            "bench: %g seconds a row: expected above 0, at most 3600", seconds);
    return bench_run(context, rows, seconds, row, user);
}

const char *tacit_bench_name(int i)
{
    return bench_name(i);
}
