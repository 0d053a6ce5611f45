/* Files of data as descriptors or as bytes. */
#include "data/source.h"

#include "data/gzip.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
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

static tacit_status map_file(source *out, tacit_context *context, const char *path, int fd, uint64_t size)
{
    if (size > SIZE_MAX / 2)
        return context_fail(context, TACIT_LIMIT, "%s: %llu bytes are more than can be mapped", path,
                            (unsigned long long)size);
    void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return context_fail(context, TACIT_IO, "%s: cannot map: %s", path, strerror(errno));
    *out = (source){map, (size_t)size, map, NULL};
    return TACIT_OK;
}

tacit_status source_load(source *out, tacit_context *context, const char *path, uint64_t limit)
{
    int fd;
    uint64_t size;
    uint8_t head[4];
    size_t got;
    *out = (source){0};
    TRY(source_open(context, path, &fd, &size));
    tacit_status status = file_read_at(context, fd, path, 0, head, sizeof head, &got);
    if (status == TACIT_OK && got == 0)
        status = context_fail(context, TACIT_FORMAT, "%s: the file is empty", path);
    else if (status == TACIT_OK && gzip_sniff(head, got))
        status = gzip_inflate(context, fd, path, size, limit, &out->owned, &out->size);
    else if (status == TACIT_OK)
        status = map_file(out, context, path, fd, size);
    if (out->owned)
        out->data = out->owned;
    close(fd);
    return status;
}

void source_close(source *s, tacit_context *context)
{
    if (s->map)
        munmap(s->map, s->size);
    memory_free(context, s->owned);
    *s = (source){0};
}

uint64_t source_machine_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        return (uint64_t)pages * (uint64_t)page;
    return UINT64_C(1) << 30;
}
