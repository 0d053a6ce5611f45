/* What the tests of models of texts share: a small one with random weights that differ enough for attention
 * to look somewhere. */
#ifndef TESTS_WORDS_SUPPORT_H
#define TESTS_WORDS_SUPPORT_H

#include "support.h"

#include "model/gpt.h"
#include "objective/learner.h"
#include "op/work.h"
#include "train/config.h"

typedef struct test_words {
    tacit_context *context;
    settings *settings;
    learner *learner;
    work *work;
    tape *tape; /* of worker 0 */
    int64_t window, vocabulary;
} test_words;

/* `options`: name, value, ..., NULL, after those that every model of texts needs. */
static inline tacit_status test_words_learner(learner **out, settings **s, tacit_context *context,
                                              const char *learns, const char *kind, int64_t window,
                                              int64_t vocabulary, const char *const *options)
{
    char number[32];
    *out = NULL;
    TRY(config_create(s, context, learns));
    TRY(settings_set(*s, "encoder", kind));
    TRY(settings_set(*s, "readout", "mean"));
    TRY(settings_set(*s, "patch", "4"));
    snprintf(number, sizeof number, "%lld", (long long)window);
    TRY(settings_set(*s, "window", number));
    snprintf(number, sizeof number, "%lld", (long long)vocabulary);
    TRY(settings_set(*s, "vocab", number));
    for (; options && *options; options += 2)
        TRY(settings_set(*s, options[0], options[1]));
    return learner_create(out, context, *s, shape_1(window));
}

/* Matrices have about six times the deviation that training would start from. */
static inline void test_words_wake(learner *l)
{
    for (size_t i = 0; i < l->parameters.count; i++) {
        const parameter *p = &l->parameters.table[i];
        for (int64_t k = 0; p->shape.rank > 1 && k < shape_count(p->shape); k++)
            l->parameters.block[p->offset + k] *= 6.0f;
    }
}

static inline void test_words_set_up(test_words *w, const char *learns, const char *kind, int64_t window,
                                     int64_t vocabulary, int threads, const char *const *options)
{
    *w = (test_words){.context = test_context(), .window = window, .vocabulary = vocabulary};
    assert_ok(w->context, tacit_context_set_threads(w->context, threads));
    assert_ok(w->context, test_words_learner(&w->learner, &w->settings, w->context, learns, kind, window,
                                             vocabulary, options));
    assert_ok(w->context, learner_begin(w->learner, w->settings));
    test_words_wake(w->learner);
    assert_ok(w->context, work_create(&w->work, w->context));
    assert_ok(w->context, tape_create(&w->tape, w->context, w->work->backends[0]));
    const parameters *p = &w->learner->parameters;
    assert_ok(w->context, tape_bind(w->tape, p->tensors, (int)p->count, p->block));
}

static inline void test_words_tear_down(test_words *w)
{
    tape_destroy(w->tape);
    work_destroy(w->work);
    learner_destroy(w->learner);
    settings_destroy(w->settings);
    tacit_context_destroy(w->context);
}

/* Token i of text `text`, any below `vocabulary`. */
static inline int32_t test_word(int64_t text, int64_t i, int64_t vocabulary)
{
    return (int32_t)(draw_permuted(5, DRAW_TEST, (uint32_t)text, 1 << 20, (uint64_t)i) %
                     (uint64_t)vocabulary);
}

/* Norm of the difference over the norm of `want`; NaN where either is not a number. */
static inline double test_distance(const float *got, const float *want, int64_t count)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        norm += (double)want[i] * (double)want[i];
    }
    return sqrt(difference) / sqrt(norm);
}

/* -log of the share of `word` in double. */
static inline double test_surprise(const float *logits, int64_t vocabulary, int32_t word)
{
    double sum = 0, most = (double)logits[0];
    for (int64_t i = 1; i < vocabulary; i++)
        most = (double)logits[i] > most ? (double)logits[i] : most;
    for (int64_t i = 0; i < vocabulary; i++)
        sum += exp((double)logits[i] - most);
    return log(sum) + most - (double)logits[word];
}

#endif
