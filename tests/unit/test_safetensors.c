/* safetensors: what is written is read again, and every damage is an error that says what is wrong. */
#include "support.h"

#include "base/bytes.h"
#include "base/file.h"
#include "model/safetensors.h"

static float floats[] = {1, -2, 3.5f, 0, 1e-30f, -1e30f};
static int32_t wholes[] = {1, -1, INT32_MAX, INT32_MIN, 7};
static uint8_t octets[] = {0, 1, 2, 255};
static float many[32];

static const metadata_entry metadata[] = {{"format", "pt"}, {"method", "mae \"quoted\" \xc3\xa9"}};

/* Sizes 24, 20, 4, 0, 4, 128: most leave the next one unaligned. */
enum { TENSORS = 6 };
static void make_tensors(named_tensor out[TENSORS])
{
    const named_tensor tensors[TENSORS] = {
        {.name = "encoder.weight", .tensor = {DTYPE_F32, {2, {2, 3}}, floats}},
        {.name = "whole", .tensor = {DTYPE_I32, {1, {5}}, wholes}},
        {.name = "octets", .dtype_name = "U8", .tensor = {DTYPE_U8, {4, {1, 2, 2, 1}}, octets}},
        {.name = "empty", .tensor = {DTYPE_F32, {2, {3, 0}}, floats}},
        {.name = "scalar", .tensor = {DTYPE_F32, {0, {0}}, floats + 2}},
        {.name = "many", .tensor = {DTYPE_F32, {1, {32}}, many}},
    };
    for (int i = 0; i < 32; i++)
        many[i] = (float)i;
    memcpy(out, tensors, sizeof tensors);
}

static const char *test_path(void)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/a.safetensors", test_folder("safetensors"));
    return path;
}

static void round_trip(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const char *path = test_path();
    named_tensor tensors[TENSORS];
    safetensors_file f;
    make_tensors(tensors);
    assert_ok(context, safetensors_write(context, path, tensors, TENSORS, metadata, 2));
    assert_ok(context, safetensors_read(&f, context, path, 0));
    assert_int_equal(f.count, TENSORS);
    const char *dtypes[] = {"F32", "I32", "U8", "F32", "F32", "F32"};
    for (int i = 0; i < TENSORS; i++) {
        const named_tensor *t = &f.tensors[i];
        assert_string_equal(t->name, tensors[i].name);
        assert_string_equal(t->dtype_name, dtypes[i]);
        assert_int_equal(t->tensor.dtype, tensors[i].tensor.dtype);
        assert_true(shape_equal(t->tensor.shape, tensors[i].tensor.shape));
        assert_int_equal(t->size, tensor_bytes(&tensors[i].tensor));
        assert_memory_equal(t->tensor.data, tensors[i].tensor.data, t->size);
        assert_int_equal((uintptr_t)t->tensor.data % 64, 0);
        assert_ptr_equal(safetensors_find(&f, t->name), t);
    }
    assert_null(safetensors_find(&f, "__padding__.0"));
    assert_string_equal(safetensors_metadata(&f, "method"), metadata[1].value);
    assert_null(safetensors_metadata(&f, "none"));
    safetensors_close(&f);
    tacit_context_destroy(context);
}

/* What was read and is written again is the same file. */
static void same_bytes_again(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const char *path = test_path();
    named_tensor tensors[TENSORS];
    safetensors_file f;
    uint8_t *first, *second;
    size_t first_size, second_size;
    make_tensors(tensors);
    assert_ok(context, safetensors_write(context, path, tensors, TENSORS, metadata, 2));
    assert_ok(context, file_read(context, path, 1 << 20, &first, &first_size));
    assert_ok(context, safetensors_parse(&f, context, "memory", first, first_size));
    assert_ok(context, safetensors_write(context, path, f.tensors, f.count, metadata, 2));
    assert_ok(context, file_read(context, path, 1 << 20, &second, &second_size));
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    safetensors_close(&f);
    memory_free(context, first);
    memory_free(context, second);
    tacit_context_destroy(context);
}

/* The bytes of a small file, as the format says them: what other tools will see. */
static void exact_bytes(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const char *path = test_path();
    named_tensor tensors[TENSORS];
    uint8_t *got;
    size_t size;
    make_tensors(tensors);
    assert_ok(context, safetensors_write(context, path, tensors + 1, 2, metadata, 1));
    assert_ok(context, file_read(context, path, 1 << 20, &got, &size));
    const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                          "\"whole\":{\"dtype\":\"I32\",\"shape\":[5],\"data_offsets\":[0,20]},"
                          "\"__padding__.0\":{\"dtype\":\"U8\",\"shape\":[44],\"data_offsets\":[20,64]},"
                          "\"octets\":{\"dtype\":\"U8\",\"shape\":[1,2,2,1],\"data_offsets\":[64,68]}}";
    const size_t length = sizeof header - 1, data = (8 + length + 63) / 64 * 64;
    bytes b = bytes_of(got, size);
    assert_int_equal(bytes_u64_le(&b), data - 8);
    assert_int_equal(size, data + 68);
    assert_memory_equal(got + 8, header, length);
    for (size_t i = 8 + length; i < data; i++)
        assert_int_equal(got[i], ' ');
    for (size_t i = 20; i < 64; i++)
        assert_int_equal(got[data + i], 0);
    assert_memory_equal(got + data + 64, octets, 4);
    memory_free(context, got);
    tacit_context_destroy(context);
}

static void nothing_to_write(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const char *path = test_path();
    safetensors_file f;
    assert_ok(context, safetensors_write(context, path, NULL, 0, NULL, 0));
    assert_ok(context, safetensors_read(&f, context, path, 0));
    assert_int_equal(f.count, 0);
    assert_null(safetensors_metadata(&f, "format"));
    safetensors_close(&f);
    tacit_context_destroy(context);
}

static void refused_to_write(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const char *path = test_path();
    const char *cases[][2] = {{"", "the tensor name \"\" is empty"},
                              {"a", "the tensor name \"a\" occurs twice"},
                              {"__metadata__", "the tensor name \"__metadata__\" is reserved"},
                              {"__padding__.7", "the tensor name \"__padding__.7\" is reserved"},
                              {"\xff", "is not UTF-8"}};
    named_tensor tensors[2] = {{.name = "a", .tensor = {DTYPE_F32, {1, {6}}, floats}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tensors[1] = tensors[0];
        memset(tensors[1].name, 0, sizeof tensors[1].name);
        memcpy(tensors[1].name, cases[i][0], strlen(cases[i][0]));
        context_begin(context);
        assert_fails(context, safetensors_write(context, path, tensors, 2, NULL, 0), TACIT_ARGUMENT,
                     cases[i][1]);
        assert_non_null(strstr(tacit_context_message(context), "a.safetensors: "));
    }
    context_begin(context);
    memset(tensors[1].name, 'n', sizeof tensors[1].name);
    assert_fails(context, safetensors_write(context, path, tensors, 2, NULL, 0), TACIT_ARGUMENT,
                 "name is longer than 159 bytes");
    context_begin(context);
    memcpy(tensors[0].dtype_name, "F64", 4);
    assert_fails(context, safetensors_write(context, path, tensors, 1, NULL, 0), TACIT_ARGUMENT,
                 "tensor a: cannot write dtype F64");
    context_begin(context);
    assert_fails(context, safetensors_write(context, path, NULL, 0, &(metadata_entry){"k", "\xff"}, 1),
                 TACIT_ARGUMENT, "metadata k is not UTF-8");
    assert_false(file_exists(path));
    tacit_context_destroy(context);
}

/* ---- damage ---- */

/* A file of `header` and `data_size` zeros, as an exact heap block, so that the sanitizer sees one byte too
 * many. */
static uint8_t *compose(const char *header, size_t data_size, size_t *size)
{
    const size_t length = strlen(header);
    *size = 8 + length + data_size;
    uint8_t *out = calloc(*size, 1);
    bytes_put_u64_le(out, length);
    memcpy(out + 8, header, length);
    return out;
}

static void check_damage(const char *header, size_t data_size, tacit_status status, const char *message)
{
    test_memory memory = {0};
    tacit_context *context = test_context_on(&memory);
    safetensors_file f;
    size_t size;
    uint8_t *file = compose(header, data_size, &size);
    assert_fails(context, safetensors_parse(&f, context, "x.safetensors", file, size), status, message);
    assert_non_null(strstr(tacit_context_message(context), "x.safetensors: "));
    assert_true(f.count == 0 && !f.bytes && !f.tensors && !f.metadata);
    free(file);
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
}

#define ENTRY(name, dtype, shape, offsets)                                                                   \
    "\"" name "\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{" ENTRY("a", dtype, shape, offsets) "}"

static void damaged_tensors(void **state)
{
    (void)state;
    const struct {
        const char *header;
        size_t data;
        tacit_status status;
        const char *message;
    } cases[] = {
        {ONE("\"F32\"", "[2]", "[0,8]"), 4, TACIT_FORMAT,
         "a: offsets 0 to 8 are outside the 4 bytes of data"},
        {ONE("\"F32\"", "[2]", "[8,0]"), 8, TACIT_FORMAT, "a: offsets 8 to 0 are outside"},
        {ONE("\"F32\"", "[2]", "[0,7]"), 8, TACIT_FORMAT, "shape and dtype need 8 bytes, the offsets hold 7"},
        {ONE("\"F32\"", "[0]", "[0,8]"), 8, TACIT_FORMAT, "shape and dtype need 0 bytes, the offsets hold 8"},
        {ONE("\"F32\"", "[2]", "[-8,0]"), 8, TACIT_FORMAT, "data_offsets are not two whole numbers"},
        {ONE("\"F32\"", "[2]", "[0,8.0]"), 8, TACIT_FORMAT, "data_offsets are not two whole numbers"},
        {ONE("\"F32\"", "[2]", "[0]"), 8, TACIT_FORMAT, "data_offsets are not two whole numbers"},
        {ONE("\"F32\"", "[2]", "[0,8,8]"), 8, TACIT_FORMAT, "data_offsets are not two whole numbers"},
        {ONE("\"F32\"", "[2]", "8"), 8, TACIT_FORMAT, "data_offsets are not two whole numbers"},
        {ONE("\"F32\"", "[-2]", "[0,8]"), 8, TACIT_FORMAT, "a shape that is not of whole numbers"},
        {ONE("\"F32\"", "[\"2\"]", "[0,8]"), 8, TACIT_FORMAT, "a shape that is not of whole numbers"},
        {ONE("\"F32\"", "2", "[0,8]"), 8, TACIT_FORMAT, "no shape"},
        {ONE("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, TACIT_FORMAT, "a shape larger than memory"},
        {ONE("\"F32\"", "[9223372036854775807]", "[0,0]"), 0, TACIT_FORMAT, "a shape larger than memory"},
        {ONE("\"F32\"", "[1,1,1,1,1]", "[0,4]"), 4, TACIT_UNSUPPORTED, "more than 4 axes"},
        {ONE("\"F33\"", "[1]", "[0,4]"), 4, TACIT_FORMAT, "tensor a: unknown dtype"},
        {ONE("32", "[1]", "[0,4]"), 4, TACIT_FORMAT, "expected an object of dtype, shape and data_offsets"},
        {"{\"a\":7}", 4, TACIT_FORMAT, "expected an object of dtype, shape and data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, TACIT_FORMAT, "expected an object of dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4, TACIT_FORMAT,
         "expected an"},
        {"{" ENTRY("", "\"F32\"", "[1]", "[0,4]") "}", 4, TACIT_UNSUPPORTED, "the name is empty or longer"},
        {"{" ENTRY("a", "\"U8\"", "[1]", "[0,1]") "," ENTRY("a", "\"U8\"", "[1]", "[1,2]") "}", 2,
         TACIT_FORMAT, "duplicate object key"},
        {"{" ENTRY("a", "\"U8\"", "[2]", "[0,2]") "," ENTRY("b", "\"U8\"", "[2]", "[1,3]") "}", 3,
         TACIT_FORMAT, "tensor b: overlaps another"},
        {"{" ENTRY("b", "\"U8\"", "[2]", "[3,5]") "," ENTRY("a", "\"U8\"", "[2]", "[0,2]") "}", 5,
         TACIT_FORMAT, "tensor b: there is a hole before it"},
        {ONE("\"U8\"", "[2]", "[1,3]"), 3, TACIT_FORMAT, "tensor a: there is a hole before it"},
        {ONE("\"U8\"", "[2]", "[0,2]"), 3, TACIT_FORMAT, "1 bytes of data belong to no tensor"},
        {"{" ENTRY("__padding__.0", "\"U8\"", "[2]", "[0,3]") "}", 3, TACIT_FORMAT, "the offsets hold 3"},
        {"{" ENTRY("line\\nbreak", "\"U8\"", "[2]", "[0,3]") "}", 3, TACIT_FORMAT, "tensor line?break:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_damage(cases[i].header, cases[i].data, cases[i].status, cases[i].message);
}

static void damaged_headers(void **state)
{
    (void)state;
    const char *cases[][2] = {
        {"", "header, byte 0: "},
        {"[]", "the header is not a JSON object"},
        {"{", "header, byte 1: "},
        {"{} x", "header, byte "},
        {"{\"__metadata__\":7}", "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"k\":7}}", "metadata k is not a text"},
        {"{\"a\\u0000b\":7}", "header, byte "},
        {"{\"\xff\":7}", "header, byte "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_damage(cases[i][0], 0, TACIT_FORMAT, cases[i][1]);
    char deep[5000] = "{\"a\":";
    memset(deep + 5, '[', sizeof deep - 6);
    deep[sizeof deep - 1] = '\0';
    check_damage(deep, 0, TACIT_FORMAT, "maximum parsing depth");
    char name[400];
    snprintf(name, sizeof name, "{\"%0160d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 0);
    check_damage(name, 1, TACIT_UNSUPPORTED, "the name is empty or longer than 159 bytes");
}

static void damaged_lengths(void **state)
{
    (void)state;
    const struct {
        uint64_t length;
        size_t size;
        const char *message;
    } cases[] = {
        {0, 7, "7 bytes are too few for a safetensors file"},
        {1, 8, "a header of 1 bytes, where 0 bytes follow"},
        {UINT64_MAX, 16, "a header of 18446744073709551615 bytes, where 8 bytes follow"},
        {100000001, 100000009, "a header of 100000001 bytes, where 100000001 bytes follow"},
    };
    tacit_context *context = test_context();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        safetensors_file f;
        uint8_t length[8], *file = calloc(cases[i].size, 1);
        bytes_put_u64_le(length, cases[i].length);
        memcpy(file, length, cases[i].size < 8 ? cases[i].size : 8);
        context_begin(context);
        assert_fails(context, safetensors_parse(&f, context, "x", file, cases[i].size), TACIT_FORMAT,
                     cases[i].message);
        free(file);
    }
    tacit_context_destroy(context);
}

static void unusual_but_right(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    safetensors_file f;
    size_t size;
    /* Out of order, dtypes that are only listed, an empty tensor inside. */
    uint8_t *file =
        compose(" {" ENTRY("b", "\"BF16\"", "[3]", "[8,14]") "," ENTRY(
                    "e", "\"F64\"", "[0,7]", "[8,8]") "," ENTRY("a", "\"F64\"", "[]", "[0,8]") "} ",
                14, &size);
    assert_ok(context, safetensors_parse(&f, context, "x", file, size));
    free(file); /* it was copied */
    assert_int_equal(f.count, 3);
    const named_tensor *a = safetensors_find(&f, "a"), *b = safetensors_find(&f, "b");
    assert_true(a && b && a->size == 8 && b->size == 6);
    assert_string_equal(a->dtype_name, "F64");
    assert_string_equal(b->dtype_name, "BF16");
    assert_ptr_equal(b->tensor.data, (uint8_t *)a->tensor.data + 8);
    assert_int_equal(a->tensor.shape.rank, 0);
    safetensors_close(&f);
    safetensors_close(&f);
    tacit_context_destroy(context);
}

/* ---- every byte ---- */

static uint8_t *whole_file(tacit_context *context, size_t *size)
{
    uint8_t *out;
    named_tensor tensors[TENSORS];
    const char *path = test_path();
    make_tensors(tensors);
    assert_ok(context, safetensors_write(context, path, tensors, TENSORS, metadata, 2));
    assert_ok(context, file_read(context, path, 1 << 20, &out, size));
    return out;
}

static void cut_at_every_length(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    size_t size;
    uint8_t *file = whole_file(context, &size);
    for (size_t cut = 0; cut < size; cut++) {
        safetensors_file f;
        uint8_t *exact = malloc(cut + !cut);
        memcpy(exact, file, cut);
        context_begin(context);
        assert_fails(context, safetensors_parse(&f, context, "cut", exact, cut), TACIT_FORMAT, "cut: ");
        free(exact);
    }
    memory_free(context, file);
    tacit_context_destroy(context);
}

/* A flip is an error with a message, or another valid file: then all its tensors lie inside. */
static void flips_of_every_header_byte(void **state)
{
    (void)state;
    test_memory memory = {0};
    tacit_context *context = test_context_on(&memory);
    size_t size, errors = 0;
    uint8_t *file = whole_file(context, &size);
    bytes b = bytes_of(file, size);
    const size_t header = 8 + (size_t)bytes_u64_le(&b);
    for (size_t at = 0; at < header; at++)
        for (int bit = 0; bit < 8; bit++) {
            safetensors_file f;
            context_begin(context);
            file[at] ^= (uint8_t)(1 << bit);
            const tacit_status status = safetensors_parse(&f, context, "flip", file, size);
            file[at] ^= (uint8_t)(1 << bit);
            if (status != TACIT_OK) {
                assert_true(strlen(tacit_context_message(context)) > 10);
                errors++;
                continue;
            }
            for (size_t i = 0; i < f.count; i++)
                assert_true((uint8_t *)f.tensors[i].tensor.data + f.tensors[i].size <= f.bytes + size);
            safetensors_close(&f);
        }
    assert_true(errors > header * 4);
    memory_free(context, file);
    tacit_context_destroy(context);
    assert_int_equal(memory.alive, 0);
}

/* ---- memory, files ---- */

static tacit_status write_and_read(tacit_context *context, void *path)
{
    named_tensor tensors[TENSORS];
    safetensors_file f, again;
    make_tensors(tensors);
    TRY(safetensors_write(context, path, tensors, TENSORS, metadata, 2));
    TRY(safetensors_read(&f, context, path, 0));
    const tacit_status status = safetensors_parse(&again, context, "memory", f.bytes, f.size);
    safetensors_close(&f);
    safetensors_close(&again);
    return status;
}

static void no_memory_at_every_allocation(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s", test_path());
    /* the writer's three; bytes, tensors and spans of two readers */
    assert_true(test_each_failed_allocation(write_and_read, path) >= 9);
}

static void limits_and_missing_files(void **state)
{
    (void)state;
    tacit_context *context = test_context();
    const char *path = test_path();
    safetensors_file f;
    named_tensor tensors[TENSORS];
    make_tensors(tensors);
    assert_fails(context, safetensors_read(&f, context, path, 0), TACIT_IO, "a.safetensors: cannot read");
    context_begin(context);
    assert_ok(context, safetensors_write(context, path, tensors, TENSORS, NULL, 0));
    assert_fails(context, safetensors_read(&f, context, path, 100), TACIT_LIMIT,
                 "larger than the limit of 100 bytes");
    assert_true(!f.bytes && f.count == 0);
    tacit_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(same_bytes_again),
        cmocka_unit_test(exact_bytes),
        cmocka_unit_test(nothing_to_write),
        cmocka_unit_test(refused_to_write),
        cmocka_unit_test(damaged_tensors),
        cmocka_unit_test(damaged_headers),
        cmocka_unit_test(damaged_lengths),
        cmocka_unit_test(unusual_but_right),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(flips_of_every_header_byte),
        cmocka_unit_test(no_memory_at_every_allocation),
        cmocka_unit_test(limits_and_missing_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
