/* A job that can fail, spread over the workers. */
#include "use/matrix.h"

#include <stdatomic.h>

typedef struct run {
    work *work;
    block_job job;
    void *user;
    atomic_int status; /* of the first failure */
} run;

static void run_one(void *user, int64_t i, int worker)
{
    run *r = user;
    if (atomic_load(&r->status) != TACIT_OK)
        return;
    const tacit_status status = r->job(r->user, i, worker);
    int expected = TACIT_OK;
    if (status != TACIT_OK)
        atomic_compare_exchange_strong(&r->status, &expected, (int)status);
    arena_reset(r->work->arenas[worker]);
}

tacit_status blocks_run(work *w, int64_t count, block_job job, void *user)
{
    run r = {.work = w, .job = job, .user = user};
    atomic_init(&r.status, TACIT_OK);
    team_run(w->team, count, run_one, &r);
    return (tacit_status)atomic_load(&r.status);
}

int64_t blocks_of(int64_t count, int64_t size)
{
    return count / size + (count % size != 0);
}

int64_t block_length(int64_t count, int64_t size, int64_t i)
{
    const int64_t left = count - i * size;
    return left < size ? left : size;
}
