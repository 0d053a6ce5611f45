/* The table of encoders. */
#include "model/encoder.h"

#include <string.h>

extern const encoder_kind vit_nano, vit_micro, vit_tiny, vit_small, vit_base, vit_large, resnet_10, resnet_18,
    resnet_50, encoder_mlp, gpt_nano, gpt_micro, gpt_small, bert_nano, bert_micro, bert_small;

const encoder_kind *const encoder_kinds[] = {&vit_nano,   &vit_micro, &vit_tiny,  &vit_small, &vit_base,
                                             &vit_large,  &resnet_10, &resnet_18, &resnet_50, &encoder_mlp,
                                             &gpt_nano,   &gpt_micro, &gpt_small, &bert_nano, &bert_micro,
                                             &bert_small, NULL};

tacit_status encoder_refuse_transformers(tacit_context *context, const encoder_kind *kind,
                                         const encoder_settings *s)
{
    const char *asked = s->positions != POSITIONS_AUTO ? "positions"
                        : s->epsilon != 0.0f           ? "norm-epsilon"
                        : s->layer_scale != 0.0f       ? "layer-scale"
                                                       : NULL;
    if (!asked)
        return TACIT_OK;
    return context_fail(context, TACIT_ARGUMENT, "%s is no transformer: --%s is for those", kind->name,
                        asked);
}

const encoder_kind *encoder_find(const char *name)
{
    for (int i = 0; encoder_kinds[i]; i++)
        if (strcmp(encoder_kinds[i]->name, name) == 0)
            return encoder_kinds[i];
    return NULL;
}
