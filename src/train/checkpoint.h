/* Checkpoints: all that changes the next step, and nothing else. Which examples come next and how they are
 * augmented follows from the step and the seed, so it is not stored. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "objective/objective.h"
#include "train/optimizer.h"

/* What a checkpoint holds. The optimizer's blocks have the layout of the parameters, the method's their own.
 */
typedef struct checkpoint {
    parameters *parameters;
    const char *optimizer; /* name */
    float *state[OPTIMIZER_BLOCKS];
    int blocks;
    const state_block *method; /* (method_blocks), borrowed: state of the method beside the parameters */
    int method_blocks;
    int64_t step; /* steps done */
} checkpoint;

/* Writes FOLDER/step-NNNNNNNNN.safetensors whole, then deletes all but the newest `keep`. */
tacit_status checkpoint_write(tacit_context *context, const char *folder, const checkpoint *c, int keep);

/* Loads the newest one into c's blocks and c->step; no checkpoint: c->step = 0 and nothing is changed. A
 * damaged file, or one of another model, is TACIT_FORMAT naming it. */
tacit_status checkpoint_read(tacit_context *context, const char *folder, checkpoint *c);

#endif
