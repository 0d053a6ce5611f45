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
    float *terms; /* (2, width): mean of dy, mean of dy xhat */
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

KERNEL static void forward_kernel(const norm_job *j, const float *x, float *y, int64_t rows)
{
    const int64_t width = j->width;
    for (int64_t r = 0; r < rows; r++, x += width, y += width)
        for (int64_t first = 0; first < width; first += j->parameter_width) {
            const float *mean = j->mean + first, *scale = j->scale + first;
#pragma omp simd
            for (int64_t i = 0; i < j->parameter_width; i++)
                y[first + i] = (x[first + i] - mean[i]) * scale[i] * (j->gain ? j->gain[i] : 1.0f) +
                               (j->bias ? j->bias[i] : 0.0f);
        }
}

static void forward_block(void *user, int64_t b, int worker)
{
    (void)worker;
    const norm_job *j = user;
    const int64_t at = b * SUM_ROWS * j->width;
    forward_kernel(j, j->src + at, j->dst + at, rows_of(j, b));
}

/* dx = gain scale (dy - mean(dy) - xhat mean(dy xhat)). */
KERNEL static void backward_kernel(const norm_job *j, const float *x, const float *dy, float *dx,
                                   int64_t rows)
{
    const int64_t width = j->width;
    for (int64_t r = 0; r < rows; r++, x += width, dy += width, dx += width)
        for (int64_t first = 0; first < width; first += j->parameter_width)
#pragma omp simd
            for (int64_t i = 0; i < j->parameter_width; i++) {
                const int64_t k = first + i;
                const float xhat = (x[k] - j->mean[k]) * j->scale[k];
                const float d = (j->gain ? j->gain[i] : 1.0f) * j->scale[k] *
                                (dy[k] - j->terms[k] - xhat * j->terms[width + k]);
                dx[k] = j->add ? dx[k] + d : d;
            }
}

static void backward_block(void *user, int64_t b, int worker)
{
    (void)worker;
    const norm_job *j = user;
    const int64_t at = b * SUM_ROWS * j->width;
    backward_kernel(j, j->src + at, j->diff_dst + at, j->dst + at, rows_of(j, b));
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
    return (norm_job){.rows = shape_rows(s) / views,
                      .width = shape_last(s) * views,
                      .parameter_width = shape_last(s),
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
    put_sums(tape_contribute(t, r->inputs[1]), &j, j.partial + width);
    put_sums(tape_contribute(t, r->inputs[2]), &j, j.partial);
    const size_t terms_size = (size_t)(2 * width) * sizeof *j.terms;
    j.terms = tape_take(t, terms_size);
    for (int64_t i = 0; j.terms && i < 2 * width; i++)
        j.terms[i] = (float)(j.partial[i] / (double)j.rows);
    if (src.data && j.terms)
        kernel_run(t, sum_blocks(j.rows), backward_block, &j);
    tape_give(t, j.terms, terms_size);
    tape_give(t, j.partial, size);
}

static const op batch_norm = {"batch_norm", 1u << 0 | 1u << 1, false, batch_norm_backward};

/* Mean and 1/deviation of each column into `saved`, its variance to `variances`, unless that is nowhere. */
static bool measure(tape *t, norm_job *j, float *saved, contribution variances)
{
    const size_t size = (size_t)(sum_blocks(j->rows) * 2 * j->width) * sizeof(double);
    j->partial = tape_take(t, size);
    if (!j->partial)
        return false;
    kernel_run(t, sum_blocks(j->rows), sums_block, j);
    add_partial(j);
    for (int64_t i = 0; i < j->width; i++) {
        const double mean = j->partial[i] / (double)j->rows;
        const double difference = j->partial[j->width + i] / (double)j->rows - mean * mean;
        const double variance = difference < 0 ? 0 : difference;
        saved[i] = (float)((double)j->src[i] + mean);
        saved[j->width + i] = (float)(1.0 / sqrt(variance + (double)batch_norm_epsilon));
        if (variances.data)
            variances.data[i] = variances.add ? variances.data[i] + (float)variance : (float)variance;
    }
    tape_give(t, j->partial, size);
    return true;
}

static bool fits(tape *t, value x, value parameter)
{
    const shape s = tape_tensor(t, x)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    const tensor *p = tape_tensor(t, parameter);
    if (p && !shape_equal(p->shape, shape_1(shape_last(s))))
        tape_fail(t, TACIT_SHAPE, "batch norm: input %s does not fit gain or bias %s", shape_text(s, one),
                  shape_text(p->shape, two));
    return tape_status(t) == TACIT_OK;
}

/* Mean and 1/deviation that were found before. */
static void recall(norm_job *j, float *saved, const float *mean, const float *variance)
{
    memcpy(saved, mean, (size_t)j->width * sizeof *saved);
    for (int64_t i = 0; i < j->width; i++)
        saved[j->width + i] = (float)(1.0 / sqrt((double)variance[i] + (double)batch_norm_epsilon));
}

static bool measure_lane(tape *t, norm_job *j, float *saved, value mean, value variance)
{
    const bool noted = tape_mode_of(t) == TAPE_CALIBRATION && tape_is_bound(t) && mean.id;
    const contribution none = {NULL, false};
    const contribution means = noted ? tape_contribute(t, mean) : none;
    if (j->rows < 2) {
        tape_fail(t, TACIT_SHAPE, "batch norm: expected at least two rows (N, D), got one");
        return false;
    }
    if (!measure(t, j, saved, noted ? tape_contribute(t, variance) : none))
        return false;
    for (int64_t i = 0; means.data && i < j->width; i++)
        means.data[i] = means.add ? means.data[i] + saved[i] : saved[i];
    return true;
}

/* Mean and variance {0}: always the batch's own. */
static value normalise(tape *t, const value *inputs, value mean, value variance, int64_t views)
{
    const value y = tape_output(t, DTYPE_F32, tape_tensor(t, inputs[0])->shape);
    norm_job j = job_of(t, inputs, views);
    const size_t saved_size = (size_t)(2 * j.width) * sizeof(float);
    float *saved = tape_take(t, saved_size);
    j.dst = tape_f32(t, y);
    if (!j.dst || !saved)
        return (value){0};
    if (mean.id && tape_mode_of(t) == TAPE_INFERENCE)
        recall(&j, saved, tape_f32(t, mean), tape_f32(t, variance));
    else if (!measure_lane(t, &j, saved, mean, variance))
        return (value){0};
    j.mean = saved;
    j.scale = saved + j.width;
    kernel_run(t, sum_blocks(j.rows), forward_block, &j);
    return tape_record(t, &(record){.op = &batch_norm,
                                    .inputs = {inputs[0], inputs[1], inputs[2]},
                                    .output = y,
                                    .saved = saved,
                                    .saved_size = saved_size,
                                    .whole = views});
}

value op_batch_norm(tape *t, value x, value gain, value bias)
{
    return op_batch_norm_views(t, x, gain, bias, 1);
}

value op_batch_norm_views(tape *t, value x, value gain, value bias, int64_t views)
{
    const value inputs[] = {x, gain, bias};
    char text[SHAPE_TEXT];
    if (!tape_ready(t, inputs, 1))
        return (value){0};
    const shape s = tape_tensor(t, x)->shape;
    if (s.rank != 2 || views < 1 || s.size[0] % views || s.size[0] / views < 2)
        return tape_fail(t, TACIT_SHAPE,
                         "batch norm: expected at least two rows (N, D) of each of %lld views, got %s",
                         (long long)views, shape_text(s, text));
    if (!fits(t, x, gain) || !fits(t, x, bias))
        return (value){0};
    return normalise(t, inputs, (value){0}, (value){0}, views);
}

value op_batch_norm_lane(tape *t, value x, value gain, value bias, value mean, value variance)
{
    const value parts[] = {x, gain, bias, mean, variance};
    if (!tape_ready(t, parts, 5))
        return (value){0};
    for (int i = 1; i < 5; i++)
        if (!fits(t, x, parts[i]))
            return (value){0};
    return normalise(t, parts, mean, variance, 1);
}
