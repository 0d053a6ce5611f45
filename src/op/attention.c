/* op_attention: batched matrix products over heads on dense copies of queries, keys and values, which run at
 * several times the speed of strided views into the fused qkv. */
#include "op/kernel.h"

#include <math.h>
#include <string.h>

/* Sizes of one attention. `group` examples go through all products at a time, so that their scores stay in
 * cache. */
typedef struct attention_shape {
    int64_t batch, tokens, width, heads, depth, group;
    float scale; /* 1 / sqrt(depth), put on the queries */
} attention_shape;

/* What backward keeps: queries (scaled), keys, values (B, H, T, d) each, and probabilities (B, H, T, T). */
typedef struct attention_saved {
    float *q, *k, *v, *p;
} attention_saved;

static int64_t heads_size(const attention_shape *s)
{
    return s->batch * s->tokens * s->width;
}

static int64_t scores_size(const attention_shape *s)
{
    return s->batch * s->heads * s->tokens * s->tokens;
}

static attention_saved saved_parts(const attention_shape *s, float *saved)
{
    const int64_t n = heads_size(s);
    return (attention_saved){saved, saved + n, saved + 2 * n, saved + 3 * n};
}

/* Examples whose scores fit in half a megabyte, at least one. From the shape alone. */
static int64_t group_size(int64_t batch, int64_t heads, int64_t tokens)
{
    const int64_t one = heads * tokens * tokens * (int64_t)sizeof(float);
    const int64_t group = (512 * 1024) / one;
    return group < 1 ? 1 : (group > batch ? batch : group);
}

static attention_shape attention_sizes(const tape *t, value qkv, int64_t heads)
{
    const shape s = tape_tensor(t, qkv)->shape;
    attention_shape a = {.batch = s.size[0], .tokens = s.size[1], .width = s.size[2] / 3, .heads = heads};
    a.depth = a.width / heads;
    a.group = group_size(a.batch, heads, a.tokens);
    a.scale = 1.0f / sqrtf((float)a.depth);
    return a;
}

/* ---- copies between (T, row) with heads side by side and (H, T, d) dense ---- */

KERNEL static void split_heads(const attention_shape *s, const float *src, int64_t row, float scale,
                               float *dst)
{
    const int64_t depth = s->depth;
    for (int64_t h = 0; h < s->heads; h++)
        for (int64_t i = 0; i < s->tokens; i++, dst += depth) {
            const float *from = src + i * row + h * depth;
#pragma omp simd
            for (int64_t c = 0; c < depth; c++)
                dst[c] = from[c] * scale;
        }
}

KERNEL static void merge_heads(const attention_shape *s, const float *src, float scale, float *dst,
                               int64_t row, bool add)
{
    const int64_t depth = s->depth;
    for (int64_t h = 0; h < s->heads; h++)
        for (int64_t i = 0; i < s->tokens; i++, src += depth) {
            float *to = dst + i * row + h * depth;
            if (add) {
#pragma omp simd
                for (int64_t c = 0; c < depth; c++)
                    to[c] += src[c] * scale;
            } else {
#pragma omp simd
                for (int64_t c = 0; c < depth; c++)
                    to[c] = src[c] * scale;
            }
        }
}

/* ---- softmax ---- */

KERNEL static void softmax_rows(float *rows, int64_t count, int64_t width)
{
    for (int64_t r = 0; r < count; r++, rows += width) {
        float largest = rows[0], sum = 0.0f;
#pragma omp simd reduction(max : largest)
        for (int64_t i = 0; i < width; i++)
            largest = rows[i] > largest ? rows[i] : largest;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < width; i++) {
            rows[i] = kernel_exp(rows[i] - largest);
            sum += rows[i];
        }
        const float scale = 1.0f / sum;
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            rows[i] *= scale;
    }
}

/* ds = p * (dp - sum(p dp)), in place of dp */
KERNEL static void softmax_backward_rows(const float *p, float *dp, int64_t count, int64_t width)
{
    for (int64_t r = 0; r < count; r++, p += width, dp += width) {
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < width; i++)
            sum += p[i] * dp[i];
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            dp[i] = p[i] * (dp[i] - sum);
    }
}

/* ---- products ---- */

/* (m, k) times (k, n) for every head of `examples` examples. */
static bool product(tape *t, const attention_shape *s, int64_t examples, matmul_shape sizes, const float *a,
                    const float *b, float *c)
{
    sizes.batch = examples * s->heads;
    const tacit_status status = kernel_matmul(t, 0, &sizes, a, b, NULL, c);
    if (status != TACIT_OK)
        tape_fail(t, status, "matrix product of attention");
    return status == TACIT_OK;
}

static void forward_group(tape *t, const attention_shape *s, int64_t first, int64_t examples,
                          const float *qkv, const attention_saved *k, float *dst)
{
    const int64_t T = s->tokens, D = s->width, example = T * D;
    const int64_t at = first * example, scores = first * s->heads * T * T;
    for (int64_t e = 0; e < examples; e++) {
        const float *row = qkv + (first + e) * T * 3 * D;
        split_heads(s, row, 3 * D, s->scale, k->q + at + e * example);
        split_heads(s, row + D, 3 * D, 1.0f, k->k + at + e * example);
        split_heads(s, row + 2 * D, 3 * D, 1.0f, k->v + at + e * example);
    }
    float *merged = tape_take(t, (size_t)(examples * example) * sizeof(float));
    if (!merged)
        return;
    const matmul_shape qk = {.m = T, .n = T, .k = s->depth, .wei_transposed = true};
    const matmul_shape pv = {.m = T, .n = s->depth, .k = T};
    if (product(t, s, examples, qk, k->q + at, k->k + at, k->p + scores)) {
        softmax_rows(k->p + scores, examples * s->heads * T, T);
        if (product(t, s, examples, pv, k->p + scores, k->v + at, merged))
            for (int64_t e = 0; e < examples; e++)
                merge_heads(s, merged + e * example, 1.0f, dst + (first + e) * example, D, false);
    }
    tape_give(t, merged, (size_t)(examples * example) * sizeof(float));
}

/* Workspace of backward for one group: gradients of the merged output, of the scores, and one of q, k or v.
 */
typedef struct attention_work {
    float *diff_out, *diff_scores, *diff_part;
} attention_work;

static void backward_group(tape *t, const attention_shape *s, int64_t first, int64_t examples,
                           const attention_saved *k, const float *diff_dst, const attention_work *w,
                           contribution qkv)
{
    const int64_t T = s->tokens, D = s->width, example = T * D, row = 3 * D;
    const int64_t at = first * example, scores = first * s->heads * T * T;
    const matmul_shape transposed = {.m = T, .n = s->depth, .k = T, .src_transposed = true};
    const matmul_shape straight = {.m = T, .n = s->depth, .k = T};
    const matmul_shape dp = {.m = T, .n = T, .k = s->depth, .wei_transposed = true};
    const struct part {
        matmul_shape spec;
        const float *a, *b;
        float scale;
    } parts[3] = {{straight, w->diff_scores, k->k + at, s->scale},
                  {transposed, w->diff_scores, k->q + at, 1.0f},
                  {transposed, k->p + scores, w->diff_out, 1.0f}};
    for (int64_t e = 0; e < examples; e++)
        split_heads(s, diff_dst + (first + e) * example, D, 1.0f, w->diff_out + e * example);
    if (!product(t, s, examples, dp, w->diff_out, k->v + at, w->diff_scores))
        return;
    softmax_backward_rows(k->p + scores, w->diff_scores, examples * s->heads * T, T);
    for (int i = 0; i < 3; i++) {
        if (!product(t, s, examples, parts[i].spec, parts[i].a, parts[i].b, w->diff_part))
            return;
        for (int64_t e = 0; e < examples; e++)
            merge_heads(s, w->diff_part + e * example, parts[i].scale,
                        qkv.data + (first + e) * T * row + i * D, row, qkv.add);
    }
}

static void attention_backward(tape *t, const record *r)
{
    const attention_shape s = attention_sizes(t, r->inputs[0], r->whole);
    const contribution qkv = tape_contribute(t, r->inputs[0]);
    if (!qkv.data)
        return;
    const attention_saved kept = saved_parts(&s, r->saved);
    const size_t part = (size_t)(s.group * s.tokens * s.width);
    const size_t scores = (size_t)(s.group * s.heads * s.tokens * s.tokens);
    const size_t size = (2 * part + scores) * sizeof(float);
    float *space = tape_take(t, size);
    if (!space)
        return;
    const attention_work w = {space, space + 2 * part, space + part};
    for (int64_t first = 0; first < s.batch; first += s.group) {
        const int64_t left = s.batch - first;
        backward_group(t, &s, first, left < s.group ? left : s.group, &kept, tape_output_gradient(t, r), &w,
                       qkv);
    }
    tape_give(t, space, size);
}

static const op attention = {"attention", 0, false, attention_backward};

value op_attention(tape *t, value qkv, int heads)
{
    if (!tape_ready(t, &qkv, 1))
        return (value){0};
    const shape in = tape_tensor(t, qkv)->shape;
    char text[SHAPE_TEXT];
    if (in.rank != 3 || heads < 1 || in.size[1] < 1 || in.size[2] < 1 ||
        in.size[2] % (3 * (int64_t)heads) != 0)
        return tape_fail(t, TACIT_SHAPE, "attention: %s does not hold queries, keys and values of %d heads",
                         shape_text(in, text), heads);
    const attention_shape s = attention_sizes(t, qkv, heads);
    const value y = tape_output(t, DTYPE_F32, shape_3(s.batch, s.tokens, s.width));
    const size_t saved_size = (size_t)(3 * heads_size(&s) + scores_size(&s)) * sizeof(float);
    float *saved = tape_take(t, saved_size);
    if (!tape_f32(t, y) || !saved)
        return (value){0};
    const attention_saved kept = saved_parts(&s, saved);
    for (int64_t first = 0; first < s.batch; first += s.group) {
        const int64_t left = s.batch - first;
        forward_group(t, &s, first, left < s.group ? left : s.group, tape_f32(t, qkv), &kept, tape_f32(t, y));
    }
    return tape_record(t, &(record){.op = &attention,
                                    .inputs = {qkv},
                                    .output = y,
                                    .saved = saved,
                                    .saved_size = saved_size,
                                    .whole = heads});
}
