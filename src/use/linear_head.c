#include "use/linear_head.h"

#include "use/class_rows.h"
#include "use/few_labels.h"
#include "use/probe.h"
#include "use/standardise.h"

#include <inttypes.h>
#include <string.h>

enum { BLOCK_ROWS = 512, MANY_LABELS = 1000, FOLDS = 5 };

static bool has_many(const labelled *x)
{
    return x->count / MANY_LABELS >= x->classes;
}

/* ---- fitting ---- */

/* logits = wei ((x - mean) / deviation) + bias, as a layer on x. */
static tacit_status fold_in(linear_head *out, const probe *p)
{
    const int64_t columns = p->columns;
    out->columns = columns;
    out->classes = p->classes;
    out->l2 = p->l2;
    out->wei = memory_alloc(out->context, (size_t)p->classes, (size_t)columns * sizeof *out->wei);
    out->bias = memory_alloc(out->context, (size_t)p->classes, sizeof *out->bias);
    if (!out->wei || !out->bias)
        return TACIT_NOMEM;
    for (int32_t c = 0; c < p->classes; c++) {
        double bias = (double)p->bias[c];
        for (int64_t k = 0; k < columns; k++) {
            const double wei = (double)p->wei[c * columns + k] / (double)p->deviation[k];
            out->wei[c * columns + k] = (float)wei;
            bias -= wei * (double)p->mean[k];
        }
        out->bias[c] = (float)bias;
    }
    return TACIT_OK;
}

/* The named rows and their labels, densely, for probe_select. */
static tacit_status select_probe(probe *out, work *w, const labelled *x, uint64_t seed)
{
    tacit_context *context = w->context;
    const int64_t columns = x->features.columns;
    float *data = memory_alloc(context, (size_t)x->count, (size_t)columns * sizeof *data);
    int32_t *labels = memory_alloc(context, (size_t)x->count, sizeof *labels);
    tacit_status status = TACIT_NOMEM;
    if (data && labels) {
        for (int64_t i = 0; i < x->count; i++) {
            labels[i] = x->labels[x->rows[i]];
            memcpy(data + i * columns, x->features.data + x->rows[i] * columns,
                   (size_t)columns * sizeof *data);
        }
        status = probe_select(out, w, (matrix){x->count, columns, data}, labels, x->classes, NULL, 0, seed);
    }
    memory_free(context, data);
    memory_free(context, labels);
    return status;
}

tacit_status linear_head_fit(linear_head *out, work *w, const labelled *x, uint64_t seed)
{
    probe p = {0};
    *out = (linear_head){.context = w->context};
    tacit_status status = has_many(x) ? select_probe(&p, w, x, seed)
                                      : probe_fit_rows(&p, w, x->features, x->labels, x->classes,
                                                       FEW_LABELS_L2, x->rows, x->count, NULL, NULL);
    if (status == TACIT_OK)
        status = fold_in(out, &p);
    probe_fini(&p);
    if (status != TACIT_OK)
        linear_head_fini(out);
    return status;
}

void linear_head_fini(linear_head *h)
{
    if (h->context) {
        memory_free(h->context, h->wei);
        memory_free(h->context, h->bias);
    }
    *h = (linear_head){.context = NULL};
}

/* ---- logits ---- */

typedef struct logits_job {
    work *work;
    matrix features;
    const float *wei, *bias;
    int32_t classes;
    float *logits;
} logits_job;

static tacit_status logits_block(void *user, int64_t i, int worker)
{
    const logits_job *j = user;
    const int64_t first = i * BLOCK_ROWS, rows = block_length(j->features.rows, BLOCK_ROWS, i);
    float *logits = j->logits + first * j->classes;
    const matmul_shape shape = {.batch = 1,
                                .m = rows,
                                .n = j->classes,
                                .k = j->features.columns,
                                .wei_transposed = true,
                                .bias = true};
    TRY(backend_matmul(j->work->backends[worker], j->work->arenas[worker], &shape,
                       j->features.data + first * j->features.columns, j->wei, j->bias, logits));
    for (int64_t r = 0; r < rows; r++)
        if (!row_is_finite(logits + r * j->classes, j->classes))
            return context_fail(j->work->context, TACIT_NONFINITE,
                                "classify: example %" PRId64 " has a logit that is not finite", first + r);
    return TACIT_OK;
}

tacit_status linear_logits(work *w, matrix features, const float *wei, const float *bias, int32_t classes,
                           float *logits)
{
    logits_job j = {w, features, wei, bias, classes, logits};
    return blocks_run(w, blocks_of(features.rows, BLOCK_ROWS), logits_block, &j);
}

/* ---- cross-fitting ---- */

/* Rows of a fit dealt to folds. */
typedef struct folds {
    tacit_context *context;
    int8_t *of;      /* (features.rows): fold of a row; -1: it is not one of those that count */
    int64_t *others; /* (count): the rows outside a fold */
    float *judged;   /* (count, columns): those inside */
} folds;

static void folds_fini(folds *f)
{
    memory_free(f->context, f->of);
    memory_free(f->context, f->others);
    memory_free(f->context, f->judged);
}

/* Class by class in turn, from a keyed order; the only one of a class is in no fold. */
static tacit_status deal(folds *f, const labelled *x, uint64_t seed)
{
    class_rows r;
    int32_t *labels = memory_alloc(f->context, (size_t)x->count, sizeof *labels);
    if (!labels)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < x->count; i++)
        labels[i] = x->labels[x->rows[i]];
    const tacit_status status = class_rows_create(&r, f->context, labels, x->count, x->classes);
    memory_free(f->context, labels);
    TRY(status);
    for (int64_t i = 0; i < x->features.rows; i++)
        f->of[i] = -1;
    for (int32_t c = 0; c < x->classes; c++) {
        const int64_t count = class_rows_count(&r, c);
        class_rows_draw(&r, c, count, seed, 0, CLASS_ROWS_HELD_OUT);
        for (int64_t i = 0; i < count; i++)
            f->of[x->rows[r.rows[r.first[c] + i]]] = (int8_t)(count > 1 ? (i + c) % FOLDS : FOLDS);
    }
    class_rows_fini(&r);
    return TACIT_OK;
}

static tacit_status folds_init(folds *f, tacit_context *context, const labelled *x, uint64_t seed)
{
    *f = (folds){.context = context};
    f->of = memory_alloc(context, (size_t)x->features.rows, sizeof *f->of);
    f->others = memory_alloc(context, (size_t)x->count, sizeof *f->others);
    f->judged = memory_alloc(context, (size_t)x->count, (size_t)x->features.columns * sizeof *f->judged);
    return f->of && f->others && f->judged ? deal(f, x, seed) : TACIT_NOMEM;
}

/* Whether the rows outside the fold are of two classes or more. */
static bool can_fit(const labelled *x, const int64_t *others, int64_t count)
{
    for (int64_t i = 1; i < count; i++)
        if (x->labels[others[i]] != x->labels[others[0]])
            return true;
    return false;
}

static tacit_status judge_fold(work *w, const labelled *x, double l2, folds *f, int fold, float *logits,
                               int32_t *label, int64_t *filled)
{
    const int64_t columns = x->features.columns;
    int64_t outside = 0, inside = 0;
    probe p = {0};
    linear_head h = {.context = w->context};
    for (int64_t i = 0; i < x->count; i++) {
        const int64_t row = x->rows[i];
        if (f->of[row] != fold) {
            f->others[outside++] = row;
            continue;
        }
        label[*filled + inside] = x->labels[row];
        memcpy(f->judged + inside++ * columns, x->features.data + row * columns,
               (size_t)columns * sizeof *f->judged);
    }
    if (inside == 0 || !can_fit(x, f->others, outside))
        return TACIT_OK;
    tacit_status status =
        probe_fit_rows(&p, w, x->features, x->labels, x->classes, l2, f->others, outside, NULL, NULL);
    if (status == TACIT_OK)
        status = fold_in(&h, &p);
    if (status == TACIT_OK)
        status = linear_logits(w, (matrix){inside, columns, f->judged}, h.wei, h.bias, x->classes,
                               logits + *filled * x->classes);
    *filled += status == TACIT_OK ? inside : 0;
    probe_fini(&p);
    linear_head_fini(&h);
    return status;
}

tacit_status linear_head_cross_fit(work *w, const labelled *x, double l2, uint64_t seed, float *logits,
                                   int32_t *label, int64_t *filled)
{
    folds f;
    *filled = 0;
    tacit_status status = folds_init(&f, w->context, x, seed);
    for (int i = 0; status == TACIT_OK && i < (has_many(x) ? 1 : FOLDS); i++)
        status = judge_fold(w, x, l2, &f, i, logits, label, filled);
    folds_fini(&f);
    return status;
}
