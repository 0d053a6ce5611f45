/* tacit.h: odd pixels. */
#include "api/embedded.h"
#include "data/masks.h"
#include "use/odd_pixels.h"

/* Pictures, and which pixels of them are odd. */
typedef struct marked {
    embedded pictures;
    dataset masks; /* a copy, in grey */
    views *views;  /* of the masks: 0 to 1 */
    int64_t *mask_of;
} marked;

/* Masks are cut and resized as the pictures are, but not normalised. */
static tacit_status open_masks(marked *m, const tacit_model *model, const dataset *masks)
{
    picture_view_options look = handle_model_look(model);
    look.mean[0] = 0;
    look.deviation[0] = 1;
    m->masks = *masks;
    m->masks.channels = 1;
    if (masks->channels != 1)
        m->masks.cache = NULL; /* it has colour */
    return picture_views_create(&m->views, model->context, &m->masks, &look);
}

static tacit_status open_marked(marked *m, tacit_model *model, const tacit_dataset *data,
                                const dataset *masks, int32_t normal)
{
    TRY(embedded_open(&m->pictures, model, data, -1));
    TRY(open_masks(m, model, masks));
    m->mask_of = memory_alloc(model->context, (size_t)data->data->count, sizeof *m->mask_of);
    if (!m->mask_of)
        return TACIT_NOMEM;
    TRY(masks_find(data->data, masks, m->mask_of));
    return masks_check(data->data, masks, m->mask_of, normal);
}

static void close_marked(marked *m, tacit_context *context)
{
    if (m->views)
        m->views->destroy(m->views);
    memory_free(context, m->mask_of);
    embedded_close(&m->pictures);
}

static tacit_status check(const tacit_model *model, const dataset *d, const dataset *masks, int32_t normal)
{
    tacit_context *context = model->context;
    if (model->record.table || !predictability_has(model->learner))
        return context_fail(context, TACIT_ARGUMENT,
                            "%s does not predict pictures: to find odd pixels, train on pictures with mae, "
                            "denoise or autoencode",
                            model->learner->method.objective->name);
    if (masks->table)
        return context_fail(context, TACIT_ARGUMENT, "the masks are rows of a table: expected pictures");
    if (normal >= 0 && (!d->labels || normal >= d->label_count))
        return context_fail(context, TACIT_ARGUMENT,
                            "odd pixels: label %d is to be normal, but the data have %d labels", (int)normal,
                            d->labels ? (int)d->label_count : 0);
    return TACIT_OK;
}

tacit_status tacit_measure_odd_pixels(tacit_model *model, const tacit_dataset *data,
                                      const tacit_dataset *masks, int32_t normal, tacit_odd_pixels *out,
                                      tacit_stage_function stage, void *user)
{
    marked m = {.views = NULL};
    context_begin(model->context);
    *out = (tacit_odd_pixels){.pictures = data->data->count};
    TRY(check(model, data->data, masks->data, normal));
    if (stage)
        stage(user, "errors of prediction of each pixel");
    tacit_status status = open_marked(&m, model, data, masks->data, normal);
    if (status == TACIT_OK)
        status = odd_pixels_measure(model->learner, m.pictures.views, m.views, model->work, m.mask_of,
                                    data->data->count, out);
    close_marked(&m, model->context);
    return status;
}
