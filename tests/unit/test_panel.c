/* Panels, in each width of registers that this machine has, against plain sums of whole numbers. */
#include "support.h"

#include "op/panel.h"

enum { ROWS = 24, DEPTH = 37, SPACE = 64 * 64 };

static float a[SPACE], b[SPACE], dst[SPACE];

static float start_of(int i)
{
    return (float)(i % 11 - 5);
}

static void expect_product(const panel_product *p)
{
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < PANEL_COLUMNS; j++) {
            float want = p->add ? start_of((int)(i * p->dst_step + j)) : 0.0f;
            for (int k = 0; k < p->depth; k++)
                want += a[i * p->a_row + k * p->a_depth] * b[k * p->b_step + j];
            assert_true(dst[i * p->dst_step + j] == want);
        }
    for (int i = 0; i < ROWS; i++)
        for (int64_t j = i * p->dst_step + PANEL_COLUMNS; j < (i + 1) * p->dst_step; j++)
            assert_true(dst[j] == start_of((int)j));
}

static void check(int bytes, panel_product p)
{
    for (int i = 0; i < SPACE; i++)
        dst[i] = start_of(i);
    p.rows = ROWS;
    p.a = a;
    p.b = b;
    p.dst = dst;
    panel_of_width(bytes)(&p);
    expect_product(&p);
}

static void test_products(void **state)
{
    (void)state;
    for (int i = 0; i < SPACE; i++) {
        a[i] = (float)(i % 7 - 3);
        b[i] = (float)(i % 13 - 6);
    }
    for (int bytes = 16; bytes <= 64; bytes *= 2)
        for (int add = 0; add < 2; add++) {
            check(bytes,
                  (panel_product){
                      .depth = DEPTH, .a_row = 41, .a_depth = 1, .b_step = 32, .dst_step = 32, .add = add});
            check(bytes,
                  (panel_product){
                      .depth = DEPTH, .a_row = 1, .a_depth = 43, .b_step = 45, .dst_step = 50, .add = add});
            check(bytes,
                  (panel_product){
                      .depth = 0, .a_row = 1, .a_depth = 43, .b_step = 45, .dst_step = 33, .add = add});
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
