/* The tape: values, records, and the walk back. */
#include "tensor/tape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A gradient buffer, shared by count. Slots of it are recycled within a step. */
typedef struct gradient {
    float *data;
    size_t size;
    int sharers;
} gradient;

typedef struct slot {
    tensor tensor;
    size_t size;  /* bytes owned in the arena, 0 when the data is not ours */
    int alias_of; /* value that owns the data, or 0 */
    int readers;  /* recorded backwards that read the data */
    bool wants, forgotten;
    int gradient; /* 1 + index into gradients, or 0 */
} slot;

struct tape {
    tacit_context *context;
    struct backend *backend;
    arena *arena;
    struct work *work;
    tape_mode mode;
    _Atomic tacit_status status; /* workers of one operator may fail at once */
    slot *slots;                 /* [0] is unused: value ids start at 1 */
    size_t slot_count, slot_capacity;
    record *records;
    size_t record_count, record_capacity;
    gradient *gradients;
    size_t gradient_count, gradient_capacity;
    int parameter_count;
    const float *block;    /* parameters */
    float *gradient_block; /* same layout, or NULL */
    bool *written;
    bool walked; /* backward has run since the reset */
    tape_noise noise;
    bool noisy;
    int64_t noise_count; /* operators that have drawn */
};

static bool is_parameter(const tape *t, value v)
{
    return v.id >= 1 && v.id <= t->parameter_count;
}

/* ---- life ---- */

tacit_status tape_create(tape **out, tacit_context *context, struct backend *backend)
{
    tape *t = *out = memory_alloc(context, 1, sizeof *t);
    if (!t)
        return TACIT_NOMEM;
    t->context = context;
    t->backend = backend;
    t->slot_count = 1;
    tacit_status status = memory_reserve(context, (void **)&t->slots, &t->slot_capacity, 1, sizeof *t->slots);
    if (status == TACIT_OK)
        status = arena_create(&t->arena, context);
    if (status != TACIT_OK) {
        tape_destroy(t);
        *out = NULL;
    }
    return status;
}

void tape_destroy(tape *t)
{
    if (!t)
        return;
    arena_destroy(t->arena);
    memory_free(t->context, t->slots);
    memory_free(t->context, t->records);
    memory_free(t->context, t->gradients);
    memory_free(t->context, t);
}

tacit_status tape_bind(tape *t, const tensor *parameters, int count, const float *block)
{
    TRY(memory_reserve(t->context, (void **)&t->slots, &t->slot_capacity, (size_t)count + 1,
                       sizeof *t->slots));
    for (int i = 0; i < count; i++)
        t->slots[i + 1] = (slot){.tensor = parameters[i]};
    t->parameter_count = count;
    t->slot_count = (size_t)count + 1;
    t->block = block;
    return TACIT_OK;
}

void tape_bind_gradients(tape *t, float *block, bool *written)
{
    t->gradient_block = block;
    t->written = written;
}

bool tape_is_bound(const tape *t)
{
    return t->gradient_block != NULL;
}

void tape_reset(tape *t, tape_mode mode)
{
    t->slot_count = (size_t)t->parameter_count + 1;
    t->record_count = 0;
    t->gradient_count = 0;
    t->mode = mode;
    t->walked = false;
    t->noise_count = 0;
    t->status = TACIT_OK;
    arena_reset(t->arena);
    for (int i = 1; i <= t->parameter_count; i++)
        t->slots[i].readers = 0;
}

void tape_release(tape *t)
{
    arena_release(t->arena);
    tape_reset(t, t->mode);
}

tacit_status tape_status(const tape *t)
{
    return t->status;
}

tacit_context *tape_context(const tape *t)
{
    return t->context;
}

size_t tape_memory(const tape *t)
{
    return arena_held(t->arena);
}

void tape_set_work(tape *t, struct work *workers)
{
    t->work = workers;
}

void tape_set_backend(tape *t, struct backend *backend)
{
    t->backend = backend;
}

void tape_set_noise(tape *t, const tape_noise *noise)
{
    t->noisy = noise != NULL;
    t->noise = noise ? *noise : (tape_noise){0};
    t->noise_count = 0;
}

const tape_noise *tape_noise_of(const tape *t)
{
    return t->noisy ? &t->noise : NULL;
}

int64_t tape_noise_number(tape *t)
{
    return t->noise_count++;
}

struct backend *tape_backend(const tape *t)
{
    return t->backend;
}

struct work *tape_work(const tape *t)
{
    return t->work;
}

arena *tape_arena(const tape *t)
{
    return t->arena;
}

tape_mode tape_mode_of(const tape *t)
{
    return t->mode;
}

bool tape_training(const tape *t)
{
    return t->mode == TAPE_TRAINING;
}

/* ---- status ---- */

value tape_fail(tape *t, tacit_status status, const char *format, ...)
{
    char text[MESSAGE_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (t->status == TACIT_OK)
        t->status = context_fail(t->context, status, "%s", text);
    return (value){0};
}

static bool valid(const tape *t, value v)
{
    return v.id >= 1 && (size_t)v.id < t->slot_count;
}

bool tape_ready(tape *t, const value *values, int count)
{
    if (t->status != TACIT_OK)
        return false;
    for (int i = 0; i < count; i++)
        if (!valid(t, values[i]) || !t->slots[values[i].id].tensor.data) {
            tape_fail(t, TACIT_STATE, "operator on a value that is invalid or was forgotten");
            return false;
        }
    return true;
}

void *tape_take(tape *t, size_t size)
{
    void *pointer = arena_take(t->arena, size);
    if (!pointer && t->status == TACIT_OK)
        t->status = context_fail(t->context, TACIT_NOMEM, "out of memory (%zu bytes in a step)", size);
    return pointer;
}

void tape_give(tape *t, void *pointer, size_t size)
{
    arena_give(t->arena, pointer, size);
}

/* ---- values ---- */

static value add_slot(tape *t, slot s)
{
    if (t->status != TACIT_OK)
        return (value){0};
    const tacit_status status = memory_reserve(t->context, (void **)&t->slots, &t->slot_capacity,
                                               t->slot_count + 1, sizeof *t->slots);
    if (status != TACIT_OK) {
        t->status = status;
        return (value){0};
    }
    t->slots[t->slot_count] = s;
    return (value){(int)t->slot_count++};
}

value tape_constant(tape *t, const tensor *source)
{
    return add_slot(t, (slot){.tensor = *source});
}

value tape_input(tape *t, const tensor *source, bool with_gradient)
{
    return add_slot(t, (slot){.tensor = *source, .wants = with_gradient});
}

value tape_output(tape *t, dtype type, shape s)
{
    if (t->status != TACIT_OK)
        return (value){0};
    tensor made = tensor_of(type, s, NULL);
    const size_t size = tensor_bytes(&made);
    made.data = tape_take(t, size);
    return add_slot(t, (slot){.tensor = made, .size = size});
}

value tape_alias(tape *t, value source, shape s)
{
    if (!tape_ready(t, &source, 1))
        return (value){0};
    const slot *from = &t->slots[source.id];
    const int owner = from->alias_of ? from->alias_of : source.id;
    return add_slot(t,
                    (slot){.tensor = tensor_of(from->tensor.dtype, s, from->tensor.data), .alias_of = owner});
}

const tensor *tape_tensor(const tape *t, value v)
{
    return valid(t, v) ? &t->slots[v.id].tensor : NULL;
}

float *tape_f32(const tape *t, value v)
{
    return valid(t, v) ? t->slots[v.id].tensor.data : NULL;
}

bool tape_wants_gradient(const tape *t, value v)
{
    if (!valid(t, v))
        return false;
    return is_parameter(t, v) ? t->mode != TAPE_INFERENCE : t->slots[v.id].wants;
}

static void release_data(tape *t, slot *s)
{
    if (s->size)
        arena_give(t->arena, s->tensor.data, s->size);
    s->size = 0;
    s->tensor.data = NULL;
}

void tape_forget(tape *t, value first, value keep)
{
    if (!valid(t, first) || is_parameter(t, first))
        return;
    const int kept_owner = valid(t, keep) ? t->slots[keep.id].alias_of : 0;
    for (size_t i = (size_t)first.id; i < t->slot_count; i++) {
        slot *s = &t->slots[i];
        if ((int)i == keep.id || (int)i == kept_owner || s->forgotten)
            continue;
        s->forgotten = true;
        if (s->readers == 0)
            release_data(t, s);
    }
}

/* ---- recording ---- */

/* A backward will read this value's data: neither it nor the owner of the data may go before. */
static void add_reader(tape *t, value v)
{
    slot *s = &t->slots[v.id];
    s->readers++;
    if (s->alias_of)
        t->slots[s->alias_of].readers++;
}

static bool any_wants(const tape *t, const record *r)
{
    for (int i = 0; i < OP_INPUTS; i++)
        if (tape_wants_gradient(t, r->inputs[i]))
            return true;
    return false;
}

value tape_record(tape *t, const record *r)
{
    if (t->status != TACIT_OK)
        return (value){0};
    if (t->mode != TAPE_TRAINING || !any_wants(t, r)) {
        arena_give(t->arena, r->saved, r->saved_size);
        return r->output;
    }
    const tacit_status status = memory_reserve(t->context, (void **)&t->records, &t->record_capacity,
                                               t->record_count + 1, sizeof *t->records);
    if (status != TACIT_OK) {
        t->status = status;
        return (value){0};
    }
    t->records[t->record_count++] = *r;
    t->slots[r->output.id].wants = true;
    for (int i = 0; i < OP_INPUTS; i++)
        if (r->op->reads_inputs >> i & 1 && valid(t, r->inputs[i]))
            add_reader(t, r->inputs[i]);
    if (r->op->reads_output)
        add_reader(t, r->output);
    return r->output;
}

/* ---- gradients ---- */

static int add_gradient(tape *t, size_t size)
{
    const tacit_status status = memory_reserve(t->context, (void **)&t->gradients, &t->gradient_capacity,
                                               t->gradient_count + 1, sizeof *t->gradients);
    if (status != TACIT_OK) {
        t->status = status;
        return 0;
    }
    float *data = tape_take(t, size);
    if (!data)
        return 0;
    t->gradients[t->gradient_count++] = (gradient){data, size, 1};
    return (int)t->gradient_count;
}

static void drop_gradient(tape *t, slot *s)
{
    if (!s->gradient)
        return;
    gradient *g = &t->gradients[s->gradient - 1];
    if (--g->sharers == 0)
        arena_give(t->arena, g->data, g->size);
    s->gradient = 0;
}

static contribution contribute_parameter(tape *t, value v)
{
    const float *data = t->slots[v.id].tensor.data;
    const contribution c = {t->gradient_block + (data - t->block), t->written[v.id - 1]};
    t->written[v.id - 1] = true;
    return c;
}

/* A private copy of a shared gradient, before something is added to it. */
static bool make_private(tape *t, slot *s)
{
    const gradient shared = t->gradients[s->gradient - 1];
    if (shared.sharers == 1)
        return true;
    const int own = add_gradient(t, shared.size);
    if (!own)
        return false;
    memcpy(t->gradients[own - 1].data, shared.data, shared.size);
    drop_gradient(t, s);
    s->gradient = own;
    return true;
}

contribution tape_contribute(tape *t, value v)
{
    const contribution none = {NULL, false};
    if (t->status != TACIT_OK || !tape_wants_gradient(t, v))
        return none;
    if (is_parameter(t, v))
        return contribute_parameter(t, v);
    slot *s = &t->slots[v.id];
    const bool add = s->gradient != 0;
    if (add && !make_private(t, s))
        return none;
    if (!add)
        s->gradient = add_gradient(t, (size_t)shape_count(s->tensor.shape) * sizeof(float));
    if (!s->gradient)
        return none;
    return (contribution){t->gradients[s->gradient - 1].data, add};
}

const float *tape_output_gradient(const tape *t, const record *r)
{
    return t->gradients[t->slots[r->output.id].gradient - 1].data;
}

void tape_pass_gradient(tape *t, const record *r, value v)
{
    if (t->status != TACIT_OK || !tape_wants_gradient(t, v))
        return;
    slot *s = &t->slots[v.id];
    if (!is_parameter(t, v) && !s->gradient) {
        s->gradient = t->slots[r->output.id].gradient;
        t->gradients[s->gradient - 1].sharers++;
        return;
    }
    const contribution c = tape_contribute(t, v);
    const float *source = tape_output_gradient(t, r);
    const int64_t count = shape_count(t->slots[v.id].tensor.shape);
    for (int64_t i = 0; c.data && i < count; i++)
        c.data[i] = c.add ? c.data[i] + source[i] : source[i];
}

/* ---- backward ---- */

static void seed_gradient(tape *t, value output, const float *seed, float scale)
{
    const contribution c = tape_contribute(t, output);
    const int64_t count = shape_count(t->slots[output.id].tensor.shape);
    for (int64_t i = 0; c.data && i < count; i++)
        c.data[i] = seed ? scale * seed[i] : scale;
}

/* After the backward of its maker nobody needs a value any more: all who read it came later. */
static void finish_record(tape *t, const record *r)
{
    slot *s = &t->slots[r->output.id];
    drop_gradient(t, s);
    release_data(t, s);
    arena_give(t->arena, r->saved, r->saved_size);
}

tacit_status tape_backward(tape *t, value output, const float *seed, float scale)
{
    if (t->status != TACIT_OK)
        return t->status;
    if (!tape_wants_gradient(t, output)) {
        tape_fail(t, TACIT_STATE,
                  "backward from a value that depends on no parameter and no input with gradient");
        return t->status;
    }
    if (t->parameter_count && !t->gradient_block) {
        tape_fail(t, TACIT_STATE, "backward without a place for the parameters' gradients");
        return t->status;
    }
    if (t->walked) {
        tape_fail(t, TACIT_STATE, "backward a second time without a reset: what it reads is gone");
        return t->status;
    }
    t->walked = true;
    seed_gradient(t, output, seed, scale);
    for (size_t i = t->record_count; i-- > 0 && t->status == TACIT_OK;) {
        const record r = t->records[i];
        if (t->slots[r.output.id].gradient)
            r.op->backward(t, &r);
        finish_record(t, &r);
    }
    t->record_count = 0;
    return t->status;
}

const float *tape_gradient(const tape *t, value v)
{
    if (!valid(t, v) || !t->slots[v.id].gradient)
        return NULL;
    return t->gradients[t->slots[v.id].gradient - 1].data;
}
