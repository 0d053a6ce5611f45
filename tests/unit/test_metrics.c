/* Numbers and words on how a run goes: spread, effective rank, advice. */
#include "support.h"

#include "base/philox.h"
#include "train/metrics.h"

enum { ROWS = 4000, WIDTH = 16 };

static float rows[ROWS * WIDTH];

/* Normal numbers of deviation scale[i] (or 1) in dimension i, about `offset`: on the sphere they are uniform.
 */
static void make_rows(const double *scale, float offset)
{
    draws d = draws_at(21, DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < ROWS * WIDTH; i++)
        rows[i] = draw_normal(&d) * (float)(scale ? scale[i % WIDTH] : 1.0) + offset;
}

static representation measure(int64_t count)
{
    tacit_context *context = test_context();
    representation r = {(double)NAN, (double)NAN};
    assert_ok(context, representation_measure(context, rows, count, WIDTH, &r));
    assert_true(r.spread == representation_spread(rows, count, WIDTH));
    tacit_context_destroy(context);
    return r;
}

static void a_uniform_sphere_is_healthy(void **state)
{
    (void)state;
    char text[256];
    make_rows(NULL, 0);
    const representation r = measure(ROWS);
    assert_near(r.spread, 1 / sqrt(WIDTH), 0, 0.02);
    assert_near(r.effective_rank, WIDTH, 0, 0.01);
    assert_null(representation_advice(&r, WIDTH, true, text, sizeof text));
}

/* Spread is of directions: the length of rows does not matter. */
static void length_does_not_matter(void **state)
{
    (void)state;
    make_rows(NULL, 0.5f);
    const double spread = representation_spread(rows, ROWS, WIDTH);
    for (int i = 0; i < ROWS * WIDTH; i++)
        rows[i] *= i / WIDTH % 2 ? 1024.0f : 0.125f;
    assert_near(representation_spread(rows, ROWS, WIDTH), spread, 0, 1e-12);
}

/* Wide rows are read in parts: the same as by the definition, for widths about those of a part. */
static void wide_rows_are_read_in_parts(void **state)
{
    (void)state;
    static const int widths[] = {127, 128, 129, 300};
    make_rows(NULL, 0.5f);
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
        const int width = widths[k], count = 40;
        double total = 0;
        for (int i = 0; i < width; i++) {
            double sum = 0, squares = 0;
            for (int r = 0; r < count; r++) {
                double length = 0;
                for (int j = 0; j < width; j++)
                    length += (double)rows[r * width + j] * (double)rows[r * width + j];
                const double x = (double)rows[r * width + i] / sqrt(length);
                sum += x;
                squares += x * x;
            }
            total += sqrt(squares / count - sum / count * (sum / count));
        }
        assert_near(representation_spread(rows, count, width), total / width, 0, 1e-12);
    }
}

static void collapse_is_zero(void **state)
{
    (void)state;
    char text[400];
    for (int i = 0; i < ROWS * WIDTH; i++)
        rows[i] = (float)(i % WIDTH) - 3.5f;
    const representation r = measure(ROWS);
    assert_near(r.spread, 0, 1e-7, 0);
    assert_near(r.effective_rank, 1, 1e-5, 0);
    assert_ptr_equal(representation_advice(&r, WIDTH, true, text, sizeof text), text);
    assert_non_null(strstr(text, "becoming the same"));
    memset(rows, 0, sizeof rows); /* rows without a direction */
    assert_true(measure(ROWS).spread == 0);
}

/* Deviations s along the axes: the rank is exp(entropy(s / sum s)). */
static void known_spectra(void **state)
{
    (void)state;
    static const double spectra[][WIDTH] = {
        {1, 1, 1, 1}, {1}, {4, 2, 1, 1}, {100, 1, 1, 1, 1, 1, 1, 1}, {3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 1}};
    for (size_t i = 0; i < sizeof spectra / sizeof *spectra; i++) {
        double sum = 0, entropy = 0;
        for (int k = 0; k < WIDTH; k++)
            sum += spectra[i][k];
        for (int k = 0; k < WIDTH; k++)
            if (spectra[i][k] > 0)
                entropy -= spectra[i][k] / sum * log(spectra[i][k] / sum);
        make_rows(spectra[i], 0);
        assert_near(measure(ROWS).effective_rank, exp(entropy), 0, 0.02);
        for (int k = 0; k < ROWS * WIDTH; k++) /* a common part does not count: embeddings are centred */
            rows[k] += 5;
        assert_near(measure(ROWS).effective_rank, exp(entropy), 0, 0.02);
    }
}

/* Exact, by hand: two rows (1, 0), (0, 1) deviate by 1/2 from 1/2 in both of two dimensions, and lie on a
 * line. */
static void two_rows_by_hand(void **state)
{
    (void)state;
    static const float two[] = {1, 0, 0, 1};
    tacit_context *context = test_context();
    representation r;
    assert_ok(context, representation_measure(context, two, 2, 2, &r));
    assert_near(r.spread, 0.5, 1e-15, 0);
    assert_near(r.effective_rank, 1, 1e-7, 0);
    tacit_context_destroy(context);
}

static void no_memory(void **state)
{
    (void)state;
    make_rows(NULL, 0);
    for (int64_t k = 1; k <= 2; k++) {
        test_memory memory = {0};
        tacit_context *context = test_context_on(&memory);
        representation r;
        memory.fail_at = memory.calls + k;
        assert_fails(context, representation_measure(context, rows, 10, WIDTH, &r), TACIT_NOMEM, "memory");
        tacit_context_destroy(context);
        assert_int_equal(memory.alive, 0);
    }
}

static bool says(double spread, double rank, bool spherical, const char *part)
{
    char text[400] = "";
    const representation r = {spread, rank};
    const char *sentence = representation_advice(&r, 100, spherical, text, sizeof text);
    assert_true(!sentence || (sentence == text && !strchr(text, '\n')));
    return part ? sentence && strstr(sentence, part) : !sentence;
}

/* Healthy spread of 100 dimensions is 0.1. */
static void advice(void **state)
{
    (void)state;
    assert_true(says(0.1, 50, true, NULL));
    assert_true(says(0.011, 50, true, NULL));
    assert_true(says(0.009, 50, true, "becoming the same"));
    assert_true(says(0.009, 50, true, "healthy is about 0.1"));
    assert_true(says(0.009, 50, false, NULL)); /* of a masked autoencoder: no matter */
    assert_true(says(0.009, 1.5, false, "effective rank 1.5 of 100"));
    assert_true(says(0.1, 1.9, true, "almost on a line"));
    assert_true(says(0.1, 2.1, true, NULL));
}

static void words_for_what_is_no_number(void **state)
{
    (void)state;
    char text[512], small[16];
    const char *said = nonfinite_advice((double)NAN, 1, 0.5, 12, text, sizeof text);
    assert_non_null(strstr(said, "step 12: the loss is not a finite number"));
    assert_non_null(strstr(said, "learning rate 0.5"));
    said = nonfinite_advice(2, (double)INFINITY, 0.5, 3, text, sizeof text);
    assert_non_null(strstr(said, "step 3: the gradient is not a finite number"));
    assert_non_null(strstr(said, "--lr"));
    assert_int_equal(strlen(nonfinite_advice(2, (double)NAN, 0.5, 3, small, sizeof small)), sizeof small - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uniform_sphere_is_healthy),
        cmocka_unit_test(length_does_not_matter),
        cmocka_unit_test(wide_rows_are_read_in_parts),
        cmocka_unit_test(collapse_is_zero),
        cmocka_unit_test(known_spectra),
        cmocka_unit_test(two_rows_by_hand),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(advice),
        cmocka_unit_test(words_for_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
