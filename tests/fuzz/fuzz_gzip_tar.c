/* gzip: as it comes (first byte even), or made here from the input, so that inputs get behind the checksum;
 * then random access must give the input back. */
#include "fuzz/fuzz_data.h"

#include "data/gzip_spans.h"

#include <string.h>

enum { MOST_INPUT = 1 << 16 };

/* `size` bytes as one gzip member at the end of out; returns its size. */
static size_t compress_member(const uint8_t *data, size_t size, int level, uint8_t *out, size_t room)
{
    z_stream stream = {0};
    fuzz_check(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = data;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    fuzz_check(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

static void check_random_access(int fd, const char *path, const uint8_t *data, size_t size)
{
    tacit_context *context;
    gzip_spans *spans;
    gzip_reader r;
    static uint8_t got[MOST_INPUT];
    fuzz_check(tacit_context_create(&context, NULL) == TACIT_OK);
    fuzz_check(gzip_spans_create(&spans, context, path, 200, 64) == TACIT_OK);
    fuzz_check(gzip_reader_open(&r, context, fd, path) == TACIT_OK);
    r.visit = gzip_spans_visit;
    r.visit_user = spans;
    const uint8_t *piece;
    size_t piece_size, total = 0;
    do {
        fuzz_check(gzip_reader_next(&r, &piece, &piece_size) == TACIT_OK && total + piece_size <= size);
        fuzz_check(memcmp(piece, data + total, piece_size) == 0);
        total += piece_size;
    } while (piece_size);
    gzip_reader_close(&r);
    fuzz_check(total == size && gzip_spans_finish(spans, total, 4096) == TACIT_OK);
    for (size_t from = 0; from < size; from += 1 + size / 7) {
        const size_t count = size - from < 333 ? size - from : 333;
        fuzz_check(gzip_spans_read(spans, from, got, count) == TACIT_OK &&
                   memcmp(got, data + from, count) == 0);
    }
    gzip_spans_destroy(spans);
    tacit_context_destroy(context);
}

/* The input as two members, cut where its first byte says. */
static void check_made_here(const uint8_t *data, size_t size, int cut, int level)
{
    static uint8_t file[2 * MOST_INPUT];
    char path[FUZZ_PATH];
    const size_t first = size * (size_t)cut / 256;
    size_t used = compress_member(data, first, level, file, sizeof file);
    used += compress_member(data + first, size - first, level, file + used, sizeof file - used);
    const int fd = fuzz_memory_file(file, used, path);
    check_random_access(fd, path, data, size);
    fuzz_open(path, true);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH];
    if (size < 2 || size > MOST_INPUT)
        return 0;
    if (data[0] % 2) {
        check_made_here(data + 2, size - 2, data[1], data[0] / 2 % 10);
        return 0;
    }
    const int fd = fuzz_memory_file(data + 1, size - 1, path);
    fuzz_open(path, false);
    close(fd);
    return 0;
}
