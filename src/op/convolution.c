/* op_convolution: one convolution of the backend forward, two backward. */
#include "op/kernel.h"

static convolution_shape sizes_of(const tape *t, value x, value wei, int64_t stride, int64_t padding)
{
    const shape in = tape_tensor(t, x)->shape, w = tape_tensor(t, wei)->shape;
    return (convolution_shape){.batch = in.size[0],
                               .height = in.size[1],
                               .width = in.size[2],
                               .inputs = in.size[3],
                               .outputs = w.size[0],
                               .kernel = w.size[2],
                               .stride = stride,
                               .padding = padding};
}

static bool run(tape *t, const convolution_shape *s, convolution_pass pass, const float *first,
                const float *second, float *result)
{
    const tacit_status status =
        backend_convolution(tape_backend(t), tape_arena(t), s, pass, first, second, result);
    if (status != TACIT_OK)
        tape_fail(t, status, "convolution");
    return status == TACIT_OK;
}

KERNEL static void add_to(float *restrict to, const float *restrict from, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

/* oneDNN can not add to the gradient of the input: a second contribution is made aside and added. */
static void backward_src(tape *t, const convolution_shape *s, const float *dy, const float *wei,
                         contribution c)
{
    const int64_t count = s->batch * s->height * s->width * s->inputs;
    const size_t size = (size_t)count * sizeof(float);
    float *aside = c.add ? tape_take(t, size) : c.data;
    if (!aside)
        return;
    if (run(t, s, CONVOLUTION_BACKWARD_SRC, dy, wei, aside) && c.add)
        add_to(c.data, aside, count);
    if (c.add)
        tape_give(t, aside, size);
}

static void convolution_backward(tape *t, const record *r)
{
    const value x = r->inputs[0], wei = r->inputs[1];
    const convolution_shape s = sizes_of(t, x, wei, r->whole & 0xff, r->whole >> 8);
    const float *dy = tape_output_gradient(t, r);
    const contribution diff_wei = tape_contribute(t, wei), diff_src = tape_contribute(t, x);
    if (diff_wei.data)
        run(t, &s, diff_wei.add ? CONVOLUTION_ADD_WEI : CONVOLUTION_BACKWARD_WEI, tape_f32(t, x), dy,
            diff_wei.data);
    if (diff_src.data)
        backward_src(t, &s, dy, tape_f32(t, wei), diff_src);
}

static const op convolution = {"convolution", 1u << 0 | 1u << 1, false, convolution_backward};

static bool shapes_fit(tape *t, value x, value wei, int64_t stride, int64_t padding)
{
    const shape a = tape_tensor(t, x)->shape, w = tape_tensor(t, wei)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (a.rank != 4 || w.rank != 4 || a.size[3] != w.size[1] || w.size[2] != w.size[3])
        tape_fail(t, TACIT_SHAPE, "convolution: input %s does not fit weights %s", shape_text(a, one),
                  shape_text(w, two));
    else if (x.id == wei.id || stride < 1 || stride > 255 || padding < 0 || padding > 255)
        tape_fail(t, TACIT_ARGUMENT,
                  "convolution: stride %lld or padding %lld is not 1 to 255 or 0 to 255, or "
                  "the input is also the weights",
                  (long long)stride, (long long)padding);
    else if (convolution_side(a.size[1], w.size[2], stride, padding) < 1 ||
             convolution_side(a.size[2], w.size[2], stride, padding) < 1)
        tape_fail(t, TACIT_SHAPE, "convolution: input %s is smaller than the windows of weights %s",
                  shape_text(a, one), shape_text(w, two));
    return tape_status(t) == TACIT_OK;
}

value op_convolution(tape *t, value x, value wei, int64_t stride, int64_t padding)
{
    if (!tape_ready(t, (value[]){x, wei}, 2) || !shapes_fit(t, x, wei, stride, padding))
        return (value){0};
    const convolution_shape s = sizes_of(t, x, wei, stride, padding);
    const value y = tape_output(t, DTYPE_F32,
                                shape_4(s.batch, convolution_side(s.height, s.kernel, stride, padding),
                                        convolution_side(s.width, s.kernel, stride, padding), s.outputs));
    if (!y.id || !run(t, &s, CONVOLUTION_FORWARD, tape_f32(t, x), tape_f32(t, wei), tape_f32(t, y)))
        return (value){0};
    return tape_record(
        t, &(record){.op = &convolution, .inputs = {x, wei}, .output = y, .whole = stride | padding << 8});
}
