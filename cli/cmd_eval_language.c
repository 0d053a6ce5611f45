/* `tacit eval` of a model that predicts words: loss, perplexity, bits per byte. */
#include "command.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whether the data are what the model was trained with, as far as their paths tell. */
static bool is_own(const session *s, const tacit_model *model)
{
    tacit_model_info info;
    size_t used = 0;
    char given[sizeof info.data] = "";
    tacit_model_get_info(model, &info);
    for (size_t i = 1; i < s->line.operand_count && used < sizeof given; i++)
        used +=
            (size_t)snprintf(given + used, sizeof given - used, i > 1 ? " %s" : "%s", s->line.operands[i]);
    return strcmp(given, info.data) == 0;
}

/* Of the data that a model has learnt from, only the part that it has not. */
static double choose_share(const session *s, const tacit_model *model)
{
    const char *part = command_line_text(&s->line, "part");
    const double share = tacit_model_validation(model);
    if (strcmp(part, "all") == 0)
        return 0.0;
    return strcmp(part, "validation") == 0 || is_own(s, model) ? share : 0.0;
}

static void print_language(const tacit_language *r, double share, bool own)
{
    char texts[COUNT_TEXT], bytes[COUNT_TEXT], tokens[COUNT_TEXT];
    printf("%s bytes of %s texts, %s tokens predicted", count_text(r->bytes, bytes),
           count_text(r->texts, texts), count_text(r->tokens, tokens));
    if (share > 0.0)
        printf(": the last %g %%, which training kept apart\n\n", 100.0 * share);
    else
        printf("%s\n\n", own ? ": all of it, most of which the model has learnt from" : "");
    printf("loss            %10.4f nats a token\n", r->loss);
    printf("perplexity      %10.3f\n", r->perplexity);
    if (isfinite(r->bits_per_byte))
        printf("bits per byte   %10.4f\n", r->bits_per_byte);
}

int eval_language(session *s, tacit_model *model)
{
    tacit_dataset *data = NULL;
    tacit_language r;
    const double share = choose_share(s, model);
    tacit_status status = session_open_data(s, &data, model, 1, NULL);
    if (status == TACIT_OK)
        status = tacit_measure_language(model, data, share, &r);
    tacit_dataset_close(data);
    if (status != TACIT_OK)
        return session_fail(s, status);
    progress_clear(&s->progress);
    if (!command_line_flag(&s->line, "json")) {
        print_language(&r, share, is_own(s, model));
        return DONE;
    }
    return json_line(json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:o}", "texts", (json_int_t)r.texts, "bytes",
                               (json_int_t)r.bytes, "tokens", (json_int_t)r.tokens, "share", share, "loss",
                               r.loss, "perplexity", r.perplexity, "bits_per_byte",
                               json_known(r.bits_per_byte)))
               ? session_broken(s, "the result could not be written")
               : DONE;
}
