/* Files of data, open or inflated. */
#include "data/source.h"

#include "data/gzip.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tacit_status source_open(tacit_context *context, const char *path, int *fd, uint64_t *size)
{
    struct stat info;
    /* Without O_NONBLOCK a pipe that nobody writes to would be waited for. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return context_fail(context, TACIT_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(*fd, &info) == 0 && S_ISREG(info.st_mode)) {
        if (size)
            *size = (uint64_t)info.st_size;
        return TACIT_OK;
    }
    close(*fd);
    *fd = -1;
    return context_fail(context, TACIT_UNSUPPORTED, "%s: not a regular file, which data must be in", path);
}

tacit_status source_read_at(tacit_context *context, int fd, const char *path, uint64_t offset, void *buffer,
                            size_t size)
{
    size_t got;
    TRY(file_read_at(context, fd, path, offset, buffer, size, &got));
    if (got < size)
        return context_fail(context, TACIT_FORMAT, "%s: ends early: the file has changed since it was opened",
                            path);
    return TACIT_OK;
}

/* ---- whole files ---- */

/* Inflates a gzip file, which closes it, and leaves any other where it is. */
static tacit_status look_inside(source *s)
{
    uint8_t head[4];
    size_t got, size;
    TRY(file_read_at(s->context, s->fd, s->path, 0, head, sizeof head, &got));
    if (got == 0)
        return context_fail(s->context, TACIT_FORMAT, "%s: the file is empty", s->path);
    if (!gzip_sniff(head, got))
        return TACIT_OK;
    TRY(gzip_inflate(s->context, s->fd, s->path, s->size, memory_physical() / 4, &s->inflated, &size));
    s->size = size;
    close(s->fd);
    s->fd = -1;
    return TACIT_OK;
}

tacit_status source_attach(source *out, tacit_context *context, const char *path)
{
    *out = (source){.context = context, .fd = -1};
    out->path = memory_string(context, path);
    if (!out->path)
        return TACIT_NOMEM;
    TRY(source_open(context, path, &out->fd, &out->size));
    return look_inside(out);
}

void source_detach(source *s)
{
    if (!s->context)
        return;
    if (s->fd >= 0)
        close(s->fd);
    memory_free(s->context, s->inflated);
    memory_free(s->context, s->path);
    *s = (source){0};
}

tacit_status source_get(const source *s, uint64_t offset, size_t size, scratch *memory, const uint8_t **out)
{
    if (s->inflated) {
        *out = s->inflated + offset;
        return TACIT_OK;
    }
    uint8_t *bytes = scratch_get(memory, SCRATCH_FILE, size);
    *out = bytes;
    return bytes ? source_read_at(s->context, s->fd, s->path, offset, bytes, size) : TACIT_NOMEM;
}
