/* tacit: self-supervised learning on ordinary computers.
 *
 * This is the only header of the library that programs include (it brings tacit/uses.h and tacit/texts.h with
 * it). The command `tacit` is built on it and on nothing else.
 *
 * Conventions, which hold for every function below:
 *   - The first argument `T **out` means: the caller owns *out and destroys it with the matching function.
 *     A returned pointer is borrowed and lives as long as the object it was asked of.
 *   - A fallible function returns a tacit_status. TACIT_OK is 0, every failure is negative, and the sentence
 *     that says what failed and where is tacit_context_message().
 *   - Arguments are copied, or fully used, before a function returns, unless its comment says "kept".
 *   - A context, and all that was made from it, belongs to one thread at a time. Different contexts are
 *     independent. Worker threads are internal.
 *   - The library never exits, aborts, prints, or reads the environment.
 *
 * Dimension letters: N examples, B examples of a batch, H height, W width, C channels, D width of an
 * embedding, T tokens. Arrays are row-major; the last letter varies fastest. */
#ifndef TACIT_H
#define TACIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TACIT_API __attribute__((visibility("default")))
#define TACIT_MUST_CHECK __attribute__((warn_unused_result))
#else
#define TACIT_API
#define TACIT_MUST_CHECK
#endif

/* A function that can fail: its status is not to be passed over. */
#define TACIT_CALL TACIT_API TACIT_MUST_CHECK tacit_status

/* ---- status ---- */

/* Every status: name, value, sentence. */
#define TACIT_STATUS_LIST(X)                                                                                 \
    X(OK, 0, "done")                                                                                         \
    X(ARGUMENT, -1, "an argument or option is outside what is allowed")                                      \
    X(SHAPE, -2, "two shapes do not fit together")                                                           \
    X(STATE, -3, "the object is not in a state that allows this")                                            \
    X(NOMEM, -4, "out of memory")                                                                            \
    X(IO, -5, "the operating system could not read or write a file")                                         \
    X(FORMAT, -6, "a file does not hold what its format promises")                                           \
    X(LIMIT, -7, "a size is above a limit that can be set")                                                  \
    X(UNSUPPORTED, -8, "the file or request is valid, but not supported")                                    \
    X(BACKEND, -9, "the matrix library failed")                                                              \
    X(NONFINITE, -10, "a number became infinite or not a number")                                            \
    X(CANCELLED, -11, "stopped on request; what was done so far is saved")

typedef enum tacit_status {
#define TACIT_STATUS_ENUM(name, value, sentence) TACIT_##name = value,
    TACIT_STATUS_LIST(TACIT_STATUS_ENUM)
#undef TACIT_STATUS_ENUM
} tacit_status;

/* The name of a status ("FORMAT"), and what it means in a sentence. Both are static; an unknown value gives
 * "UNKNOWN". */
TACIT_API const char *tacit_status_name(tacit_status status);
TACIT_API const char *tacit_status_sentence(tacit_status status);

/* ---- context ---- */

typedef struct tacit_context tacit_context;

/* Memory comes from here. `alloc` returns at least `size` bytes aligned to 64, or NULL; `free` accepts NULL.
 * Both may be called from several threads at once. */
typedef struct tacit_allocator {
    void *(*alloc)(void *user, size_t size);
    void (*free)(void *user, void *pointer);
    void *user;
} tacit_allocator;

/* `allocator` NULL means the C library's. Fails only with TACIT_NOMEM; then *out is NULL. */
TACIT_CALL tacit_context_create(tacit_context **out, const tacit_allocator *allocator);
TACIT_API void tacit_context_destroy(tacit_context *context);

/* What failed, one line, no newline; "" after success. Valid until the next fallible call on this context. */
TACIT_API const char *tacit_context_message(const tacit_context *context);

/* Notices (never errors): "12 of 300 pictures are grey: converted to colour". `line` has no newline. Called
 * from the calling thread only. NULL turns them off, which is the default. */
typedef void (*tacit_log_function)(void *user, const char *line);
TACIT_API void tacit_context_set_log(tacit_context *context, tacit_log_function log, void *user);

/* Hears of long work, from the calling thread: what is being done, and how many of all examples are. Wherever
 * one is asked for it may be NULL. */
typedef void (*tacit_stage_function)(void *user, const char *what);
typedef void (*tacit_count_function)(void *user, int64_t done, int64_t all);

/* Number of worker threads for everything made from this context from now on: 1 to 1024; 0 means one for each
 * processor that the process may use, which is the default. Results do not depend on it, bit for bit. */
TACIT_CALL tacit_context_set_threads(tacit_context *context, int threads);

/* Asks a running call (training, embedding) to stop at the next step. Safe in a signal handler. The call
 * returns TACIT_CANCELLED after it has saved what there is to save. */
TACIT_API void tacit_context_cancel(tacit_context *context);

/* "0.1.0" */
TACIT_API const char *tacit_version(void);

/* ---- methods and encoders ---- */

/* One line of what there is. All texts are static. */
typedef struct tacit_description {
    const char *name;    /* "simclr", "vit-tiny" */
    const char *family;  /* methods: "self-prediction" or "contrastive"; encoders: "" */
    const char *summary; /* one line */
} tacit_description;

/* The i-th of the methods or encoders; false past the last. */
TACIT_API bool tacit_method_at(int i, tacit_description *out);
TACIT_API bool tacit_encoder_at(int i, tacit_description *out);

/* ---- data sets ---- */

typedef struct tacit_dataset tacit_dataset;

typedef struct tacit_dataset_options {
    const char *split;   /* "train" or "test", for data that have parts; NULL: "train" */
    int64_t limit;       /* first N examples; 0: all */
    int64_t pixel_limit; /* a larger picture is TACIT_LIMIT; 0: 178,956,970 pixels */
    int channels;        /* 1 or 3: pictures are converted to that; 0: 3 if any has colour, else 1 */
    bool skip_bad;       /* unreadable examples are left out, counted and listed, instead of being an error */
    uint64_t cache_bytes; /* decoded examples kept in memory; UINT64_MAX: up to a quarter of the machine's */
    /* Tables. A column is named by its name, or its number from 1. */
    const char
        *header; /* "yes", "no": whether the first row names the columns; NULL or "auto": if it looks so */
    const char *label; /* column of the label; NULL or "": none */
    const char *group; /* column that tells which rows belong together; of pictures a CSV of name and group */
    bool columns_may_lack; /* `label` and `group` need not be there */
    const char *only;      /* labels whose examples are kept, commas between; NULL or "": all */
    /* Texts. */
    const char *unit;  /* what one text is: "file", "line"; NULL or "auto": a file. JSON lines: a record */
    const char *field; /* of JSON lines: holds the text; NULL or "": "text" */
    const char *pair;  /* of JSON lines: holds a second text that belongs to it; NULL or "": none */
    bool any_bytes;    /* any file is taken as it is, byte for byte */
} tacit_dataset_options;

/* The defaults named above. */
TACIT_API tacit_dataset_options tacit_dataset_options_default(void);

/* Opens `count` paths (files, folders, patterns such as "shard-*.tar") as one data set. The format is found
 * by content: IDX (plain or gzip), a folder of pictures (JPEG, PNG, WebP), tar (plain or gzip) of pictures,
 * .npy of bytes; tables of rows as CSV (plain or gzip) or .npy of floats; texts in UTF-8, folders of them,
 * JSON lines (plain or gzip). `options` NULL: the defaults. */
TACIT_CALL tacit_dataset_open(tacit_dataset **out, tacit_context *context, const char *const *paths,
                              int count, const tacit_dataset_options *options);

/* Pictures in memory: pixels (N, H, W, C) bytes, C 1 or 3; labels (N), 0 or more, or NULL. Both are copied.
 */
TACIT_CALL tacit_dataset_from_memory(tacit_dataset **out, tacit_context *context, const uint8_t *pixels,
                                     int64_t count, int height, int width, int channels,
                                     const int32_t *labels);
TACIT_API void tacit_dataset_close(tacit_dataset *data);

typedef struct tacit_dataset_info {
    const char *format; /* "idx", "folder", "tar", "csv", "npy", "text", "jsonl", "memory" */
    int64_t count;
    int columns; /* of a table, as the model sees them: one for each category of a text column; 0: pictures */
    bool texts;  /* the examples are texts */
    bool paired; /* two each */
    int channels;      /* 1 or 3; of a table the columns; of texts 1 */
    int height, width; /* of every example, pixels; 0 where they differ; of a table 1 */
    int32_t groups;    /* number of groups; 0: no groups */
    int32_t classes;   /* number of labels; 0: no labels */
} tacit_dataset_info;

TACIT_API void tacit_dataset_get_info(const tacit_dataset *data, tacit_dataset_info *out);
/* Label of example i (0 .. classes-1), or -1. */
TACIT_API int32_t tacit_dataset_label(const tacit_dataset *data, int64_t i);
/* Name of a label, borrowed; "" when there is none. */
TACIT_API const char *tacit_dataset_label_name(const tacit_dataset *data, int32_t label);
/* What names example i to a person, cut to `size` bytes. */
TACIT_API void tacit_dataset_name(const tacit_dataset *data, int64_t i, char *out, size_t size);
/* The beginning of text i on one line, cut to `size` bytes between two characters; "" of other data, and
 * where it can not be read. */
TACIT_API void tacit_dataset_text(const tacit_dataset *data, int64_t i, char *out, size_t size);

/* ---- configuration ---- */

/* Every option of a training run. Values are texts, checked when they are set. */
typedef struct tacit_config tacit_config;

/* All options at the defaults of `method`. */
TACIT_CALL tacit_config_create(tacit_config **out, tacit_context *context, const char *method);
TACIT_API void tacit_config_destroy(tacit_config *config);
/* "batch", "256". TACIT_ARGUMENT names the nearest option, or what is allowed. */
TACIT_CALL tacit_config_set(tacit_config *config, const char *name, const char *value);
/* The current text, borrowed until the next set; NULL when there is no such option. "auto": follows from the
 * data. */
TACIT_API const char *tacit_config_get(const tacit_config *config, const char *name);

typedef enum tacit_option_type {
    TACIT_OPTION_WHOLE,  /* a whole number in [low, high] */
    TACIT_OPTION_NUMBER, /* a real number in [low, high] */
    TACIT_OPTION_SIZE,   /* bytes: "300M", "2G" */
    TACIT_OPTION_CHOICE, /* one of `choices`, separated by | */
    TACIT_OPTION_TEXT,
    TACIT_OPTION_FLAG /* "true" or "false" */
} tacit_option_type;

/* One option, for help and for programs that build forms. Texts are static. */
typedef struct tacit_option {
    const char *name;
    tacit_option_type type;
    double low, high;
    const char *choices;  /* CHOICE, else NULL */
    const char *fallback; /* this method's default */
    const char *unit, *text, *group;
} tacit_option;

/* The i-th option; false past the last. */
TACIT_API bool tacit_config_option_at(const tacit_config *config, int i, tacit_option *out);
/* What the options of the group "data" say ("split", "limit", "label", "unit", ...). Texts are borrowed from
 * the config. */
TACIT_API tacit_dataset_options tacit_config_dataset_options(const tacit_config *config);

/* ---- training ---- */

/* After every step. Numbers that are not known yet are NAN. */
typedef struct tacit_progress {
    int64_t step, steps; /* done, and all */
    int64_t epoch, epochs;
    double loss, lr, gradient_norm;
    double examples_per_second; /* over the last steps */
    double seconds_left;
    double wait_share; /* of the workers' time, spent reading and augmenting: 0 to 1 */
    double spread; /* deviation of normalised embeddings, mean over dimensions; healthy: 1/sqrt(D), collapsed:
                      0 */
    double validation_loss; /* of what is kept apart, at the last epoch's end */
    double effective_rank;  /* exp of the entropy of the embeddings' spectrum: 1 to D */
    bool epoch_end;
} tacit_progress;

typedef struct tacit_train_options {
    bool overwrite; /* a run folder that holds something is emptied of an earlier run first */
    /* tacit_train: what to begin from instead of chance, or NULL: parameters of the same names, the encoder's
     * among them, how examples are normalised, and the tokenizer. Its encoder and what belongs to that are
     * the defaults of the config; others are TACIT_ARGUMENT. */
    const struct tacit_model *init;
    /* May be NULL. Called from the calling thread. */
    void (*progress)(void *user, const tacit_progress *progress);
    /* Sentences on how it goes ("the embeddings of different examples are becoming the same: ..."). May be
     * NULL. */
    void (*advice)(void *user, const char *sentence);
    void *user;
} tacit_train_options;

/* Whether tacit_train could leave a run in folder `run`, as far as can be told without changing anything. To
 * be asked before long work; tacit_train asks first, too. TACIT_STATE: it holds a run, and `overwrite` is
 * false. TACIT_IO: a file is in the way, or nothing may be written there. */
TACIT_CALL tacit_run_check(tacit_context *context, const char *run, bool overwrite);

/* Trains and leaves in folder `run`: config.json (everything resolved), metrics.jsonl, model/, checkpoints/,
 * samples/. `config` is changed: what was "auto" gets its value. `options` may be NULL. TACIT_CANCELLED:
 * stopped on request after saving a checkpoint; go on with tacit_resume. TACIT_NONFINITE: the message says
 * what to try. */
TACIT_CALL tacit_train(tacit_context *context, tacit_config *config, const tacit_dataset *data,
                       const char *run, const tacit_train_options *options);

/* Goes on from the last checkpoint of a run, to the same bits as if it had never stopped. `data` NULL: opened
 * again from the paths in config.json. A run that is complete is TACIT_OK at once. Only "threads", "memory",
 * "cache", "keep" and "checkpoint-minutes" may differ from the first run: `overrides` is a list of name,
 * value, ..., NULL; or NULL. */
TACIT_CALL tacit_resume(tacit_context *context, const char *run, const tacit_dataset *data,
                        const char *const *overrides, const tacit_train_options *options);

/* ---- models ---- */

typedef struct tacit_model tacit_model;

/* What a model is. Texts are inside the struct. */
typedef struct tacit_model_info {
    char version[32], method[64], family[32], encoder[64], readout[16], preset[32];
    int64_t parameters;                 /* learnt numbers, all parts */
    int64_t encoder_parameters;         /* of the encoder */
    int64_t dimension;                  /* D of the embedding */
    int columns;                        /* of a model of tables; 0: of pictures or texts */
    int64_t window, vocabulary;         /* of a model of texts: tokens at once, and different ones; else 0 */
    int height, width, channels, patch; /* of pictures; of a table 0, 0, the columns, 0 */
    double mean[3], deviation[3];       /* of the training pixels, 0 to 1; of a table 0 */
    int64_t steps, epochs, batch, examples; /* 0 examples: it was trained by another program */
    uint64_t seed;
    char data[1024]; /* what it was trained on: paths, or "memory" */
    bool complete;   /* false: an unfinished run */
    int32_t
        classes; /* that it tells apart: of a classifier; 0: it is none, or (of an open model) not finished */
} tacit_model_info;

/* Reads what `path` is: a run folder, its model folder, or a model.safetensors file beside its config.json.
 * Reads no weights. */
TACIT_CALL tacit_info_read(tacit_context *context, const char *path, tacit_model_info *out);

/* Opens the same for use; also a folder as the library transformers of Hugging Face keeps it, of
 * GPT2LMHeadModel (gpt-nano, gpt-micro or gpt-small in size), or of ViTModel, ViTForImageClassification
 * (without its last layer), ViTMAEForPreTraining, ViTMAEModel or Dinov2Model with the size of a vit-*
 * encoder: config.json, model.safetensors in F32, tokenizer.json or preprocessor_config.json.
 * ViTMAEForPreTraining is a model of mae, GPT2LMHeadModel one of next-word; the others are of no method
 * ("encoder") and only embed. TACIT_UNSUPPORTED: a network that tacit has not. */
TACIT_CALL tacit_model_open(tacit_model **out, tacit_context *context, const char *path);
TACIT_API void tacit_model_close(tacit_model *model);
TACIT_API void tacit_model_get_info(const tacit_model *model, tacit_model_info *out);
/* Defaults for opening other data for this model: the header, label and group columns that it was trained
 * with, which need not be there. Texts are borrowed from the model. */
TACIT_API tacit_dataset_options tacit_model_dataset_options(const tacit_model *model);

/* Embeddings of examples first .. first+count-1 of `data` into out (count, D). Pictures are resized and
 * cropped to the model's size and converted to its channels; columns of a table are found by their names.
 * Data of another kind than the model's, and data that lack a column, are TACIT_ARGUMENT. The same bits
 * whatever first, count and the number of threads. */
TACIT_CALL tacit_model_embed(tacit_model *model, const tacit_dataset *data, int64_t first, int64_t count,
                             float *out, tacit_count_function progress, void *user);

/* The k nearest of keys (N, D) for each of queries (Q, D) by cosine similarity: rows (Q, k), similarity (Q,
 * k), nearest first; equal ones by row. 1 <= k <= N. similarity may be NULL. */
TACIT_CALL tacit_nearest(tacit_context *context, const float *queries, int64_t query_count, const float *keys,
                         int64_t key_count, int64_t dimension, int k, int32_t *rows, float *similarity);

/* Embeddings to a file, whole or not at all: .npy (N, D) float32, or .csv with a header, the example's name
 * and label when `data` is given (examples first ..). */
TACIT_CALL tacit_save_npy(tacit_context *context, const char *path, const float *embeddings, int64_t count,
                          int64_t dimension);
TACIT_CALL tacit_save_csv(tacit_context *context, const char *path, const float *embeddings, int64_t count,
                          int64_t dimension, const tacit_dataset *data, int64_t first);

/* ---- exchange ---- */

/* The class of transformers that tacit_export_hugging_face writes the model for: "GPT2LMHeadModel" of
 * next-word with learnt positions; of vit-* encoders "Dinov2Model" where they have a layer scale, else
 * "ViTMAEForPreTraining" of mae, else "ViTModel". NULL: there is none. Static. */
TACIT_API const char *tacit_hugging_face_class(const tacit_model *model);
/* The model into `folder`, which is made, for that class: config.json, model.safetensors, and of texts
 * tokenizer.json, of pictures preprocessor_config.json. Opened again by tacit_model_open it gives the same
 * embeddings, bit for bit. TACIT_ARGUMENT: there is no class for it. TACIT_STATE: the folder has a
 * config.json.
 */
TACIT_CALL tacit_export_hugging_face(tacit_model *model, const char *folder);

/* ---- evaluation ---- */

enum { TACIT_FEW_LABELS = 4 };

/* Accuracies in 0 to 1 on the test examples; NAN: not measured. */
typedef struct tacit_scores {
    double knn;    /* k nearest neighbours, cosine, votes exp(similarity / temperature) */
    double linear; /* multinomial logistic regression on standardised features */
    double l2;     /* its penalty, chosen on a held-out tenth of the training examples */
    double few_mean[TACIT_FEW_LABELS], few_deviation[TACIT_FEW_LABELS]; /* over the draws */
} tacit_scores;

typedef struct tacit_evaluation_options {
    int neighbours;                   /* 20 */
    double temperature;               /* 0.07 */
    int few_labels[TACIT_FEW_LABELS]; /* labels a class: 1, 5, 10, 100; 0: left out */
    int draws;                        /* 5 */
    uint64_t seed;                    /* 1 */
    bool baselines;                   /* raw pixels and the untrained encoder too: true */
} tacit_evaluation_options;
TACIT_API tacit_evaluation_options tacit_evaluation_options_default(void);

typedef struct tacit_evaluation {
    tacit_scores learnt, pixels, untrained;
    /* Of a method whose embedding is a code that pictures are made from again (autoencode): the principal
     * components of the training pixels, as many as the code has numbers. NAN for other methods, without
     * baselines, and where pictures have over 4,096 numbers or fewer than the code. */
    tacit_scores components;
    /* Mean square error of a test pixel, 0 to 1, made from the code and from the components; NAN likewise. */
    double reconstruction, components_reconstruction;
    int64_t train_count, test_count, dimension;
    int32_t classes;
} tacit_evaluation;

/* Trains and tests simple classifiers on the model's embeddings of labelled data, beside the same on raw
 * pixels and on the embeddings of the same encoder untrained. `test` NULL: a fifth of `train`, drawn by the
 * seed, is held out as the test set. */
TACIT_CALL tacit_evaluate(tacit_model *model, const tacit_dataset *train, const tacit_dataset *test,
                          const tacit_evaluation_options *options, tacit_evaluation *out,
                          tacit_stage_function stage, void *user);

/* All other uses of a model: groups, maps, odd ones out, classes, search, pairs, restoring, comparing. */
#include "tacit/uses.h"

/* And of models of texts: how well words are predicted, and writing. */
#include "tacit/texts.h"

/* ---- speed ---- */

typedef struct tacit_bench_row {
    char name[32];     /* "peak", "mae-tiny32", "embed-small224" */
    char precision[8]; /* "f32" */
    int threads;
    int64_t batch;
    double examples_per_s; /* median over the steps */
    double gflops;         /* useful 10^9 operations of matrix products a second */
    double peak_gflops;    /* fused multiply-add peak measured in this process, right before and after */
    double share;          /* gflops / peak_gflops */
} tacit_bench_row;

/* Measures the machine and training and embedding steps on it. `rows` NULL: all but gpt-small, whose
 * steps take ten seconds and more; else a comma-separated list of names. `seconds`: time for each row. Each
 * result is handed to `row` as soon as it is there. */
TACIT_CALL tacit_bench(tacit_context *context, const char *rows, double seconds,
                       void (*row)(void *user, const tacit_bench_row *row), void *user);
/* Name of the i-th row; NULL past the last. */
TACIT_API const char *tacit_bench_name(int i);

#ifdef __cplusplus
}
#endif

#endif
