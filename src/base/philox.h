/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
 * 3").
 *
 * Every draw is a function of (seed, stream, epoch, example, view, index). There is no state to save and
 * replay is free: `draws` is only a cursor over the index. */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

/* Which question a number answers; two streams never share numbers. Values are part of the promise of equal
 * bits between versions: add at the end, never renumber. */
typedef enum draw_stream {
    DRAW_ORDER = 0,      /* order of examples in an epoch */
    DRAW_INIT = 1,       /* initial parameters; example = number of the parameter */
    DRAW_AUGMENT = 2,    /* augmentation of one view */
    DRAW_MASK = 3,       /* which patches are hidden */
    DRAW_SAMPLE = 4,     /* a fixed sample of a data set */
    DRAW_LABELS = 5,     /* few-label draws, held-out splits */
    DRAW_DAMAGE = 6,     /* what befalls a picture that is to be restored; view = the kind of damage */
    DRAW_GROUPS = 11,    /* first centres of k-means; epoch = number of the restart */
    DRAW_STATE = 12,     /* first state of a method beside its parameters; example = number of the row */
    DRAW_PAIRS = 13,     /* pairs that are compared, and their folds; epoch = which question */
    DRAW_POSITIVES = 14, /* which example of a group makes a pair with another */
    DRAW_DROPOUT = 16,   /* what op_dropout leaves out */
    DRAW_WORDS = 17,     /* the next word of a text; example = number of the text, epoch = place in it */
    DRAW_TEST = 15       /* tests only */
} draw_stream;

typedef struct draws {
    uint32_t key[2];
    uint32_t counter[4]; /* [0] counts blocks of four numbers */
    uint32_t block[4];
    int left; /* numbers of the block not yet handed out */
} draws;

/* The ten rounds: out = Philox4x32-10(counter, key). */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* `epoch` may be any number that tells repetitions apart (an epoch, a step); `example` below 2^40, `view`
 * below 256. */
draws draws_at(uint64_t seed, draw_stream stream, uint32_t epoch, uint64_t example, uint32_t view);

uint32_t draw_u32(draws *d);
uint64_t draw_u64(draws *d);
float draw_uniform(draws *d);                      /* [0, 1), 24 bits */
float draw_range(draws *d, float low, float high); /* [low, high) */
double draw_uniform_double(draws *d);              /* [0, 1), 53 bits */
float draw_normal(draws *d);                       /* mean 0, deviation 1 (Box-Muller) */
uint64_t draw_below(draws *d, uint64_t bound);     /* 0 .. bound-1, without bias; bound > 0 */

/* Position `i` of a keyed permutation of 0 .. count-1 (a Feistel network with cycle walking): random access,
 * no table. i < count, count < 2^63. */
uint64_t draw_permuted(uint64_t seed, draw_stream stream, uint32_t epoch, uint64_t count, uint64_t i);

#endif
