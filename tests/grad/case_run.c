/* One run of a case: inputs to f32, the operator, backward, and copies of what came out. */
#include "grad/case_run.h"

#include "support.h"

#include "ref/reference.h"

void rig_open(tape_rig *r, int workers)
{
    *r = (tape_rig){.context = test_context()};
    backend_thread_start();
    assert_ok(r->context, backend_create(&r->backend, r->context));
    assert_ok(r->context, tape_create(&r->tape, r->context, r->backend));
    if (!workers)
        return;
    assert_ok(r->context, tacit_context_set_threads(r->context, workers));
    assert_ok(r->context, work_create(&r->work, r->context));
    tape_set_work(r->tape, r->work);
}

void rig_close(tape_rig *r)
{
    tape_destroy(r->tape);
    work_destroy(r->work);
    backend_destroy(r->backend);
    tacit_context_destroy(r->context);
}

static float *floats(int64_t count)
{
    float *numbers = aligned_alloc(64, size_aligned((size_t)count * sizeof(float) + 1));
    if (!numbers)
        fail_msg("out of memory");
    return numbers;
}

static float *copy_of(const float *source, int64_t count)
{
    return source ? memcpy(floats(count), source, (size_t)count * sizeof(float)) : NULL;
}

/* What one run holds beside the tape. */
typedef struct running {
    tape_rig *rig;
    const operator_case *c;
    run_options options;
    float *block, *gradients, *upstream; /* inputs one after the other; the same layout; the output's */
    float *zeros;
    bool written[PROBLEM_INPUTS];
    tensor inputs[PROBLEM_INPUTS];
    value values[PROBLEM_INPUTS];
} running;

static void prepare(running *run)
{
    const problem *p = &run->c->problem;
    int64_t total = 0, largest = p->output_count, at = 0;
    for (int i = 0; i < p->inputs; i++) {
        total += p->count[i];
        largest = p->count[i] > largest ? p->count[i] : largest;
    }
    run->block = floats(total);
    run->gradients = floats(total);
    run->upstream = floats(p->output_count);
    run->zeros = memset(floats(largest), 0, (size_t)largest * sizeof(float));
    copy_to_float(run->upstream, p->upstream, p->output_count);
    for (int64_t i = 0; i < total; i++)
        run->gradients[i] = NAN;
    for (int i = 0; i < p->inputs; at += p->count[i++]) {
        copy_to_float(run->block + at, p->input[i], p->count[i]);
        run->inputs[i] = tensor_of(DTYPE_F32, run->c->shapes[i], run->block + at);
    }
}

static void bind_parameters(running *run)
{
    assert_ok(run->rig->context, tape_bind(run->rig->tape, run->inputs, run->c->problem.inputs, run->block));
    tape_bind_gradients(run->rig->tape, run->gradients, run->written);
}

static void make_inputs(running *run)
{
    tape *t = run->rig->tape;
    for (int i = 0; i < run->c->problem.inputs; i++)
        run->values[i] = run->options.passes ? (value){i + 1}
                                             : tape_input(t, &run->inputs[i], run->options.wants >> i & 1);
}

/* x + 0: the same numbers in memory of the tape's. */
static value plus_zero(running *run, value x)
{
    const tensor zero = tensor_of(DTYPE_F32, tape_tensor(run->rig->tape, x)->shape, run->zeros);
    return op_add(run->rig->tape, x, tape_constant(run->rig->tape, &zero));
}

static value constant_index(running *run, const int32_t *numbers)
{
    if (!numbers)
        return (value){0};
    int32_t *unchanged;
    memcpy(&unchanged, &numbers, sizeof numbers);
    const tensor index = tensor_of(DTYPE_I32, run->c->index_shape, unchanged);
    return tape_constant(run->rig->tape, &index);
}

static value apply(running *run)
{
    const operator_spec *s = run->c->spec;
    tape *t = run->rig->tape;
    const value index = constant_index(run, run->c->index), exclude = constant_index(run, run->c->exclude);
    value in[PROBLEM_INPUTS] = {{0}}, first = {0};
    const bool between = run->options.forget || run->options.in_between;
    for (int i = 0; i < run->c->problem.inputs; i++) {
        in[i] = between ? plus_zero(run, run->values[i]) : run->values[i];
        first = i == 0 ? in[0] : first;
    }
    value y = s->row->apply(t, s, in, index, exclude);
    if (run->options.twice)
        y = op_add(t, y, s->row->apply(t, s, in, index, exclude));
    if (between)
        y = plus_zero(run, y);
    if (run->options.forget)
        tape_forget(t, first, y);
    return y;
}

/* Takes memory of the sizes that were just forgotten and spoils it. */
static void overwrite_forgotten(running *run)
{
    const problem *p = &run->c->problem;
    for (int i = 0; i < 2 * p->inputs + 2; i++) {
        const int64_t count = i < 2 * p->inputs ? p->count[i / 2] : p->output_count;
        float *junk = tape_f32(run->rig->tape, tape_output(run->rig->tape, DTYPE_F32, shape_1(count)));
        for (int64_t at = 0; junk && at < count; at++)
            junk[at] = NAN;
    }
}

static void check_tape(running *run)
{
    if (tape_status(run->rig->tape) != TACIT_OK)
        fail_msg("%s: %s", run->c->name, tacit_context_message(run->rig->context));
}

static void one_pass(running *run, run_result *out)
{
    tape *t = run->rig->tape;
    const problem *p = &run->c->problem;
    tape_reset(t, run->options.inference ? TAPE_INFERENCE : TAPE_TRAINING);
    make_inputs(run);
    const value y = apply(run);
    check_tape(run);
    assert_true(shape_equal(tape_tensor(t, y)->shape, run->c->output_shape));
    free(out->output);
    out->output = copy_of(tape_f32(t, y), p->output_count);
    if (run->options.forget)
        overwrite_forgotten(run);
    if (!tape_wants_gradient(t, y) || run->options.inference)
        return;
    const float scale = run->options.scale != 0.0f ? run->options.scale : 1.0f;
    tape_backward(t, y, run->upstream, scale);
    check_tape(run);
}

static void take_gradients(running *run, run_result *out)
{
    const problem *p = &run->c->problem;
    int64_t at = 0;
    for (int i = 0; i < p->inputs; at += p->count[i++]) {
        const float *bound = run->written[i] ? run->gradients + at : NULL;
        out->gradient[i] =
            copy_of(run->options.passes ? bound : tape_gradient(run->rig->tape, run->values[i]), p->count[i]);
    }
}

run_result case_run(tape_rig *r, const operator_case *c, run_options options)
{
    running run = {.rig = r, .c = c, .options = options};
    run_result out = {0};
    prepare(&run);
    if (options.passes)
        bind_parameters(&run);
    for (int pass = 0; pass < (options.passes ? options.passes : 1); pass++)
        one_pass(&run, &out);
    take_gradients(&run, &out);
    tape_bind_gradients(r->tape, NULL, NULL);
    assert_ok(r->context, tape_bind(r->tape, NULL, 0, NULL));
    tape_reset(r->tape, TAPE_TRAINING);
    free(run.block);
    free(run.gradients);
    free(run.upstream);
    free(run.zeros);
    return out;
}

void result_destroy(run_result *result)
{
    free(result->output);
    for (int i = 0; i < PROBLEM_INPUTS; i++)
        free(result->gradient[i]);
    *result = (run_result){0};
}

double case_ulps(const operator_case *c)
{
    return 4 + 4 * sqrt((double)c->spec->row->terms(c->spec));
}
