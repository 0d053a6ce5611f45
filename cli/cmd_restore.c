/* `tacit restore`: pictures made whole, and how well that goes where the original is known. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <string.h>

static const tacit_option rows[] = {
    {"output", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "PNG file of the restored picture; with --damage of a sheet that shows some", "restore"},
    {"mask", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",
     "picture of the same size, white where PICTURE is not known; without it: where it is transparent",
     "restore"},
    {"damage", TACIT_OPTION_CHOICE, 0, 0, "noise|pepper|holes|blur|scale|grey", NULL, "",
     "measure: damage the pictures of DATA, restore them, and compare", "measure"},
    {"strength", TACIT_OPTION_NUMBER, 0, 100, NULL, "0.2", "",
     "of noise: deviation; pepper, holes, grey: share; blur: sigma in pixels; scale: factor", "measure"},
    {"limit", TACIT_OPTION_WHOLE, 0, 9e15, NULL, "1000", "examples",
     "that are measured, drawn by the seed; 0: all", "measure"},
    {"seed", TACIT_OPTION_WHOLE, 0, 9007199254740992.0, NULL, "1", "", "of the sample and of the damage",
     "measure"},
    {"split", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "", "part of DATA; the test part where there is one",
     "measure"},
    {"skip-bad", TACIT_OPTION_FLAG, 0, 0, NULL, "false", "", "leave out unreadable examples and list them",
     "measure"},
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_QUIET,
};

/* ---- measuring ---- */

static void print_row(const char *name, tacit_restore_score s)
{
    printf("%-24s%12.2f", name, s.psnr);
    if (isfinite(s.ssim))
        printf("%12.4f", s.ssim);
    putchar('\n');
}

static void print_measure(const session *s, const tacit_restoration *r)
{
    char count[COUNT_TEXT];
    printf("%s pictures, damaged by %s of %g\n\n%-24s%12s%12s\n", count_text(r->count, count),
           command_line_text(&s->line, "damage"), command_line_number(&s->line, "strength"), "", "PSNR, dB",
           "SSIM");
    print_row("damaged", r->damaged);
    if (*r->filter)
        print_row(r->filter, r->classical);
    print_row("restored", r->restored);
    if (*r->filter)
        printf("\nRestored is %+.2f dB beside the best classical filter.\n",
               r->restored.psnr - r->classical.psnr);
}

static json_t *describe_score(tacit_restore_score s)
{
    return json_pack("{s:o, s:o}", "psnr", json_known(s.psnr), "ssim", json_known(s.ssim));
}

static json_t *describe(const session *s, const tacit_restoration *r)
{
    return json_pack("{s:I, s:s, s:f, s:o, s:s, s:o, s:o}", "examples", (json_int_t)r->count, "damage",
                     command_line_text(&s->line, "damage"), "strength",
                     command_line_number(&s->line, "strength"), "damaged", describe_score(r->damaged),
                     "filter", r->filter, "classical", describe_score(r->classical), "restored",
                     describe_score(r->restored));
}

static void hear_stage(void *user, const char *what)
{
    progress_stage(user, what);
}

static tacit_status open_data(session *s, tacit_dataset **out, const tacit_model *model)
{
    tacit_dataset_options options = tacit_model_dataset_options(model);
    const char *split = command_line_text(&s->line, "split");
    const int count = (int)s->line.operand_count - 1;
    options.skip_bad = command_line_flag(&s->line, "skip-bad");
    options.split = split ? split : "test";
    const tacit_status status = tacit_dataset_open(out, s->context, s->line.operands + 1, count, &options);
    options.split = NULL;
    return status == TACIT_ARGUMENT && !split
               ? tacit_dataset_open(out, s->context, s->line.operands + 1, count, &options)
               : status;
}

static int measure(session *s, tacit_model *model)
{
    tacit_dataset *data = NULL;
    tacit_restoration result;
    tacit_restore_options options = tacit_restore_options_default();
    options.damage = command_line_text(&s->line, "damage");
    options.strength = command_line_number(&s->line, "strength");
    options.limit = command_line_whole(&s->line, "limit");
    options.seed = (uint64_t)command_line_whole(&s->line, "seed");
    tacit_status status = open_data(s, &data, model);
    if (status == TACIT_OK)
        status = tacit_measure_restore(model, data, &options, command_line_text(&s->line, "output"), &result,
                                       hear_stage, &s->progress);
    tacit_dataset_close(data);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(describe(s, &result)) ? session_broken(s, "the result could not be written") : DONE;
    print_measure(s, &result);
    return DONE;
}

/* ---- one picture ---- */

static int restore(session *s, tacit_model *model)
{
    const char *out = command_line_text(&s->line, "output");
    const tacit_status status =
        tacit_restore_file(model, s->line.operands[1], command_line_text(&s->line, "mask"), out);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (command_line_flag(&s->line, "json"))
        return json_line(json_pack("{s:s, s:s}", "picture", s->line.operands[1], "restored", out))
                   ? session_broken(s, "the result could not be written")
                   : DONE;
    return DONE;
}

static int check_words(session *s, bool measured)
{
    const char *out = command_line_text(&s->line, "output");
    const size_t length = out ? strlen(out) : 0;
    if (!measured && s->line.operand_count > 2)
        return session_misused(s, "restore: one argument too many, \"%s\": tacit restore %s",
                               s->line.operands[2], s->self->usage);
    if (!measured && !out)
        return session_misused(s, "restore: -o OUT.png is missing: the file to write");
    if (measured && command_line_text(&s->line, "mask"))
        return session_misused(s, "restore: --mask and --damage exclude each other");
    if (out && (length < 5 || strcmp(out + length - 4, ".png") != 0))
        return session_misused(s, "restore: -o %s: expected a name that ends in .png", out);
    return DONE;
}

static int run(session *s)
{
    const bool measured = command_line_text(&s->line, "damage") != NULL;
    tacit_model *model = NULL;
    int code = check_words(s, measured);
    if (code != DONE)
        return code;
    const tacit_status status = tacit_model_open(&model, s->context, s->line.operands[0]);
    if (status != TACIT_OK)
        return session_fail(s, status);
    code = measured ? measure(s, model) : restore(s, model);
    tacit_model_close(model);
    return code;
}

int cmd_restore(const command *self, int argc, char **argv)
{
    session s = {.self = self};
    return session_run(&s, rows, ROW_COUNT(rows), ROW_COUNT(rows), argc, argv, run);
}
