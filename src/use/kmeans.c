/* k-means by matrix products.
 *
 *   rows are cut into sections; a job takes a section, tile by tile: product with the centres, nearest
 * centre, and the sum of the rows of each group. The sums of the sections are added in their order. How many
 * sections there are follows from the shapes alone, so the sums have the same bits for any number of workers.
 *
 * Sums are of doubles: one for each section, group and column. */
#include "use/kmeans.h"

#include "base/philox.h"
#include "op/kernel.h"
#include "use/standardise.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TILE_ROWS = 256, SECTIONS_MOST = 64, SUMS_MOST = 1 << 23 };

typedef struct lloyd {
    work *work;
    matrix x;
    int32_t groups;
    int64_t sections, section_rows;
    float *centres;   /* (groups, columns) */
    float *bias;      /* (groups): |c|^2 */
    double *sums;     /* (sections, groups, columns) */
    int64_t *sizes;   /* (sections, groups) */
    int64_t *changed; /* (sections): rows that are in another group than before */
    int32_t *group;   /* (rows) */
    double *squares;  /* (rows): squared distance to the centre, exact to double */
    draws draws;
} lloyd;

/* ---- distances ---- */

KERNEL static double square_distance(const float *a, const float *b, int64_t columns)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < columns; j++) {
        const double difference = (double)a[j] - (double)b[j];
        sum += difference * difference;
    }
    return sum;
}

KERNEL static void add_to(double *sum, const float *row, int64_t columns)
{
#pragma omp simd
    for (int64_t j = 0; j < columns; j++)
        sum[j] += (double)row[j];
}

/* Half of |c|^2 - 2 x.c, least first. */
static int32_t nearest_centre(const float *products, const float *bias, int32_t groups)
{
    int32_t best = 0;
    float least = bias[0] - products[0];
    for (int32_t c = 1; c < groups; c++) {
        const float other = bias[c] - products[c];
        if (other < least) {
            least = other;
            best = c;
        }
    }
    return best;
}

static void take_row(lloyd *l, int64_t section, int64_t row, int32_t group)
{
    const int64_t columns = l->x.columns, slot = section * l->groups + group;
    const float *features = l->x.data + row * columns;
    l->changed[section] += l->group[row] != group;
    l->group[row] = group;
    l->squares[row] = square_distance(features, l->centres + group * columns, columns);
    l->sizes[slot]++;
    add_to(l->sums + slot * columns, features, columns);
}

static tacit_status assign_section(void *user, int64_t section, int worker)
{
    lloyd *l = user;
    const int64_t columns = l->x.columns, first = section * l->section_rows;
    const int64_t rows = block_length(l->x.rows, l->section_rows, section);
    arena *a = l->work->arenas[worker];
    float *products = arena_take(a, sizeof(float) * TILE_ROWS * (size_t)l->groups);
    if (!products)
        return TACIT_NOMEM;
    memset(l->sums + section * l->groups * columns, 0, sizeof *l->sums * (size_t)(l->groups * columns));
    memset(l->sizes + section * l->groups, 0, sizeof *l->sizes * (size_t)l->groups);
    l->changed[section] = 0;
    for (int64_t at = 0; at < rows; at += TILE_ROWS) {
        const int64_t count = rows - at < TILE_ROWS ? rows - at : TILE_ROWS;
        const matmul_shape product = {
            .batch = 1, .m = count, .n = l->groups, .k = columns, .wei_transposed = true};
        TRY(backend_matmul(l->work->backends[worker], a, &product, l->x.data + (first + at) * columns,
                           l->centres, NULL, products));
        for (int64_t r = 0; r < count; r++)
            take_row(l, section, first + at + r,
                     nearest_centre(products + r * l->groups, l->bias, l->groups));
    }
    return TACIT_OK;
}

static tacit_status assign_rows(lloyd *l)
{
    const int64_t columns = l->x.columns;
    for (int32_t c = 0; c < l->groups; c++) {
        double square = 0;
        for (int64_t j = 0; j < columns; j++)
            square += (double)l->centres[c * columns + j] * (double)l->centres[c * columns + j];
        l->bias[c] = (float)(square / 2);
    }
    return blocks_run(l->work, l->sections, assign_section, l);
}

/* ---- centres ---- */

/* Everything into the first section, sections in order. */
static void add_sections(lloyd *l)
{
    const int64_t numbers = l->groups * l->x.columns;
    for (int64_t s = 1; s < l->sections; s++) {
        for (int64_t i = 0; i < numbers; i++)
            l->sums[i] += l->sums[s * numbers + i];
        for (int32_t c = 0; c < l->groups; c++)
            l->sizes[c] += l->sizes[s * l->groups + c];
    }
}

/* The row farthest from its centre that is not alone in its group; -1 when all are on their centres. */
static int64_t farthest_row(const lloyd *l)
{
    int64_t found = -1;
    double most = 0;
    for (int64_t i = 0; i < l->x.rows; i++)
        if (l->squares[i] > most && l->sizes[l->group[i]] > 1) {
            most = l->squares[i];
            found = i;
        }
    return found;
}

/* A group without rows takes the farthest row out of another; true if one did. */
static bool fill_empty_groups(lloyd *l)
{
    bool moved = false;
    const int64_t columns = l->x.columns;
    for (int32_t c = 0; c < l->groups; c++) {
        const int64_t row = l->sizes[c] ? -1 : farthest_row(l);
        if (row < 0)
            continue;
        const int32_t from = l->group[row];
        const float *features = l->x.data + row * columns;
        for (int64_t j = 0; j < columns; j++) {
            l->sums[from * columns + j] -= (double)features[j];
            l->sums[c * columns + j] = (double)features[j];
        }
        l->sizes[from]--;
        l->sizes[c] = 1;
        l->group[row] = c;
        l->squares[row] = 0;
        moved = true;
    }
    return moved;
}

/* The centre of a group without rows stays where it is. */
static void move_centres(lloyd *l)
{
    for (int32_t c = 0; c < l->groups; c++)
        for (int64_t j = 0; l->sizes[c] && j < l->x.columns; j++)
            l->centres[c * l->x.columns + j] = (float)(l->sums[c * l->x.columns + j] / (double)l->sizes[c]);
}

/* Whether a row changed its group. */
static bool step_centres(lloyd *l)
{
    int64_t changed = 0;
    for (int64_t s = 0; s < l->sections; s++)
        changed += l->changed[s];
    add_sections(l);
    const bool moved = fill_empty_groups(l);
    if (!changed && !moved)
        return false;
    move_centres(l);
    return true;
}

/* ---- the first centres ---- */

static tacit_status lower_section(void *user, int64_t section, int worker)
{
    (void)worker;
    lloyd *l = user;
    const int64_t columns = l->x.columns, first = section * l->section_rows;
    const float *centre = l->centres + (l->groups - 1) * columns; /* the newest: see first_centres */
    for (int64_t i = first; i < first + block_length(l->x.rows, l->section_rows, section); i++) {
        const double square = square_distance(l->x.data + i * columns, centre, columns);
        if (square < l->squares[i])
            l->squares[i] = square;
    }
    return TACIT_OK;
}

/* A row with probability proportional to its squared distance; any row when all distances are 0. */
static int64_t draw_row(lloyd *l)
{
    double total = 0, sum = 0;
    for (int64_t i = 0; i < l->x.rows; i++)
        total += l->squares[i];
    if (!(total > 0))
        return (int64_t)draw_below(&l->draws, (uint64_t)l->x.rows);
    const double wanted = draw_uniform_double(&l->draws) * total;
    int64_t last = 0;
    for (int64_t i = 0; i < l->x.rows; i++) {
        sum += l->squares[i];
        if (l->squares[i] > 0)
            last = i;
        if (sum > wanted)
            break;
    }
    return last;
}

/* k-means++: each next centre is a row, far ones more probably. `groups` counts those there are. */
static tacit_status first_centres(lloyd *l)
{
    const int32_t wanted = l->groups;
    const int64_t columns = l->x.columns;
    tacit_status status = TACIT_OK;
    for (int64_t i = 0; i < l->x.rows; i++)
        l->squares[i] = (double)INFINITY;
    for (l->groups = 1; status == TACIT_OK && l->groups <= wanted; l->groups++) {
        const int64_t row =
            l->groups == 1 ? (int64_t)draw_below(&l->draws, (uint64_t)l->x.rows) : draw_row(l);
        memcpy(l->centres + (l->groups - 1) * columns, l->x.data + row * columns,
               sizeof(float) * (size_t)columns);
        status = blocks_run(l->work, l->sections, lower_section, l);
    }
    l->groups = wanted;
    return status;
}

/* ---- a restart ---- */

static tacit_status run_restart(lloyd *l, int iterations)
{
    TRY(first_centres(l));
    for (int64_t i = 0; i < l->x.rows; i++)
        l->group[i] = -1;
    for (int i = 0; i < iterations; i++) {
        TRY(assign_rows(l));
        if (!step_centres(l))
            return TACIT_OK;
    }
    TRY(assign_rows(l));
    add_sections(l);
    return TACIT_OK;
}

static tacit_status lloyd_create(lloyd *l, kmeans *out)
{
    const size_t rows = (size_t)l->x.rows, groups = (size_t)l->groups, columns = (size_t)l->x.columns;
    tacit_context *context = l->work->context;
    size_t numbers;
    if (!size_multiply(groups, columns, &numbers))
        return context_fail(context, TACIT_NOMEM, "cluster: out of memory");
    const int64_t affordable = SUMS_MOST / (int64_t)(numbers < SUMS_MOST ? numbers : SUMS_MOST);
    const int64_t tiles = blocks_of(l->x.rows, TILE_ROWS);
    int64_t sections = affordable < SECTIONS_MOST ? affordable : SECTIONS_MOST;
    sections = tiles < sections ? tiles : sections;
    l->section_rows = blocks_of(tiles, sections) * TILE_ROWS;
    l->sections = blocks_of(l->x.rows, l->section_rows);
    l->centres = memory_alloc(context, numbers, sizeof *l->centres);
    l->bias = memory_alloc(context, groups, sizeof *l->bias);
    l->sums = memory_alloc(context, (size_t)l->sections * numbers, sizeof *l->sums);
    l->sizes = memory_alloc(context, (size_t)l->sections * groups, sizeof *l->sizes);
    l->changed = memory_alloc(context, (size_t)l->sections, sizeof *l->changed);
    l->group = memory_alloc(context, rows, sizeof *l->group);
    l->squares = memory_alloc(context, rows, sizeof *l->squares);
    out->centres = memory_alloc(context, numbers, sizeof *out->centres);
    out->group = memory_alloc(context, rows, sizeof *out->group);
    out->size = memory_alloc(context, groups, sizeof *out->size);
    out->distance = memory_alloc(context, rows, sizeof *out->distance);
    return l->centres && l->bias && l->sums && l->sizes && l->changed && l->group && l->squares &&
                   out->centres && out->group && out->size && out->distance
               ? TACIT_OK
               : TACIT_NOMEM;
}

static void lloyd_fini(lloyd *l)
{
    tacit_context *context = l->work->context;
    memory_free(context, l->centres);
    memory_free(context, l->bias);
    memory_free(context, l->sums);
    memory_free(context, l->sizes);
    memory_free(context, l->changed);
    memory_free(context, l->group);
    memory_free(context, l->squares);
}

void kmeans_fini(kmeans *m)
{
    memory_free(m->context, m->centres);
    memory_free(m->context, m->group);
    memory_free(m->context, m->size);
    memory_free(m->context, m->distance);
    *m = (kmeans){.context = m->context};
}

/* Keeps the restart if it is better; groups stay in the order of the restart. */
static void keep_better(const lloyd *l, kmeans *best)
{
    double inertia = 0;
    for (int64_t i = 0; i < l->x.rows; i++)
        inertia += l->squares[i];
    if (!(inertia < best->inertia))
        return;
    best->inertia = inertia;
    memcpy(best->centres, l->centres, sizeof *l->centres * (size_t)(l->groups * l->x.columns));
    memcpy(best->group, l->group, sizeof *l->group * (size_t)l->x.rows);
    memcpy(best->size, l->sizes, sizeof *l->sizes * (size_t)l->groups);
    for (int64_t i = 0; i < l->x.rows; i++)
        best->distance[i] = sqrt(l->squares[i]);
}

/* ---- order of the groups ---- */

/* rank[c]: how many groups come before c, which are larger, or as large and before it. */
static void rank_groups(const kmeans *m, int32_t *rank)
{
    for (int32_t c = 0; c < m->groups; c++) {
        rank[c] = 0;
        for (int32_t o = 0; o < m->groups; o++)
            rank[c] += m->size[o] > m->size[c] || (m->size[o] == m->size[c] && o < c);
    }
}

/* Largest first. The space of the last restart serves for the copies. */
static tacit_status order_groups(kmeans *m, lloyd *l)
{
    const int64_t columns = l->x.columns;
    int32_t *rank = memory_alloc(m->context, (size_t)m->groups, sizeof *rank);
    if (!rank)
        return TACIT_NOMEM;
    rank_groups(m, rank);
    memcpy(l->centres, m->centres, sizeof *l->centres * (size_t)(m->groups * columns));
    memcpy(l->sizes, m->size, sizeof *l->sizes * (size_t)m->groups);
    for (int32_t c = 0; c < m->groups; c++) {
        m->size[rank[c]] = l->sizes[c];
        memcpy(m->centres + rank[c] * columns, l->centres + c * columns, sizeof(float) * (size_t)columns);
    }
    for (int64_t i = 0; i < l->x.rows; i++)
        m->group[i] = rank[m->group[i]];
    memory_free(m->context, rank);
    return TACIT_OK;
}

/* ---- fitting ---- */

static tacit_status check(tacit_context *context, matrix x, const kmeans_options *o)
{
    if (o->groups < 1 || o->restarts < 1 || o->iterations < 1)
        return context_fail(context, TACIT_ARGUMENT,
                            "cluster: %" PRId32 " groups, %d restarts, %d iterations: all must be above 0",
                            o->groups, o->restarts, o->iterations);
    if (o->groups > x.rows)
        return context_fail(context, TACIT_ARGUMENT,
                            "cluster: %" PRId32 " groups of %" PRId64
                            " examples: expected no more groups than examples",
                            o->groups, x.rows);
    for (int64_t i = 0; i < x.rows; i++)
        if (!row_is_finite(x.data + i * x.columns, x.columns))
            return context_fail(context, TACIT_NONFINITE,
                                "cluster: row %" PRId64 " holds a number that is not finite", i);
    return TACIT_OK;
}

tacit_status kmeans_fit(kmeans *out, work *w, matrix x, const kmeans_options *o)
{
    lloyd l = {.work = w, .x = x, .groups = o->groups};
    *out = (kmeans){.context = w->context, .groups = o->groups, .inertia = (double)INFINITY};
    TRY(check(w->context, x, o));
    tacit_status status = lloyd_create(&l, out);
    for (int r = 0; status == TACIT_OK && r < o->restarts; r++) {
        l.draws = draws_at(o->seed, DRAW_GROUPS, (uint32_t)r, 0, 0);
        status = run_restart(&l, o->iterations);
        if (status == TACIT_OK)
            keep_better(&l, out);
        if (w->context->cancelled)
            status = context_fail(w->context, TACIT_CANCELLED, "stopped on request while grouping");
    }
    if (status == TACIT_OK)
        status = order_groups(out, &l);
    lloyd_fini(&l);
    if (status != TACIT_OK)
        kmeans_fini(out);
    return status;
}
