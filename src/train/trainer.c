/* The trainer's life and its loop. */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/file.h"
#include "data/augment/text_views.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/looks.h"
#include "train/session.h"
#include "train/words.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- setting up ---- */

/* `known`: the numbers that the run begins with, or began with; NULL: those of the data. */
static tacit_status measure(session *s, const trainer_start *known)
{
    const size_t channels = (size_t)s->data->channels;
    s->mean = memory_alloc(s->context, channels, sizeof *s->mean);
    s->deviation = memory_alloc(s->context, channels, sizeof *s->deviation);
    if (!s->mean || !s->deviation)
        return TACIT_NOMEM;
    if (!known)
        return looks_measure(s->data, s->settings, s->work->team, s->mean, s->deviation);
    memcpy(s->mean, known->mean, channels * sizeof *s->mean);
    memcpy(s->deviation, known->deviation, channels * sizeof *s->deviation);
    return TACIT_OK;
}

static tacit_status create_state(session *s)
{
    s->optimizer = optimizer_find(settings_text(s->settings, "optimizer"));
    for (int i = 0; i < s->optimizer->blocks; i++) {
        s->state[i] = parameters_block(&s->learner->parameters);
        if (!s->state[i])
            return TACIT_NOMEM;
    }
    return TACIT_OK;
}

static tacit_status create_sample(session *s)
{
    const int64_t count = s->views->count;
    s->sample_count = count < SESSION_SAMPLE ? count : SESSION_SAMPLE;
    for (int64_t i = 0; i < s->sample_count; i++)
        s->sample[i] = (int64_t)draw_permuted((uint64_t)settings_whole(s->settings, "seed"), DRAW_SAMPLE, 2,
                                              (uint64_t)count, (uint64_t)i);
    s->sample_embeddings =
        memory_alloc(s->context, (size_t)(s->sample_count * learner_width(s->learner)), sizeof(float));
    return s->sample_embeddings ? TACIT_OK : TACIT_NOMEM;
}

static tacit_status create_lanes(session *s)
{
    const settings *o = s->settings;
    const lanes_options options = {.batch = settings_whole(o, "batch"),
                                   .lane = settings_whole(o, "lane"),
                                   .leaf = settings_whole(o, "leaf"),
                                   .memory = settings_size(o, "memory"),
                                   .seed = (uint64_t)settings_whole(o, "seed"),
                                   .labels = s->data->labels};
    s->batch = memory_alloc(s->context, (size_t)options.batch, sizeof *s->batch);
    if (!s->batch)
        return TACIT_NOMEM;
    TRY(lanes_create(&s->lanes, s->learner, s->views, s->work, &options));
    TRY(embedder_create(&s->embedder, s->learner, s->shown ? s->shown : s->views, s->work, false));
    const parameters *p = &s->learner->parameters;
    TRY(tape_create(&s->tape, s->context, s->work->backends[0]));
    return tape_bind(s->tape, p->tensors, (int)p->count, p->block);
}

static void count_steps(session *s)
{
    const int64_t most = settings_whole(s->settings, "max-steps");
    s->epoch_steps = s->views->count / settings_whole(s->settings, "batch");
    s->steps = s->epoch_steps * settings_whole(s->settings, "epochs");
    if (most > 0 && most < s->steps)
        s->steps = most;
}

/* A bound that bounds nothing is said rather than passed over. */
static void tell_memory(const session *s)
{
    const objective *o = objective_find(settings_text(s->settings, "method"));
    if (settings_is_set(s->settings, "memory") && !o->couple)
        context_log(s->context,
                    "--memory changes nothing for %s: it never keeps more than one lane for each worker",
                    o->name);
}

/* First values: of chance, then those that are given. */
static tacit_status begin(session *s, const trainer_start *start)
{
    TRY(learner_begin(s->learner, s->settings));
    if (start && start->parameters)
        parameters_take(&s->learner->parameters, start->parameters);
    return TACIT_OK;
}

/* ---- texts ---- */

/* What a token is: given, kept in the run, or made from the texts. */
static tacit_status find_words(session *s, const trainer_start *start, bool fresh)
{
    if (!s->data->texts)
        return TACIT_OK;
    if (start && start->tokenizer) {
        s->words = start->tokenizer;
        TRY(settings_resolve_whole(s->settings, "vocab", tokenizer_size(s->words)));
        return words_check(s->words, s->context, s->settings);
    }
    TRY(fresh ? words_train(&s->own_words, s->context, s->data, s->settings)
              : words_read(&s->own_words, s->context, s->run, s->settings));
    s->words = s->own_words;
    return TACIT_OK;
}

/* Where the tokens of the texts are: before the run is there, beside it. */
static char *tokens_folder(session *s, bool fresh)
{
    if (!fresh)
        return path_join(s->context, s->run, "tokens");
    size_t length = strlen(s->run);
    while (length > 1 && s->run[length - 1] == '/') /* it would be in the folder, not beside it */
        length--;
    const size_t size = length + sizeof ".tokens-part";
    s->tokens_part = memory_alloc(s->context, size, 1);
    if (s->tokens_part)
        snprintf(s->tokens_part, size, "%.*s.tokens-part", (int)length, s->run);
    return s->tokens_part;
}

static tacit_status create_views(session *s, bool fresh)
{
    looks l = {.mean = s->mean,
               .deviation = s->deviation,
               .tokenizer = s->words,
               .workers = s->work->team,
               .training = true};
    char *folder = s->data->texts ? tokens_folder(s, fresh) : NULL;
    tacit_status status = s->data->texts && !folder ? TACIT_NOMEM : TACIT_OK;
    if (status == TACIT_OK && folder)
        status = folder_create(s->context, folder);
    l.folder = folder;
    if (status == TACIT_OK)
        status = looks_create(&s->views, s->context, s->data, s->settings, l, &s->look);
    if (folder != s->tokens_part)
        memory_free(s->context, folder);
    return status;
}

/* What is measured is measured on pictures of the size that is used. */
static tacit_status create_shown(session *s)
{
    const looks l = {.mean = s->mean, .deviation = s->deviation};
    if (s->data->table || s->data->texts || looks_side(s->settings, true) == looks_side(s->settings, false))
        return TACIT_OK;
    return looks_create(&s->shown, s->context, s->data, s->settings, l, NULL);
}

/* Of a folder "tokens" what a run that never had its config.json left there. What else is in it is not ours,
 * and will be in the way. */
static tacit_status clear_tokens(tacit_context *context, const char *folder)
{
    for (int i = 0; text_view_files[i]; i++) {
        char *path = path_join(context, folder, text_view_files[i]);
        if (!path)
            return TACIT_NOMEM;
        remove(path);
        memory_free(context, path);
    }
    return TACIT_OK;
}

/* Tokenizer and tokens into the folder of the run, which is there now. */
static tacit_status move_words(session *s)
{
    if (!s->words)
        return TACIT_OK;
    TRY(words_write(s->words, s->context, s->run));
    char *folder = path_join(s->context, s->run, "tokens");
    if (!folder)
        return TACIT_NOMEM;
    tacit_status status = clear_tokens(s->context, folder);
    if (status == TACIT_OK && s->context->files.rename(s->tokens_part, folder) != 0)
        status = context_fail(s->context, TACIT_IO, "%s: cannot be moved to %s: %s", s->tokens_part, folder,
                              strerror(errno));
    if (status == TACIT_OK) {
        memory_free(s->context, s->tokens_part);
        s->tokens_part = NULL;
    }
    memory_free(s->context, folder);
    return status;
}

/* Everything but the numbers in the blocks. `fresh`: a new run; else nothing that matters is "auto". */
static tacit_status set_up(session *s, const trainer_start *start, bool fresh)
{
    const int64_t threads = settings_whole(s->settings, "threads");
    if (threads > 0)
        s->context->threads = (int)threads;
    TRY(work_create(&s->work, s->context));
    if (fresh) {
        tell_memory(s);
        TRY(config_resolve_data(s->settings, s->context, s->data));
    }
    TRY(find_words(s, start, fresh));
    TRY(measure(s, start));
    TRY(create_views(s, fresh));
    TRY(create_shown(s));
    TRY(looks_pair(&s->views, s->context, s->data, s->settings));
    TRY(learner_create(&s->learner, s->context, s->settings, s->views->shape));
    TRY(config_resolve_training(s->settings, s->context, s->learner, s->views->count));
    TRY(begin(s, start));
    count_steps(s);
    TRY(create_lanes(s));
    TRY(create_state(s));
    return create_sample(s);
}

/* After a failure, whose message stays. */
static void drop_folder(tacit_context *context, const char *folder)
{
    const tacit_status unused = folder_delete(context, folder);
    (void)unused;
}

static void tear_down(session *s)
{
    lanes_destroy(s->lanes);
    embedder_destroy(s->embedder);
    tape_destroy(s->tape);
    learner_destroy(s->learner);
    work_destroy(s->work);
    if (s->views)
        s->views->destroy(s->views);
    if (s->shown)
        s->shown->destroy(s->shown);
    for (int i = 0; i < OPTIMIZER_BLOCKS; i++)
        memory_free(s->context, s->state[i]);
    if (s->tokens_part)
        drop_folder(s->context, s->tokens_part);
    memory_free(s->context, s->tokens_part);
    tokenizer_destroy(s->own_words);
    memory_free(s->context, s->mean);
    memory_free(s->context, s->deviation);
    memory_free(s->context, s->batch);
    memory_free(s->context, s->sample_embeddings);
}

/* ---- files ---- */

static run_numbers numbers_of(const session *s)
{
    return (run_numbers){.tokenizer = s->words,
                         .mean = s->mean,
                         .deviation = s->deviation,
                         .steps = s->step,
                         .complete = s->step == s->steps};
}

static checkpoint checkpoint_of(session *s)
{
    checkpoint c = {.parameters = &s->learner->parameters,
                    .optimizer = s->optimizer->name,
                    .blocks = s->optimizer->blocks,
                    .method = s->learner->method.blocks,
                    .method_blocks = s->learner->method.block_count,
                    .step = s->step};
    memcpy(c.state, s->state, sizeof c.state);
    return c;
}

static tacit_status save_checkpoint(session *s)
{
    const checkpoint c = checkpoint_of(s);
    char *folder = path_join(s->context, s->run, "checkpoints");
    const tacit_status status =
        folder ? checkpoint_write(s->context, folder, &c, (int)settings_whole(s->settings, "keep"))
               : TACIT_NOMEM;
    memory_free(s->context, folder);
    s->last_checkpoint = clock_seconds();
    return status;
}

static tacit_status save_model(const session *s)
{
    const run_numbers n = numbers_of(s);
    char *folder = path_join(s->context, s->run, "model");
    const tacit_status status =
        folder ? run_write_model(s->context, folder, s->settings, s->source, s->learner, &n) : TACIT_NOMEM;
    memory_free(s->context, folder);
    return status;
}

static tacit_status save_config(const session *s)
{
    const run_numbers n = numbers_of(s);
    char *path = path_join(s->context, s->run, "config.json");
    const tacit_status status =
        path ? run_write_config(s->context, path, s->settings, s->source, s->learner, &n) : TACIT_NOMEM;
    memory_free(s->context, path);
    return status;
}

/* ---- the loop ---- */

/* The examples of step s->step (counted from 0): a piece of the epoch's keyed permutation. An incomplete last
 * batch of an epoch is left out; which examples that are differs from epoch to epoch. */
static uint32_t choose_batch(session *s)
{
    const int64_t size = settings_whole(s->settings, "batch");
    const uint32_t epoch = (uint32_t)(s->step / s->epoch_steps);
    const uint64_t seed = (uint64_t)settings_whole(s->settings, "seed");
    for (int64_t i = 0; i < size; i++)
        s->batch[i] = (int64_t)draw_permuted(seed, DRAW_ORDER, epoch, (uint64_t)s->views->count,
                                             (uint64_t)(s->step % s->epoch_steps * size + i));
    return epoch;
}

static double learning_rate(const session *s)
{
    const settings *o = s->settings;
    const int64_t warmup = (int64_t)(settings_number(o, "warmup") * (double)s->steps);
    return schedule_cosine(settings_number(o, "lr"), settings_number(o, "last-lr"), s->step, warmup,
                           s->steps);
}

static void clip_gradient(const session *s, float *gradient, double norm)
{
    const double most = settings_number(s->settings, "clip");
    if (!(most > 0.0) || !(norm > most))
        return;
    const float scale = (float)(most / norm);
    for (int64_t i = 0; i < s->learner->parameters.size; i++)
        gradient[i] *= scale;
}

static tacit_status update(session *s, const lanes_result *r, step_numbers *n)
{
    const settings *o = s->settings;
    const optimizer_settings settings_of = {.momentum = settings_number(o, "momentum"),
                                            .second = settings_number(o, "beta2"),
                                            .epsilon = 1e-8,
                                            .decay = settings_number(o, "weight-decay"),
                                            .trust = settings_number(o, "trust"),
                                            .layer_decay = settings_number(o, "layer-decay")};
    char text[MESSAGE_SIZE];
    n->gradient_norm = gradient_norm(&s->learner->parameters, r->gradient->block, s->work);
    if (!isfinite(n->loss) || !isfinite(n->gradient_norm))
        return context_fail(s->context, TACIT_NONFINITE, "%s",
                            nonfinite_advice(n->loss, n->gradient_norm, n->lr, s->step, text, sizeof text));
    clip_gradient(s, r->gradient->block, n->gradient_norm);
    const optimizer_step step = {.step = s->step, .lr = n->lr};
    optimizer_run(s->optimizer, &settings_of, &step, &s->learner->parameters, r->gradient->block, s->state,
                  s->work);
    return TACIT_OK;
}

static bool at_epoch_end(const session *s)
{
    return s->step % s->epoch_steps == 0 || s->step == s->steps;
}

static tacit_status run_step(session *s)
{
    const double start = clock_seconds();
    lanes_result r;
    const uint32_t epoch = choose_batch(s);
    learner_before_step(s->learner, s->step, s->steps);
    TRY(lanes_step(s->lanes, s->batch, epoch, &r));
    s->step++;
    step_numbers n = {.loss = r.loss,
                      .lr = learning_rate(s),
                      .wait_share = r.wait_share,
                      .rerun = r.rerun,
                      .epoch_end = at_epoch_end(s)};
    const tacit_status status = update(s, &r, &n);
    lanes_give(s->lanes, r.gradient);
    TRY(status);
    learner_after_step(s->learner, s->step - 1);
    if (r.embeddings)
        n.spread = representation_spread(r.embeddings, r.rows, learner_width(s->learner));
    n.seconds = clock_seconds() - start;
    if (n.epoch_end)
        TRY(report_measure(s));
    if (!r.embeddings)
        n.spread = s->representation.spread;
    return report_step(s, &n);
}

static tacit_status end_epoch(session *s)
{
    TRY(report_epoch(s));
    TRY(save_checkpoint(s));
    return save_model(s);
}

static tacit_status stop_on_request(session *s)
{
    s->context->cancelled = 0;
    TRY(save_checkpoint(s));
    return context_fail(s->context, TACIT_CANCELLED, "stopped at step %lld of %lld; saved in %s",
                        (long long)s->step, (long long)s->steps, s->run);
}

static tacit_status loop(session *s)
{
    const double interval = 60.0 * settings_number(s->settings, "checkpoint-minutes");
    s->last_checkpoint = clock_seconds();
    while (s->step < s->steps) {
        TRY(run_step(s));
        if (at_epoch_end(s))
            TRY(end_epoch(s));
        else if (clock_seconds() - s->last_checkpoint > interval)
            TRY(save_checkpoint(s));
        if (s->context->cancelled && s->step < s->steps)
            return stop_on_request(s);
    }
    return TACIT_OK;
}

/* ---- entry ---- */

static session session_of(tacit_context *context, settings *s, const dataset *d, const data_source *source,
                          const char *run, const tacit_train_options *options)
{
    return (session){.context = context,
                     .settings = s,
                     .data = d,
                     .source = source,
                     .run = run,
                     .options = options,
                     .representation = {(double)NAN, (double)NAN},
                     .validation = (double)NAN};
}

/* What a run was started from need not be there when it goes on: the first checkpoint has it. */
static tacit_status first_files(session *s, const trainer_start *start)
{
    TRY(run_create(s->context, s->run, s->options && s->options->overwrite));
    TRY(move_words(s));
    if (start)
        TRY(save_checkpoint(s));
    TRY(save_config(s));
    return report_views(s);
}

tacit_status trainer_train(tacit_context *context, settings *s, const dataset *d, const data_source *source,
                           const char *run, const trainer_start *start, const tacit_train_options *options)
{
    TRY(run_check(context, run, options && options->overwrite));
    session now = session_of(context, s, d, source, run, options);
    tacit_status status = set_up(&now, start, true);
    if (status == TACIT_OK)
        status = first_files(&now, start);
    if (status == TACIT_OK)
        status = loop(&now);
    tear_down(&now);
    return status;
}

static tacit_status same_data(const session *s, const run_record *r)
{
    if (s->data->count != r->examples || s->data->channels != r->channels)
        return context_fail(s->context, TACIT_STATE,
                            "the data have %lld examples of %d channels, the run began with %lld of %d: it "
                            "can only go on with "
                            "the same data",
                            (long long)s->data->count, s->data->channels, (long long)r->examples,
                            r->channels);
    if (!s->data->table != !r->table || (r->table && !table_equal(s->data->table, r->table)))
        return context_fail(
            s->context, TACIT_STATE,
            "the columns of the data are not those that the run began with: it can only go on "
            "with the same data");
    return TACIT_OK;
}

static tacit_status go_on(session *s, const run_record *began)
{
    const trainer_start numbers = {.mean = began->mean, .deviation = began->deviation};
    TRY(same_data(s, began));
    TRY(set_up(s, &numbers, false));
    char *folder = path_join(s->context, s->run, "checkpoints");
    if (!folder)
        return TACIT_NOMEM;
    checkpoint c = checkpoint_of(s);
    const tacit_status status = checkpoint_read(s->context, folder, &c);
    memory_free(s->context, folder);
    TRY(status);
    s->step = c.step;
    TRY(report_truncate(s->context, s->run, s->step));
    if (s->step < s->steps)
        return loop(s);
    TRY(report_measure(s));
    return end_epoch(s);
}

tacit_status trainer_resume(tacit_context *context, run_record *began, const dataset *d,
                            const data_source *source, const char *run, const tacit_train_options *options)
{
    session now = session_of(context, began->settings, d, source, run, options);
    const tacit_status status = go_on(&now, began);
    tear_down(&now);
    return status;
}
