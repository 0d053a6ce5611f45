/* IDX images and labels: the folder of both files is opened. */
#include "fuzz/fuzz_data.h"

static fuzz_pair pair;

static void remove_pair(void)
{
    fuzz_pair_remove(&pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (!pair.folder[0]) {
        fuzz_pair_make(&pair, "train-images-idx3-ubyte", "train-labels-idx1-ubyte");
        atexit(remove_pair);
    }
    fuzz_pair_fill(&pair, data, size);
    fuzz_open(pair.folder, false);
    return 0;
}
