/* oneDNN, the only file that includes it: matrix products and convolutions as primitives cached by shape, one
 * thread inside each. Every version-specific call is here, so that oneDNN 3 is a branch of this file. */
#include "op/onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <string.h>

/* Of the OpenMP runtime that oneDNN uses. Declared here because clang may come without its omp.h. */
extern void omp_set_num_threads(int threads);

enum { TABLE_START = 64, ARGUMENTS = 5 };

/* One primitive with the memory objects it runs on; their data pointers are set for each run. */
typedef struct entry {
    bool used;
    matmul_shape shape;
    dnnl_primitive_t primitive;
    dnnl_memory_t src, wei, bias, dst, scratch;
    size_t scratch_size;
    const char *implementation;
} entry;

/* A primitive and its workspace. */
typedef struct stage {
    dnnl_primitive_t primitive;
    dnnl_memory_t scratch;
    size_t scratch_size;
} stage;

/* A convolution in one direction. oneDNN wants weights in a layout of its own: `reorder` packs them before
 * the pass, or unpacks their gradient after it. */
typedef struct convolution_entry {
    convolution_shape shape;
    convolution_pass pass;
    stage convolve, reorder;
    dnnl_memory_t src, dst, wei, packed;
    size_t packed_size;
    const char *implementation;
} convolution_entry;

struct backend {
    tacit_context *context;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    entry *table; /* open addressing, `size` a power of two */
    size_t size, count;
    convolution_entry *convolutions; /* a network has some dozens: searched from the start */
    size_t convolution_count, convolution_capacity;
    double operations;
};

void backend_thread_start(void)
{
    omp_set_num_threads(1);
}

static tacit_status failed(backend *b, dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return TACIT_OK;
    if (status == dnnl_out_of_memory)
        return context_fail(b->context, TACIT_NOMEM, "out of memory in oneDNN (%s)", what);
    return context_fail(b->context, TACIT_BACKEND, "oneDNN: %s failed with status %d", what, (int)status);
}

tacit_status backend_create(backend **out, tacit_context *context)
{
    backend *b = *out = memory_alloc(context, 1, sizeof *b);
    if (!b)
        return TACIT_NOMEM;
    b->context = context;
    b->size = TABLE_START;
    tacit_status status = TACIT_NOMEM;
    b->table = memory_alloc(context, b->size, sizeof *b->table);
    if (b->table)
        status = failed(b, dnnl_engine_create(&b->engine, dnnl_cpu, 0), "engine");
    if (status == TACIT_OK)
        status = failed(b, dnnl_stream_create(&b->stream, b->engine, dnnl_stream_in_order), "stream");
    if (status != TACIT_OK) {
        backend_destroy(b);
        *out = NULL;
    }
    return status;
}

static void destroy_entry(entry *e)
{
    const dnnl_memory_t memories[ARGUMENTS] = {e->src, e->wei, e->bias, e->dst, e->scratch};
    for (int i = 0; i < ARGUMENTS; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (e->primitive)
        dnnl_primitive_destroy(e->primitive);
    *e = (entry){0};
}

static void destroy_stage(stage *s)
{
    if (s->scratch)
        dnnl_memory_destroy(s->scratch);
    if (s->primitive)
        dnnl_primitive_destroy(s->primitive);
}

static void destroy_convolution(convolution_entry *e)
{
    const dnnl_memory_t memories[] = {e->src, e->dst, e->wei, e->packed};
    for (int i = 0; i < 4; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    destroy_stage(&e->convolve);
    destroy_stage(&e->reorder);
}

void backend_destroy(backend *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->convolution_count; i++)
        destroy_convolution(&b->convolutions[i]);
    memory_free(b->context, b->convolutions);
    for (size_t i = 0; b->table && i < b->size; i++)
        destroy_entry(&b->table[i]);
    if (b->stream)
        dnnl_stream_destroy(b->stream);
    if (b->engine)
        dnnl_engine_destroy(b->engine);
    memory_free(b->context, b->table);
    memory_free(b->context, b);
}

static bool same_shape(const matmul_shape *a, const matmul_shape *b)
{
    return a->batch == b->batch && a->m == b->m && a->n == b->n && a->k == b->k &&
           a->src_transposed == b->src_transposed && a->wei_transposed == b->wei_transposed &&
           a->bias == b->bias && a->accumulate == b->accumulate;
}

static size_t hash_shape(const matmul_shape *s)
{
    const uint64_t parts[] = {
        (uint64_t)s->batch, (uint64_t)s->m, (uint64_t)s->n, (uint64_t)s->k,
        (uint64_t)(s->src_transposed | s->wei_transposed << 1 | s->bias << 2 | s->accumulate << 3)};
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        h = (h ^ parts[i]) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 29);
}

/* The slot of this shape, or the free one where it belongs. */
static entry *find_slot(entry *table, size_t size, const matmul_shape *shape)
{
    size_t i = hash_shape(shape) & (size - 1);
    while (table[i].used && !same_shape(&table[i].shape, shape))
        i = (i + 1) & (size - 1);
    return &table[i];
}

static tacit_status grow_table(backend *b)
{
    entry *larger = memory_alloc(b->context, b->size * 2, sizeof *larger);
    if (!larger)
        return TACIT_NOMEM;
    for (size_t i = 0; i < b->size; i++)
        if (b->table[i].used)
            *find_slot(larger, b->size * 2, &b->table[i].shape) = b->table[i];
    memory_free(b->context, b->table);
    b->table = larger;
    b->size *= 2;
    return TACIT_OK;
}

/* ---- one primitive ---- */

typedef struct descriptors {
    dnnl_memory_desc_t src, wei, bias, dst;
} descriptors;

/* (rows, columns), stored (columns, rows) when transposed; a leading batch unless it is 1. */
static dnnl_status_t describe(dnnl_memory_desc_t *out, int64_t batch, int64_t rows, int64_t columns,
                              bool transposed)
{
    const dnnl_dims_t dims = {batch, rows, columns};
    const dnnl_dims_t strides = {rows * columns, transposed ? 1 : columns, transposed ? rows : 1};
    const int skip = batch == 1;
    return dnnl_memory_desc_init_by_strides(out, 3 - skip, dims + skip, dnnl_f32, strides + skip);
}

static tacit_status describe_all(backend *b, const matmul_shape *s, descriptors *d)
{
    dnnl_status_t status = describe(&d->src, s->batch, s->m, s->k, s->src_transposed);
    if (status == dnnl_success)
        status = describe(&d->wei, s->batch, s->k, s->n, s->wei_transposed);
    if (status == dnnl_success)
        status = describe(&d->dst, s->batch, s->m, s->n, false);
    if (status == dnnl_success && s->bias) {
        const dnnl_dims_t dims = {1, 1, s->n};
        const dnnl_dims_t strides = {s->n, s->n, 1};
        const int skip = s->batch == 1;
        status = dnnl_memory_desc_init_by_strides(&d->bias, 3 - skip, dims + skip, dnnl_f32, strides + skip);
    }
    return failed(b, status, "memory description");
}

/* User-mode scratchpad (the library's own is not thread-safe), and what happens after the product. */
static dnnl_status_t make_attributes(dnnl_primitive_attr_t *out, const matmul_shape *s)
{
    dnnl_status_t status = dnnl_primitive_attr_create(out);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    dnnl_post_ops_t after;
    if (status != dnnl_success || !s->accumulate)
        return status;
    status = dnnl_post_ops_create(&after);
    if (status != dnnl_success)
        return status;
    status = dnnl_post_ops_append_sum(after, 1.0f);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*out, after);
    dnnl_post_ops_destroy(after);
    return status;
}

static tacit_status make_memory(backend *b, dnnl_memory_t *out, const dnnl_memory_desc_t *description)
{
    return failed(b, dnnl_memory_create(out, description, b->engine, DNNL_MEMORY_NONE), "memory");
}

static tacit_status make_memories(backend *b, entry *e, const descriptors *d,
                                  const_dnnl_primitive_desc_t plan)
{
    TRY(make_memory(b, &e->src, &d->src));
    TRY(make_memory(b, &e->wei, &d->wei));
    TRY(make_memory(b, &e->dst, &d->dst));
    if (e->shape.bias)
        TRY(make_memory(b, &e->bias, &d->bias));
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
    e->scratch_size = dnnl_memory_desc_get_size(scratch);
    return make_memory(b, &e->scratch, scratch);
}

static tacit_status make_entry(backend *b, const matmul_shape *shape, entry *e)
{
    descriptors d = {0};
    dnnl_matmul_desc_t description;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t plan = NULL;
    TRY(describe_all(b, shape, &d));
    *e = (entry){.used = true, .shape = *shape};
    tacit_status status = failed(b, make_attributes(&attributes, shape), "attributes");
    if (status != TACIT_OK)
        goto out;
    status =
        failed(b, dnnl_matmul_desc_init(&description, &d.src, &d.wei, shape->bias ? &d.bias : NULL, &d.dst),
               "matmul");
    if (status != TACIT_OK)
        goto out;
    status = failed(b, dnnl_primitive_desc_create(&plan, &description, attributes, b->engine, NULL),
                    "matmul plan");
    if (status != TACIT_OK)
        goto out;
    dnnl_primitive_desc_query(plan, dnnl_query_impl_info_str, 0, &e->implementation);
    status = failed(b, dnnl_primitive_create(&e->primitive, plan), "matmul primitive");
    if (status == TACIT_OK)
        status = make_memories(b, e, &d, plan);
out:
    if (plan)
        dnnl_primitive_desc_destroy(plan);
    if (attributes)
        dnnl_primitive_attr_destroy(attributes);
    if (status != TACIT_OK)
        destroy_entry(e);
    return status;
}

static tacit_status get_entry(backend *b, const matmul_shape *shape, entry **out)
{
    entry *slot = find_slot(b->table, b->size, shape);
    if (!slot->used) {
        if (b->count * 2 >= b->size) {
            TRY(grow_table(b));
            slot = find_slot(b->table, b->size, shape);
        }
        TRY(make_entry(b, shape, slot));
        b->count++;
    }
    *out = slot;
    return TACIT_OK;
}

/* oneDNN takes pointers that are not const also for what it only reads. */
static void *readable(const void *pointer)
{
    void *p;
    memcpy(&p, &pointer, sizeof p);
    return p;
}

static dnnl_status_t set_data(dnnl_memory_t memory, const void *data)
{
    return memory ? dnnl_memory_set_data_handle(memory, readable(data)) : dnnl_success;
}

/* oneDNN 2.6 divides by some of the sizes. */
static tacit_status check_sizes(backend *b, const matmul_shape *s)
{
    if (s->batch >= 1 && s->m >= 1 && s->n >= 1 && s->k >= 1)
        return TACIT_OK;
    return context_fail(
        b->context, TACIT_SHAPE, "matrix product: no numbers in %lld times (%lld, %lld) by (%lld, %lld)",
        (long long)s->batch, (long long)s->m, (long long)s->k, (long long)s->k, (long long)s->n);
}

tacit_status backend_matmul(backend *b, arena *a, const matmul_shape *shape, const float *src,
                            const float *wei, const float *bias, float *dst)
{
    entry *e;
    TRY(check_sizes(b, shape));
    TRY(get_entry(b, shape, &e));
    b->operations += 2.0 * (double)shape->batch * (double)shape->m * (double)shape->n * (double)shape->k;
    void *scratch = NULL;
    if (e->scratch_size) {
        scratch = arena_take(a, e->scratch_size);
        if (!scratch)
            return TACIT_NOMEM;
    }
    dnnl_status_t status = set_data(e->src, src);
    status = status ? status : set_data(e->wei, wei);
    status = status ? status : set_data(e->bias, bias);
    status = status ? status : set_data(e->dst, dst);
    status = status ? status : set_data(e->scratch, scratch);
    const dnnl_exec_arg_t arguments[ARGUMENTS] = {{DNNL_ARG_SRC, e->src},
                                                  {DNNL_ARG_WEIGHTS, e->wei},
                                                  {DNNL_ARG_DST, e->dst},
                                                  {DNNL_ARG_SCRATCHPAD, e->scratch},
                                                  {DNNL_ARG_BIAS, e->bias}};
    status = status ? status
                    : dnnl_primitive_execute(e->primitive, b->stream, shape->bias ? ARGUMENTS : ARGUMENTS - 1,
                                             arguments);
    arena_give(a, scratch, e->scratch_size);
    return failed(b, status, "matmul run");
}

const char *backend_matmul_implementation(backend *b, const matmul_shape *shape)
{
    entry *e;
    return get_entry(b, shape, &e) == TACIT_OK ? e->implementation : "";
}

/* ---- convolutions ---- */

int64_t convolution_side(int64_t side, int64_t kernel, int64_t stride, int64_t padding)
{
    const int64_t room = side + 2 * padding - kernel;
    return stride < 1 || room < 0 ? 0 : room / stride + 1;
}

typedef struct convolution_plan {
    dnnl_memory_desc_t src, dst, wei, packed;
    dnnl_primitive_desc_t forward, own; /* own: of the pass; the forward plan is the hint of the others */
    dnnl_primitive_attr_t attributes;
} convolution_plan;

static dnnl_status_t describe_convolution(const convolution_shape *s, convolution_plan *p)
{
    const dnnl_dims_t src = {s->batch, s->inputs, s->height, s->width};
    const dnnl_dims_t dst = {s->batch, s->outputs,
                             convolution_side(s->height, s->kernel, s->stride, s->padding),
                             convolution_side(s->width, s->kernel, s->stride, s->padding)};
    const dnnl_dims_t wei = {s->outputs, s->inputs, s->kernel, s->kernel};
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&p->src, 4, src, dnnl_f32, dnnl_nhwc);
    status = status ? status : dnnl_memory_desc_init_by_tag(&p->dst, 4, dst, dnnl_f32, dnnl_nhwc);
    status = status ? status : dnnl_memory_desc_init_by_tag(&p->wei, 4, wei, dnnl_f32, dnnl_oihw);
    return status ? status : dnnl_memory_desc_init_by_tag(&p->packed, 4, wei, dnnl_f32, dnnl_format_tag_any);
}

static dnnl_status_t plan_pass(backend *b, const convolution_shape *s, convolution_pass pass,
                               convolution_plan *p, dnnl_primitive_desc_t *out)
{
    const dnnl_dims_t strides = {s->stride, s->stride}, padding = {s->padding, s->padding};
    const dnnl_alg_kind_t how = dnnl_convolution_direct;
    dnnl_convolution_desc_t d;
    dnnl_status_t status;
    if (pass == CONVOLUTION_FORWARD)
        status = dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, how, &p->src, &p->packed, NULL,
                                                    &p->dst, strides, padding, padding);
    else if (pass == CONVOLUTION_BACKWARD_SRC)
        status = dnnl_convolution_backward_data_desc_init(&d, how, &p->src, &p->packed, &p->dst, strides,
                                                          padding, padding);
    else
        status = dnnl_convolution_backward_weights_desc_init(&d, how, &p->src, &p->packed, NULL, &p->dst,
                                                             strides, padding, padding);
    return status ? status : dnnl_primitive_desc_create(out, &d, p->attributes, b->engine, p->forward);
}

/* The primitive of `plan`, which is destroyed in any case, with memory for its workspace. */
static tacit_status make_stage(backend *b, stage *s, dnnl_primitive_desc_t plan)
{
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
    s->scratch_size = dnnl_memory_desc_get_size(scratch);
    tacit_status status = failed(b, dnnl_primitive_create(&s->primitive, plan), "convolution primitive");
    if (status == TACIT_OK)
        status = make_memory(b, &s->scratch, scratch);
    dnnl_primitive_desc_destroy(plan);
    return status;
}

static tacit_status make_reorder(backend *b, convolution_entry *e, const convolution_plan *p)
{
    const bool unpack = e->pass >= CONVOLUTION_BACKWARD_WEI;
    const dnnl_memory_desc_t *from = unpack ? &p->packed : &p->wei, *to = unpack ? &p->wei : &p->packed;
    const matmul_shape how = {.accumulate = e->pass == CONVOLUTION_ADD_WEI};
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t plan;
    dnnl_status_t status = make_attributes(&attributes, &how);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&plan, from, b->engine, to, b->engine, attributes);
    if (attributes)
        dnnl_primitive_attr_destroy(attributes);
    TRY(failed(b, status, "reorder plan"));
    return make_stage(b, &e->reorder, plan);
}

static tacit_status plan_convolution(backend *b, const convolution_entry *e, convolution_plan *p)
{
    const matmul_shape plain = {.batch = 1};
    TRY(failed(b, describe_convolution(&e->shape, p), "memory description"));
    TRY(failed(b, make_attributes(&p->attributes, &plain), "attributes"));
    if (e->pass != CONVOLUTION_FORWARD)
        TRY(failed(b, plan_pass(b, &e->shape, CONVOLUTION_FORWARD, p, &p->forward), "convolution plan"));
    return failed(b, plan_pass(b, &e->shape, e->pass, p, &p->own), "convolution plan");
}

static tacit_status build_convolution(backend *b, convolution_entry *e, convolution_plan *p)
{
    TRY(plan_convolution(b, e, p));
    const bool unpack = e->pass >= CONVOLUTION_BACKWARD_WEI;
    p->packed =
        *dnnl_primitive_desc_query_md(p->own, unpack ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    e->packed_size = dnnl_memory_desc_get_size(&p->packed);
    dnnl_primitive_desc_query(p->own, dnnl_query_impl_info_str, 0, &e->implementation);
    const dnnl_primitive_desc_t own = p->own;
    p->own = NULL;
    TRY(make_stage(b, &e->convolve, own));
    TRY(make_reorder(b, e, p));
    TRY(make_memory(b, &e->src, &p->src));
    TRY(make_memory(b, &e->dst, &p->dst));
    TRY(make_memory(b, &e->wei, &p->wei));
    return make_memory(b, &e->packed, &p->packed);
}

static tacit_status check_convolution(backend *b, const convolution_shape *s)
{
    if (s->batch >= 1 && s->inputs >= 1 && s->outputs >= 1 && s->kernel >= 1 && s->padding >= 0 &&
        convolution_side(s->height, s->kernel, s->stride, s->padding) >= 1 &&
        convolution_side(s->width, s->kernel, s->stride, s->padding) >= 1)
        return TACIT_OK;
    return context_fail(
        b->context, TACIT_SHAPE,
        "convolution: nothing comes of (%lld, %lld, %lld, %lld) and windows of side %lld, stride %lld, "
        "padding %lld, to %lld channels",
        (long long)s->batch, (long long)s->height, (long long)s->width, (long long)s->inputs,
        (long long)s->kernel, (long long)s->stride, (long long)s->padding, (long long)s->outputs);
}

static tacit_status get_convolution(backend *b, const convolution_shape *shape, convolution_pass pass,
                                    convolution_entry **out)
{
    TRY(check_convolution(b, shape));
    for (size_t i = 0; i < b->convolution_count; i++) {
        *out = &b->convolutions[i];
        if ((*out)->pass == pass && memcmp(&(*out)->shape, shape, sizeof *shape) == 0)
            return TACIT_OK;
    }
    void *table = b->convolutions;
    TRY(memory_reserve(b->context, &table, &b->convolution_capacity, b->convolution_count + 1,
                       sizeof *b->convolutions));
    b->convolutions = table;
    *out = &b->convolutions[b->convolution_count];
    **out = (convolution_entry){.shape = *shape, .pass = pass};
    convolution_plan plan = {.own = NULL};
    const tacit_status status = build_convolution(b, *out, &plan);
    if (plan.own)
        dnnl_primitive_desc_destroy(plan.own);
    if (plan.forward)
        dnnl_primitive_desc_destroy(plan.forward);
    if (plan.attributes)
        dnnl_primitive_attr_destroy(plan.attributes);
    if (status == TACIT_OK)
        b->convolution_count++;
    else
        destroy_convolution(*out);
    return status;
}

static dnnl_status_t run_stage(backend *b, const stage *s, void *scratch, const dnnl_exec_arg_t *operands,
                               int count)
{
    dnnl_exec_arg_t arguments[4] = {{DNNL_ARG_SCRATCHPAD, s->scratch}};
    memcpy(arguments + 1, operands, (size_t)count * sizeof *operands);
    const dnnl_status_t status = set_data(s->scratch, scratch);
    return status ? status : dnnl_primitive_execute(s->primitive, b->stream, count + 1, arguments);
}

static dnnl_status_t run_convolution(backend *b, const convolution_entry *e, void *scratch)
{
    const dnnl_exec_arg_t operands[][3] = {
        {{DNNL_ARG_SRC, e->src}, {DNNL_ARG_WEIGHTS, e->packed}, {DNNL_ARG_DST, e->dst}},
        {{DNNL_ARG_DIFF_DST, e->dst}, {DNNL_ARG_WEIGHTS, e->packed}, {DNNL_ARG_DIFF_SRC, e->src}},
        {{DNNL_ARG_SRC, e->src}, {DNNL_ARG_DIFF_DST, e->dst}, {DNNL_ARG_DIFF_WEIGHTS, e->packed}}};
    const dnnl_exec_arg_t pack[] = {{DNNL_ARG_FROM, e->wei}, {DNNL_ARG_TO, e->packed}};
    const dnnl_exec_arg_t unpack[] = {{DNNL_ARG_FROM, e->packed}, {DNNL_ARG_TO, e->wei}};
    if (e->pass < CONVOLUTION_BACKWARD_WEI) {
        const dnnl_status_t status = run_stage(b, &e->reorder, scratch, pack, 2);
        return status ? status : run_stage(b, &e->convolve, scratch, operands[e->pass], 3);
    }
    const dnnl_status_t status = run_stage(b, &e->convolve, scratch, operands[2], 3);
    return status ? status : run_stage(b, &e->reorder, scratch, unpack, 2);
}

static double convolution_operations(const convolution_shape *s)
{
    const int64_t places = convolution_side(s->height, s->kernel, s->stride, s->padding) *
                           convolution_side(s->width, s->kernel, s->stride, s->padding);
    return 2.0 * (double)s->batch * (double)places * (double)s->outputs * (double)s->inputs *
           (double)s->kernel * (double)s->kernel;
}

tacit_status backend_convolution(backend *b, arena *a, const convolution_shape *shape, convolution_pass pass,
                                 const float *first, const float *second, float *result)
{
    convolution_entry *e;
    TRY(get_convolution(b, shape, pass, &e));
    const size_t own = e->convolve.scratch_size, other = e->reorder.scratch_size;
    const size_t scratch_size = (own > other ? own : other) + MEMORY_ALIGNMENT;
    void *packed = arena_take(a, e->packed_size), *scratch = packed ? arena_take(a, scratch_size) : NULL;
    if (!scratch) {
        arena_give(a, packed, e->packed_size);
        return TACIT_NOMEM;
    }
    const bool forward = pass == CONVOLUTION_FORWARD, to_src = pass == CONVOLUTION_BACKWARD_SRC;
    dnnl_status_t status = set_data(e->src, to_src ? result : first);
    status = status ? status : set_data(e->dst, forward ? result : (to_src ? first : second));
    status = status ? status : set_data(e->wei, forward || to_src ? second : result);
    status = status ? status : set_data(e->packed, packed);
    status = status ? status : run_convolution(b, e, scratch);
    b->operations += convolution_operations(shape);
    arena_give(a, scratch, scratch_size);
    arena_give(a, packed, e->packed_size);
    return failed(b, status, "convolution run");
}

const char *backend_convolution_implementation(backend *b, const convolution_shape *shape,
                                               convolution_pass pass)
{
    convolution_entry *e;
    return get_convolution(b, shape, pass, &e) == TACIT_OK ? e->implementation : "";
}

double backend_operations(const backend *b)
{
    return b->operations;
}
