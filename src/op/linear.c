/* op_linear: a matrix product with bias. */
#include "op/kernel.h"

#include <string.h>

/* One linear layer in numbers, for the jobs below. */
typedef struct linear_job {
    tape *tape;
    int64_t rows, inputs, outputs, block; /* block: rows of one job */
    const float *src, *wei, *bias, *diff_dst;
    float *dst, *diff_src, *diff_wei, *diff_bias;
    bool add_src, add_wei, add_bias;
} linear_job;

static int64_t block_size(const linear_job *j, int64_t total, int64_t i)
{
    const int64_t left = total - i * j->block;
    return left < j->block ? left : j->block;
}

static void record_failure(const linear_job *j, tacit_status status)
{
    if (status != TACIT_OK)
        tape_fail(j->tape, status, "matrix product of a linear layer");
}

static void forward_rows(void *user, int64_t i, int worker)
{
    const linear_job *j = user;
    const matmul_shape s = {.batch = 1,
                            .m = block_size(j, j->rows, i),
                            .n = j->outputs,
                            .k = j->inputs,
                            .wei_transposed = true,
                            .bias = j->bias != NULL};
    record_failure(j, kernel_matmul(j->tape, worker, &s, j->src + i * j->block * j->inputs, j->wei, j->bias,
                                    j->dst + i * j->block * j->outputs));
}

static void backward_src_rows(void *user, int64_t i, int worker)
{
    const linear_job *j = user;
    const matmul_shape s = {.batch = 1,
                            .m = block_size(j, j->rows, i),
                            .n = j->inputs,
                            .k = j->outputs,
                            .accumulate = j->add_src};
    record_failure(j, kernel_matmul(j->tape, worker, &s, j->diff_dst + i * j->block * j->outputs, j->wei,
                                    NULL, j->diff_src + i * j->block * j->inputs));
}

/* One job, whatever the number of workers: its sum runs over all rows. */
static void backward_wei(const linear_job *j, int worker)
{
    if (j->rows == 0) {
        if (!j->add_wei)
            memset(j->diff_wei, 0, (size_t)(j->outputs * j->inputs) * sizeof *j->diff_wei);
        return;
    }
    const matmul_shape s = {.batch = 1,
                            .m = j->outputs,
                            .n = j->inputs,
                            .k = j->rows,
                            .src_transposed = true,
                            .accumulate = j->add_wei};
    record_failure(j, kernel_matmul(j->tape, worker, &s, j->diff_dst, j->src, NULL, j->diff_wei));
}

KERNEL static void add_columns(const float *rows, int64_t count, int64_t width, float *sums, bool add)
{
    if (!add)
        memset(sums, 0, (size_t)width * sizeof *sums);
    int64_t r = 0;
    for (; r + 4 <= count; r += 4) {
        const float *a = rows + r * width, *b = a + width, *c = b + width, *d = c + width;
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            sums[i] += (a[i] + b[i]) + (c[i] + d[i]);
    }
    for (; r < count; r++) {
        const float *a = rows + r * width;
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            sums[i] += a[i];
    }
}

static void backward_parameters(void *user, int64_t i, int worker)
{
    const linear_job *j = user;
    if (i == 0 && j->diff_wei)
        backward_wei(j, worker);
    if (i == 1 && j->diff_bias)
        add_columns(j->diff_dst, j->rows, j->outputs, j->diff_bias, j->add_bias);
}

static void linear_backward(tape *t, const record *r)
{
    const tensor *x = tape_tensor(t, r->inputs[0]);
    const contribution src = tape_contribute(t, r->inputs[0]);
    const contribution wei = tape_contribute(t, r->inputs[1]);
    const contribution bias = tape_contribute(t, r->inputs[2]);
    linear_job j = {.tape = t,
                    .rows = shape_rows(x->shape),
                    .inputs = shape_last(x->shape),
                    .outputs = shape_last(tape_tensor(t, r->output)->shape),
                    .src = x->data,
                    .wei = tape_f32(t, r->inputs[1]),
                    .diff_dst = tape_output_gradient(t, r),
                    .diff_src = src.data,
                    .diff_wei = wei.data,
                    .diff_bias = bias.data,
                    .add_src = src.add,
                    .add_wei = wei.add,
                    .add_bias = bias.add};
    if (tape_status(t) != TACIT_OK)
        return;
    j.block = kernel_block_rows(t, j.rows);
    kernel_run(t, 2, backward_parameters, &j);
    if (j.diff_src)
        kernel_run(t, kernel_blocks(t, j.rows), backward_src_rows, &j);
}

static const op linear = {"linear", 1u << 0 | 1u << 1, false, linear_backward};

static bool shapes_fit(tape *t, value x, value wei, value bias)
{
    const tensor *a = tape_tensor(t, x), *w = tape_tensor(t, wei), *b = tape_tensor(t, bias);
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    /* One place for two contributions, which are written side by side. */
    if (x.id == wei.id || x.id == bias.id)
        tape_fail(t, TACIT_ARGUMENT, "linear: the input is also the %s", x.id == wei.id ? "weights" : "bias");
    else if (w->shape.rank != 2 || a->shape.rank < 1 || shape_last(a->shape) != w->shape.size[1])
        tape_fail(t, TACIT_SHAPE, "linear: input %s does not fit weights %s", shape_text(a->shape, one),
                  shape_text(w->shape, two));
    else if (b && !shape_equal(b->shape, shape_1(w->shape.size[0])))
        tape_fail(t, TACIT_SHAPE, "linear: bias %s does not fit weights %s", shape_text(b->shape, one),
                  shape_text(w->shape, two));
    return tape_status(t) == TACIT_OK;
}

value op_linear(tape *t, value x, value wei, value bias)
{
    const value all[] = {x, wei, bias};
    if (!tape_ready(t, all, bias.id ? 3 : 2) || !shapes_fit(t, x, wei, bias))
        return (value){0};
    shape s = tape_tensor(t, x)->shape;
    linear_job j = {.tape = t, .rows = shape_rows(s), .inputs = shape_last(s)};
    j.outputs = s.size[s.rank - 1] = tape_tensor(t, wei)->shape.size[0];
    const value y = tape_output(t, DTYPE_F32, s);
    j.dst = tape_f32(t, y);
    if (!j.dst)
        return (value){0};
    j.src = tape_f32(t, x);
    j.wei = tape_f32(t, wei);
    j.bias = tape_f32(t, bias);
    j.block = kernel_block_rows(t, j.rows);
    kernel_run(t, kernel_blocks(t, j.rows), forward_rows, &j);
    return tape_record(t, &(record){.op = &linear, .inputs = {x, wei, bias}, .output = y});
}
