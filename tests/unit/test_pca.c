/* Principal components: of rows whose covariance is known by construction, there and back, equal bits for any
 * number of workers, and every refusal. */
#include "support.h"

#include "base/philox.h"
#include "use/pca.h"

enum { ROWS = 1400, COLUMNS = 200, RANK = 3 };

static const double deviations[RANK] = {5.0, 2.0, 0.5};

/* Axis k of the construction: a Haar-like pattern, so that axes are orthogonal; unit length. */
static double axis_at(int k, int c)
{
    const int period = COLUMNS >> k;
    const int used = COLUMNS >> k << k; /* whole periods */
    if (c >= used)
        return 0.0;
    return (c % period < period / 2 ? -1.0 : 1.0) / sqrt((double)used);
}

/* Score k of row i: plus or minus deviation k, by the bits of i, so that scores have mean 0 and are
 * uncorrelated over ROWS rows (a multiple of 8). */
static double score_of(int i, int k)
{
    return (i >> k) % 2 ? deviations[k] : -deviations[k];
}

static void fill(float *x)
{
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < COLUMNS; c++) {
            double sum = 10.0 + 0.01 * c;
            for (int k = 0; k < RANK; k++)
                sum += score_of(i, k) * axis_at(k, c);
            x[i * COLUMNS + c] = (float)sum;
        }
}

typedef struct trial {
    tacit_context *context;
    work *work;
    float *x;
    matrix rows;
} trial;

static void set_up(trial *t, int threads)
{
    *t = (trial){.context = test_context()};
    assert_ok(t->context, tacit_context_set_threads(t->context, threads));
    assert_ok(t->context, work_create(&t->work, t->context));
    t->x = memory_alloc(t->context, ROWS * COLUMNS, sizeof *t->x);
    assert_non_null(t->x);
    fill(t->x);
    t->rows = (matrix){ROWS, COLUMNS, t->x};
}

static void tear_down(trial *t)
{
    memory_free(t->context, t->x);
    work_destroy(t->work);
    tacit_context_destroy(t->context);
}

static void known_decomposition(void **state)
{
    (void)state;
    trial t;
    pca p;
    set_up(&t, 2);
    assert_ok(t.context, pca_fit(&p, t.work, t.rows, RANK + 1));
    for (int k = 0; k < RANK; k++) {
        assert_near(p.variance[k], deviations[k] * deviations[k], 2e-4, 1e-5);
        /* The axis' numbers of greatest magnitude are equal but for rounding, so its sign is not known. */
        const double sign = (double)p.axes[k * COLUMNS] * axis_at(k, 0) > 0 ? 1.0 : -1.0;
        for (int c = 0; c < COLUMNS; c++)
            assert_near((double)p.axes[k * COLUMNS + c], sign * axis_at(k, c), 1e-5, 0);
    }
    assert_near(p.variance[RANK], 0, 1e-4, 0);
    for (int c = 0; c < COLUMNS; c++)
        assert_near((double)p.mean[c], 10.0 + 0.01 * c, 1e-5, 0);
    pca_fini(&p);
    tear_down(&t);
}

/* What is lost with K components is the variance of the others. */
static void there_and_back(void **state)
{
    (void)state;
    trial t;
    set_up(&t, 2);
    float *codes = memory_alloc(t.context, ROWS * RANK, sizeof *codes);
    float *again = memory_alloc(t.context, ROWS * COLUMNS, sizeof *again);
    assert_true(codes && again);
    double left = 0;
    for (int k = RANK; k > 0; k--) {
        pca p;
        double lost = 0;
        assert_ok(t.context, pca_fit(&p, t.work, t.rows, k));
        assert_ok(t.context, pca_transform(&p, t.work, t.rows, codes));
        for (int i = 0; i < ROWS; i++)
            for (int a = 0; a < k; a++)
                assert_near(fabs((double)codes[i * k + a]), deviations[a], 1e-4, 0);
        assert_ok(t.context, pca_reconstruct(&p, t.work, (matrix){ROWS, k, codes}, again));
        for (int i = 0; i < ROWS * COLUMNS; i++)
            lost += ((double)again[i] - (double)t.x[i]) * ((double)again[i] - (double)t.x[i]);
        assert_near(lost / ROWS, left, 1e-6, 1e-4);
        left += deviations[k - 1] * deviations[k - 1];
        pca_fini(&p);
    }
    memory_free(t.context, codes);
    memory_free(t.context, again);
    tear_down(&t);
}

/* Noise, so that every number of an axis matters: axes are orthogonal and of unit length, and their number
 * of greatest magnitude is positive. */
static void equal_bits_and_signs(void **state)
{
    (void)state;
    enum { K = 20 };
    float axes[2][K * COLUMNS];
    for (int run = 0; run < 2; run++) {
        trial t;
        pca p;
        draws d = draws_at(1, DRAW_TEST, 0, 0, 0);
        set_up(&t, 1 + 2 * run);
        for (int i = 0; i < ROWS * COLUMNS; i++)
            t.x[i] += draw_normal(&d);
        assert_ok(t.context, pca_fit(&p, t.work, t.rows, K));
        memcpy(axes[run], p.axes, sizeof axes[run]);
        for (int k = 1; k < K; k++)
            assert_true(p.variance[k] <= p.variance[k - 1]);
        pca_fini(&p);
        tear_down(&t);
    }
    assert_memory_equal(axes[0], axes[1], sizeof axes[0]);
    for (int k = 0; k < K * K; k++) {
        double product = 0;
        for (int c = 0; c < COLUMNS; c++)
            product += (double)axes[0][k / K * COLUMNS + c] * (double)axes[0][k % K * COLUMNS + c];
        assert_near(product, k / K == k % K, 1e-6, 0);
    }
    for (int k = 0; k < K; k++) {
        float greatest = 0;
        for (int c = 0; c < COLUMNS; c++)
            if (fabsf(axes[0][k * COLUMNS + c]) > fabsf(greatest))
                greatest = axes[0][k * COLUMNS + c];
        assert_true(greatest > 0);
    }
}

static void refusals(void **state)
{
    (void)state;
    trial t;
    pca p;
    set_up(&t, 1);
    assert_fails(t.context, pca_fit(&p, t.work, t.rows, 0), TACIT_ARGUMENT, "0 of 1400 rows of 200 numbers");
    context_begin(t.context);
    assert_fails(t.context, pca_fit(&p, t.work, t.rows, COLUMNS + 1), TACIT_ARGUMENT, "201 of 1400 rows");
    context_begin(t.context);
    assert_fails(t.context, pca_fit(&p, t.work, (matrix){0, COLUMNS, t.x}, 1), TACIT_ARGUMENT, "0 rows");
    context_begin(t.context);
    assert_fails(t.context, pca_fit(&p, t.work, (matrix){20, PCA_COLUMNS + 1, t.x}, 1), TACIT_LIMIT,
                 "rows of 4097 numbers: expected at most 4096");
    context_begin(t.context);
    assert_ok(t.context, pca_fit(&p, t.work, t.rows, 2));
    assert_fails(t.context, pca_transform(&p, t.work, (matrix){2, 7, t.x}, t.x), TACIT_SHAPE,
                 "rows of 7 numbers, not 200");
    context_begin(t.context);
    assert_fails(t.context, pca_reconstruct(&p, t.work, (matrix){2, 7, t.x}, t.x), TACIT_SHAPE,
                 "rows of 7 numbers, not 2");
    context_begin(t.context);
    pca_fini(&p);
    t.x[5 * COLUMNS] = (float)NAN;
    assert_fails(t.context, pca_fit(&p, t.work, t.rows, 2), TACIT_NONFINITE, "row 5");
    assert_null(p.axes);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_decomposition),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(equal_bits_and_signs),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
