/* op_vicreg: each view's columns lie as rows while their means, deviations and covariance are taken, in
 * blocks of a fixed number of columns. What stays for backward is, for each view, the mean and the matrix G
 * with d (variance and covariance terms) / dx = (x - mean) G, whose diagonal is the variance's share:
 * centring needs no backward, (x - mean) G has columns of mean 0. */
#include "op/kernel.h"

#include <math.h>

static const double vicreg_epsilon = 1e-4;

/* Columns in a block of the forward, rows in one of the backward. Fixed: the order of sums depends on them.
 */
enum { BLOCK = 128 };

typedef struct vicreg {
    tape *tape;
    int64_t rows, width;
    vicreg_weights weights;
    float *columns;         /* (D, N): one view, transposed; its rows are then centred */
    float *mean;            /* (D) */
    float *matrix;          /* (D, D): covariance, then G */
    double *loss;           /* (blocks): variance and covariance terms of the view */
    const float *x, *other; /* backward: the view, and the one it should be like */
    float *centred, *diff;  /* (N, D) */
    float upstream;
    bool add;
} vicreg;

static int64_t blocks_of(int64_t count)
{
    return (count + BLOCK - 1) / BLOCK;
}

static int64_t block_size(int64_t count, int64_t block)
{
    return count - block * BLOCK < BLOCK ? count - block * BLOCK : BLOCK;
}

static bool product(const vicreg *j, int worker, const matmul_shape *s, const float *src, const float *wei,
                    float *dst)
{
    const tacit_status status = kernel_matmul(j->tape, worker, s, src, wei, NULL, dst);
    if (status != TACIT_OK)
        tape_fail(j->tape, status, "matrix product of variance and covariance");
    return status == TACIT_OK;
}

/* ---- forward ---- */

static void centre_block(void *user, int64_t block, int worker)
{
    (void)worker;
    const vicreg *j = user;
    const int64_t first = block * BLOCK, last = first + block_size(j->width, block);
    for (int64_t c = first; c < last; c++) {
        float *column = j->columns + c * j->rows;
        double sum = 0.0;
        for (int64_t r = 0; r < j->rows; r++)
            sum += (double)column[r];
        const double mean = sum / (double)j->rows;
        j->mean[c] = (float)mean;
        for (int64_t r = 0; r < j->rows; r++)
            column[r] = (float)((double)column[r] - mean);
    }
}

/* Row `self` of the covariance: its terms of the loss; the row becomes that of G. */
static double row_terms(const vicreg *j, float *row, int64_t self)
{
    const double width = (double)j->width, scale = 1.0 / (double)(j->rows - 1);
    const double deviation = sqrt((double)row[self] * scale + vicreg_epsilon);
    const float factor = (float)(4.0 * (double)j->weights.covariance * scale * scale / width);
    double squares = 0.0;
    for (int64_t i = 0; i < j->width; i++) {
        squares += i == self ? 0.0 : (double)row[i] * (double)row[i];
        row[i] *= factor;
    }
    const double variance = (double)j->weights.variance / (2.0 * width);
    row[self] = deviation < 1.0 ? (float)(-variance * scale / deviation) : 0.0f;
    const double gap = deviation > 1.0 ? 0.0 : 1.0 - deviation;
    return variance * gap + (double)j->weights.covariance * squares * scale * scale / width;
}

static void covariance_block(void *user, int64_t block, int worker)
{
    const vicreg *j = user;
    const int64_t first = block * BLOCK, rows = block_size(j->width, block);
    const matmul_shape s = {.batch = 1, .m = rows, .n = j->width, .k = j->rows, .wei_transposed = true};
    float *row = j->matrix + first * j->width;
    j->loss[block] = 0.0;
    if (!product(j, worker, &s, j->columns + first * j->rows, j->columns, row))
        return;
    for (int64_t r = 0; r < rows; r++, row += j->width)
        j->loss[block] += row_terms(j, row, first + r);
}

/* Variance and covariance terms of one view, whose mean and G go to `saved`. */
static double view_terms(vicreg *j, const float *x, float *saved)
{
    double sum = 0.0;
    j->mean = saved;
    j->matrix = saved + j->width;
    kernel_transpose(j->tape, x, j->rows, j->width, j->columns);
    kernel_run(j->tape, blocks_of(j->width), centre_block, j);
    kernel_run(j->tape, blocks_of(j->width), covariance_block, j);
    for (int64_t i = 0; i < blocks_of(j->width); i++)
        sum += j->loss[i];
    return sum;
}

/* Mean of (a - b)^2, by rows. */
static double mean_square(const float *a, const float *b, int64_t rows, int64_t width)
{
    double total = 0.0;
    for (int64_t r = 0; r < rows; r++, a += width, b += width) {
        double sum = 0.0;
        for (int64_t i = 0; i < width; i++)
            sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        total += sum;
    }
    return total / ((double)rows * (double)width);
}

static size_t view_size(int64_t width)
{
    return (size_t)(width + width * width);
}

/* All terms; `saved` holds view_size numbers for each view. */
static double all_terms(vicreg *j, const float *a, const float *b, float *saved)
{
    const size_t size = (size_t)(j->rows * j->width) * sizeof(float);
    const size_t loss_size = (size_t)blocks_of(j->width) * sizeof(double);
    double sum = (double)j->weights.invariance * mean_square(a, b, j->rows, j->width);
    j->columns = tape_take(j->tape, size);
    j->loss = tape_take(j->tape, loss_size);
    if (j->columns && j->loss) {
        sum += view_terms(j, a, saved);
        sum += view_terms(j, b, saved + view_size(j->width));
    }
    tape_give(j->tape, j->loss, loss_size);
    tape_give(j->tape, j->columns, size);
    return sum;
}

/* ---- backward ---- */

static void backward_block(void *user, int64_t block, int worker)
{
    const vicreg *j = user;
    const int64_t rows = block_size(j->rows, block), at = block * BLOCK * j->width, width = j->width;
    const float toward = 2.0f * j->weights.invariance * j->upstream / (float)(j->rows * width);
    const float *x = j->x + at, *other = j->other + at;
    float *centred = j->centred + at, *diff = j->diff + at;
    for (int64_t r = 0; r < rows; r++, x += width, other += width, centred += width, diff += width)
        for (int64_t i = 0; i < width; i++) {
            centred[i] = j->upstream * (x[i] - j->mean[i]);
            diff[i] = (j->add ? diff[i] : 0.0f) + toward * (x[i] - other[i]);
        }
    const matmul_shape s = {.batch = 1, .m = rows, .n = width, .k = width, .accumulate = true};
    product(j, worker, &s, j->centred + at, j->matrix, j->diff + at);
}

static void put_gradient(vicreg *j, value into, value other, float *saved)
{
    const contribution c = tape_contribute(j->tape, into);
    if (!c.data)
        return;
    j->x = tape_f32(j->tape, into);
    j->other = tape_f32(j->tape, other);
    j->mean = saved;
    j->matrix = saved + j->width;
    j->diff = c.data;
    j->add = c.add;
    kernel_run(j->tape, blocks_of(j->rows), backward_block, j);
}

static void vicreg_backward(tape *t, const record *r)
{
    const shape s = tape_tensor(t, r->inputs[0])->shape;
    float *saved = r->saved;
    vicreg j = {.tape = t,
                .rows = s.size[0],
                .width = s.size[1],
                .weights.invariance = r->number,
                .upstream = tape_output_gradient(t, r)[0]};
    const size_t size = (size_t)(j.rows * j.width) * sizeof(float);
    j.centred = tape_take(t, size);
    if (!j.centred)
        return;
    put_gradient(&j, r->inputs[0], r->inputs[1], saved);
    put_gradient(&j, r->inputs[1], r->inputs[0], saved + view_size(j.width));
    tape_give(t, j.centred, size);
}

static const op vicreg_op = {"vicreg", 1u << 0 | 1u << 1, false, vicreg_backward};

/* ---- the operator ---- */

static bool fits(tape *t, shape a, shape b, vicreg_weights w)
{
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (a.rank != 2 || !shape_equal(a, b) || a.size[0] < 2 || a.size[1] < 1)
        tape_fail(t, TACIT_SHAPE, "vicreg: expected two views (N, D) of at least two rows, got %s and %s",
                  shape_text(a, one), shape_text(b, two));
    else if (!(w.invariance >= 0.0f && w.variance >= 0.0f && w.covariance >= 0.0f))
        tape_fail(t, TACIT_SHAPE, "vicreg: weights %g, %g, %g: expected none below 0", (double)w.invariance,
                  (double)w.variance, (double)w.covariance);
    return tape_status(t) == TACIT_OK;
}

value op_vicreg(tape *t, value a, value b, vicreg_weights weights)
{
    if (!tape_ready(t, (value[]){a, b}, 2) ||
        !fits(t, tape_tensor(t, a)->shape, tape_tensor(t, b)->shape, weights))
        return (value){0};
    const shape s = tape_tensor(t, a)->shape;
    vicreg j = {.tape = t, .rows = s.size[0], .width = s.size[1], .weights = weights};
    const value y = tape_output(t, DTYPE_F32, shape_1(1));
    const size_t saved_size = 2 * view_size(j.width) * sizeof(float);
    float *saved = tape_take(t, saved_size);
    if (!tape_f32(t, y) || !saved)
        return (value){0};
    *tape_f32(t, y) = (float)all_terms(&j, tape_f32(t, a), tape_f32(t, b), saved);
    return tape_record(t, &(record){.op = &vicreg_op,
                                    .inputs = {a, b},
                                    .output = y,
                                    .saved = saved,
                                    .saved_size = saved_size,
                                    .number = weights.invariance});
}
