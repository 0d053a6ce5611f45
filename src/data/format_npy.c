/* Pictures in a NumPy .npy file: u8, (N, H, W) or (N, H, W, C); or rows of a table: f4 or f8, (N, D), held in
 * memory as float32, NaN is missing. Labels in NAME.labels.npy or NAME_labels.npy.
 *
 *   93 "NUMPY", major, minor, header length (u16, from version 2 on u32), header: a Python dictionary, then
 * the values
 *
 * Pictures are read as they are asked for, so the file may be larger than memory. */
#include "data/labels.h"
#include "base/bytes.h"
#include "base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4096,
    MAGIC_SIZE = 6,
    PREFIX_MOST = MAGIC_SIZE + 2 + 4, /* bytes before the dictionary */
    HEADER_MOST = 65536,              /* bytes of the dictionary */
    DIMENSIONS_MOST = 8,
    SIDE_MOST = 65535,
    LABEL_MOST = 999999,
    DTYPE_SIZE = 32
};

static const uint8_t magic[MAGIC_SIZE] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct npy_header {
    char dtype[DTYPE_SIZE]; /* "|u1" */
    bool fortran;
    int dimensions;
    size_t sizes[DIMENSIONS_MOST];
    size_t data_at;     /* bytes before the values */
    uint64_t data_size; /* bytes of all values */
} npy_header;

typedef struct npy_state {
    source file;
    size_t data_at, stride; /* bytes before the first picture, and of each */
    image shape;            /* as stored: 1, 3 or 4 channels; without pixels */
    char *name;
} npy_state;

/* ---- the header's dictionary ---- */

static void skip_spaces(bytes *b)
{
    while (bytes_left(b) && (b->data[b->at] == ' ' || b->data[b->at] == '\n'))
        b->at++;
}

/* Takes `c`, with spaces before it, if it is next. */
static bool accept(bytes *b, char c)
{
    skip_spaces(b);
    if (!bytes_left(b) || b->data[b->at] != (uint8_t)c)
        return false;
    b->at++;
    return true;
}

static bool accept_word(bytes *b, const char *word)
{
    const size_t length = strlen(word);
    skip_spaces(b);
    if (bytes_left(b) < length || memcmp(b->data + b->at, word, length) != 0)
        return false;
    b->at += length;
    return true;
}

static bool parse_string(bytes *b, char *out, size_t size)
{
    char quote = '\'';
    if (!accept(b, quote)) {
        quote = '"';
        if (!accept(b, quote))
            return false;
    }
    for (size_t used = 0; used + 1 < size && bytes_left(b);) {
        const char c = (char)bytes_u8(b);
        if (c == quote) {
            out[used] = '\0';
            return true;
        }
        if (c < ' ' || c > '~' || c == '\\')
            return false;
        out[used++] = c;
    }
    return false;
}

static bool parse_number(bytes *b, size_t *out)
{
    size_t value = 0;
    int digits = 0;
    skip_spaces(b);
    for (; bytes_left(b) && b->data[b->at] >= '0' && b->data[b->at] <= '9'; b->at++, digits++)
        if (!size_multiply(value, 10, &value) || !size_add(value, (size_t)(b->data[b->at] - '0'), &value))
            return false;
    *out = value;
    return digits > 0;
}

/* (60000, 28, 28), (60000,) or () */
static bool parse_shape(bytes *b, npy_header *out)
{
    out->dimensions = 0;
    if (!accept(b, '('))
        return false;
    while (!accept(b, ')')) {
        if (out->dimensions == DIMENSIONS_MOST || !parse_number(b, &out->sizes[out->dimensions++]))
            return false;
        if (!accept(b, ','))
            return out->dimensions > 1 && accept(b, ')');
    }
    return true;
}

static bool parse_truth(bytes *b, bool *out)
{
    *out = accept_word(b, "True");
    return *out || accept_word(b, "False");
}

/* A dtype that is a list describes a structure, which no caller accepts: its text does not matter. */
static bool parse_dtype(bytes *b, npy_header *out)
{
    skip_spaces(b);
    if (bytes_left(b) && b->data[b->at] == '[') {
        snprintf(out->dtype, sizeof out->dtype, "a structure");
        b->at = b->size;
        return true;
    }
    return parse_string(b, out->dtype, sizeof out->dtype);
}

/* One of the three entries; each must occur once. */
static bool parse_entry(bytes *b, npy_header *out, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[DTYPE_SIZE];
    unsigned which = 0;
    if (!parse_string(b, key, sizeof key) || !accept(b, ':'))
        return false;
    while (which < 3 && strcmp(key, keys[which]) != 0)
        which++;
    if (which == 3 || (*seen & 1U << which))
        return false;
    *seen |= 1U << which;
    return which == 0   ? parse_dtype(b, out)
           : which == 1 ? parse_truth(b, &out->fortran)
                        : parse_shape(b, out);
}

static bool parse_dictionary(bytes *b, npy_header *out)
{
    unsigned seen = 0;
    if (!accept(b, '{'))
        return false;
    while (!accept(b, '}')) {
        if (!parse_entry(b, out, &seen))
            return false;
        if (strcmp(out->dtype, "a structure") == 0)
            return true;
        if (!accept(b, ',')) {
            if (!accept(b, '}'))
                return false;
            break;
        }
    }
    skip_spaces(b);
    return seen == 7 && bytes_left(b) == 0;
}

/* ---- the file ---- */

/* The dictionary's bytes: `b` holds the file's first bytes, and then stands behind them. */
static tacit_status find_dictionary(const source *file, bytes *b, bytes *out)
{
    tacit_context *context = file->context;
    const uint8_t *start = bytes_skip(b, MAGIC_SIZE);
    if (!start || memcmp(start, magic, MAGIC_SIZE) != 0)
        return context_fail(context, TACIT_FORMAT,
                            "%s: not a .npy file: expected 93 NUMPY as its first bytes", file->path);
    const int major = bytes_u8(b), minor = bytes_u8(b);
    if (!b->failed && (major < 1 || major > 3 || minor != 0))
        return context_fail(context, TACIT_UNSUPPORTED, "%s: .npy version %d.%d: expected 1.0, 2.0 or 3.0",
                            file->path, major, minor);
    const size_t length = major == 1 ? bytes_u16_le(b) : bytes_u32_le(b);
    if (!b->failed && length > HEADER_MOST)
        return context_fail(context, TACIT_LIMIT, "%s: a header of %zu bytes: expected up to %d", file->path,
                            length, HEADER_MOST);
    const uint8_t *text = bytes_skip(b, length);
    if (!text)
        return context_fail(context, TACIT_FORMAT, "%s: ends early, in its header", file->path);
    *out = bytes_of(text, length);
    return TACIT_OK;
}

/* `b` holds the file's first bytes: all, or PREFIX_MOST + HEADER_MOST. */
static tacit_status parse_npy(const source *file, bytes b, npy_header *out)
{
    bytes dictionary;
    *out = (npy_header){0};
    TRY(find_dictionary(file, &b, &dictionary));
    if (!parse_dictionary(&dictionary, out))
        return context_fail(
            file->context, TACIT_FORMAT,
            "%s: damaged header near byte %zu: expected a dictionary of descr, fortran_order and shape",
            file->path, (size_t)(dictionary.data - b.data) + dictionary.at);
    if (out->fortran)
        return context_fail(file->context, TACIT_UNSUPPORTED,
                            "%s: fortran_order is True: expected rows first (numpy.ascontiguousarray)",
                            file->path);
    out->data_at = b.at;
    out->data_size = file->size - b.at;
    return TACIT_OK;
}

/* The shape's promise against the bytes that follow the header. */
static tacit_status check_size(const source *file, const npy_header *h, size_t value_size)
{
    size_t promised = value_size;
    bool fits = true;
    for (int i = 0; i < h->dimensions; i++)
        fits = fits && size_multiply(promised, h->sizes[i], &promised);
    if (!fits)
        return context_fail(file->context, TACIT_FORMAT,
                            "%s: the shape in its header is too large for any file", file->path);
    if (promised > h->data_size)
        return context_fail(file->context, TACIT_FORMAT,
                            "%s: ends early: its header promises %zu bytes of values, but %" PRIu64 " follow",
                            file->path, promised, h->data_size);
    if (promised < h->data_size)
        return context_fail(file->context, TACIT_FORMAT, "%s: %" PRIu64 " bytes follow the last value",
                            file->path, h->data_size - promised);
    return TACIT_OK;
}

/* Detach `out` also after a failure. */
static tacit_status attach_npy(source *out, tacit_context *context, const char *path, npy_header *header)
{
    enum { HEAD = PREFIX_MOST + HEADER_MOST };
    scratch s;
    const uint8_t *head;
    TRY(source_attach(out, context, path));
    const size_t size = out->size < HEAD ? (size_t)out->size : HEAD;
    scratch_init(&s, context);
    tacit_status status = source_get(out, 0, size, &s, &head);
    if (status == TACIT_OK)
        status = parse_npy(out, bytes_of(head, size), header);
    scratch_fini(&s);
    return status;
}

static bool sniff(const char *path, bool folder, const uint8_t *head, size_t size)
{
    (void)path;
    return !folder && size >= MAGIC_SIZE && memcmp(head, magic, MAGIC_SIZE) == 0;
}

/* ---- pictures ---- */

static bool is_u8(const char *dtype)
{
    return strcmp(dtype, "|u1") == 0 || strcmp(dtype, "<u1") == 0 || strcmp(dtype, ">u1") == 0 ||
           strcmp(dtype, "u1") == 0;
}

static tacit_status check_pictures(const source *file, const npy_header *h, int64_t pixel_limit)
{
    tacit_context *context = file->context;
    const char *path = file->path;
    if (!is_u8(h->dtype))
        return context_fail(
            context, TACIT_UNSUPPORTED,
            "%s: dtype %s: pixels are expected as |u1 (numpy.uint8), rows of a table as <f4 or "
            "<f8",
            path, h->dtype);
    if (h->dimensions != 3 && h->dimensions != 4)
        return context_fail(context, TACIT_FORMAT, "%s: %d dimensions: expected (N, H, W) or (N, H, W, C)",
                            path, h->dimensions);
    if (h->sizes[0] < 1 || h->sizes[0] > INT32_MAX)
        return context_fail(context, TACIT_FORMAT, "%s: %zu pictures: expected 1 to %d", path, h->sizes[0],
                            INT32_MAX);
    if (h->sizes[1] < 1 || h->sizes[1] > SIDE_MOST || h->sizes[2] < 1 || h->sizes[2] > SIDE_MOST)
        return context_fail(context, TACIT_FORMAT, "%s: pictures of %zu x %zu: sides are 1 to %d", path,
                            h->sizes[1], h->sizes[2], SIDE_MOST);
    if (h->dimensions == 4 && h->sizes[3] != 1 && h->sizes[3] != 3 && h->sizes[3] != 4)
        return context_fail(context, TACIT_FORMAT,
                            "%s: %zu channels: expected 1, 3 or 4 as the last dimension: (N, H, W, C)", path,
                            h->sizes[3]);
    if ((int64_t)(h->sizes[1] * h->sizes[2]) > pixel_limit)
        return context_fail(context, TACIT_LIMIT,
                            "%s: pictures of %zu x %zu are above the limit of %" PRId64 " pixels", path,
                            h->sizes[1], h->sizes[2], pixel_limit);
    return check_size(file, h, 1);
}

static tacit_status open_pictures(dataset *d, const npy_header *h, int64_t pixel_limit)
{
    npy_state *state = d->state;
    TRY(check_pictures(&state->file, h, pixel_limit));
    const int channels = h->dimensions == 4 ? (int)h->sizes[3] : 1;
    d->count = (int64_t)h->sizes[0];
    d->height = (int)h->sizes[1];
    d->width = (int)h->sizes[2];
    d->channels = channels == 4 ? 3 : channels;
    state->shape = (image){d->height, d->width, channels, NULL};
    state->stride = h->sizes[1] * h->sizes[2] * (size_t)channels;
    state->data_at = h->data_at;
    return TACIT_OK;
}

/* ---- rows ---- */

/* Bytes of a float dtype ("<f8" has 8), or 0. */
static size_t float_size(const char *dtype)
{
    const char *p = dtype + (strchr("|<>=", *dtype) && *dtype ? 1 : 0);
    if (p[0] != 'f' || (p[1] != '4' && p[1] != '8') || p[2])
        return 0;
    return (size_t)(p[1] - '0');
}

static double float_at(const uint8_t *raw, size_t size, bool big_endian)
{
    uint64_t bits = 0;
    uint32_t low;
    float single;
    double number;
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | raw[big_endian ? i : size - 1 - i];
    low = (uint32_t)bits;
    memcpy(&single, &low, sizeof single);
    memcpy(&number, &bits, sizeof number);
    return size == 4 ? (double)single : number;
}

static tacit_status check_rows(const source *file, const npy_header *h)
{
    if (h->dimensions != 2)
        return context_fail(file->context, TACIT_FORMAT, "%s: %d dimensions of floats: expected rows (N, D)",
                            file->path, h->dimensions);
    if (h->sizes[0] < 1 || h->sizes[0] > INT32_MAX)
        return context_fail(file->context, TACIT_FORMAT, "%s: %zu rows: expected 1 to %d", file->path,
                            h->sizes[0], INT32_MAX);
    if (h->sizes[1] < 1 || h->sizes[1] > TABLE_COLUMNS_MOST)
        return context_fail(file->context, TACIT_LIMIT, "%s: %zu columns: expected 1 to %d", file->path,
                            h->sizes[1], TABLE_COLUMNS_MOST);
    return check_size(file, h, float_size(h->dtype));
}

static tacit_status read_row(const dataset *d, const source *file, const npy_header *h, int64_t row,
                             scratch *s)
{
    const size_t size = float_size(h->dtype), columns = h->sizes[1];
    float *to = d->table->values + (size_t)row * columns;
    const uint8_t *raw;
    TRY(source_get(file, h->data_at + (uint64_t)row * columns * size, columns * size, s, &raw));
    for (size_t c = 0; c < columns; c++) {
        to[c] = (float)float_at(raw + c * size, size, h->dtype[0] == '>');
        if (isinf(to[c]))
            return context_fail(d->context, TACIT_FORMAT,
                                "%s: row %" PRId64 ", column %zu: not a finite number of 32 bits", file->path,
                                row, c + 1);
    }
    return TACIT_OK;
}

static tacit_status open_rows(dataset *d, const npy_header *h)
{
    const npy_state *state = d->state;
    char name[16];
    scratch s;
    TRY(check_rows(&state->file, h));
    TRY(table_create(&d->table, d->context, (int64_t)h->sizes[0], (int64_t)h->sizes[1]));
    for (int c = 0; c < d->table->columns; c++) {
        snprintf(name, sizeof name, "%d", c + 1);
        TRY(table_name(d->table, c, name, NULL));
    }
    d->count = d->table->rows;
    d->height = d->width = 1;
    d->channels = d->table->columns;
    tacit_status status = TACIT_OK;
    scratch_init(&s, d->context);
    for (int64_t i = 0; status == TACIT_OK && i < d->count; i++)
        status = read_row(d, &state->file, h, i, &s);
    scratch_fini(&s);
    return status;
}

/* ---- labels ---- */

/* Bytes of a whole-number dtype ("<i8" has 8), or 0. */
static size_t integer_size(const char *dtype)
{
    const char *p = dtype + (strchr("|<>=", *dtype) && *dtype ? 1 : 0);
    if ((*p != 'i' && *p != 'u') || !p[1] || p[2])
        return 0;
    return strchr("1248", p[1]) ? (size_t)(p[1] - '0') : 0;
}

static tacit_status read_labels(dataset *d, const source *file, const npy_header *h, const char *pictures)
{
    const size_t size = integer_size(h->dtype);
    if (size == 0)
        return context_fail(d->context, TACIT_UNSUPPORTED,
                            "%s: dtype %s: labels are expected as whole numbers", file->path, h->dtype);
    if (h->dimensions != 1)
        return context_fail(d->context, TACIT_FORMAT, "%s: %d dimensions: labels are expected as (N,)",
                            file->path, h->dimensions);
    TRY(check_size(file, h, size));
    const stored_labels stored = {.file = file,
                                  .at = h->data_at,
                                  .count = h->sizes[0],
                                  .size = size,
                                  .big_endian = h->dtype[0] == '>',
                                  .is_signed = strchr(h->dtype, 'i') != NULL,
                                  .most = LABEL_MOST};
    return labels_read(d, &stored, pictures);
}

static bool find_labels(const char *pictures, char out[PATH_SIZE])
{
    static const char *const endings[] = {".labels.npy", "_labels.npy"};
    const size_t length = strlen(pictures) - (text_ends_with(pictures, ".npy") ? 4 : 0);
    for (int i = 0; i < 2; i++) {
        const int used =
            snprintf(out, PATH_SIZE, "%.*s%s", length < PATH_SIZE ? (int)length : 0, pictures, endings[i]);
        if (used > 0 && used < PATH_SIZE && access(out, R_OK) == 0)
            return true;
    }
    return false;
}

static tacit_status open_labels(dataset *d, const char *pictures)
{
    char path[PATH_SIZE];
    source file;
    npy_header h;
    if (!find_labels(pictures, path))
        return TACIT_OK;
    tacit_status status = attach_npy(&file, d->context, path, &h);
    if (status == TACIT_OK)
        status = read_labels(d, &file, &h, pictures);
    source_detach(&file);
    return status;
}

/* ---- the format ---- */

static void close_npy(dataset *d)
{
    npy_state *state = d->state;
    if (!state)
        return;
    source_detach(&state->file);
    memory_free(d->context, state->name);
    memory_free(d->context, state);
    d->state = NULL;
}

static tacit_status open_npy(dataset *d, const char *const *paths, int count, const dataset_options *options)
{
    const char *slash = strrchr(paths[0], '/');
    if (count != 1)
        return context_fail(d->context, TACIT_ARGUMENT, "%s and %d more: .npy data is one file", paths[0],
                            count - 1);
    npy_state *state = memory_alloc(d->context, 1, sizeof *state);
    if (!state)
        return TACIT_NOMEM;
    d->state = state;
    state->name = memory_string(d->context, slash ? slash + 1 : paths[0]);
    if (!state->name)
        return TACIT_NOMEM;
    npy_header h;
    TRY(attach_npy(&state->file, d->context, paths[0], &h));
    TRY(float_size(h.dtype) ? open_rows(d, &h) : open_pictures(d, &h, options->pixel_limit));
    return open_labels(d, paths[0]);
}

/* Alpha onto white, rounded. */
static void flatten_alpha(const uint8_t *stored, size_t pixels, uint8_t *out)
{
    for (size_t i = 0; i < pixels; i++) {
        const unsigned alpha = stored[4 * i + 3];
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] = (uint8_t)((stored[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}

static tacit_status read_npy(const dataset *d, int64_t i, scratch *s, image *out)
{
    const npy_state *state = d->state;
    *out = state->shape;
    TRY(source_get(&state->file, state->data_at + (uint64_t)i * state->stride, state->stride, s,
                   &out->pixels));
    if (state->shape.channels != 4)
        return TACIT_OK;
    const size_t pixels = (size_t)out->height * (size_t)out->width;
    uint8_t *flat = scratch_get(s, SCRATCH_PIXELS, pixels * 3);
    if (!flat)
        return TACIT_NOMEM;
    flatten_alpha(out->pixels, pixels, flat);
    *out = (image){out->height, out->width, 3, flat};
    return TACIT_OK;
}

static void name_npy(const dataset *d, int64_t i, char *out, size_t size)
{
    const npy_state *state = d->state;
    snprintf(out, size, "%s:%" PRId64, state->name, i);
}

const dataset_format format_npy = {
    .name = "npy",
    .summary = "NumPy arrays: bytes (N, H, W) or (N, H, W, C), floats (N, D)",
    .needs_no_cache = true,
    .sniff = sniff,
    .open = open_npy,
    .read = read_npy,
    .name_of = name_npy,
    .close = close_npy,
};
