/* Runs a fuzz target on every file of the folders given as arguments: what was found once stays fixed. */
#include "support.h"

#include "base/file.h"

#include <dirent.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block of exactly `size` bytes, so that a sanitizer sees one step too far. */
static void run_file(tacit_context *context, const char *path)
{
    uint8_t *data;
    size_t size;
    if (file_read(context, path, (size_t)1 << 28, &data, &size) != TACIT_OK) {
        fprintf(stderr, "%s\n", tacit_context_message(context));
        exit(1);
    }
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, data, size);
    memory_free(context, data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int run_folder(tacit_context *context, const char *folder)
{
    int count = 0;
    DIR *list = opendir(folder);
    if (!list) {
        fprintf(stderr, "%s: can not be listed\n", folder);
        exit(1);
    }
    for (const struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = path_join(context, folder, entry->d_name);
        if (!path)
            abort();
        run_file(context, path);
        memory_free(context, path);
        count++;
    }
    closedir(list);
    return count;
}

int main(int count, char **arguments)
{
    tacit_context *context = test_context();
    int inputs = 0;
    for (int i = 1; i < count; i++)
        inputs += run_folder(context, arguments[i]);
    tacit_context_destroy(context);
    printf("%d inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
