/* tacit.h: groups. */
#include "api/embedded.h"
#include "base/file.h"
#include "use/agreement.h"
#include "use/cluster.h"
#include "use/export.h"
#include "use/silhouette.h"

#include <math.h>
#include <string.h>

enum { TYPICAL = 8, SHEET_GROUPS = 40, LINE_SIZE = 101, CHOICE_RESTARTS = 3 };

tacit_cluster_options tacit_cluster_options_default(void)
{
    return (tacit_cluster_options){
        .most = 20, .restarts = 10, .iterations = 100, .seed = 1, .baseline = true};
}

/* What one call works on. */
typedef struct clustering {
    embedded data;
    const dataset *labelled; /* NULL: no labels */
    kmeans_options how;
    tacit_clustering *out;
} clustering;

static tacit_status agree(const clustering *c, const kmeans *m, tacit_agreement *out)
{
    const dataset *d = c->labelled;
    agreement a;
    if (!d)
        return TACIT_OK;
    TRY(agreement_measure(d->context, m->group, m->groups, d->labels, d->label_count, d->count, &a));
    *out = (tacit_agreement){a.accuracy, a.nmi, a.ari};
    return TACIT_OK;
}

static tacit_status choose_groups(clustering *c, matrix space, int32_t most)
{
    kmeans_options tried = c->how;
    tried.restarts = CHOICE_RESTARTS;
    TRY(silhouette_choose(c->data.model->work, space, most, &tried, &c->how.groups, &c->out->silhouette));
    return TACIT_OK;
}

static tacit_status group_embeddings(clustering *c, const tacit_cluster_options *o, int32_t *group,
                                     double *distance)
{
    kmeans m;
    work *w = c->data.model->work;
    const matrix x = embedded_matrix(&c->data);
    const matrix space = {x.rows, x.columns, c->data.features};
    TRY(cluster_space(w, x, c->data.features)); /* row by row: in place */
    if (o->groups == 0)
        TRY(choose_groups(c, space, o->most));
    TRY(kmeans_fit(&m, w, space, &c->how));
    c->out->groups = m.groups;
    c->out->inertia = m.inertia;
    memcpy(group, m.group, sizeof *group * (size_t)x.rows);
    memcpy(distance, m.distance, sizeof *distance * (size_t)x.rows);
    const tacit_status status = agree(c, &m, &c->out->learnt);
    kmeans_fini(&m);
    return status;
}

static tacit_status group_pixels(clustering *c)
{
    kmeans m;
    TRY(embedded_pixels(&c->data));
    TRY(kmeans_fit(&m, c->data.model->work, embedded_matrix(&c->data), &c->how));
    const tacit_status status = agree(c, &m, &c->out->pixels);
    kmeans_fini(&m);
    return status;
}

static tacit_status check(const tacit_model *model, const tacit_dataset *data, const tacit_cluster_options *o)
{
    if (o->groups > data->data->count)
        return context_fail(model->context, TACIT_ARGUMENT,
                            "%d groups of %lld examples: expected no more groups than examples",
                            (int)o->groups, (long long)data->data->count);
    if (o->groups < 0 || o->restarts < 1 || o->iterations < 1)
        return context_fail(model->context, TACIT_ARGUMENT,
                            "cluster: %d groups, %d restarts, %d iterations: expected numbers above 0",
                            (int)o->groups, o->restarts, o->iterations);
    return TACIT_OK;
}

tacit_status tacit_cluster(tacit_model *model, const tacit_dataset *data,
                           const tacit_cluster_options *options, int32_t *group, double *distance,
                           tacit_clustering *out, void (*stage)(void *user, const char *what), void *user)
{
    const tacit_cluster_options standard = tacit_cluster_options_default();
    const tacit_cluster_options *o = options ? options : &standard;
    const tacit_agreement none = {(double)NAN, (double)NAN, (double)NAN};
    clustering c = {.labelled = data->data->labels ? data->data : NULL,
                    .how = {o->groups, o->restarts, o->iterations, o->seed},
                    .out = out};
    context_begin(model->context);
    *out = (tacit_clustering){
        .count = data->data->count, .silhouette = (double)NAN, .learnt = none, .pixels = none};
    TRY(check(model, data, o));
    tacit_status status = embedded_open(&c.data, model, data, -1);
    if (status == TACIT_OK && stage)
        stage(user, "embeddings");
    if (status == TACIT_OK)
        status = embedded_run(&c.data);
    if (status == TACIT_OK && stage)
        stage(user, "groups of embeddings");
    if (status == TACIT_OK)
        status = group_embeddings(&c, o, group, distance);
    if (status == TACIT_OK && c.labelled && o->baseline) {
        handle_tell_raw(stage, user, model, "groups of ", "");
        status = group_pixels(&c);
    }
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    embedded_close(&c.data);
    return status;
}

/* ---- files ---- */

static tacit_status save_members(tacit_context *context, const dataset *d, const int32_t *group,
                                 const double *distance, const char *folder)
{
    file_writer w;
    char *path = path_join(context, folder, "groups.csv");
    if (!path)
        return TACIT_NOMEM;
    const tacit_status status = file_writer_open(&w, context, path);
    memory_free(context, path);
    TRY(status);
    file_writer_print(&w, "name,label,group,distance\n");
    for (int64_t i = 0; i < d->count; i++) {
        export_names(&w, d, i);
        file_writer_print(&w, "%d,%.9g\n", (int)group[i], distance[i]);
    }
    return file_writer_commit(&w);
}

/* Example i into its group's row of cells, which is kept sorted by distance. */
static void place(sheet_cell *row, const views *v, const double *distance, int64_t i)
{
    int at = TYPICAL;
    while (at > 0 && (!row[at - 1].views || distance[i] < distance[row[at - 1].example]))
        at--;
    if (at == TYPICAL)
        return;
    memmove(row + at + 1, row + at, sizeof *row * (size_t)(TYPICAL - 1 - at));
    row[at] = (sheet_cell){v, i};
}

/* What a sheet is of texts: the beginning of each on a line of its own. */
static tacit_status save_lines(const tacit_dataset *data, const sheet_cell *cells, int rows,
                               const char *folder)
{
    char text[LINE_SIZE];
    file_writer w;
    char *path = path_join(data->context, folder, "groups.txt");
    if (!path)
        return TACIT_NOMEM;
    tacit_status status = file_writer_open(&w, data->context, path);
    memory_free(data->context, path);
    TRY(status);
    for (int row = 0; status == TACIT_OK && row < rows; row++) {
        const sheet_cell *c = cells + row * TYPICAL, *end = c + TYPICAL;
        file_writer_print(&w, row ? "\ngroup %d\n" : "group %d\n", row);
        for (; status == TACIT_OK && c < end && c->views; c++) {
            status = handle_text_line(data, c->example, text, sizeof text);
            file_writer_print(&w, "  %s\n", text);
        }
    }
    if (status == TACIT_OK)
        return file_writer_commit(&w);
    file_writer_abandon(&w);
    return status;
}

static tacit_status save_typical(const embedded *e, const tacit_dataset *data, const int32_t *group,
                                 const double *distance, int32_t groups, const char *folder)
{
    static const char *const titles[TYPICAL] = {"nearest", "", "", "", "", "", "", ""};
    const int rows = groups < SHEET_GROUPS ? (int)groups : SHEET_GROUPS;
    sheet_cell cells[SHEET_GROUPS * TYPICAL] = {{NULL, 0}};
    for (int64_t i = 0; i < e->count; i++)
        if (group[i] < rows)
            place(cells + group[i] * TYPICAL, e->views, distance, i);
    if (data->data->texts)
        return save_lines(data, cells, rows, folder);
    return embedded_sheet(e->model, cells, rows, TYPICAL, titles, folder, "groups.png");
}

static tacit_status check_groups(tacit_context *context, const dataset *d, const int32_t *group,
                                 int32_t groups)
{
    for (int64_t i = 0; i < d->count; i++)
        if (group[i] < 0 || group[i] >= groups)
            return context_fail(context, TACIT_ARGUMENT, "example %lld is in group %d, outside 0 to %d",
                                (long long)i, (int)group[i], (int)groups - 1);
    return TACIT_OK;
}

tacit_status tacit_cluster_save(tacit_model *model, const tacit_dataset *data, const int32_t *group,
                                const double *distance, int32_t groups, const char *folder)
{
    embedded e;
    tacit_context *context = model->context;
    context_begin(context);
    TRY(check_groups(context, data->data, group, groups));
    TRY(folder_create(context, folder));
    TRY(save_members(context, data->data, group, distance, folder));
    tacit_status status = embedded_open(&e, model, data, -1);
    if (status == TACIT_OK)
        status = save_typical(&e, data, group, distance, groups, folder);
    embedded_close(&e);
    return status;
}
