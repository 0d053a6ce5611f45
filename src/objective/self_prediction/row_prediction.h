/* What self-prediction is on rows of a table: features that are hidden or replaced, and a small perceptron
 * that predicts the whole row. */
#ifndef OBJECTIVE_SELF_PREDICTION_ROW_PREDICTION_H
#define OBJECTIVE_SELF_PREDICTION_ROW_PREDICTION_H

#include "model/transformer.h"
#include "objective/objective.h"

/* From an embedding or a code to a row: a hidden layer as wide as the encoder with layer norm and ReLU, and
 * one linear layer more. */
typedef struct row_decoder {
    linear_layer hidden, predict;
    norm_layer norm;
} row_decoder;

/* Declares "decoder.hidden", "decoder.norm", "decoder.pred". `inputs`: numbers that it is given. */
row_decoder row_decoder_declare(parameters *p, const encoder *e, int64_t inputs);
/* x (B, inputs) -> rows (B, columns), standardised. */
value row_decoder_apply(const row_decoder *d, tape *t, value x);

typedef enum row_damage { ROW_HIDE, ROW_REPLACE } row_damage;

/* The lane's rows (B, columns) with floor(share * F) of their F features, but at least one and not all of two
 * or more, hidden (set to 0, which is the mean), or replaced by those of another row of the lane, drawn for
 * each (Yoon et al. 2020, "VIME", equation 3). Which ones is keyed by epoch and example. The columns of one
 * text feature go together. *weights (B, columns) becomes 1 where a column is damaged and 0 elsewhere; it may
 * be NULL. */
value row_damage_lane(tape *t, const lane *l, row_damage how, double share, value *weights);

#endif
