/* What a training session tells: metrics.jsonl, progress, advice, sheets. */
#include "train/session.h"

#include "base/file.h"
#include "base/text.h"
#include "train/samples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 512, METRICS_LIMIT = 1 << 30 };

/* A number as JSON: null where it is not known. */
static int put_number(char *out, size_t size, const char *name, double number)
{
    if (isfinite(number))
        return snprintf(out, size, ", \"%s\": %.9g", name, number);
    return snprintf(out, size, ", \"%s\": null", name);
}

static tacit_status append_line(const session *s, const step_numbers *n, int64_t epoch)
{
    const struct {
        const char *name;
        double number;
    } fields[] = {{"loss", n->loss},
                  {"lr", n->lr},
                  {"gradient_norm", n->gradient_norm},
                  {"examples_per_s", (double)settings_whole(s->settings, "batch") / n->seconds},
                  {"data_wait", n->wait_share},
                  {"lanes_run_twice", (double)n->rerun},
                  {"spread", n->spread},
                  {"effective_rank", s->representation.effective_rank},
                  {"validation_loss", s->validation}}; /* the last one: only at an epoch's end */
    char line[LINE];
    int used =
        snprintf(line, sizeof line, "{\"step\": %lld, \"epoch\": %lld", (long long)s->step, (long long)epoch);
    const bool measured = s->views->held > 0 && n->epoch_end;
    const size_t count = sizeof fields / sizeof *fields - !measured;
    for (size_t i = 0; i < count; i++)
        used += put_number(line + used, sizeof line - (size_t)used, fields[i].name, fields[i].number);
    used += snprintf(line + used, sizeof line - (size_t)used, "}\n");
    char *path = path_join(s->context, s->run, "metrics.jsonl");
    const tacit_status status = path ? file_append(s->context, path, line, (size_t)used) : TACIT_NOMEM;
    memory_free(s->context, path);
    return status;
}

static void advise(const session *s, const representation *r, int64_t width)
{
    char text[LINE];
    const bool spherical = s->learner->method.objective->family == CONTRASTIVE;
    const char *sentence = representation_advice(r, width, spherical, text, sizeof text);
    if (sentence && s->options && s->options->advice)
        s->options->advice(s->options->user, sentence);
}

tacit_status report_step(session *s, const step_numbers *n)
{
    const double batch = (double)settings_whole(s->settings, "batch"), now = batch / n->seconds;
    const int64_t epoch = (s->step - 1) / s->epoch_steps;
    s->rate = s->rate > 0.0 ? 0.9 * s->rate + 0.1 * now : now;
    if (s->options && s->options->progress) {
        const tacit_progress p = {.step = s->step,
                                  .steps = s->steps,
                                  .epoch = epoch,
                                  .epochs = (s->steps + s->epoch_steps - 1) / s->epoch_steps,
                                  .loss = n->loss,
                                  .lr = n->lr,
                                  .gradient_norm = n->gradient_norm,
                                  .examples_per_second = s->rate,
                                  .seconds_left = (double)(s->steps - s->step) * batch / s->rate,
                                  .wait_share = n->wait_share,
                                  .spread = n->spread,
                                  .effective_rank = s->representation.effective_rank,
                                  .validation_loss = s->validation,
                                  .epoch_end = n->epoch_end};
        s->options->progress(s->options->user, &p);
    }
    return append_line(s, n, epoch);
}

/* ---- the representation and the sheets ---- */

/* `folder` is borrowed. Rows of a table are nothing to look at: they have no sheets. */
static samples sheets_in(const session *s, const char *folder)
{
    return (samples){.context = s->context,
                     .data = s->data,
                     .views = s->views,
                     .look = &s->look,
                     .learner = s->learner,
                     .folder = folder,
                     .rows =
                         s->data->table || s->data->texts ? 0 : (int)settings_whole(s->settings, "samples"),
                     .seed = (uint64_t)settings_whole(s->settings, "seed")};
}

tacit_status report_views(const session *s)
{
    char *folder = path_join(s->context, s->run, "samples");
    if (!folder)
        return TACIT_NOMEM;
    const samples sheets = sheets_in(s, folder);
    const tacit_status status = sheets.rows > 0 ? samples_views(&sheets) : TACIT_OK;
    memory_free(s->context, folder);
    return status;
}

tacit_status report_measure(session *s)
{
    TRY(embedder_calibrate(s->embedder, &s->learner->parameters, s->sample, s->sample_count));
    TRY(embedder_run(s->embedder, s->sample, 0, s->sample_count, s->sample_embeddings, NULL, NULL));
    if (s->views->held > 0)
        TRY(embedder_run_loss(s->embedder, (uint64_t)settings_whole(s->settings, "seed"), s->views->count,
                              s->views->held, &s->validation));
    return representation_measure(s->context, s->sample_embeddings, s->sample_count,
                                  learner_width(s->learner), &s->representation);
}

tacit_status report_epoch(const session *s)
{
    const int64_t epoch = (s->step + s->epoch_steps - 1) / s->epoch_steps;
    char *folder = path_join(s->context, s->run, "samples");
    if (!folder)
        return TACIT_NOMEM;
    const samples sheets = sheets_in(s, folder);
    tacit_status status = TACIT_OK;
    advise(s, &s->representation, learner_width(s->learner));
    if (sheets.rows > 0)
        status = samples_demonstrate(&sheets, s->tape, epoch);
    if (status == TACIT_OK && sheets.rows > 0 && s->learner->method.objective->family == CONTRASTIVE)
        status = samples_neighbours(&sheets, s->sample, s->sample_embeddings, s->sample_count, epoch);
    memory_free(s->context, folder);
    return status;
}

/* ---- resume ---- */

/* The step of a line of ours, or -1. */
static int64_t line_step(const char *line)
{
    static const char start[] = "{\"step\": ";
    char digits[24] = {0};
    int64_t step;
    if (strncmp(line, start, strlen(start)) != 0)
        return -1;
    for (size_t i = 0; i + 1 < sizeof digits; i++) {
        const char c = line[strlen(start) + i];
        if (c < '0' || c > '9')
            break;
        digits[i] = c;
    }
    return text_to_int64(digits, &step) ? step : -1;
}

tacit_status report_truncate(tacit_context *context, const char *run, int64_t step)
{
    uint8_t *bytes = NULL;
    size_t size = 0, kept = 0;
    char *path = path_join(context, run, "metrics.jsonl");
    if (!path)
        return TACIT_NOMEM;
    tacit_status status =
        file_exists(path) ? file_read(context, path, METRICS_LIMIT, &bytes, &size) : TACIT_OK;
    while (kept < size) {
        const uint8_t *end = memchr(bytes + kept, '\n', size - kept);
        const int64_t at = line_step((const char *)bytes + kept);
        if (!end || at < 0 || at > step)
            break;
        kept = (size_t)(end - bytes) + 1;
    }
    if (status == TACIT_OK && bytes)
        status = file_write(context, path, bytes, kept);
    memory_free(context, bytes);
    memory_free(context, path);
    return status;
}
