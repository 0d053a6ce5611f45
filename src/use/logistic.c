/* The logistic objective by blocks of rows, and L-BFGS on it. This is the only file that knows libLBFGS,
 * which takes its vectors (21 of logistic_length numbers) from the C library. */
#include "use/logistic.h"

#include <lbfgs.h>
#include <limits.h>
#include <math.h>

#include "op/kernel.h"

/* A block has one partial gradient. Its rows are taken in strips that stay in the cache between the product
 * that makes the logits and the one that makes the gradient. */
enum { BLOCK_ROWS = 2048, STRIP_ROWS = 256, PARAMETER_BLOCK = 4096, LENGTH_MULTIPLE = 16 };
enum { HISTORY = 8, PAST = 10 };

struct logistic {
    work *work;
    matrix features; /* rows: how many count now */
    const int32_t *labels;
    int32_t classes;
    int64_t weights, length; /* classes * columns; that + classes, rounded up to what libLBFGS works in */
    int64_t slots;           /* blocks whose partial results are in memory at once */
    float *x;                /* (weights + classes) in f32 */
    float *partial;          /* (slots, weights) */
    double *partial_bias;    /* (slots, classes) */
    double *loss;            /* (slots) */
    /* The evaluation that runs. */
    int64_t first_block;
    int64_t wave; /* blocks in the slots */
    double l2;
    double *gradient;
    tacit_status status; /* of an evaluation inside libLBFGS */
};

static tacit_status allocate(logistic *l)
{
    tacit_context *context = l->work->context;
    l->x = memory_alloc(context, (size_t)(l->weights + l->classes), sizeof *l->x);
    l->partial = memory_alloc(context, (size_t)l->slots, (size_t)l->weights * sizeof *l->partial);
    l->partial_bias = memory_alloc(context, (size_t)l->slots, (size_t)l->classes * sizeof *l->partial_bias);
    l->loss = memory_alloc(context, (size_t)l->slots, sizeof *l->loss);
    return l->x && l->partial && l->partial_bias && l->loss ? TACIT_OK : TACIT_NOMEM;
}

tacit_status logistic_create(logistic **out, work *w, matrix features, const int32_t *labels, int32_t classes)
{
    *out = NULL;
    if (features.columns > INT_MAX / classes - 2 * LENGTH_MULTIPLE)
        return context_fail(w->context, TACIT_LIMIT,
                            "probe: %d classes of %lld features are too many for L-BFGS", classes,
                            (long long)features.columns);
    logistic *l = *out = memory_alloc(w->context, 1, sizeof *l);
    if (!l)
        return TACIT_NOMEM;
    *l = (logistic){.work = w, .features = features, .labels = labels, .classes = classes};
    l->weights = classes * features.columns;
    l->length = blocks_of(l->weights + classes, LENGTH_MULTIPLE) * LENGTH_MULTIPLE;
    /* Enough that no worker waits; results do not depend on it, for sums are taken in the order of the
     * blocks. */
    const int64_t blocks = blocks_of(features.rows, BLOCK_ROWS);
    l->slots = blocks < 4 * w->workers ? blocks : 4 * w->workers;
    const tacit_status status = allocate(l);
    if (status != TACIT_OK) {
        logistic_destroy(l);
        *out = NULL;
    }
    return status;
}

void logistic_destroy(logistic *l)
{
    if (!l)
        return;
    tacit_context *context = l->work->context;
    memory_free(context, l->x);
    memory_free(context, l->partial);
    memory_free(context, l->partial_bias);
    memory_free(context, l->loss);
    memory_free(context, l);
}

void logistic_set_rows(logistic *l, int64_t rows)
{
    l->features.rows = rows;
}

int64_t logistic_length(const logistic *l)
{
    return l->length;
}

/* logits (classes) of one row become softmax - onehot(label), which are the derivatives of the row's loss;
 * returned. */
KERNEL static double row_loss(float *logits, int32_t classes, int32_t label)
{
    float largest = logits[0];
    for (int32_t c = 1; c < classes; c++)
        largest = logits[c] > largest ? logits[c] : largest;
    const double own = (double)logits[label] - (double)largest;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int32_t c = 0; c < classes; c++) {
        logits[c] = kernel_exp(logits[c] - largest);
        sum += (double)logits[c];
    }
    const float scale = (float)(1 / sum);
#pragma omp simd
    for (int32_t c = 0; c < classes; c++)
        logits[c] *= scale;
    logits[label] -= 1;
    return log(sum) - own;
}

/* Adds one strip of rows to the partial results of `slot`. */
static tacit_status add_strip(logistic *l, int64_t slot, int64_t first, int64_t rows, bool accumulate,
                              float *logits, int worker)
{
    backend *b = l->work->backends[worker];
    arena *a = l->work->arenas[worker];
    const int64_t columns = l->features.columns;
    const float *source = l->features.data + first * columns;
    double *bias = l->partial_bias + slot * l->classes;
    const matmul_shape forward = {
        .batch = 1, .m = rows, .n = l->classes, .k = columns, .wei_transposed = true, .bias = true};
    TRY(backend_matmul(b, a, &forward, source, l->x, l->x + l->weights, logits));
    for (int64_t r = 0; r < rows; r++) {
        float *row = logits + r * l->classes;
        l->loss[slot] += row_loss(row, l->classes, l->labels[first + r]);
        for (int32_t c = 0; c < l->classes; c++)
            bias[c] += (double)row[c];
    }
    const matmul_shape backward = {.batch = 1,
                                   .m = l->classes,
                                   .n = columns,
                                   .k = rows,
                                   .src_transposed = true,
                                   .accumulate = accumulate};
    return backend_matmul(b, a, &backward, logits, source, NULL, l->partial + slot * l->weights);
}

static tacit_status evaluate_block(void *user, int64_t slot, int worker)
{
    logistic *l = user;
    const int64_t block = l->first_block + slot, first = block * BLOCK_ROWS;
    const int64_t rows = block_length(l->features.rows, BLOCK_ROWS, block);
    float *logits = arena_take(l->work->arenas[worker], sizeof(float) * STRIP_ROWS * (size_t)l->classes);
    if (!logits)
        return TACIT_NOMEM;
    l->loss[slot] = 0;
    for (int32_t c = 0; c < l->classes; c++)
        l->partial_bias[slot * l->classes + c] = 0;
    for (int64_t i = 0; i < blocks_of(rows, STRIP_ROWS); i++)
        TRY(add_strip(l, slot, first + i * STRIP_ROWS, block_length(rows, STRIP_ROWS, i), i > 0, logits,
                      worker));
    return TACIT_OK;
}

KERNEL static void add_partial(double *sum, const float *partial, int64_t count)
{
#pragma omp simd
    for (int64_t j = 0; j < count; j++)
        sum[j] += (double)partial[j];
}

/* One run of weights: the blocks of the wave onto the gradient, in their order. */
static tacit_status fold_weights(void *user, int64_t i, int worker)
{
    (void)worker;
    const logistic *l = user;
    const int64_t first = i * PARAMETER_BLOCK, count = block_length(l->weights, PARAMETER_BLOCK, i);
    for (int64_t slot = 0; slot < l->wave; slot++)
        add_partial(l->gradient + first, l->partial + slot * l->weights + first, count);
    return TACIT_OK;
}

static tacit_status evaluate_wave(logistic *l, double *loss)
{
    TRY(blocks_run(l->work, l->wave, evaluate_block, l));
    TRY(blocks_run(l->work, blocks_of(l->weights, PARAMETER_BLOCK), fold_weights, l));
    for (int64_t slot = 0; slot < l->wave; slot++) {
        *loss += l->loss[slot];
        for (int32_t c = 0; c < l->classes; c++)
            l->gradient[l->weights + c] += l->partial_bias[slot * l->classes + c];
    }
    return TACIT_OK;
}

/* From sums over rows to the objective: means, and the penalty. */
static double finish_objective(logistic *l, const double *x, double loss)
{
    const double scale = 1 / (double)l->features.rows;
    double square = 0;
    for (int64_t j = 0; j < l->weights; j++) {
        square += x[j] * x[j];
        l->gradient[j] = l->gradient[j] * scale + l->l2 * x[j];
    }
    for (int32_t c = 0; c < l->classes; c++)
        l->gradient[l->weights + c] *= scale;
    return loss * scale + l->l2 / 2 * square;
}

tacit_status logistic_evaluate(logistic *l, double l2, const double *x, double *objective, double *gradient)
{
    const int64_t blocks = blocks_of(l->features.rows, BLOCK_ROWS);
    double loss = 0;
    l->l2 = l2;
    l->gradient = gradient;
    for (int64_t j = 0; j < l->weights + l->classes; j++)
        l->x[j] = (float)x[j];
    for (int64_t j = 0; j < l->length; j++)
        gradient[j] = 0;
    for (l->first_block = 0; l->first_block < blocks; l->first_block += l->wave) {
        l->wave = blocks - l->first_block < l->slots ? blocks - l->first_block : l->slots;
        TRY(evaluate_wave(l, &loss));
    }
    *objective = finish_objective(l, x, loss);
    if (!isfinite(*objective))
        return context_fail(l->work->context, TACIT_NONFINITE, "probe: the loss is not finite");
    return TACIT_OK;
}

/* ---- L-BFGS ---- */

/* An evaluation can not fail inside libLBFGS: a failed one looks like a minimum, and `progress` ends the run.
 */
static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *x, lbfgsfloatval_t *gradient,
                                const int n, const lbfgsfloatval_t step)
{
    (void)step;
    logistic *l = instance;
    double objective = 0;
    if (l->status == TACIT_OK)
        l->status = logistic_evaluate(l, l->l2, x, &objective, gradient);
    for (int j = 0; l->status != TACIT_OK && j < n; j++)
        gradient[j] = 0;
    return l->status == TACIT_OK ? objective : 0;
}

static int progress(void *instance, const lbfgsfloatval_t *x, const lbfgsfloatval_t *gradient,
                    const lbfgsfloatval_t objective, const lbfgsfloatval_t x_norm,
                    const lbfgsfloatval_t gradient_norm, const lbfgsfloatval_t step, int n, int iteration,
                    int evaluations)
{
    (void)x, (void)gradient, (void)objective, (void)x_norm, (void)gradient_norm, (void)step, (void)n,
        (void)iteration, (void)evaluations;
    const logistic *l = instance;
    return l->status != TACIT_OK;
}

/* A line search that finds no better point means that f32 products can tell no better: the point before it
 * stands. */
static bool is_end(int code)
{
    switch (code) {
    case LBFGS_SUCCESS:
    case LBFGS_STOP:
    case LBFGS_ALREADY_MINIMIZED:
    case LBFGSERR_MAXIMUMITERATION:
    case LBFGSERR_ROUNDING_ERROR:
    case LBFGSERR_MINIMUMSTEP:
    case LBFGSERR_MAXIMUMSTEP:
    case LBFGSERR_MAXIMUMLINESEARCH:
    case LBFGSERR_WIDTHTOOSMALL:
    case LBFGSERR_OUTOFINTERVAL:
    case LBFGSERR_INCORRECT_TMINMAX:
    case LBFGSERR_INCREASEGRADIENT:
        return true;
    default:
        return false;
    }
}

tacit_status logistic_minimise(logistic *l, double l2, int iterations, double *x)
{
    lbfgs_parameter_t p;
    lbfgs_parameter_init(&p);
    p.m = HISTORY;
    p.epsilon = 1e-4;
    p.past = PAST;
    p.delta = 1e-5;
    p.max_iterations = iterations;
    l->l2 = l2;
    l->status = TACIT_OK;
    const int code = lbfgs((int)l->length, x, NULL, evaluate, progress, l, &p);
    if (l->status != TACIT_OK)
        return l->status;
    if (code == LBFGSERR_OUTOFMEMORY)
        return context_fail(l->work->context, TACIT_NOMEM, "out of memory in L-BFGS (%lld numbers)",
                            (long long)l->length);
    if (!is_end(code))
        return context_fail(l->work->context, TACIT_BACKEND, "L-BFGS failed with status %d", code);
    return TACIT_OK;
}
