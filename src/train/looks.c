/* The views of a kind of data, from settings. */
#include "train/looks.h"

#include "data/augment/positive_views.h"
#include "data/augment/row_views.h"
#include "data/augment/text_views.h"
#include "objective/objective.h"
#include "train/config.h"

#include <string.h>

/* Runs of versions that did not know view-size have none. */
int looks_side(const settings *s, bool training)
{
    const bool own = training && !settings_is_auto(s, "view-size");
    return (int)settings_whole(s, own ? "view-size" : "size");
}

static tacit_status create_pictures(views **out, tacit_context *context, const dataset *d, const settings *s,
                                    looks l, picture_view_options *back)
{
    picture_view_options o = {
        .size = looks_side(s, l.training), .settings = config_augment(s), .deviation = {1.0f, 1.0f, 1.0f}};
    for (int i = 0; i < d->channels; i++) {
        o.mean[i] = (float)l.mean[i];
        o.deviation[i] = (float)l.deviation[i];
    }
    if (back)
        *back = o;
    return picture_views_create(out, context, d, &o);
}

static tacit_status create_texts(views **out, tacit_context *context, const dataset *d, const settings *s,
                                 looks l)
{
    const objective *o = objective_find(settings_text(s, "method"));
    const bool stream = o->stream && l.training;
    const bool paired = l.training && strcmp(settings_text(s, "positives"), "pair") == 0;
    if (paired && !d->paired)
        return context_fail(context, TACIT_ARGUMENT,
                            "--positives pair: the data are no pairs: expected JSON lines and --pair FIELD");
    const text_view_options how = {.tokenizer = l.tokenizer,
                                   .workers = l.workers,
                                   .window = settings_whole(s, "window"),
                                   .ahead = o->ahead,
                                   .stream = stream,
                                   .validation = stream ? settings_number(s, "validation") : 0.0,
                                   .drop = settings_number(s, "drop-words"),
                                   .paired = paired,
                                   .folder = l.folder};
    return text_views_create(out, context, d, &how);
}

tacit_status looks_create(views **out, tacit_context *context, const dataset *d, const settings *s, looks l,
                          picture_view_options *back)
{
    if (d->texts)
        return create_texts(out, context, d, s, l);
    if (!d->table)
        return create_pictures(out, context, d, s, l, back);
    const row_view_options o = {.like = l.columns,
                                .mean = l.mean,
                                .deviation = l.deviation,
                                .corrupt = settings_number(s, "corrupt")};
    return row_views_create(out, context, d, &o);
}

tacit_status looks_pair(views **v, tacit_context *context, const dataset *d, const settings *s)
{
    const char *positives = settings_text(s, "positives"), *name = settings_text(s, "method");
    const positive_options o = {.groups = d->groups  ? d->groups
                                          : d->table ? NULL
                                                     : d->labels,
                                .count = d->count,
                                .group_count = d->groups ? d->group_count : d->label_count,
                                .both = strcmp(positives, "both") == 0};
    if (strcmp(positives, "augment") == 0)
        return TACIT_OK;
    if (objective_find(name)->family != CONTRASTIVE)
        return context_fail(context, TACIT_ARGUMENT, "--positives %s: %s makes no pairs", positives, name);
    if (d->texts && strcmp(positives, "pair") == 0)
        return TACIT_OK;
    if (!o.groups)
        return context_fail(context, TACIT_ARGUMENT, "--positives %s: the data name no groups: expected %s",
                            positives, d->table ? "--group COLUMN" : "pictures in a folder for each group");
    TRY(positive_views_create(v, context, *v, &o));
    if (positives_alone(*v) > 0)
        context_log(context, "%lld of %lld examples are alone in their group: both views are their own",
                    (long long)positives_alone(*v), (long long)d->count);
    return TACIT_OK;
}

tacit_status looks_measure(const dataset *d, const settings *s, team *workers, double *mean,
                           double *deviation)
{
    float m[3] = {0}, v[3] = {1, 1, 1};
    if (d->texts) { /* tokens have neither */
        *mean = 0.0;
        *deviation = 1.0;
        return TACIT_OK;
    }
    if (d->table) {
        row_statistics(d, mean, deviation);
        return TACIT_OK;
    }
    TRY(picture_statistics(d, looks_side(s, true), workers, m, v));
    for (int i = 0; i < d->channels; i++) {
        mean[i] = (double)m[i];
        deviation[i] = (double)v[i];
    }
    return TACIT_OK;
}
