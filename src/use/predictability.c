#include "use/predictability.h"

#include "use/matrix.h"

#include <string.h>

enum { ROUNDS = 4, CHUNK = 64 };

/* A method with a code sees the whole example: there is nothing to hide from it. */
static bool sees_all(const learner *l)
{
    return l->method.objective->embed != NULL;
}

bool predictability_has(const learner *l)
{
    const objective *o = l->method.objective;
    return l->encoder->settings.rows ? o->restore_rows != NULL : o->restore || o->inpaint;
}

/* What one run works on. */
typedef struct prediction {
    const learner *learner;
    const views *views;
    work *work;
    restorer *restorer;
    scratch *scratches; /* (workers) */
    const int64_t *examples;
    int64_t count; /* of this chunk */
    int rounds;
    int64_t numbers, places;     /* of an example, and those that are hidden or not: pixels, or columns */
    float *original, *predicted; /* (CHUNK, numbers) */
    float *asked, *answered;     /* (CHUNK, rounds, numbers) */
    uint8_t *hidden;             /* (CHUNK, rounds, places), or NULL where nothing is */
} prediction;

/* ---- which place is hidden in which round ---- */

static int round_of_pixel(const encoder_settings *s, int64_t pixel)
{
    const int64_t down = pixel / s->width / s->patch, across = pixel % s->width / s->patch;
    return (int)(down % 2 * 2 + across % 2);
}

static int round_of_column(const row_features *f, int64_t column)
{
    int k = 0;
    while (k + 1 < f->count && f->first[k + 1] <= column)
        k++;
    return k % ROUNDS;
}

static int round_of(const prediction *p, int64_t place)
{
    return p->views->features.count ? round_of_column(&p->views->features, place)
                                    : round_of_pixel(&p->learner->encoder->settings, place);
}

static void mark_rounds(prediction *p)
{
    for (int64_t i = 0; p->hidden && i < CHUNK * p->rounds; i++)
        for (int64_t k = 0; k < p->places; k++)
            p->hidden[i * p->places + k] = round_of(p, k) == i % p->rounds;
}

/* ---- life ---- */

static tacit_status prediction_init(prediction *p)
{
    tacit_context *context = p->work->context;
    const bool rows = p->views->features.count > 0;
    const restore_task task = rows ? RESTORE_ROWS : (sees_all(p->learner) ? RESTORE_WHOLE : RESTORE_HOLES);
    p->rounds = sees_all(p->learner) ? 1 : ROUNDS;
    p->numbers = shape_count(p->views->shape);
    p->places = rows ? p->numbers : p->numbers / shape_last(p->views->shape);
    TRY(restorer_create(&p->restorer, p->learner, &p->views->pixels, task, p->work));
    const size_t bytes = (size_t)p->numbers * sizeof(float), many = (size_t)(CHUNK * p->rounds);
    p->scratches = memory_alloc(context, (size_t)p->work->workers, sizeof *p->scratches);
    p->original = memory_alloc(context, CHUNK, bytes);
    p->predicted = memory_alloc(context, CHUNK, bytes);
    p->asked = memory_alloc(context, many, bytes);
    p->answered = memory_alloc(context, many, bytes);
    p->hidden = p->rounds > 1 ? memory_alloc(context, many, (size_t)p->places) : NULL;
    if (!p->scratches || !p->original || !p->predicted || !p->asked || !p->answered ||
        (p->rounds > 1 && !p->hidden))
        return TACIT_NOMEM;
    for (int i = 0; i < p->work->workers; i++)
        scratch_init(&p->scratches[i], context);
    mark_rounds(p);
    return TACIT_OK;
}

static void prediction_fini(prediction *p)
{
    tacit_context *context = p->work->context;
    for (int i = 0; p->scratches && i < p->work->workers; i++)
        scratch_fini(&p->scratches[i]);
    restorer_destroy(p->restorer);
    memory_free(context, p->scratches);
    memory_free(context, p->original);
    memory_free(context, p->predicted);
    memory_free(context, p->asked);
    memory_free(context, p->answered);
    memory_free(context, p->hidden);
}

/* ---- a chunk ---- */

/* The example, pixels as 0 to 1, once for each round. */
static tacit_status ask(void *user, int64_t i, int worker)
{
    const prediction *p = user;
    const pixel_scale *s = &p->views->pixels;
    const int64_t channels = shape_last(p->views->shape);
    float *x = p->original + i * p->numbers;
    TRY(p->views->plain(p->views, p->examples[i], &p->scratches[worker], x));
    for (int64_t k = 0; p->views->features.count == 0 && k < p->numbers; k++)
        x[k] = x[k] * s->deviation[k % channels] + s->mean[k % channels];
    for (int r = 0; r < p->rounds; r++)
        memcpy(p->asked + (i * p->rounds + r) * p->numbers, x, (size_t)p->numbers * sizeof *x);
    return TACIT_OK;
}

/* Each number from the round in which it was hidden. */
static void gather(prediction *p)
{
    const int64_t each = p->numbers / p->places;
    for (int64_t i = 0; i < p->count; i++)
        for (int64_t k = 0; k < p->numbers; k++) {
            const int r = p->rounds > 1 ? round_of(p, k / each) : 0;
            p->predicted[i * p->numbers + k] = p->answered[(i * p->rounds + r) * p->numbers + k];
        }
}

static tacit_status predict_chunk(prediction *p, const int64_t *examples, int64_t count)
{
    p->examples = examples;
    p->count = count;
    TRY(blocks_run(p->work, count, ask, p));
    const int64_t asked = count * p->rounds;
    TRY(p->views->features.count ? restorer_rows(p->restorer, p->asked, p->hidden, asked, p->answered)
                                 : restorer_tiles(p->restorer, p->asked, p->hidden, asked, p->answered));
    gather(p);
    return TACIT_OK;
}

static double error_of(const prediction *p, int64_t i)
{
    const float *a = p->original + i * p->numbers, *b = p->predicted + i * p->numbers;
    double sum = 0;
    for (int64_t k = 0; k < p->numbers; k++)
        sum += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    return sum / (double)p->numbers;
}

tacit_status predictability_run(const learner *l, const views *v, work *w, const int64_t *examples,
                                int64_t count, double *error)
{
    prediction p = {.learner = l, .views = v, .work = w};
    tacit_status status = prediction_init(&p);
    for (int64_t first = 0; status == TACIT_OK && first < count; first += CHUNK) {
        const int64_t left = count - first, some = left < CHUNK ? left : CHUNK;
        status = predict_chunk(&p, examples + first, some);
        for (int64_t i = 0; status == TACIT_OK && i < some; i++)
            error[first + i] = error_of(&p, i);
    }
    prediction_fini(&p);
    return status;
}

/* ---- to be looked at ---- */

static void fill_heat(const prediction *p, float *heat)
{
    const int64_t channels = p->numbers / p->places;
    for (int64_t i = 0; i < p->count * p->places; i++) {
        float sum = 0;
        for (int64_t c = 0; c < channels; c++) {
            const float difference = p->original[i * channels + c] - p->predicted[i * channels + c];
            sum += difference * difference;
        }
        heat[i] = sum / (float)channels;
    }
}

tacit_status predictability_show(const learner *l, const views *v, work *w, const int64_t *examples,
                                 int64_t count, float *original, float *predicted, float *heat)
{
    prediction p = {.learner = l, .views = v, .work = w};
    tacit_status status = prediction_init(&p);
    for (int64_t first = 0; status == TACIT_OK && first < count; first += CHUNK) {
        const int64_t left = count - first, some = left < CHUNK ? left : CHUNK;
        const size_t bytes = (size_t)(some * p.numbers) * sizeof(float);
        status = predict_chunk(&p, examples + first, some);
        if (status != TACIT_OK)
            break;
        memcpy(original + first * p.numbers, p.original, bytes);
        memcpy(predicted + first * p.numbers, p.predicted, bytes);
        fill_heat(&p, heat + first * p.places);
    }
    prediction_fini(&p);
    return status;
}
