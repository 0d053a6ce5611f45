/* Mean and deviation of the channels of a data set of pictures.
 *
 * Every example of the sample gives its own sums; they are added in the order of the sample, so the result
 * does not depend on who computed which. */
#include "data/augment/augment.h"

#include <math.h>

enum { SAMPLE_LIMIT = 10000 };

typedef struct channel_sums {
    double sum[3], square[3];
} channel_sums;

typedef struct job {
    const dataset *data;
    const views *views; /* plain views with mean 0 and deviation 1 */
    int64_t sample;
    channel_sums *sums;   /* (sample) */
    float *view;          /* (workers, H, W, C) */
    scratch *scratches;   /* (workers) */
    tacit_status *status; /* (workers): first failure of each */
} job;

static channel_sums sums_of(const float *view, shape s)
{
    channel_sums result = {{0.0}, {0.0}};
    const int64_t pixels = shape_rows(s), channels = shape_last(s);
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < channels; c++) {
            const double x = (double)view[i * channels + c];
            result.sum[c] += x;
            result.square[c] += x * x;
        }
    return result;
}

/* The i-th example of the fixed sample: all of them, or a keyed choice that is the same for every training
 * run. */
static int64_t sampled(const job *j, int64_t i)
{
    if (j->sample == j->data->count)
        return i;
    return (int64_t)draw_permuted(0, DRAW_SAMPLE, 0, (uint64_t)j->data->count, (uint64_t)i);
}

static void sum_example(void *user, int64_t i, int worker)
{
    const job *j = user;
    float *view = j->view + (size_t)worker * (size_t)shape_count(j->views->shape);
    if (j->status[worker] != TACIT_OK)
        return;
    j->status[worker] = j->views->plain(j->views, sampled(j, i), &j->scratches[worker], view);
    if (j->status[worker] == TACIT_OK)
        j->sums[i] = sums_of(view, j->views->shape);
}

static tacit_status run(job *j, team *workers)
{
    team_run(workers, j->sample, sum_example, j);
    for (int w = 0; w < team_size(workers); w++)
        TRY(j->status[w]);
    return TACIT_OK;
}

static void combine(const job *j, float mean[3], float deviation[3])
{
    const double pixels = (double)j->sample * (double)shape_rows(j->views->shape);
    for (int c = 0; c < 3; c++) {
        double sum = 0.0, square = 0.0;
        for (int64_t i = 0; i < j->sample; i++) {
            sum += j->sums[i].sum[c];
            square += j->sums[i].square[c];
        }
        const double average = sum / pixels, variance = square / pixels - average * average;
        mean[c] = (float)average;
        /* Under a thousandth of a grey step it is rounding, not variation. */
        deviation[c] = variance > 1e-11 ? (float)sqrt(variance) : 1.0f;
    }
}

static tacit_status allocate(job *j, tacit_context *context, int workers)
{
    size_t numbers;
    if (!size_multiply((size_t)workers, (size_t)shape_count(j->views->shape), &numbers))
        numbers = SIZE_MAX;
    j->sums = memory_alloc(context, (size_t)j->sample, sizeof *j->sums);
    j->view = memory_alloc(context, numbers, sizeof *j->view);
    j->scratches = memory_alloc(context, (size_t)workers, sizeof *j->scratches);
    j->status = memory_alloc(context, (size_t)workers, sizeof *j->status);
    if (!j->sums || !j->view || !j->scratches || !j->status)
        return TACIT_NOMEM;
    for (int w = 0; w < workers; w++)
        scratch_init(&j->scratches[w], context);
    return TACIT_OK;
}

tacit_status picture_statistics(const dataset *d, int size, team *workers, float mean[3], float deviation[3])
{
    if (d->count < 1)
        return context_fail(d->context, TACIT_ARGUMENT, "statistics: the data set is empty");
    const picture_view_options options = {.size = size,
                                          .settings = augment_presets[0].prediction,
                                          .mean = {0.0f, 0.0f, 0.0f},
                                          .deviation = {1.0f, 1.0f, 1.0f}};
    views *plain;
    TRY(picture_views_create(&plain, d->context, d, &options));
    const int count = team_size(workers);
    job j = {.data = d, .views = plain, .sample = d->count < SAMPLE_LIMIT ? d->count : SAMPLE_LIMIT};
    tacit_status status = allocate(&j, d->context, count);
    if (status != TACIT_OK)
        goto out;
    status = run(&j, workers);
    if (status == TACIT_OK)
        combine(&j, mean, deviation);
    for (int w = 0; w < count; w++)
        scratch_fini(&j.scratches[w]);
out:
    memory_free(d->context, j.sums);
    memory_free(d->context, j.view);
    memory_free(d->context, j.scratches);
    memory_free(d->context, j.status);
    plain->destroy(plain);
    return status;
}
