/* The table of encoders. */
#include "model/encoder.h"

#include <string.h>

extern const encoder_kind vit_nano, vit_micro, vit_tiny, vit_small, vit_base, resnet_10, resnet_18, resnet_50,
    encoder_mlp, gpt_nano, gpt_micro, gpt_small, bert_nano, bert_micro, bert_small;

const encoder_kind *const encoder_kinds[] = {
    &vit_nano,    &vit_micro, &vit_tiny,  &vit_small, &vit_base,  &resnet_10,  &resnet_18,  &resnet_50,
    &encoder_mlp, &gpt_nano,  &gpt_micro, &gpt_small, &bert_nano, &bert_micro, &bert_small, NULL};

const encoder_kind *encoder_find(const char *name)
{
    for (int i = 0; encoder_kinds[i]; i++)
        if (strcmp(encoder_kinds[i]->name, name) == 0)
            return encoder_kinds[i];
    return NULL;
}
