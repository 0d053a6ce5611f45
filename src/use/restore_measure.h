/* How well damaged pictures are restored, beside classical filters. */
#ifndef USE_RESTORE_MEASURE_H
#define USE_RESTORE_MEASURE_H

#include "data/augment/damage.h"
#include "use/restore.h"

typedef struct restore_score {
    double psnr, ssim; /* means over pictures (quality.h) */
} restore_score;

typedef struct restore_measure {
    restore_score damaged, restored, classical;
    const char *filter; /* the classical one with the best psnr; NULL: there is none for this damage */
} restore_measure;

/* What pictures became, (count, S, S, C) each, owned by the caller: memory_free. */
typedef struct restore_pictures {
    float *original, *damaged, *classical, *restored;
} restore_pictures;

/* Damages the plain views of examples (count) with one kind of one strength, keyed by seed and example,
 * restores them by the method of `l` and by the filters, and measures. Of `out` pictures are kept, also after
 * a failure. */
tacit_status restore_measure_run(restore_measure *out, restore_pictures *pictures, const learner *l,
                                 const views *v, work *w, damage_kind kind, float strength, uint64_t seed,
                                 const int64_t *examples, int64_t count);

#endif
