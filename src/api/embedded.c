/* Embedding a whole data set, and sheets of its pictures. */
#include "api/embedded.h"

#include "base/file.h"
#include "train/embedder.h"
#include "use/evaluate.h"

#include <string.h>

tacit_status embedded_open(embedded *e, tacit_model *model, const tacit_dataset *data, int32_t label)
{
    const dataset *d = data->data;
    *e = (embedded){.model = model};
    e->rows = memory_alloc(model->context, (size_t)d->count, sizeof *e->rows);
    if (!e->rows)
        return TACIT_NOMEM;
    for (int64_t i = 0; i < d->count; i++)
        if (label < 0 || d->labels[i] == label)
            e->rows[e->count++] = i;
    return handle_model_views(model, data, &e->shown, &e->views);
}

void embedded_close(embedded *e)
{
    if (e->views)
        e->views->destroy(e->views);
    if (e->model) {
        memory_free(e->model->context, e->rows);
        memory_free(e->model->context, e->features);
    }
    *e = (embedded){.model = NULL};
}

static tacit_status make_room(embedded *e, int64_t columns)
{
    memory_free(e->model->context, e->features);
    e->columns = columns;
    e->features = memory_alloc(e->model->context, (size_t)e->count, (size_t)columns * sizeof *e->features);
    return e->features ? TACIT_OK : TACIT_NOMEM;
}

static tacit_status embed_by(embedded *e, const learner *l)
{
    embedder *how;
    TRY(make_room(e, learner_width(l)));
    TRY(embedder_create(&how, l, e->views, e->model->work, true));
    const tacit_status status = embedder_run(how, e->rows, 0, e->count, e->features, NULL, NULL);
    embedder_destroy(how);
    return status;
}

tacit_status embedded_run(embedded *e)
{
    return embed_by(e, e->model->learner);
}

tacit_status embedded_untrained(embedded *e)
{
    learner *l;
    const settings *s = e->model->record.settings;
    TRY(learner_create(&l, e->model->context, s, e->views->shape));
    parameters_initialise(&l->parameters, (uint64_t)settings_whole(s, "seed"));
    const tacit_status status = embed_by(e, l);
    learner_destroy(l);
    return status;
}

tacit_status embedded_pixels(embedded *e)
{
    TRY(make_room(e, views_raw_width(e->views)));
    return evaluate_pixels(e->model->work, e->views, e->rows, e->count, e->features);
}

matrix embedded_matrix(const embedded *e)
{
    return (matrix){e->count, e->columns, e->features};
}

/* ---- sheets ---- */

static tacit_status fill_cells(const picture_view_options *look, const sheet_cell *cells, int count, shape s,
                               scratch *space, float *view, uint8_t *pixels)
{
    const size_t size = (size_t)shape_count(s);
    for (int i = 0; i < count; i++) {
        uint8_t *cell = pixels + (size_t)i * size;
        if (!cells[i].views) {
            memset(cell, 255, size);
            continue;
        }
        TRY(cells[i].views->plain(cells[i].views, cells[i].example, space, view));
        picture_from_view(look, s, view, cell);
    }
    return TACIT_OK;
}

tacit_status embedded_sheet(tacit_model *model, const sheet_cell *cells, int rows, int columns,
                            const char *const *titles, const char *folder, const char *name)
{
    tacit_context *context = model->context;
    if (model->record.table || model->record.tokenizer) /* rows and texts are not seen */
        return TACIT_OK;
    const picture_view_options look = handle_model_look(model);
    const shape s = shape_3(look.size, look.size, model->record.channels);
    const size_t size = (size_t)shape_count(s);
    scratch space;
    scratch_init(&space, context);
    char *path = path_join(context, folder, name);
    float *view = memory_alloc(context, size, sizeof *view);
    uint8_t *pixels = memory_alloc(context, (size_t)(rows * columns), size);
    tacit_status status = TACIT_NOMEM;
    if (path && view && pixels)
        status = fill_cells(&look, cells, rows * columns, s, &space, view, pixels);
    if (status == TACIT_OK)
        status = sheet_write(context, path,
                             &(sheet){.rows = rows,
                                      .columns = columns,
                                      .height = (int)s.size[0],
                                      .width = (int)s.size[1],
                                      .channels = (int)s.size[2],
                                      .pixels = pixels,
                                      .titles = titles});
    scratch_fini(&space);
    memory_free(context, path);
    memory_free(context, view);
    memory_free(context, pixels);
    return status;
}
