/* Speed of training and embedding steps on this machine, as a share of its peak. */
#ifndef USE_BENCH_H
#define USE_BENCH_H

#include "base/context.h"

/* Name of the i-th row; NULL past the last. */
const char *bench_name(int i);

/* `rows`: NULL for all but gpt-small, whose steps take long, or a comma-separated list of names; an unknown
 * one is TACIT_ARGUMENT. */
tacit_status bench_run(tacit_context *context, const char *rows, double seconds,
                       void (*row)(void *user, const tacit_bench_row *row), void *user);

#endif
