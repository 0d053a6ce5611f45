/* Files: whole reads with a limit, and writes that are all or nothing. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/memory.h"

/* The whole file. *out is owned by the caller (memory_free); one zero byte follows the `size` bytes. A file
 * larger than `limit` bytes is TACIT_LIMIT. */
tacit_status file_read(tacit_context *context, const char *path, size_t limit, uint8_t **out, size_t *size);

/* Reads up to `size` bytes at `offset` of an open file; *got is smaller only at its end. `path` is for
 * messages. */
tacit_status file_read_at(tacit_context *context, int fd, const char *path, uint64_t offset, void *buffer,
                          size_t size, size_t *got);

/* A file under construction: written to "path.tmp-PID", fsynced and renamed by commit, so `path` is always
 * either the old file or the whole new one. Errors are sticky: check commit. */
typedef struct file_writer {
    tacit_context *context;
    char *path, *temporary;
    int fd;
    tacit_status status;
    uint64_t written;
    uint8_t *buffer;
    size_t used;
} file_writer;

tacit_status file_writer_open(file_writer *w, tacit_context *context, const char *path);
void file_writer_write(file_writer *w, const void *bytes, size_t size);
void file_writer_print(file_writer *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* Ends the writer either way: after a failure nothing is left behind. */
tacit_status file_writer_commit(file_writer *w);
void file_writer_abandon(file_writer *w);

tacit_status file_write(tacit_context *context, const char *path, const void *bytes, size_t size);
/* At the end of a file, made if missing; after a failure the file is as long as before. Not fsynced. */
tacit_status file_append(tacit_context *context, const char *path, const void *bytes, size_t size);

/* The folder and its missing parents. An existing folder is fine. */
tacit_status folder_create(tacit_context *context, const char *path);
/* Deletes a folder and the files in it (one level of sub-folders at the most); a missing one is fine. */
tacit_status folder_delete(tacit_context *context, const char *path);
bool file_exists(const char *path);
bool folder_exists(const char *path);

/* "a/b" owned by the caller; NULL with TACIT_NOMEM recorded. */
char *path_join(tacit_context *context, const char *folder, const char *name);

#endif
