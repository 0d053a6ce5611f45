/* Matrix products: every variant against the double-precision reference, fast implementations on the shapes
 * that training spends its time in, the same bits on every run, and sizes that are refused. */
#include "support.h"

#include "grad/check.h"
#include "op/onednn.h"
#include "ref/reference.h"

typedef struct fixture {
    tacit_context *context;
    backend *backend;
    arena *arena;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){.context = test_context()};
    backend_thread_start();
    assert_ok(f.context, backend_create(&f.backend, f.context));
    assert_ok(f.context, arena_create(&f.arena, f.context));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    backend_destroy(f->backend);
    arena_destroy(f->arena);
    tacit_context_destroy(f->context);
    return 0;
}

/* ---- against the reference ---- */

/* The operands of one product, in both precisions. `before` is what dst held. */
typedef struct operands {
    int64_t src_count, wei_count, dst_count;
    double *src, *wei, *bias, *before, *want;
    float *src32, *wei32, *bias32, *dst;
} operands;

static double *numbers(int64_t count, uint64_t seed, bool whole)
{
    double *x = ref_alloc(count);
    if (whole)
        fill_whole(x, count, seed, 8);
    else
        fill_normal(x, count, seed, 1);
    return x;
}

static float *to_float(const double *x, int64_t count)
{
    float *out = aligned_alloc(64, size_aligned((size_t)count * sizeof *out));
    assert_non_null(out);
    copy_to_float(out, x, count);
    return out;
}

static void apply_reference(const matmul_shape *s, operands *o)
{
    const ref_product p = {s->batch, s->m, s->n, s->k, s->src_transposed, s->wei_transposed};
    ref_matmul(&p, o->src, o->wei, o->want);
    for (int64_t i = 0; i < o->dst_count; i++) {
        o->want[i] += s->bias ? o->bias[i % s->n] : 0;
        o->want[i] += s->accumulate ? o->before[i] : 0;
    }
}

static operands operands_create(const matmul_shape *s, bool whole)
{
    operands o = {.src_count = s->batch * s->m * s->k,
                  .wei_count = s->batch * s->k * s->n,
                  .dst_count = s->batch * s->m * s->n};
    o.src = numbers(o.src_count, 1, whole);
    o.wei = numbers(o.wei_count, 2, whole);
    o.bias = numbers(s->n, 3, whole);
    o.before = numbers(o.dst_count, 4, whole);
    o.want = ref_alloc(o.dst_count);
    o.src32 = to_float(o.src, o.src_count);
    o.wei32 = to_float(o.wei, o.wei_count);
    o.bias32 = to_float(o.bias, s->n);
    o.dst = to_float(o.before, o.dst_count);
    apply_reference(s, &o);
    return o;
}

static void operands_destroy(operands *o)
{
    free(o->src);
    free(o->wei);
    free(o->bias);
    free(o->before);
    free(o->want);
    free(o->src32);
    free(o->wei32);
    free(o->bias32);
    free(o->dst);
}

static const char *text_of(const matmul_shape *s)
{
    static char text[160];
    snprintf(text, sizeof text, "batch %d, (%d, %d)%s by (%d, %d)%s%s%s", (int)s->batch, (int)s->m, (int)s->k,
             s->src_transposed ? " transposed" : "", (int)s->k, (int)s->n,
             s->wei_transposed ? " transposed" : "", s->bias ? ", bias" : "",
             s->accumulate ? ", accumulate" : "");
    return text;
}

static void run(fixture *f, const matmul_shape *s, operands *o)
{
    copy_to_float(o->dst, o->before, o->dst_count);
    assert_ok(f->context, backend_matmul(f->backend, f->arena, s, o->src32, o->wei32,
                                         s->bias ? o->bias32 : NULL, o->dst));
}

/* 4 + 4 sqrt(k) units of the last place of the largest result; whole numbers to the bit. */
static void check(fixture *f, const matmul_shape *s)
{
    for (int whole = 0; whole < 2; whole++) {
        operands o = operands_create(s, whole);
        run(f, s, &o);
        const double ulps = whole ? 0 : 4 + 4 * sqrt((double)s->k);
        if (!near_float(text_of(s), o.dst, o.want, o.dst_count, ulps, 0, true))
            fail_msg("%s", text_of(s));
        o.dst[o.dst_count / 2] += (float)(1e-3 * (1 + fabs(o.want[o.dst_count / 2])));
        if (near_float(text_of(s), o.dst, o.want, o.dst_count, whole ? 0.5 : ulps / 8, 0, false))
            fail_msg("%s: a result that is off was accepted", text_of(s));
        operands_destroy(&o);
    }
}

/* Bits of a number that turns through all variants: transpositions, bias, accumulate. */
enum { VARIANTS = 1 << 4 };

static bool variant(int64_t batch, int64_t m, int64_t n, int64_t k, int bits, matmul_shape *out)
{
    *out = (matmul_shape){.batch = batch,
                          .m = m,
                          .n = n,
                          .k = k,
                          .src_transposed = bits & 1,
                          .wei_transposed = bits & 2,
                          .bias = bits & 4,
                          .accumulate = bits & 8};
    return !(out->accumulate && out->bias);
}

static void all_variants_agree_with_the_reference(void **state)
{
    const int64_t sizes[][4] = {{1, 1, 1, 1},    {1, 3, 5, 7},     {1, 17, 1, 19},
                                {1, 1, 33, 2},   {1, 67, 31, 101}, {2, 3, 5, 7},
                                {6, 17, 17, 16}, {5, 13, 24, 50},  {1, 272, 96, 192}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bits = 0; bits < VARIANTS; bits++) {
            matmul_shape s;
            if (variant(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], bits, &s))
                check(*state, &s);
        }
}

static void repeated_runs_give_the_same_bits(void **state)
{
    fixture *f = *state;
    const matmul_shape shapes[] = {{1, 272, 192, 768, false, true, true, false},
                                   {1, 192, 768, 1040, true, false, false, true},
                                   {24, 65, 65, 32, false, true, false, false}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        operands o = operands_create(&shapes[i], false);
        run(f, &shapes[i], &o);
        float *first = malloc((size_t)o.dst_count * sizeof *first);
        assert_non_null(first);
        memcpy(first, o.dst, (size_t)o.dst_count * sizeof *first);
        for (int repeat = 0; repeat < 3; repeat++) {
            run(f, &shapes[i], &o);
            assert_true(same_bits(text_of(&shapes[i]), o.dst, first, o.dst_count, true));
        }
        free(first);
        operands_destroy(&o);
    }
}

/* Another backend (another worker) computes the same bits. */
static void backends_agree(void **state)
{
    fixture *f = *state, other = *f;
    const matmul_shape s = {1, 272, 192, 96, false, true, true, false};
    assert_ok(f->context, backend_create(&other.backend, f->context));
    operands a = operands_create(&s, false), b = operands_create(&s, false);
    run(f, &s, &a);
    run(&other, &s, &b);
    assert_true(same_bits("two backends", a.dst, b.dst, a.dst_count, true));
    operands_destroy(&a);
    operands_destroy(&b);
    backend_destroy(other.backend);
}

/* ---- implementations ---- */

static void expect_fast(fixture *f, const matmul_shape *s)
{
    const char *name = backend_matmul_implementation(f->backend, s);
    if (name[0] == '\0' || strstr(name, "ref"))
        fail_msg("%s runs on \"%s\"", text_of(s), name);
}

/* Rows of a lane (16 x 17, 16 x 65, 16 x 50 tokens) by widths of encoders and of their feed-forward layers.
 */
static void linear_layers_are_fast(void **state)
{
    const int64_t rows[] = {272, 1040, 800}, widths[] = {96, 192, 384, 768};
    for (int i = 0; i < 3; i++)
        for (int in = 0; in < 4; in++)
            for (int out = 0; out < 4; out++) {
                for (int bits = 0; bits < 4; bits++) {
                    matmul_shape s;
                    variant(1, rows[i], widths[out], widths[in], bits, &s);
                    expect_fast(*state, &s);
                }
                const matmul_shape forward = {1, rows[i], widths[out], widths[in], false, true, true, false};
                const matmul_shape backward_src = {1, rows[i], widths[in], widths[out], .accumulate = true};
                const matmul_shape backward_wei = {1,       widths[out], widths[in],
                                                   rows[i], true,        .accumulate = true};
                expect_fast(*state, &forward);
                expect_fast(*state, &backward_src);
                expect_fast(*state, &backward_wei);
            }
}

/* The five products of attention over (lane x heads). */
static void attention_is_fast(void **state)
{
    const int64_t depths[] = {16, 24, 32, 64}, tokens[] = {17, 50, 65};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++) {
            const int64_t d = depths[i], t = tokens[j];
            const matmul_shape shapes[] = {{48, t, t, d, false, true, false, false},
                                           {48, t, d, t, false, false, false, false},
                                           {48, t, d, t, true, false, false, false}};
            for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
                expect_fast(*state, &shapes[k]);
        }
}

/* ---- refusals and life ---- */

static void sizes_below_one_are_refused(void **state)
{
    fixture *f = *state;
    float x[4] = {1, 2, 3, 4}, y[4] = {5, 6, 7, 8};
    for (int i = 0; i < 4; i++)
        for (int64_t size = -1; size < 1; size++) {
            int64_t sizes[4] = {1, 2, 2, 2};
            sizes[i] = size;
            const matmul_shape s = {.batch = sizes[0], .m = sizes[1], .n = sizes[2], .k = sizes[3]};
            context_begin(f->context);
            assert_fails(f->context, backend_matmul(f->backend, f->arena, &s, x, x, NULL, y), TACIT_SHAPE,
                         "matrix product");
        }
    context_begin(f->context);
    assert_true(y[0] == 5 && y[3] == 8);
}

/* Enough shapes that the table of primitives grows several times; the first ones are still right after it. */
static void many_shapes_are_kept(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 2; round++)
        for (int64_t m = 1; m <= 150; m++) {
            const matmul_shape s = {.batch = 1, .m = m, .n = 3, .k = 2};
            operands o = operands_create(&s, true);
            run(f, &s, &o);
            assert_true(near_float(text_of(&s), o.dst, o.want, o.dst_count, 0, 0, true));
            operands_destroy(&o);
        }
}

/* A workspace that can not be had is TACIT_NOMEM, and the next product works. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    const matmul_shape s = {1, 272, 192, 96, false, true, true, false};
    operands o = operands_create(&s, false);
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        test_memory memory = {0};
        fixture f = {.context = test_context_on(&memory)};
        memory.fail_at = memory.calls + k;
        tacit_status status = backend_create(&f.backend, f.context);
        if (status == TACIT_OK)
            status = arena_create(&f.arena, f.context);
        if (status == TACIT_OK)
            status = backend_matmul(f.backend, f.arena, &s, o.src32, o.wei32, o.bias32, o.dst);
        failed = memory.calls >= memory.fail_at;
        assert_int_equal(status, failed ? TACIT_NOMEM : TACIT_OK);
        assert_true(k < 50);
        arena_destroy(f.arena);
        backend_destroy(f.backend);
        tacit_context_destroy(f.context);
        assert_int_equal(memory.alive, 0);
    }
    operands_destroy(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_variants_agree_with_the_reference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeated_runs_give_the_same_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(backends_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(linear_layers_are_fast, set_up, tear_down),
        cmocka_unit_test_setup_teardown(attention_is_fast, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_below_one_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_shapes_are_kept, set_up, tear_down),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
