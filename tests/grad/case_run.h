/* The library's f32 operators on a tape, run over a case. */
#ifndef TESTS_GRAD_CASE_RUN_H
#define TESTS_GRAD_CASE_RUN_H

#include "grad/cases.h"
#include "op/op.h"
#include "op/work.h"

/* A tape with all it needs. */
typedef struct tape_rig {
    tacit_context *context;
    backend *backend;
    tape *tape;
    work *work; /* NULL: none */
} tape_rig;

/* `workers` 0: the tape has no workers. */
void rig_open(tape_rig *r, int workers);
void rig_close(tape_rig *r);

enum { WANT_ALL = (1 << PROBLEM_INPUTS) - 1 };

/* How a case is run. All zero: one training pass over inputs, gradients wanted of nothing. */
typedef struct run_options {
    bool inference;
    unsigned wants; /* bit i: input i wants a gradient */
    bool twice;     /* the operator is used twice on the same inputs and the outputs are added */
    bool forget; /* everything in between is forgotten before backward, and its memory overwritten with NaN */
    bool in_between; /* as forget, without forgetting: the same values, all kept */
    int passes;      /* above 0: inputs are parameters, and this many forward and backward passes are made */
    float scale;     /* of backward; 0 means 1 */
} run_options;

/* Output and gradients; NULL where none arrived. */
typedef struct run_result {
    float *output, *gradient[PROBLEM_INPUTS];
} run_result;

/* Fails the test when the tape does. The result is ended by result_destroy. */
run_result case_run(tape_rig *r, const operator_case *c, run_options options);
void result_destroy(run_result *result);

/* Units of the last place that output and gradients may be off the reference, as a share of the largest: 4 +
 * 4 times the root of the number of terms, rounding being a random walk. */
double case_ulps(const operator_case *c);

#endif
