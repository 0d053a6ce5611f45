/* tacit.h: methods, encoders, and the configuration. */
#include "api/handles.h"
#include "train/config.h"

#include <string.h>

const char *tacit_version(void)
{
    return TACIT_VERSION;
}

bool tacit_method_at(int i, tacit_description *out)
{
    int left = i;
    const objective *o = NULL;
    for (int k = 0; left >= 0 && objectives[k]; k++)
        if (objective_is_offered(objectives[k]) && left-- == 0)
            o = objectives[k];
    if (!o)
        return false;
    *out = (tacit_description){o->name, family_name(o->family), o->summary};
    return true;
}

bool tacit_encoder_at(int i, tacit_description *out)
{
    for (int k = 0; k <= i; k++)
        if (i < 0 || !encoder_kinds[k])
            return false;
    *out = (tacit_description){encoder_kinds[i]->name, "", encoder_kinds[i]->summary};
    return true;
}

tacit_status tacit_config_create(tacit_config **out, tacit_context *context, const char *name)
{
    const objective *o = objective_find(name);
    context_begin(context);
    *out = NULL;
    if (o && o->family == SUPERVISED)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s learns from labels: it is a way to use a model (`tacit classify`)", name);
    if (o && o->family == ELSEWHERE)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s is no method to train with, but what an encoder of another program is opened "
                            "as: see `tacit methods`",
                            name);
    tacit_config *c = memory_alloc(context, 1, sizeof *c);
    if (!c)
        return TACIT_NOMEM;
    c->context = context;
    const tacit_status status = config_create(&c->settings, context, name);
    if (status == TACIT_OK)
        *out = c;
    else
        tacit_config_destroy(c);
    return status;
}

void tacit_config_destroy(tacit_config *config)
{
    if (!config)
        return;
    settings_destroy(config->settings);
    memory_free(config->context, config);
}

tacit_status tacit_config_set(tacit_config *config, const char *name, const char *text)
{
    context_begin(config->context);
    if (strcmp(name, "method") == 0 && strcmp(text, settings_text(config->settings, "method")) != 0)
        return context_fail(config->context, TACIT_ARGUMENT,
                            "the method is chosen when a configuration is created");
    return settings_set(config->settings, name, text);
}

const char *tacit_config_get(const tacit_config *config, const char *name)
{
    return settings_has(config->settings, name) ? settings_text(config->settings, name) : NULL;
}

static tacit_option_type option_type(setting_type type)
{
    switch (type) {
    case SETTING_WHOLE:
        return TACIT_OPTION_WHOLE;
    case SETTING_NUMBER:
        return TACIT_OPTION_NUMBER;
    case SETTING_SIZE:
        return TACIT_OPTION_SIZE;
    case SETTING_CHOICE:
        return TACIT_OPTION_CHOICE;
    case SETTING_TEXT:
        return TACIT_OPTION_TEXT;
    case SETTING_FLAG:
        return TACIT_OPTION_FLAG;
    }
    return TACIT_OPTION_TEXT;
}

/* What a row has when no user sets it: the table's default, or the method's own. */
static const char *fallback_of(const setting *row, const char *name)
{
    const objective *o = objective_find(name);
    for (const default_value *d = o ? o->defaults : NULL; d && d->name; d++)
        if (strcmp(d->name, row->name) == 0)
            return d->text;
    return row->fallback;
}

bool tacit_config_option_at(const tacit_config *config, int i, tacit_option *out)
{
    if (i < 0 || (size_t)i >= settings_count(config->settings))
        return false;
    const setting *row = settings_row(config->settings, (size_t)i);
    *out = (tacit_option){.name = row->name,
                          .type = option_type(row->type),
                          .low = row->low,
                          .high = row->high,
                          .choices = row->choices,
                          .fallback = fallback_of(row, settings_text(config->settings, "method")),
                          .unit = row->unit,
                          .text = row->text,
                          .group = row->group};
    return true;
}

tacit_dataset_options tacit_config_dataset_options(const tacit_config *config)
{
    const dataset_options o = config_dataset_options(config->settings);
    return (tacit_dataset_options){.split = o.split,
                                   .limit = o.limit,
                                   .pixel_limit = o.pixel_limit,
                                   .channels = o.channels,
                                   .skip_bad = o.skip_bad,
                                   .cache_bytes = o.cache_bytes,
                                   .header = o.header,
                                   .label = o.label,
                                   .group = o.group,
                                   .only = o.only,
                                   .unit = o.unit,
                                   .field = o.field,
                                   .pair = o.pair,
                                   .any_bytes = o.any_bytes};
}
