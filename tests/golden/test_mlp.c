/* The encoder mlp and its gradients against PyTorch in double (mlp.safetensors, made by make_mlp.py). */
#include "golden_data.h"

#include "model/encoder.h"
#include "op/op.h"
#include "op/work.h"

enum { ROWS = 6, COLUMNS = 5, WIDTH = 256 };

static const double tolerance = 2e-5;

/* The parameters' formula, which make_mlp.py has too. `layer` and what it is follow from the order. */
static void fill_parameter(const parameters *p, size_t number)
{
    const parameter *row = &p->table[number];
    const int layer = (int)(number / 4), kind = (int)(number % 4); /* weight, bias, gain, bias */
    const double inputs = (double)shape_last(row->shape);
    for (int64_t k = 0; k < shape_count(row->shape); k++) {
        const double x = (double)k;
        double number_of = 0.1 * cos(x + layer);
        if (kind == 0)
            number_of = 0.5 * sin(0.37 * x + layer) / sqrt(inputs / 4);
        else if (kind == 2)
            number_of = 1 + 0.1 * sin(x);
        p->block[row->offset + k] = (float)number_of;
    }
}

typedef struct trial {
    tacit_context *context;
    safetensors_file file;
    parameters parameters;
    encoder *encoder;
    work *work;
    tape *tape;
    float *gradient;
    bool *written;
} trial;

static void set_up(trial *t)
{
    const encoder_settings s = {.height = 1, .width = 1, .channels = COLUMNS, .rows = true, .share = 1.0};
    const encoder_kind *kind = encoder_find("mlp");
    t->context = test_context();
    golden_open(&t->file, t->context, "mlp.safetensors");
    parameters_init(&t->parameters, t->context);
    assert_ok(t->context, kind->create(&t->encoder, &t->parameters, kind, &s));
    assert_ok(t->context, parameters_allocate(&t->parameters));
    for (size_t i = 0; i < t->parameters.count; i++)
        fill_parameter(&t->parameters, i);
    assert_ok(t->context, tacit_context_set_threads(t->context, 1));
    assert_ok(t->context, work_create(&t->work, t->context));
    assert_ok(t->context, tape_create(&t->tape, t->context, t->work->backends[0]));
    assert_ok(t->context,
              tape_bind(t->tape, t->parameters.tensors, (int)t->parameters.count, t->parameters.block));
    t->gradient = parameters_block(&t->parameters);
    t->written = memory_alloc(t->context, t->parameters.count, sizeof *t->written);
    assert_true(t->gradient && t->written);
}

static void tear_down(trial *t)
{
    memory_free(t->context, t->gradient);
    memory_free(t->context, t->written);
    tape_destroy(t->tape);
    work_destroy(t->work);
    t->encoder->destroy(t->encoder);
    parameters_fini(&t->parameters);
    safetensors_close(&t->file);
    tacit_context_destroy(t->context);
}

/* Distance of the embeddings; the tape has gone backward. */
static double run(trial *t)
{
    const tensor rows = tensor_of(DTYPE_F32, shape_2(ROWS, COLUMNS),
                                  (void *)(uintptr_t)golden_find(&t->file, "rows", "F32", ROWS * COLUMNS));
    tape_reset(t->tape, TAPE_TRAINING);
    tape_bind_gradients(t->tape, t->gradient, t->written);
    const value x = t->encoder->embed(t->encoder, t->tape, tape_constant(t->tape, &rows));
    assert_ok(t->context, tape_status(t->tape));
    const float *want = golden_find(&t->file, "embeddings", "F32", ROWS * WIDTH);
    const double distance = golden_distance(tape_f32(t->tape, x), want, ROWS * WIDTH);
    const float *direction = golden_find(&t->file, "direction", "F32", ROWS * WIDTH);
    assert_ok(t->context, tape_backward(t->tape, x, direction, 1.0f));
    return distance;
}

static void test_against_pytorch(void **state)
{
    (void)state;
    trial t;
    char name[128];
    int compared = 0;
    set_up(&t);
    assert_near(run(&t), 0, tolerance, 0);
    for (size_t i = 0; i < t.parameters.count; i++) {
        const parameter *p = &t.parameters.table[i];
        const int64_t count = shape_count(p->shape);
        snprintf(name, sizeof name, "gradient.%s", p->name);
        if (count > WIDTH * COLUMNS)
            continue;
        assert_near(golden_distance(t.gradient + p->offset, golden_find(&t.file, name, "F32", count), count),
                    0, tolerance, 0);
        compared++;
    }
    assert_int_equal(compared, 13);
    tear_down(&t);
}

/* One weight that is off by a thousandth of its layer's scale is seen. */
static void test_planted_error(void **state)
{
    (void)state;
    trial t;
    set_up(&t);
    t.parameters.block[t.parameters.table[0].offset] += 0.01f;
    assert_true(run(&t) > tolerance);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_pytorch),
                                       cmocka_unit_test(test_planted_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
