/* tacit.h: training. */
#include "api/classifier.h"
#include "base/file.h"
#include "train/config.h"
#include "train/trainer.h"

#include <string.h>

tacit_status tacit_run_check(tacit_context *context, const char *run, bool overwrite)
{
    context_begin(context);
    return run_check(context, run, overwrite);
}

/* What a run that begins from a model has from there; another value that is asked for is refused. */
static tacit_status inherit(tacit_context *context, settings *s, const settings *theirs,
                            const char *const *names)
{
    for (; *names; names++) {
        if (settings_is_auto(theirs, *names))
            continue;
        if (settings_is_auto(s, *names) || !settings_is_set(s, *names))
            TRY(settings_set(s, *names, settings_text(theirs, *names)));
        else if (strcmp(settings_text(s, *names), settings_text(theirs, *names)) != 0)
            return context_fail(context, TACIT_ARGUMENT, "--%s %s: the model to begin from has %s", *names,
                                settings_text(s, *names), settings_text(theirs, *names));
    }
    return TACIT_OK;
}

static tacit_status check_init(tacit_context *context, const dataset *d, const tacit_model *from)
{
    const run_record *r = &from->record;
    const char *kind = run_kind(r);
    if (strcmp(kind, dataset_kind(d)) != 0)
        return context_fail(context, TACIT_ARGUMENT, "the model to begin from is of %s, but the data are %s",
                            kind, dataset_kind(d));
    if (r->table && !table_equal(r->table, d->table))
        return context_fail(context, TACIT_ARGUMENT,
                            "the columns of the data are not those of the model to begin from");
    if (!r->table && d->channels != r->channels)
        return context_fail(context, TACIT_ARGUMENT,
                            "the model to begin from is of pictures with %d channels, the data have %d",
                            r->channels, d->channels);
    return TACIT_OK;
}

tacit_status tacit_train(tacit_context *context, tacit_config *config, const tacit_dataset *data,
                         const char *run, const tacit_train_options *options)
{
    const data_source source = handle_source(data);
    const tacit_model *init = options ? options->init : NULL;
    context_begin(context);
    if (!init)
        return trainer_train(context, config->settings, data->data, &source, run, NULL, options);
    TRY(check_init(context, data->data, init));
    TRY(inherit(context, config->settings, init->record.settings, config_of_encoders));
    if (init->record.tokenizer)
        TRY(inherit(context, config->settings, init->record.settings, config_of_words));
    const trainer_start start = {.mean = init->record.mean,
                                 .deviation = init->record.deviation,
                                 .parameters = &init->learner->parameters,
                                 .tokenizer = init->record.tokenizer};
    return trainer_train(context, config->settings, data->data, &source, run, &start, options);
}

/* Settings that do not change the result. */
static tacit_status override(tacit_context *context, settings *s, const char *const *overrides)
{
    static const char *const allowed[] = {"threads", "memory", "cache", "keep", "checkpoint-minutes"};
    for (; overrides && overrides[0]; overrides += 2) {
        bool known = false;
        for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
            known = known || strcmp(overrides[0], allowed[i]) == 0;
        if (!known)
            return context_fail(context, TACIT_ARGUMENT,
                                "--%s would change the result: a run goes on with the settings it began with",
                                overrides[0]);
        TRY(settings_set(s, overrides[0], overrides[1]));
    }
    return TACIT_OK;
}

/* The number of threads is the machine's affair, not the run's: that of the first run is forgotten. */
static tacit_status forget_threads(settings *s)
{
    return settings_set(s, "threads", "0");
}

/* The same part of the data again, and then what is done when a classifier has been trained. */
static tacit_status resume_classifier(tacit_context *context, run_record *r, const char *run,
                                      const tacit_dataset *data, const tacit_train_options *options)
{
    label_parts parts;
    if (r->complete) /* a linear layer, which was fitted at once */
        return TACIT_OK;
    dataset shown = *data->data, part = {.context = NULL};
    data_source source = handle_source(data);
    if (!r->table && shown.channels != r->channels) {
        shown.channels = source.channels = r->channels;
        shown.cache = NULL; /* what is kept there has the data's own channels */
    }
    tacit_status status = classifier_parts(&parts, &shown, r->settings);
    if (status == TACIT_OK)
        status = dataset_subset(&part, &shown, parts.rows, parts.kept);
    source.examples = parts.kept;
    if (status == TACIT_OK)
        status = trainer_resume(context, r, &part, &source, run, options);
    dataset_subset_end(&part);
    label_parts_fini(&parts);
    return status == TACIT_OK ? classifier_finish(context, run, data, NULL) : status;
}

static tacit_status resume_with(tacit_context *context, run_record *r, const char *run,
                                const tacit_dataset *data, const tacit_train_options *options)
{
    tacit_dataset *opened = NULL;
    if (r->weights.format)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s was trained by another program: begin a training of your own with --init %s",
                            run, run);
    if (!data && r->path_count == 0)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s was trained on data in memory: they must be given to go on", run);
    if (!data) {
        const dataset_options o = config_dataset_options(r->settings);
        TRY(handle_open_dataset(&opened, context, (const char *const *)r->paths, r->path_count, &o));
    }
    const tacit_dataset *use = data ? data : opened;
    const data_source source = handle_source(use);
    const tacit_status status = classifier_is(r->settings)
                                    ? resume_classifier(context, r, run, use, options)
                                    : trainer_resume(context, r, use->data, &source, run, options);
    handle_close_dataset(opened);
    return status;
}

tacit_status tacit_resume(tacit_context *context, const char *run, const tacit_dataset *data,
                          const char *const *overrides, const tacit_train_options *options)
{
    run_record r;
    context_begin(context);
    char *path = path_join(context, run, "config.json");
    if (!path)
        return TACIT_NOMEM;
    tacit_status status = run_read_config(&r, context, path);
    memory_free(context, path);
    TRY(status);
    status = forget_threads(r.settings);
    if (status == TACIT_OK)
        status = override(context, r.settings, overrides);
    if (status == TACIT_OK)
        status = resume_with(context, &r, run, data, options);
    run_record_fini(&r);
    return status;
}
