/* tacit.h: models of texts. */
#include "api/handles.h"
#include "base/clock.h"
#include "data/augment/text_views.h"
#include "use/generate.h"
#include "use/language.h"

#include <math.h>

/* ---- how well words are predicted ---- */

double tacit_model_validation(const tacit_model *model)
{
    const objective *o = model->learner->method.objective;
    return o->stream ? settings_number(model->record.settings, "validation") : 0.0;
}

static tacit_status measure(tacit_model *model, const dataset *d, double share, tacit_language *out)
{
    token_store store = {.context = NULL, .fd = -1};
    text_range before;
    language_measure m;
    token_store_options o = {.range = text_range_all(d),
                             .end = tokenizer_find_special(model->record.tokenizer, TEXT_END)};
    if (share > 0.0)
        TRY(text_range_split(d, share, &before, &o.range));
    tacit_status status = token_store_create(&store, d, model->record.tokenizer, model->work->team, &o);
    if (status == TACIT_OK)
        status = language_run(model->learner, model->work, &store,
                              (uint64_t)settings_whole(model->record.settings, "seed"), &m);
    if (status == TACIT_OK) {
        *out = (tacit_language){.texts = store.texts, .tokens = m.predicted, .loss = m.loss};
        for (int64_t i = 0; i < store.texts; i++)
            out->bytes += (int64_t)store.sizes[i];
        out->perplexity = exp(m.loss);
        out->bits_per_byte = model->learner->method.objective->ahead
                                 ? m.loss * (double)m.predicted / log(2.0) / (double)out->bytes
                                 : (double)NAN;
    }
    token_store_close(&store);
    return status;
}

tacit_status tacit_measure_language(tacit_model *model, const tacit_dataset *data, double share,
                                    tacit_language *out)
{
    tacit_context *context = model->context;
    context_begin(context);
    *out = (tacit_language){.loss = (double)NAN, .perplexity = (double)NAN, .bits_per_byte = (double)NAN};
    if (!model->record.tokenizer || !model->learner->method.objective->stream)
        return context_fail(context, TACIT_ARGUMENT,
                            "%s does not predict words: expected a model of next-word or masked-word",
                            model->learner->method.objective->name);
    if (!data->data->texts)
        return context_fail(context, TACIT_ARGUMENT, "the model was trained with texts, but the data are %s",
                            dataset_kind(data->data));
    if (!(share >= 0.0 && share < 1.0))
        return context_fail(context, TACIT_ARGUMENT, "a share of %g of the texts: expected 0 to below 1",
                            share);
    const tacit_status status = measure(model, data->data, share, out);
    if (status == TACIT_CANCELLED)
        context->cancelled = 0;
    return status;
}

/* ---- writing ---- */

tacit_generate_options tacit_generate_options_default(void)
{
    return (tacit_generate_options){
        .tokens = 200, .temperature = 0.8, .top_p = 1.0, .repetition = 1.0, .seed = 1};
}

tacit_status tacit_generate(tacit_model *model, const char *prompt, size_t size,
                            const tacit_generate_options *options, int64_t sample, tacit_text_function hear,
                            void *user, tacit_generation *out)
{
    const tacit_generate_options standard = tacit_generate_options_default();
    tacit_context *context = model->context;
    generation g;
    context_begin(context);
    *out = (tacit_generation){.ended = false};
    if (!model->record.tokenizer)
        return context_fail(context, TACIT_ARGUMENT,
                            "the model was not trained with texts: texts are written by models of next-word");
    const double start = clock_seconds();
    const tacit_status status = generate_run(model->learner, model->work, model->record.tokenizer, prompt,
                                             size, options ? options : &standard, sample, hear, user, &g);
    *out = (tacit_generation){.prompt = g.prompt,
                              .cut = g.cut,
                              .tokens = g.tokens,
                              .ended = g.ended,
                              .seconds = clock_seconds() - start};
    if (status == TACIT_CANCELLED)
        context->cancelled = 0;
    return status;
}
