/* safetensors: a JSON header and dense little-endian tensors, so that any other tool opens our weights.
 * Written with every tensor aligned to 64 bytes; read with every number checked against the bytes that are
 * there.
 *
 *   u64 n | JSON of n bytes {"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {text: text}} | data
 *
 * The format allows no holes between tensors, and other readers refuse them. So where a tensor would not
 * start at a multiple of 64 bytes, a U8 tensor of zeros called "__padding__.0", "__padding__.1", ... goes
 * before it; our reader checks such tensors and does not list them. */
#ifndef MODEL_SAFETENSORS_H
#define MODEL_SAFETENSORS_H

#include "tensor/tensor.h"

enum { SAFETENSORS_NAME = 160 };

/* One tensor to write or one that was found. dtype of ours; reading also accepts F64, I64 only to list them.
 */
typedef struct named_tensor {
    char name[SAFETENSORS_NAME];
    char dtype_name[8]; /* "F32", "I32", "U8", "F64", "I64", "BF16", ... */
    tensor tensor; /* when read: data borrowed from the file's bytes, 64-byte aligned if the file is; dtype
                      valid only for F32, I32, U8 */
    size_t size;   /* bytes */
} named_tensor;

/* Texts of __metadata__. */
typedef struct metadata_entry {
    const char *key, *value;
} metadata_entry;

/* Whole or not at all. The order of tensors is kept; equal input gives equal bytes. TACIT_ARGUMENT for a name
 * that is empty, too long, twice, not UTF-8 or one of the two above, and for a dtype_name that is neither
 * empty nor the dtype's. */
tacit_status safetensors_write(tacit_context *context, const char *path, const named_tensor *tensors,
                               size_t count, const metadata_entry *metadata, size_t metadata_count);

typedef struct safetensors_file {
    tacit_context *context;
    uint8_t *bytes; /* owned; aligned so that data offsets that are multiples of 64 are aligned */
    size_t size;
    named_tensor *tensors;
    size_t count;
    struct json_t *metadata; /* owned; NULL: none */
} safetensors_file;

/* Any damage is TACIT_FORMAT naming path and what was wrong: a header over 100 MB or past the end, JSON that
 * is not of the form above, a shape whose product overflows or does not match its bytes, offsets outside the
 * file, overlapping or leaving holes, a duplicate name. More than SHAPE_MAX axes, or a name that is too long
 * for us, is TACIT_UNSUPPORTED. `limit` bounds the file's size in bytes; 0: 1 TB. After a failure *out is
 * empty. */
tacit_status safetensors_read(safetensors_file *out, tacit_context *context, const char *path, size_t limit);
/* The same from memory, which is copied; `name` is for messages. */
tacit_status safetensors_parse(safetensors_file *out, tacit_context *context, const char *name,
                               const uint8_t *bytes, size_t size);
const named_tensor *safetensors_find(const safetensors_file *f, const char *name); /* NULL: none */
/* Text of a __metadata__ key, or NULL; borrowed. */
const char *safetensors_metadata(const safetensors_file *f, const char *key);
void safetensors_close(safetensors_file *f);

#endif
