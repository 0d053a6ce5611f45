/* See similarities.h. */
#include "use/similarities.h"

#include <inttypes.h>
#include <math.h>

enum { UNIT_ROWS = 512, QUERY_ROWS = 8 };

typedef struct unit_job {
    tacit_context *context;
    const char *what;
    matrix x;
    float *out;
} unit_job;

/* In double: squares of f32 can overflow f32. */
static tacit_status unit_block(void *user, int64_t block, int worker)
{
    const unit_job *j = user;
    (void)worker;
    for (int64_t r = 0; r < block_length(j->x.rows, UNIT_ROWS, block); r++) {
        const int64_t at = (block * UNIT_ROWS + r) * j->x.columns;
        double square = 0;
        for (int64_t i = 0; i < j->x.columns; i++)
            square += (double)j->x.data[at + i] * (double)j->x.data[at + i];
        if (!isfinite(square))
            return context_fail(j->context, TACIT_NONFINITE,
                                "%s: row %" PRId64 " holds a number that is not finite", j->what,
                                block * UNIT_ROWS + r);
        const double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int64_t i = 0; i < j->x.columns; i++)
            j->out[at + i] = (float)((double)j->x.data[at + i] * scale);
    }
    return TACIT_OK;
}

tacit_status unit_rows(work *w, const char *what, matrix x, float *out)
{
    unit_job j = {w->context, what, x, out};
    return blocks_run(w, blocks_of(x.rows, UNIT_ROWS), unit_block, &j);
}

typedef struct similarity_run {
    work *work;
    matrix queries, keys;
    similarity_job job;
    void *user;
} similarity_run;

static tacit_status run_block(void *user, int64_t block, int worker)
{
    const similarity_run *r = user;
    arena *a = r->work->arenas[worker];
    const int64_t first = block * QUERY_ROWS, count = block_length(r->queries.rows, QUERY_ROWS, block);
    float *similarity = arena_take(a, sizeof *similarity * (size_t)(count * r->keys.rows));
    if (!similarity)
        return TACIT_NOMEM;
    const matmul_shape product = {
        .batch = 1, .m = count, .n = r->keys.rows, .k = r->keys.columns, .wei_transposed = true};
    TRY(backend_matmul(r->work->backends[worker], a, &product, r->queries.data + first * r->keys.columns,
                       r->keys.data, NULL, similarity));
    for (int64_t q = 0; q < count; q++)
        TRY(r->job(r->user, first + q, similarity + q * r->keys.rows, worker));
    return TACIT_OK;
}

tacit_status similarities_run(work *w, matrix queries, matrix keys, similarity_job job, void *user)
{
    similarity_run r = {w, queries, keys, job, user};
    if (queries.columns != keys.columns || keys.columns < 1 || keys.rows < 1)
        return context_fail(w->context, TACIT_SHAPE,
                            "similarities: queries of %" PRId64 " features, %" PRId64 " keys of %" PRId64,
                            queries.columns, keys.rows, keys.columns);
    return blocks_run(w, blocks_of(queries.rows, QUERY_ROWS), run_block, &r);
}
