/* Draws of a few labels a class, and the accuracy of probes on them. */
#include "use/few_labels.h"

#include <inttypes.h>
#include <math.h>

#include "use/class_rows.h"
#include "use/probe.h"
#include "use/standardise.h"

tacit_status few_labels_draw(tacit_context *context, const int32_t *labels, int64_t count, int32_t classes,
                             int per_class, uint64_t seed, int draw, int64_t *rows, int64_t *filled)
{
    class_rows by_class;
    *filled = 0;
    TRY(class_rows_create(&by_class, context, labels, count, classes));
    for (int32_t c = 0; c < classes; c++) {
        const int64_t have = class_rows_count(&by_class, c), take = have < per_class ? have : per_class;
        class_rows_draw(&by_class, c, take, seed, (uint32_t)draw, CLASS_ROWS_FEW_LABELS);
        for (int64_t i = 0; i < take; i++)
            rows[(*filled)++] = by_class.rows[by_class.first[c] + i];
    }
    class_rows_fini(&by_class);
    return TACIT_OK;
}

/* What the draws have in common. */
typedef struct few_labels {
    work *work;
    matrix train, test;
    const int32_t *train_labels, *test_labels;
    int32_t classes;
    int per_class;
    uint64_t seed;
    float *mean, *deviation; /* (columns) */
    int64_t *rows;           /* (classes * per_class) */
    int32_t *predicted;      /* (test.rows) */
    double *accuracies;      /* (draws) */
} few_labels;

static tacit_status few_labels_init(few_labels *f, int draws)
{
    tacit_context *context = f->work->context;
    const size_t columns = (size_t)f->train.columns;
    f->mean = memory_alloc(context, columns, sizeof *f->mean);
    f->deviation = memory_alloc(context, columns, sizeof *f->deviation);
    f->rows = memory_alloc(context, (size_t)f->classes, (size_t)f->per_class * sizeof *f->rows);
    f->predicted = memory_alloc(context, (size_t)f->test.rows, sizeof *f->predicted);
    f->accuracies = memory_alloc(context, (size_t)draws, sizeof *f->accuracies);
    if (!f->mean || !f->deviation || !f->rows || !f->predicted || !f->accuracies)
        return TACIT_NOMEM;
    return columns_measure(f->work, f->train, f->mean, f->deviation);
}

static void few_labels_fini(few_labels *f)
{
    tacit_context *context = f->work->context;
    memory_free(context, f->mean);
    memory_free(context, f->deviation);
    memory_free(context, f->rows);
    memory_free(context, f->predicted);
    memory_free(context, f->accuracies);
}

static tacit_status evaluate_draw(few_labels *f, int draw)
{
    int64_t filled;
    probe p;
    TRY(few_labels_draw(f->work->context, f->train_labels, f->train.rows, f->classes, f->per_class, f->seed,
                        draw, f->rows, &filled));
    TRY(probe_fit_rows(&p, f->work, f->train, f->train_labels, f->classes, FEW_LABELS_L2, f->rows, filled,
                       f->mean, f->deviation));
    const tacit_status status = probe_predict(&p, f->work, f->test, f->predicted);
    f->accuracies[draw] = accuracy_of(f->predicted, f->test_labels, f->test.rows);
    probe_fini(&p);
    return status;
}

static void summarise(const double *accuracies, int draws, few_labels_result *out)
{
    double sum = 0, square = 0;
    for (int i = 0; i < draws; i++)
        sum += accuracies[i];
    out->mean = sum / draws;
    for (int i = 0; i < draws; i++)
        square += (accuracies[i] - out->mean) * (accuracies[i] - out->mean);
    out->deviation = draws > 1 ? sqrt(square / (draws - 1)) : 0;
}

tacit_status few_labels_evaluate(work *w, matrix train, const int32_t *train_labels, matrix test,
                                 const int32_t *test_labels, int32_t classes, int per_class, int draws,
                                 uint64_t seed, few_labels_result *out)
{
    *out = (few_labels_result){.per_class = per_class, .draws = draws};
    if (per_class < 1 || draws < 1 || train.rows < 1 || test.rows < 1 || classes < 2)
        return context_fail(w->context, TACIT_ARGUMENT,
                            "few labels: %d labels a class, %d draws, %" PRId64 " training and %" PRId64
                            " test rows, %" PRId32 " classes: expected at least 1, 1, 1, 1, and 2",
                            per_class, draws, train.rows, test.rows, classes);
    few_labels f = {.work = w,
                    .train = train,
                    .test = test,
                    .train_labels = train_labels,
                    .test_labels = test_labels,
                    .classes = classes,
                    .per_class = per_class,
                    .seed = seed};
    tacit_status status = few_labels_init(&f, draws);
    for (int i = 0; i < draws && status == TACIT_OK; i++)
        status = evaluate_draw(&f, i);
    if (status == TACIT_OK)
        summarise(f.accuracies, draws, out);
    few_labels_fini(&f);
    return status;
}
