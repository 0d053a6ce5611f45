/* GPT-2 as the library transformers of Hugging Face keeps it. Its linear weights are (inputs, outputs): ours
 * transposed. */
#ifndef TRAIN_EXCHANGE_GPT2_H
#define TRAIN_EXCHANGE_GPT2_H

#include "train/exchange/exchange.h"

extern const exchange_format exchange_gpt2;

#endif
