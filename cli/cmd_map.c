/* `tacit map`: examples laid out in two dimensions, and how far that can be believed. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>

static const tacit_option rows[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder for map.csv, map.png (thumbnails), points.png and pca.png (dots by label)", "map"},
    {"perplexity", TACIT_OPTION_NUMBER, 1, 10000, NULL, "30", "examples",
     "that each is kept near to, in effect; at most a third of all", "map"},
    {"iterations", TACIT_OPTION_WHOLE, 1, 1000000, NULL, "1000", "iterations", "of t-SNE", "map"},
    {"theta", TACIT_OPTION_NUMBER, 0, 1, NULL, "0.5", "",
     "how coarsely what is far away is taken together; 0: not at all, which takes time by the square", "map"},
    {"neighbours", TACIT_OPTION_WHOLE, 1, 1000, NULL, "12", "examples",
     "by which trustworthiness and continuity are measured", "map"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, "train", "", "part of the data, where it has parts", "map"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "",
     "of which examples are measured, where there are more than 5,000; the map has no chance in it", "map"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N only; 0: all", "map"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "map"},
    OPTIONS_TABLE("map"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* All that one map takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *data;
    tacit_map_options options;
    tacit_mapping result;
    double *pca, *tsne; /* (N, 2) */
} work;

static void print_measures(const work *w)
{
    char count[COUNT_TEXT];
    const tacit_mapping *r = &w->result;
    printf("%s examples, t-SNE with perplexity %g\n\n", count_text(r->count, count), r->perplexity);
    if (!isfinite(r->tsne.trustworthiness)) {
        printf("Too few examples to measure the map by %d neighbours.\n", w->options.neighbours);
        return;
    }
    printf("%-20s%20s%20s\n", "", "t-SNE", "PCA");
    printf("%-20s%20.3f%20.3f\n", "trustworthiness", r->tsne.trustworthiness, r->pca.trustworthiness);
    printf("%-20s%20.3f%20.3f\n", "continuity", r->tsne.continuity, r->pca.continuity);
    printf(
        "\nTrustworthiness: whether the %d nearest on the map are near in truth; continuity: the other way\n"
        "round. Distances between far groups, and how large they look, mean little on a t-SNE map.\n",
        w->options.neighbours);
}

static json_t *describe_measure(const tacit_map_measure *m)
{
    return json_pack("{s:o, s:o}", "trustworthiness", json_known(m->trustworthiness), "continuity",
                     json_known(m->continuity));
}

static json_t *describe(const work *w)
{
    const tacit_mapping *r = &w->result;
    return json_pack("{s:I, s:f, s:i, s:o, s:o}", "examples", (json_int_t)r->count, "perplexity",
                     r->perplexity, "neighbours", w->options.neighbours, "tsne", describe_measure(&r->tsne),
                     "pca", describe_measure(&r->pca));
}

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static int make_map(work *w)
{
    session *s = w->session;
    const char *folder = command_line_text(&s->line, "output");
    tacit_dataset_info info;
    tacit_dataset_get_info(w->data, &info);
    w->pca = calloc((size_t)info.count + 1, 2 * sizeof *w->pca);
    w->tsne = calloc((size_t)info.count + 1, 2 * sizeof *w->tsne);
    if (!w->pca || !w->tsne)
        return session_broken(s, "out of memory: use --limit");
    tacit_status status =
        tacit_map(w->model, w->data, &w->options, w->pca, w->tsne, &w->result, hear_stage, &s->progress);
    if (status == TACIT_OK && folder)
        status = tacit_map_save(w->model, w->data, w->pca, w->tsne, folder);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(w)) ? session_broken(s, "the result could not be written") : DONE;
    print_measures(w);
    return DONE;
}

static int run(session *s)
{
    work w = {.session = s, .options = tacit_map_options_default()};
    w.options.perplexity = command_line_number(&s->line, "perplexity");
    w.options.iterations = (int)command_line_whole(&s->line, "iterations");
    w.options.theta = command_line_number(&s->line, "theta");
    w.options.neighbours = (int)command_line_whole(&s->line, "neighbours");
    w.options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    tacit_status status = tacit_model_open(&w.model, s->context, s->line.operands[0]);
    if (status == TACIT_OK)
        status = session_open_data(s, &w.data, w.model, 1, command_line_text(&s->line, "split"));
    const int code = status == TACIT_OK ? make_map(&w) : session_fail(s, status);
    free(w.pca);
    free(w.tsne);
    tacit_dataset_close(w.data);
    tacit_model_close(w.model);
    return code;
}

int cmd_map(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
