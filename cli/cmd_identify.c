/* `tacit identify`: who is it? The nearest label of a gallery for each probe. */
#include "fit.h"

#include <math.h>
#include <stdlib.h>

enum { TOP = 20, NAME_SIZE = 1024 };

static const tacit_option rows[] = {
    {"threshold", TACIT_OPTION_NUMBER, -1, 1, NULL, NULL, "",
     "similarity below which the answer is unknown; `tacit verify` finds one", "identify"},
    OPTION_FIT("identify"),
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "CSV of all answers: name, label, answer, similarity, nearest example", "identify"},
    {"quick", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out raw pixels and the untrained encoder",
     "identify"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "", "of the folds of --fit", "identify"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N of each data set only; 0: all",
     "identify"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "identify"},
    OPTIONS_TABLE("identify"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* All that one identification takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *gallery, *probes;
    tacit_dataset *fit; /* NULL: none */
    tacit_identify_options options;
    tacit_identification result;
    int32_t *label;    /* (N, TACIT_RANKS) */
    float *similarity; /* (N, TACIT_RANKS) */
    int64_t *nearest;  /* (N, TACIT_RANKS) */
} work;

/* ---- the result ---- */

static const char *answer_of(const work *w, int64_t probe, char out[NAME_SIZE])
{
    const int32_t label = w->label[probe * TACIT_RANKS];
    const char *name = tacit_dataset_label_name(w->gallery, label);
    snprintf(out, NAME_SIZE, "%s", name);
    if (!*name)
        snprintf(out, NAME_SIZE, "%d", (int)label);
    if ((double)w->similarity[probe * TACIT_RANKS] < w->options.threshold)
        snprintf(out, NAME_SIZE, "unknown");
    return out;
}

static void print_answers(const work *w)
{
    char name[NAME_SIZE], answer[NAME_SIZE];
    const int64_t count = w->result.probes, shown = count < TOP ? count : TOP;
    printf("\n%-24s%12s  %s\n", "answer", "similarity", "probe");
    for (int64_t i = 0; i < shown; i++) {
        tacit_dataset_name(w->probes, i, name, sizeof name);
        printf("%-24s%12.4f  %s\n", answer_of(w, i, answer), (double)w->similarity[i * TACIT_RANKS], name);
    }
    if (shown < count)
        printf("... and %lld more: -o FILE has all\n", (long long)(count - shown));
}

static void print_row(const char *name, double learnt, double pixels, double untrained)
{
    printf("%-20s%14.3f", name, learnt);
    if (isfinite(pixels))
        printf("%14.3f%20.3f", pixels, untrained);
    putchar('\n');
}

static void print_fit(const tacit_model *model, const tacit_identification *r)
{
    if (r->fit.examples == 0)
        return;
    fit_print(model, &r->fit, isfinite(r->pixels.rank_1));
    if (r->known > 0)
        printf("this model without the fit: rank 1 %.3f, rank 5 %.3f\n", r->unfitted.rank_1,
               r->unfitted.rank_5);
}

static void print_measures(const tacit_model *model, const tacit_identification *r)
{
    char a[COUNT_TEXT], b[COUNT_TEXT], c[COUNT_TEXT];
    printf("%s probes beside a gallery of %s examples with %d labels\n", count_text(r->probes, a),
           count_text(r->gallery, b), (int)r->classes);
    if (r->known > 0) {
        printf("\n%-20s%14s", "", "this model");
        if (isfinite(r->pixels.rank_1))
            printf("%14s%20s", raw_name(model), "untrained encoder");
        putchar('\n');
        print_row("rank 1", r->learnt.rank_1, r->pixels.rank_1, r->untrained.rank_1);
        print_row("rank 5", r->learnt.rank_5, r->pixels.rank_5, r->untrained.rank_5);
    }
    print_fit(model, r);
    if (r->known + r->strangers > 0)
        printf("\n%s are known by their label, %s are strangers to the gallery\n", count_text(r->known, a),
               count_text(r->strangers, b));
    if (r->unknown > 0) {
        printf("%s called unknown", count_text(r->unknown, c));
        if (isfinite(r->known_refused))
            printf("; %.3f of the known", r->known_refused);
        if (isfinite(r->strangers_refused))
            printf("; %.3f of the strangers", r->strangers_refused);
        putchar('\n');
    }
}

static json_t *describe_score(const tacit_identify_score *s)
{
    return json_pack("{s:o, s:o}", "rank_1", json_known(s->rank_1), "rank_5", json_known(s->rank_5));
}

static json_t *describe(const work *w)
{
    char name[NAME_SIZE], answer[NAME_SIZE];
    const tacit_identification *r = &w->result;
    json_t *list = json_array();
    for (int64_t i = 0; i < r->probes; i++) {
        tacit_dataset_name(w->probes, i, name, sizeof name);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:f}", "name", name, "answer", answer_of(w, i, answer),
                                        "similarity", (double)w->similarity[i * TACIT_RANKS]));
    }
    return json_pack("{s:I, s:I, s:i, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "probes",
                     (json_int_t)r->probes, "gallery", (json_int_t)r->gallery, "labels", (int)r->classes,
                     "known", (json_int_t)r->known, "strangers", (json_int_t)r->strangers, "unknown",
                     (json_int_t)r->unknown, "known_refused", json_known(r->known_refused),
                     "strangers_refused", json_known(r->strangers_refused), "model",
                     describe_score(&r->learnt), raw_key(w->model), describe_score(&r->pixels), "untrained",
                     describe_score(&r->untrained), "fit", fit_describe(&r->fit), "model_without_fit",
                     describe_score(&r->unfitted), "answers", list);
}

/* ---- the command ---- */

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static int identify(work *w)
{
    session *s = w->session;
    const char *path = command_line_text(&s->line, "output");
    tacit_dataset_info info;
    tacit_dataset_get_info(w->probes, &info);
    const size_t count = (size_t)info.count * TACIT_RANKS;
    w->label = calloc(count, sizeof *w->label);
    w->similarity = calloc(count, sizeof *w->similarity);
    w->nearest = calloc(count, sizeof *w->nearest);
    if (!w->label || !w->similarity || !w->nearest)
        return session_broken(s, "out of memory: use --limit");
    tacit_status status = tacit_identify(w->model, w->gallery, w->probes, &w->options, w->label,
                                         w->similarity, w->nearest, &w->result, hear_stage, &s->progress);
    if (status == TACIT_OK && path)
        status = tacit_identify_save(w->gallery, w->probes, w->options.threshold, w->label, w->similarity,
                                     w->nearest, path);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(w)) ? session_broken(s, "the result could not be written") : DONE;
    print_measures(w->model, &w->result);
    print_answers(w);
    return DONE;
}

static tacit_status open_all(work *w)
{
    session *s = w->session;
    tacit_status status = tacit_model_open(&w->model, s->context, s->line.operands[0]);
    if (status != TACIT_OK)
        return status;
    const tacit_dataset_options options = fit_data_options(s, w->model, NULL);
    status = tacit_dataset_open(&w->gallery, s->context, s->line.operands + 1, 1, &options);
    if (status == TACIT_OK)
        status = tacit_dataset_open(&w->probes, s->context, s->line.operands + 2, 1, &options);
    if (status == TACIT_OK)
        status = fit_open(s, &w->fit, w->model);
    w->options.fit = w->fit;
    return status;
}

static int run(session *s)
{
    work w = {.session = s, .options = tacit_identify_options_default()};
    w.options.baselines = !command_line_flag(&s->line, "quick");
    w.options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    if (command_line_given(&s->line, "threshold"))
        w.options.threshold = command_line_number(&s->line, "threshold");
    const tacit_status status = open_all(&w);
    const int code = status == TACIT_OK ? identify(&w) : session_fail(s, status);
    free(w.label);
    free(w.similarity);
    free(w.nearest);
    tacit_dataset_close(w.gallery);
    tacit_dataset_close(w.probes);
    tacit_dataset_close(w.fit);
    tacit_model_close(w.model);
    return code;
}

int cmd_identify(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
