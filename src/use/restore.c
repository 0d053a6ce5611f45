#include "use/restore.h"

#include "use/matrix.h"

#include <math.h>
#include <string.h>

enum { ROUND = 256, ROW_BLOCK = 64 }; /* tiles between two blendings; rows of a job */

struct restorer {
    tacit_context *context;
    const learner *learner;
    work *work;
    pixel_scale pixels;
    int side, channels, patch;
    tape **tapes; /* (workers) */
};

/* ---- life ---- */

static tacit_status check(const learner *l, restore_task task)
{
    const objective *o = l->method.objective;
    if (task == RESTORE_ROWS)
        return o->restore_rows && l->encoder->settings.rows
                   ? TACIT_OK
                   : context_fail(l->context, TACIT_ARGUMENT, "%s does not predict rows of a table", o->name);
    if (l->encoder->settings.rows || (!o->restore && !o->inpaint))
        return context_fail(
            l->context, TACIT_ARGUMENT,
            "%s does not predict pictures: to restore them, train with denoise, or to fill holes "
            "with mae",
            o->name);
    if (task == RESTORE_WHOLE && !o->restore)
        return context_fail(
            l->context, TACIT_ARGUMENT,
            "%s fills what is hidden: expected a mask, or a picture with transparent places; to "
            "remove noise or blur, train with denoise",
            o->name);
    return TACIT_OK;
}

static tacit_status create_tapes(restorer *r)
{
    const parameters *p = &r->learner->parameters;
    r->tapes = memory_alloc(r->context, (size_t)r->work->workers, sizeof *r->tapes);
    if (!r->tapes)
        return TACIT_NOMEM;
    for (int i = 0; i < r->work->workers; i++) {
        TRY(tape_create(&r->tapes[i], r->context, r->work->backends[i]));
        TRY(tape_bind(r->tapes[i], p->tensors, (int)p->count, p->block));
    }
    return TACIT_OK;
}

tacit_status restorer_create(restorer **out, const learner *l, const pixel_scale *pixels, restore_task task,
                             work *w)
{
    *out = NULL;
    TRY(check(l, task));
    restorer *r = memory_alloc(l->context, 1, sizeof *r);
    if (!r)
        return TACIT_NOMEM;
    *r = (restorer){.context = l->context,
                    .learner = l,
                    .work = w,
                    .pixels = *pixels,
                    .side = l->encoder->settings.height,
                    .channels = l->encoder->settings.channels,
                    .patch = l->encoder->settings.patch};
    const tacit_status status = create_tapes(r);
    if (status == TACIT_OK)
        *out = r;
    else
        restorer_destroy(r);
    return status;
}

void restorer_destroy(restorer *r)
{
    if (!r)
        return;
    for (int i = 0; r->tapes && i < r->work->workers; i++)
        tape_destroy(r->tapes[i]);
    memory_free(r->context, r->tapes);
    memory_free(r->context, r);
}

/* ---- one tile ---- */

/* The tile as a view on the tape, (1, S, S, C); what is hidden has the mean colour. */
static value put_tile(const restorer *r, tape *t, const float *tile, const uint8_t *hidden)
{
    const int64_t pixels = (int64_t)r->side * r->side;
    const value view = tape_output(t, DTYPE_F32, shape_4(1, r->side, r->side, r->channels));
    float *to = tape_f32(t, view);
    for (int64_t i = 0; to && i < pixels * r->channels; i++) {
        const int64_t c = i % r->channels;
        const bool known = !hidden || !hidden[i / r->channels];
        to[i] = known ? (tile[i] - r->pixels.mean[c]) / r->pixels.deviation[c] : 0.0f;
    }
    return view;
}

/* Pixels of patch `number`, of numbers of a view, into a tile where they are hidden. */
static void take_patch(const restorer *r, int64_t number, const float *patch, const uint8_t *hidden,
                       float *out)
{
    const int64_t across = r->side / r->patch;
    const int64_t top = number / across * r->patch, left = number % across * r->patch;
    for (int64_t y = top; y < top + r->patch; y++)
        for (int64_t x = left; x < left + r->patch; x++)
            for (int64_t c = 0; c < r->channels; c++, patch++) {
                const int64_t pixel = y * r->side + x;
                const float number_of = *patch * r->pixels.deviation[c] + r->pixels.mean[c];
                if (!hidden || hidden[pixel])
                    out[pixel * r->channels + c] =
                        number_of > 0.0f ? (number_of < 1.0f ? number_of : 1.0f) : 0.0f;
            }
}

/* Which patches hold a hidden pixel: kept and removed (T in all); how many are kept. */
static int64_t sort_patches(const restorer *r, const uint8_t *hidden, int32_t *kept, int32_t *removed)
{
    const int64_t across = r->side / r->patch;
    int64_t whole = 0, gone = 0;
    for (int64_t n = 0; n < across * across; n++) {
        bool known = true;
        for (int64_t y = 0; y < r->patch; y++)
            for (int64_t x = 0; x < r->patch; x++)
                known = known && !hidden[(n / across * r->patch + y) * r->side + n % across * r->patch + x];
        if (known)
            kept[whole++] = (int32_t)n;
        else
            removed[gone++] = (int32_t)n;
    }
    return whole;
}

static value index_of(tape *t, const int32_t *numbers, int64_t count)
{
    const value v = tape_output(t, DTYPE_I32, shape_2(1, count));
    if (v.id)
        memcpy(tape_tensor(t, v)->data, numbers, (size_t)count * sizeof *numbers);
    return v;
}

/* By a method that hides patches. */
static tacit_status inpaint_tile(const restorer *r, tape *t, const float *tile, const uint8_t *hidden,
                                 int32_t *space, float *out)
{
    const method *m = &r->learner->method;
    const int64_t tokens = m->encoder->tokens;
    int32_t *kept = space, *removed = space + tokens;
    const int64_t whole = sort_patches(r, hidden, kept, removed), gone = tokens - whole;
    for (int64_t i = 0; whole == 0 && i < (int64_t)r->side * r->side * r->channels; i++)
        out[i] = hidden[i / r->channels] ? r->pixels.mean[i % r->channels] : out[i]; /* nothing to go by */
    if (whole == 0 || gone == 0)
        return TACIT_OK;
    const value predicted = m->objective->inpaint(m, t, put_tile(r, t, tile, hidden),
                                                  index_of(t, kept, whole), index_of(t, removed, gone));
    TRY(tape_status(t));
    for (int64_t n = 0; n < gone; n++)
        take_patch(r, removed[n], tape_f32(t, predicted) + n * m->encoder->patch_width, hidden, out);
    return TACIT_OK;
}

static tacit_status restore_tile(const restorer *r, tape *t, const float *tile, const uint8_t *hidden,
                                 float *out)
{
    const method *m = &r->learner->method;
    const int64_t width = (int64_t)r->patch * r->patch * r->channels;
    const value predicted = m->objective->restore(m, t, put_tile(r, t, tile, hidden));
    TRY(tape_status(t));
    for (int64_t n = 0; n < (int64_t)r->side * r->side * r->channels / width; n++)
        take_patch(r, n, tape_f32(t, predicted) + n * width, hidden, out);
    return TACIT_OK;
}

typedef struct tiles_job {
    const restorer *restorer;
    const float *tiles;
    const uint8_t *hidden;
    float *out;
    int64_t count;
} tiles_job;

static tacit_status run_tile(void *user, int64_t i, int worker)
{
    const tiles_job *j = user;
    const restorer *r = j->restorer;
    tape *t = r->tapes[worker];
    const int64_t pixels = (int64_t)r->side * r->side, size = pixels * r->channels;
    const float *tile = j->tiles + i * size;
    const uint8_t *hidden = j->hidden ? j->hidden + i * pixels : NULL;
    tape_reset(t, TAPE_INFERENCE);
    memcpy(j->out + i * size, tile, (size_t)size * sizeof *tile);
    if (!hidden || !r->learner->method.objective->inpaint)
        return restore_tile(r, t, tile, hidden, j->out + i * size);
    int32_t *space =
        arena_take(r->work->arenas[worker], 2 * (size_t)r->learner->encoder->tokens * sizeof(int32_t));
    return space ? inpaint_tile(r, t, tile, hidden, space, j->out + i * size) : TACIT_NOMEM;
}

tacit_status restorer_tiles(restorer *r, const float *tiles, const uint8_t *hidden, int64_t count, float *out)
{
    tiles_job j = {r, tiles, hidden, out, count};
    return blocks_run(r->work, count, run_tile, &j);
}

/* ---- rows ---- */

static tacit_status run_rows(void *user, int64_t block, int worker)
{
    const tiles_job *j = user;
    const restorer *r = j->restorer;
    tape *t = r->tapes[worker];
    const method *m = &r->learner->method;
    const int64_t first = block * ROW_BLOCK * r->channels;
    const int64_t count = block_length(j->count, ROW_BLOCK, block) * r->channels;
    tape_reset(t, TAPE_INFERENCE);
    const value seen = tape_output(t, DTYPE_F32, shape_2(count / r->channels, r->channels));
    float *to = tape_f32(t, seen);
    for (int64_t i = 0; to && i < count; i++)
        to[i] = j->hidden && j->hidden[first + i] ? 0.0f : j->tiles[first + i];
    const value predicted = m->objective->restore_rows(m, t, seen);
    TRY(tape_status(t));
    for (int64_t i = 0; i < count; i++)
        j->out[first + i] =
            !j->hidden || j->hidden[first + i] ? tape_f32(t, predicted)[i] : j->tiles[first + i];
    return TACIT_OK;
}

tacit_status restorer_rows(restorer *r, const float *rows, const uint8_t *hidden, int64_t count, float *out)
{
    tiles_job j = {r, rows, hidden, out, count};
    return blocks_run(r->work, blocks_of(count, ROW_BLOCK), run_rows, &j);
}

/* ---- a picture of any size ---- */

/* A picture on its way. */
typedef struct mosaic {
    restorer *restorer;
    const float *picture;
    const uint8_t *hidden;
    int height, width;
    int down, across;        /* tiles */
    float *tiles, *restored; /* (ROUND, S, S, C) */
    uint8_t *tile_hidden;    /* (ROUND, S, S), or NULL */
    int64_t number[ROUND];   /* which tile of the picture */
    float *sum, *weights;    /* (height, width, C), (height, width) */
} mosaic;

static int tiles_along(int length, int side)
{
    const int step = side / 2 > 0 ? side / 2 : 1;
    return length <= side ? 1 : 1 + (length - side + step - 1) / step;
}

/* Where tile i begins: the last one ends with the picture. */
static int tile_start(int i, int length, int side)
{
    const int step = side / 2 > 0 ? side / 2 : 1, last = length - side > 0 ? length - side : 0;
    return i * step < last ? i * step : last;
}

/* Place x of a row of `length` that goes back and forth. */
static int reflect(int x, int length)
{
    const int period = length > 1 ? 2 * (length - 1) : 1;
    x %= period;
    return length == 1 ? 0 : (x < length ? x : period - x);
}

/* Copies tile `number` to place `slot`; false where nothing of it is asked for. */
static bool cut_tile(mosaic *m, int64_t number, int64_t slot)
{
    const restorer *r = m->restorer;
    const int side = r->side, channels = r->channels;
    const int top = tile_start((int)(number / m->across), m->height, side);
    const int left = tile_start((int)(number % m->across), m->width, side);
    bool wanted = !m->hidden;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const int64_t from =
                (int64_t)reflect(top + y, m->height) * m->width + reflect(left + x, m->width);
            const int64_t to = (slot * side + y) * side + x;
            memcpy(m->tiles + to * channels, m->picture + from * channels, (size_t)channels * sizeof(float));
            if (m->hidden) {
                m->tile_hidden[to] = m->hidden[from];
                wanted = wanted || m->hidden[from];
            }
        }
    return wanted;
}

static float window_at(int x, int side)
{
    const float s = sinf(3.14159265f * ((float)x + 0.5f) / (float)side);
    return s * s + 1e-3f;
}

static void blend_tile(mosaic *m, int64_t slot)
{
    const restorer *r = m->restorer;
    const int side = r->side, channels = r->channels;
    const int top = tile_start((int)(m->number[slot] / m->across), m->height, side);
    const int left = tile_start((int)(m->number[slot] % m->across), m->width, side);
    for (int y = 0; y < side && top + y < m->height; y++)
        for (int x = 0; x < side && left + x < m->width; x++) {
            const int64_t at = (int64_t)(top + y) * m->width + left + x;
            const float w = window_at(y, side) * window_at(x, side);
            m->weights[at] += w;
            for (int c = 0; c < channels; c++)
                m->sum[at * channels + c] += w * m->restored[((slot * side + y) * side + x) * channels + c];
        }
}

static tacit_status run_rounds(mosaic *m)
{
    const int64_t all = (int64_t)m->down * m->across;
    for (int64_t next = 0; next < all;) {
        int64_t count = 0;
        for (; next < all && count < ROUND; next++)
            if (cut_tile(m, next, count))
                m->number[count++] = next;
        TRY(restorer_tiles(m->restorer, m->tiles, m->tile_hidden, count, m->restored));
        for (int64_t i = 0; i < count; i++)
            blend_tile(m, i);
    }
    return TACIT_OK;
}

static void finish(const mosaic *m, float *out)
{
    const int channels = m->restorer->channels;
    for (int64_t i = 0; i < (int64_t)m->height * m->width; i++)
        for (int c = 0; c < channels; c++) {
            const bool known = m->hidden && !m->hidden[i];
            out[i * channels + c] =
                known ? m->picture[i * channels + c] : m->sum[i * channels + c] / m->weights[i];
        }
}

static tacit_status mosaic_init(mosaic *m)
{
    const restorer *r = m->restorer;
    const size_t pixels = (size_t)m->height * (size_t)m->width, channels = (size_t)r->channels;
    const size_t tile = (size_t)r->side * (size_t)r->side;
    m->down = tiles_along(m->height, r->side);
    m->across = tiles_along(m->width, r->side);
    m->tiles = memory_alloc(r->context, ROUND * tile, channels * sizeof(float));
    m->restored = memory_alloc(r->context, ROUND * tile, channels * sizeof(float));
    m->tile_hidden = m->hidden ? memory_alloc(r->context, ROUND, tile) : NULL;
    m->sum = memory_alloc(r->context, pixels, channels * sizeof(float));
    m->weights = memory_alloc(r->context, pixels, sizeof(float));
    const bool room = m->tiles && m->restored && m->sum && m->weights && (m->tile_hidden || !m->hidden);
    return room ? TACIT_OK : TACIT_NOMEM;
}

tacit_status restorer_picture(restorer *r, const float *picture, const uint8_t *hidden, int height, int width,
                              float *out)
{
    mosaic m = {.restorer = r, .picture = picture, .hidden = hidden, .height = height, .width = width};
    tacit_status status = mosaic_init(&m);
    if (status == TACIT_OK)
        status = run_rounds(&m);
    if (status == TACIT_OK)
        finish(&m, out);
    memory_free(r->context, m.tiles);
    memory_free(r->context, m.restored);
    memory_free(r->context, m.tile_hidden);
    memory_free(r->context, m.sum);
    memory_free(r->context, m.weights);
    return status;
}
