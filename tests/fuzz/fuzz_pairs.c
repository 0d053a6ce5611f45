/* Lists of pairs of pictures. */
#include "data/pair_list.h"
#include "fuzz/fuzz_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH];
    tacit_context *context;
    pair_list list;
    fuzz_check(tacit_context_create(&context, NULL) == TACIT_OK);
    const int file = fuzz_memory_file(data, size, path);
    if (pair_list_read(&list, context, path) == TACIT_OK) {
        for (size_t i = 0; i < list.count; i++) {
            const listed_pair p = list.pairs[i];
            fuzz_check(p.same >= -1 && p.same <= 1);
            fuzz_check(p.first >= 0 && (size_t)p.first < list.path_count);
            fuzz_check(p.second >= 0 && (size_t)p.second < list.path_count);
        }
        for (size_t i = 0; i < list.path_count; i++)
            fuzz_check(list.paths[i][0]);
    } else {
        fuzz_check(context->message[0]);
    }
    pair_list_free(&list);
    close(file);
    tacit_context_destroy(context);
    return 0;
}
