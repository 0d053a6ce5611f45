/* Same or different? Scores of pairs, and how well they tell, as the LFW protocol does (Huang, Ramesh, Berg
 * and Learned-Miller 2007): the threshold is chosen on other pairs than those it is measured on. */
#ifndef USE_VERIFICATION_H
#define USE_VERIFICATION_H

#include "use/class_rows.h"
#include "use/matrix.h"

enum { PAIR_DIFFERENT = 0, PAIR_SAME = 1, PAIR_UNKNOWN = -1 };

typedef struct pair {
    int64_t first, second; /* rows */
    int32_t same;          /* PAIR_... */
    int32_t fold;
} pair;

/* scores (count): cosine of the two rows of x of each pair, -1 to 1, in double; a row of zeros has 0 with
 * all. A row that is not finite is TACIT_NONFINITE. */
tacit_status pairs_score(work *w, matrix x, const pair *pairs, int64_t count, double *scores);

/* Draws `same` pairs of equal and as many of different labels from labels (N) into pairs (2 same), none
 * twice, in `folds` folds (2 or more) that have no label in common: labels are dealt out to folds by a keyed
 * permutation. Pairs are drawn evenly from all of a fold's. The same pairs for the same seed. TACIT_ARGUMENT:
 * a fold has too few pairs; the message says how many may be asked for. */
tacit_status pairs_draw(tacit_context *context, const int32_t *labels, int64_t count, int32_t classes,
                        int64_t same, int32_t folds, uint64_t seed, pair *pairs);

/* The most pairs of each kind that pairs_draw can draw with the same arguments; 0: there is a fold without.
 */
tacit_status pairs_most(tacit_context *context, const int32_t *labels, int64_t count, int32_t classes,
                        int32_t folds, uint64_t seed, int64_t *most);

/* How pairs_draw deals labels out to folds: fold (classes), -1 for those with fewer than `least` examples;
 * for pairs_draw that is 1. */
void labels_deal(const class_rows *classes, int64_t least, int32_t folds, uint64_t seed, int32_t *fold);

/* Folds for given pairs of `rows` rows. Rows that are linked by pairs stay in one fold, so that no row is in
 * two: *apart. Where that leaves folds too uneven (one would get more than twice its share), pairs are dealt
 * out one by one by a keyed permutation instead, same and different alike, and *apart is false. */
tacit_status pairs_fold(tacit_context *context, pair *pairs, int64_t count, int64_t rows, int32_t folds,
                        uint64_t seed, bool *apart);

typedef struct verification {
    double accuracy, deviation; /* mean and deviation (n - 1) over the folds */
    double threshold;           /* chosen on all pairs: a score from which on a pair is called the same */
    double eer, auroc;
    double tar[2]; /* share of the same that is accepted at 1e-2 and 1e-3 of the different; NAN: fewer
                      different pairs than 100, 1,000 */
} verification;

/* The pairs must all be known, and each fold's other folds hold both kinds, else TACIT_ARGUMENT. */
tacit_status verification_measure(tacit_context *context, const pair *pairs, const double *scores,
                                  int64_t count, int32_t folds, verification *out);

#endif
