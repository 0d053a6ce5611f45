/* tacit.h: maps. */
#include "api/embedded.h"
#include "base/file.h"
#include "use/cluster.h"
#include "use/export.h"
#include "use/faithfulness.h"
#include "use/map_picture.h"
#include "use/neighbours.h"
#include "use/pca.h"
#include "use/tsne.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEAST = 5, MEASURED = 5000, NEIGHBOURS_FOR_EACH = 3 };

tacit_map_options tacit_map_options_default(void)
{
    return (tacit_map_options){
        .perplexity = 30, .iterations = 1000, .theta = 0.5, .neighbours = 12, .seed = 1};
}

/* What one call works on. */
typedef struct mapping {
    embedded data;
    work *work;
    matrix space; /* the embeddings, standardised, rows of length 1 */
    const tacit_map_options *options;
    tacit_mapping *out;
    void (*stage)(void *user, const char *what);
    void *user;
} mapping;

static void tell(const mapping *m, const char *what)
{
    if (m->stage)
        m->stage(m->user, what);
}

static void hear_iteration(void *user, int iteration)
{
    const mapping *m = user;
    char text[64];
    snprintf(text, sizeof text, "t-SNE, %d of %d iterations", iteration, m->options->iterations);
    tell(m, text);
}

/* ---- principal components ---- */

static tacit_status map_pca(const mapping *m, double *y)
{
    pca p;
    const int64_t rows = m->space.rows;
    float *codes = memory_alloc(m->work->context, 2 * (size_t)rows, sizeof *codes);
    if (!codes)
        return TACIT_NOMEM;
    tacit_status status = pca_fit(&p, m->work, m->space, 2);
    if (status == TACIT_OK) {
        status = pca_transform(&p, m->work, m->space, codes);
        pca_fini(&p);
    }
    for (int64_t i = 0; status == TACIT_OK && i < 2 * rows; i++)
        y[i] = (double)codes[i];
    memory_free(m->work->context, codes);
    return status;
}

/* ---- t-SNE ---- */

/* Of rows with themselves among the k + 1 nearest: without, and squared distances. */
static void leave_self_out(const int32_t *found, const float *similarity, int64_t rows, int k,
                           int32_t *neighbours, double *squares)
{
    for (int64_t i = 0; i < rows; i++) {
        int to = 0;
        for (int j = 0; j <= k && to < k; j++) {
            const int64_t at = i * (k + 1) + j;
            if (found[at] == (int32_t)i)
                continue;
            neighbours[i * k + to] = found[at];
            squares[i * k + to++] = fmax(0.0, 2.0 - 2.0 * (double)similarity[at]);
        }
    }
}

static tacit_status find_affinities(const mapping *m, int k, affinities *a)
{
    tacit_context *context = m->work->context;
    const size_t rows = (size_t)m->space.rows, found_size = (size_t)k + 1;
    int32_t *found = memory_alloc(context, rows * found_size, sizeof *found);
    float *similarity = memory_alloc(context, rows * found_size, sizeof *similarity);
    int32_t *neighbours = memory_alloc(context, rows * (size_t)k, sizeof *neighbours);
    double *squares = memory_alloc(context, rows * (size_t)k, sizeof *squares);
    tacit_status status = TACIT_NOMEM;
    if (found && similarity && neighbours && squares)
        status = neighbours_find(m->work, m->space, m->space, k + 1, found, similarity);
    if (status == TACIT_OK) {
        leave_self_out(found, similarity, m->space.rows, k, neighbours, squares);
        status = affinities_create(a, m->work, neighbours, squares, m->space.rows, k, m->out->perplexity);
    }
    memory_free(context, found);
    memory_free(context, similarity);
    memory_free(context, neighbours);
    memory_free(context, squares);
    return status;
}

/* From the principal components, the first with deviation 1e-4: the same map for the same data, and its large
 * parts where they were (Kobak and Berens 2019). */
static void start(const double *components, int64_t rows, double *y)
{
    double squares = 0.0;
    for (int64_t i = 0; i < rows; i++)
        squares += components[2 * i] * components[2 * i];
    const double deviation = sqrt(squares / (double)rows);
    for (int64_t i = 0; i < 2 * rows; i++)
        y[i] = deviation > 0.0 ? 1e-4 * components[i] / deviation : 0.0;
}

static tacit_status map_tsne(const mapping *m, const double *components, double *y)
{
    affinities a;
    const double wanted = NEIGHBOURS_FOR_EACH * m->out->perplexity;
    const int64_t most = m->space.rows - 1;
    const int k = (int)(wanted < (double)most ? wanted : (double)most);
    const tsne_options o = {.iterations = m->options->iterations,
                            .theta = m->options->theta,
                            .heard = hear_iteration,
                            .user = (void *)(uintptr_t)m};
    tell(m, "neighbours");
    TRY(find_affinities(m, k, &a));
    start(components, m->space.rows, y);
    const tacit_status status = tsne_run(m->work, &a, &o, y);
    affinities_fini(&a);
    return status;
}

/* ---- the call ---- */

static tacit_status measure(const mapping *m, const double *y, tacit_map_measure *out)
{
    faithfulness f;
    const int k = m->options->neighbours;
    *out = (tacit_map_measure){(double)NAN, (double)NAN};
    if (2 * m->space.rows <= 3 * (int64_t)k + 1)
        return TACIT_OK;
    TRY(faithfulness_measure(m->work, m->space, y, k, MEASURED, m->options->seed, &f));
    *out = (tacit_map_measure){f.trustworthiness, f.continuity};
    return TACIT_OK;
}

static tacit_status make_map(mapping *m, double *components, double *y)
{
    tell(m, "embeddings");
    TRY(embedded_run(&m->data));
    m->space = embedded_matrix(&m->data);
    if (m->space.columns < 2)
        return context_fail(m->work->context, TACIT_ARGUMENT,
                            "map: embeddings of one number are on a line: there is nothing to lay flat");
    TRY(cluster_space(m->work, m->space, m->data.features)); /* row by row: in place */
    tell(m, "principal components");
    TRY(map_pca(m, components));
    TRY(map_tsne(m, components, y));
    tell(m, "how far the map can be believed");
    TRY(measure(m, components, &m->out->pca));
    return measure(m, y, &m->out->tsne);
}

static tacit_status check(tacit_context *context, int64_t count, const tacit_map_options *o)
{
    if (count < LEAST)
        return context_fail(context, TACIT_ARGUMENT, "map of %lld examples: expected %d or more",
                            (long long)count, (int)LEAST);
    if (!(o->perplexity >= 1.0 && o->perplexity <= 10000.0) || !(o->theta >= 0.0 && o->theta <= 1.0) ||
        o->iterations < 1 || o->neighbours < 1)
        return context_fail(
            context, TACIT_ARGUMENT,
            "map: perplexity %g (1 to 10000), theta %g (0 to 1), %d iterations, %d neighbours", o->perplexity,
            o->theta, o->iterations, o->neighbours);
    return TACIT_OK;
}

tacit_status tacit_map(tacit_model *model, const tacit_dataset *data, const tacit_map_options *options,
                       double *components, double *tsne, tacit_mapping *out,
                       void (*stage)(void *user, const char *what), void *user)
{
    const tacit_map_options standard = tacit_map_options_default();
    mapping m = {.work = model->work,
                 .options = options ? options : &standard,
                 .out = out,
                 .stage = stage,
                 .user = user};
    const int64_t count = data->data->count;
    context_begin(model->context);
    *out = (tacit_mapping){.count = count};
    TRY(check(model->context, count, m.options));
    out->perplexity = fmin(m.options->perplexity, (double)(count - 1) / NEIGHBOURS_FOR_EACH);
    tacit_status status = embedded_open(&m.data, model, data, -1);
    if (status == TACIT_OK)
        status = make_map(&m, components, tsne);
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    embedded_close(&m.data);
    return status;
}

/* ---- files ---- */

static tacit_status save_places(tacit_context *context, const dataset *d, const double *components,
                                const double *tsne, const char *folder)
{
    file_writer w;
    char *path = path_join(context, folder, "map.csv");
    if (!path)
        return TACIT_NOMEM;
    const tacit_status status = file_writer_open(&w, context, path);
    memory_free(context, path);
    TRY(status);
    file_writer_print(&w, "name,label,tsne_x,tsne_y,pca_x,pca_y\n");
    for (int64_t i = 0; i < d->count; i++) {
        export_names(&w, d, i);
        file_writer_print(&w, "%.9g,%.9g,%.9g,%.9g\n", tsne[2 * i], tsne[2 * i + 1], components[2 * i],
                          components[2 * i + 1]);
    }
    return file_writer_commit(&w);
}

static tacit_status save_points(tacit_context *context, const dataset *d, const double *y, const char *folder,
                                const char *name)
{
    const map_places places = {d, y, d->count};
    char *path = path_join(context, folder, name);
    if (!path)
        return TACIT_NOMEM;
    const tacit_status status = map_points_write(context, path, &places);
    memory_free(context, path);
    return status;
}

/* What a thumbnail is made from. */
typedef struct seen {
    const views *views;
    picture_view_options look;
    scratch scratch;
    float *view;
} seen;

static tacit_status fill_thumbnail(void *user, int64_t i, uint8_t *pixels)
{
    seen *s = user;
    TRY(s->views->plain(s->views, i, &s->scratch, s->view));
    picture_from_view(&s->look, s->views->shape, s->view, pixels);
    return TACIT_OK;
}

static tacit_status save_thumbnails(tacit_model *model, const tacit_dataset *data, const double *y,
                                    const char *folder)
{
    embedded e;
    tacit_context *context = model->context;
    seen s = {.look = handle_model_look(model)};
    const map_places places = {data->data, y, data->data->count};
    const map_thumbnails t = {s.look.size, model->record.channels, fill_thumbnail, &s};
    char *path = path_join(context, folder, "map.png");
    scratch_init(&s.scratch, context);
    tacit_status status = embedded_open(&e, model, data, -1);
    if (status == TACIT_OK) {
        s.views = e.views;
        s.view = memory_alloc(context, (size_t)shape_count(e.views->shape), sizeof *s.view);
        status = path && s.view ? map_thumbnails_write(context, path, &places, &t) : TACIT_NOMEM;
    }
    memory_free(context, s.view);
    memory_free(context, path);
    scratch_fini(&s.scratch);
    embedded_close(&e);
    return status;
}

static tacit_status check_places(tacit_context *context, const double *y, int64_t count)
{
    for (int64_t i = 0; i < 2 * count; i++)
        if (!isfinite(y[i]))
            return context_fail(context, TACIT_NONFINITE, "map: the place of example %lld is not finite",
                                (long long)(i / 2));
    return TACIT_OK;
}

tacit_status tacit_map_save(tacit_model *model, const tacit_dataset *data, const double *components,
                            const double *tsne, const char *folder)
{
    tacit_context *context = model->context;
    const dataset *d = data->data;
    context_begin(context);
    if (d->count < 1)
        return context_fail(context, TACIT_ARGUMENT, "map of no examples");
    TRY(check_places(context, components, d->count));
    TRY(check_places(context, tsne, d->count));
    TRY(folder_create(context, folder));
    TRY(save_places(context, d, components, tsne, folder));
    TRY(save_points(context, d, tsne, folder, "points.png"));
    TRY(save_points(context, d, components, folder, "pca.png"));
    return model->record.table || model->record.tokenizer ? TACIT_OK
                                                          : save_thumbnails(model, data, tsne, folder);
}
