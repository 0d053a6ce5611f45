/* The context: where messages go, where memory comes from, how files are touched.
 *
 * Owns: the message buffer, the allocator, the log callback, the cancel flag, the file hooks. Depends on
 * nothing but tacit.h. Every internal function that can fail takes the context first and returns a
 * tacit_status; internal code never calls public functions, so a message can not be stale. */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "tacit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))
#else
#define PRINTF_LIKE(string, first)
#endif

/* Returns a failing status to the caller; the only control-flow macro beside `goto out`. */
#define TRY(expression)                                                                                      \
    do {                                                                                                     \
        tacit_status try_status_ = (expression);                                                             \
        if (try_status_ != TACIT_OK)                                                                         \
            return try_status_;                                                                              \
    } while (0)

enum { MESSAGE_SIZE = 1024 };

/* The system calls through which every file is read and written, so that tests can plant a full disk or a
 * short read. Same contracts as POSIX. */
typedef struct file_hooks {
    ssize_t (*read)(int fd, void *buffer, size_t size);
    ssize_t (*write)(int fd, const void *buffer, size_t size);
    int (*sync)(int fd);
    int (*rename)(const char *from, const char *to);
    ssize_t (*read_at)(int fd, void *buffer, size_t size,
                       off_t offset); /* pread: workers share descriptors */
} file_hooks;

struct tacit_context {
    tacit_allocator allocator;
    file_hooks files;
    tacit_log_function log;
    void *log_user;
    int threads;                     /* 0: one for each processor */
    volatile sig_atomic_t cancelled; /* set by tacit_context_cancel, cleared when a public call starts */
    pthread_mutex_t lock;            /* guards status and message: workers fail too */
    tacit_status status;             /* first failure since the last context_begin */
    char message[MESSAGE_SIZE];
};

/* Clears message and status; every public fallible function calls it on entry. */
void context_begin(tacit_context *context);

/* Records a failure and returns its status. The first failure wins: later ones only return theirs. */
tacit_status context_fail(tacit_context *context, tacit_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Puts "prefix: " in front of the recorded message, if there is one; returns `status`. */
tacit_status context_wrap(tacit_context *context, tacit_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* One line to the log callback, if there is one. Calling thread only. */
void context_log(tacit_context *context, const char *format, ...) PRINTF_LIKE(2, 3);

/* Number of workers to use: context->threads, or the processors this process may run on. At least 1. */
int context_threads(const tacit_context *context);

#endif
