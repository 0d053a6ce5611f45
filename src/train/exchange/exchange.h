/* Models as the library transformers of Hugging Face keeps them: a folder of config.json and
 * model.safetensors, beside which of texts a tokenizer.json, of pictures a preprocessor_config.json. One file
 * for each family of models; the table of model_types is in exchange.c. */
#ifndef TRAIN_EXCHANGE_EXCHANGE_H
#define TRAIN_EXCHANGE_EXCHANGE_H

#include "train/run.h"

struct json_t;
struct safetensors_file;

typedef struct exchange_format {
    const char *model_type, *class_name; /* of config.json; what models of ours are written for */
    /* Fills settings and numbers of r from the config. TACIT_FORMAT: a field is not what it should be;
     * TACIT_UNSUPPORTED: a size that none of our encoders has, or another network. */
    tacit_status (*read_config)(run_record *r, const char *path, const struct json_t *root);
    /* Makes the learner for views of this shape, with the weights of the file. May change settings that only
     * the weights tell. */
    tacit_status (*read_weights)(learner **out, run_record *r, shape view, struct safetensors_file *f,
                                 const char *path);
    /* All but config.json into `folder`, and what that has to say. */
    tacit_status (*write)(const struct exchange_format *format, const learner *l, const run_record *r,
                          const char *folder, struct json_t **config);
} exchange_format;

/* Whether a config.json is one of another program: it has a "model_type", and ours have not. */
bool exchange_is_config(const struct json_t *root);
tacit_status exchange_read_config(run_record *r, const char *path, const struct json_t *root);

/* The learner of r, whose config.json exchange_read_config read, from the model.safetensors at `path`. Its
 * numbers of parameters are then right. */
tacit_status exchange_open(learner **out, run_record *r, shape view, const char *path);

/* The class of transformers that a model is written for; NULL: none. */
const char *exchange_class(const learner *l, const run_record *r);
/* The files into `folder`, which is made; config.json last. TACIT_ARGUMENT: there is no class for it.
 * TACIT_STATE: the folder holds a config.json. */
tacit_status exchange_write(const learner *l, const run_record *r, const char *folder);

/* ---- for the families ---- */

/* What a record says of data that nobody knows: `channels` with mean 0 and deviation 1, no examples. */
tacit_status exchange_fill_record(run_record *r, const char *format, int channels);
/* Numbers of `depth` blocks: 3 D D + D D + 8 D D, biases and norms. */
int64_t exchange_count_blocks(int64_t depth, int64_t width);
tacit_status exchange_write_json(tacit_context *context, const char *path, const struct json_t *root);

#endif
