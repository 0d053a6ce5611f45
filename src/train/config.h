/* The settings of a training run: the common rows, the method's own, and what "auto" comes to. */
#ifndef TRAIN_CONFIG_H
#define TRAIN_CONFIG_H

#include "base/settings.h"
#include "data/augment/augment.h"
#include "objective/learner.h"

/* The common rows, and those of `method` with its defaults. An unknown method: TACIT_ARGUMENT naming the
 * nearest. */
tacit_status config_create(settings **out, tacit_context *context, const char *method);

/* What follows from the data: "encoder"; of pictures "size", "view-size", "patch", "preset" and every part of
 * the augmentation; of transformers "positions" and "norm-epsilon"; of rows "corrupt". `d` has its examples'
 * sizes. What is set and is for the other kind of data is TACIT_ARGUMENT; what is not set stays "auto". */
tacit_status config_resolve_data(settings *s, tacit_context *context, const dataset *d);

/* Of pictures whose "size" is known, and part of the above: "preset" and every part of the augmentation. */
tacit_status config_resolve_look(settings *s, int channels);

/* What follows from the learner and the number of examples: "batch" (not above the examples), "epochs",
 * "lane", "leaf", "lr", "memory". */
tacit_status config_resolve_training(settings *s, tacit_context *context, const learner *l, int64_t examples);

/* The augmentation that the (resolved) settings describe. */
augment_settings config_augment(const settings *s);

/* Dataset options that the settings describe; texts are borrowed from s. */
dataset_options config_dataset_options(const settings *s);

/* Names of the settings by which an encoder is made, and of texts of those by which their tokens are; each
 * ends with NULL. */
extern const char *const config_of_encoders[], *const config_of_words[];

#endif
