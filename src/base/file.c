/* Files: whole reads, and writes that are all or nothing. Owns every system call on files of the library;
 * bytes move through the hooks of the context, so that tests can plant a full disk. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_BUFFER = 1 << 16, READ_START = 4096 };

/* "PATH: cannot VERB: what the system says". */
static tacit_status fail_system(tacit_context *context, const char *path, const char *verb, int code)
{
    char text[128];
    return context_fail(context, TACIT_IO, "%s: cannot %s: %s", path, verb,
                        strerror_r(code, text, sizeof text));
}

/* ---- reading ---- */

static tacit_status open_for_reading(tacit_context *context, const char *path, int *fd, size_t *size)
{
    struct stat info;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return fail_system(context, path, "read", errno);
    const int code = fstat(*fd, &info) ? errno : S_ISDIR(info.st_mode) ? EISDIR : 0;
    if (code) {
        close(*fd);
        return fail_system(context, path, "read", code);
    }
    *size = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : 0;
    return TACIT_OK;
}

static tacit_status fail_limit(tacit_context *context, const char *path, size_t limit)
{
    return context_fail(context, TACIT_LIMIT, "%s: larger than the limit of %zu bytes", path, limit);
}

/* Reads to the end of the file, however long that turns out to be: the size the system told is only where we
 * start (pipes and /proc tell none). *out is the caller's, on failure too. */
static tacit_status read_whole(tacit_context *context, int fd, const char *path, size_t limit,
                               size_t expected, uint8_t **out, size_t *size)
{
    /* One byte beyond the expected finds out that there is more, and one is for the final zero. */
    size_t capacity = (expected < READ_START ? READ_START : expected) + 2, used = 0;
    *out = memory_alloc(context, capacity, 1);
    while (*out) {
        const ssize_t got = context->files.read(fd, *out + used, capacity - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_system(context, path, "read", errno);
        used += (size_t)got;
        if (used > limit)
            return fail_limit(context, path, limit);
        if (got == 0) {
            (*out)[used] = 0;
            *size = used;
            return TACIT_OK;
        }
        if (used == capacity - 1) {
            uint8_t *larger = memory_grow(context, *out, used, capacity + capacity / 2, 1);
            if (!larger)
                return TACIT_NOMEM;
            *out = larger;
            capacity += capacity / 2;
        }
    }
    return TACIT_NOMEM;
}

tacit_status file_read(tacit_context *context, const char *path, size_t limit, uint8_t **out, size_t *size)
{
    int fd = -1;
    size_t expected = 0;
    *out = NULL;
    *size = 0;
    TRY(open_for_reading(context, path, &fd, &expected));
    const tacit_status status = expected > limit ? fail_limit(context, path, limit)
                                                 : read_whole(context, fd, path, limit, expected, out, size);
    close(fd);
    if (status != TACIT_OK) {
        memory_free(context, *out);
        *out = NULL;
    }
    return status;
}

tacit_status file_read_at(tacit_context *context, int fd, const char *path, uint64_t offset, void *buffer,
                          size_t size, size_t *got)
{
    *got = 0;
    if (offset > INT64_MAX - size || size > INT64_MAX)
        return context_fail(context, TACIT_IO, "%s: cannot read at byte %llu: no file is that long", path,
                            (unsigned long long)offset);
    while (*got < size) {
        const ssize_t count =
            context->files.read_at(fd, (char *)buffer + *got, size - *got, (off_t)(offset + *got));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail_system(context, path, "read", errno);
        if (count == 0)
            break;
        *got += (size_t)count;
    }
    return TACIT_OK;
}

/* ---- writing ---- */

static tacit_status write_all(tacit_context *context, int fd, const char *path, const void *bytes,
                              size_t size)
{
    const char *p = bytes;
    while (size > 0) {
        const ssize_t count = context->files.write(fd, p, size);
        if (count < 0 && errno == EINTR)
            continue;
        /* Writing nothing for ever would be an endless loop. */
        if (count <= 0)
            return fail_system(context, path, "write", count < 0 ? errno : EIO);
        p += count;
        size -= (size_t)count;
    }
    return TACIT_OK;
}

/* What cannot be synced (a device, a folder of some network file systems) says EINVAL or ENOTSUP: that is
 * fine. */
static tacit_status sync_descriptor(tacit_context *context, int fd, const char *path)
{
    int code;
    do
        code = context->files.sync(fd) ? errno : 0;
    while (code == EINTR);
    if (code && code != EINVAL && code != ENOTSUP)
        return fail_system(context, path, "write", code);
    return TACIT_OK;
}

/* Length of the folder part of a path: "a/b" 1, "/b" 1, "b" 0. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
}

/* Makes a new name in the folder of `path` survive a power cut. */
static tacit_status sync_folder_of(tacit_context *context, const char *path)
{
    char folder[PATH_MAX];
    const size_t length = folder_length(path);
    if (length >= sizeof folder)
        return fail_system(context, path, "write", ENAMETOOLONG);
    memcpy(folder, length ? path : ".", length ? length : 1);
    folder[length ? length : 1] = '\0';
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? TACIT_OK : fail_system(context, folder, "write", errno);
    const tacit_status status = sync_descriptor(context, fd, folder);
    close(fd);
    return status;
}

/* Where the bytes go first: "path.tmp-PID", or straight into what is no regular file (/dev/null, a pipe), for
 * a rename would replace the device. `temporary` NULL means the second. */
static tacit_status choose_names(file_writer *w, const char *path)
{
    char real[PATH_MAX];
    struct stat info;
    /* A symbolic link stays one: the file it points to is replaced. */
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && realpath(path, real))
        path = real;
    w->path = memory_string(w->context, path);
    if (!w->path)
        return TACIT_NOMEM;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return S_ISDIR(info.st_mode) ? fail_system(w->context, path, "write", EISDIR) : TACIT_OK;
    const size_t size = strlen(path) + 32;
    w->temporary = memory_alloc(w->context, size, 1);
    if (!w->temporary)
        return TACIT_NOMEM;
    snprintf(w->temporary, size, "%s.tmp-%ld", path, (long)getpid());
    return TACIT_OK;
}

static tacit_status open_for_writing(file_writer *w, const char *path)
{
    TRY(choose_names(w, path));
    w->buffer = memory_alloc(w->context, WRITE_BUFFER, 1);
    if (!w->buffer)
        return TACIT_NOMEM;
    w->fd = w->temporary ? open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666)
                         : open(w->path, O_WRONLY | O_CLOEXEC);
    return w->fd < 0 ? fail_system(w->context, w->path, "write", errno) : TACIT_OK;
}

static void release(file_writer *w)
{
    memory_free(w->context, w->path);
    memory_free(w->context, w->temporary);
    memory_free(w->context, w->buffer);
    w->path = w->temporary = NULL;
    w->buffer = NULL;
    w->used = 0;
}

tacit_status file_writer_open(file_writer *w, tacit_context *context, const char *path)
{
    *w = (file_writer){.context = context, .fd = -1};
    w->status = open_for_writing(w, path);
    if (w->status != TACIT_OK)
        release(w);
    return w->status;
}

static void flush(file_writer *w)
{
    if (w->status == TACIT_OK)
        w->status = write_all(w->context, w->fd, w->path, w->buffer, w->used);
    w->used = 0;
}

void file_writer_write(file_writer *w, const void *bytes, size_t size)
{
    if (w->status != TACIT_OK || size == 0)
        return;
    w->written += size;
    if (size > WRITE_BUFFER - w->used)
        flush(w);
    if (size >= WRITE_BUFFER) {
        if (w->status == TACIT_OK)
            w->status = write_all(w->context, w->fd, w->path, bytes, size);
        return;
    }
    memcpy(w->buffer + w->used, bytes, size);
    w->used += size;
}

/* A text too long for the stack, of `length` bytes, printed again into memory. */
PRINTF_LIKE(3, 0)
static void print_long(file_writer *w, size_t length, const char *format, va_list arguments)
{
    char *text = memory_alloc(w->context, length + 1, 1);
    if (!text) {
        w->status = TACIT_NOMEM;
        return;
    }
    vsnprintf(text, length + 1, format, arguments);
    file_writer_write(w, text, length);
    memory_free(w->context, text);
}

void file_writer_print(file_writer *w, const char *format, ...)
{
    char text[512];
    va_list arguments, again;
    if (w->status != TACIT_OK)
        return;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0)
        w->status = fail_system(w->context, w->path, "write", errno);
    else if ((size_t)length < sizeof text)
        file_writer_write(w, text, (size_t)length);
    else
        print_long(w, (size_t)length, format, again);
    va_end(again);
    va_end(arguments);
}

/* The last write error of some file systems comes only with close. */
static void close_descriptor(file_writer *w)
{
    if (w->fd >= 0 && close(w->fd) && errno != EINTR && w->status == TACIT_OK)
        w->status = fail_system(w->context, w->path, "write", errno);
    w->fd = -1;
}

tacit_status file_writer_commit(file_writer *w)
{
    flush(w);
    if (w->status == TACIT_OK)
        w->status = sync_descriptor(w->context, w->fd, w->path);
    close_descriptor(w);
    if (w->status == TACIT_OK && w->temporary && w->context->files.rename(w->temporary, w->path))
        w->status = fail_system(w->context, w->path, "write", errno);
    if (w->status != TACIT_OK) {
        file_writer_abandon(w);
        return w->status;
    }
    if (w->temporary)
        w->status = sync_folder_of(w->context, w->path);
    release(w);
    return w->status;
}

void file_writer_abandon(file_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    if (w->temporary)
        unlink(w->temporary);
    release(w);
}

tacit_status file_write(tacit_context *context, const char *path, const void *bytes, size_t size)
{
    file_writer w;
    TRY(file_writer_open(&w, context, path));
    file_writer_write(&w, bytes, size);
    return file_writer_commit(&w);
}

tacit_status file_append(tacit_context *context, const char *path, const void *bytes, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_system(context, path, "write", errno);
    const off_t before = lseek(fd, 0, SEEK_END);
    tacit_status status = write_all(context, fd, path, bytes, size);
    /* Half a line would break the reader of all lines. */
    if (status != TACIT_OK && before >= 0 && ftruncate(fd, before))
        context_wrap(context, status, "a part of the last write is left");
    if (close(fd) && errno != EINTR && status == TACIT_OK)
        status = fail_system(context, path, "write", errno);
    return status;
}

/* ---- folders ---- */

static tacit_status create_one(tacit_context *context, const char *path)
{
    if (mkdir(path, 0777) == 0)
        return sync_folder_of(context, path);
    const int code = errno;
    return folder_exists(path) ? TACIT_OK : fail_system(context, path, "create folder", code);
}

tacit_status folder_create(tacit_context *context, const char *path)
{
    char *part = memory_string(context, path);
    if (!part)
        return TACIT_NOMEM;
    tacit_status status = TACIT_OK;
    size_t length = strlen(part);
    while (length > 1 && part[length - 1] == '/')
        part[--length] = '\0';
    for (size_t i = 1; i < length && status == TACIT_OK; i++)
        if (part[i] == '/' && part[i - 1] != '/') {
            part[i] = '\0';
            status = create_one(context, part);
            part[i] = '/';
        }
    if (status == TACIT_OK)
        status = create_one(context, part);
    memory_free(context, part);
    return status;
}

static int delete_entries(int parent, const char *name, int levels);

/* 0, or the error number. Links are deleted, never followed. */
static int delete_entry(int folder, const char *name, int levels)
{
    struct stat info;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW))
        return errno;
    if (!S_ISDIR(info.st_mode))
        return unlinkat(folder, name, 0) ? errno : 0;
    const int code = levels > 0 ? delete_entries(folder, name, levels - 1) : 0;
    if (code)
        return code;
    return unlinkat(folder, name, AT_REMOVEDIR) ? errno : 0;
}

static int delete_entries(int parent, const char *name, int levels)
{
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        const int code = errno;
        if (fd >= 0)
            close(fd);
        return code;
    }
    int code = 0;
    const struct dirent *entry;
    while (code == 0 && (entry = readdir(folder)))
        code = delete_entry(fd, entry->d_name, levels);
    closedir(folder);
    return code;
}

tacit_status folder_delete(tacit_context *context, const char *path)
{
    int code = delete_entries(AT_FDCWD, path, 1);
    if (code == 0 && rmdir(path))
        code = errno;
    return code == 0 || code == ENOENT ? TACIT_OK : fail_system(context, path, "delete folder", code);
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

bool folder_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *path_join(tacit_context *context, const char *folder, const char *name)
{
    const size_t length = strlen(folder), size = length + strlen(name) + 2;
    const bool separated = length == 0 || folder[length - 1] == '/';
    char *path = memory_alloc(context, size, 1);
    if (path)
        snprintf(path, size, "%s%s%s", folder, separated ? "" : "/", name);
    return path;
}
