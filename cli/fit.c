/* See fit.h. */
#include "fit.h"

tacit_dataset_options fit_data_options(const session *s, const tacit_model *model, const char *split)
{
    tacit_dataset_options options = session_data_options(s, model, split);
    options.group = NULL;
    return options;
}

tacit_status fit_open(session *s, tacit_dataset **out, const tacit_model *model)
{
    const char *path = command_line_text(&s->line, "fit");
    if (!path)
        return TACIT_OK;
    tacit_dataset_options options = session_data_options(s, model, NULL);
    options.only = NULL;
    return tacit_dataset_open(out, s->context, &path, 1, &options);
}

void fit_print(const tacit_model *model, const tacit_fit *f, bool measured)
{
    char a[COUNT_TEXT], b[COUNT_TEXT];
    if (f->examples == 0)
        return;
    printf("\nfitted to %s examples of %d %s", count_text(f->examples - f->left_out, a), (int)f->groups,
           f->labels ? "labels" : "groups");
    if (f->left_out > 0)
        printf(" (%s alone in theirs left out)", count_text(f->left_out, b));
    printf("; shrinkage %g, for an equal error rate of %.3f over %d folds of them\n", f->shrinkage, f->eer,
           (int)f->folds);
    if (measured && !f->pixels)
        printf("%s are too many for a fit: compared as they are\n", raw_name(model));
}

json_t *fit_describe(const tacit_fit *f)
{
    if (f->examples == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:i, s:s, s:i, s:f, s:f, s:i, s:b}", "examples", (json_int_t)f->examples,
                     "left_out", (json_int_t)f->left_out, "groups", (int)f->groups, "by",
                     f->labels ? "label" : "group", "folds", (int)f->folds, "shrinkage", f->shrinkage, "eer",
                     f->eer, "shared_labels", (int)f->shared_labels, "raw_fitted", (int)f->pixels);
}
