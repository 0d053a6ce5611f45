#include "data/picture_sizes.h"

void picture_sizes_note(picture_sizes *p, const image *found, bool whole)
{
    const int side = found->height < found->width ? found->height : found->width;
    if (p->count++ == 0) {
        p->height = found->height;
        p->width = found->width;
    }
    p->same = p->same && whole && found->height == p->height && found->width == p->width;
    p->sides[side < PICTURE_SIDES ? side : PICTURE_SIDES]++;
}

/* The median of the smaller sides; 0 of none. */
static int usual_side(const picture_sizes *p)
{
    int side = 0;
    for (int64_t below = p->sides[0]; side < PICTURE_SIDES && 2 * below < p->count; below += p->sides[side])
        side++;
    return side;
}

void picture_sizes_tell(const picture_sizes *p, bool all, dataset *d)
{
    d->side = usual_side(p);
    if (!all || !p->same || p->count == 0)
        return;
    d->height = p->height;
    d->width = p->width;
}
