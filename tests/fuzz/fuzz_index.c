/* Indexes of embeddings, of model 1 with 3 numbers. */
#include "fuzz/fuzz_data.h"
#include "use/search_index.h"

#include <math.h>

/* All that a search goes by lies in the file and means something. */
static void check_index(const search_index *index)
{
    size_t letters = 0;
    for (int64_t i = 0; i < index->unit.rows; i++) {
        letters += strlen(index->names[i]);
        for (int64_t j = 0; j < index->unit.columns; j++)
            fuzz_check(isfinite(index->unit.data[i * index->unit.columns + j]));
        if (index->labels)
            letters += strlen(index->label_names[index->labels[i]]);
    }
    const volatile size_t used = letters;
    (void)used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH];
    tacit_context *context;
    work *w;
    search_index index;
    fuzz_check(tacit_context_create(&context, NULL) == TACIT_OK);
    fuzz_check(tacit_context_set_threads(context, 1) == TACIT_OK);
    fuzz_check(work_create(&w, context) == TACIT_OK);
    const int file = fuzz_memory_file(data, size, path);
    if (search_index_read(&index, w, path, 1, 3) == TACIT_OK) {
        check_index(&index);
        search_index_fini(&index);
    } else {
        fuzz_check(context->message[0]);
    }
    close(file);
    work_destroy(w);
    tacit_context_destroy(context);
    return 0;
}
