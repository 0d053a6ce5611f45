/* The tape: operators are executed at once and recorded; backward walks the record in reverse.
 *
 *   values   1 .. P        parameters, bound once, data and gradient outside the tape
 *            P+1 ...       constants, inputs, and outputs of operators, in the arena until tape_reset
 *
 * A value is a small integer, never a pointer; {0} is the invalid value. Status is sticky: an operator on an
 * invalid value, or after any failure, does nothing and returns the invalid value; the caller checks
 * tape_status once. A tape belongs to one worker.
 *
 * Gradients: the first contribution writes, later ones add, so nothing is ever zeroed. A gradient buffer may
 * be shared by several values (an addition passes its own on) and is copied when one of them must be changed.
 *
 * An operator states in its `op` row which of its inputs, and whether its output, its backward reads. What no
 * backward reads is given back to the arena when the model says tape_forget; the rest right after the
 * backward of the operator that made it. */
#ifndef TENSOR_TAPE_H
#define TENSOR_TAPE_H

#include "base/arena.h"
#include "tensor/tensor.h"

typedef struct value {
    int id;
} value;

typedef struct tape tape;
struct backend; /* op/onednn.h: primitives of this worker */
struct work;    /* op/work.h: all workers */

/* Calibration is a forward pass as in training, of which nothing is kept but what op_batch_norm_lane finds,
 * and that only where gradients are bound. */
typedef enum tape_mode { TAPE_INFERENCE, TAPE_TRAINING, TAPE_CALIBRATION } tape_mode;

/* `backend` is kept, not owned. `mode` may be changed by tape_reset. */
tacit_status tape_create(tape **out, tacit_context *context, struct backend *backend);
void tape_destroy(tape *t);

/* Another worker goes on with this tape. */
void tape_set_backend(tape *t, struct backend *backend);

/* Values 1 .. count are `parameters` (f32, inside one block that starts at `block`). Both arrays are kept.
 * May be called again with another block of the same layout. */
tacit_status tape_bind(tape *t, const tensor *parameters, int count, const float *block);

/* Where parameter gradients go: a block with the layout of the parameters'. written[i] says whether parameter
 * i has had a contribution: the first one writes and sets it. To be called before tape_backward. Both are
 * kept. */
void tape_bind_gradients(tape *t, float *block, bool *written);
/* Whether there is a block for them. */
bool tape_is_bound(const tape *t);

/* Forgets all but the bindings; clears the status. In training every parameter wants a gradient. */
void tape_reset(tape *t, tape_mode mode);

/* Forgets all but the bindings, and gives the arena's memory back to the context. */
void tape_release(tape *t);

tacit_status tape_status(const tape *t);
tacit_context *tape_context(const tape *t);
size_t tape_memory(const tape *t); /* bytes that the tape's arena holds */

/* Workers let operators on very many rows (the coupling of a batch) split them; NULL, the default, keeps all
 * work on the calling thread. Kept, not owned. With workers, results do not depend on how many there are. */
void tape_set_work(tape *t, struct work *workers);

/* What the noise of a lane (dropout) is drawn with, beside the number of the operator that draws: a mask does
 * not depend on how a batch is cut into lanes, and a lane that is run again has the same ones. */
typedef struct tape_noise {
    uint64_t seed;
    uint32_t epoch;
    const int64_t *examples; /* (count): numbers of the lane's examples, below 2^40; kept */
    int64_t count;
    int64_t views; /* of each example, neighbours in the lane; at most 256 */
} tape_noise;

/* From here on operators draw with `noise`; NULL, the default: nothing is drawn. It is copied, and stays over
 * resets. They are numbered from 0 on, anew from each reset and each call of this. */
void tape_set_noise(tape *t, const tape_noise *noise);

/* A tensor from outside that is only read; must live until the reset. No gradient flows to a constant; to an
 * input with_gradient it does, and tape_gradient gives it after backward. */
value tape_constant(tape *t, const tensor *source);
value tape_input(tape *t, const tensor *source, bool with_gradient);

/* Borrowed, valid until reset, forget, or the value's backward. NULL for an invalid value. */
const tensor *tape_tensor(const tape *t, value v);

/* No later operator will read the values from `first` on, except `keep`: their memory returns now if no
 * backward reads them, and else after that backward. Parameters are never forgotten. */
void tape_forget(tape *t, value first, value keep);

/* Gradients of all that `output` was made of, given its own: `seed` (same shape as output, f32; NULL means
 * all `scale`), times `scale`. Runs once for each reset: a second time
 * is TACIT_STATE. */
tacit_status tape_backward(tape *t, value output, const float *seed, float scale);

/* Gradient of an input with_gradient; NULL when none arrived. */
const float *tape_gradient(const tape *t, value v);

/* ---- for operators ---- */

enum { OP_INPUTS = 4 };

typedef struct record record;

typedef struct op {
    const char *name;
    unsigned reads_inputs; /* bit i: backward reads the data of input i */
    bool reads_output;     /* backward reads the data of the output */
    void (*backward)(tape *t, const record *r);
} op;

struct record {
    const op *op;
    value inputs[OP_INPUTS];
    value output;
    void *saved; /* what forward keeps for backward; from tape_take, given back by the tape */
    size_t saved_size;
    float number;  /* one scalar setting of the operator (an epsilon, a temperature) */
    int64_t whole; /* one whole setting (heads, a first token) */
};

struct backend *tape_backend(const tape *t);
arena *tape_arena(const tape *t);
struct work *tape_work(const tape *t);
bool tape_training(const tape *t);
tape_mode tape_mode_of(const tape *t);

/* NULL when nothing is drawn. The number of the next operator that draws; each call is the next one. */
const tape_noise *tape_noise_of(const tape *t);
int64_t tape_noise_number(tape *t);

/* Records a failure on the tape and its context. Returns the invalid value. */
value tape_fail(tape *t, tacit_status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* True when the tape is well and each of the `count` values is valid. */
bool tape_ready(tape *t, const value *values, int count);

/* The arena, for workspace inside one operator and for what it saves. NULL after recording a failure. */
void *tape_take(tape *t, size_t size);
void tape_give(tape *t, void *pointer, size_t size);

/* A new value of this dtype and shape, uninitialised; the invalid value when there is no memory. */
value tape_output(tape *t, dtype type, shape s);

/* A value that shares `source`'s data under another shape of the same count. */
value tape_alias(tape *t, value source, shape s);

/* Records the operator that made r->output. In inference mode, or when no input wants a gradient, nothing is
 * kept and `saved` is given back at once. Returns r->output. */
value tape_record(tape *t, const record *r);

float *tape_f32(const tape *t, value v); /* data; NULL when invalid */
bool tape_wants_gradient(const tape *t, value v);

/* In a backward: the gradient of the record's output; never NULL there. */
const float *tape_output_gradient(const tape *t, const record *r);

/* Where a contribution to the gradient of `v` goes; `add` says whether there is something to add to. data
 * NULL: v wants no gradient. */
typedef struct contribution {
    float *data;
    bool add;
} contribution;
contribution tape_contribute(tape *t, value v);

/* The gradient of the record's output, unchanged, is a contribution to that of `v` (same count). Copies only
 * if v already has one. */
void tape_pass_gradient(tape *t, const record *r, value v);

#endif
