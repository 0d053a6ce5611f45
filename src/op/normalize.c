/* op_l2_normalize: rows to the unit sphere. */
#include "op/kernel.h"

#include <math.h>
#include <string.h>

static const float smallest_norm = 1e-12f;

typedef struct l2_job {
    const tape *tape;
    int64_t rows, width;
    const float *src, *dst_data, *diff_dst, *norms_in;
    float *dst, *norms;
    bool add;
} l2_job;

KERNEL static void normalize_rows(const float *x, int64_t rows, int64_t width, float *y, float *norms)
{
    for (int64_t r = 0; r < rows; r++, x += width, y += width) {
        float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
        for (int64_t i = 0; i < width; i++)
            squares += x[i] * x[i];
        const float norm = sqrtf(squares);
        norms[r] = norm > smallest_norm ? norm : smallest_norm;
        const float scale = 1.0f / norms[r];
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            y[i] = x[i] * scale;
    }
}

/* dx = (dy - y (y . dy)) / norm; where the norm was too small to divide by, y is linear in x and the second
 * term is 0. */
KERNEL static void normalize_backward(const float *y, const float *dy, const float *norms, int64_t rows,
                                      int64_t width, float *dx, bool add)
{
    for (int64_t r = 0; r < rows; r++, y += width, dy += width, dx += width) {
        float along = 0.0f;
#pragma omp simd reduction(+ : along)
        for (int64_t i = 0; i < width; i++)
            along += y[i] * dy[i];
        if (norms[r] == smallest_norm)
            along = 0.0f;
        const float scale = 1.0f / norms[r];
        if (!add)
            memset(dx, 0, (size_t)width * sizeof *dx);
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            dx[i] += (dy[i] - y[i] * along) * scale;
    }
}

static int64_t rows_of_block(const l2_job *j, int64_t i, int64_t *first)
{
    const int64_t block = kernel_block_rows(j->tape, j->rows);
    *first = i * block;
    return j->rows - *first < block ? j->rows - *first : block;
}

static void forward_block(void *user, int64_t i, int worker)
{
    (void)worker;
    const l2_job *j = user;
    int64_t first;
    const int64_t rows = rows_of_block(j, i, &first);
    normalize_rows(j->src + first * j->width, rows, j->width, j->dst + first * j->width, j->norms + first);
}

static void backward_block(void *user, int64_t i, int worker)
{
    (void)worker;
    const l2_job *j = user;
    int64_t first;
    const int64_t rows = rows_of_block(j, i, &first), at = first * j->width;
    normalize_backward(j->dst_data + at, j->diff_dst + at, j->norms_in + first, rows, j->width, j->dst + at,
                       j->add);
}

static void l2_backward(tape *t, const record *r)
{
    const contribution x = tape_contribute(t, r->inputs[0]);
    if (!x.data)
        return;
    const tensor *y = tape_tensor(t, r->output);
    l2_job j = {.tape = t,
                .rows = shape_rows(y->shape),
                .width = shape_last(y->shape),
                .dst_data = y->data,
                .diff_dst = tape_output_gradient(t, r),
                .norms_in = r->saved,
                .dst = x.data,
                .add = x.add};
    kernel_run(t, kernel_blocks(t, j.rows), backward_block, &j);
}

static const op l2_normalize = {"l2_normalize", 0, true, l2_backward};

value op_l2_normalize(tape *t, value x)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape s = tape_tensor(t, x)->shape;
    const size_t saved_size = (size_t)shape_rows(s) * sizeof(float);
    const value y = tape_output(t, DTYPE_F32, s);
    float *norms = tape_take(t, saved_size);
    if (!tape_f32(t, y) || !norms)
        return (value){0};
    l2_job j = {.tape = t,
                .rows = shape_rows(s),
                .width = shape_last(s),
                .src = tape_f32(t, x),
                .dst = tape_f32(t, y),
                .norms = norms};
    kernel_run(t, kernel_blocks(t, j.rows), forward_block, &j);
    return tape_record(
        t,
        &(record){.op = &l2_normalize, .inputs = {x}, .output = y, .saved = norms, .saved_size = saved_size});
}
