/* How well a method predicts each part of an example from the rest: what can not be predicted is odd. */
#ifndef USE_PREDICTABILITY_H
#define USE_PREDICTABILITY_H

#include "use/restore.h"

/* Whether the method predicts examples of its encoder's kind. */
bool predictability_has(const learner *l);

/* error (count) of examples: mean square difference between an example and what is predicted of it, pixels
 * being 0 to 1, columns of rows standardised. Patches, or features of rows, are hidden in four rounds, each
 * once, of every 2 x 2 patches one; a method that has a code predicts all at once. */
tacit_status predictability_run(const learner *l, const views *v, work *w, const int64_t *examples,
                                int64_t count, double *error);

/* The same of pictures, to be looked at: original and predicted (count, S, S, C), 0 to 1, and heat (count, S,
 * S): the square difference, mean over channels. */
tacit_status predictability_show(const learner *l, const views *v, work *w, const int64_t *examples,
                                 int64_t count, float *original, float *predicted, float *heat);

#endif
