/* tacit: self-supervised learning on ordinary computers.
 *
 * This is the only header of the library that programs include. The command `tacit` is built on it and on
 * nothing else.
 *
 * Conventions, which hold for every function below:
 *   - The first argument `T **out` means: the caller owns *out and destroys it with the matching function.
 *     A returned pointer is borrowed and lives as long as the object it was asked of.
 *   - A fallible function returns a tacit_status. TACIT_OK is 0, every failure is negative, and the sentence
 *     that says what failed and where is tacit_context_message().
 *   - Arguments are copied, or fully used, before a function returns, unless its comment says "kept".
 *   - A context, and all that was made from it, belongs to one thread at a time. Different contexts are
 *     independent. Worker threads are internal.
 *   - The library never exits, aborts, prints, or reads the environment.
 *
 * Dimension letters: N examples, B examples of a batch, H height, W width, C channels, D width of an embedding,
 * T tokens. Arrays are row-major; the last letter varies fastest. */
#ifndef TACIT_H
#define TACIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TACIT_API __attribute__((visibility("default")))
#define TACIT_MUST_CHECK __attribute__((warn_unused_result))
#else
#define TACIT_API
#define TACIT_MUST_CHECK
#endif

/* ---- status ---------------------------------------------------------------------------------------------- */

/* Every status: name, value, sentence. */
#define TACIT_STATUS_LIST(X)                                                                               \
    X(OK, 0, "done")                                                                                       \
    X(ARGUMENT, -1, "an argument or option is outside what is allowed")                                    \
    X(SHAPE, -2, "two shapes do not fit together")                                                         \
    X(STATE, -3, "the object is not in a state that allows this")                                          \
    X(NOMEM, -4, "out of memory")                                                                          \
    X(IO, -5, "the operating system could not read or write a file")                                       \
    X(FORMAT, -6, "a file does not hold what its format promises")                                         \
    X(LIMIT, -7, "a size is above a limit that can be set")                                                \
    X(UNSUPPORTED, -8, "the file or request is valid, but not supported")                                  \
    X(BACKEND, -9, "the matrix library failed")                                                            \
    X(NONFINITE, -10, "a number became infinite or not a number")                                          \
    X(CANCELLED, -11, "stopped on request; what was done so far is saved")

typedef enum tacit_status {
#define TACIT_STATUS_ENUM(name, value, sentence) TACIT_##name = value,
    TACIT_STATUS_LIST(TACIT_STATUS_ENUM)
#undef TACIT_STATUS_ENUM
} tacit_status;

/* The name of a status ("FORMAT"), and what it means in a sentence. Both are static; an unknown value gives
 * "UNKNOWN". */
TACIT_API const char *tacit_status_name(tacit_status status);
TACIT_API const char *tacit_status_sentence(tacit_status status);

/* ---- context --------------------------------------------------------------------------------------------- */

typedef struct tacit_context tacit_context;

/* Memory comes from here. `alloc` returns at least `size` bytes aligned to 64, or NULL; `free` accepts NULL.
 * Both may be called from several threads at once. */
typedef struct tacit_allocator {
    void *(*alloc)(void *user, size_t size);
    void (*free)(void *user, void *pointer);
    void *user;
} tacit_allocator;

/* `allocator` NULL means the C library's. Fails only with TACIT_NOMEM; then *out is NULL. */
TACIT_API TACIT_MUST_CHECK tacit_status tacit_context_create(tacit_context **out, const tacit_allocator *allocator);
TACIT_API void tacit_context_destroy(tacit_context *context);

/* What failed, one line, no newline; "" after success. Valid until the next fallible call on this context. */
TACIT_API const char *tacit_context_message(const tacit_context *context);

/* Notices (never errors): "12 of 300 pictures are grey: converted to colour". `line` has no newline. Called
 * from the calling thread only. NULL turns them off, which is the default. */
typedef void (*tacit_log_function)(void *user, const char *line);
TACIT_API void tacit_context_set_log(tacit_context *context, tacit_log_function log, void *user);

/* Number of worker threads for everything made from this context from now on: 1 to 1024; 0 means one for each
 * processor that the process may use, which is the default. Results do not depend on it, bit for bit. */
TACIT_API TACIT_MUST_CHECK tacit_status tacit_context_set_threads(tacit_context *context, int threads);

/* Asks a running call (training, embedding) to stop at the next step. Safe in a signal handler. The call
 * returns TACIT_CANCELLED after it has saved what there is to save. */
TACIT_API void tacit_context_cancel(tacit_context *context);

#ifdef __cplusplus
}
#endif

#endif
