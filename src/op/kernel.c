/* Splitting rows over a tape's workers. */
#include "op/kernel.h"

void kernel_run(tape *t, int64_t blocks, void (*job)(void *user, int64_t i, int worker), void *user)
{
    const work *w = tape_work(t);
    if (w)
        team_run(w->team, blocks, job, user);
    else
        for (int64_t i = 0; i < blocks; i++)
            job(user, i, 0);
}

int64_t kernel_block_rows(const tape *t, int64_t rows)
{
    return tape_work(t) && rows > KERNEL_ROWS ? KERNEL_ROWS : rows;
}

int64_t kernel_blocks(const tape *t, int64_t rows)
{
    const int64_t block = kernel_block_rows(t, rows);
    return block ? (rows + block - 1) / block : 0;
}

tacit_status kernel_matmul(tape *t, int worker, const matmul_shape *sizes, const float *src, const float *wei,
                           const float *bias, float *dst)
{
    const work *w = tape_work(t);
    if (w)
        return backend_matmul(w->backends[worker], w->arenas[worker], sizes, src, wei, bias, dst);
    return backend_matmul(tape_backend(t), tape_arena(t), sizes, src, wei, bias, dst);
}
