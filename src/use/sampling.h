/* One word out of many: from logits to the next token. */
#ifndef USE_SAMPLING_H
#define USE_SAMPLING_H

#include "base/philox.h"
#include "tacit.h"

typedef struct candidate {
    float logit;
    int32_t id;
} candidate;

/* Draws one of `count` tokens whose logits are finite (-INFINITY: never): divided by the temperature (0: the
 * likeliest, ties by id), of the top_k likeliest, and of the fewest of these whose shares add up to top_p
 * (Holtzman et al. 2020, "The curious case of neural text degeneration"). `space` (count) is workspace. */
int32_t sampling_draw(const float *logits, int64_t count, const tacit_generate_options *o, draws *d,
                      candidate *space);

/* Logits of tokens that were there already, `seen` (many), become less likely by a factor `penalty`: divided
 * by it above 0, else multiplied (Keskar et al. 2019, "CTRL", section 4.1). Each once, however often seen. */
void sampling_penalise(float *logits, const int32_t *seen, int64_t many, double penalty);

#endif
