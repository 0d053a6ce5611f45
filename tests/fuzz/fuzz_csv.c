/* CSV tables: the first byte chooses the options, the others are the file. */
#include "fuzz/fuzz_data.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const headers[] = {"auto", "yes", "no", NULL};
    char path[FUZZ_PATH];
    const char *const paths[1] = {path};
    tacit_context *context;
    dataset *d;
    const float *row;
    if (size < 1)
        return 0;
    const dataset_options options = {.header = headers[data[0] & 3],
                                     .label = data[0] & 4 ? "1" : NULL,
                                     .group = data[0] & 8 ? "b" : NULL,
                                     .columns_may_lack = data[0] & 16};
    fuzz_check(tacit_context_create(&context, NULL) == TACIT_OK);
    const int file = fuzz_memory_file(data + 1, size - 1, path);
    if (dataset_open(&d, context, paths, 1, &options) == TACIT_OK) {
        for (int64_t i = 0; d->table && i < d->count; i++) {
            fuzz_check(!d->labels || (d->labels[i] >= 0 && d->labels[i] < d->label_count));
            fuzz_check(!d->groups || (d->groups[i] >= 0 && d->groups[i] < d->group_count));
            fuzz_check(dataset_read_row(d, i, &row) == TACIT_OK);
            for (int c = 0; c < d->table->columns; c++)
                fuzz_check(!isinf(row[c]) && d->table->column[c].name);
        }
        dataset_close(d);
    } else {
        fuzz_check(context->message[0]);
    }
    close(file);
    tacit_context_destroy(context);
    return 0;
}
