/* Reading the golden files of this folder: open one, and find a tensor of the expected type and size. */
#ifndef TESTS_GOLDEN_GOLDEN_DATA_H
#define TESTS_GOLDEN_GOLDEN_DATA_H

#include "support.h"

#include "model/safetensors.h"

/* tests/golden/NAME; safetensors_close ends it. */
static inline void golden_open(safetensors_file *f, tacit_context *context, const char *name)
{
    char path[1024];
    const char *source = getenv("TACIT_SOURCE");
    snprintf(path, sizeof path, "%s/tests/golden/%s", source ? source : ".", name);
    assert_ok(context, safetensors_read(f, context, path, 0));
}

/* `count` numbers of the type ("F32", "I32", "F64"), borrowed; fails the test if they are not there. */
static inline const void *golden_find(const safetensors_file *f, const char *name, const char *type,
                                      int64_t count)
{
    const named_tensor *t = safetensors_find(f, name);
    if (!t || strcmp(t->dtype_name, type) != 0 || shape_count(t->tensor.shape) != count)
        fail_msg("no tensor %s of %lld %s", name, (long long)count, type);
    return t->tensor.data;
}

/* Number `i` of `count` f64 numbers. */
static inline double golden_double(const safetensors_file *f, const char *name, int64_t count, int64_t i)
{
    double number;
    memcpy(&number, (const char *)golden_find(f, name, "F64", count) + (size_t)i * sizeof number,
           sizeof number);
    return number;
}

/* Norm of the difference over the norm of `want`; NaN where either is not a number. */
static inline double golden_distance(const float *got, const float *want, int64_t count)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        const double d = (double)got[i] - (double)want[i];
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
    }
    return sqrt(difference) / sqrt(norm);
}

#endif
