/* The life of a team with its backends and arenas. */
#include "op/work.h"

static tacit_status create_workers(work *w)
{
    TRY(team_create(&w->team, w->context, w->workers, backend_thread_start));
    w->backends = memory_alloc(w->context, (size_t)w->workers, sizeof *w->backends);
    w->arenas = memory_alloc(w->context, (size_t)w->workers, sizeof *w->arenas);
    if (!w->backends || !w->arenas)
        return TACIT_NOMEM;
    for (int i = 0; i < w->workers; i++) {
        TRY(backend_create(&w->backends[i], w->context));
        TRY(arena_create(&w->arenas[i], w->context));
    }
    return TACIT_OK;
}

tacit_status work_create(work **out, tacit_context *context)
{
    work *w = *out = memory_alloc(context, 1, sizeof *w);
    if (!w)
        return TACIT_NOMEM;
    w->context = context;
    w->workers = context_threads(context);
    const tacit_status status = create_workers(w);
    if (status != TACIT_OK) {
        work_destroy(w);
        *out = NULL;
    }
    return status;
}

void work_destroy(work *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->workers; i++) {
        if (w->backends)
            backend_destroy(w->backends[i]);
        if (w->arenas)
            arena_destroy(w->arenas[i]);
    }
    memory_free(w->context, w->backends);
    memory_free(w->context, w->arenas);
    team_destroy(w->team);
    memory_free(w->context, w);
}
