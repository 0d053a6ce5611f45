/* How a training run is shown. */
#include "training.h"

#include "json.h"

static void print_json(const tacit_progress *p)
{
    json_line(json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "step",
                        (json_int_t)p->step, "steps", (json_int_t)p->steps, "epoch", (json_int_t)p->epoch,
                        "epochs", (json_int_t)p->epochs, "loss", json_known(p->loss), "lr", json_known(p->lr),
                        "gradient_norm", json_known(p->gradient_norm), "examples_per_s",
                        json_known(p->examples_per_second), "seconds_left", json_known(p->seconds_left),
                        "data_wait", json_known(p->wait_share), "validation_loss",
                        json_known(p->validation_loss), "spread", json_known(p->spread), "effective_rank",
                        json_known(p->effective_rank), "epoch_end", (int)p->epoch_end));
    fflush(stdout);
}

static void hear_progress(void *user, const tacit_progress *p)
{
    session *s = user;
    if (command_line_flag(&s->line, "json"))
        print_json(p);
    progress_step(&s->progress, p);
}

static void hear_advice(void *user, const char *sentence)
{
    session *s = user;
    progress_note(&s->progress, sentence);
}

tacit_train_options training_options(session *s)
{
    return (tacit_train_options){.overwrite = command_line_flag(&s->line, "overwrite"),
                                 .progress = hear_progress,
                                 .advice = hear_advice,
                                 .user = s};
}

/* What the run is; zeros where that can not be read. */
static tacit_model_info read_info(session *s, const char *run)
{
    tacit_model_info info;
    const tacit_status status = tacit_info_read(s->context, run, &info);
    return status == TACIT_OK ? info : (tacit_model_info){.columns = 0};
}

int training_finish(session *s, tacit_status status, const char *run, const char *data)
{
    char line[4096];
    if (status == TACIT_CANCELLED)
        return session_broken(s, "saved; go on with: tacit resume %s", run);
    if (status != TACIT_OK)
        return session_fail(s, status);
    const tacit_model_info info = read_info(s, run);
    const bool seen = info.columns == 0 && info.window == 0; /* rows and texts have no sheets */
    snprintf(line, sizeof line, "model    %s/model\n%s%s%snext     tacit eval %s %s", run,
             seen ? "samples  " : "", seen ? run : "", seen ? "/samples\n" : "", run, data ? data : "DATA");
    progress_note(&s->progress, line);
    return DONE;
}
