/* op_redundancy: the correlation of two views' columns, in blocks of its rows, and its distance from the
 * identity. What stays for backward is the gradient of C, in C's place. */
#include "op/kernel.h"

/* Rows of C in a block, and rows of a gradient. Fixed: the order of sums depends on them. */
enum { BLOCK = 128 };

typedef struct redundancy {
    tape *tape;
    int64_t rows, width;
    const float *transposed, *b; /* forward: a^T (D, N), b (N, D) */
    float weight;
    float *correlation; /* (D, D): C, then d loss / d (a^T b) */
    double *loss;       /* (blocks) */
    const float *other; /* backward: the view that is multiplied by the gradient of C */
    bool of_a;          /* backward: a's gradient is formed, else b's */
    float *diff;
    bool add;
} redundancy;

static int64_t blocks_of(int64_t count)
{
    return (count + BLOCK - 1) / BLOCK;
}

static int64_t block_rows(int64_t count, int64_t block)
{
    return count - block * BLOCK < BLOCK ? count - block * BLOCK : BLOCK;
}

static bool product(const redundancy *j, int worker, const matmul_shape *s, const float *src,
                    const float *wei, float *dst)
{
    const tacit_status status = kernel_matmul(j->tape, worker, s, src, wei, NULL, dst);
    if (status != TACIT_OK)
        tape_fail(j->tape, status, "matrix product of redundancy reduction");
    return status == TACIT_OK;
}

/* Sum of the squares of `row`, each becoming its gradient; element `self` counts as a correlation that should
 * be 1, with weight 1. */
static double row_loss(float *row, int64_t width, int64_t self, float weight, float scale)
{
    const float diagonal = row[self] * scale - 1.0f;
    double sum = 0.0;
    for (int64_t i = 0; i < width; i++) {
        const float c = row[i] * scale;
        sum += i == self ? 0.0 : (double)c * (double)c;
        row[i] = 2.0f * weight * c * scale;
    }
    row[self] = 2.0f * diagonal * scale;
    return (double)weight * sum + (double)diagonal * (double)diagonal;
}

static void forward_block(void *user, int64_t block, int worker)
{
    const redundancy *j = user;
    const int64_t first = block * BLOCK, rows = block_rows(j->width, block);
    const matmul_shape s = {.batch = 1, .m = rows, .n = j->width, .k = j->rows};
    float *c = j->correlation + first * j->width;
    j->loss[block] = 0.0;
    if (!product(j, worker, &s, j->transposed + first * j->rows, j->b, c))
        return;
    for (int64_t r = 0; r < rows; r++, c += j->width)
        j->loss[block] += row_loss(c, j->width, first + r, j->weight, 1.0f / (float)j->rows);
}

/* da = b G^T, db = a G. */
static void backward_block(void *user, int64_t block, int worker)
{
    const redundancy *j = user;
    const int64_t at = block * BLOCK * j->width;
    const matmul_shape s = {.batch = 1,
                            .m = block_rows(j->rows, block),
                            .n = j->width,
                            .k = j->width,
                            .wei_transposed = j->of_a,
                            .accumulate = j->add};
    product(j, worker, &s, j->other + at, j->correlation, j->diff + at);
}

static void put_gradient(redundancy *j, value into, value other, bool of_a)
{
    const contribution c = tape_contribute(j->tape, into);
    if (!c.data)
        return;
    j->other = tape_f32(j->tape, other);
    j->of_a = of_a;
    j->diff = c.data;
    j->add = c.add;
    kernel_run(j->tape, blocks_of(j->rows), backward_block, j);
}

static void redundancy_backward(tape *t, const record *r)
{
    const shape s = tape_tensor(t, r->inputs[0])->shape;
    const float upstream = tape_output_gradient(t, r)[0];
    redundancy j = {.tape = t, .rows = s.size[0], .width = s.size[1], .correlation = r->saved};
    for (int64_t i = 0; i < j.width * j.width; i++)
        j.correlation[i] *= upstream;
    put_gradient(&j, r->inputs[0], r->inputs[1], true);
    put_gradient(&j, r->inputs[1], r->inputs[0], false);
}

static const op redundancy_op = {"redundancy", 1u << 0 | 1u << 1, false, redundancy_backward};

/* Fills C and returns the loss. */
static double correlate(redundancy *j, const float *a)
{
    const size_t size = (size_t)(j->rows * j->width) * sizeof(float);
    const size_t loss_size = (size_t)blocks_of(j->width) * sizeof(double);
    float *transposed = tape_take(j->tape, size);
    double sum = 0.0;
    j->loss = tape_take(j->tape, loss_size);
    if (!transposed || !j->loss)
        return 0.0;
    kernel_transpose(j->tape, a, j->rows, j->width, transposed);
    j->transposed = transposed;
    kernel_run(j->tape, blocks_of(j->width), forward_block, j);
    for (int64_t i = 0; i < blocks_of(j->width); i++)
        sum += j->loss[i];
    tape_give(j->tape, j->loss, loss_size);
    tape_give(j->tape, transposed, size);
    return sum;
}

value op_redundancy(tape *t, value a, value b, float weight)
{
    if (!tape_ready(t, (value[]){a, b}, 2))
        return (value){0};
    const shape s = tape_tensor(t, a)->shape, other = tape_tensor(t, b)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (s.rank != 2 || !shape_equal(s, other) || shape_count(s) == 0 || !(weight >= 0.0f))
        return tape_fail(t, TACIT_SHAPE, "redundancy: views %s and %s, weight %g", shape_text(s, one),
                         shape_text(other, two), (double)weight);
    const value y = tape_output(t, DTYPE_F32, shape_1(1));
    const size_t saved_size = (size_t)(s.size[1] * s.size[1]) * sizeof(float);
    redundancy j = {.tape = t,
                    .rows = s.size[0],
                    .width = s.size[1],
                    .b = tape_f32(t, b),
                    .weight = weight,
                    .correlation = tape_take(t, saved_size)};
    if (!tape_f32(t, y) || !j.correlation)
        return (value){0};
    *tape_f32(t, y) = (float)correlate(&j, tape_f32(t, a));
    return tape_record(t, &(record){.op = &redundancy_op,
                                    .inputs = {a, b},
                                    .output = y,
                                    .saved = j.correlation,
                                    .saved_size = saved_size});
}
