/* The rows of `tacit bench`: the same code that trains and embeds, on random pictures and texts, timed step
 * by step with the peak measured between the steps. */
#include "use/bench.h"

#include "base/clock.h"
#include "base/text.h"
#include "train/config.h"
#include "train/embedder.h"
#include "train/lanes.h"
#include "train/optimizer.h"
#include "use/peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STEPS = 256, MIN_STEPS = 3 };
static const double peak_milliseconds = 15.0;

/* What a row is made of; strings are settings. decoder NULL: the method has none. */
typedef struct bench_row {
    const char *name, *method, *encoder, *patch, *batch, *decoder_width, *decoder_depth;
    int size, channels;
    bool embed;
    int window, vocabulary; /* of texts, instead of size, channels and patch */
    bool asked;             /* measured only where it is asked for: a step of it takes ten seconds and more */
} bench_row;

#define PICTURES(name, method, encoder, patch, batch, width, depth, size, channels, embed)                   \
    {                                                                                                        \
        name, method, encoder, patch, batch, width, depth, size, channels, embed, 0, 0, false                \
    }
#define TEXTS(name, encoder, batch, window, vocabulary, asked)                                               \
    {                                                                                                        \
        name, "next-word", encoder, NULL, batch, NULL, NULL, 0, 0, false, window, vocabulary, asked          \
    }

static const bench_row bench_rows[] = {
    PICTURES("mae-nano28", "mae", "vit-nano", "4", "512", "64", "2", 28, 1, false),
    PICTURES("mae-tiny32", "mae", "vit-tiny", "4", "256", "96", "4", 32, 3, false),
    PICTURES("mae-small64", "mae", "vit-small", "8", "128", "192", "4", 64, 3, false),
    PICTURES("mae-base224", "mae", "vit-base", "16", "32", "512", "8", 224, 3, false),
    PICTURES("simclr-tiny32", "simclr", "vit-tiny", "4", "64", NULL, NULL, 32, 3, false),
    PICTURES("simclr-resnet10", "simclr", "resnet-10", "4", "128", NULL, NULL, 32, 3, false),
    PICTURES("simclr-resnet18", "simclr", "resnet-18", "4", "128", NULL, NULL, 32, 3, false),
    PICTURES("embed-tiny32", "mae", "vit-tiny", "4", "512", "96", "4", 32, 3, true),
    PICTURES("embed-small224", "mae", "vit-small", "16", "64", "192", "4", 224, 3, true),
    TEXTS("gpt-nano", "gpt-nano", "12", 64, 65, false),
    TEXTS("gpt-micro", "gpt-micro", "8", 256, 65, false),
    TEXTS("gpt-small", "gpt-small", "2", 1024, 50257, true),
};
enum { ROWS = sizeof bench_rows / sizeof *bench_rows };

const char *bench_name(int i)
{
    return i >= 0 && i < ROWS ? bench_rows[i].name : NULL;
}

/* ---- random pictures ---- */

/* Numbers in [-1, 1), cheap enough not to be what is measured. */
static tacit_status random_view(const views *v, uint64_t seed, uint32_t epoch, int64_t example, uint32_t view,
                                scratch *s, void *out)
{
    (void)s;
    float *pixels = out;
    uint32_t x = (uint32_t)(seed * 2654435761u + (uint64_t)example * 40503u + view * 97u + epoch) | 1u;
    const int64_t count = shape_count(v->shape);
    for (int64_t i = 0; i < count; i++) {
        x = x * 1664525u + 1013904223u;
        pixels[i] = (float)(int32_t)x * 0x1p-31f;
    }
    return TACIT_OK;
}

static tacit_status plain_view(const views *v, int64_t example, scratch *s, void *out)
{
    return random_view(v, 0, 0, example, 0, s, out);
}

/* ---- a row ---- */

typedef struct bench {
    views views; /* first: a views pointer is a bench pointer */
    tacit_context *context;
    const bench_row *row;
    settings *settings;
    work *work;
    learner *learner;
    lanes *lanes;
    embedder *embedder;
    float *state[OPTIMIZER_BLOCKS];
    float *embeddings;
    int64_t *examples;
    int64_t batch, steps;
} bench;

/* Ids of a text and of the word behind it, cheap like those numbers. */
static tacit_status random_words(const views *v, uint64_t seed, uint32_t epoch, int64_t example,
                                 uint32_t view, scratch *s, void *out)
{
    (void)s;
    int32_t *ids = out;
    const uint32_t count = (uint32_t)((const bench *)v)->row->vocabulary;
    uint32_t x = (uint32_t)(seed * 2654435761u + (uint64_t)example * 40503u + view * 97u + epoch) | 1u;
    for (int64_t i = 0; i < v->shape.size[0]; i++) {
        x = x * 1664525u + 1013904223u;
        ids[i] = (int32_t)((x >> 8) % count);
    }
    return TACIT_OK;
}

static tacit_status set_pictures(const bench *b)
{
    const bench_row *r = b->row;
    TRY(settings_set_whole(b->settings, "size", r->size));
    TRY(settings_set(b->settings, "patch", r->patch));
    if (!r->embed && strcmp(r->method, "mae") == 0)
        TRY(settings_set(b->settings, "mask-ratio", "0.75"));
    if (!r->decoder_width)
        return TACIT_OK;
    TRY(settings_set(b->settings, "decoder-width", r->decoder_width));
    return settings_set(b->settings, "decoder-depth", r->decoder_depth);
}

static tacit_status set_all(const bench *b)
{
    const bench_row *r = b->row;
    TRY(settings_set(b->settings, "encoder", r->encoder));
    TRY(settings_set(b->settings, "batch", r->batch));
    TRY(settings_set(b->settings, "readout", "mean"));
    if (!r->window)
        return set_pictures(b);
    TRY(settings_set_whole(b->settings, "window", r->window));
    return settings_set_whole(b->settings, "vocab", r->vocabulary);
}

static views views_for(const bench_row *r)
{
    if (r->window)
        return (views){.dtype = DTYPE_I32, .shape = shape_1(r->window + 1), .random = random_words};
    return (views){.dtype = DTYPE_F32,
                   .shape = shape_3(r->size, r->size, r->channels),
                   .random = random_view,
                   .plain = plain_view};
}

static tacit_status create_training(bench *b)
{
    const lanes_options o = {.batch = b->batch,
                             .lane = settings_whole(b->settings, "lane"),
                             .leaf = settings_whole(b->settings, "leaf"),
                             .memory = settings_size(b->settings, "memory"),
                             .seed = 1};
    TRY(lanes_create(&b->lanes, b->learner, &b->views, b->work, &o));
    for (int i = 0; i < optimizer_adamw.blocks; i++) {
        b->state[i] = parameters_block(&b->learner->parameters);
        if (!b->state[i])
            return TACIT_NOMEM;
    }
    return TACIT_OK;
}

static tacit_status create_embedding(bench *b)
{
    b->embeddings =
        memory_alloc(b->context, (size_t)(b->batch * learner_width(b->learner)), sizeof *b->embeddings);
    if (!b->embeddings)
        return TACIT_NOMEM;
    return embedder_create(&b->embedder, b->learner, &b->views, b->work, true);
}

static tacit_status set_up(bench *b)
{
    const bench_row *r = b->row;
    b->views = views_for(r);
    TRY(config_create(&b->settings, b->context, r->method));
    TRY(set_all(b));
    TRY(work_create(&b->work, b->context));
    TRY(learner_create(&b->learner, b->context, b->settings, b->views.shape));
    TRY(config_resolve_training(b->settings, b->context, b->learner, INT64_C(1) << 30));
    TRY(learner_begin(b->learner, b->settings));
    b->batch = settings_whole(b->settings, "batch");
    b->examples = memory_alloc(b->context, (size_t)b->batch, sizeof *b->examples);
    if (!b->examples)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < b->batch; i++)
        b->examples[i] = i;
    return r->embed ? create_embedding(b) : create_training(b);
}

static void tear_down(bench *b)
{
    lanes_destroy(b->lanes);
    embedder_destroy(b->embedder);
    learner_destroy(b->learner);
    work_destroy(b->work);
    settings_destroy(b->settings);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        memory_free(b->context, b->state[i]);
    memory_free(b->context, b->embeddings);
    memory_free(b->context, b->examples);
}

/* Forward, backward, optimizer; or an embedding of the batch. */
static tacit_status run_step(bench *b)
{
    const optimizer_settings o = {
        .momentum = 0.9, .second = 0.95, .epsilon = 1e-8, .decay = 0.05, .trust = 0.001};
    lanes_result r;
    if (b->row->embed)
        return embedder_run(b->embedder, b->examples, 0, b->batch, b->embeddings, NULL, NULL);
    learner_before_step(b->learner, b->steps, INT64_MAX);
    TRY(lanes_step(b->lanes, b->examples, (uint32_t)b->steps, &r));
    const optimizer_step step = {.step = ++b->steps, .lr = 1e-4};
    (void)gradient_norm(&b->learner->parameters, r.gradient->block, b->work);
    optimizer_run(&optimizer_adamw, &o, &step, &b->learner->parameters, r.gradient->block, b->state, b->work);
    lanes_give(b->lanes, r.gradient);
    learner_after_step(b->learner, b->steps - 1);
    return TACIT_OK;
}

static double operations_of(const work *w)
{
    double sum = 0.0;
    for (int i = 0; i < w->workers; i++)
        sum += backend_operations(w->backends[i]);
    return sum;
}

/* Of a step on texts, whose products are not all the backend's and some of which are done twice: linear
 * layers, the half of attention that is seen, and the words that are predicted; forward, and twice that
 * backward. */
static double operations_of_texts(const bench *b)
{
    const encoder *e = b->learner->encoder;
    const double width = (double)e->width, window = (double)e->tokens;
    const double block = 12.0 * width * width + (window + 1.0) * width;
    const double word = e->kind->depth * block + width * (double)e->settings.vocabulary;
    return 3.0 * 2.0 * word * window * (double)b->batch;
}

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof *numbers, rising);
    return count % 2 ? numbers[count / 2] : 0.5 * (numbers[count / 2 - 1] + numbers[count / 2]);
}

/* Steps for about `seconds`, the peak before each. Medians of times and peaks. */
static tacit_status time_steps(bench *b, double seconds, double *step_seconds, double *operations,
                               double *peak)
{
    double times[MAX_STEPS], peaks[MAX_STEPS];
    int count = 0;
    const double end = clock_seconds() + seconds;
    while (count < MIN_STEPS || (clock_seconds() < end && count < MAX_STEPS)) {
        peaks[count] = peak_measure(b->work, peak_milliseconds);
        const double before = operations_of(b->work), start = clock_seconds();
        TRY(run_step(b));
        times[count++] = clock_seconds() - start;
        *operations = b->row->window ? operations_of_texts(b) : operations_of(b->work) - before;
    }
    *step_seconds = median(times, count);
    *peak = median(peaks, count);
    return TACIT_OK;
}

static tacit_status measure(bench *b, double seconds, tacit_bench_row *out)
{
    double step_seconds, operations, peak;
    /* The first steps make primitives, grow the arenas, and decide whether lanes are kept. */
    for (int i = 0; i < 3; i++)
        TRY(run_step(b));
    TRY(time_steps(b, seconds, &step_seconds, &operations, &peak));
    *out = (tacit_bench_row){.threads = b->work->workers,
                             .batch = b->batch,
                             .examples_per_s = (double)b->batch / step_seconds,
                             .gflops = operations / step_seconds / 1e9,
                             .peak_gflops = peak};
    out->share = out->gflops / peak;
    snprintf(out->name, sizeof out->name, "%s", b->row->name);
    snprintf(out->precision, sizeof out->precision, "f32");
    return TACIT_OK;
}

/* ---- all rows ---- */

static bool listed(const char *rows, const char *name)
{
    const size_t length = strlen(name);
    for (const char *p = rows; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, name, length) == 0 && (p[length] == ',' || p[length] == '\0'))
            return true;
    }
    return !rows;
}

/* Every name in the list must be that of a row. */
static tacit_status check_list(tacit_context *context, const char *rows)
{
    const char *names[ROWS];
    for (int i = 0; i < ROWS; i++)
        names[i] = bench_rows[i].name;
    for (const char *p = rows; p && *p;) {
        char word[64];
        const size_t length = strcspn(p, ",");
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), p);
        bool known = false;
        for (int i = 0; i < ROWS; i++)
            known = known || strcmp(word, names[i]) == 0;
        const char *near = text_nearest(word, names, ROWS);
        if (!known)
            return context_fail(context, TACIT_ARGUMENT, "unknown bench row \"%s\"%s%s%s", word,
                                near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
        p += length + (p[length] == ',');
    }
    return TACIT_OK;
}

tacit_status bench_run(tacit_context *context, const char *rows, double seconds,
                       void (*row)(void *user, const tacit_bench_row *row), void *user)
{
    TRY(check_list(context, rows));
    for (int i = 0; i < ROWS; i++) {
        if (!listed(rows, bench_rows[i].name) || (!rows && bench_rows[i].asked))
            continue;
        bench b = {.context = context, .row = &bench_rows[i]};
        tacit_bench_row result;
        tacit_status status = set_up(&b);
        if (status == TACIT_OK)
            status = measure(&b, seconds, &result);
        tear_down(&b);
        TRY(status);
        row(user, &result);
        if (context->cancelled) {
            context->cancelled = 0;
            return context_fail(context, TACIT_CANCELLED, "stopped on request");
        }
    }
    return TACIT_OK;
}
