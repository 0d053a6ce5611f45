/* op_gelu, op_gelu_tanh, op_relu, op_add, op_reshape: operators that treat each number alone. */
#include "op/kernel.h"

/* Numbers in a block when there are workers. */
enum { ELEMENT_BLOCK = 1 << 15 };

typedef struct element_job {
    int64_t count;
    const float *src, *diff_dst;
    float *dst;
    bool add;
    void (*kernel)(const struct element_job *j, int64_t first, int64_t last);
} element_job;

static void run_block(void *user, int64_t i, int worker)
{
    (void)worker;
    const element_job *j = user;
    const int64_t first = i * ELEMENT_BLOCK;
    const int64_t last = first + ELEMENT_BLOCK < j->count ? first + ELEMENT_BLOCK : j->count;
    j->kernel(j, first, last);
}

static void run_elements(tape *t, element_job *j)
{
    if (tape_work(t))
        kernel_run(t, (j->count + ELEMENT_BLOCK - 1) / ELEMENT_BLOCK, run_block, j);
    else
        j->kernel(j, 0, j->count);
}

static value unary_forward(tape *t, const op *operator, value x,
                           void (*kernel)(const element_job *j, int64_t first, int64_t last))
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const value y = tape_output(t, DTYPE_F32, tape_tensor(t, x)->shape);
    if (!tape_f32(t, y))
        return (value){0};
    element_job j = {
        shape_count(tape_tensor(t, x)->shape), tape_f32(t, x), NULL, tape_f32(t, y), false, kernel};
    run_elements(t, &j);
    return tape_record(t, &(record){.op = operator, .inputs = {x}, .output = y});
}

/* `src` of the job is what the backward reads: the operator's input or its output. */
static void unary_backward(tape *t, const record *r, value read,
                           void (*kernel)(const element_job *j, int64_t first, int64_t last))
{
    const contribution src = tape_contribute(t, r->inputs[0]);
    if (!src.data)
        return;
    const tensor *x = tape_tensor(t, read);
    element_job j = {shape_count(x->shape), x->data, tape_output_gradient(t, r), src.data, src.add, kernel};
    run_elements(t, &j);
}

/* ---- gelu ---- */

KERNEL static void gelu_kernel(const element_job *j, int64_t first, int64_t last)
{
    const float *restrict x = j->src;
    float *restrict y = j->dst;
#pragma omp simd
    for (int64_t i = first; i < last; i++)
        y[i] = kernel_gelu(x[i]);
}

/* d gelu / dx = Phi(x) + x phi(x) */
KERNEL static void gelu_backward_kernel(const element_job *j, int64_t first, int64_t last)
{
    const float *restrict x = j->src, *restrict dy = j->diff_dst;
    float *restrict dx = j->dst;
    if (!j->add) {
#pragma omp simd
        for (int64_t i = first; i < last; i++) {
            float density;
            const float integral = kernel_normal(x[i], &density);
            dx[i] = dy[i] * (integral + x[i] * density);
        }
        return;
    }
#pragma omp simd
    for (int64_t i = first; i < last; i++) {
        float density;
        const float integral = kernel_normal(x[i], &density);
        dx[i] += dy[i] * (integral + x[i] * density);
    }
}

static void gelu_backward(tape *t, const record *r)
{
    unary_backward(t, r, r->inputs[0], gelu_backward_kernel);
}

static const op gelu = {"gelu", 1u << 0, false, gelu_backward};

value op_gelu(tape *t, value x)
{
    return unary_forward(t, &gelu, x, gelu_kernel);
}

/* ---- gelu_tanh ---- */

KERNEL static void gelu_tanh_kernel(const element_job *j, int64_t first, int64_t last)
{
    const float *restrict x = j->src;
    float *restrict y = j->dst;
#pragma omp simd
    for (int64_t i = first; i < last; i++) {
        float bend;
        const float share = kernel_gate(x[i], &bend);
        y[i] = x[i] < -10.0f ? 0.0f : x[i] * share; /* also of -infinity */
    }
}

KERNEL static void gelu_tanh_backward_kernel(const element_job *j, int64_t first, int64_t last)
{
    const float *restrict x = j->src, *restrict dy = j->diff_dst;
    float *restrict dx = j->dst;
    if (!j->add) {
#pragma omp simd
        for (int64_t i = first; i < last; i++) {
            float bend;
            const float share = kernel_gate(x[i], &bend);
            dx[i] = dy[i] * (share + bend);
        }
        return;
    }
#pragma omp simd
    for (int64_t i = first; i < last; i++) {
        float bend;
        const float share = kernel_gate(x[i], &bend);
        dx[i] += dy[i] * (share + bend);
    }
}

static void gelu_tanh_backward(tape *t, const record *r)
{
    unary_backward(t, r, r->inputs[0], gelu_tanh_backward_kernel);
}

static const op gelu_tanh = {"gelu_tanh", 1u << 0, false, gelu_tanh_backward};

value op_gelu_tanh(tape *t, value x)
{
    return unary_forward(t, &gelu_tanh, x, gelu_tanh_kernel);
}

/* ---- relu ---- */

KERNEL static void relu_kernel(const element_job *j, int64_t first, int64_t last)
{
#pragma omp simd
    for (int64_t i = first; i < last; i++)
        j->dst[i] = j->src[i] < 0.0f ? 0.0f : j->src[i]; /* NaN stays NaN */
}

/* The output is positive where the input was: the input need not be kept. What flows back is read wherever
 * the output is zero, too: a loop that may not read it does not vectorise. */
KERNEL static void relu_backward_kernel(const element_job *j, int64_t first, int64_t last)
{
    const float *restrict y = j->src, *restrict diff_y = j->diff_dst;
    float *restrict diff_x = j->dst;
    if (j->add) {
#pragma omp simd
        for (int64_t i = first; i < last; i++) {
            const float diff = diff_y[i];
            diff_x[i] += y[i] > 0.0f ? diff : 0.0f;
        }
    } else {
#pragma omp simd
        for (int64_t i = first; i < last; i++) {
            const float diff = diff_y[i];
            diff_x[i] = y[i] > 0.0f ? diff : 0.0f;
        }
    }
}

static void relu_backward(tape *t, const record *r)
{
    unary_backward(t, r, r->output, relu_backward_kernel);
}

static const op relu = {"relu", 0, true, relu_backward};

value op_relu(tape *t, value x)
{
    return unary_forward(t, &relu, x, relu_kernel);
}

/* ---- add ---- */

KERNEL static void add_kernel(const element_job *j, int64_t first, int64_t last)
{
    const float *restrict a = j->src, *restrict b = j->diff_dst;
    float *restrict y = j->dst;
#pragma omp simd
    for (int64_t i = first; i < last; i++)
        y[i] = a[i] + b[i];
}

static void add_backward(tape *t, const record *r)
{
    tape_pass_gradient(t, r, r->inputs[0]);
    tape_pass_gradient(t, r, r->inputs[1]);
}

static const op add = {"add", 0, false, add_backward};

value op_add(tape *t, value a, value b)
{
    if (!tape_ready(t, (value[]){a, b}, 2))
        return (value){0};
    const shape s = tape_tensor(t, a)->shape, other = tape_tensor(t, b)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (!shape_equal(s, other))
        return tape_fail(t, TACIT_SHAPE, "add: %s and %s differ", shape_text(s, one), shape_text(other, two));
    const value y = tape_output(t, DTYPE_F32, s);
    if (!tape_f32(t, y))
        return (value){0};
    element_job j = {shape_count(s), tape_f32(t, a), tape_f32(t, b), tape_f32(t, y), false, add_kernel};
    run_elements(t, &j);
    return tape_record(t, &(record){.op = &add, .inputs = {a, b}, .output = y});
}

/* ---- reshape ---- */

static void reshape_backward(tape *t, const record *r)
{
    tape_pass_gradient(t, r, r->inputs[0]);
}

static const op reshape = {"reshape", 0, false, reshape_backward};

value op_reshape(tape *t, value x, shape s)
{
    if (!tape_ready(t, &x, 1))
        return (value){0};
    const shape from = tape_tensor(t, x)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (shape_count(from) != shape_count(s))
        return tape_fail(t, TACIT_SHAPE, "reshape: %s does not hold as many numbers as %s",
                         shape_text(from, one), shape_text(s, two));
    const value y = tape_alias(t, x, s);
    return tape_record(t, &(record){.op = &reshape, .inputs = {x}, .output = y});
}
