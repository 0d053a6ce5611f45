/* What the fuzz targets of data formats share: the bytes become a file, which is opened as a data set and
 * read. */
#ifndef TESTS_FUZZ_DATA_H
#define TESTS_FUZZ_DATA_H

#include "base/file.h"
#include "data/dataset.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_PATH = 128, FUZZ_READS = 8 };

static inline void fuzz_check(bool good)
{
    if (!good)
        abort();
}

/* Opens the path, and reads the first examples of what opened. */
static inline void fuzz_open(const char *path, bool skip_bad)
{
    tacit_context *context;
    dataset *d;
    scratch s;
    image got;
    const dataset_options options = {.pixel_limit = 1 << 16, .skip_bad = skip_bad};
    fuzz_check(tacit_context_create(&context, NULL) == TACIT_OK);
    fuzz_check(tacit_context_set_threads(context, 1) == TACIT_OK);
    scratch_init(&s, context);
    if (dataset_open(&d, context, &path, 1, &options) == TACIT_OK) {
        for (int64_t i = 0; i < d->count && i < FUZZ_READS; i++) {
            fuzz_check(!d->labels || (d->labels[i] >= 0 && d->labels[i] < d->label_count));
            if (dataset_read(d, i, &s, &got) == TACIT_OK)
                fuzz_check(got.pixels && got.channels == d->channels);
        }
        dataset_close(d);
    } else {
        fuzz_check(context->status != TACIT_OK && context->message[0]);
    }
    scratch_fini(&s);
    tacit_context_destroy(context);
}

static inline void fuzz_fill(int fd, const uint8_t *data, size_t size)
{
    fuzz_check(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
}

/* A file in memory that holds the bytes; `path` opens it. The caller closes what is returned. */
static inline int fuzz_memory_file(const uint8_t *data, size_t size, char path[FUZZ_PATH])
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_fill(fd, data, size);
    snprintf(path, FUZZ_PATH, "/proc/self/fd/%d", fd);
    return fd;
}

/* A folder that holds two files, for formats that look for labels beside the pictures. Made once for a
 * process, filled anew for each input: first two bytes of which say how long the first file is. */
typedef struct fuzz_pair {
    char folder[FUZZ_PATH], paths[2][2 * FUZZ_PATH];
    int files[2];
} fuzz_pair;

static inline void fuzz_pair_make(fuzz_pair *pair, const char *first, const char *second)
{
    const char *const names[2] = {first, second};
    if (pair->folder[0])
        return;
    snprintf(pair->folder, sizeof pair->folder, "fuzz-%s-%d", first, (int)getpid());
    tacit_context *context;
    fuzz_check(tacit_context_create(&context, NULL) == TACIT_OK);
    fuzz_check(folder_create(context, pair->folder) == TACIT_OK);
    tacit_context_destroy(context);
    for (int i = 0; i < 2; i++) {
        char path[sizeof pair->paths[0]]; /* not where it goes: gcc believes the two may overlap */
        snprintf(path, sizeof path, "%s/%s", pair->folder, names[i]);
        memcpy(pair->paths[i], path, sizeof path);
        pair->files[i] = open(pair->paths[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
}

static inline void fuzz_pair_remove(fuzz_pair *pair)
{
    for (int i = 0; i < 2; i++) {
        close(pair->files[i]);
        unlink(pair->paths[i]);
    }
    rmdir(pair->folder);
}

static inline void fuzz_pair_fill(const fuzz_pair *pair, const uint8_t *data, size_t size)
{
    size_t first = (size_t)data[0] << 8 | data[1];
    if (first > size - 2)
        first = size - 2;
    fuzz_fill(pair->files[0], data + 2, first);
    fuzz_fill(pair->files[1], data + 2 + first, size - 2 - first);
}

#endif
