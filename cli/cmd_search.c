/* `tacit search`: the examples nearest to a picture, and what search is worth where there are labels. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 1024 };

static const tacit_option rows[] = {
    {"neighbours", TACIT_OPTION_WHOLE, 1, 1000, NULL, "10", "examples", "to find for each query", "search"},
    {"row", TACIT_OPTION_WHOLE, 0, 9e15, NULL, NULL, "",
     "example of DATA, counted from 0, as the query; it does not find itself", "search"},
    {"all", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "",
     "measure: examples of labelled DATA ask for the others with their label", "search"},
    {"index", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "file that keeps the embeddings of DATA: read where it exists, else written", "search"},
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder for results.csv and results.png (each query beside its results)", "search"},
    {"queries", TACIT_OPTION_WHOLE, 1, 9e15, NULL, "2000", "examples", "that ask with --all, at the most",
     "search"},
    {"quick", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "",
     "with --all: leave out raw pixels and the untrained encoder", "search"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, "train", "", "part of DATA, where it has parts", "search"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "", "of which examples ask with --all",
     "search"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N of DATA only; 0: all", "search"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "search"},
    OPTIONS_TABLE("search"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* All that one search takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *data, *queries; /* queries NULL: of data */
    tacit_index *index;
    tacit_index_info info;
    int64_t *query; /* (count): examples of queries, or of data */
    int64_t count;
    int k;
    int32_t *rows;     /* (count, k) */
    float *similarity; /* (count, k) */
    float *asking;     /* (count, D) */
} work;

/* ---- results ---- */

static const char *query_name(const work *w, int64_t q, char out[NAME_SIZE])
{
    tacit_dataset_name(w->queries ? w->queries : w->data, w->query[q], out, NAME_SIZE);
    return out;
}

static const char *label_of(const work *w, int32_t row)
{
    return tacit_index_label_name(w->index, tacit_index_label(w->index, row));
}

static void print_results(const work *w)
{
    char name[NAME_SIZE], text[BESIDE_SIZE];
    for (int64_t q = 0; q < w->count; q++) {
        printf("%sthe %d of %lld examples nearest to %s%s\n\n%5s%12s  %-20s  %s\n", q ? "\n" : "", w->k,
               (long long)w->info.count, query_name(w, q, name),
               text_beside(w->queries ? w->queries : w->data, w->query[q], text), "rank", "similarity",
               w->info.classes ? "label" : "", "name");
        for (int i = 0; i < w->k; i++) {
            const int32_t row = w->rows[q * w->k + i];
            printf("%5d%12.4f  %-20s  %s%s\n", i + 1, (double)w->similarity[q * w->k + i], label_of(w, row),
                   tacit_index_name(w->index, row), text_beside(w->data, row, text));
        }
    }
}

static json_t *describe_query(const work *w, int64_t q)
{
    char name[NAME_SIZE];
    json_t *list = json_array();
    for (int64_t i = q * w->k; i < (q + 1) * w->k; i++) {
        const int32_t row = w->rows[i];
        json_array_append_new(list, json_pack("{s:I, s:s, s:o, s:f}", "row", (json_int_t)row, "name",
                                              tacit_index_name(w->index, row), "label",
                                              w->info.classes ? json_string(label_of(w, row)) : json_null(),
                                              "similarity", (double)w->similarity[i]));
    }
    return json_pack("{s:s, s:o}", "query", query_name(w, q, name), "results", list);
}

static int show_results(const work *w)
{
    session *s = w->session;
    progress_clear(&s->progress);
    if (!command_line_flag(&s->line, "json")) {
        print_results(w);
        return DONE;
    }
    for (int64_t q = 0; q < w->count; q++)
        if (json_line(describe_query(w, q)))
            return session_broken(s, "the result could not be written");
    return DONE;
}

/* ---- searching ---- */

/* An example is no result of its own query: of its k + 1 nearest it leaves, or the last. */
static void leave_out_self(work *w)
{
    int kept = 0;
    for (int i = 0; i <= w->k && kept < w->k; i++) {
        if (w->rows[i] == w->query[0])
            continue;
        w->rows[kept] = w->rows[i];
        w->similarity[kept++] = w->similarity[i];
    }
}

static tacit_status embed_queries(work *w)
{
    if (w->queries)
        return tacit_model_embed(w->model, w->queries, 0, w->count, w->asking, NULL, NULL);
    memcpy(w->asking, tacit_index_embedding(w->index, w->query[0]),
           sizeof *w->asking * (size_t)w->info.dimension);
    return TACIT_OK;
}

static int search(work *w)
{
    session *s = w->session;
    const char *folder = command_line_text(&s->line, "output");
    const int wanted = w->k + !w->queries;
    const size_t found = (size_t)w->count * (size_t)wanted;
    w->rows = calloc(found, sizeof *w->rows);
    w->similarity = calloc(found, sizeof *w->similarity);
    w->asking = calloc((size_t)w->count, (size_t)w->info.dimension * sizeof *w->asking);
    if (!w->rows || !w->similarity || !w->asking)
        return session_broken(s, "out of memory");
    tacit_status status = embed_queries(w);
    if (status == TACIT_OK)
        status = tacit_index_search(w->index, w->asking, w->count, wanted, w->rows, w->similarity);
    if (status != TACIT_OK)
        return session_fail(s, status);
    if (!w->queries)
        leave_out_self(w);
    if (folder)
        status = tacit_search_save(w->model, w->data, w->queries ? w->queries : w->data, w->query, w->count,
                                   w->k, w->rows, w->similarity, folder);
    return status == TACIT_OK ? show_results(w) : session_fail(s, status);
}

/* ---- measuring ---- */

static void print_row(const char *name, double learnt, double pixels, double untrained)
{
    printf("%-20s%14.3f", name, learnt);
    if (isfinite(pixels))
        printf("%14.3f%20.3f", pixels, untrained);
    putchar('\n');
}

static void print_measures(const tacit_model *model, const tacit_retrieval *r, int k)
{
    char all[COUNT_TEXT], asked[COUNT_TEXT], name[40];
    printf("%s of %s examples ask for the others with their label", count_text(r->queries, asked),
           count_text(r->count, all));
    if (r->left_out)
        printf("; %s are the only one with theirs", count_text(r->left_out, asked));
    printf("\n\n%-20s%14s", "", "this model");
    if (isfinite(r->pixels.precision))
        printf("%14s%20s", raw_name(model), "untrained encoder");
    putchar('\n');
    snprintf(name, sizeof name, "precision at %d", k);
    print_row(name, r->learnt.precision, r->pixels.precision, r->untrained.precision);
    print_row("mean average prec.", r->learnt.average_precision, r->pixels.average_precision,
              r->untrained.average_precision);
}

static json_t *describe_score(const tacit_retrieval_score *s)
{
    return json_pack("{s:o, s:o}", "precision", json_known(s->precision), "mean_average_precision",
                     json_known(s->average_precision));
}

static json_t *describe_measures(const tacit_model *model, const tacit_retrieval *r, int k)
{
    return json_pack("{s:I, s:I, s:I, s:i, s:o, s:o, s:o}", "examples", (json_int_t)r->count, "queries",
                     (json_int_t)r->queries, "left_out", (json_int_t)r->left_out, "k", k, "model",
                     describe_score(&r->learnt), raw_key(model), describe_score(&r->pixels), "untrained",
                     describe_score(&r->untrained));
}

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static int measure(const work *w)
{
    session *s = w->session;
    tacit_retrieval result;
    const tacit_retrieval_options options = {.k = w->k,
                                             .queries = command_line_whole(&s->line, "queries"),
                                             .seed = (uint64_t)command_line_whole(&s->line, "seed"),
                                             .baselines = !command_line_flag(&s->line, "quick")};
    const tacit_status status =
        tacit_measure_search(w->model, w->data, w->index, &options, &result, hear_stage, &s->progress);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe_measures(w->model, &result, w->k))
                   ? session_broken(s, "the result could not be written")
                   : DONE;
    print_measures(w->model, &result, w->k);
    return DONE;
}

/* ---- the command ---- */

/* The file of --index where there is one, else a new index, which is kept there. */
static tacit_status open_index(work *w)
{
    const char *path = command_line_text(&w->session->line, "index");
    if (path && access(path, F_OK) == 0)
        return tacit_index_open(&w->index, w->model, w->data, path);
    progress_stage(&w->session->progress, "embeddings");
    tacit_status status = tacit_index_create(&w->index, w->model, w->data);
    if (status == TACIT_OK && path)
        status = tacit_index_save(w->index, path);
    return status;
}

static tacit_status open_all(work *w)
{
    session *s = w->session;
    tacit_status status = tacit_model_open(&w->model, s->context, s->line.operands[0]);
    if (status != TACIT_OK)
        return status;
    tacit_dataset_options options = session_data_options(s, w->model, command_line_text(&s->line, "split"));
    status = tacit_dataset_open(&w->data, s->context, s->line.operands + 1, 1, &options);
    options = tacit_model_dataset_options(w->model);
    if (status == TACIT_OK && s->line.operand_count > 2)
        status = tacit_dataset_open(&w->queries, s->context, s->line.operands + 2,
                                    (int)s->line.operand_count - 2, &options);
    return status == TACIT_OK ? open_index(w) : status;
}

/* Which examples ask. */
static int choose_queries(work *w)
{
    session *s = w->session;
    tacit_dataset_info info = {.count = 1};
    tacit_index_get_info(w->index, &w->info);
    if (w->queries)
        tacit_dataset_get_info(w->queries, &info);
    w->count = info.count;
    w->query = calloc((size_t)w->count, sizeof *w->query);
    if (!w->query)
        return session_broken(s, "out of memory");
    for (int64_t q = 0; q < w->count; q++)
        w->query[q] = w->queries ? q : command_line_whole(&s->line, "row");
    if (!w->queries && w->query[0] >= w->info.count)
        return session_broken(s, "--row %lld: the data have %lld examples, counted from 0",
                              (long long)w->query[0], (long long)w->info.count);
    if (w->k + !w->queries > w->info.count)
        return session_broken(s, "--neighbours %d: there are %lld examples to find", w->k,
                              (long long)(w->info.count - !w->queries));
    return DONE;
}

static int open_and_search(work *w)
{
    session *s = w->session;
    const tacit_status status = open_all(w);
    if (status != TACIT_OK)
        return session_fail(s, status);
    if (command_line_flag(&s->line, "all"))
        return measure(w);
    const int code = choose_queries(w);
    return code == DONE ? search(w) : code;
}

static int run(session *s)
{
    work w = {.session = s, .k = (int)command_line_whole(&s->line, "neighbours")};
    const int asked = (s->line.operand_count > 2) + command_line_given(&s->line, "row") +
                      command_line_flag(&s->line, "all");
    if (asked != 1)
        return session_misused(s, "search: expected one of QUERY (picture files), --row N, --all");
    const int code = open_and_search(&w);
    free(w.query);
    free(w.rows);
    free(w.similarity);
    free(w.asking);
    tacit_index_close(w.index);
    tacit_dataset_close(w.queries);
    tacit_dataset_close(w.data);
    tacit_model_close(w.model);
    return code;
}

int cmd_search(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
