/* `tacit cluster`: groups of examples, and how they agree with labels where there are any. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const tacit_option rows[] = {
    {"groups", TACIT_OPTION_TEXT, 0, 0, NULL, "auto", "groups",
     "how many; auto: what fits best, by the mean silhouette of a sample", "cluster"},
    {"most", TACIT_OPTION_WHOLE, 2, 1000, NULL, "20", "groups", "that auto tries", "cluster"},
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "folder for groups.csv (members) and groups.png, of texts groups.txt (the typical ones)", "cluster"},
    {"restarts", TACIT_OPTION_WHOLE, 1, 1000, NULL, "10", "restarts", "of k-means, the best is kept",
     "cluster"},
    {"quick", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out the raw pixels or columns", "cluster"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, "train", "", "part of the data, where it has parts", "cluster"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "", "of the first centres", "cluster"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "0", "examples", "first N only; 0: all", "cluster"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "cluster"},
    OPTIONS_TABLE("cluster"),
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* All that one grouping takes and gives. */
typedef struct work {
    session *session;
    tacit_model *model;
    tacit_dataset *data;
    tacit_cluster_options options;
    tacit_clustering result;
    int32_t *group;   /* (N) */
    double *distance; /* (N) */
    int64_t *sizes;   /* (groups) */
} work;

/* ---- the result ---- */

static tacit_agreement no_agreement(void)
{
    return (tacit_agreement){(double)NAN, (double)NAN, (double)NAN};
}

static void print_row(const char *name, double learnt, double pixels)
{
    printf("%-20s%20.3f", name, learnt);
    if (isfinite(pixels))
        printf("%20.3f", pixels);
    putchar('\n');
}

static void print_agreement(const work *w)
{
    const tacit_agreement *a = &w->result.learnt, *b = &w->result.pixels;
    if (!isfinite(a->nmi)) {
        printf("\nThe data have no labels: nothing to compare the groups with.\n");
        return;
    }
    printf("\nagreement with the labels, which were not used:\n\n%-20s%20s%20s\n", "", "this model",
           isfinite(b->nmi) ? raw_name(w->model) : "");
    print_row("accuracy", a->accuracy, b->accuracy);
    print_row("NMI", a->nmi, b->nmi);
    print_row("ARI", a->ari, b->ari);
    printf("\nAccuracy is by the best one-to-one matching; NMI by the arithmetic mean of the entropies.\n");
}

static void print_sizes(const work *w)
{
    char count[COUNT_TEXT];
    const tacit_clustering *r = &w->result;
    printf("%s examples in %d groups", count_text(r->count, count), (int)r->groups);
    if (isfinite(r->silhouette))
        printf(", chosen from 2 to %d by the largest mean silhouette, %.3f", (int)w->options.most,
               r->silhouette);
    printf("\n\n%-20s%20s\n", "group", "examples");
    for (int32_t g = 0; g < r->groups; g++)
        printf("%-20d%20s\n", (int)g, count_text(w->sizes[g], count));
}

static json_t *describe_agreement(const tacit_agreement *a)
{
    return json_pack("{s:o, s:o, s:o}", "accuracy", json_known(a->accuracy), "nmi", json_known(a->nmi), "ari",
                     json_known(a->ari));
}

static json_t *describe(const work *w)
{
    const tacit_clustering *r = &w->result;
    json_t *sizes = json_array();
    for (int32_t g = 0; g < r->groups; g++)
        json_array_append_new(sizes, json_integer(w->sizes[g]));
    return json_pack("{s:I, s:i, s:o, s:o, s:I, s:o, s:o, s:o}", "examples", (json_int_t)r->count, "groups",
                     (int)r->groups, "silhouette", json_known(r->silhouette), "inertia",
                     json_known(r->inertia), "seed", (json_int_t)w->options.seed, "sizes", sizes, "model",
                     describe_agreement(&r->learnt), raw_key(w->model), describe_agreement(&r->pixels));
}

/* ---- the command ---- */

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static tacit_status group_all(work *w, const char *folder)
{
    session *s = w->session;
    tacit_status status = tacit_cluster(w->model, w->data, &w->options, w->group, w->distance, &w->result,
                                        hear_stage, &s->progress);
    if (status == TACIT_OK && folder)
        status = tacit_cluster_save(w->model, w->data, w->group, w->distance, w->result.groups, folder);
    return status;
}

static int cluster(work *w, const char *folder)
{
    session *s = w->session;
    tacit_dataset_info info;
    tacit_dataset_get_info(w->data, &info);
    w->result.learnt = w->result.pixels = no_agreement();
    w->group = calloc((size_t)info.count + 1, sizeof *w->group);
    w->distance = calloc((size_t)info.count + 1, sizeof *w->distance);
    if (!w->group || !w->distance)
        return session_broken(s, "out of memory: use --limit");
    const tacit_status status = group_all(w, folder);
    if (status != TACIT_OK)
        return session_fail(s, status);
    w->sizes = calloc((size_t)w->result.groups, sizeof *w->sizes);
    if (!w->sizes)
        return session_broken(s, "out of memory");
    for (int64_t i = 0; i < info.count; i++)
        w->sizes[w->group[i]]++;
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(w)) ? session_broken(s, "the result could not be written") : DONE;
    print_sizes(w);
    print_agreement(w);
    return DONE;
}

/* "auto", or a whole number from 1 on. */
static int read_groups(session *s, int32_t *out)
{
    const char *text = command_line_text(&s->line, "groups");
    char *end;
    const long groups = strtol(text, &end, 10);
    if (strcmp(text, "auto") == 0) {
        *out = 0;
        return DONE;
    }
    if (*end || end == text || groups < 1 || groups > 1000000)
        return session_misused(s, "--groups %s: expected a whole number from 1 to 1000000, or auto", text);
    *out = (int32_t)groups;
    return DONE;
}

static int run(session *s)
{
    work w = {.session = s, .options = tacit_cluster_options_default()};
    int code = read_groups(s, &w.options.groups);
    if (code != DONE)
        return code;
    w.options.most = (int32_t)command_line_whole(&s->line, "most");
    w.options.restarts = (int)command_line_whole(&s->line, "restarts");
    w.options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    w.options.baseline = !command_line_flag(&s->line, "quick");
    tacit_status status = tacit_model_open(&w.model, s->context, s->line.operands[0]);
    if (status == TACIT_OK)
        status = session_open_data(s, &w.data, w.model, 1, command_line_text(&s->line, "split"));
    code = status == TACIT_OK ? cluster(&w, command_line_text(&s->line, "output")) : session_fail(s, status);
    free(w.group);
    free(w.distance);
    free(w.sizes);
    tacit_dataset_close(w.data);
    tacit_model_close(w.model);
    return code;
}

int cmd_cluster(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
