/* tacit.h: search. */
#include "api/embedded.h"
#include "base/file.h"
#include "use/export.h"
#include "use/neighbours.h"
#include "use/retrieval.h"
#include "use/search.h"
#include "use/search_index.h"
#include "use/similarities.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SHEET_ROWS = 24, SHEET_COLUMNS = 11, SCANNED_QUERIES = 64 };

struct tacit_index {
    tacit_model *model;
    search_index index;
};

/* ---- which model ---- */

/* FNV-1a (Fowler, Noll, Vo 1991), 64 bits, by words of 32 bits, which is four times as fast as by bytes. */
static uint64_t hash_words(uint64_t state, const void *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, (const char *)words + i * sizeof word, sizeof word);
        state = (state ^ word) * UINT64_C(1099511628211);
    }
    return state;
}

/* Two models have the same fingerprint when they make the same embeddings: weights, and how examples become
 * views. */
static uint64_t fingerprint(const tacit_model *model)
{
    const parameters *p = &model->learner->parameters;
    const run_record *r = &model->record;
    const int32_t facts[] = {r->table ? 0 : (int32_t)settings_whole(r->settings, "size"), r->channels,
                             r->table ? 0 : (int32_t)settings_whole(r->settings, "patch"),
                             r->table ? 0 : settings_text(r->settings, "readout")[0]};
    const size_t words = (size_t)r->channels * sizeof *r->mean / sizeof(uint32_t);
    uint64_t state = hash_words(UINT64_C(14695981039346656037), facts, sizeof facts / sizeof *facts);
    state = hash_words(state, r->mean, words);
    state = hash_words(state, r->deviation, words);
    return hash_words(state, p->block, (size_t)p->size);
}

/* ---- the index ---- */

static tacit_status create_handle(tacit_index **out, tacit_model *model)
{
    context_begin(model->context);
    *out = memory_alloc(model->context, 1, sizeof **out);
    if (!*out)
        return TACIT_NOMEM;
    (*out)->model = model;
    return TACIT_OK;
}

static tacit_status finish_handle(tacit_index **out, tacit_status status)
{
    if (status == TACIT_OK)
        return TACIT_OK;
    tacit_index_close(*out);
    *out = NULL;
    return status;
}

tacit_status tacit_index_create(tacit_index **out, tacit_model *model, const tacit_dataset *data)
{
    embedded e;
    TRY(create_handle(out, model));
    tacit_status status = embedded_open(&e, model, data, -1);
    if (status == TACIT_OK)
        status = embedded_run(&e);
    if (status == TACIT_OK)
        status = search_index_create(&(*out)->index, model->work, embedded_matrix(&e), data->data,
                                     fingerprint(model));
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    embedded_close(&e);
    return finish_handle(out, status);
}

tacit_status tacit_index_open(tacit_index **out, tacit_model *model, const tacit_dataset *data,
                              const char *path)
{
    TRY(create_handle(out, model));
    tacit_status status = search_index_read(&(*out)->index, model->work, path, fingerprint(model),
                                            learner_width(model->learner));
    if (status == TACIT_OK && data)
        status = search_index_match(&(*out)->index, data->data, path);
    return finish_handle(out, status);
}

tacit_status tacit_index_save(const tacit_index *index, const char *path)
{
    context_begin(index->model->context);
    return search_index_write(&index->index, path);
}

void tacit_index_close(tacit_index *index)
{
    if (!index)
        return;
    search_index_fini(&index->index);
    memory_free(index->model->context, index);
}

void tacit_index_get_info(const tacit_index *index, tacit_index_info *out)
{
    const search_index *x = &index->index;
    *out = (tacit_index_info){x->unit.rows, x->unit.columns, x->label_count};
}

static bool is_row(const tacit_index *index, int64_t i)
{
    return i >= 0 && i < index->index.unit.rows;
}

const char *tacit_index_name(const tacit_index *index, int64_t i)
{
    return is_row(index, i) ? index->index.names[i] : "";
}

const float *tacit_index_embedding(const tacit_index *index, int64_t i)
{
    const matrix unit = index->index.unit;
    return is_row(index, i) ? unit.data + i * unit.columns : NULL;
}

int32_t tacit_index_label(const tacit_index *index, int64_t i)
{
    return is_row(index, i) && index->index.labels ? index->index.labels[i] : -1;
}

const char *tacit_index_label_name(const tacit_index *index, int32_t label)
{
    return label >= 0 && label < index->index.label_count ? index->index.label_names[label] : "";
}

/* ---- searching ---- */

/* A scan reads the index once for a few queries; many are worth the copy that matrix products ask for. */
static tacit_status search(const tacit_index *index, matrix queries, int k, int32_t *rows, float *similarity)
{
    work *w = index->model->work;
    if (queries.rows > SCANNED_QUERIES)
        return neighbours_find(w, queries, index->index.unit, k, rows, similarity);
    float *unit = memory_alloc(w->context, (size_t)queries.rows, (size_t)queries.columns * sizeof *unit);
    if (!unit)
        return TACIT_NOMEM;
    tacit_status status = unit_rows(w, "queries", queries, unit);
    if (status == TACIT_OK)
        status = search_nearest(w, (matrix){queries.rows, queries.columns, unit}, index->index.unit, k, rows,
                                similarity);
    memory_free(w->context, unit);
    return status;
}

tacit_status tacit_index_search(const tacit_index *index, const float *queries, int64_t query_count, int k,
                                int32_t *rows, float *similarity)
{
    tacit_context *context = index->model->context;
    const matrix unit = index->index.unit;
    context_begin(context);
    if (query_count < 0 || k < 1 || k > unit.rows)
        return context_fail(context, TACIT_ARGUMENT,
                            "search: the %d nearest of %" PRId64 " examples: expected 1 to all of them", k,
                            unit.rows);
    return search(index, (matrix){query_count, unit.columns, queries}, k, rows, similarity);
}

/* ---- files ---- */

/* What is saved. */
typedef struct finding {
    const dataset *data, *queries;
    const int64_t *query;
    int64_t count;
    int k;
    const int32_t *rows;
    const float *similarity;
} finding;

static tacit_status check_finding(tacit_context *context, const finding *f)
{
    bool inside = f->count >= 0 && f->k >= 1;
    for (int64_t q = 0; inside && q < f->count; q++)
        inside = f->query[q] >= 0 && f->query[q] < f->queries->count;
    for (int64_t i = 0; inside && i < f->count * f->k; i++)
        inside = f->rows[i] >= 0 && f->rows[i] < f->data->count;
    return inside ? TACIT_OK
                  : context_fail(context, TACIT_ARGUMENT, "search: a query or a result is no example");
}

static tacit_status save_results(tacit_context *context, const finding *f, const char *folder)
{
    file_writer w;
    char name[1024];
    char *path = path_join(context, folder, "results.csv");
    if (!path)
        return TACIT_NOMEM;
    const tacit_status status = file_writer_open(&w, context, path);
    memory_free(context, path);
    TRY(status);
    file_writer_print(&w, "query,rank,name,label,similarity\n");
    for (int64_t i = 0; i < f->count * f->k; i++) {
        dataset_name(f->queries, f->query[i / f->k], name, sizeof name);
        export_quoted(&w, name);
        file_writer_print(&w, ",%d,", (int)(i % f->k) + 1);
        export_names(&w, f->data, f->rows[i]);
        file_writer_print(&w, "%.9g\n", (double)f->similarity[i]);
    }
    return file_writer_commit(&w);
}

static tacit_status save_sheet(tacit_model *model, const finding *f, const embedded *data,
                               const embedded *queries, const char *folder)
{
    static const char *const titles[SHEET_COLUMNS] = {"query", "nearest", "", "", "", "", "", "", "", "", ""};
    const int rows = f->count < SHEET_ROWS ? (int)f->count : SHEET_ROWS;
    const int columns = f->k + 1 < SHEET_COLUMNS ? f->k + 1 : SHEET_COLUMNS;
    sheet_cell cells[SHEET_ROWS * SHEET_COLUMNS];
    for (int q = 0; q < rows; q++) {
        cells[q * columns] = (sheet_cell){queries->views, f->query[q]};
        for (int i = 1; i < columns; i++)
            cells[q * columns + i] = (sheet_cell){data->views, f->rows[q * f->k + i - 1]};
    }
    return embedded_sheet(model, cells, rows, columns, titles, folder, "results.png");
}

tacit_status tacit_search_save(tacit_model *model, const tacit_dataset *data, const tacit_dataset *queries,
                               const int64_t *query, int64_t query_count, int k, const int32_t *rows,
                               const float *similarity, const char *folder)
{
    tacit_context *context = model->context;
    const finding f = {data->data, queries->data, query, query_count, k, rows, similarity};
    embedded shown = {.model = NULL}, asking = {.model = NULL};
    context_begin(context);
    TRY(check_finding(context, &f));
    TRY(folder_create(context, folder));
    TRY(save_results(context, &f, folder));
    tacit_status status = embedded_open(&shown, model, data, -1);
    if (status == TACIT_OK)
        status = embedded_open(&asking, model, queries, -1);
    if (status == TACIT_OK && query_count > 0)
        status = save_sheet(model, &f, &shown, &asking, folder);
    embedded_close(&shown);
    embedded_close(&asking);
    return status;
}

/* ---- measuring ---- */

tacit_retrieval_options tacit_retrieval_options_default(void)
{
    return (tacit_retrieval_options){.k = 10, .queries = 2000, .seed = 1, .baselines = true};
}

static tacit_status measure(const embedded *e, matrix x, const int32_t *labels,
                            const tacit_retrieval_options *o, tacit_retrieval_score *out, retrieval *counts)
{
    TRY(retrieval_measure(e->model->work, x, labels, o->k, o->queries, o->seed, counts));
    *out = (tacit_retrieval_score){counts->precision, counts->average_precision};
    return TACIT_OK;
}

static tacit_status measure_all(embedded *e, const int32_t *labels, const tacit_index *index,
                                const tacit_retrieval_options *o, tacit_retrieval *out,
                                void (*stage)(void *user, const char *what), void *user)
{
    retrieval counts;
    if (stage)
        stage(user, "search by embeddings");
    if (!index)
        TRY(embedded_run(e));
    TRY(measure(e, index ? index->index.unit : embedded_matrix(e), labels, o, &out->learnt, &counts));
    out->queries = counts.queries;
    out->left_out = counts.left_out;
    if (!o->baselines)
        return TACIT_OK;
    handle_tell_raw(stage, user, e->model, "search by ", "");
    TRY(embedded_pixels(e));
    TRY(measure(e, embedded_matrix(e), labels, o, &out->pixels, &counts));
    if (stage)
        stage(user, "search by the untrained encoder");
    TRY(embedded_untrained(e));
    return measure(e, embedded_matrix(e), labels, o, &out->untrained, &counts);
}

tacit_status tacit_measure_search(tacit_model *model, const tacit_dataset *data, const tacit_index *index,
                                  const tacit_retrieval_options *options, tacit_retrieval *out,
                                  void (*stage)(void *user, const char *what), void *user)
{
    embedded e;
    const tacit_retrieval_options standard = tacit_retrieval_options_default();
    const tacit_retrieval_options *o = options ? options : &standard;
    const tacit_retrieval_score none = {(double)NAN, (double)NAN};
    context_begin(model->context);
    *out = (tacit_retrieval){.count = data->data->count, .learnt = none, .pixels = none, .untrained = none};
    if (!data->data->labels)
        return context_fail(model->context, TACIT_ARGUMENT,
                            "the data have no labels: there is nothing to measure the search against");
    if (o->queries < 1 || (index && index->index.unit.rows != data->data->count))
        return context_fail(model->context, TACIT_ARGUMENT,
                            "search: %" PRId64 " queries, %" PRId64 " examples: expected 1 or more queries, "
                            "and an index of the data",
                            o->queries, data->data->count);
    tacit_status status = embedded_open(&e, model, data, -1);
    if (status == TACIT_OK)
        status = measure_all(&e, data->data->labels, index, o, out, stage, user);
    if (status == TACIT_CANCELLED)
        model->context->cancelled = 0;
    embedded_close(&e);
    return status;
}
