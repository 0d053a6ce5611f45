/* Fitting, choosing and applying the linear probe. */
#include "use/probe.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "use/class_rows.h"
#include "use/logistic.h"
#include "use/standardise.h"

enum { PREDICT_ROWS = 512, ROWS_PER_CLASS_TO_HOLD_OUT = 10 };
/* L-BFGS iterations of a fit, and of each fit that only chooses a strength: those start near their end. */
enum { FIT_ITERATIONS = 200, CHOICE_ITERATIONS = 60 };

static const double default_strengths[] = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};

/* ---- the probe ---- */

static tacit_status probe_init(probe *out, tacit_context *context, int64_t columns, int32_t classes)
{
    *out = (probe){.context = context, .columns = columns, .classes = classes};
    if (classes < 2 || columns < 1)
        return context_fail(context, TACIT_ARGUMENT,
                            "probe: %" PRId32 " classes of %" PRId64 " features, expected at least 2 of 1",
                            classes, columns);
    out->mean = memory_alloc(context, (size_t)columns, sizeof(float));
    out->deviation = memory_alloc(context, (size_t)columns, sizeof(float));
    out->wei = memory_alloc(context, (size_t)classes, (size_t)columns * sizeof(float));
    out->bias = memory_alloc(context, (size_t)classes, sizeof(float));
    return out->mean && out->deviation && out->wei && out->bias ? TACIT_OK : TACIT_NOMEM;
}

void probe_fini(probe *p)
{
    if (p->context) {
        memory_free(p->context, p->mean);
        memory_free(p->context, p->deviation);
        memory_free(p->context, p->wei);
        memory_free(p->context, p->bias);
    }
    *p = (probe){0};
}

typedef struct prediction {
    const probe *probe;
    work *work;
    matrix features;
    bool standardised; /* the features are already */
    int32_t *predicted;
} prediction;

/* The rows of a block as the probe's weights expect them, in the arena or as they are; NULL without memory.
 */
static const float *standard_rows(const prediction *p, int64_t first, int64_t rows, arena *a)
{
    const int64_t columns = p->features.columns;
    const float *source = p->features.data + first * columns;
    if (p->standardised)
        return source;
    float *out = arena_take(a, sizeof(float) * (size_t)(rows * columns));
    for (int64_t r = 0; out && r < rows; r++)
        row_standardise(source + r * columns, columns, p->probe->mean, p->probe->deviation,
                        out + r * columns);
    return out;
}

static int32_t largest_of(const float *logits, int32_t classes)
{
    int32_t largest = 0;
    for (int32_t c = 1; c < classes; c++)
        if (logits[c] > logits[largest])
            largest = c;
    return largest;
}

static tacit_status predict_block(void *user, int64_t i, int worker)
{
    const prediction *p = user;
    arena *a = p->work->arenas[worker];
    const int32_t classes = p->probe->classes;
    const int64_t first = i * PREDICT_ROWS, rows = block_length(p->features.rows, PREDICT_ROWS, i);
    const float *source = standard_rows(p, first, rows, a);
    float *logits = arena_take(a, sizeof(float) * (size_t)(rows * classes));
    if (!source || !logits)
        return TACIT_NOMEM;
    const matmul_shape shape = {
        .batch = 1, .m = rows, .n = classes, .k = p->features.columns, .wei_transposed = true, .bias = true};
    TRY(backend_matmul(p->work->backends[worker], a, &shape, source, p->probe->wei, p->probe->bias, logits));
    for (int64_t r = 0; r < rows; r++) {
        if (!row_is_finite(logits + r * classes, classes))
            return context_fail(p->work->context, TACIT_NONFINITE,
                                "probe: row %" PRId64 " of the features gives a logit that is not finite",
                                first + r);
        p->predicted[first + r] = largest_of(logits + r * classes, classes);
    }
    return TACIT_OK;
}

tacit_status probe_predict(const probe *p, work *w, matrix features, int32_t *predicted)
{
    if (features.columns != p->columns)
        return context_fail(w->context, TACIT_SHAPE, "probe: %" PRId64 " features, fitted on %" PRId64,
                            features.columns, p->columns);
    prediction all = {p, w, features, false, predicted};
    return blocks_run(w, blocks_of(features.rows, PREDICT_ROWS), predict_block, &all);
}

double accuracy_of(const int32_t *predicted, const int32_t *truth, int64_t count)
{
    int64_t right = 0;
    for (int64_t i = 0; i < count; i++)
        right += predicted[i] == truth[i];
    return count ? (double)right / (double)count : 0;
}

/* ---- fitting ---- */

/* The rows of a fit, standardised, with their labels and objective. */
typedef struct fit {
    work *work;
    probe *out;
    matrix features; /* standardised copies */
    float *data;     /* theirs */
    int32_t *labels; /* (rows) */
    logistic *objective;
    double *x; /* (logistic_length) */
} fit;

static void fit_fini(fit *f)
{
    tacit_context *context = f->work->context;
    logistic_destroy(f->objective);
    memory_free(context, f->data);
    memory_free(context, f->labels);
    memory_free(context, f->x);
}

static tacit_status check_labels(tacit_context *context, const int32_t *labels, int64_t count,
                                 int32_t classes)
{
    bool differ = false;
    for (int64_t i = 0; i < count; i++) {
        if (labels[i] < 0 || labels[i] >= classes)
            return context_fail(context, TACIT_ARGUMENT,
                                "labels: there is a label %" PRId32 ", outside 0 to %" PRId32, labels[i],
                                classes - 1);
        differ = differ || labels[i] != labels[0];
    }
    if (!differ)
        return context_fail(context, TACIT_ARGUMENT,
                            "labels: all %" PRId64 " rows are of one class, expected at least two classes",
                            count);
    return TACIT_OK;
}

static tacit_status check_strength(tacit_context *context, double l2)
{
    if (!(l2 >= 0 && l2 <= 1e6))
        return context_fail(context, TACIT_ARGUMENT, "probe: l2 is %g, expected 0 to 1e6", l2);
    return TACIT_OK;
}

/* Copies the labels of the named rows (NULL: the first `count`), and the rows, standardised with the probe's
 * mean and deviation; measured from all features when `mean` is NULL. */
static tacit_status fit_init(fit *f, matrix features, const int32_t *labels, const int64_t *rows,
                             int64_t count, const float *mean, const float *deviation)
{
    tacit_context *context = f->work->context;
    const size_t columns = (size_t)features.columns;
    f->labels = memory_alloc(context, (size_t)count, sizeof *f->labels);
    if (!f->labels)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < count; i++)
        f->labels[i] = labels[rows ? rows[i] : i];
    TRY(check_labels(context, f->labels, count, f->out->classes));
    if (mean) {
        memcpy(f->out->mean, mean, sizeof(float) * columns);
        memcpy(f->out->deviation, deviation, sizeof(float) * columns);
    } else {
        TRY(columns_measure(f->work, features, f->out->mean, f->out->deviation));
    }
    f->data = memory_alloc(context, (size_t)count, columns * sizeof(float));
    if (!f->data)
        return TACIT_NOMEM;
    TRY(rows_standardise(f->work, features, rows, count, f->out->mean, f->out->deviation, f->data));
    f->features = (matrix){count, features.columns, f->data};
    TRY(logistic_create(&f->objective, f->work, f->features, f->labels, f->out->classes));
    f->x = memory_alloc(context, (size_t)logistic_length(f->objective), sizeof *f->x);
    return f->x ? TACIT_OK : TACIT_NOMEM;
}

/* From where x is to the minimum, and that into the probe. */
static tacit_status fit_minimise(fit *f, double l2, int iterations)
{
    const int64_t weights = f->out->classes * f->out->columns;
    TRY(logistic_minimise(f->objective, l2, iterations, f->x));
    for (int64_t j = 0; j < weights; j++)
        f->out->wei[j] = (float)f->x[j];
    for (int32_t c = 0; c < f->out->classes; c++)
        f->out->bias[c] = (float)f->x[weights + c];
    f->out->l2 = l2;
    return TACIT_OK;
}

static tacit_status fit_end(fit *f, tacit_status status)
{
    fit_fini(f);
    if (status != TACIT_OK)
        probe_fini(f->out);
    return status;
}

tacit_status probe_fit_rows(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes,
                            double l2, const int64_t *rows, int64_t count, const float *mean,
                            const float *deviation)
{
    fit f = {.work = w, .out = out};
    tacit_status status = probe_init(out, w->context, features.columns, classes);
    if (status == TACIT_OK)
        status = check_strength(w->context, l2);
    if (status == TACIT_OK)
        status = fit_init(&f, features, labels, rows, count, mean, deviation);
    if (status == TACIT_OK)
        status = fit_minimise(&f, l2, FIT_ITERATIONS);
    return fit_end(&f, status);
}

tacit_status probe_fit(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes,
                       double l2)
{
    return probe_fit_rows(out, w, features, labels, classes, l2, NULL, features.rows, NULL, NULL);
}

/* ---- choosing the strength ---- */

typedef struct choice {
    double *strengths; /* (count), falling */
    int count;
    int64_t *order, kept; /* rows of the features: the kept ones, then those held out; order (rows) */
    int32_t *predicted;   /* (rows held out) */
    double *best;         /* (logistic_length): x of the best strength so far */
} choice;

static void choice_fini(choice *c, tacit_context *context)
{
    memory_free(context, c->strengths);
    memory_free(context, c->order);
    memory_free(context, c->predicted);
    memory_free(context, c->best);
}

static void sort_falling(double *numbers, int count)
{
    for (int i = 1; i < count; i++) {
        const double number = numbers[i];
        int j = i;
        for (; j > 0 && numbers[j - 1] < number; j--)
            numbers[j] = numbers[j - 1];
        numbers[j] = number;
    }
}

static tacit_status choice_init(choice *c, tacit_context *context, int64_t rows, const double *strengths,
                                int count)
{
    if (!strengths) {
        strengths = default_strengths;
        count = (int)(sizeof default_strengths / sizeof *default_strengths);
    }
    if (count < 1)
        return context_fail(context, TACIT_ARGUMENT,
                            "probe: %d strengths to choose from, expected at least 1", count);
    for (int i = 0; i < count; i++)
        TRY(check_strength(context, strengths[i]));
    c->count = count;
    c->strengths = memory_alloc(context, (size_t)count, sizeof(double));
    c->order = memory_alloc(context, (size_t)rows, sizeof *c->order);
    if (!c->strengths || !c->order)
        return TACIT_NOMEM;
    memcpy(c->strengths, strengths, sizeof(double) * (size_t)count);
    sort_falling(c->strengths, count);
    return TACIT_OK;
}

/* Fits the kept rows with each strength, each from where the one before ended; leaves x where the best one
 * ended and its strength in *l2. */
static tacit_status choose(fit *f, choice *c, double *l2)
{
    const matrix held = {f->features.rows - c->kept, f->features.columns,
                         f->data + c->kept * f->features.columns};
    const size_t bytes = sizeof(double) * (size_t)logistic_length(f->objective);
    prediction p = {f->out, f->work, held, true, c->predicted};
    double best = -1;
    logistic_set_rows(f->objective, c->kept);
    for (int i = 0; i < c->count; i++) {
        TRY(fit_minimise(f, c->strengths[i], CHOICE_ITERATIONS));
        TRY(blocks_run(f->work, blocks_of(held.rows, PREDICT_ROWS), predict_block, &p));
        const double accuracy = accuracy_of(c->predicted, f->labels + c->kept, held.rows);
        if (accuracy > best) {
            best = accuracy;
            *l2 = c->strengths[i];
            memcpy(c->best, f->x, bytes);
        }
    }
    memcpy(f->x, c->best, bytes);
    logistic_set_rows(f->objective, f->features.rows);
    return TACIT_OK;
}

/* All of a selection after the checks of its arguments. */
static tacit_status select_and_fit(fit *f, choice *c, matrix features, const int32_t *labels, uint64_t seed)
{
    tacit_context *context = f->work->context;
    const bool hold_out = features.rows / ROWS_PER_CLASS_TO_HOLD_OUT >= f->out->classes;
    double l2 = c->strengths[(c->count - 1) / 2];
    if (!hold_out) {
        TRY(fit_init(f, features, labels, NULL, features.rows, NULL, NULL));
        return fit_minimise(f, l2, FIT_ITERATIONS);
    }
    TRY(class_rows_hold_out(context, labels, features.rows, f->out->classes, seed, c->order, &c->kept));
    TRY(fit_init(f, features, labels, c->order, features.rows, NULL, NULL));
    c->best = memory_alloc(context, (size_t)logistic_length(f->objective), sizeof *c->best);
    c->predicted = memory_alloc(context, (size_t)(features.rows - c->kept), sizeof *c->predicted);
    if (!c->best || !c->predicted)
        return TACIT_NOMEM;
    TRY(choose(f, c, &l2));
    return fit_minimise(f, l2, FIT_ITERATIONS);
}

tacit_status probe_select(probe *out, work *w, matrix features, const int32_t *labels, int32_t classes,
                          const double *strengths, int strength_count, uint64_t seed)
{
    fit f = {.work = w, .out = out};
    choice c = {0};
    tacit_status status = probe_init(out, w->context, features.columns, classes);
    if (status == TACIT_OK)
        status = choice_init(&c, w->context, features.rows, strengths, strength_count);
    if (status == TACIT_OK)
        status = select_and_fit(&f, &c, features, labels, seed);
    choice_fini(&c, w->context);
    return fit_end(&f, status);
}
