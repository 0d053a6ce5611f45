/* IDX data sets (MNIST, Fashion-MNIST): one file of images, and one of labels beside it; plain or gzip.
 *
 *   00 00, type, number of dimensions, then each dimension as a big-endian u32, then the values, last varies
 * fastest */
#include "data/gzip.h"
#include "data/labels.h"
#include "base/bytes.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4096,
    HEAD_SIZE = 4096,
    DIMENSIONS_MOST = 4,
    HEADER_MOST = 4 + 4 * DIMENSIONS_MOST,
    SIDE_MOST = 65535,
    LABEL_MOST = 9999,
    TYPE_U8 = 0x08,
    TYPE_I8 = 0x09,
    TYPE_I16 = 0x0b,
    TYPE_I32 = 0x0c,
    TYPE_F32 = 0x0d,
    TYPE_F64 = 0x0e
};

typedef struct idx_header {
    int type, dimensions;
    uint32_t sizes[DIMENSIONS_MOST];
    size_t data_at;     /* bytes of the header */
    uint64_t data_size; /* bytes after it */
} idx_header;

typedef struct idx_state {
    source images;
    size_t data_at, stride; /* bytes before the first picture, and of each */
    image shape;            /* without pixels */
    char *name;             /* of the images file, without folder and endings */
} idx_state;

/* ---- the header ---- */

static size_t value_size(int type)
{
    switch (type) {
    case TYPE_U8:
    case TYPE_I8:
        return 1;
    case TYPE_I16:
        return 2;
    case TYPE_I32:
    case TYPE_F32:
        return 4;
    case TYPE_F64:
        return 8;
    default:
        return 0;
    }
}

static bool is_idx(const uint8_t *head, size_t size)
{
    uint8_t inside[4];
    if (gzip_sniff(head, size)) {
        size = gzip_sniff_inside(head, size, inside, sizeof inside);
        head = inside;
    }
    return size >= 4 && head[0] == 0 && head[1] == 0 && value_size(head[2]) && head[3] >= 1 &&
           head[3] <= DIMENSIONS_MOST;
}

/* "60000 x 28 x 28" into out. */
static void print_sizes(const idx_header *h, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < h->dimensions && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i ? " x %" PRIu32 : "%" PRIu32, h->sizes[i]);
}

/* The header's promise against the bytes that follow it. */
static tacit_status check_size(tacit_context *context, const char *path, const idx_header *h)
{
    char sizes[64];
    size_t promised = value_size(h->type);
    bool fits = true;
    print_sizes(h, sizes, sizeof sizes);
    for (int i = 0; i < h->dimensions; i++)
        fits = fits && size_multiply(promised, h->sizes[i], &promised);
    if (fits && promised == h->data_size)
        return TACIT_OK;
    if (!fits || promised > h->data_size)
        return context_fail(context, TACIT_FORMAT,
                            "%s: ends early: its header promises %s values, but %" PRIu64 " bytes follow",
                            path, sizes, h->data_size);
    return context_fail(context, TACIT_FORMAT, "%s: %" PRIu64 " bytes follow the last of %s values", path,
                        h->data_size - promised, sizes);
}

/* `b` holds the file's first bytes: all, or HEADER_MOST. */
static tacit_status parse_header(const source *file, bytes b, idx_header *out)
{
    const uint16_t zeros = bytes_u16_be(&b);
    *out = (idx_header){.type = bytes_u8(&b), .dimensions = bytes_u8(&b)};
    if (b.failed || zeros != 0 || !value_size(out->type))
        return context_fail(file->context, TACIT_FORMAT,
                            "%s: not an IDX file: expected 00 00 and a type as its first bytes", file->path);
    if (out->dimensions < 1 || out->dimensions > DIMENSIONS_MOST)
        return context_fail(file->context, TACIT_FORMAT, "%s: %d dimensions: expected 1 to %d", file->path,
                            out->dimensions, DIMENSIONS_MOST);
    for (int i = 0; i < out->dimensions; i++)
        out->sizes[i] = bytes_u32_be(&b);
    if (b.failed)
        return context_fail(file->context, TACIT_FORMAT, "%s: ends early, in its header of %d bytes",
                            file->path, 4 + 4 * out->dimensions);
    out->data_at = b.at;
    out->data_size = file->size - b.at;
    return check_size(file->context, file->path, out);
}

/* Detach `out` also after a failure. */
static tacit_status attach_idx(source *out, tacit_context *context, const char *path, idx_header *header)
{
    scratch s;
    const uint8_t *head;
    TRY(source_attach(out, context, path));
    const size_t size = out->size < HEADER_MOST ? (size_t)out->size : HEADER_MOST;
    scratch_init(&s, context);
    tacit_status status = source_get(out, 0, size, &s, &head);
    if (status == TACIT_OK)
        status = parse_header(out, bytes_of(head, size), header);
    scratch_fini(&s);
    return status;
}

/* ---- finding files ---- */

static char *base_of(char *path)
{
    char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_test_name(const char *name)
{
    return starts_with(name, "t10k") || starts_with(name, "test");
}

/* Replaces the last `from` in the file's name (not in its folders); false when there is none or no room. */
static bool replace_in_name(char path[PATH_SIZE], const char *from, const char *to)
{
    char *place = NULL;
    for (char *p = strstr(base_of(path), from); p; p = strstr(p + 1, from))
        place = p;
    if (!place || strlen(path) - strlen(from) + strlen(to) >= PATH_SIZE)
        return false;
    char *after = place + strlen(from);
    memmove(place + strlen(to), after, strlen(after) + 1);
    memcpy(place, to, strlen(to));
    return true;
}

/* The file itself, or the same with or without ".gz". */
static bool exists_plain_or_gzip(char path[PATH_SIZE])
{
    const size_t length = strlen(path);
    if (access(path, R_OK) == 0)
        return true;
    if (text_ends_with(path, ".gz"))
        path[length - 3] = '\0';
    else if (length + 4 <= PATH_SIZE)
        memcpy(path + length, ".gz", 4);
    return access(path, R_OK) == 0;
}

static bool file_is_idx(const char *path)
{
    uint8_t head[HEAD_SIZE];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    return got > 0 && is_idx(head, (size_t)got);
}

static bool is_images_name(const char *name, const char *split)
{
    if (!strstr(name, "images") || !(strstr(name, "idx3") || strstr(name, "idx4")))
        return false;
    if (!split)
        return true;
    return strcmp(split, "test") == 0 ? is_test_name(name) : starts_with(name, "train");
}

/* The images file of a folder, the first by name; NULL split: of any. */
static bool find_in_folder(const char *folder, const char *split, char out[PATH_SIZE])
{
    DIR *list = opendir(folder);
    const struct dirent *entry;
    bool found = false;
    while (list && (entry = readdir(list))) {
        char path[PATH_SIZE];
        if (!is_images_name(entry->d_name, split) ||
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= PATH_SIZE)
            continue;
        if ((!found || strcmp(path, out) < 0) && file_is_idx(path)) {
            memcpy(out, path, strlen(path) + 1);
            found = true;
        }
    }
    if (list)
        closedir(list);
    return found;
}

static bool sniff(const char *path, bool folder, const uint8_t *head, size_t size)
{
    char found[PATH_SIZE];
    return folder ? find_in_folder(path, NULL, found) : is_idx(head, size);
}

/* Changes path from the training images' to the test images' beside them. */
static bool find_test_sibling(char path[PATH_SIZE])
{
    static const char *const starts[] = {"t10k", "test"};
    if (!starts_with(base_of(path), "train"))
        return false;
    for (int i = 0; i < 2; i++) {
        memcpy(base_of(path), starts[i], 4);
        char *name = base_of(path) + 4; /* "rain" is one longer than what replaces it */
        memmove(name, name + 1, strlen(name));
        if (exists_plain_or_gzip(path))
            return true;
        char *again = base_of(path);
        if (strlen(path) + 2 > PATH_SIZE)
            return false;
        memmove(again + 5, again + 4, strlen(again + 4) + 1);
        memcpy(again, "train", 5);
    }
    return false;
}

static tacit_status find_images(tacit_context *context, const char *given, const char *split,
                                char out[PATH_SIZE])
{
    const int length = snprintf(out, PATH_SIZE, "%s", given);
    if (length < 0 || length >= PATH_SIZE - 8)
        return context_fail(context, TACIT_ARGUMENT, "%s: the path is too long", given);
    const bool test = split && strcmp(split, "test") == 0;
    if (split && !test && strcmp(split, "train") != 0)
        return context_fail(context, TACIT_ARGUMENT, "%s: no split %s: IDX files have train and test", given,
                            split);
    DIR *folder = opendir(given);
    if (folder) {
        closedir(folder);
        if (find_in_folder(given, test ? "test" : "train", out))
            return TACIT_OK;
        return context_fail(context, TACIT_ARGUMENT, "%s: no IDX file of %s images in it", given,
                            test ? "test" : "training");
    }
    if (test && !is_test_name(base_of(out)) && !find_test_sibling(out))
        return context_fail(context, TACIT_ARGUMENT, "%s: no test images beside it (t10k... or test...)",
                            given);
    return TACIT_OK;
}

/* ---- images ---- */

static tacit_status check_images(tacit_context *context, const char *path, const idx_header *h,
                                 int64_t pixel_limit)
{
    if (h->type != TYPE_U8)
        return context_fail(context, TACIT_UNSUPPORTED,
                            "%s: values of type %02x: expected unsigned bytes (08)", path, (unsigned)h->type);
    if (h->dimensions < 3)
        return context_fail(
            context, TACIT_FORMAT,
            "%s: %d dimension%s, so it holds no images; give the images file (its labels are found)", path,
            h->dimensions, h->dimensions == 1 ? "" : "s");
    if (h->sizes[0] == 0 || h->sizes[0] > INT32_MAX)
        return context_fail(context, TACIT_FORMAT, "%s: %" PRIu32 " images: expected 1 to %d", path,
                            h->sizes[0], INT32_MAX);
    if (h->sizes[1] < 1 || h->sizes[1] > SIDE_MOST || h->sizes[2] < 1 || h->sizes[2] > SIDE_MOST)
        return context_fail(context, TACIT_FORMAT,
                            "%s: images of %" PRIu32 " x %" PRIu32 ": sides are 1 to %d", path, h->sizes[1],
                            h->sizes[2], SIDE_MOST);
    if (h->dimensions == 4 && h->sizes[3] != 1 && h->sizes[3] != 3)
        return context_fail(context, TACIT_FORMAT,
                            "%s: %" PRIu32 " channels (the last dimension): expected 1 or 3", path,
                            h->sizes[3]);
    if ((int64_t)h->sizes[1] * h->sizes[2] > pixel_limit)
        return context_fail(context, TACIT_LIMIT,
                            "%s: images of %" PRIu32 " x %" PRIu32 " are above the limit of %" PRId64
                            " pixels",
                            path, h->sizes[1], h->sizes[2], pixel_limit);
    return TACIT_OK;
}

static tacit_status open_images(dataset *d, const char *path, int64_t pixel_limit)
{
    idx_state *state = d->state;
    idx_header h;
    TRY(attach_idx(&state->images, d->context, path, &h));
    TRY(check_images(d->context, path, &h, pixel_limit));
    d->count = h.sizes[0];
    d->height = (int)h.sizes[1];
    d->width = (int)h.sizes[2];
    d->channels = h.dimensions == 4 ? (int)h.sizes[3] : 1;
    state->data_at = h.data_at;
    state->shape = (image){d->height, d->width, d->channels, NULL};
    state->stride = (size_t)d->height * (size_t)d->width * (size_t)d->channels;
    return TACIT_OK;
}

/* ---- labels ---- */

static tacit_status read_labels(dataset *d, const source *file, const idx_header *h, const char *images)
{
    if (h->dimensions != 1 || h->type == TYPE_F32 || h->type == TYPE_F64)
        return context_fail(
            d->context, TACIT_FORMAT,
            "%s: %d dimensions of type %02x: labels are one dimension of whole numbers (08, 09, 0b, 0c)",
            file->path, h->dimensions, (unsigned)h->type);
    const stored_labels stored = {.file = file,
                                  .at = h->data_at,
                                  .count = h->sizes[0],
                                  .size = value_size(h->type),
                                  .big_endian = true,
                                  .is_signed = h->type != TYPE_U8,
                                  .most = LABEL_MOST};
    return labels_read(d, &stored, images);
}

static tacit_status open_labels(dataset *d, const char *images)
{
    char path[PATH_SIZE];
    source file;
    idx_header h;
    memcpy(path, images, strlen(images) + 1);
    if (!replace_in_name(path, "images", "labels"))
        return TACIT_OK;
    if (!replace_in_name(path, "idx3", "idx1"))
        replace_in_name(path, "idx4", "idx1");
    if (!exists_plain_or_gzip(path)) {
        context_log(d->context, "%s: no labels beside it", images);
        return TACIT_OK;
    }
    tacit_status status = attach_idx(&file, d->context, path, &h);
    if (status == TACIT_OK)
        status = read_labels(d, &file, &h, images);
    source_detach(&file);
    return status;
}

/* ---- the format ---- */

static void close_idx(dataset *d)
{
    idx_state *state = d->state;
    if (!state)
        return;
    source_detach(&state->images);
    memory_free(d->context, state->name);
    memory_free(d->context, state);
    d->state = NULL;
}

static tacit_status open_idx(dataset *d, const char *const *paths, int count, const dataset_options *options)
{
    char path[PATH_SIZE];
    if (count != 1)
        return context_fail(d->context, TACIT_ARGUMENT,
                            "%s and %d more: IDX data is one images file, or the folder that holds it",
                            paths[0], count - 1);
    TRY(find_images(d->context, paths[0], options->split, path));
    idx_state *state = memory_alloc(d->context, 1, sizeof *state);
    if (!state)
        return TACIT_NOMEM;
    d->state = state;
    state->name = memory_string(d->context, base_of(path));
    if (!state->name)
        return TACIT_NOMEM;
    TRY(open_images(d, path, options->pixel_limit));
    return open_labels(d, path);
}

static tacit_status read_idx(const dataset *d, int64_t i, scratch *s, image *out)
{
    const idx_state *state = d->state;
    *out = state->shape;
    return source_get(&state->images, state->data_at + (uint64_t)i * state->stride, state->stride, s,
                      &out->pixels);
}

static void name_idx(const dataset *d, int64_t i, char *out, size_t size)
{
    const idx_state *state = d->state;
    snprintf(out, size, "%s:%" PRId64, state->name, i);
}

const dataset_format format_idx = {
    .name = "idx",
    .summary = "MNIST-like IDX files, plain or gzip, or the folder that holds them",
    .needs_no_cache = true,
    .sniff = sniff,
    .open = open_idx,
    .read = read_idx,
    .name_of = name_idx,
    .close = close_idx,
};
