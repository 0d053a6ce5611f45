/* GPT-2 as the library transformers of Hugging Face keeps it: a folder of config.json, model.safetensors and
 * tokenizer.json. Its linear weights are (inputs, outputs): ours transposed. */
#ifndef TRAIN_GPT2_H
#define TRAIN_GPT2_H

#include "train/run.h"

struct json_t;

/* Whether a config.json is one of GPT-2. */
bool gpt2_is_config(const struct json_t *root);

/* The settings of a run of next-word that the config stands for; `path` is for messages. TACIT_UNSUPPORTED: a
 * size that none of our encoders has, or another network than GPT-2's. */
tacit_status gpt2_read_config(run_record *r, const char *path, const struct json_t *root);

/* Fills l->parameters from a model.safetensors of GPT-2, with or without "transformer." before the names. */
tacit_status gpt2_read_weights(learner *l, const char *path);

/* The three files into `folder`, which is made; config.json last. TACIT_ARGUMENT: not a gpt with learnt
 * positions. TACIT_STATE: the folder holds a config.json. */
tacit_status gpt2_write(const learner *l, const tokenizer *t, const char *folder);

#endif
