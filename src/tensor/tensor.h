/* A tensor: dtype, shape, and where the numbers are. Always dense and row-major; a view is a tensor whose
 * data lies in another's. Owns nothing.
 *
 * Dimension letters used everywhere: B examples of a lane, H W C height, width, channels of a picture, T
 * tokens, P numbers in a patch, D width. */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include "base/memory.h"

typedef enum dtype { DTYPE_F32, DTYPE_I32, DTYPE_U8 } dtype;

enum { SHAPE_MAX = 4, SHAPE_TEXT = 96 };

typedef struct shape {
    int rank;
    int64_t size[SHAPE_MAX];
} shape;

typedef struct tensor {
    dtype dtype;
    shape shape;
    void *data;
} tensor;

size_t dtype_size(dtype type); /* bytes of one number */

shape shape_1(int64_t a);
shape shape_2(int64_t a, int64_t b);
shape shape_3(int64_t a, int64_t b, int64_t c);
shape shape_4(int64_t a, int64_t b, int64_t c, int64_t d);
shape shape_many(int64_t count, shape one); /* (count, ...): `count` of them; rank below SHAPE_MAX */
bool shape_equal(shape a, shape b);
int64_t shape_count(shape s);                          /* product of the sizes; 1 for rank 0 */
int64_t shape_rows(shape s);                           /* product of all but the last size */
int64_t shape_last(shape s);                           /* the last size; 1 for rank 0 */
const char *shape_text(shape s, char out[SHAPE_TEXT]); /* "(8, 65, 192)" */

tensor tensor_of(dtype type, shape s, void *data);
size_t tensor_bytes(const tensor *t);

#endif
