/* Vision transformers as the library transformers of Hugging Face keeps them: ViTModel, ViTMAEForPreTraining
 * (or its encoder alone), Dinov2Model. vit_config.c reads their configurations, vit_weights.c their weights,
 * vit_write.c writes both. */
#ifndef TRAIN_EXCHANGE_VIT_H
#define TRAIN_EXCHANGE_VIT_H

#include "train/exchange/exchange.h"
#include "train/exchange/pieces.h"

extern const exchange_format exchange_vit, exchange_vit_mae, exchange_dinov2;

/* The names of a format; of ViTMAE as it is read, that is without "vit.". */
const piece_names *vit_names(const exchange_format *format);

tacit_status vit_read_config(run_record *r, const char *path, const struct json_t *root);
tacit_status vit_read_weights(learner **out, run_record *r, shape view, safetensors_file *f,
                              const char *path);
tacit_status vit_write(const exchange_format *format, const learner *l, const run_record *r,
                       const char *folder, struct json_t **config);

/* A table of positions on a square grid of side x side, rows of `width`, for another grid: bicubic with a =
 * -0.75, edges repeated, no wider kernel where it shrinks, as transformers does it. from (side * side,
 * width), to (new_side * new_side, width). */
void vit_resize_positions(const float *from, int64_t side, float *to, int64_t new_side, int64_t width);

#endif
