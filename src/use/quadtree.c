#include "use/quadtree.h"

#include <math.h>

/* Cells so deep hold points that are the same place for any sum; the stack of a visit is bounded by it. */
enum { DEEPEST = 40, STACK = 3 * DEEPEST + 4 };

tacit_status quadtree_init(quadtree *q, tacit_context *context, int64_t count)
{
    *q = (quadtree){.context = context, .count = count, .room = (int32_t)(8 * count + 64)};
    if (count < 1 || count > INT64_C(1) << 27)
        return context_fail(context, TACIT_ARGUMENT, "quadtree of %lld points", (long long)count);
    q->cells = memory_alloc(context, (size_t)q->room, sizeof *q->cells);
    q->leaf = memory_alloc(context, (size_t)count, sizeof *q->leaf);
    return q->cells && q->leaf ? TACIT_OK : TACIT_NOMEM;
}

void quadtree_fini(quadtree *q)
{
    memory_free(q->context, q->cells);
    memory_free(q->context, q->leaf);
    *q = (quadtree){.context = NULL};
}

/* A square about all points. */
static quadtree_cell root_of(const double *y, int64_t count)
{
    double low[2] = {y[0], y[1]}, high[2] = {y[0], y[1]};
    for (int64_t i = 1; i < count; i++)
        for (int a = 0; a < 2; a++) {
            low[a] = fmin(low[a], y[2 * i + a]);
            high[a] = fmax(high[a], y[2 * i + a]);
        }
    const double width = fmax(fmax(high[0] - low[0], high[1] - low[1]), 1e-300);
    return (quadtree_cell){.middle = {0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])}, .width = width};
}

static int32_t child_at(const quadtree_cell *c, const double *point)
{
    return c->child + (point[0] > c->middle[0]) + 2 * (point[1] > c->middle[1]);
}

/* Four empty children; false when there is no room. */
static bool split(quadtree *q, int32_t cell)
{
    if (q->used + 4 > q->room)
        return false;
    quadtree_cell *c = &q->cells[cell];
    c->child = q->used;
    q->used += 4;
    for (int k = 0; k < 4; k++) {
        const double step = 0.25 * c->width;
        q->cells[c->child + k] = (quadtree_cell){
            .middle = {c->middle[0] + (k % 2 ? step : -step), c->middle[1] + (k / 2 ? step : -step)},
            .width = 0.5 * c->width};
    }
    return true;
}

static void add(quadtree_cell *c, const double *point)
{
    c->sum[0] += point[0];
    c->sum[1] += point[1];
    c->count++;
}

/* The point of a leaf that was split, one floor down. */
static void hand_down(quadtree *q, const quadtree_cell *c, const double *y)
{
    const int32_t below = child_at(c, y + 2 * c->point);
    add(&q->cells[below], y + 2 * c->point);
    q->cells[below].point = c->point;
    q->leaf[c->point] = below;
}

/* A leaf of one point becomes four, unless it is too deep: then it holds more than one. */
static void insert(quadtree *q, const double *y, int64_t i)
{
    int32_t at = 0;
    for (int depth = 0;; depth++) {
        quadtree_cell *c = &q->cells[at];
        if (!c->child) {
            if (c->count == 0 || depth >= DEEPEST || !split(q, at))
                break;
            hand_down(q, c, y);
        }
        add(c, y + 2 * i);
        at = child_at(c, y + 2 * i);
    }
    if (q->cells[at].count == 0)
        q->cells[at].point = i;
    add(&q->cells[at], y + 2 * i);
    q->leaf[i] = at;
}

void quadtree_build(quadtree *q, const double *y)
{
    q->cells[0] = root_of(y, q->count);
    q->used = 1;
    for (int64_t i = 0; i < q->count; i++)
        insert(q, y, i);
}

/* `count` points at one place. */
static double repel_one(const double *point, const double place[2], int64_t count, double force[2])
{
    const double across = point[0] - place[0], down = point[1] - place[1];
    const double k = 1.0 / (1.0 + across * across + down * down);
    force[0] += (double)count * k * k * across;
    force[1] += (double)count * k * k * down;
    return (double)count * k;
}

/* Narrow enough, seen from the point, or a leaf. */
static bool is_one_place(const quadtree_cell *c, const double *point, const double place[2], double theta)
{
    const double across = point[0] - place[0], down = point[1] - place[1];
    return !c->child || c->width * c->width < theta * theta * (across * across + down * down);
}

double quadtree_repel(const quadtree *q, const double *y, int64_t i, double theta, double force[2])
{
    int32_t stack[STACK];
    int waiting = 1;
    const double *point = y + 2 * i;
    double sum = 0.0;
    stack[0] = 0;
    force[0] = force[1] = 0.0;
    while (waiting > 0) {
        const int32_t at = stack[--waiting];
        const quadtree_cell *c = &q->cells[at];
        const bool own = at == q->leaf[i];
        const int64_t count = c->count - own;
        if (count == 0)
            continue;
        const double place[2] = {(c->sum[0] - (own ? point[0] : 0.0)) / (double)count,
                                 (c->sum[1] - (own ? point[1] : 0.0)) / (double)count};
        if (is_one_place(c, point, place, theta))
            sum += repel_one(point, place, count, force);
        else
            for (int k = 3; k >= 0; k--)
                stack[waiting++] = c->child + k;
    }
    return sum;
}
