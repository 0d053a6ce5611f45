/* The team: one job at a time, numbers handed out under a lock. */
#include "base/team.h"

#include "base/memory.h"

typedef struct worker {
    team *team;
    pthread_t thread;
    int number;
    bool running;
} worker;

struct team {
    tacit_context *context;
    worker *workers;
    int size;
    void (*start)(void);
    bool started; /* the caller's own `start` has run */
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    uint64_t round; /* raised for each job: workers wait for a new one */
    bool quit;
    int busy;
    void (*job)(void *user, int64_t i, int worker);
    void *user;
    int64_t next, count;
};

/* Takes numbers until there are none. Called and left with the lock held. */
static void work(team *t, int number)
{
    while (t->next < t->count) {
        const int64_t i = t->next++;
        pthread_mutex_unlock(&t->lock);
        t->job(t->user, i, number);
        pthread_mutex_lock(&t->lock);
    }
}

static void *worker_main(void *argument)
{
    worker *w = argument;
    team *t = w->team;
    if (t->start)
        t->start();
    uint64_t seen = 0;
    pthread_mutex_lock(&t->lock);
    while (!t->quit) {
        if (t->round == seen) {
            pthread_cond_wait(&t->wake, &t->lock);
            continue;
        }
        seen = t->round;
        t->busy++;
        work(t, w->number);
        if (--t->busy == 0)
            pthread_cond_signal(&t->idle);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static tacit_status start_workers(team *t)
{
    for (int i = 1; i < t->size; i++) {
        worker *w = &t->workers[i];
        *w = (worker){.team = t, .number = i};
        if (pthread_create(&w->thread, NULL, worker_main, w))
            return context_fail(t->context, TACIT_NOMEM, "could not start worker thread %d of %d", i + 1,
                                t->size);
        w->running = true;
    }
    return TACIT_OK;
}

tacit_status team_create(team **out, tacit_context *context, int threads, void (*start)(void))
{
    team *t = *out = memory_alloc(context, 1, sizeof **out);
    if (!t)
        return TACIT_NOMEM;
    t->context = context;
    t->size = threads;
    t->start = start;
    t->workers = memory_alloc(context, (size_t)threads, sizeof *t->workers);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->idle, NULL);
    const tacit_status status = t->workers ? start_workers(t) : TACIT_NOMEM;
    if (status != TACIT_OK) {
        team_destroy(t);
        *out = NULL;
    }
    return status;
}

void team_destroy(team *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
    for (int i = 1; t->workers && i < t->size; i++)
        if (t->workers[i].running)
            pthread_join(t->workers[i].thread, NULL);
    pthread_cond_destroy(&t->idle);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    memory_free(t->context, t->workers);
    memory_free(t->context, t);
}

int team_size(const team *t)
{
    return t->size;
}

void team_run(team *t, int64_t count, void (*job)(void *user, int64_t i, int worker), void *user)
{
    if (t->start && !t->started)
        t->start();
    t->started = true;
    pthread_mutex_lock(&t->lock);
    t->job = job;
    t->user = user;
    t->next = 0;
    t->count = count;
    t->round++;
    if (count > 1)
        pthread_cond_broadcast(&t->wake);
    work(t, 0);
    while (t->busy)
        pthread_cond_wait(&t->idle, &t->lock);
    /* A worker that wakes only now finds no number left and waits on. */
    pthread_mutex_unlock(&t->lock);
}
