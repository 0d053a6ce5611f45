/* The context, its message, and its life. */
#include "base/context.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *default_alloc(void *user, size_t size)
{
    (void)user;
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void default_free(void *user, void *pointer)
{
    (void)user;
    free(pointer);
}

const char *tacit_status_name(tacit_status status)
{
    switch (status) {
#define STATUS_NAME(name, value, sentence)                                                                   \
    case TACIT_##name:                                                                                       \
        return #name;
        TACIT_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "UNKNOWN";
}

const char *tacit_status_sentence(tacit_status status)
{
    switch (status) {
#define STATUS_SENTENCE(name, value, sentence)                                                               \
    case TACIT_##name:                                                                                       \
        return sentence;
        TACIT_STATUS_LIST(STATUS_SENTENCE)
#undef STATUS_SENTENCE
    }
    return "UNKNOWN";
}

tacit_status tacit_context_create(tacit_context **out, const tacit_allocator *allocator)
{
    const tacit_allocator standard = {default_alloc, default_free, NULL};
    if (!allocator)
        allocator = &standard;
    *out = NULL;
    tacit_context *context = allocator->alloc(allocator->user, sizeof *context);
    if (!context)
        return TACIT_NOMEM;
    memset(context, 0, sizeof *context);
    context->allocator = *allocator;
    context->files = (file_hooks){read, write, fsync, rename, pread};
    if (pthread_mutex_init(&context->lock, NULL)) {
        allocator->free(allocator->user, context);
        return TACIT_NOMEM;
    }
    *out = context;
    return TACIT_OK;
}

void tacit_context_destroy(tacit_context *context)
{
    if (!context)
        return;
    const tacit_allocator allocator = context->allocator;
    pthread_mutex_destroy(&context->lock);
    allocator.free(allocator.user, context);
}

const char *tacit_context_message(const tacit_context *context)
{
    return context->message;
}

void tacit_context_set_log(tacit_context *context, tacit_log_function log, void *user)
{
    context->log = log;
    context->log_user = user;
}

tacit_status tacit_context_set_threads(tacit_context *context, int threads)
{
    context_begin(context);
    if (threads < 0 || threads > 1024)
        return context_fail(context, TACIT_ARGUMENT, "threads: %d is outside 0 to 1024", threads);
    context->threads = threads;
    return TACIT_OK;
}

void tacit_context_cancel(tacit_context *context)
{
    context->cancelled = 1;
}

void context_begin(tacit_context *context)
{
    context->status = TACIT_OK;
    context->message[0] = '\0';
}

/* A message is one line, whatever the names from hostile files that it quotes. */
static void make_one_line(char *message)
{
    for (; *message; message++)
        if ((unsigned char)*message < ' ' || *message == 127)
            *message = '?';
}

tacit_status context_fail(tacit_context *context, tacit_status status, const char *format, ...)
{
    pthread_mutex_lock(&context->lock);
    if (context->status == TACIT_OK) {
        context->status = status;
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(context->message, sizeof context->message, format, arguments);
        va_end(arguments);
        make_one_line(context->message);
    }
    pthread_mutex_unlock(&context->lock);
    return status;
}

tacit_status context_wrap(tacit_context *context, tacit_status status, const char *format, ...)
{
    pthread_mutex_lock(&context->lock);
    if (context->status != TACIT_OK) {
        char text[2 * MESSAGE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        int used = vsnprintf(text, MESSAGE_SIZE, format, arguments);
        va_end(arguments);
        if (used > 0 && used < MESSAGE_SIZE) {
            snprintf(text + used, sizeof text - (size_t)used, ": %s", context->message);
            text[MESSAGE_SIZE - 1] = '\0';
            memcpy(context->message, text, strlen(text) + 1);
            make_one_line(context->message);
        }
    }
    pthread_mutex_unlock(&context->lock);
    return status;
}

void context_log(tacit_context *context, const char *format, ...)
{
    if (!context->log)
        return;
    char line[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    context->log(context->log_user, line);
}

int context_threads(const tacit_context *context)
{
    if (context->threads > 0)
        return context->threads;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    return 1;
}
