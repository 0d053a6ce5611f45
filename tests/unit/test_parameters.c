/* The parameter store: layout, what is refused, keyed initial values. */
#include "support.h"

#include "model/parameters.h"

typedef struct fixture {
    test_memory memory;
    tacit_context *context;
    parameters parameters;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = test_context_on(&f->memory);
    parameters_init(&f->parameters, f->context);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    parameters_fini(&f->parameters);
    tacit_context_destroy(f->context);
    const int64_t alive = f->memory.alive;
    free(f);
    return alive ? -1 : 0;
}

static void layout(void **state)
{
    fixture *f = *state;
    parameters *p = &f->parameters;
    const shape shapes[] = {shape_2(3, 5), shape_1(16), shape_1(17), shape_4(2, 3, 3, 1), shape_1(1)};
    const int64_t offsets[] = {0, 16, 32, 64, 96};
    for (int i = 0; i < 5; i++) {
        char name[] = {'a', (char)('0' + i), '\0'};
        assert_int_equal(parameters_add(p, name, shapes[i], INIT_ONE, 0).id, i + 1);
    }
    assert_ok(f->context, parameters_allocate(p));
    assert_int_equal(p->count, 5);
    assert_true(p->size == 112);
    assert_true(parameters_learnt(p) == 15 + 16 + 17 + 18 + 1);
    assert_int_equal((uintptr_t)p->block % 64, 0);
    parameters_initialise(p, 1);
    float sum = 0;
    for (int64_t i = 0; i < p->size; i++)
        sum += p->block[i];
    assert_true(sum == 67.0f); /* padding stays 0 */
    for (int i = 0; i < 5; i++) {
        assert_true(p->table[i].offset == offsets[i]);
        assert_int_equal(p->table[i].decay, shapes[i].rank > 1);
        assert_true(shape_equal(p->tensors[i].shape, shapes[i]));
        assert_ptr_equal(p->tensors[i].data, p->block + offsets[i]);
        assert_int_equal(p->tensors[i].dtype, DTYPE_F32);
    }
    assert_ptr_equal(parameters_find(p, "a3"), &p->table[3]);
    assert_null(parameters_find(p, "a"));
}

static void other_blocks(void **state)
{
    fixture *f = *state;
    parameters_add(&f->parameters, "w", shape_1(33), INIT_ONE, 0);
    assert_ok(f->context, parameters_allocate(&f->parameters));
    float *block = parameters_block(&f->parameters);
    assert_int_equal((uintptr_t)block % 64, 0);
    for (int64_t i = 0; i < f->parameters.size; i++)
        assert_true(block[i] == 0.0f);
    memory_free(f->context, block);
    f->memory.fail_at = f->memory.calls + 1;
    assert_null(parameters_block(&f->parameters));
    assert_int_equal(f->context->status, TACIT_NOMEM);
}

static void empty_store(void **state)
{
    fixture *f = *state;
    assert_ok(f->context, parameters_allocate(&f->parameters));
    parameters_initialise(&f->parameters, 1);
    assert_true(parameters_learnt(&f->parameters) == 0 && f->parameters.size == 0);
}

static void refused(void **state)
{
    fixture *f = *state;
    char longest[PARAMETER_NAME + 1];
    memset(longest, 'n', sizeof longest);
    longest[PARAMETER_NAME - 1] = '\0';
    char longer[PARAMETER_NAME + 1];
    memset(longer, 'n', sizeof longer);
    longer[PARAMETER_NAME] = '\0';
    const struct {
        const char *name;
        shape shape;
        tacit_status status;
        const char *message;
    } cases[] = {
        {longer, shape_1(1), TACIT_ARGUMENT, "expected a name of 1 to 95 bytes"},
        {"", shape_1(1), TACIT_ARGUMENT, "expected a name of 1 to 95 bytes"},
        {longest, shape_1(1), TACIT_STATE, "nnn: declared twice"},
        {"b", shape_2(4, 0), TACIT_SHAPE, "parameter b: the shape (4, 0) is empty or too large"},
        {"b", shape_2(-4, -4), TACIT_SHAPE, "parameter b: the shape (-4, -4) is empty or too large"},
        {"b", shape_2(INT64_C(1) << 40, INT64_C(1) << 40), TACIT_SHAPE, "is empty or too large"},
        {"b", shape_1(INT64_MAX), TACIT_SHAPE, "is empty or too large"},
        {"b", shape_3(INT64_C(1) << 31, INT64_C(1) << 31, 2), TACIT_SHAPE, "is empty or too large"},
        {"b", (shape){.rank = 0}, TACIT_SHAPE, "parameter b: rank 0 is outside 1 to 4"},
        {"b", (shape){.rank = 5}, TACIT_SHAPE, "parameter b: rank 5 is outside 1 to 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        context_begin(f->context);
        parameters p;
        parameters_init(&p, f->context);
        assert_int_equal(parameters_add(&p, longest, shape_1(3), INIT_ZERO, 0).id, 1);
        assert_int_equal(parameters_add(&p, cases[i].name, cases[i].shape, INIT_ZERO, 0).id, 0);
        /* Sticky: what is right does not help after a failure. */
        assert_int_equal(parameters_add(&p, "right", shape_1(3), INIT_ZERO, 0).id, 0);
        assert_fails(f->context, parameters_allocate(&p), cases[i].status, cases[i].message);
        assert_null(p.block);
        parameters_fini(&p);
    }
}

static void nothing_after_the_block(void **state)
{
    fixture *f = *state;
    parameters *p = &f->parameters;
    parameters_add(p, "a", shape_1(3), INIT_ZERO, 0);
    assert_ok(f->context, parameters_allocate(p));
    assert_fails(f->context, parameters_allocate(p), TACIT_STATE, "have their block already");
    context_begin(f->context);
    assert_int_equal(parameters_add(p, "late", shape_1(3), INIT_ZERO, 0).id, 0);
    assert_fails(f->context, p->status, TACIT_STATE, "parameter late: declared after the block was made");
}

static void moments(const float *values, int64_t count, double *mean, double *variance, double *largest)
{
    *mean = *variance = *largest = 0;
    for (int64_t i = 0; i < count; i++) {
        *mean += (double)values[i] / (double)count;
        *largest = fmax(*largest, fabs((double)values[i]));
    }
    for (int64_t i = 0; i < count; i++)
        *variance += ((double)values[i] - *mean) * ((double)values[i] - *mean) / (double)count;
}

static void distributions(void **state)
{
    fixture *f = *state;
    parameters *p = &f->parameters;
    parameters_add(p, "xavier", shape_2(192, 576), INIT_XAVIER, 0);
    parameters_add(p, "kernel", shape_4(64, 3, 3, 60), INIT_XAVIER, 0);
    parameters_add(p, "normal", shape_2(100, 1000), INIT_NORMAL, 0.02f);
    parameters_add(p, "zero", shape_1(100), INIT_ZERO, 5);
    assert_ok(f->context, parameters_allocate(p));
    memset(p->block, 0xff, (size_t)p->size * sizeof(float)); /* NaN: every value must be written */
    parameters_initialise(p, 7);
    double mean, variance, largest;
    for (int i = 0; i < 2; i++) {
        const int64_t count = shape_count(p->table[i].shape), rows = p->table[i].shape.size[0];
        const double limit = sqrt(6.0 / (double)(rows + count / rows));
        moments(p->block + p->table[i].offset, count, &mean, &variance, &largest);
        assert_near(mean, 0, 0.02 * limit, 0);
        assert_near(variance, limit * limit / 3, 0, 0.02); /* of a uniform distribution */
        assert_true(largest <= limit * 1.000001 && largest > 0.999 * limit);
    }
    moments(p->block + p->table[2].offset, 100000, &mean, &variance, &largest);
    assert_near(mean, 0, 0.0004, 0);
    assert_near(variance, 0.0004, 0, 0.03);
    assert_true(largest > 0.07 && largest < 0.14);
    for (int i = 0; i < 100; i++)
        assert_true(p->block[p->table[3].offset + i] == 0.0f);
}

/* A value depends on the seed, the parameter's number and its index: not on other parameters' names or sizes.
 */
static void keyed(void **state)
{
    fixture *f = *state;
    parameters stores[3];
    const shape first[] = {shape_2(4, 4), shape_2(30, 7), shape_2(4, 4)};
    const uint64_t seeds[] = {1, 1, 2};
    const float *second[3];
    for (int i = 0; i < 3; i++) {
        parameters *p = &stores[i];
        parameters_init(p, f->context);
        parameters_add(p, i == 1 ? "x" : "y", first[i], INIT_XAVIER, 0);
        parameters_add(p, "second", shape_2(8, 8), INIT_XAVIER, 0);
        parameters_add(p, "third", shape_2(8, 8), INIT_XAVIER, 0);
        assert_ok(f->context, parameters_allocate(p));
        parameters_initialise(p, seeds[i]);
        second[i] = p->block + p->table[1].offset;
    }
    const size_t size = 64 * sizeof(float);
    assert_memory_equal(second[0], second[1], size);
    assert_memory_not_equal(second[0], second[2], size);
    assert_memory_not_equal(second[0], stores[0].block + stores[0].table[2].offset, size);
    parameters_initialise(&stores[2], 1);
    assert_memory_equal(second[0], second[2], size);
    for (int i = 0; i < 3; i++)
        parameters_fini(&stores[i]);
}

static tacit_status add_and_allocate(tacit_context *context, void *unused)
{
    (void)unused;
    parameters p;
    parameters_init(&p, context);
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        parameters_add(&p, name, shape_1(10), INIT_ZERO, 0);
    }
    const tacit_status status = parameters_allocate(&p);
    parameters_fini(&p);
    return status;
}

static void no_memory_at_every_allocation(void **state)
{
    (void)state;
    /* the table twice, the tensors, the block */
    assert_int_equal(test_each_failed_allocation(add_and_allocate, NULL), 4);
}

#define PARAMETERS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PARAMETERS_TEST(layout),
        PARAMETERS_TEST(other_blocks),
        PARAMETERS_TEST(empty_store),
        PARAMETERS_TEST(refused),
        PARAMETERS_TEST(nothing_after_the_block),
        PARAMETERS_TEST(distributions),
        PARAMETERS_TEST(keyed),
        cmocka_unit_test(no_memory_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
