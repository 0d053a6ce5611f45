/* `tacit verify`: same or different, for pairs of pictures. */
#include "fit.h"

#include <math.h>
#include <stdlib.h>

enum { NAME_SIZE = 1024 };

static const tacit_option rows[] = {
    {"pairs-from-labels", TACIT_OPTION_WHOLE, 1, 1e9, NULL, NULL, "pairs",
     "draw N pairs of one label and N of two from labelled DATA, in folds that share no label", "verify"},
    {"threshold", TACIT_OPTION_NUMBER, -1, 1, NULL, NULL, "",
     "similarity from which on a pair is called the same: answers each pair", "verify"},
    {"folds", TACIT_OPTION_WHOLE, 2, 1000, NULL, "10", "folds",
     "of pairs; the threshold of each is chosen on the others", "verify"},
    OPTION_FIT("verify"),
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "CSV of the pairs with similarity and answer",
     "verify"},
    {"quick", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out raw pixels and the untrained encoder",
     "verify"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, "train", "", "part of DATA, where it has parts", "verify"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "",
     "of the pairs and folds, also those of --fit", "verify"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N of DATA and of --fit only; 0: all",
     "verify"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "",
     "leave out unreadable examples of DATA and --fit and list them", "verify"},
    OPTIONS_TABLE("verify"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* All that one comparison takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *data; /* NULL: of the pairs */
    tacit_dataset *fit;  /* NULL: none */
    tacit_pairs *pairs;
    tacit_verification result;
    double *similarity; /* (pairs) */
    double threshold;   /* NAN: not given */
} work;

/* ---- the result ---- */

static void print_share(double share)
{
    if (isfinite(share))
        printf("%20.3f", share);
    else
        printf("%20s", "-");
}

static void print_row(const char *name, double learnt, double pixels, double untrained, bool baselines)
{
    printf("%-20s", name);
    print_share(learnt);
    if (baselines) {
        print_share(pixels);
        print_share(untrained);
    }
    putchar('\n');
}

static void print_accuracy(const tacit_verify_score *s)
{
    char text[40];
    snprintf(text, sizeof text, "%.3f +- %.3f", s->accuracy, s->deviation);
    printf("%20s", text);
}

static void print_fit(const tacit_model *model, const tacit_verification *r, bool baselines)
{
    const tacit_verify_score *u = &r->unfitted;
    if (r->fit.examples == 0)
        return;
    fit_print(model, &r->fit, baselines);
    printf("this model without the fit: accuracy %.3f +- %.3f, equal error rate %.3f, AUROC %.3f\n",
           u->accuracy, u->deviation, u->eer, u->auroc);
}

static void print_measures(const tacit_model *model, const tacit_verification *r)
{
    char all[COUNT_TEXT], same[COUNT_TEXT];
    const tacit_verify_score *a = &r->learnt, *b = &r->pixels, *c = &r->untrained;
    const bool baselines = isfinite(b->accuracy);
    printf("%s pairs, %s of them the same; %d folds%s\n\n%-20s%20s", count_text(r->count, all),
           count_text(r->same, same), (int)r->folds,
           r->apart ? " that share nothing" : ", which share pictures", "", "this model");
    if (baselines)
        printf("%20s%20s", raw_name(model), "untrained encoder");
    printf("\n%-20s", "accuracy");
    print_accuracy(a);
    if (baselines) {
        print_accuracy(b);
        print_accuracy(c);
    }
    putchar('\n');
    print_row("equal error rate", a->eer, b->eer, c->eer, baselines);
    print_row("AUROC", a->auroc, b->auroc, c->auroc, baselines);
    print_row("TAR at FAR 0.01", a->tar_2, b->tar_2, c->tar_2, baselines);
    print_row("TAR at FAR 0.001", a->tar_3, b->tar_3, c->tar_3, baselines);
    print_fit(model, r, baselines);
    printf("\nFor new pairs: --threshold %.4f\n", a->threshold);
}

static void print_answers(const work *w)
{
    char name[NAME_SIZE];
    const tacit_dataset *data = tacit_pairs_data(w->pairs);
    printf("%-10s%12s  %s\n", "answer", "similarity", "pair");
    for (int64_t i = 0; i < tacit_pairs_count(w->pairs); i++) {
        const tacit_pair p = tacit_pairs_at(w->pairs, i);
        tacit_dataset_name(data, p.first, name, sizeof name);
        printf("%-10s%12.4f  %s", w->similarity[i] >= w->threshold ? "same" : "different", w->similarity[i],
               name);
        tacit_dataset_name(data, p.second, name, sizeof name);
        printf("  %s\n", name);
    }
}

static json_t *describe_score(const tacit_verify_score *s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "accuracy", json_known(s->accuracy), "deviation",
                     json_known(s->deviation), "eer", json_known(s->eer), "auroc", json_known(s->auroc),
                     "tar_at_far_0.01", json_known(s->tar_2), "tar_at_far_0.001", json_known(s->tar_3),
                     "threshold", json_known(s->threshold));
}

static json_t *describe(const tacit_model *model, const tacit_verification *r)
{
    return json_pack("{s:I, s:I, s:i, s:b, s:o, s:o, s:o, s:o, s:o}", "pairs", (json_int_t)r->count, "same",
                     (json_int_t)r->same, "folds", (int)r->folds, "folds_apart", (int)r->apart, "model",
                     describe_score(&r->learnt), raw_key(model), describe_score(&r->pixels), "untrained",
                     describe_score(&r->untrained), "fit", fit_describe(&r->fit), "model_without_fit",
                     describe_score(&r->unfitted));
}

static json_t *describe_answer(const work *w, int64_t i)
{
    char first[NAME_SIZE], second[NAME_SIZE];
    const tacit_pair p = tacit_pairs_at(w->pairs, i);
    tacit_dataset_name(tacit_pairs_data(w->pairs), p.first, first, sizeof first);
    tacit_dataset_name(tacit_pairs_data(w->pairs), p.second, second, sizeof second);
    return json_pack("{s:s, s:s, s:f, s:b}", "first", first, "second", second, "similarity", w->similarity[i],
                     "same", (int)(w->similarity[i] >= w->threshold));
}

/* One object for each answer, then one for the measures, where there are any. */
static int write_json(const work *w)
{
    const int64_t answers = isfinite(w->threshold) ? tacit_pairs_count(w->pairs) : 0;
    int status = 0;
    for (int64_t i = 0; status == 0 && i < answers; i++)
        status = json_line(describe_answer(w, i));
    if (status == 0 && isfinite(w->result.learnt.accuracy))
        status = json_line(describe(w->model, &w->result));
    return status ? session_broken(w->session, "the result could not be written") : DONE;
}

static int show(const work *w)
{
    session *s = w->session;
    const bool measured = isfinite(w->result.learnt.accuracy), answered = isfinite(w->threshold);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return write_json(w);
    if (answered)
        print_answers(w);
    if (answered && measured)
        putchar('\n');
    if (measured)
        print_measures(w->model, &w->result);
    else
        fit_print(w->model, &w->result.fit, false);
    return DONE;
}

/* ---- the command ---- */

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static int compare(work *w)
{
    session *s = w->session;
    const char *path = command_line_text(&s->line, "output");
    const tacit_verify_options options = {.folds = (int32_t)command_line_whole(&s->line, "folds"),
                                          .seed = (uint64_t)command_line_whole(&s->line, "seed"),
                                          .baselines = !command_line_flag(&s->line, "quick"),
                                          .fit = w->fit};
    if (tacit_pairs_at(w->pairs, 0).same < 0 && !isfinite(w->threshold))
        return session_broken(s,
                              "%s: does not say which pairs are the same: expected a third column of 0 or "
                              "1, or --threshold",
                              s->line.operands[1]);
    w->similarity = calloc((size_t)tacit_pairs_count(w->pairs), sizeof *w->similarity);
    if (!w->similarity)
        return session_broken(s, "out of memory");
    tacit_status status =
        tacit_verify(w->model, w->pairs, &options, w->similarity, &w->result, hear_stage, &s->progress);
    const double threshold = isfinite(w->threshold) ? w->threshold : w->result.learnt.threshold;
    if (status == TACIT_OK && path)
        status = tacit_verify_save(w->pairs, w->similarity, threshold, path);
    return status == TACIT_OK ? show(w) : session_fail(s, status);
}

static tacit_status open_pairs(work *w)
{
    session *s = w->session;
    const int64_t same = command_line_whole(&s->line, "pairs-from-labels");
    if (same == 0)
        return tacit_pairs_read(&w->pairs, s->context, s->line.operands[1]);
    const tacit_dataset_options options = fit_data_options(s, w->model, command_line_text(&s->line, "split"));
    const tacit_status status = tacit_dataset_open(&w->data, s->context, s->line.operands + 1, 1, &options);
    if (status != TACIT_OK)
        return status;
    return tacit_pairs_draw(&w->pairs, w->data, same, (int32_t)command_line_whole(&s->line, "folds"),
                            (uint64_t)command_line_whole(&s->line, "seed"));
}

static int run(session *s)
{
    work w = {.session = s, .threshold = (double)NAN};
    if (command_line_given(&s->line, "threshold"))
        w.threshold = command_line_number(&s->line, "threshold");
    tacit_status status = tacit_model_open(&w.model, s->context, s->line.operands[0]);
    if (status == TACIT_OK)
        status = open_pairs(&w);
    if (status == TACIT_OK)
        status = fit_open(s, &w.fit, w.model);
    const int code = status == TACIT_OK ? compare(&w) : session_fail(s, status);
    free(w.similarity);
    tacit_pairs_close(w.pairs);
    tacit_dataset_close(w.data);
    tacit_dataset_close(w.fit);
    tacit_model_close(w.model);
    return code;
}

int cmd_verify(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
