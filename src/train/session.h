/* A training session: everything between the first and the last step of one process. */
#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H

#include "data/augment/augment.h"
#include "train/embedder.h"
#include "train/lanes.h"
#include "train/metrics.h"
#include "train/optimizer.h"
#include "train/run.h"

enum { SESSION_SAMPLE = 512 }; /* examples of the fixed sample that the representation is measured on */

typedef struct session {
    tacit_context *context;
    settings *settings;
    const dataset *data;
    const data_source *source;
    const char *run;
    const tacit_train_options *options;
    double *mean, *deviation;  /* (channels of the data) */
    picture_view_options look; /* of pictures, for sheets */
    const tokenizer *words;    /* of texts; else NULL */
    tokenizer *own_words;      /* the same, if the session made it */
    char *tokens_part;         /* folder of the tokens before the run has one; else NULL */
    views *views;
    views *shown; /* as embedded in use, where --view-size makes those of training others; else NULL */
    work *work;
    learner *learner;
    lanes *lanes;
    embedder *embedder;
    tape *tape; /* for demonstrations */
    const optimizer *optimizer;
    float *state[OPTIMIZER_BLOCKS];
    int64_t *batch;                 /* (batch): examples of this step */
    int64_t sample[SESSION_SAMPLE]; /* examples */
    float *sample_embeddings;       /* (sample_count, D) */
    int64_t sample_count;
    int64_t step, steps, epoch_steps; /* done, all, of an epoch */
    representation representation;    /* of the last epoch's end; NAN before */
    double rate;                      /* examples a second, smoothed */
    double validation;                /* loss of the held examples at the last epoch's end; NAN: none */
    double last_checkpoint;           /* clock_seconds */
} session;

/* One step's numbers, for metrics.jsonl and the progress. */
typedef struct step_numbers {
    double loss, lr, gradient_norm, wait_share, spread, seconds;
    bool rerun;     /* lanes were run twice, for want of memory */
    bool epoch_end; /* the last step of an epoch or of the run: the representation was just measured */
} step_numbers;

/* report.c: the sheet of augmented views, before the first step. */
tacit_status report_views(const session *s);
/* Calibrates the encoder's batch norm and measures the representation, both on the fixed sample: at an
 * epoch's end, before its last step is reported. */
tacit_status report_measure(session *s);
/* A line of metrics.jsonl, the progress callback. */
tacit_status report_step(session *s, const step_numbers *n);
/* What was measured, in words if they are needed, and the sheets of an epoch's end. */
tacit_status report_epoch(const session *s);
/* Drops the lines of metrics.jsonl after step `step`: those of steps that will be run again. */
tacit_status report_truncate(tacit_context *context, const char *run, int64_t step);

#endif
