/* The loss of masked-word with hidden words from outside: what training draws from keyed random numbers, and
 * a test takes from a file. */
#ifndef OBJECTIVE_SELF_PREDICTION_MASKED_WORD_H
#define OBJECTIVE_SELF_PREDICTION_MASKED_WORD_H

#include "objective/objective.h"

/* What one lane reads, and is asked. */
typedef struct hidden_words {
    value read;    /* (B, T) i32: ids with some of them hidden, -1 behind the end */
    value lengths; /* (B) i32: how many there are, or the invalid value: T */
    value places;  /* (B, K) i32: which are asked for */
    value asked;   /* (B * K) i32: what they were; -1: not asked for */
} hidden_words;

/* What is hidden of l->views (B, T): a function of the lane's seed and epoch and of the example, among the
 * tokens that are there. `m` is a method made by masked-word. */
hidden_words masked_word_hide(const method *m, tape *t, const lane *l);

/* -> loss (1): mean over what is asked for. */
value masked_word_loss(const method *m, tape *t, const hidden_words *h);

#endif
