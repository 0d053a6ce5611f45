/* Any bytes as a safetensors file: an error with a message, or tensors that lie inside it. */
#include "model/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of every tensor, for the sanitizer. */
static void check_tensors(const safetensors_file *f)
{
    unsigned sum = 0;
    for (size_t i = 0; i < f->count; i++) {
        const uint8_t *values = f->tensors[i].tensor.data;
        if (safetensors_find(f, f->tensors[i].name) != &f->tensors[i])
            abort();
        for (size_t j = 0; j < f->tensors[i].size; j++)
            sum += values[j];
    }
    const volatile unsigned used = sum;
    (void)used;
    (void)safetensors_metadata(f, "format");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_context *context;
    safetensors_file f;
    if (tacit_context_create(&context, NULL) != TACIT_OK)
        return 0;
    if (safetensors_parse(&f, context, "input", data, size) == TACIT_OK) {
        check_tensors(&f);
        safetensors_close(&f);
    } else if (!tacit_context_message(context)[0]) {
        abort();
    }
    tacit_context_destroy(context);
    return 0;
}
