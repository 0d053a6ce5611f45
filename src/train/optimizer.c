/* What all optimizers share: their list, cutting parameters into runs for the workers, and norms. */
#include "train/optimizer.h"

#include "op/kernel.h"

#include <math.h>
#include <string.h>

enum {
    RUN_FLOATS = 1 << 16, /* floats of a run, at least, but for the last of a parameter */
    RUN_COUNT = 256,      /* runs of one parameter, at most */
    WINDOW = 512, /* runs handed to the workers at once: they fit on the stack, so a step allocates nothing */
    LANES = 16    /* partial sums inside a run, as many on every machine */
};

const optimizer *const optimizers[] = {&optimizer_adamw, &optimizer_lars, &optimizer_sgd, NULL};

const optimizer *optimizer_find(const char *name)
{
    for (const optimizer *const *o = optimizers; *o; o++)
        if (strcmp((*o)->name, name) == 0)
            return *o;
    return NULL;
}

/* ---- runs ---- */

/* Length of the runs of `count` floats: a function of `count` alone, and a multiple of 16 so that runs stay
 * aligned. */
static int64_t run_length(int64_t count)
{
    const int64_t share = (count + RUN_COUNT - 1) / RUN_COUNT;
    return share <= RUN_FLOATS ? RUN_FLOATS : (share + 15) / 16 * 16;
}

static int64_t run_number(int64_t count)
{
    return (count + run_length(count) - 1) / run_length(count);
}

/* Floats of run `i` of `count`. */
static int64_t run_size(int64_t count, int64_t i)
{
    const int64_t length = run_length(count), left = count - i * length;
    return left < length ? left : length;
}

/* ---- sums of squares ---- */

/* Sum of a^2, or of (a + factor * b)^2 where there is a b. The same order of additions whatever the machine's
 * vectors. */
INLINE double squares(const float *a, const float *b, double factor, int64_t count)
{
    double lanes[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
#pragma omp simd
        for (int j = 0; j < LANES; j++) {
            const double x = b ? (double)a[i + j] + factor * (double)b[i + j] : (double)a[i + j];
            lanes[j] += x * x;
        }
    }
    for (int j = 0; i < count; i++, j++) {
        const double x = b ? (double)a[i] + factor * (double)b[i] : (double)a[i];
        lanes[j] += x * x;
    }
    double sum = 0;
    for (int j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

KERNEL static double sum_of_squares(const float *a, int64_t count)
{
    return squares(a, NULL, 0, count);
}

KERNEL static double sum_of_squares_with(const float *a, const float *b, double factor, int64_t count)
{
    return squares(a, b, factor, count);
}

typedef struct norm_job {
    const float *values;
    int64_t count;
    double sums[RUN_COUNT];
} norm_job;

static void norm_run(void *user, int64_t i, int worker)
{
    (void)worker;
    norm_job *j = user;
    j->sums[i] = sum_of_squares(j->values + i * run_length(j->count), run_size(j->count, i));
}

double gradient_norm(const parameters *p, const float *gradient, work *w)
{
    norm_job j = {.values = gradient, .count = p->size};
    const int64_t runs = run_number(j.count);
    double sum = 0;
    team_run(w->team, runs, norm_run, &j);
    for (int64_t i = 0; i < runs; i++)
        sum += j.sums[i];
    return sqrt(sum);
}

/* ---- a step ---- */

/* Some consecutive parameters, all their runs. */
typedef struct window {
    const optimizer *optimizer;
    const optimizer_settings *settings;
    const optimizer_step *step;
    int64_t count;
    const parameter *of[WINDOW];
    parameter_run runs[WINDOW];
    double values_square[WINDOW], gradient_square[WINDOW];
} window;

/* `behind`: layers between the parameter and the last one. */
static void add_runs(window *w, const parameter *p, int behind, float *block, const float *gradient,
                     float *const *state)
{
    const int64_t count = shape_count(p->shape), runs = run_number(count);
    const double lr = w->step->lr * pow(w->settings->layer_decay, behind);
    for (int64_t i = 0; i < runs; i++) {
        const int64_t at = p->offset + i * run_length(count);
        parameter_run *run = &w->runs[w->count];
        *run = (parameter_run){.values = block + at, .gradient = gradient + at, .count = run_size(count, i)};
        for (int b = 0; b < w->optimizer->blocks; b++)
            run->state[b] = state[b] + at;
        run->decay = p->decay ? (float)w->settings->decay : 0.0f;
        run->lr = lr;
        run->ratio = 1.0f;
        w->of[w->count++] = p;
    }
}

static void measure_run(void *user, int64_t i, int worker)
{
    (void)worker;
    window *w = user;
    const parameter_run *run = &w->runs[i];
    if (!w->of[i]->decay)
        return;
    w->values_square[i] = sum_of_squares(run->values, run->count);
    w->gradient_square[i] = sum_of_squares_with(run->gradient, run->values, w->settings->decay, run->count);
}

/* The ratio of each parameter of the window from the sums of its runs, in their order. */
static void set_ratios(window *w)
{
    for (int64_t first = 0, last; first < w->count; first = last) {
        double values = 0, gradient = 0;
        for (last = first; last < w->count && w->of[last] == w->of[first]; last++) {
            values += w->values_square[last];
            gradient += w->gradient_square[last];
        }
        if (!w->of[first]->decay)
            continue;
        const float ratio = (float)w->optimizer->ratio(w->settings, sqrt(values), sqrt(gradient));
        for (int64_t i = first; i < last; i++)
            w->runs[i].ratio = ratio;
    }
}

static void update_run(void *user, int64_t i, int worker)
{
    (void)worker;
    const window *w = user;
    w->optimizer->update(w->settings, w->step, &w->runs[i]);
}

void optimizer_run(const optimizer *o, const optimizer_settings *settings, const optimizer_step *step,
                   parameters *p, const float *gradient, float *const *state, work *w)
{
    window now = {.optimizer = o, .settings = settings, .step = step};
    for (size_t next = 0; next < p->count;) {
        now.count = 0;
        while (next < p->count && now.count + run_number(shape_count(p->table[next].shape)) <= WINDOW)
            add_runs(&now, &p->table[next], p->layer - p->table[next].layer, p->block, gradient, state),
                next++;
        if (o->ratio) {
            team_run(w->team, now.count, measure_run, &now);
            set_ratios(&now);
        }
        team_run(w->team, now.count, update_run, &now);
    }
}
