/* op_cross_entropy: softmax over very many keys, in tiles that stay in cache. The logits of a tile are
 * formed, used, and formed again in backward; the row's log of the sum of exponentials is all that is kept of
 * them. */
#include "op/kernel.h"

#include <math.h>
#include <string.h>

/* Rows and keys of a tile. Fixed: the order of sums depends on them. */
enum { TILE_ROWS = 128, TILE_KEYS = 256 };

typedef struct entropy {
    tape *tape;
    int64_t rows, keys, width;
    const float *query, *key;
    const int32_t *target, *exclude;
    float scale;        /* 1 / temperature */
    float *log_sum;     /* (rows): log of the sum of exp(logit) */
    double *loss;       /* (blocks of rows): sums of -log p[target] */
    float row_gradient; /* d result / d loss of one row */
    float *diff;        /* gradient being formed: of query or of key */
    bool add;
} entropy;

static int64_t minimum(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t blocks_of(int64_t count, int64_t size)
{
    return (count + size - 1) / size;
}

/* Logits (before the temperature) of rows x keys. */
static bool tile_product(const entropy *e, int worker, int64_t row, int64_t rows, int64_t key, int64_t keys,
                         float *tile)
{
    const matmul_shape s = {.batch = 1, .m = rows, .n = keys, .k = e->width, .wei_transposed = true};
    const tacit_status status =
        kernel_matmul(e->tape, worker, &s, e->query + row * e->width, e->key + key * e->width, NULL, tile);
    if (status != TACIT_OK)
        tape_fail(e->tape, status, "matrix product of cross-entropy");
    return status == TACIT_OK;
}

/* Scales a tile, and takes the excluded key of each row out of it. */
static void finish_logits(const entropy *e, int64_t row, int64_t rows, int64_t key, int64_t keys, float *tile)
{
    for (int64_t r = 0; r < rows; r++) {
        float *logits = tile + r * keys;
#pragma omp simd
        for (int64_t i = 0; i < keys; i++)
            logits[i] *= e->scale;
        if (e->exclude && e->exclude[row + r] >= key && e->exclude[row + r] < key + keys)
            logits[e->exclude[row + r] - key] = -INFINITY;
    }
}

/* Adds the tile to the running (largest, sum) of each row. */
KERNEL static void stream_sums(const float *tile, int64_t rows, int64_t keys, float *largest, float *sum)
{
    for (int64_t r = 0; r < rows; r++, tile += keys) {
        float top = largest[r], total = 0.0f;
#pragma omp simd reduction(max : top)
        for (int64_t i = 0; i < keys; i++)
            top = tile[i] > top ? tile[i] : top;
        if (top == -INFINITY)
            continue;
#pragma omp simd reduction(+ : total)
        for (int64_t i = 0; i < keys; i++)
            total += kernel_exp(tile[i] - top);
        sum[r] = sum[r] * kernel_exp(largest[r] - top) + total;
        largest[r] = top;
    }
}

static void forward_tiles(const entropy *e, int64_t row, int64_t rows, int worker, float *tile, double *loss)
{
    float largest[TILE_ROWS], sum[TILE_ROWS], wanted[TILE_ROWS] = {0};
    for (int64_t r = 0; r < rows; r++) {
        largest[r] = -INFINITY;
        sum[r] = 0.0f;
    }
    for (int64_t key = 0; key < e->keys; key += TILE_KEYS) {
        const int64_t keys = minimum(TILE_KEYS, e->keys - key);
        if (!tile_product(e, worker, row, rows, key, keys, tile))
            return;
        finish_logits(e, row, rows, key, keys, tile);
        stream_sums(tile, rows, keys, largest, sum);
        for (int64_t r = 0; r < rows; r++)
            if (e->target[row + r] >= key && e->target[row + r] < key + keys)
                wanted[r] = tile[r * keys + e->target[row + r] - key];
    }
    *loss = 0.0;
    for (int64_t r = 0; r < rows; r++) {
        e->log_sum[row + r] = largest[r] + logf(sum[r]);
        *loss += (double)(e->log_sum[row + r] - wanted[r]);
    }
}

static float *worker_take(const entropy *e, int worker, size_t size)
{
    const work *w = tape_work(e->tape);
    float *space = w ? arena_take(w->arenas[worker], size) : tape_take(e->tape, size);
    if (!space)
        tape_fail(e->tape, TACIT_NOMEM, "out of memory (a tile of cross-entropy)");
    return space;
}

static void worker_give(const entropy *e, int worker, float *space, size_t size)
{
    const work *w = tape_work(e->tape);
    if (w)
        arena_give(w->arenas[worker], space, size);
    else
        tape_give(e->tape, space, size);
}

static void forward_block(void *user, int64_t i, int worker)
{
    const entropy *e = user;
    const size_t size = (size_t)TILE_ROWS * TILE_KEYS * sizeof(float);
    const int64_t row = i * TILE_ROWS;
    float *tile = worker_take(e, worker, size);
    if (!tile)
        return;
    forward_tiles(e, row, minimum(TILE_ROWS, e->rows - row), worker, tile, &e->loss[i]);
    worker_give(e, worker, tile, size);
}

/* d loss / d (query . key) of a tile, in place of its logits: (p - [key is target]) * scale * row_gradient.
 */
KERNEL static void tile_gradient(float *tile, const float *log_sum, int64_t rows, int64_t keys, float factor)
{
    for (int64_t r = 0; r < rows; r++, tile += keys) {
        const float shift = log_sum[r];
#pragma omp simd
        for (int64_t i = 0; i < keys; i++)
            tile[i] = kernel_exp(tile[i] - shift) * factor;
    }
}

static bool gradient_of_tile(const entropy *e, int worker, int64_t row, int64_t rows, int64_t key,
                             int64_t keys, float *tile)
{
    if (!tile_product(e, worker, row, rows, key, keys, tile))
        return false;
    finish_logits(e, row, rows, key, keys, tile);
    const float factor = e->scale * e->row_gradient;
    tile_gradient(tile, e->log_sum + row, rows, keys, factor);
    for (int64_t r = 0; r < rows; r++)
        if (e->target[row + r] >= key && e->target[row + r] < key + keys)
            tile[r * keys + e->target[row + r] - key] -= factor;
    return true;
}

/* Which gradient a backward job forms: a block of rows of the query's, or of the keys'. */
static void backward_block(const entropy *e, int64_t first, int64_t count, bool of_query, int worker,
                           float *tile)
{
    const int64_t others = of_query ? e->keys : e->rows, step = of_query ? TILE_KEYS : TILE_ROWS;
    float *diff = e->diff + first * e->width;
    for (int64_t at = 0; at < others; at += step) {
        const int64_t n = minimum(step, others - at);
        const bool well = of_query ? gradient_of_tile(e, worker, first, count, at, n, tile)
                                   : gradient_of_tile(e, worker, at, n, first, count, tile);
        if (!well)
            return;
        const matmul_shape s = {.batch = 1,
                                .m = count,
                                .n = e->width,
                                .k = n,
                                .src_transposed = !of_query,
                                .accumulate = e->add || at > 0};
        const float *other = (of_query ? e->key : e->query) + at * e->width;
        const tacit_status status = kernel_matmul(e->tape, worker, &s, tile, other, NULL, diff);
        if (status != TACIT_OK) {
            tape_fail(e->tape, status, "matrix product of cross-entropy");
            return;
        }
    }
}

static void backward_in_tile(const entropy *e, int64_t i, bool of_query, int worker)
{
    const size_t size = (size_t)TILE_ROWS * TILE_KEYS * sizeof(float);
    const int64_t step = of_query ? TILE_ROWS : TILE_KEYS, total = of_query ? e->rows : e->keys;
    float *tile = worker_take(e, worker, size);
    if (!tile)
        return;
    backward_block(e, i * step, minimum(step, total - i * step), of_query, worker, tile);
    worker_give(e, worker, tile, size);
}

static void backward_query_block(void *user, int64_t i, int worker)
{
    backward_in_tile(user, i, true, worker);
}

static void backward_key_block(void *user, int64_t i, int worker)
{
    backward_in_tile(user, i, false, worker);
}

static entropy entropy_of(tape *t, const value *inputs, float temperature)
{
    const tensor *query = tape_tensor(t, inputs[0]), *key = tape_tensor(t, inputs[1]);
    const tensor *exclude = tape_tensor(t, inputs[3]);
    return (entropy){.tape = t,
                     .rows = query->shape.size[0],
                     .keys = key->shape.size[0],
                     .width = query->shape.size[1],
                     .query = query->data,
                     .key = key->data,
                     .target = tape_tensor(t, inputs[2])->data,
                     .exclude = exclude ? exclude->data : NULL,
                     .scale = 1.0f / temperature};
}

static void cross_entropy_backward(tape *t, const record *r)
{
    entropy e = entropy_of(t, r->inputs, r->number);
    e.log_sum = r->saved;
    e.row_gradient = tape_output_gradient(t, r)[0] / (float)e.rows;
    /* Query and keys may be one value: the second gradient is then added to the first. */
    const contribution query = tape_contribute(t, r->inputs[0]);
    if (query.data) {
        e.diff = query.data;
        e.add = query.add;
        kernel_run(t, blocks_of(e.rows, TILE_ROWS), backward_query_block, &e);
    }
    const contribution key = tape_contribute(t, r->inputs[1]);
    if (key.data) {
        e.diff = key.data;
        e.add = key.add;
        kernel_run(t, blocks_of(e.keys, TILE_KEYS), backward_key_block, &e);
    }
}

static const op cross_entropy = {"cross_entropy", 0xF, false, cross_entropy_backward};

static bool index_fits(tape *t, const char *name, value index, int64_t rows, int64_t keys, int32_t smallest)
{
    const tensor *x = tape_tensor(t, index);
    const int32_t *numbers = x->data;
    bool fit = x->dtype == DTYPE_I32 && shape_equal(x->shape, shape_1(rows));
    for (int64_t i = 0; fit && i < rows; i++)
        fit = numbers[i] >= smallest && numbers[i] < keys;
    if (!fit)
        tape_fail(t, TACIT_SHAPE, "cross-entropy: %s does not name one of %lld keys for each of %lld rows",
                  name, (long long)keys, (long long)rows);
    return fit;
}

static bool shapes_fit(tape *t, const value *inputs, float temperature)
{
    const shape q = tape_tensor(t, inputs[0])->shape, k = tape_tensor(t, inputs[1])->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (q.rank != 2 || k.rank != 2 || q.size[1] != k.size[1] || q.size[0] < 1 || !(temperature > 0.0f)) {
        tape_fail(t, TACIT_SHAPE, "cross-entropy: query %s, keys %s, temperature %g", shape_text(q, one),
                  shape_text(k, two), (double)temperature);
        return false;
    }
    return index_fits(t, "target", inputs[2], q.size[0], k.size[0], 0) &&
           (!inputs[3].id || index_fits(t, "exclude", inputs[3], q.size[0], k.size[0], -1));
}

value op_cross_entropy(tape *t, value query, value keys, value target, value exclude, float temperature)
{
    const value inputs[OP_INPUTS] = {query, keys, target, exclude};
    if (!tape_ready(t, inputs, exclude.id ? 4 : 3) || !shapes_fit(t, inputs, temperature))
        return (value){0};
    entropy e = entropy_of(t, inputs, temperature);
    const int64_t blocks = blocks_of(e.rows, TILE_ROWS);
    const size_t saved_size = (size_t)e.rows * sizeof(float), loss_size = (size_t)blocks * sizeof(double);
    const value y = tape_output(t, DTYPE_F32, shape_1(1));
    e.log_sum = tape_take(t, saved_size);
    e.loss = tape_take(t, loss_size);
    if (!tape_f32(t, y) || !e.log_sum || !e.loss)
        return (value){0};
    kernel_run(t, blocks, forward_block, &e);
    double sum = 0.0;
    for (int64_t i = 0; i < blocks; i++)
        sum += e.loss[i];
    *tape_f32(t, y) = (float)(sum / (double)e.rows);
    tape_give(t, e.loss, loss_size);
    return tape_record(t, &(record){.op = &cross_entropy,
                                    .inputs = {query, keys, target, exclude},
                                    .output = y,
                                    .saved = e.log_sum,
                                    .saved_size = saved_size,
                                    .number = temperature});
}
