/* Ten steps of a small model beside those of a golden file: the model with the file's first values, its loss
 * and gradients step by step. */
#ifndef TESTS_GOLDEN_GOLDEN_TRAINING_H
#define TESTS_GOLDEN_GOLDEN_TRAINING_H

#include "golden_data.h"

#include "op/op.h"
#include "train/config.h"
#include "train/optimizer.h"

typedef struct trial {
    const char *name; /* of the model among others in the file; NULL: it is alone there */
    tacit_context *context;
    safetensors_file file;
    settings *settings;
    encoder_kind kind;
    parameters parameters;
    encoder *encoder;
    method method;
    work *work;
    tape *tape;
    float *gradient, *state[OPTIMIZER_BLOCKS];
    bool *written;
} trial;

/* The name in the file of what belongs to the model. Static. */
static inline const char *trial_name(const trial *t, const char *what)
{
    static char name[2 * PARAMETER_NAME];
    snprintf(name, sizeof name, "%s%s%s", t->name ? t->name : "", t->name ? "." : "", what);
    return name;
}

/* An encoder of this kind, but two blocks of four heads and `width` wide, and the method, from t->settings.
 */
static inline void trial_declare(trial *t, const char *method_name, const char *kind, int width,
                                 const encoder_settings *e)
{
    t->kind = *encoder_find(kind);
    t->kind.width = width;
    t->kind.depth = 2;
    t->kind.heads = 4;
    parameters_init(&t->parameters, t->context);
    assert_ok(t->context, t->kind.create(&t->encoder, &t->parameters, &t->kind, e));
    t->method = (method){.context = t->context,
                         .objective = objective_find(method_name),
                         .encoder = t->encoder,
                         .width = t->encoder->width};
    assert_ok(t->context, t->method.objective->create(&t->method, &t->parameters, t->settings));
    assert_ok(t->context, parameters_allocate(&t->parameters));
}

/* Every parameter of ours is in the file with the same shape, and the file has no other. */
static inline void trial_load(trial *t)
{
    size_t in_file = 0;
    for (size_t i = 0; i < t->parameters.count; i++) {
        const parameter *p = &t->parameters.table[i];
        const int64_t count = shape_count(p->shape);
        const float *values = golden_find(&t->file, p->name, "F32", count);
        assert_true(shape_equal(safetensors_find(&t->file, p->name)->tensor.shape, p->shape));
        memcpy(t->parameters.block + p->offset, values, (size_t)count * sizeof *values);
    }
    const char *prefix = trial_name(t, "gradient.");
    for (size_t i = 0; i < t->file.count; i++)
        in_file += strncmp(t->file.tensors[i].name, prefix, strlen(prefix)) == 0;
    assert_int_equal(in_file, t->parameters.count);
}

/* What steps need, once the model is declared and loaded. */
static inline void trial_prepare(trial *t)
{
    const parameters *p = &t->parameters;
    assert_ok(t->context, work_create(&t->work, t->context));
    assert_ok(t->context, tape_create(&t->tape, t->context, t->work->backends[0]));
    assert_ok(t->context, tape_bind(t->tape, p->tensors, (int)p->count, p->block));
    t->gradient = parameters_block(p);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        t->state[i] = parameters_block(p);
    t->written = memory_alloc(t->context, p->count, sizeof *t->written);
    assert_true(t->gradient && t->state[0] && t->state[1] && t->written);
}

/* The same, of a model that is declared only. */
static inline void trial_begin(trial *t)
{
    trial_load(t);
    trial_prepare(t);
}

static inline void trial_end(trial *t)
{
    memory_free(t->context, t->written);
    memory_free(t->context, t->gradient);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        memory_free(t->context, t->state[i]);
    tape_destroy(t->tape);
    work_destroy(t->work);
    t->method.objective->destroy(&t->method);
    t->encoder->destroy(t->encoder);
    parameters_fini(&t->parameters);
    settings_destroy(t->settings);
    safetensors_close(&t->file);
    tacit_context_destroy(t->context);
}

/* A fresh tape that leaves the gradient in t->gradient; and the number of a loss on it, after the way back,
 * in which every parameter got its gradient. */
static inline void trial_forward(trial *t)
{
    memset(t->written, 0, t->parameters.count * sizeof *t->written);
    tape_reset(t->tape, TAPE_TRAINING);
    tape_bind_gradients(t->tape, t->gradient, t->written);
}

static inline double trial_backward(trial *t, value loss)
{
    assert_ok(t->context, tape_status(t->tape));
    const double number = (double)*tape_f32(t->tape, loss);
    assert_ok(t->context, tape_backward(t->tape, loss, NULL, 1.0f));
    for (size_t i = 0; i < t->parameters.count; i++)
        assert_true(t->written[i]);
    return number;
}

/* AdamW at .001, with beta 2 and decay. */
static inline void trial_update(trial *t, int step, double second, double decay)
{
    const optimizer_settings o = {
        .momentum = 0.9, .second = second, .epsilon = 1e-8, .decay = decay, .layer_decay = 1};
    optimizer_run(&optimizer_adamw, &o, &(optimizer_step){step + 1, 1e-3}, &t->parameters, t->gradient,
                  t->state, t->work);
}

static inline void trial_compare(const trial *t, const char *what, const float *got, int64_t count,
                                 double tolerance)
{
    const char *name = trial_name(t, what);
    const double distance = golden_distance(got, golden_find(&t->file, name, "F32", count), count);
    if (!(distance <= tolerance))
        fail_msg("%s is off by %g of its norm", name, distance);
}

static inline void trial_compare_gradients(const trial *t, double tolerance)
{
    for (size_t i = 0; i < t->parameters.count; i++) {
        char name[PARAMETER_NAME + 16];
        const parameter *p = &t->parameters.table[i];
        snprintf(name, sizeof name, "gradient.%s", p->name);
        trial_compare(t, name, t->gradient + p->offset, shape_count(p->shape), tolerance);
    }
}

#endif
