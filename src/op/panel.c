/* Panels: see panel.h. A block of dst stays in registers over the whole depth; how large a block depends on
 * the registers there are. */
#include "op/panel.h"

/* One function for each width of registers: blocks of `lines` rows and two registers of columns. `loose` is
 * the register in memory, at any address. */
#define PANEL_KERNEL(name, bytes, lines, isa)                                                                \
    typedef float name##_register __attribute__((vector_size(bytes)));                                       \
    typedef float name##_loose __attribute__((vector_size(bytes), aligned(4), may_alias));                   \
    isa static void name##_block(const panel_product *p, const float *a, const float *b, float *dst)         \
    {                                                                                                        \
        name##_register sum[lines][2];                                                                       \
        const int64_t a_row = p->a_row, a_depth = p->a_depth, b_step = p->b_step, depth = p->depth;          \
        _Pragma("GCC unroll 8") for (int i = 0; i < lines; i++)                                              \
        {                                                                                                    \
            const name##_loose *old = (const name##_loose *)(dst + i * p->dst_step);                         \
            sum[i][0] = sum[i][1] = (name##_register){0};                                                    \
            if (p->add) {                                                                                    \
                sum[i][0] = old[0];                                                                          \
                sum[i][1] = old[1];                                                                          \
            }                                                                                                \
        }                                                                                                    \
        for (int64_t k = 0; k < depth; k++, a += a_depth, b += b_step) {                                     \
            const name##_register left = ((const name##_loose *)b)[0], right = ((const name##_loose *)b)[1]; \
            _Pragma("GCC unroll 8") for (int i = 0; i < lines; i++)                                          \
            {                                                                                                \
                sum[i][0] += a[i * a_row] * left;                                                            \
                sum[i][1] += a[i * a_row] * right;                                                           \
            }                                                                                                \
        }                                                                                                    \
        _Pragma("GCC unroll 8") for (int i = 0; i < lines; i++)                                              \
        {                                                                                                    \
            name##_loose *to = (name##_loose *)(dst + i * p->dst_step);                                      \
            to[0] = sum[i][0];                                                                               \
            to[1] = sum[i][1];                                                                               \
        }                                                                                                    \
    }                                                                                                        \
    isa static void name(const panel_product *p)                                                             \
    {                                                                                                        \
        enum { COLUMNS = 2 * bytes / (int)sizeof(float) };                                                   \
        for (int64_t row = 0; row < p->rows; row += lines)                                                   \
            for (int64_t column = 0; column < PANEL_COLUMNS; column += COLUMNS)                              \
                name##_block(p, p->a + row * p->a_row, p->b + column, p->dst + row * p->dst_step + column);  \
    }

#if defined(__x86_64__)
PANEL_KERNEL(panel_512, 64, 8, __attribute__((target("avx512f"))))
PANEL_KERNEL(panel_256, 32, 4, __attribute__((target("avx2,fma"))))
#endif
PANEL_KERNEL(panel_128, 16, 4, )

panel_function panel_of_width(int bytes)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (bytes >= 64 && __builtin_cpu_supports("avx512f"))
        return panel_512;
    if (bytes >= 32 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return panel_256;
#endif
    (void)bytes;
    return panel_128;
}
