/* Pairs from labels: each fold's pairs are numbered, and a keyed permutation of the numbers says which are
 * taken; so none is taken twice, and no list of all pairs is made. */
#include "use/verification.h"

#include <inttypes.h>
#include <math.h>

#include "base/philox.h"

/* Which question of DRAW_PAIRS; those about a fold add its number. */
enum { LABEL_EPOCH = 2, SAME_EPOCH = 100000, DIFFERENT_EPOCH = 200000 };

typedef struct drawing {
    tacit_context *context;
    const int32_t *labels;
    class_rows classes;
    int32_t folds;
    uint64_t seed;
    int32_t *fold;      /* (classes) */
    int64_t *rows;      /* (N): those of one fold's labels */
    int64_t row_count;  /* of them */
    int64_t same_count; /* pairs of equal labels among them */
} drawing;

static int64_t pairs_of(int64_t count)
{
    return count * (count - 1) / 2;
}

/* Pair number i of 0 .. pairs_of(n)-1 as two different places: (0,1), (0,2), (1,2), (0,3) ... */
static void unrank_pair(int64_t i, int64_t *a, int64_t *b)
{
    int64_t high = (int64_t)((1 + sqrt(1 + 8 * (double)i)) / 2);
    while (pairs_of(high) > i)
        high--;
    while (pairs_of(high + 1) <= i)
        high++;
    *b = high;
    *a = i - pairs_of(high);
}

void labels_deal(const class_rows *classes, int64_t least, int32_t folds, uint64_t seed, int32_t *fold)
{
    int32_t next = 0;
    for (int32_t i = 0; i < classes->classes; i++) {
        const int32_t c =
            (int32_t)draw_permuted(seed, DRAW_PAIRS, LABEL_EPOCH, (uint64_t)classes->classes, (uint64_t)i);
        fold[c] = class_rows_count(classes, c) >= least ? next++ % folds : -1;
    }
}

static void gather_fold(drawing *d, int32_t fold)
{
    d->row_count = d->same_count = 0;
    for (int32_t c = 0; c < d->classes.classes; c++) {
        if (d->fold[c] != fold)
            continue;
        for (int64_t i = d->classes.first[c]; i < d->classes.first[c + 1]; i++)
            d->rows[d->row_count++] = d->classes.rows[i];
        d->same_count += pairs_of(class_rows_count(&d->classes, c));
    }
}

/* Pair number i of equal labels of a fold. */
static pair same_pair(const drawing *d, int32_t fold, int64_t i)
{
    int32_t c = 0;
    int64_t a, b;
    for (;; c++) {
        const int64_t here = d->fold[c] == fold ? pairs_of(class_rows_count(&d->classes, c)) : 0;
        if (i < here)
            break;
        i -= here;
    }
    unrank_pair(i, &a, &b);
    const int64_t *rows = d->classes.rows + d->classes.first[c];
    return (pair){rows[a], rows[b], PAIR_SAME, fold};
}

static void draw_fold(const drawing *d, int32_t fold, int64_t wanted, pair *out)
{
    const int64_t all = pairs_of(d->row_count);
    int64_t taken = 0;
    for (int64_t i = 0; i < wanted; i++)
        out[i] = same_pair(d, fold,
                           (int64_t)draw_permuted(d->seed, DRAW_PAIRS, SAME_EPOCH + (uint32_t)fold,
                                                  (uint64_t)d->same_count, (uint64_t)i));
    for (int64_t i = 0; i < all && taken < wanted; i++) {
        int64_t a, b;
        unrank_pair((int64_t)draw_permuted(d->seed, DRAW_PAIRS, DIFFERENT_EPOCH + (uint32_t)fold,
                                           (uint64_t)all, (uint64_t)i),
                    &a, &b);
        if (d->labels[d->rows[a]] != d->labels[d->rows[b]])
            out[wanted + taken++] = (pair){d->rows[a], d->rows[b], PAIR_DIFFERENT, fold};
    }
}

/* Pairs of each kind that every fold has. */
static int64_t least_pairs(drawing *d)
{
    int64_t least = INT64_MAX;
    for (int32_t f = 0; f < d->folds; f++) {
        gather_fold(d, f);
        const int64_t different = pairs_of(d->row_count) - d->same_count;
        least = d->same_count < least ? d->same_count : least;
        least = different < least ? different : least;
    }
    return least;
}

static tacit_status begin(drawing *d, int64_t count, int32_t classes)
{
    if (d->folds < 2)
        return context_fail(d->context, TACIT_ARGUMENT, "%d folds: expected 2 or more", (int)d->folds);
    TRY(class_rows_create(&d->classes, d->context, d->labels, count, classes));
    d->fold = memory_alloc(d->context, (size_t)classes, sizeof *d->fold);
    d->rows = memory_alloc(d->context, (size_t)count, sizeof *d->rows);
    if (!d->fold || !d->rows)
        return TACIT_NOMEM;
    labels_deal(&d->classes, 1, d->folds, d->seed, d->fold);
    return TACIT_OK;
}

static void end(drawing *d)
{
    memory_free(d->context, d->fold);
    memory_free(d->context, d->rows);
    class_rows_fini(&d->classes);
}

static tacit_status draw_all(drawing *d, int64_t same, pair *pairs)
{
    const int64_t least = least_pairs(d);
    if (same < d->folds || (same + d->folds - 1) / d->folds > least)
        return context_fail(d->context, TACIT_ARGUMENT,
                            "%" PRId64 " pairs of equal and of different labels in %d folds that share no "
                            "label: expected %d to %" PRId64 " of each",
                            same, (int)d->folds, (int)d->folds, least * d->folds);
    for (int32_t f = 0; f < d->folds; f++) {
        const int64_t wanted = same / d->folds + (f < same % d->folds);
        gather_fold(d, f);
        draw_fold(d, f, wanted, pairs);
        pairs += 2 * wanted;
    }
    return TACIT_OK;
}

tacit_status pairs_draw(tacit_context *context, const int32_t *labels, int64_t count, int32_t classes,
                        int64_t same, int32_t folds, uint64_t seed, pair *pairs)
{
    drawing d = {.context = context, .labels = labels, .folds = folds, .seed = seed};
    tacit_status status = begin(&d, count, classes);
    if (status == TACIT_OK)
        status = draw_all(&d, same, pairs);
    end(&d);
    return status;
}

tacit_status pairs_most(tacit_context *context, const int32_t *labels, int64_t count, int32_t classes,
                        int32_t folds, uint64_t seed, int64_t *most)
{
    drawing d = {.context = context, .labels = labels, .folds = folds, .seed = seed};
    const tacit_status status = begin(&d, count, classes);
    if (status == TACIT_OK)
        *most = least_pairs(&d) * folds;
    end(&d);
    return status;
}
