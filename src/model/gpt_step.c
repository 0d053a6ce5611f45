#include "model/gpt.h"
#include "op/kernel.h"

#include <math.h>
#include <string.h>

/* TOGETHER: tokens that are read at once, so that the weights are read once for them all. */
enum {
    ROWS = 64,
    LANES = 16,
    GROUP = 6,
    TOGETHER = 24,
    ALONE = 32 /* tokens so far up to which no worker is woken for the attention of one more */
};

struct gpt_stepper {
    tacit_context *context;
    const gpt *model;
    const parameters *parameters;
    team *workers;
    int64_t length;
    float *cache; /* (depth, heads, 2, window, D / heads): keys and values of each token */
    /* Of the tokens that are being read: (TOGETHER, D), (.., D), (.., 4 D), (.., 3 D), (.., D). */
    float *x, *normed, *wide, *qkv, *mixed;
    float *scores; /* (heads, window) */
};

static const float *numbers(const gpt_stepper *s, value v)
{
    return s->parameters->tensors[v.id - 1].data;
}

/* ---- a matrix times rows ---- */

INLINE float sum_of_lanes(float *sums)
{
#pragma GCC unroll 8
    for (int half = LANES / 2; half > 0; half /= 2)
#pragma omp simd
        for (int k = 0; k < half; k++)
            sums[k] += sums[k + half];
    return sums[0];
}

KERNEL static float dot(const float *a, const float *b, int64_t count)
{
    float sums[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
#pragma omp simd
        for (int k = 0; k < LANES; k++)
            sums[k] += a[i + k] * b[i + k];
    float sum = sum_of_lanes(sums);
    for (; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* out (GROUP): the products of `a` with rows of `count` numbers one behind the other, each by dot's sums. */
KERNEL static void dot_group(const float *a, const float *rows, int64_t count, float *out)
{
    float sums[GROUP][LANES] = {{0}};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
#pragma GCC unroll 8
        for (int r = 0; r < GROUP; r++)
#pragma omp simd
            for (int k = 0; k < LANES; k++)
                sums[r][k] += a[i + k] * rows[r * count + i + k];
#pragma GCC unroll 8
    for (int r = 0; r < GROUP; r++) {
        out[r] = sum_of_lanes(sums[r]);
        for (int64_t k = i; k < count; k++)
            out[r] += a[k] * rows[r * count + k];
    }
}

typedef struct row_product {
    const float *wei, *bias, *x; /* (N, K), (N) or NULL, (count, K) */
    float *y;                    /* (count, N) */
    int64_t count, rows, columns;
} row_product;

/* Rows first .. last-1 of the weights times `some` rows of x, GROUP or one, from row t on. */
static void multiply(const row_product *p, int64_t first, int64_t last, int64_t t, int some)
{
    const float *x = p->x + t * p->columns;
    float *y = p->y + t * p->rows, products[GROUP];
    for (int64_t n = first; n < last; n++) {
        const float *row = p->wei + n * p->columns, bias = p->bias ? p->bias[n] : 0.0f;
        if (some == GROUP)
            dot_group(row, x, p->columns, products);
        else
            products[0] = dot(row, x, p->columns);
        for (int r = 0; r < some; r++)
            y[r * p->rows + n] = products[r] + bias;
    }
}

/* These rows of the weights come from memory once, for the first group, and then from cache. */
static void run_product(void *user, int64_t i, int worker)
{
    const row_product *p = user;
    const int64_t first = i * ROWS, last = first + ROWS < p->rows ? first + ROWS : p->rows;
    int64_t t = 0;
    (void)worker;
    for (; t + GROUP <= p->count; t += GROUP)
        multiply(p, first, last, t, GROUP);
    for (; t < p->count; t++)
        multiply(p, first, last, t, 1);
}

static void apply(const gpt_stepper *s, const linear_layer *l, int64_t count, const float *x, int64_t columns,
                  int64_t rows, float *y)
{
    row_product p = {numbers(s, l->wei), l->bias.id ? numbers(s, l->bias) : NULL, x, y, count, rows, columns};
    team_run(s->workers, (rows + ROWS - 1) / ROWS, run_product, &p);
}

/* ---- the parts of a block ---- */

static void norm_row(const gpt_stepper *s, const norm_layer *n, const float *x, float *y)
{
    const int64_t width = s->model->base.width;
    const float *gain = numbers(s, n->gain), *bias = numbers(s, n->bias);
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < width; i++)
        mean += (double)x[i];
    mean /= (double)width;
    for (int64_t i = 0; i < width; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double scale = 1.0 / sqrt(variance / (double)width + (double)s->model->style.epsilon);
    for (int64_t i = 0; i < width; i++)
        y[i] = (float)(((double)x[i] - mean) * scale) * gain[i] + bias[i];
}

static void norm(const gpt_stepper *s, const norm_layer *n, int64_t count)
{
    const int64_t width = s->model->base.width;
    for (int64_t t = 0; t < count; t++)
        norm_row(s, n, s->x + t * width, s->normed + t * width);
}

/* Queries or keys (D) turned to their place, as op_rotary does. */
static void rotate(const gpt_stepper *s, int64_t place, float *x)
{
    const int heads = s->model->base.kind->heads;
    const int64_t width = s->model->base.width / heads, half = width / 2;
    for (int h = 0; h < heads; h++)
        for (int64_t i = 0; i < half; i++) {
            const double angle = (double)place * pow((double)rotary_base, -(double)i / (double)half);
            float *a = x + h * width + i, *b = a + half;
            const float first = *a, second = *b, c = (float)cos(angle), d = (float)sin(angle);
            *a = first * c - second * d;
            *b = first * d + second * c;
        }
}

static void rotate_all(const gpt_stepper *s, int64_t count)
{
    const int64_t width = s->model->base.width;
    for (int64_t t = 0; t < count; t++) {
        rotate(s, s->length + t, s->qkv + t * 3 * width);
        rotate(s, s->length + t, s->qkv + t * 3 * width + width);
    }
}

typedef struct attention_step {
    gpt_stepper *stepper;
    float *cache;         /* of this block */
    int64_t count, width; /* tokens that are read; of a head */
} attention_step;

/* Shares of the tokens by their scores, in place; returns what they sum to. */
static float share_out(float *scores, int64_t count)
{
    float most = -INFINITY, sum = 0;
    for (int64_t t = 0; t < count; t++)
        most = scores[t] > most ? scores[t] : most;
    for (int64_t t = 0; t < count; t++) {
        scores[t] = kernel_exp(scores[t] - most);
        sum += scores[t];
    }
    return sum;
}

/* out (width) = the rows of values (count, width), each times its share, over the sum of the shares. */
KERNEL static void weigh(const float *shares, float sum, const float *values, int64_t count, int64_t width,
                         float *out)
{
    memset(out, 0, (size_t)width * sizeof *out);
    for (int64_t t = 0; t < count; t++)
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            out[i] += shares[t] * values[t * width + i];
    for (int64_t i = 0; i < width; i++)
        out[i] /= sum;
}

/* softmax(q k^T / sqrt(d)) v of one head, for each new token over all tokens up to it. */
static void attend_head(void *user, int64_t head, int worker)
{
    const attention_step *a = user;
    gpt_stepper *s = a->stepper;
    const int64_t width = a->width, window = s->model->base.tokens, row = s->model->base.width;
    const float scale = 1.0f / sqrtf((float)width);
    float *keys = a->cache + head * 2 * window * width, *values = keys + window * width;
    float *scores = s->scores + head * window;
    (void)worker;
    for (int64_t t = 0; t < a->count; t++) {
        const int64_t last = s->length + t;
        const float *q = s->qkv + t * 3 * row + head * width, *k = q + row, *v = k + row;
        memcpy(keys + last * width, k, (size_t)width * sizeof *keys);
        memcpy(values + last * width, v, (size_t)width * sizeof *values);
        for (int64_t i = 0; i <= last; i++)
            scores[i] = scale * dot(q, keys + i * width, width);
        weigh(scores, share_out(scores, last + 1), values, last + 1, width,
              s->mixed + t * row + head * width);
    }
}

static void attend_heads(gpt_stepper *s, int heads, int64_t count, float *cache)
{
    attention_step a = {s, cache, count, s->model->base.width / heads};
    if (count > 1 || s->length >= ALONE)
        team_run(s->workers, heads, attend_head, &a);
    else
        for (int h = 0; h < heads; h++)
            attend_head(&a, h, 0);
}

static void add(float *x, const float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        x[i] += y[i];
}

static void attend_step(gpt_stepper *s, const block *b, int64_t count, float *cache)
{
    const int64_t width = s->model->base.width;
    norm(s, &b->norm1, count);
    apply(s, &b->qkv, count, s->normed, width, 3 * width, s->qkv);
    if (s->model->style.rotary)
        rotate_all(s, count);
    attend_heads(s, b->heads, count, cache);
    apply(s, &b->projection, count, s->mixed, width, width, s->normed);
    add(s->x, s->normed, count * width);
}

static void expand_step(gpt_stepper *s, const block *b, int64_t count)
{
    const int64_t width = s->model->base.width;
    float unused;
    norm(s, &b->norm2, count);
    apply(s, &b->expand, count, s->normed, width, 4 * width, s->wide);
    for (int64_t i = 0; i < count * 4 * width; i++)
        s->wide[i] *= kernel_gate(s->wide[i], &unused);
    apply(s, &b->contract, count, s->wide, 4 * width, width, s->normed);
    add(s->x, s->normed, count * width);
}

/* ---- a step ---- */

/* At most TOGETHER tokens. */
static void read_some(gpt_stepper *s, const int32_t *ids, int64_t count)
{
    const gpt *m = s->model;
    const int64_t width = m->base.width, window = m->base.tokens;
    for (int64_t t = 0; t < count; t++) {
        float *x = s->x + t * width;
        memcpy(x, numbers(s, m->base.words) + ids[t] * width, (size_t)width * sizeof *x);
        if (m->positions.id)
            add(x, numbers(s, m->positions) + (s->length + t) * width, width);
    }
    for (int i = 0; i < m->base.kind->depth; i++) {
        attend_step(s, &m->blocks[i], count, s->cache + i * window * 2 * width);
        expand_step(s, &m->blocks[i], count);
    }
    s->length += count;
}

void gpt_stepper_read(gpt_stepper *s, const int32_t *ids, int64_t count, float *logits)
{
    const gpt *m = s->model;
    const int64_t width = m->base.width;
    int64_t some = 0;
    for (int64_t i = 0; i < count; i += some) {
        some = count - i < TOGETHER ? count - i : TOGETHER;
        read_some(s, ids + i, some);
    }
    if (!logits)
        return;
    norm_row(s, &m->norm, s->x + (some - 1) * width, s->normed);
    const linear_layer words = {.wei = m->base.words};
    apply(s, &words, 1, s->normed, width, m->base.settings.vocabulary, logits);
}

int64_t gpt_stepper_length(const gpt_stepper *s)
{
    return s->length;
}

void gpt_stepper_clear(gpt_stepper *s)
{
    s->length = 0;
}

/* ---- life ---- */

static tacit_status allocate(gpt_stepper *s)
{
    const int64_t width = s->model->base.width, window = s->model->base.tokens;
    const size_t cache = (size_t)(s->model->base.kind->depth * window * 2 * width);
    s->cache = memory_alloc(s->context, cache, sizeof *s->cache);
    s->x = memory_alloc(s->context, (size_t)(TOGETHER * width), sizeof *s->x);
    s->normed = memory_alloc(s->context, (size_t)(TOGETHER * width), sizeof *s->normed);
    s->wide = memory_alloc(s->context, (size_t)(TOGETHER * 4 * width), sizeof *s->wide);
    s->qkv = memory_alloc(s->context, (size_t)(TOGETHER * 3 * width), sizeof *s->qkv);
    s->mixed = memory_alloc(s->context, (size_t)(TOGETHER * width), sizeof *s->mixed);
    s->scores = memory_alloc(s->context, (size_t)(s->model->base.kind->heads * window), sizeof *s->scores);
    return s->cache && s->x && s->normed && s->wide && s->qkv && s->mixed && s->scores ? TACIT_OK
                                                                                       : TACIT_NOMEM;
}

tacit_status gpt_stepper_create(gpt_stepper **out, const encoder *e, const parameters *p, team *workers)
{
    *out = NULL;
    if (!e->kind->causal)
        return context_fail(p->context, TACIT_ARGUMENT, "%s does not write texts: expected a gpt",
                            e->kind->name);
    gpt_stepper *s = memory_alloc(p->context, 1, sizeof *s);
    if (!s)
        return TACIT_NOMEM;
    s->context = p->context;
    s->model = (const gpt *)e;
    s->parameters = p;
    s->workers = workers;
    const tacit_status status = allocate(s);
    if (status == TACIT_OK)
        *out = s;
    else
        gpt_stepper_destroy(s);
    return status;
}

void gpt_stepper_destroy(gpt_stepper *s)
{
    if (!s)
        return;
    memory_free(s->context, s->cache);
    memory_free(s->context, s->x);
    memory_free(s->context, s->normed);
    memory_free(s->context, s->wide);
    memory_free(s->context, s->qkv);
    memory_free(s->context, s->mixed);
    memory_free(s->context, s->scores);
    memory_free(s->context, s);
}
