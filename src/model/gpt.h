/* Transformers for texts (gpt.c), and one of them word by word (gpt_step.c). */
#ifndef MODEL_GPT_H
#define MODEL_GPT_H

#include "base/team.h"
#include "model/encoder.h"
#include "model/transformer.h"

typedef struct gpt {
    encoder base;    /* first: an encoder pointer is a gpt pointer */
    value positions; /* (window, D), or the invalid value: rotary */
    block *blocks;   /* (depth) */
    norm_layer norm;
    block_style style;
} gpt;

/* A text that grows by one token or more at a time: what attention needs of those before is kept. A token
 * alone reads the weights once; of many, two dozen together. Sums are in a fixed order: the same bits for
 * any number of workers, and however the tokens are portioned. */
typedef struct gpt_stepper gpt_stepper;

/* `e` must be causal and of this file's; all arguments are kept. `parameters`: those that `e` was declared
 * in.
 */
tacit_status gpt_stepper_create(gpt_stepper **out, const encoder *e, const parameters *p, team *workers);
void gpt_stepper_destroy(gpt_stepper *s); /* NULL is fine */

/* Tokens so far, up to the window; and none again. */
int64_t gpt_stepper_length(const gpt_stepper *s);
void gpt_stepper_clear(gpt_stepper *s);

/* `count` more tokens, 1 or more, each 0 .. vocabulary-1, where there is room for them. logits (vocabulary)
 * of the one after the last, or NULL: they are not wanted. */
void gpt_stepper_read(gpt_stepper *s, const int32_t *ids, int64_t count, float *logits);

#endif
