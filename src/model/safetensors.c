/* Reading and writing safetensors. The JSON is jansson's; every number in it is checked here. */
#include "model/safetensors.h"

#include "base/bytes.h"
#include "base/file.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PADDING[] = "__padding__.", METADATA[] = "__metadata__";

enum { LENGTH_SIZE = 8, ALIGNMENT = MEMORY_ALIGNMENT };
static const uint64_t HEADER_LIMIT = 100000000; /* that of the format */
static const size_t FILE_LIMIT = (size_t)1 << 40;

/* Every dtype of the format with a whole number of bytes. */
static const struct {
    const char *name;
    size_t size;
} dtypes[] = {{"F32", 4},  {"I32", 4}, {"U8", 1},      {"BF16", 2},    {"F16", 2},    {"F64", 8},
              {"I64", 8},  {"U64", 8}, {"U32", 4},     {"I16", 2},     {"U16", 2},    {"I8", 1},
              {"BOOL", 1}, {"C64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}};

static bool is_padding(const char *name)
{
    return strncmp(name, PADDING, sizeof PADDING - 1) == 0;
}

/* ---- writing ---- */

static const char *dtype_text(dtype type)
{
    switch (type) {
    case DTYPE_F32:
        return "F32";
    case DTYPE_I32:
        return "I32";
    case DTYPE_U8:
        return "U8";
    }
    return "";
}

typedef struct writing {
    tacit_context *context;
    const char *path;
    json_t *header;
    size_t end;     /* bytes of data so far */
    size_t padding; /* tensors of zeros so far */
} writing;

static tacit_status fail_json(const writing *w)
{
    return context_fail(w->context, TACIT_NOMEM, "%s: out of memory for the header", w->path);
}

static tacit_status add_entry(writing *w, const char *name, const char *type, json_t *sizes, size_t size)
{
    const size_t begin = w->end;
    if (!size_add(begin, size, &w->end) || w->end > INT64_MAX) {
        json_decref(sizes);
        return context_fail(w->context, TACIT_LIMIT, "%s: the tensors are too large for a file", w->path);
    }
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", type, "shape", sizes, "data_offsets",
                              (json_int_t)begin, (json_int_t)w->end);
    return json_object_set_new(w->header, name, entry) ? fail_json(w) : TACIT_OK;
}

static size_t padding_after(size_t end)
{
    return (ALIGNMENT - end % ALIGNMENT) % ALIGNMENT;
}

static tacit_status add_padding(writing *w)
{
    char name[sizeof PADDING + 24];
    const size_t size = padding_after(w->end);
    if (size == 0)
        return TACIT_OK;
    snprintf(name, sizeof name, "%s%zu", PADDING, w->padding++);
    return add_entry(w, name, "U8", json_pack("[I]", (json_int_t)size), size);
}

static tacit_status check_name(const writing *w, const char *name)
{
    const char *wrong = NULL;
    json_t *text = NULL;
    if (!memchr(name, '\0', SAFETENSORS_NAME))
        return context_fail(w->context, TACIT_ARGUMENT, "%s: a tensor's name is longer than %d bytes",
                            w->path, SAFETENSORS_NAME - 1);
    if (!*name)
        wrong = "is empty";
    else if (is_padding(name) || strcmp(name, METADATA) == 0)
        wrong = "is reserved";
    else if (json_object_get(w->header, name))
        wrong = "occurs twice";
    else if (!(text = json_string(name)))
        wrong = "is not UTF-8";
    json_decref(text);
    return wrong ? context_fail(w->context, TACIT_ARGUMENT, "%s: the tensor name \"%s\" %s", w->path, name,
                                wrong)
                 : TACIT_OK;
}

static tacit_status add_tensor(writing *w, const named_tensor *t)
{
    TRY(check_name(w, t->name));
    const char *type = dtype_text(t->tensor.dtype);
    if (t->dtype_name[0] && strncmp(t->dtype_name, type, sizeof t->dtype_name) != 0)
        return context_fail(w->context, TACIT_ARGUMENT, "%s: tensor %s: cannot write dtype %.8s", w->path,
                            t->name, t->dtype_name);
    TRY(add_padding(w));
    json_t *sizes = json_array();
    for (int i = 0; i < t->tensor.shape.rank; i++)
        if (json_array_append_new(sizes, json_integer(t->tensor.shape.size[i]))) {
            json_decref(sizes);
            return fail_json(w);
        }
    return add_entry(w, t->name, type, sizes, tensor_bytes(&t->tensor));
}

static tacit_status add_metadata(writing *w, const metadata_entry *metadata, size_t count)
{
    json_t *texts = json_object();
    for (size_t i = 0; i < count; i++)
        if (json_object_set_new(texts, metadata[i].key, json_string(metadata[i].value))) {
            json_decref(texts);
            return context_fail(w->context, TACIT_ARGUMENT, "%s: metadata %s is not UTF-8", w->path,
                                metadata[i].key);
        }
    if (count == 0) {
        json_decref(texts);
        return TACIT_OK;
    }
    return json_object_set_new(w->header, METADATA, texts) ? fail_json(w) : TACIT_OK;
}

static void write_fill(file_writer *f, uint8_t fill, size_t count)
{
    uint8_t block[ALIGNMENT];
    memset(block, fill, sizeof block);
    file_writer_write(f, block, count);
}

/* Length, header, spaces up to where the data is aligned, tensors. */
static tacit_status write_file(writing *w, const char *header, const named_tensor *tensors, size_t count)
{
    file_writer f;
    uint8_t length[LENGTH_SIZE];
    const size_t size = strlen(header), spaces = padding_after(size + LENGTH_SIZE);
    TRY(file_writer_open(&f, w->context, w->path));
    bytes_put_u64_le(length, size + spaces);
    file_writer_write(&f, length, sizeof length);
    file_writer_write(&f, header, size);
    write_fill(&f, ' ', spaces);
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t padding = padding_after(end), full = tensor_bytes(&tensors[i].tensor);
        write_fill(&f, 0, padding);
        file_writer_write(&f, tensors[i].tensor.data, full);
        end += padding + full;
    }
    return file_writer_commit(&f);
}

static tacit_status write_all(writing *w, const named_tensor *tensors, size_t count,
                              const metadata_entry *metadata, size_t metadata_count)
{
    TRY(add_metadata(w, metadata, metadata_count));
    for (size_t i = 0; i < count; i++)
        TRY(add_tensor(w, &tensors[i]));
    char *header = json_dumps(w->header, JSON_COMPACT);
    if (!header)
        return fail_json(w);
    const tacit_status status = write_file(w, header, tensors, count);
    free(header);
    return status;
}

tacit_status safetensors_write(tacit_context *context, const char *path, const named_tensor *tensors,
                               size_t count, const metadata_entry *metadata, size_t metadata_count)
{
    writing w = {.context = context, .path = path, .header = json_object()};
    const tacit_status status = write_all(&w, tensors, count, metadata, metadata_count);
    json_decref(w.header);
    return status;
}

/* ---- reading ---- */

/* Where one tensor's bytes are; sorted to find holes and overlaps. */
typedef struct span {
    uint64_t begin, end;
    const char *name; /* borrowed from the header */
} span;

typedef struct reading {
    safetensors_file *file;
    const char *path;
    uint8_t *data; /* after the header */
    size_t size;   /* of it */
    span *spans;   /* (count), padding included */
    size_t count;
} reading;

static tacit_status fail_tensor(const reading *r, tacit_status status, const char *name, const char *wrong)
{
    return context_fail(r->file->context, status, "%s: tensor %.160s: %s", r->path, name, wrong);
}

static size_t find_dtype(const char *name, dtype *out)
{
    *out = DTYPE_U8;
    if (name && strcmp(name, "F32") == 0)
        *out = DTYPE_F32;
    if (name && strcmp(name, "I32") == 0)
        *out = DTYPE_I32;
    for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return dtypes[i].size;
    return 0;
}

/* A JSON integer that is not negative. */
static bool whole(const json_t *json, uint64_t *out)
{
    *out = json_is_integer(json) && json_integer_value(json) >= 0 ? (uint64_t)json_integer_value(json)
                                                                  : UINT64_MAX;
    return *out != UINT64_MAX;
}

/* Shape into t->shape and bytes, of numbers of `number` bytes, into *size. */
static tacit_status parse_shape(const reading *r, const char *name, const json_t *json, size_t number,
                                tensor *t, size_t *size)
{
    if (!json_is_array(json))
        return fail_tensor(r, TACIT_FORMAT, name, "no shape");
    if (json_array_size(json) > SHAPE_MAX)
        return fail_tensor(r, TACIT_UNSUPPORTED, name, "more than 4 axes");
    t->shape.rank = (int)json_array_size(json);
    *size = number;
    for (int i = 0; i < t->shape.rank; i++) {
        uint64_t axis;
        if (!whole(json_array_get(json, (size_t)i), &axis))
            return fail_tensor(r, TACIT_FORMAT, name, "a shape that is not of whole numbers");
        if (!size_multiply(*size, axis, size))
            return fail_tensor(r, TACIT_FORMAT, name, "a shape larger than memory");
        t->shape.size[i] = (int64_t)axis;
    }
    return TACIT_OK;
}

static tacit_status parse_span(const reading *r, const char *name, const json_t *json, size_t size, span *out)
{
    out->name = name;
    if (json_array_size(json) != 2 || !whole(json_array_get(json, 0), &out->begin) ||
        !whole(json_array_get(json, 1), &out->end))
        return fail_tensor(r, TACIT_FORMAT, name, "data_offsets are not two whole numbers");
    if (out->begin > out->end || out->end > r->size)
        return context_fail(r->file->context, TACIT_FORMAT,
                            "%s: tensor %.160s: offsets %" PRIu64 " to %" PRIu64
                            " are outside the %zu bytes of data",
                            r->path, name, out->begin, out->end, r->size);
    if (out->end - out->begin != size)
        return context_fail(r->file->context, TACIT_FORMAT,
                            "%s: tensor %.160s: shape and dtype need %zu bytes, the offsets hold %" PRIu64,
                            r->path, name, size, out->end - out->begin);
    return TACIT_OK;
}

static tacit_status parse_tensor(reading *r, const char *name, const json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "dtype"));
    tensor found = {0};
    if (strlen(name) == 0 || strlen(name) >= SAFETENSORS_NAME)
        return fail_tensor(r, TACIT_UNSUPPORTED, name, "the name is empty or longer than 159 bytes");
    const size_t number = find_dtype(type, &found.dtype);
    if (json_object_size(json) != 3 || !type)
        return fail_tensor(r, TACIT_FORMAT, name, "expected an object of dtype, shape and data_offsets");
    if (number == 0)
        return fail_tensor(r, TACIT_FORMAT, name, "unknown dtype");
    size_t size;
    span *place = &r->spans[r->count++];
    TRY(parse_shape(r, name, json_object_get(json, "shape"), number, &found, &size));
    TRY(parse_span(r, name, json_object_get(json, "data_offsets"), size, place));
    if (is_padding(name))
        return TACIT_OK;
    found.data = r->data + place->begin;
    named_tensor *t = &r->file->tensors[r->file->count++];
    *t = (named_tensor){.tensor = found, .size = size};
    memcpy(t->name, name, strlen(name) + 1);
    memcpy(t->dtype_name, type, strlen(type) + 1);
    return TACIT_OK;
}

static tacit_status parse_metadata(reading *r, json_t *json)
{
    const char *key;
    json_t *text;
    if (!json_is_object(json))
        return context_fail(r->file->context, TACIT_FORMAT, "%s: __metadata__ is not an object", r->path);
    json_object_foreach(json, key, text)
    {
        if (!json_is_string(text))
            return context_fail(r->file->context, TACIT_FORMAT, "%s: metadata %.160s is not a text", r->path,
                                key);
    }
    r->file->metadata = json_incref(json);
    return TACIT_OK;
}

static int compare_spans(const void *a, const void *b)
{
    const span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors lie side by side and fill the data. */
static tacit_status check_spans(const reading *r)
{
    uint64_t end = 0;
    qsort(r->spans, r->count, sizeof *r->spans, compare_spans);
    for (size_t i = 0; i < r->count; i++) {
        if (r->spans[i].begin != end)
            return fail_tensor(r, TACIT_FORMAT, r->spans[i].name,
                               r->spans[i].begin < end ? "overlaps another" : "there is a hole before it");
        end = r->spans[i].end;
    }
    if (end != r->size)
        return context_fail(r->file->context, TACIT_FORMAT, "%s: %zu bytes of data belong to no tensor",
                            r->path, r->size - (size_t)end);
    return TACIT_OK;
}

static tacit_status parse_header(reading *r, json_t *header)
{
    const char *name;
    json_t *json;
    if (!json_is_object(header))
        return context_fail(r->file->context, TACIT_FORMAT, "%s: the header is not a JSON object", r->path);
    r->file->tensors = memory_alloc(r->file->context, json_object_size(header), sizeof *r->file->tensors);
    r->spans = memory_alloc(r->file->context, json_object_size(header), sizeof *r->spans);
    if (!r->file->tensors || !r->spans)
        return TACIT_NOMEM;
    json_object_foreach(header, name, json)
    {
        if (strcmp(name, METADATA) == 0)
            TRY(parse_metadata(r, json));
        else
            TRY(parse_tensor(r, name, json));
    }
    return check_spans(r);
}

/* The JSON text of the header, and where the data starts, into r. */
static tacit_status find_header(reading *r, const char **text, size_t *length)
{
    bytes b = bytes_of(r->file->bytes, r->file->size);
    const uint64_t n = bytes_u64_le(&b);
    if (b.failed)
        return context_fail(r->file->context, TACIT_FORMAT,
                            "%s: %zu bytes are too few for a safetensors file", r->path, r->file->size);
    if (n > HEADER_LIMIT || n > bytes_left(&b))
        return context_fail(r->file->context, TACIT_FORMAT,
                            "%s: no safetensors file: a header of %" PRIu64 " bytes, where %zu bytes follow",
                            r->path, n, bytes_left(&b));
    *text = (const char *)bytes_skip(&b, (size_t)n);
    *length = (size_t)n;
    r->size = bytes_left(&b);
    r->data = r->file->bytes + b.at;
    return TACIT_OK;
}

static tacit_status parse(safetensors_file *f, const char *path)
{
    reading r = {.file = f, .path = path};
    const char *text = NULL;
    size_t length = 0;
    json_error_t error;
    TRY(find_header(&r, &text, &length));
    json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!header)
        return context_fail(f->context, TACIT_FORMAT, "%s: header, byte %d: %s", path, error.position,
                            error.text);
    const tacit_status status = parse_header(&r, header);
    memory_free(f->context, r.spans);
    json_decref(header);
    return status;
}

static tacit_status parse_or_close(safetensors_file *f, const char *path)
{
    const tacit_status status = parse(f, path);
    if (status != TACIT_OK)
        safetensors_close(f);
    return status;
}

tacit_status safetensors_read(safetensors_file *out, tacit_context *context, const char *path, size_t limit)
{
    *out = (safetensors_file){.context = context};
    TRY(file_read(context, path, limit ? limit : FILE_LIMIT, &out->bytes, &out->size));
    return parse_or_close(out, path);
}

tacit_status safetensors_parse(safetensors_file *out, tacit_context *context, const char *name,
                               const uint8_t *source, size_t size)
{
    *out = (safetensors_file){.context = context, .size = size};
    out->bytes = memory_alloc(context, size, 1);
    if (!out->bytes)
        return TACIT_NOMEM;
    if (size > 0)
        memcpy(out->bytes, source, size);
    return parse_or_close(out, name);
}

const named_tensor *safetensors_find(const safetensors_file *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->tensors[i].name, name) == 0)
            return &f->tensors[i];
    return NULL;
}

const char *safetensors_metadata(const safetensors_file *f, const char *key)
{
    return json_string_value(json_object_get(f->metadata, key));
}

void safetensors_close(safetensors_file *f)
{
    json_decref(f->metadata);
    memory_free(f->context, f->tensors);
    memory_free(f->context, f->bytes);
    *f = (safetensors_file){.context = f->context};
}
