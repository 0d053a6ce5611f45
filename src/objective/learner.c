#include "objective/learner.h"

#include <string.h>

static readout readout_of(const char *name)
{
    if (strcmp(name, "class") == 0)
        return READOUT_CLASS;
    return strcmp(name, "mean") == 0 ? READOUT_MEAN : READOUT_REGIONS;
}

/* "grid2" is 2 a side. */
static int regions_of(const char *name)
{
    return strncmp(name, "grid", 4) == 0 ? name[4] - '0' : 1;
}

static positions positions_of(const char *name)
{
    if (strcmp(name, "sincos") == 0)
        return POSITIONS_SINCOS;
    if (strcmp(name, "rotary") == 0)
        return POSITIONS_ROTARY;
    return strcmp(name, "learned") == 0 ? POSITIONS_LEARNED : POSITIONS_AUTO;
}

static tacit_status assemble(learner *l, const settings *s, shape view)
{
    const encoder_kind *kind = encoder_find(settings_text(s, "encoder"));
    const objective *o = objective_find(settings_text(s, "method"));
    if (!kind || !o)
        return context_fail(l->context, TACIT_ARGUMENT, "unknown %s \"%s\"", kind ? "method" : "encoder",
                            settings_text(s, kind ? "method" : "encoder"));
    const bool rows = view.rank == 1 && !kind->words;
    if (kind->words && view.rank != 1)
        return context_fail(l->context, TACIT_ARGUMENT, "%s takes texts, but the data are pictures",
                            kind->name);
    const encoder_settings e = {.height = rows ? 1 : (int)view.size[0],
                                .width = rows ? 1 : (int)view.size[1],
                                .channels = (int)shape_last(view),
                                .rows = rows,
                                .patch = (int)settings_whole(s, "patch"),
                                .readout = readout_of(settings_text(s, "readout")),
                                .share = settings_number(s, "width"),
                                .window = settings_whole(s, "window"),
                                .vocabulary = settings_whole(s, "vocab"),
                                .dropout = (float)settings_number(s, "dropout"),
                                .positions = positions_of(settings_text(s, "positions")),
                                .epsilon = (float)settings_number(s, "norm-epsilon"),
                                .layer_scale = (float)settings_number(s, "layer-scale"),
                                .regions = regions_of(settings_text(s, "readout"))};
    TRY(kind->create(&l->encoder, &l->parameters, kind, &e));
    if (l->encoder->takes_rows != rows)
        return context_fail(l->context, TACIT_ARGUMENT, "%s does not take %s", kind->name,
                            rows ? "rows of a table: use mlp" : "pictures");
    l->method =
        (method){.context = l->context, .objective = o, .encoder = l->encoder, .width = l->encoder->width};
    l->parameters.layer++; /* what the method adds is behind the encoder */
    TRY(o->create(&l->method, &l->parameters, s));
    return parameters_allocate(&l->parameters);
}

tacit_status learner_create(learner **out, tacit_context *context, const settings *s, shape view)
{
    learner *l = *out = memory_alloc(context, 1, sizeof *l);
    if (!l)
        return TACIT_NOMEM;
    l->context = context;
    parameters_init(&l->parameters, context);
    const tacit_status status = assemble(l, s, view);
    if (status != TACIT_OK) {
        learner_destroy(l);
        *out = NULL;
    }
    return status;
}

void learner_destroy(learner *l)
{
    if (!l)
        return;
    if (l->method.objective)
        l->method.objective->destroy(&l->method);
    if (l->encoder)
        l->encoder->destroy(l->encoder);
    parameters_fini(&l->parameters);
    memory_free(l->context, l);
}

value learner_embed(const learner *l, tape *t, value pictures)
{
    const objective *o = l->method.objective;
    return o->embed ? o->embed(&l->method, t, pictures) : l->encoder->embed(l->encoder, t, pictures);
}

int64_t learner_width(const learner *l)
{
    return l->method.width;
}

tacit_status learner_begin(learner *l, const settings *s)
{
    const objective *o = l->method.objective;
    parameters_initialise(&l->parameters, (uint64_t)settings_whole(s, "seed"));
    return o->begin ? o->begin(&l->method, &l->parameters, s) : TACIT_OK;
}

void learner_before_step(const learner *l, int64_t step, int64_t steps)
{
    const objective *o = l->method.objective;
    if (o->before_step)
        o->before_step(&l->method, &l->parameters, step, steps);
}

void learner_after_step(const learner *l, int64_t step)
{
    const objective *o = l->method.objective;
    if (o->after_step)
        o->after_step(&l->method, step);
}
