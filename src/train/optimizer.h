/* Optimizers: AdamW, LARS, SGD with momentum, as flat loops over the parameter block. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "model/parameters.h"
#include "op/work.h"

enum { OPTIMIZER_BLOCKS = 2 }; /* of state, at most */

/* One step's numbers. */
typedef struct optimizer_step {
    int64_t step; /* 1 for the first */
    double lr;
} optimizer_step;

typedef struct optimizer_settings {
    double momentum;    /* SGD, LARS: 0.9; AdamW: beta 1 */
    double second;      /* AdamW: beta 2 */
    double epsilon;     /* AdamW: 1e-8 */
    double decay;       /* weight decay, on parameters that decay */
    double trust;       /* LARS: eta, 0.001 */
    double layer_decay; /* the rate of a layer as a share of that of the next one: 1 is one rate for all
                           (Clark et al. 2020, "ELECTRA", section 3) */
} optimizer_settings;

/* A run of one parameter: what a worker changes at once. Workers get runs of 65,536 floats, or of a 256th of
 * the parameter where that is more: never of a length that depends on how many workers there are. */
typedef struct parameter_run {
    float *values;                  /* (count), 64-byte aligned, as are the others */
    const float *gradient;          /* (count) */
    float *state[OPTIMIZER_BLOCKS]; /* (count) each; those the optimizer has */
    int64_t count;
    float decay; /* weight decay of this parameter: settings->decay or 0 */
    double lr;   /* of this parameter: the step's, less for layers near the input */
    float ratio; /* what `ratio` gave for the whole parameter, else 1 */
} parameter_run;

typedef struct optimizer {
    const char *name, *summary;
    int blocks; /* of state, each with the layout of the parameters, zero before the first step */
    /* Changes values and state from the gradient; called for each run, from any worker. */
    void (*update)(const optimizer_settings *o, const optimizer_step *s, const parameter_run *run);
    /* NULL, or what the gradient of a parameter that decays is scaled by, from the root of the sum of squares
     * of its values and of its gradient + decay * values. */
    double (*ratio)(const optimizer_settings *o, double values_norm, double gradient_norm);
} optimizer;

extern const optimizer optimizer_adamw, optimizer_lars, optimizer_sgd;

/* adamw (Loshchilov and Hutter 2019, algorithm 2), lars (You et al. 2017; momentum as v = m v + g, p -= lr v;
 * matrices only are adapted and decayed), sgd (momentum, decay added to the gradient). NULL-terminated. */
extern const optimizer *const optimizers[];
const optimizer *optimizer_find(const char *name); /* NULL: none */

/* One step over all parameters, shared by the workers; results do not depend on their number. Padding is not
 * touched. */
void optimizer_run(const optimizer *o, const optimizer_settings *settings, const optimizer_step *step,
                   parameters *p, const float *gradient, float *const *state, work *w);

/* Root of the sum of squares of the whole block: partial sums over fixed runs in double, added in order. */
double gradient_norm(const parameters *p, const float *gradient, work *w);

/* Linear warm-up from 0 over `warmup` steps, then half a cosine to `last` at step `total` (Loshchilov and
 * Hutter 2017): the rate for step 1 .. total. Step `warmup` has the rate `lr`; steps after `total` have
 * `last`. */
double schedule_cosine(double lr, double last, int64_t step, int64_t warmup, int64_t total);

#endif
