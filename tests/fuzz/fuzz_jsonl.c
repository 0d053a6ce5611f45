/* JSON lines: the first byte chooses the options, the others are the file. */
#include "fuzz/fuzz_data.h"

#include "base/utf8.h"

static char path[FUZZ_PATH];

static void remove_link(void)
{
    unlink(path);
}

/* The format is known by its name, which a file in memory has from a link. */
static void put_file(const uint8_t *data, size_t size)
{
    static int file;
    char memory[FUZZ_PATH];
    if (path[0]) {
        fuzz_fill(file, data, size);
        return;
    }
    file = fuzz_memory_file(data, size, memory);
    snprintf(path, sizeof path, "fuzz-%d.jsonl", (int)getpid());
    fuzz_check(symlink(memory, path) == 0);
    atexit(remove_link);
}

/* A text is what it is whole, and in pieces. */
static void check_text(const dataset *d, int64_t i, text_part part, scratch *s)
{
    text_piece piece;
    size_t good;
    uint64_t total = 0;
    fuzz_check(dataset_read_text(d, i, part, 0, SIZE_MAX, s, &piece) == TACIT_OK);
    fuzz_check(piece.size == piece.total && piece.size > 0);
    fuzz_check(d->options.any_bytes || utf8_check(piece.bytes, piece.size, &good));
    for (const uint64_t all = piece.total; total < all; total += piece.size)
        fuzz_check(dataset_read_text(d, i, part, total, (size_t)all / 3 + 1, s, &piece) == TACIT_OK &&
                   piece.size > 0 && piece.total == all);
}

static void check_data(const dataset *d, tacit_context *context)
{
    char name[256];
    scratch s;
    scratch_init(&s, context);
    fuzz_check(d->texts && d->count > 0);
    for (int64_t i = 0; i < d->count && i < FUZZ_READS; i++) {
        fuzz_check(!d->labels || (d->labels[i] >= 0 && d->labels[i] < d->label_count));
        check_text(d, i, TEXT_FIRST, &s);
        if (d->paired)
            check_text(d, i, TEXT_SECOND, &s);
        dataset_name(d, i, name, sizeof name);
        fuzz_check(name[0]);
    }
    scratch_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const paths[1] = {path};
    tacit_context *context;
    dataset *d;
    if (size < 1)
        return 0;
    const dataset_options options = {.field = data[0] & 1 ? "b" : NULL,
                                     .pair = data[0] & 2 ? "c" : NULL,
                                     .label = data[0] & 4 ? "d" : NULL,
                                     .any_bytes = data[0] & 8,
                                     .unit = data[0] & 16 ? "line" : NULL,
                                     .columns_may_lack = data[0] & 32};
    fuzz_check(tacit_context_create(&context, NULL) == TACIT_OK);
    put_file(data + 1, size - 1);
    if (dataset_open(&d, context, paths, 1, &options) == TACIT_OK) {
        check_data(d, context);
        dataset_close(d);
    } else {
        fuzz_check(context->status != TACIT_OK && context->message[0]);
    }
    tacit_context_destroy(context);
    return 0;
}
