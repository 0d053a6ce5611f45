/* Splitting rows over a tape's workers, transposition, and lengths of examples. */
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

typedef struct transposition {
    int64_t rows, width;
    const float *src;
    float *dst;
} transposition;

/* Columns of one block: a cache line of each row of src is read, and 16 rows of dst are written. */
enum { TRANSPOSE_COLUMNS = 16 };

static void transpose_block(void *user, int64_t block, int worker)
{
    (void)worker;
    const transposition *j = user;
    const int64_t first = block * TRANSPOSE_COLUMNS;
    const int64_t last = first + TRANSPOSE_COLUMNS < j->width ? first + TRANSPOSE_COLUMNS : j->width;
    for (int64_t r = 0; r < j->rows; r++)
        for (int64_t c = first; c < last; c++)
            j->dst[c * j->rows + r] = j->src[r * j->width + c];
}

void kernel_transpose(tape *t, const float *src, int64_t rows, int64_t width, float *dst)
{
    transposition j = {rows, width, src, dst};
    kernel_run(t, (width + TRANSPOSE_COLUMNS - 1) / TRANSPOSE_COLUMNS, transpose_block, &j);
}

bool kernel_lengths_fit(tape *t, const char *name, value lengths, int64_t batch, int64_t tokens)
{
    const tensor *x = tape_tensor(t, lengths);
    const int32_t *numbers = x->data;
    char text[SHAPE_TEXT];
    if (x->dtype != DTYPE_I32 || !shape_equal(x->shape, shape_1(batch))) {
        tape_fail(t, TACIT_SHAPE, "%s: expected the lengths of %lld examples, got %s", name, (long long)batch,
                  shape_text(x->shape, text));
        return false;
    }
    for (int64_t b = 0; b < batch; b++)
        if (numbers[b] < 0 || numbers[b] > tokens) {
            tape_fail(t, TACIT_ARGUMENT, "%s: length %d of %lld tokens", name, (int)numbers[b],
                      (long long)tokens);
            return false;
        }
    return true;
}
