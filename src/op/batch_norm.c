/* op_batch_norm and op_batch_norm_views: over the rows, in blocks of a fixed number of rows whose sums are
 * added in order. Interleaved views are normalised apart by taking the rows of one example for one long row:
 * (N, D) is then (N / views, views D), whose columns are those of one view. */
#include "op/kernel.h"

#include <math.h>
#include <string.h>

static const float batch_norm_epsilon = 1e-5f;

/* Rows in one partial sum, with or without workers. */
enum { SUM_ROWS = 256 };

typedef struct norm_job {
    int64_t rows, width;     /* of the long rows: N / views, views D */
    int64_t parameter_width; /* D: gain and bias are shared by the views */
    const float *src, *mean, *scale, *gain, *bias, *diff_dst;
    const double *sum_dy, *sum_dy_xhat; /* (width) each: totals */
    float *dst;
    double *partial; /* (blocks, 2, width) */
    bool add;
} norm_job;

static int64_t sum_blocks(int64_t rows)
{
    return (rows + SUM_ROWS - 1) / SUM_ROWS;
}

static int64_t rows_of(const norm_job *j, int64_t i)
{
    const int64_t left = j->rows - i * SUM_ROWS;
    return left < SUM_ROWS ? left : SUM_ROWS;
}

/* Partial sums of (x - shift) and its square, shift being the first row: no cancellation. */
KERNEL static void sums_kernel(const float *x, const float *shift, int64_t rows, int64_t width, double *sum,
                               double *squares)
{
    for (int64_t r = 0; r < rows; r++, x += width)
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            const double d = (double)x[i] - (double)shift[i];
            sum[i] += d;
            squares[i] += d * d;
        }
}

static void sums_block(void *user, int64_t i, int worker)
{
    (void)worker;
    const norm_job *j = user;
    double *sum = j->partial + i * 2 * j->width;
    memset(sum, 0, (size_t)(2 * j->width) * sizeof *sum);
    sums_kernel(j->src + i * SUM_ROWS * j->width, j->src, rows_of(j, i), j->width, sum, sum + j->width);
}

KERNEL static void gradient_sums_kernel(const float *x, const float *dy, const float *mean,
                                        const float *scale, int64_t rows, int64_t width, double *sum,
                                        double *product)
{
    for (int64_t r = 0; r < rows; r++, x += width, dy += width)
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            sum[i] += (double)dy[i];
            product[i] += (double)(dy[i] * ((x[i] - mean[i]) * scale[i]));
        }
}

static void gradient_sums_block(void *user, int64_t i, int worker)
{
    (void)worker;
    const norm_job *j = user;
    const int64_t at = i * SUM_ROWS * j->width;
    double *sum = j->partial + i * 2 * j->width;
    memset(sum, 0, (size_t)(2 * j->width) * sizeof *sum);
    gradient_sums_kernel(j->src + at, j->diff_dst + at, j->mean, j->scale, rows_of(j, i), j->width, sum,
                         sum + j->width);
}

/* All partial sums into the first, in order. */
static void add_partial(const norm_job *j)
{
    for (int64_t b = 1; b < sum_blocks(j->rows); b++)
        for (int64_t i = 0; i < 2 * j->width; i++)
            j->partial[i] += j->partial[b * 2 * j->width + i];
}

static void forward_block(void *user, int64_t b, int worker)
{
    (void)worker;
    const norm_job *j = user;
    const int64_t width = j->width;
    const float *x = j->src + b * SUM_ROWS * width;
    float *y = j->dst + b * SUM_ROWS * width;
    for (int64_t r = 0; r < rows_of(j, b); r++, x += width, y += width)
        for (int64_t first = 0; first < width; first += j->parameter_width)
            for (int64_t i = 0; i < j->parameter_width; i++)
                y[first + i] = (x[first + i] - j->mean[first + i]) * j->scale[first + i] *
                                   (j->gain ? j->gain[i] : 1.0f) +
                               (j->bias ? j->bias[i] : 0.0f);
}

/* One number of the gradient. */
INLINE float input_gradient(const norm_job *j, int64_t i, float gain, float x, float dy)
{
    const float a = (float)(j->sum_dy[i] / (double)j->rows), c = (float)(j->sum_dy_xhat[i] / (double)j->rows);
    const float xhat = (x - j->mean[i]) * j->scale[i];
    return gain * j->scale[i] * (dy - a - xhat * c);
}

/* dx = gain scale (dy - mean(dy) - xhat mean(dy xhat)) */
static void backward_block(void *user, int64_t b, int worker)
{
    (void)worker;
    const norm_job *j = user;
    const int64_t width = j->width, at = b * SUM_ROWS * width;
    const float *x = j->src + at, *dy = j->diff_dst + at;
    float *dx = j->dst + at;
    for (int64_t r = 0; r < rows_of(j, b); r++, x += width, dy += width, dx += width)
        for (int64_t first = 0; first < width; first += j->parameter_width)
            for (int64_t i = 0; i < j->parameter_width; i++) {
                const int64_t k = first + i;
                const float d = input_gradient(j, k, j->gain ? j->gain[i] : 1.0f, x[k], dy[k]);
                dx[k] = j->add ? dx[k] + d : d;
            }
}

/* Over the views, which share gain and bias. */
static void put_sums(contribution c, const norm_job *j, const double *sums)
{
    for (int64_t i = 0; c.data && i < j->parameter_width; i++) {
        double sum = sums[i];
        for (int64_t k = i + j->parameter_width; k < j->width; k += j->parameter_width)
            sum += sums[k];
        c.data[i] = c.add ? c.data[i] + (float)sum : (float)sum;
    }
}

static norm_job job_of(tape *t, const value *inputs, int64_t views)
{
    const shape s = tape_tensor(t, inputs[0])->shape;
    return (norm_job){.rows = s.size[0] / views,
                      .width = s.size[1] * views,
                      .parameter_width = s.size[1],
                      .src = tape_f32(t, inputs[0]),
                      .gain = tape_f32(t, inputs[1]),
                      .bias = tape_f32(t, inputs[2])};
}

static void batch_norm_backward(tape *t, const record *r)
{
    const contribution src = tape_contribute(t, r->inputs[0]);
    norm_job j = job_of(t, r->inputs, r->whole);
    const int64_t width = j.width;
    j.mean = r->saved;
    j.scale = j.mean + width;
    j.diff_dst = tape_output_gradient(t, r);
    j.dst = src.data;
    j.add = src.add;
    const size_t size = (size_t)(sum_blocks(j.rows) * 2 * width) * sizeof(double);
    j.partial = tape_take(t, size);
    if (!j.partial)
        return;
    kernel_run(t, sum_blocks(j.rows), gradient_sums_block, &j);
    add_partial(&j);
    j.sum_dy = j.partial;
    j.sum_dy_xhat = j.partial + width;
    put_sums(tape_contribute(t, r->inputs[1]), &j, j.sum_dy_xhat);
    put_sums(tape_contribute(t, r->inputs[2]), &j, j.sum_dy);
    if (src.data)
        kernel_run(t, sum_blocks(j.rows), backward_block, &j);
    tape_give(t, j.partial, size);
}

static const op batch_norm = {"batch_norm", 1u << 0 | 1u << 1, false, batch_norm_backward};

/* Mean and 1/deviation of each column into `saved`. */
static bool measure(tape *t, norm_job *j, float *saved)
{
    const size_t size = (size_t)(sum_blocks(j->rows) * 2 * j->width) * sizeof(double);
    j->partial = tape_take(t, size);
    if (!j->partial)
        return false;
    kernel_run(t, sum_blocks(j->rows), sums_block, j);
    add_partial(j);
    for (int64_t i = 0; i < j->width; i++) {
        const double mean = j->partial[i] / (double)j->rows;
        const double variance = j->partial[j->width + i] / (double)j->rows - mean * mean;
        saved[i] = (float)((double)j->src[i] + mean);
        saved[j->width + i] = (float)(1.0 / sqrt((variance > 0 ? variance : 0) + (double)batch_norm_epsilon));
    }
    tape_give(t, j->partial, size);
    return true;
}

static bool fits(tape *t, value x, value parameter, int64_t views)
{
    const shape s = tape_tensor(t, x)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (s.rank != 2 || views < 1 || s.size[0] % views || s.size[0] / views < 2) {
        tape_fail(t, TACIT_SHAPE,
                  "batch norm: expected at least two rows (N, D) of each of %lld views, got %s",
                  (long long)views, shape_text(s, one));
        return false;
    }
    const tensor *p = tape_tensor(t, parameter);
    if (p && !shape_equal(p->shape, shape_1(s.size[1])))
        tape_fail(t, TACIT_SHAPE, "batch norm: input %s does not fit gain or bias %s", shape_text(s, one),
                  shape_text(p->shape, two));
    return tape_status(t) == TACIT_OK;
}

value op_batch_norm(tape *t, value x, value gain, value bias)
{
    return op_batch_norm_views(t, x, gain, bias, 1);
}

value op_batch_norm_views(tape *t, value x, value gain, value bias, int64_t views)
{
    if (!tape_ready(t, &x, 1) || !fits(t, x, gain, views) || !fits(t, x, bias, views))
        return (value){0};
    const value y = tape_output(t, DTYPE_F32, tape_tensor(t, x)->shape);
    norm_job j = job_of(t, (value[]){x, gain, bias}, views);
    const size_t saved_size = (size_t)(2 * j.width) * sizeof(float);
    float *saved = tape_take(t, saved_size);
    j.dst = tape_f32(t, y);
    if (!j.dst || !saved || !measure(t, &j, saved))
        return (value){0};
    j.mean = saved;
    j.scale = saved + j.width;
    kernel_run(t, sum_blocks(j.rows), forward_block, &j);
    return tape_record(t, &(record){.op = &batch_norm,
                                    .inputs = {x, gain, bias},
                                    .output = y,
                                    .saved = saved,
                                    .saved_size = saved_size,
                                    .whole = views});
}
