/* Two passes: all examples on all workers, for speed; then the bad ones again on one, in order, for their
 * messages. */
#include "data/verify.h"

#include "base/team.h"

#include <inttypes.h>

typedef struct verification {
    const dataset *d;
    scratch *scratches; /* one for each worker */
    int8_t *statuses;   /* (count): tacit_status of each read */
} verification;

static void try_example(void *user, int64_t i, int worker)
{
    verification *v = user;
    image ignored;
    v->statuses[i] = TACIT_CANCELLED;
    if (!v->d->context->cancelled)
        v->statuses[i] = (int8_t)dataset_read(v->d, i, &v->scratches[worker], &ignored);
}

static tacit_status try_all(verification *v)
{
    tacit_context *context = v->d->context;
    const int threads = context_threads(context);
    team *workers = NULL;
    v->scratches = memory_alloc(context, (size_t)threads, sizeof *v->scratches);
    if (!v->scratches)
        return TACIT_NOMEM;
    for (int i = 0; i < threads; i++)
        scratch_init(&v->scratches[i], context);
    const tacit_status status = team_create(&workers, context, threads, NULL);
    if (status == TACIT_OK)
        team_run(workers, v->d->count, try_example, v);
    team_destroy(workers);
    /* The first scratch serves the second pass. */
    for (int i = 1; i < threads; i++)
        scratch_fini(&v->scratches[i]);
    return status;
}

/* Reads a bad example again for the message, which the workers' failures overwrote. */
static tacit_status explain(verification *v, int64_t i)
{
    tacit_context *context = v->d->context;
    image ignored;
    context_begin(context);
    const tacit_status status = dataset_read(v->d, i, &v->scratches[0], &ignored);
    v->statuses[i] = (int8_t)status;
    if (status == TACIT_NOMEM)
        return status;
    if (status != TACIT_OK)
        context_log(context, "left out: %s", context->message);
    return TACIT_OK;
}

static tacit_status explain_all(verification *v)
{
    for (int64_t i = 0; i < v->d->count; i++) {
        if (v->statuses[i] == TACIT_CANCELLED) {
            context_begin(v->d->context);
            return context_fail(v->d->context, TACIT_CANCELLED, "stopped while all examples were looked at");
        }
        if (v->statuses[i] != TACIT_OK)
            TRY(explain(v, i));
    }
    return TACIT_OK;
}

static int64_t count_good(const verification *v)
{
    int64_t good = 0;
    for (int64_t i = 0; i < v->d->count; i++)
        good += v->statuses[i] == TACIT_OK;
    return good;
}

/* Numbers and labels of the good examples move together. */
static tacit_status keep_good(dataset *d, const verification *v, int64_t good)
{
    d->kept = memory_alloc(d->context, (size_t)good, sizeof *d->kept);
    if (!d->kept)
        return TACIT_NOMEM;
    int64_t kept = 0;
    for (int64_t i = 0; i < d->count; i++) {
        if (v->statuses[i] != TACIT_OK)
            continue;
        if (d->labels)
            d->labels[kept] = d->labels[i];
        d->kept[kept++] = i;
    }
    d->count = good;
    return TACIT_OK;
}

static tacit_status leave_out(dataset *d, verification *v)
{
    TRY(try_all(v));
    TRY(explain_all(v));
    const int64_t good = count_good(v), all = d->count;
    if (good == all)
        return TACIT_OK;
    if (good == 0)
        return context_wrap(d->context, d->context->status, "all %" PRId64 " examples are bad, the last one",
                            all);
    context_begin(d->context);
    TRY(keep_good(d, v, good));
    context_log(d->context, "%" PRId64 " of %" PRId64 " examples could not be read and were left out",
                all - good, all);
    return TACIT_OK;
}

tacit_status dataset_leave_out_bad(dataset *d)
{
    verification v = {.d = d};
    v.statuses = memory_alloc(d->context, (size_t)d->count, sizeof *v.statuses);
    if (!v.statuses)
        return TACIT_NOMEM;
    const tacit_status status = leave_out(d, &v);
    if (v.scratches)
        scratch_fini(&v.scratches[0]);
    memory_free(d->context, v.scratches);
    memory_free(d->context, v.statuses);
    return status;
}
