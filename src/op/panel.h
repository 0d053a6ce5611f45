/* Products of small matrices that lie where they are: one panel of 32 columns at a time, kept in registers.
 * For products too many and too small for the library behind onednn.h, which packs its operands at each
 * call. */
#ifndef OP_PANEL_H
#define OP_PANEL_H

#include <stdbool.h>
#include <stdint.h>

enum { PANEL_COLUMNS = 32, PANEL_ROWS = 8 };

/* dst (rows, 32) = a (rows, depth) b (depth, 32), or dst += that. rows is a multiple of PANEL_ROWS; of each
 * element the products are summed in order of depth. */
typedef struct panel_product {
    int64_t rows, depth;
    const float *a; /* element (i, k) is a[i * a_row + k * a_depth] */
    int64_t a_row, a_depth;
    const float *b; /* row k begins at b + k * b_step */
    int64_t b_step;
    float *dst; /* row i begins at dst + i * dst_step */
    int64_t dst_step;
    bool add;
} panel_product;

typedef void (*panel_function)(const panel_product *p);

/* The function with the widest registers that this machine has, of at most `bytes` (16, 32 or 64). */
panel_function panel_of_width(int bytes);

#endif
