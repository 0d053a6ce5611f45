/* op_attention_masked: attention in blocks of query rows, each against the keys that it can see. The scores
 * of one block are all that is ever in memory; backward forms them again from the logarithm of the sum of
 * exponentials that forward keeps for each row. */
#include "op/kernel.h"
#include "op/panel.h"

#include <math.h>
#include <string.h>

/* Query rows of a block: its scores stay in cache. Fixed: the order of sums depends on it. */
enum { BLOCK = 64 };

typedef struct masked {
    int64_t batch, tokens, width, heads, depth;
    int64_t room, columns; /* tokens and depth, rounded up to whole panels */
    int64_t line;          /* from one row of scores to the next; no power of two, for the cache's sake */
    bool causal;
    const int32_t *lengths; /* (B) or NULL */
    float scale;            /* 1 / sqrt(depth), put on the queries */
    panel_function panel;
} masked;

/* The rows that the next head begins with. They are too far apart for the processor to foresee, and are asked
 * for bit by bit while this head is computed. */
enum { FETCH_ROWS = 12, FETCH_PARTS = 5 };

typedef struct ahead {
    const float *parts[FETCH_PARTS]; /* queries, keys, values; in backward dy and y */
    int64_t steps[FETCH_PARTS];      /* from row to row of each */
    int64_t row;
    int part, count;
} ahead;

/* One head of one example. What is (room, columns) has zeros outside the tokens and the depth. */
typedef struct head {
    int64_t tokens; /* that take part */
    ahead *next;
    float *q, *k, *v;            /* (room, columns), q scaled */
    float *k_panels, *v_panels;  /* transposed: (room / 32, columns, 32) */
    float *scores, *out;         /* of a block: (BLOCK, line), (BLOCK, columns) */
    float *dy, *dk, *dv;         /* (room, columns); from here on only in backward */
    float *diff_scores, *centre; /* (BLOCK, line); (room): dy . y of each row */
} head;

static int64_t round_up(int64_t count, int64_t unit)
{
    return (count + unit - 1) / unit * unit;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static masked masked_sizes(const tape *t, value qkv, value lengths, int64_t heads, bool causal)
{
    const shape s = tape_tensor(t, qkv)->shape;
    masked m = {.batch = s.size[0], .tokens = s.size[1], .width = s.size[2] / 3, .heads = heads};
    m.depth = m.width / heads;
    m.room = round_up(m.tokens, PANEL_COLUMNS);
    m.columns = round_up(m.depth, PANEL_COLUMNS);
    m.line = m.room + 16;
    m.causal = causal;
    m.lengths = lengths.id ? tape_tensor(t, lengths)->data : NULL;
    m.scale = 1.0f / sqrtf((float)m.depth);
    m.panel = panel_of_width(64);
    return m;
}

static int64_t length_of(const masked *m, int64_t example)
{
    return m->lengths ? m->lengths[example] : m->tokens;
}

/* ---- what comes next ---- */

/* Numbers of an array (B, T, width) before those of head i, heads of examples counted through. */
static int64_t head_place(const masked *m, int64_t i, int64_t width)
{
    return i / m->heads * m->tokens * width + i % m->heads * m->depth;
}

/* Head i of qkv will be next, with dy and y unless these are NULL; past the last head, nothing. */
static void foresee(const masked *m, ahead *a, int64_t i, const float *qkv, const float *dy, const float *y)
{
    const int64_t row = 3 * m->width;
    *a = (ahead){.count = 0};
    if (i >= m->batch * m->heads)
        return;
    a->count = dy ? FETCH_PARTS : 3;
    for (int part = 0; part < 3; part++) {
        a->parts[part] = qkv + head_place(m, i, row) + part * m->width;
        a->steps[part] = row;
    }
    for (int part = 3; part < a->count; part++) {
        a->parts[part] = (part == 3 ? dy : y) + head_place(m, i, m->width);
        a->steps[part] = m->width;
    }
}

static void fetch_some(const masked *m, ahead *a)
{
    for (int i = 0; i < FETCH_ROWS && a->part < a->count; i++) {
        const float *row = a->parts[a->part] + a->row * a->steps[a->part];
        for (int64_t c = 0; c < m->depth; c += 16)
            __builtin_prefetch(row + c, 0, 2);
        a->row = (a->row + 1) % m->tokens;
        a->part += a->row == 0;
    }
}

/* ---- workspace ---- */

static int64_t head_size(const masked *m, bool backward)
{
    const int64_t rows = m->room * m->columns;
    const int64_t forward = 4 * rows + BLOCK * (m->line + m->columns);
    return backward ? forward + 4 * rows + BLOCK * m->line + m->room : forward;
}

static head head_parts(const masked *m, float *space, bool backward)
{
    const int64_t rows = m->room * m->columns;
    head h = {.q = space, .k = space + rows, .v = space + 2 * rows, .scores = space + 3 * rows};
    h.out = h.scores + BLOCK * m->line;
    h.k_panels = h.out + BLOCK * m->columns;
    if (!backward)
        return h;
    h.dy = h.k_panels + rows;
    h.dk = h.dy + rows;
    h.dv = h.dk + rows;
    h.diff_scores = h.dv + rows;
    h.v_panels = h.diff_scores + BLOCK * m->line;
    h.centre = h.v_panels + rows;
    return h;
}

/* The next rows of one head are too far apart for the processor to foresee. */
INLINE void fetch_ahead(const float *row, int64_t step, int64_t depth)
{
    for (int64_t c = 0; c < depth; c += 16)
        __builtin_prefetch(row + 16 * step + c);
}

/* Rows of `depth` numbers, `row` apart, to (room, columns) times `scale`; zeros for what is padding. */
KERNEL static void load_rows(const masked *m, int64_t tokens, const float *src, int64_t row, float scale,
                             float *dst)
{
    const int64_t depth = m->depth, columns = m->columns;
    for (int64_t i = 0; i < tokens; i++, dst += columns, src += row) {
        fetch_ahead(src, row, depth);
#pragma omp simd
        for (int64_t c = 0; c < depth; c++)
            dst[c] = src[c] * scale;
        for (int64_t c = depth; c < columns; c++)
            dst[c] = 0.0f;
    }
    memset(dst, 0, (size_t)((round_up(tokens, PANEL_COLUMNS) - tokens) * columns) * sizeof *dst);
}

/* The inverse: adds, or writes. */
KERNEL static void store_rows(const masked *m, int64_t tokens, const float *src, float scale, float *dst,
                              int64_t row, bool add)
{
    const int64_t depth = m->depth;
    for (int64_t i = 0; i < tokens; i++, dst += row, src += m->columns) {
        fetch_ahead(dst, row, depth);
        if (add) {
#pragma omp simd
            for (int64_t c = 0; c < depth; c++)
                dst[c] += src[c] * scale;
        } else {
#pragma omp simd
            for (int64_t c = 0; c < depth; c++)
                dst[c] = src[c] * scale;
        }
    }
}

typedef float quad __attribute__((vector_size(16)));

/* Four rows of four numbers, transposed. */
INLINE void transpose_quads(const float *rows, int64_t from_step, float *panel)
{
    quad a[4], halves[4], b[4];
    for (int i = 0; i < 4; i++)
        __builtin_memcpy(&a[i], rows + i * from_step, sizeof a[i]);
    halves[0] = __builtin_shufflevector(a[0], a[1], 0, 4, 1, 5);
    halves[1] = __builtin_shufflevector(a[2], a[3], 0, 4, 1, 5);
    halves[2] = __builtin_shufflevector(a[0], a[1], 2, 6, 3, 7);
    halves[3] = __builtin_shufflevector(a[2], a[3], 2, 6, 3, 7);
    for (int i = 0; i < 4; i += 2) {
        b[i] = __builtin_shufflevector(halves[i], halves[i + 1], 0, 1, 4, 5);
        b[i + 1] = __builtin_shufflevector(halves[i], halves[i + 1], 2, 3, 6, 7);
    }
    for (int i = 0; i < 4; i++)
        __builtin_memcpy(panel + i * PANEL_COLUMNS, &b[i], sizeof b[i]);
}

/* Rows (room, columns) to panels (room / 32, columns, 32): each panel is 32 rows, transposed. */
KERNEL static void to_panels(const masked *m, int64_t tokens, const float *rows, float *panels)
{
    const int64_t columns = m->columns;
    for (int64_t first = 0; first < tokens; first += PANEL_COLUMNS, panels += PANEL_COLUMNS * columns)
        for (int64_t i = 0; i < PANEL_COLUMNS; i += 4, rows += 4 * columns)
            for (int64_t c = 0; c < columns; c += 4)
                transpose_quads(rows + c, columns, panels + c * PANEL_COLUMNS + i);
}

/* ---- one block of query rows ---- */

typedef struct block {
    int64_t first, rows; /* query rows */
    int64_t padded;      /* rows, rounded up to groups of PANEL_ROWS */
} block;

static block block_at(const head *h, int64_t first)
{
    const int64_t rows = smaller(BLOCK, h->tokens - first);
    return (block){first, rows, round_up(rows, PANEL_ROWS)};
}

/* Keys that row i sees; and keys that its group of rows is multiplied with: at most 7 more, which are among
 * the 16 that the last one seen belongs to. */
static int64_t seen_of(const masked *m, const head *h, int64_t i)
{
    if (i >= h->tokens)
        return 0;
    return m->causal ? i + 1 : h->tokens;
}

static int64_t limit_of(const masked *m, const head *h, int64_t i)
{
    const int64_t group = i / PANEL_ROWS * PANEL_ROWS + PANEL_ROWS;
    return m->causal ? group : round_up(h->tokens, PANEL_ROWS);
}

/* ---- rows of scores ---- */

/* Scores are taken 16 at a time, so that no loop has a remainder; what lies behind those that are seen is
 * first given no weight. */
enum { CELLS = 16 };

/* The numbers behind the first `seen` that share their last 16 with them become `filler`. */
INLINE void close_row(float *row, int64_t seen, float filler)
{
    const int rest = (int)((seen - 1) % CELLS + 1);
    float *last = row + seen - rest;
#pragma omp simd
    for (int c = 0; c < CELLS; c++)
        last[c] = c < rest ? last[c] : filler;
}

INLINE float largest_of(const float *row, int64_t seen)
{
    float lanes[CELLS], largest = row[0];
    for (int c = 0; c < CELLS; c++)
        lanes[c] = row[c];
    for (int64_t i = CELLS; i < seen; i += CELLS)
#pragma omp simd
        for (int c = 0; c < CELLS; c++)
            lanes[c] = row[i + c] > lanes[c] ? row[i + c] : lanes[c];
#pragma omp simd reduction(max : largest)
    for (int c = 0; c < CELLS; c++)
        largest = lanes[c] > largest ? lanes[c] : largest;
    return largest;
}

/* exp(row - largest) in place of the row; gives the sum. */
INLINE float exponentials(float *row, int64_t seen, float largest)
{
    float lanes[CELLS] = {0}, sum = 0.0f;
    for (int64_t i = 0; i < seen; i += CELLS)
#pragma omp simd
        for (int c = 0; c < CELLS; c++) {
            row[i + c] = kernel_exp(row[i + c] - largest);
            lanes[c] += row[i + c];
        }
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < CELLS; c++)
        sum += lanes[c];
    return sum;
}

/* Scores to probabilities, and the gradient of these to that of the scores: dz = p * (dp - centre). */
INLINE void row_gradient(float *restrict p, float *restrict dp, int64_t seen, float log_sum, float centre)
{
    for (int64_t i = 0; i < seen; i += CELLS)
#pragma omp simd
        for (int c = 0; c < CELLS; c++) {
            p[i + c] = kernel_exp(p[i + c] - log_sum);
            dp[i + c] = p[i + c] * (dp[i + c] - centre);
        }
}

/* Scores of the block to exponentials; their sums (BLOCK), and the logarithms of these with the largest put
 * back. */
KERNEL static void block_exponentials(const masked *m, const head *h, const block *b, float *sums,
                                      float *log_sum)
{
    for (int64_t i = 0; i < b->padded; i++) {
        float *row = h->scores + i * m->line;
        const int64_t seen = seen_of(m, h, b->first + i);
        if (seen) {
            close_row(row, seen, -INFINITY);
            const float largest = largest_of(row, seen);
            sums[i] = exponentials(row, seen, largest);
            log_sum[b->first + i] = largest + logf(sums[i]);
        } else
            memset(row, 0, (size_t)limit_of(m, h, b->first + i) * sizeof *row);
    }
}

/* Scores of the block to probabilities, gradients of these to gradients of scores. */
KERNEL static void block_gradients(const masked *m, const head *h, const block *b, const float *log_sum)
{
    for (int64_t i = 0; i < b->padded; i++) {
        float *p = h->scores + i * m->line, *dp = h->diff_scores + i * m->line;
        const int64_t at = b->first + i, seen = seen_of(m, h, at);
        if (seen) {
            close_row(p, seen, -INFINITY);
            row_gradient(p, dp, seen, log_sum[at], h->centre[at]);
            close_row(dp, seen, 0.0f);
        } else {
            memset(p, 0, (size_t)limit_of(m, h, at) * sizeof *p);
            memset(dp, 0, (size_t)limit_of(m, h, at) * sizeof *dp);
        }
    }
}

/* y = out over the sums. */
KERNEL static void store_block(const masked *m, const head *h, const block *b, const float *sums, float *y)
{
    const int64_t depth = m->depth;
    const float *out = h->out;
    y += b->first * m->width;
    for (int64_t i = 0; i < b->rows; i++, y += m->width, out += m->columns) {
        const float scale = 1.0f / sums[i];
        fetch_ahead(y, m->width, depth);
#pragma omp simd
        for (int64_t c = 0; c < depth; c++)
            y[c] = out[c] * scale;
    }
}

/* centre = dy . y of each row. */
KERNEL static void find_centres(const masked *m, const head *h, const float *y)
{
    const float *dy = h->dy;
    for (int64_t i = 0; i < h->tokens; i++, dy += m->columns, y += m->width) {
        float sum = 0.0f;
        fetch_ahead(y, m->width, m->depth);
#pragma omp simd reduction(+ : sum)
        for (int64_t c = 0; c < m->depth; c++)
            sum += dy[c] * y[c];
        h->centre[i] = sum;
    }
}

/* ---- products ---- */

/* dst (BLOCK, line) = rows of the block times all tokens that some row of a group sees; what no row sees is
 * left as it is. */
static void row_products(const masked *m, const head *h, const block *b, const float *rows,
                         const float *panels, float *dst)
{
    const int64_t last = b->first + b->padded, keys = m->causal ? b->first + b->rows : h->tokens;
    for (int64_t key = 0; key < keys; key += PANEL_COLUMNS) {
        const int64_t start = m->causal && key > b->first ? key : b->first;
        fetch_some(m, h->next);
        m->panel(&(panel_product){.rows = last - start,
                                  .depth = m->depth,
                                  .a = rows + start * m->columns,
                                  .a_row = m->columns,
                                  .a_depth = 1,
                                  .b = panels + key * m->columns,
                                  .b_step = PANEL_COLUMNS,
                                  .dst = dst + (start - b->first) * m->line + key,
                                  .dst_step = m->line});
    }
}

/* out (BLOCK, columns) = scores of the block times `rows` of the tokens. */
static void token_products(const masked *m, const head *h, const block *b, const float *scores,
                           const float *rows)
{
    const int64_t step = m->causal ? PANEL_ROWS : b->padded;
    for (int64_t i = 0; i < b->padded; i += step) {
        fetch_some(m, h->next);
        for (int64_t c = 0; c < m->columns; c += PANEL_COLUMNS)
            m->panel(&(panel_product){.rows = step,
                                      .depth = limit_of(m, h, b->first + i),
                                      .a = scores + i * m->line,
                                      .a_row = m->line,
                                      .a_depth = 1,
                                      .b = rows + c,
                                      .b_step = m->columns,
                                      .dst = h->out + i * m->columns + c,
                                      .dst_step = m->columns});
    }
}

/* dst (room, columns) += scores of the block, transposed, times the block's `rows`; of `count` tokens from
 * `token` on, and the rows of the block from `start` on. */
static void transposed_product(const masked *m, const block *b, const float *scores, int64_t start,
                               int64_t token, int64_t count, const float *rows, float *dst)
{
    for (int64_t c = 0; c < m->columns; c += PANEL_COLUMNS)
        m->panel(&(panel_product){.rows = count,
                                  .depth = b->padded - start,
                                  .a = scores + start * m->line + token,
                                  .a_row = 1,
                                  .a_depth = m->line,
                                  .b = rows + (b->first + start) * m->columns + c,
                                  .b_step = m->columns,
                                  .dst = dst + token * m->columns + c,
                                  .dst_step = m->columns,
                                  .add = true});
}

static void transposed_products(const masked *m, const head *h, const block *b, const float *scores,
                                const float *rows, float *dst)
{
    const int64_t whole = m->causal ? b->first : round_up(h->tokens, PANEL_ROWS);
    for (int64_t token = 0; token < whole; token += BLOCK)
        transposed_product(m, b, scores, 0, token, smaller(BLOCK, whole - token), rows, dst);
    for (int64_t i = 0; m->causal && i < b->padded; i += PANEL_ROWS)
        transposed_product(m, b, scores, i, b->first + i, PANEL_ROWS, rows, dst);
}

/* ---- one head ---- */

static void load_head(const masked *m, const head *h, const float *qkv)
{
    const int64_t row = 3 * m->width;
    load_rows(m, h->tokens, qkv, row, m->scale, h->q);
    load_rows(m, h->tokens, qkv + m->width, row, 1.0f, h->k);
    load_rows(m, h->tokens, qkv + 2 * m->width, row, 1.0f, h->v);
    to_panels(m, h->tokens, h->k, h->k_panels);
}

/* y and log_sum are those of this head's first token. */
static void forward_head(const masked *m, const head *h, float *y, float *log_sum)
{
    for (int64_t first = 0; first < h->tokens; first += BLOCK) {
        const block b = block_at(h, first);
        float sums[BLOCK];
        row_products(m, h, &b, h->q, h->k_panels, h->scores);
        block_exponentials(m, h, &b, sums, log_sum);
        token_products(m, h, &b, h->scores, h->v);
        store_block(m, h, &b, sums, y);
    }
}

static void load_backward(const masked *m, const head *h, const float *dy, const float *y)
{
    const size_t size = (size_t)(m->room * m->columns) * sizeof(float);
    load_rows(m, h->tokens, dy, m->width, 1.0f, h->dy);
    to_panels(m, h->tokens, h->v, h->v_panels);
    memset(h->dk, 0, size);
    memset(h->dv, 0, size);
    find_centres(m, h, y);
}

static void backward_block(const masked *m, const head *h, const block *b, const float *log_sum)
{
    row_products(m, h, b, h->q, h->k_panels, h->scores);
    row_products(m, h, b, h->dy, h->v_panels, h->diff_scores);
    block_gradients(m, h, b, log_sum);
    transposed_products(m, h, b, h->scores, h->dy, h->dv);
    transposed_products(m, h, b, h->diff_scores, h->q, h->dk);
    token_products(m, h, b, h->diff_scores, h->k);
}

/* dqkv is where this head's first query has its gradient. */
static void backward_head(const masked *m, const head *h, const float *log_sum, float *dqkv, bool add)
{
    const int64_t row = 3 * m->width;
    for (int64_t first = 0; first < h->tokens; first += BLOCK) {
        const block b = block_at(h, first);
        backward_block(m, h, &b, log_sum);
        store_rows(m, b.rows, h->out, m->scale, dqkv + first * row, row, add);
    }
    store_rows(m, h->tokens, h->dk, 1.0f, dqkv + m->width, row, add);
    store_rows(m, h->tokens, h->dv, 1.0f, dqkv + 2 * m->width, row, add);
}

/* ---- the operator ---- */

/* What tokens past the length get: zeros, in an array (B, T, width) that is being written. */
static void clear_rest(const masked *m, int64_t width, float *x)
{
    for (int64_t b = 0; b < m->batch; b++) {
        const int64_t length = length_of(m, b);
        memset(x + (b * m->tokens + length) * width, 0,
               (size_t)((m->tokens - length) * width) * sizeof(float));
    }
}

static void masked_backward(tape *t, const record *r)
{
    const bool causal = r->whole < 0; /* see op_attention_masked */
    const masked m = masked_sizes(t, r->inputs[0], r->inputs[1], causal ? -r->whole : r->whole, causal);
    const contribution dqkv = tape_contribute(t, r->inputs[0]);
    const size_t size = (size_t)head_size(&m, true) * sizeof(float);
    float *space = dqkv.data ? tape_take(t, size) : NULL;
    if (!space)
        return;
    const float *qkv = tape_f32(t, r->inputs[0]), *y = tape_f32(t, r->output);
    const float *dy = tape_output_gradient(t, r), *log_sum = r->saved;
    ahead next;
    head h = head_parts(&m, space, true);
    h.next = &next;
    if (!dqkv.add)
        clear_rest(&m, 3 * m.width, dqkv.data);
    for (int64_t i = 0; i < m.batch * m.heads; i++) {
        const int64_t in = head_place(&m, i, 3 * m.width), out = head_place(&m, i, m.width);
        foresee(&m, &next, i + 1, qkv, dy, y);
        h.tokens = length_of(&m, i / m.heads);
        load_head(&m, &h, qkv + in);
        load_backward(&m, &h, dy + out, y + out);
        backward_head(&m, &h, log_sum + i * m.tokens, dqkv.data + in, dqkv.add);
    }
    tape_give(t, space, size);
}

static const op attention_masked = {"attention_masked", 1u << 0 | 1u << 1, true, masked_backward};

static bool masked_fits(tape *t, value qkv, int heads, value lengths)
{
    const shape in = tape_tensor(t, qkv)->shape;
    char text[SHAPE_TEXT];
    if (in.rank != 3 || heads < 1 || in.size[1] < 1 || in.size[2] < 1 ||
        in.size[2] % (3 * (int64_t)heads) != 0) {
        tape_fail(t, TACIT_SHAPE, "attention: %s does not hold queries, keys and values of %d heads",
                  shape_text(in, text), heads);
        return false;
    }
    return !lengths.id || kernel_lengths_fit(t, "attention", lengths, in.size[0], in.size[1]);
}

value op_attention_masked(tape *t, value qkv, int heads, bool causal, value lengths)
{
    if (!tape_ready(t, (value[]){qkv, lengths}, lengths.id ? 2 : 1) || !masked_fits(t, qkv, heads, lengths))
        return (value){0};
    const masked m = masked_sizes(t, qkv, lengths, heads, causal);
    const size_t saved_size = (size_t)(m.batch * m.heads * m.tokens) * sizeof(float);
    const size_t size = (size_t)head_size(&m, false) * sizeof(float);
    const value y = tape_output(t, DTYPE_F32, shape_3(m.batch, m.tokens, m.width));
    float *log_sum = tape_take(t, saved_size), *space = tape_take(t, size);
    float *dst = tape_f32(t, y);
    if (!dst || !log_sum || !space)
        return (value){0};
    ahead next;
    head h = head_parts(&m, space, false);
    h.next = &next;
    clear_rest(&m, m.width, dst);
    for (int64_t i = 0; i < m.batch * m.heads; i++) {
        foresee(&m, &next, i + 1, tape_f32(t, qkv), NULL, NULL);
        h.tokens = length_of(&m, i / m.heads);
        load_head(&m, &h, tape_f32(t, qkv) + head_place(&m, i, 3 * m.width));
        forward_head(&m, &h, dst + head_place(&m, i, m.width), log_sum + i * m.tokens);
    }
    tape_give(t, space, size);
    return tape_record(t, &(record){.op = &attention_masked,
                                    .inputs = {qkv, lengths},
                                    .output = y,
                                    .saved = log_sum,
                                    .saved_size = saved_size,
                                    .whole = causal ? -(int64_t)heads : heads});
}
