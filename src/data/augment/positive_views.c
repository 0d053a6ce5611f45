#include "data/augment/positive_views.h"

#include "base/philox.h"

#include <string.h>

typedef struct positive_views {
    views base; /* first: a views pointer is a positive_views pointer */
    tacit_context *context;
    views *inner;
    int32_t *groups;  /* (count) */
    int64_t *first;   /* (group_count + 1): where a group begins in `members` */
    int64_t *members; /* (count): group by group, in order of the examples */
    int64_t *place;   /* (count): of an example in its group */
    int64_t count, alone;
    bool both;
} positive_views;

/* The view's own number, so that no two examples that draw the same partner get the same view of it. */
static uint32_t view_of_partner(const positive_views *v, int64_t example, uint32_t view)
{
    return view + 2 * (1 + (uint32_t)v->place[example]);
}

static tacit_status random_view(const views *base, uint64_t seed, uint32_t epoch, int64_t example,
                                uint32_t view, scratch *s, void *out)
{
    const positive_views *v = (const positive_views *)base;
    const int64_t *members = v->members + v->first[v->groups[example]];
    const int64_t others = v->first[v->groups[example] + 1] - v->first[v->groups[example]] - 1;
    draws d = draws_at(seed, DRAW_POSITIVES, epoch, (uint64_t)example, view);
    if (view % 2 == 0 || others == 0 || (v->both && draw_below(&d, 2) == 0))
        return v->inner->random(v->inner, seed, epoch, example, view, s, out);
    int64_t which = (int64_t)draw_below(&d, (uint64_t)others);
    which += which >= v->place[example];
    return v->inner->random(v->inner, seed, epoch, members[which], view_of_partner(v, example, view), s, out);
}

static tacit_status plain_view(const views *base, int64_t example, scratch *s, void *out)
{
    const positive_views *v = (const positive_views *)base;
    return v->inner->plain(v->inner, example, s, out);
}

static void free_parts(positive_views *v)
{
    memory_free(v->context, v->groups);
    memory_free(v->context, v->first);
    memory_free(v->context, v->members);
    memory_free(v->context, v->place);
    memory_free(v->context, v);
}

static void destroy(views *base)
{
    positive_views *v = (positive_views *)base;
    v->inner->destroy(v->inner);
    free_parts(v);
}

/* Counting sort; `first` holds the ends of the groups until they are filled from behind. */
static void sort_into_groups(positive_views *v, int32_t group_count)
{
    for (int64_t i = 0; i < v->count; i++)
        v->place[i] = v->first[v->groups[i]]++;
    for (int64_t g = 0, begin = 0; g <= group_count; g++) {
        const int64_t size = v->first[g];
        v->alone += size == 1;
        v->first[g] = begin;
        begin += size;
    }
    for (int64_t i = 0; i < v->count; i++)
        v->members[v->first[v->groups[i]] + v->place[i]] = i;
}

static tacit_status fill(positive_views *v, const positive_options *o)
{
    v->groups = memory_alloc(v->context, (size_t)o->count, sizeof *v->groups);
    v->first = memory_alloc(v->context, (size_t)o->group_count + 1, sizeof *v->first);
    v->members = memory_alloc(v->context, (size_t)o->count, sizeof *v->members);
    v->place = memory_alloc(v->context, (size_t)o->count, sizeof *v->place);
    if (!v->groups || !v->first || !v->members || !v->place)
        return TACIT_NOMEM;
    memcpy(v->groups, o->groups, (size_t)o->count * sizeof *v->groups);
    sort_into_groups(v, o->group_count);
    if (v->alone == v->count)
        return context_fail(v->context, TACIT_ARGUMENT,
                            "positives: each of the %lld examples is alone in its group: expected groups of "
                            "two or more",
                            (long long)v->count);
    return TACIT_OK;
}

tacit_status positive_views_create(views **out, tacit_context *context, views *inner,
                                   const positive_options *o)
{
    positive_views *v = memory_alloc(context, 1, sizeof *v);
    if (!v)
        return TACIT_NOMEM;
    v->base = *inner;
    v->base.random = random_view;
    v->base.plain = plain_view;
    v->base.destroy = destroy;
    v->context = context;
    v->inner = inner;
    v->count = o->count;
    v->both = o->both;
    const tacit_status status = fill(v, o);
    if (status == TACIT_OK)
        *out = &v->base;
    else
        free_parts(v);
    return status;
}

int64_t positives_alone(const views *v)
{
    return ((const positive_views *)v)->alone;
}
