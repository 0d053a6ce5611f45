/* The run folder: what a training run leaves, and how it is found again.
 *
 *   RUN/config.json                      everything resolved, written before the first step
 *   RUN/metrics.jsonl                    one object for each step
 *   RUN/model/model.safetensors          the weights, with model/config.json
 *   RUN/checkpoints/step-NNNNNNNNN.safetensors
 *   RUN/samples/                         sheets of pictures
 *   RUN/tokenizer.json, RUN/tokens/      of texts: what a token is (also in RUN/model/), and their tokens */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include "base/settings.h"
#include "data/table.h"
#include "data/tokenizer.h"
#include "objective/learner.h"

/* Where the data came from, to open them again. */
typedef struct data_source {
    const char *const *paths; /* (count), as given */
    int count;                /* 0: memory */
    const char *format;
    int64_t examples;
    int channels, height, width; /* of the data; height and width 0 where they differ */
    const row_table *table;      /* of rows, what the columns are; NULL: pictures or texts */
} data_source;

struct exchange_format;

/* Whose names and arrangement the weights have, and what config.json says of them. */
typedef struct foreign_weights {
    const struct exchange_format *format; /* train/exchange; NULL: ours */
    int64_t side;                         /* of pictures: patches a side of the table of positions */
    bool no_qkv_bias;                     /* of pictures: attention has no such biases */
} foreign_weights;

/* What config.json says. */
typedef struct run_record {
    tacit_context *context;
    settings *settings; /* every row as resolved */
    char version[32];
    char **paths;
    int path_count;
    char format[16];
    int64_t examples;
    int channels, height, width;
    row_table *table; /* of rows, what the columns are (no values); NULL: pictures or texts */
    foreign_weights weights;
    tokenizer *tokenizer;     /* of texts, once run_read_words has read it; else NULL */
    double *mean, *deviation; /* (channels): of the pixels, or of the columns */
    int64_t steps;            /* done: 0 in RUN/config.json */
    bool complete;
    int64_t parameters, encoder_parameters, dimension; /* 0 before training */
} run_record;

/* Numbers that go into config.json beside settings and source. */
typedef struct run_numbers {
    const tokenizer *tokenizer;     /* of texts; else NULL */
    const double *mean, *deviation; /* (channels) */
    int64_t steps;
    bool complete;
} run_numbers;

/* config.json to `path`. */
tacit_status run_write_config(tacit_context *context, const char *path, const settings *s,
                              const data_source *source, const learner *l, const run_numbers *n);

/* Reads and checks a config.json, ours or one of another program (train/exchange); damage is TACIT_FORMAT
 * with the path and what was expected. */
tacit_status run_read_config(run_record *out, tacit_context *context, const char *path);
void run_record_fini(run_record *r);

/* Whether it is of texts; and their tokenizer from tokenizer.json in `folder` (nothing of others). */
bool run_of_texts(const run_record *r);
/* As dataset_kind says it: "pictures", "rows of a table", "texts". */
const char *run_kind(const run_record *r);
/* As dataset_raw_name says it. */
const char *run_raw_name(const run_record *r);
tacit_status run_read_words(run_record *r, const char *folder);

/* Weights and their config.json into folder `model`, and a tokenizer.json where there is a tokenizer. */
tacit_status run_write_model(tacit_context *context, const char *model, const settings *s,
                             const data_source *source, const learner *l, const run_numbers *n);

/* Fills l->parameters from model.safetensors; every parameter must be there with its shape. */
tacit_status run_read_weights(learner *l, const char *path);

/* Whether run_create will be able to do its work, as far as can be told without changing anything, to be
 * asked before long work: TACIT_STATE as there; TACIT_IO where a file is in the way or nothing may be
 * written. */
tacit_status run_check(tacit_context *context, const char *run, bool overwrite);

/* Creates the folder of a new run with its sub-folders. One that holds a run: TACIT_STATE, or with
 * `overwrite` emptied of what tacit made. */
tacit_status run_create(tacit_context *context, const char *run, bool overwrite);

#endif
