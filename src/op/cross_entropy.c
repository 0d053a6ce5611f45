/* op_cross_entropy, op_info_nce: softmax over very many keys, in tiles that stay in cache. The logits of a
 * tile are formed, used, and formed again in backward; the row's log of the sum of exponentials is all that
 * is kept of them. */
#include "op/kernel.h"

#include <math.h>
#include <string.h>

/* Rows and keys of a tile. Fixed: the order of sums depends on them. Without excluded keys, where keys are
 * the words of a language, rows are twice as many, which packs the keys half as often. */
enum { TILE_ROWS = 128, WORD_ROWS = 256, TILE_KEYS = 256 };

typedef struct entropy {
    tape *tape;
    int64_t rows, keys, width;
    int64_t tile_rows; /* TILE_ROWS or WORD_ROWS */
    int64_t counted;   /* rows that have a target */
    const float *query, *key;
    const int32_t *target, *exclude; /* or NULL; target -1: the row is not counted */
    const float *positive;           /* (rows, width): a further key of each row, its target; or NULL */
    float scale;                     /* 1 / temperature */
    float *log_sum;                  /* (rows): log of the sum of exp(logit) */
    double *loss;                    /* (blocks of rows): sums of -log p[target] */
    float row_gradient;              /* d result / d loss of one row */
    float *diff;                     /* gradient being formed: of query or of key */
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

static bool is_counted(const entropy *e, int64_t row)
{
    return !e->target || e->target[row] >= 0;
}

static size_t tile_size(const entropy *e)
{
    return (size_t)e->tile_rows * TILE_KEYS * sizeof(float);
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

KERNEL static void scale_row(float *row, float scale, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        row[i] *= scale;
}

/* Scales a tile, and takes the excluded key of each row out of it. */
static void finish_logits(const entropy *e, int64_t row, int64_t rows, int64_t key, int64_t keys, float *tile)
{
    for (int64_t r = 0; r < rows; r++) {
        float *logits = tile + r * keys;
        if (e->scale != 1.0f)
            scale_row(logits, e->scale, keys);
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

KERNEL static float dot(const float *a, const float *b, int64_t width)
{
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; i++)
        sum += a[i] * b[i];
    return sum;
}

static float positive_logit(const entropy *e, int64_t row)
{
    return e->scale * dot(e->query + row * e->width, e->positive + row * e->width, e->width);
}

/* Before any tile: nothing, or each row's own key. */
static void start_sums(const entropy *e, int64_t row, int64_t rows, float *largest, float *sum, float *wanted)
{
    for (int64_t r = 0; r < rows; r++) {
        wanted[r] = e->positive ? positive_logit(e, row + r) : 0.0f;
        largest[r] = e->positive ? wanted[r] : -INFINITY;
        sum[r] = e->positive ? 1.0f : 0.0f;
    }
}

static void forward_tiles(const entropy *e, int64_t row, int64_t rows, int worker, float *tile, double *loss)
{
    float largest[WORD_ROWS], sum[WORD_ROWS], wanted[WORD_ROWS];
    start_sums(e, row, rows, largest, sum, wanted);
    for (int64_t key = 0; key < e->keys; key += TILE_KEYS) {
        const int64_t keys = minimum(TILE_KEYS, e->keys - key);
        if (!tile_product(e, worker, row, rows, key, keys, tile))
            return;
        finish_logits(e, row, rows, key, keys, tile);
        stream_sums(tile, rows, keys, largest, sum);
        for (int64_t r = 0; e->target && r < rows; r++)
            if (e->target[row + r] >= key && e->target[row + r] < key + keys)
                wanted[r] = tile[r * keys + e->target[row + r] - key];
    }
    *loss = 0.0;
    for (int64_t r = 0; r < rows; r++) {
        e->log_sum[row + r] = largest[r] + logf(sum[r]);
        if (is_counted(e, row + r))
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
    const int64_t row = i * e->tile_rows;
    float *tile = worker_take(e, worker, tile_size(e));
    if (!tile)
        return;
    forward_tiles(e, row, minimum(e->tile_rows, e->rows - row), worker, tile, &e->loss[i]);
    worker_give(e, worker, tile, tile_size(e));
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
    for (int64_t r = 0; e->target && r < rows; r++) {
        const int64_t at = e->target[row + r];
        if (at < 0)
            memset(tile + r * keys, 0, (size_t)keys * sizeof *tile);
        else if (at >= key && at < key + keys)
            tile[r * keys + at - key] -= factor;
    }
    return true;
}

/* Adds a tile's share to the gradient of `count` rows of the query, or of the keys, or writes it there. */
static bool add_share(const entropy *e, int worker, bool of_query, const float *tile, const float *others,
                      int64_t count, int64_t other_count, float *diff, bool add)
{
    const matmul_shape s = {.batch = 1,
                            .m = count,
                            .n = e->width,
                            .k = other_count,
                            .src_transposed = !of_query,
                            .accumulate = add};
    const tacit_status status = kernel_matmul(e->tape, worker, &s, tile, others, NULL, diff);
    if (status != TACIT_OK)
        tape_fail(e->tape, status, "matrix product of cross-entropy");
    return status == TACIT_OK;
}

/* Which gradient a backward job forms: a block of rows of the query's, or of the keys'. */
static void backward_block(const entropy *e, int64_t first, int64_t count, bool of_query, int worker,
                           float *tile)
{
    const int64_t others = of_query ? e->keys : e->rows, step = of_query ? TILE_KEYS : e->tile_rows;
    bool well = true;
    for (int64_t at = 0; well && at < others; at += step) {
        const int64_t n = minimum(step, others - at);
        well = of_query ? gradient_of_tile(e, worker, first, count, at, n, tile)
                        : gradient_of_tile(e, worker, at, n, first, count, tile);
        well = well && add_share(e, worker, of_query, tile, (of_query ? e->key : e->query) + at * e->width,
                                 count, n, e->diff + first * e->width, e->add || at > 0);
    }
}

static void backward_in_tile(const entropy *e, int64_t i, bool of_query, int worker)
{
    const int64_t step = of_query ? e->tile_rows : TILE_KEYS, total = of_query ? e->rows : e->keys;
    float *tile = worker_take(e, worker, tile_size(e));
    if (!tile)
        return;
    backward_block(e, i * step, minimum(step, total - i * step), of_query, worker, tile);
    worker_give(e, worker, tile, tile_size(e));
}

/* Both gradients from each tile, which is so formed only once; by one worker, since every tile adds to the
 * query's. The sums are those of backward_block, in the same order. */
static void backward_together(const entropy *e, contribution query, contribution key)
{
    float *tile = worker_take(e, 0, tile_size(e));
    bool well = tile != NULL;
    for (int64_t k = 0; well && k < e->keys; k += TILE_KEYS)
        for (int64_t r = 0; well && r < e->rows; r += e->tile_rows) {
            const int64_t keys = minimum(TILE_KEYS, e->keys - k), rows = minimum(e->tile_rows, e->rows - r);
            const int64_t at = r * e->width, key_at = k * e->width;
            well = gradient_of_tile(e, 0, r, rows, k, keys, tile);
            if (well && query.data)
                well = add_share(e, 0, true, tile, e->key + key_at, rows, keys, query.data + at,
                                 query.add || k > 0);
            if (well && key.data)
                well = add_share(e, 0, false, tile, e->query + at, keys, rows, key.data + key_at,
                                 key.add || r > 0);
        }
    worker_give(e, 0, tile, tile_size(e));
}

static void backward_query_block(void *user, int64_t i, int worker)
{
    backward_in_tile(user, i, true, worker);
}

/* The share of the rows' own keys in the gradient of the query, after that of all others. */
static void backward_positive_block(void *user, int64_t i, int worker)
{
    (void)worker;
    const entropy *e = user;
    const int64_t last = minimum((i + 1) * e->tile_rows, e->rows);
    for (int64_t r = i * e->tile_rows; r < last; r++) {
        const float share = kernel_exp(positive_logit(e, r) - e->log_sum[r]);
        const float factor = (share - 1.0f) * e->scale * e->row_gradient;
        const float *key = e->positive + r * e->width;
        float *diff = e->diff + r * e->width;
        for (int64_t k = 0; k < e->width; k++)
            diff[k] += factor * key[k];
    }
}

static void backward_key_block(void *user, int64_t i, int worker)
{
    backward_in_tile(user, i, false, worker);
}

static entropy product_of(tape *t, value query, value keys, float temperature)
{
    const tensor *q = tape_tensor(t, query), *k = tape_tensor(t, keys);
    return (entropy){.tape = t,
                     .rows = q->shape.size[0],
                     .tile_rows = TILE_ROWS,
                     .counted = q->shape.size[0],
                     .keys = k->shape.size[0],
                     .width = q->shape.size[1],
                     .query = q->data,
                     .key = k->data,
                     .scale = 1.0f / temperature};
}

static entropy entropy_of(tape *t, const value *inputs, float temperature)
{
    const tensor *exclude = tape_tensor(t, inputs[3]);
    entropy e = product_of(t, inputs[0], inputs[1], temperature);
    e.target = tape_tensor(t, inputs[2])->data;
    e.exclude = exclude ? exclude->data : NULL;
    e.tile_rows = exclude ? TILE_ROWS : WORD_ROWS;
    e.counted = 0;
    for (int64_t r = 0; r < e.rows; r++)
        e.counted += is_counted(&e, r);
    return e;
}

static void cross_entropy_backward(tape *t, const record *r)
{
    entropy e = entropy_of(t, r->inputs, r->number);
    e.log_sum = r->saved;
    e.row_gradient = e.counted ? tape_output_gradient(t, r)[0] / (float)e.counted : 0.0f;
    if (!tape_work(t) && r->inputs[0].id != r->inputs[1].id) {
        const contribution of_query = tape_contribute(t, r->inputs[0]);
        backward_together(&e, of_query, tape_contribute(t, r->inputs[1]));
        return;
    }
    /* Query and keys may be one value: the second gradient is then added to the first. */
    const contribution query = tape_contribute(t, r->inputs[0]);
    if (query.data) {
        e.diff = query.data;
        e.add = query.add;
        kernel_run(t, blocks_of(e.rows, e.tile_rows), backward_query_block, &e);
    }
    const contribution key = tape_contribute(t, r->inputs[1]);
    if (key.data) {
        e.diff = key.data;
        e.add = key.add;
        kernel_run(t, blocks_of(e.keys, TILE_KEYS), backward_key_block, &e);
    }
}

static const op cross_entropy = {"cross_entropy", 0xF, false, cross_entropy_backward};

/* Numbers of keys, or -1. */
static bool index_fits(tape *t, const char *name, value index, int64_t rows, int64_t keys)
{
    const tensor *x = tape_tensor(t, index);
    const int32_t *numbers = x->data;
    bool fit = x->dtype == DTYPE_I32 && shape_equal(x->shape, shape_1(rows));
    for (int64_t i = 0; fit && i < rows; i++)
        fit = numbers[i] >= -1 && numbers[i] < keys;
    if (!fit)
        tape_fail(t, TACIT_SHAPE, "cross-entropy: %s does not name one of %lld keys for each of %lld rows",
                  name, (long long)keys, (long long)rows);
    return fit;
}

static bool shapes_fit(tape *t, const value *inputs, float temperature)
{
    const shape q = tape_tensor(t, inputs[0])->shape, k = tape_tensor(t, inputs[1])->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT];
    if (q.rank != 2 || k.rank != 2 || q.size[1] != k.size[1] || q.size[0] < 1 || k.size[0] < 1 ||
        !(temperature > 0.0f)) {
        tape_fail(t, TACIT_SHAPE, "cross-entropy: query %s, keys %s, temperature %g", shape_text(q, one),
                  shape_text(k, two), (double)temperature);
        return false;
    }
    return index_fits(t, "target", inputs[2], q.size[0], k.size[0]) &&
           (!inputs[3].id || index_fits(t, "exclude", inputs[3], q.size[0], k.size[0]));
}

/* Forward of `e` -> (1), recorded as `made` of its inputs. */
static value run_forward(tape *t, entropy *e, const record *made)
{
    const int64_t blocks = blocks_of(e->rows, e->tile_rows);
    const size_t saved_size = (size_t)e->rows * sizeof(float), loss_size = (size_t)blocks * sizeof(double);
    record r = *made;
    r.output = tape_output(t, DTYPE_F32, shape_1(1));
    e->log_sum = tape_take(t, saved_size);
    e->loss = tape_take(t, loss_size);
    if (!tape_f32(t, r.output) || !e->log_sum || !e->loss)
        return (value){0};
    kernel_run(t, blocks, forward_block, e);
    double sum = 0.0;
    for (int64_t i = 0; i < blocks; i++)
        sum += e->loss[i];
    *tape_f32(t, r.output) = e->counted ? (float)(sum / (double)e->counted) : 0.0f;
    tape_give(t, e->loss, loss_size);
    r.saved = e->log_sum;
    r.saved_size = saved_size;
    return tape_record(t, &r);
}

value op_cross_entropy(tape *t, value query, value keys, value target, value exclude, float temperature)
{
    const record made = {
        .op = &cross_entropy, .inputs = {query, keys, target, exclude}, .number = temperature};
    if (!tape_ready(t, made.inputs, exclude.id ? 4 : 3) || !shapes_fit(t, made.inputs, temperature))
        return (value){0};
    entropy e = entropy_of(t, made.inputs, temperature);
    return run_forward(t, &e, &made);
}

/* ---- info_nce ---- */

static entropy info_nce_of(tape *t, const value *inputs, float temperature)
{
    entropy e = product_of(t, inputs[0], inputs[2], temperature);
    e.positive = tape_tensor(t, inputs[1])->data;
    return e;
}

static void info_nce_backward(tape *t, const record *r)
{
    entropy e = info_nce_of(t, r->inputs, r->number);
    const contribution query = tape_contribute(t, r->inputs[0]);
    if (!query.data)
        return;
    e.log_sum = r->saved;
    e.row_gradient = tape_output_gradient(t, r)[0] / (float)e.rows;
    e.diff = query.data;
    e.add = query.add;
    kernel_run(t, blocks_of(e.rows, e.tile_rows), backward_query_block, &e);
    kernel_run(t, blocks_of(e.rows, e.tile_rows), backward_positive_block, &e);
}

static const op info_nce = {"info_nce", 0x7, false, info_nce_backward};

value op_info_nce(tape *t, value query, value positive, value negatives, float temperature)
{
    const record made = {.op = &info_nce, .inputs = {query, positive, negatives}, .number = temperature};
    if (!tape_ready(t, made.inputs, 3))
        return (value){0};
    const shape q = tape_tensor(t, query)->shape, p = tape_tensor(t, positive)->shape,
                n = tape_tensor(t, negatives)->shape;
    char one[SHAPE_TEXT], two[SHAPE_TEXT], three[SHAPE_TEXT];
    if (q.rank != 2 || !shape_equal(q, p) || n.rank != 2 || n.size[1] != q.size[1] || q.size[0] < 1 ||
        n.size[0] < 1 || !(temperature > 0.0f))
        return tape_fail(t, TACIT_SHAPE, "info_nce: query %s, positive %s, negatives %s, temperature %g",
                         shape_text(q, one), shape_text(p, two), shape_text(n, three), (double)temperature);
    entropy e = info_nce_of(t, made.inputs, temperature);
    return run_forward(t, &e, &made);
}
