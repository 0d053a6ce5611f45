/* A team of worker threads. The caller is worker 0; the others sleep between jobs.
 *
 * Plain POSIX threads rather than an OpenMP region: ThreadSanitizer understands them, and each worker keeps
 * its own OpenMP setting of one thread, which oneDNN needs (see op/onednn.c). */
#ifndef BASE_TEAM_H
#define BASE_TEAM_H

#include "base/context.h"

typedef struct team team;

/* `threads` >= 1. `start`, when not NULL, runs once on every worker before its first job. */
tacit_status team_create(team **out, tacit_context *context, int threads, void (*start)(void));
void team_destroy(team *t);
int team_size(const team *t);

/* Runs job(user, i, worker) for i = 0 .. count-1, each i once, handed out in rising order to the next free
 * worker; returns when all are done. `worker` is 0 .. size-1 and a worker runs one i at a time. Not
 * reentrant. */
void team_run(team *t, int64_t count, void (*job)(void *user, int64_t i, int worker), void *user);

#endif
