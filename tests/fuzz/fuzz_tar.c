/* Plain tar archives; with and without leaving out bad pictures. */
#include "fuzz/fuzz_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH];
    const int fd = fuzz_memory_file(data, size, path);
    fuzz_open(path, size % 2);
    close(fd);
    return 0;
}
