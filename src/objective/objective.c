/* The table of methods. */
#include "objective/objective.h"

#include <string.h>

extern const objective objective_mae, objective_denoise, objective_autoencode, objective_simclr,
    objective_moco, objective_barlow, objective_vicreg, objective_classify, objective_next_word,
    objective_masked_word, objective_encoder;

const objective *const objectives[] = {&objective_mae,       &objective_denoise,     &objective_autoencode,
                                       &objective_next_word, &objective_masked_word, &objective_simclr,
                                       &objective_moco,      &objective_barlow,      &objective_vicreg,
                                       &objective_classify,  &objective_encoder,     NULL};

const objective *objective_find(const char *name)
{
    for (int i = 0; objectives[i]; i++)
        if (strcmp(objectives[i]->name, name) == 0)
            return objectives[i];
    return NULL;
}

bool objective_is_offered(const objective *o)
{
    return o->family == SELF_PREDICTION || o->family == CONTRASTIVE;
}

const char *family_name(family f)
{
    static const char *const names[] = {"self-prediction", "contrastive", "supervised", "trained elsewhere"};
    return names[f];
}
