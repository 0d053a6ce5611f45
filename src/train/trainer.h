/* The trainer: from settings and a data set to a model folder. It knows objectives, encoders, data sets and
 * optimizers by their interfaces only. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "data/dataset.h"
#include "train/run.h"

/* What a run begins from, where it is not chance and the data alone. */
typedef struct trainer_start {
    const double *mean, *deviation; /* (channels): how examples are normalised */
    const parameters *parameters;   /* those of the same name and shape take these values; NULL: none do */
    const tokenizer *tokenizer;     /* of texts; NULL: it is made from them */
} trainer_start;

/* New run: resolves what is "auto" in `s`, then trains. `source` describes the data for config.json. `start`
 * may be NULL. */
tacit_status trainer_train(tacit_context *context, settings *s, const dataset *d, const data_source *source,
                           const char *run, const trainer_start *start, const tacit_train_options *options);

/* Goes on from the newest checkpoint with the settings of `record` (overrides applied). */
tacit_status trainer_resume(tacit_context *context, run_record *record, const dataset *d,
                            const data_source *source, const char *run, const tacit_train_options *options);

#endif
