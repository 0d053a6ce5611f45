#include "use/tsne.h"

#include "use/quadtree.h"

#include <math.h>
#include <string.h>

enum { BLOCK_ROWS = 256, SEARCHES = 64, HEARD_EVERY = 25 };
static const double exaggeration = 12.0, least_gain = 0.01;

/* ---- affinities ---- */

/* Weights exp(-beta (d^2 - least d^2)) of one row, and log of how many neighbours that is in effect. */
static double weigh(const double *squares, int k, double beta, double *p)
{
    double sum = 0.0, spread = 0.0, least = squares[0];
    for (int j = 1; j < k; j++)
        least = fmin(least, squares[j]);
    for (int j = 0; j < k; j++) {
        p[j] = exp(-beta * (squares[j] - least));
        sum += p[j];
        spread += p[j] * beta * (squares[j] - least);
    }
    for (int j = 0; j < k; j++)
        p[j] /= sum;
    return log(sum) + spread / sum;
}

/* beta by halving. Rows all of whose neighbours are equally far have no width: all weigh the same. */
static void fit_width(const double *squares, int k, double perplexity, double *p)
{
    const double want = log(perplexity);
    double low = 0.0, high = (double)INFINITY, beta = 1.0;
    for (int i = 0; i < SEARCHES; i++) {
        const double got = weigh(squares, k, beta, p);
        if (fabs(got - want) < 1e-9)
            return;
        if (got > want)
            low = beta;
        else
            high = beta;
        beta = isinf(high) ? 2.0 * beta : 0.5 * (low + high);
    }
}

typedef struct width_job {
    const double *squares;
    double *p; /* (count, k) */
    int64_t count;
    int k;
    double perplexity;
} width_job;

static tacit_status fit_widths(void *user, int64_t block, int worker)
{
    const width_job *j = user;
    const int64_t first = block * BLOCK_ROWS, rows = block_length(j->count, BLOCK_ROWS, block);
    (void)worker;
    for (int64_t i = first; i < first + rows; i++)
        fit_width(j->squares + i * j->k, j->k, j->perplexity, j->p + i * j->k);
    return TACIT_OK;
}

/* Each number into its row and, turned, into the other's. Rows are filled in order of the first, then sorted.
 */
static void scatter(affinities *a, const int32_t *neighbours, const double *p, int k, int64_t *next)
{
    const double share = 0.5 / (double)a->count;
    for (int64_t i = 0; i < a->count; i++)
        for (int j = 0; j < k; j++) {
            const int32_t other = neighbours[i * k + j];
            a->others[next[i]] = other;
            a->p[next[i]++] = share * p[i * k + j];
            a->others[next[other]] = (int32_t)i;
            a->p[next[other]++] = share * p[i * k + j];
        }
}

/* Insertion, stable; a row has some hundred numbers. */
static void sort_row(int32_t *others, double *p, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        const int32_t other = others[i];
        const double weight = p[i];
        int64_t at = i;
        for (; at > 0 && others[at - 1] > other; at--) {
            others[at] = others[at - 1];
            p[at] = p[at - 1];
        }
        others[at] = other;
        p[at] = weight;
    }
}

/* Numbers of one place are added; rows move together. */
static void merge_rows(affinities *a, const int64_t *end)
{
    int64_t to = 0;
    for (int64_t i = 0; i < a->count; i++) {
        const int64_t from = a->first[i], begin = to;
        sort_row(a->others + from, a->p + from, end[i] - from);
        for (int64_t at = from; at < end[i]; at++) {
            if (to > begin && a->others[to - 1] == a->others[at]) {
                a->p[to - 1] += a->p[at];
                continue;
            }
            a->others[to] = a->others[at];
            a->p[to++] = a->p[at];
        }
        a->first[i] = begin;
    }
    a->first[a->count] = to;
}

static tacit_status make_symmetric(affinities *a, const int32_t *neighbours, const double *p, int k)
{
    const int64_t count = a->count;
    int64_t *next = memory_alloc(a->context, (size_t)count, sizeof *next);
    if (!next)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < count * k; i++)
        a->first[neighbours[i] + 1]++;
    for (int64_t i = 0; i < count; i++) {
        a->first[i + 1] += a->first[i] + k;
        next[i] = a->first[i];
    }
    scatter(a, neighbours, p, k, next);
    merge_rows(a, next);
    memory_free(a->context, next);
    return TACIT_OK;
}

tacit_status affinities_create(affinities *a, work *w, const int32_t *neighbours, const double *squares,
                               int64_t count, int k, double perplexity)
{
    *a = (affinities){.context = w->context, .count = count};
    if (!(perplexity >= 1.0 && perplexity <= (double)k))
        return context_fail(w->context, TACIT_ARGUMENT,
                            "perplexity %g of %d neighbours: expected 1 to their number", perplexity, k);
    width_job j = {squares, NULL, count, k, perplexity};
    j.p = memory_alloc(w->context, (size_t)count, (size_t)k * sizeof *j.p);
    a->first = memory_alloc(w->context, (size_t)count + 1, sizeof *a->first);
    a->others = memory_alloc(w->context, (size_t)count, 2 * (size_t)k * sizeof *a->others);
    a->p = memory_alloc(w->context, (size_t)count, 2 * (size_t)k * sizeof *a->p);
    tacit_status status = TACIT_NOMEM;
    if (j.p && a->first && a->others && a->p)
        status = blocks_run(w, blocks_of(count, BLOCK_ROWS), fit_widths, &j);
    if (status == TACIT_OK)
        status = make_symmetric(a, neighbours, j.p, k);
    memory_free(w->context, j.p);
    if (status != TACIT_OK)
        affinities_fini(a);
    return status;
}

void affinities_fini(affinities *a)
{
    memory_free(a->context, a->first);
    memory_free(a->context, a->others);
    memory_free(a->context, a->p);
    *a = (affinities){.context = a->context};
}

/* ---- forces ---- */

typedef struct forces {
    const affinities *a;
    quadtree tree;
    double theta;
    const double *y;
    double *attract, *repel; /* (N, 2) each */
    double *sums;            /* (blocks) */
} forces;

static tacit_status forces_init(forces *f, work *w, const affinities *a, double theta)
{
    const size_t count = (size_t)a->count;
    *f = (forces){.a = a, .theta = theta};
    TRY(quadtree_init(&f->tree, w->context, a->count));
    f->attract = memory_alloc(w->context, 2 * count, sizeof *f->attract);
    f->repel = memory_alloc(w->context, 2 * count, sizeof *f->repel);
    f->sums = memory_alloc(w->context, (size_t)blocks_of(a->count, BLOCK_ROWS), sizeof *f->sums);
    return f->attract && f->repel && f->sums ? TACIT_OK : TACIT_NOMEM;
}

static void forces_fini(forces *f)
{
    memory_free(f->a->context, f->attract);
    memory_free(f->a->context, f->repel);
    memory_free(f->a->context, f->sums);
    quadtree_fini(&f->tree);
}

static void attract_one(const affinities *a, const double *y, int64_t i, double force[2])
{
    force[0] = force[1] = 0.0;
    for (int64_t at = a->first[i]; at < a->first[i + 1]; at++) {
        const double *other = y + 2 * (int64_t)a->others[at];
        const double across = y[2 * i] - other[0], down = y[2 * i + 1] - other[1];
        const double pull = a->p[at] / (1.0 + across * across + down * down);
        force[0] += pull * across;
        force[1] += pull * down;
    }
}

static tacit_status force_rows(void *user, int64_t block, int worker)
{
    const forces *f = user;
    const int64_t first = block * BLOCK_ROWS, rows = block_length(f->a->count, BLOCK_ROWS, block);
    double sum = 0.0;
    (void)worker;
    for (int64_t i = first; i < first + rows; i++) {
        attract_one(f->a, f->y, i, f->attract + 2 * i);
        sum += quadtree_repel(&f->tree, f->y, i, f->theta, f->repel + 2 * i);
    }
    f->sums[block] = sum;
    return TACIT_OK;
}

/* Both forces at y; *total is the sum over all pairs that the repulsion is divided by. */
static tacit_status find_forces(forces *f, work *w, const double *y, double *total)
{
    const int64_t blocks = blocks_of(f->a->count, BLOCK_ROWS);
    f->y = y;
    quadtree_build(&f->tree, y);
    TRY(blocks_run(w, blocks, force_rows, f));
    *total = 0.0;
    for (int64_t b = 0; b < blocks; b++)
        *total += f->sums[b];
    return TACIT_OK;
}

/* ---- descent ---- */

typedef struct descent {
    double *velocity, *gain; /* (N, 2) each */
    double rate;
} descent;

static void move_one(const descent *d, int64_t i, double gradient, double momentum, double *y)
{
    const bool turned = (gradient > 0.0) != (d->velocity[i] > 0.0);
    d->gain[i] = turned ? d->gain[i] + 0.2 : fmax(0.8 * d->gain[i], least_gain);
    d->velocity[i] = momentum * d->velocity[i] - d->rate * d->gain[i] * gradient;
    y[i] += d->velocity[i];
}

static void centre(double *y, int64_t count)
{
    double mean[2] = {0.0, 0.0};
    for (int64_t i = 0; i < 2 * count; i++)
        mean[i % 2] += y[i] / (double)count;
    for (int64_t i = 0; i < 2 * count; i++)
        y[i] -= mean[i % 2];
}

static tacit_status iterate(work *w, forces *f, const descent *d, bool early, double *y)
{
    double total;
    TRY(find_forces(f, w, y, &total));
    for (int64_t i = 0; i < 2 * f->a->count; i++) {
        const double gradient = 4.0 * ((early ? exaggeration : 1.0) * f->attract[i] - f->repel[i] / total);
        move_one(d, i, gradient, early ? 0.5 : 0.8, y);
    }
    centre(y, f->a->count);
    return TACIT_OK;
}

static tacit_status descend(work *w, forces *f, const descent *d, const tsne_options *o, double *y)
{
    for (int i = 0; i < o->iterations; i++) {
        TRY(iterate(w, f, d, i < o->iterations / 4, y));
        if (o->heard && (i + 1) % HEARD_EVERY == 0)
            o->heard(o->user, i + 1);
        if (w->context->cancelled)
            return context_fail(w->context, TACIT_CANCELLED, "stopped on request after %d of %d iterations",
                                i + 1, o->iterations);
    }
    return TACIT_OK;
}

tacit_status tsne_run(work *w, const affinities *a, const tsne_options *o, double *y)
{
    forces f;
    descent d = {.rate = fmax((double)a->count / exaggeration / 4.0, 50.0)};
    tacit_status status = forces_init(&f, w, a, o->theta);
    d.velocity = memory_alloc(w->context, 2 * (size_t)a->count, sizeof *d.velocity);
    d.gain = memory_alloc(w->context, 2 * (size_t)a->count, sizeof *d.gain);
    if (status == TACIT_OK && (!d.velocity || !d.gain))
        status = TACIT_NOMEM;
    for (int64_t i = 0; status == TACIT_OK && i < 2 * a->count; i++)
        d.gain[i] = 1.0;
    if (status == TACIT_OK)
        status = descend(w, &f, &d, o, y);
    memory_free(w->context, d.velocity);
    memory_free(w->context, d.gain);
    forces_fini(&f);
    return status;
}

/* ---- for tests ---- */

tacit_status tsne_gradient(work *w, const affinities *a, double theta, const double *y, double *gradient)
{
    forces f;
    double total;
    tacit_status status = forces_init(&f, w, a, theta);
    if (status == TACIT_OK)
        status = find_forces(&f, w, y, &total);
    for (int64_t i = 0; status == TACIT_OK && i < 2 * a->count; i++)
        gradient[i] = 4.0 * (f.attract[i] - f.repel[i] / total);
    forces_fini(&f);
    return status;
}

static double kernel(const double *y, int64_t i, int64_t j)
{
    const double across = y[2 * i] - y[2 * j], down = y[2 * i + 1] - y[2 * j + 1];
    return 1.0 / (1.0 + across * across + down * down);
}

double tsne_divergence(const affinities *a, const double *y)
{
    double total = 0.0, sum = 0.0;
    for (int64_t i = 0; i < a->count; i++)
        for (int64_t j = 0; j < a->count; j++)
            total += i == j ? 0.0 : kernel(y, i, j);
    for (int64_t i = 0; i < a->count; i++)
        for (int64_t at = a->first[i]; at < a->first[i + 1]; at++)
            if (a->p[at] > 0.0)
                sum += a->p[at] * log(a->p[at] * total / kernel(y, i, a->others[at]));
    return sum;
}
