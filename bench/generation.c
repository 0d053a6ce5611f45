/* How long the next word takes with gpt-small (124 million random weights, window 1,024), beside reading the
 * weights from memory once: at the start of the window and at its end, where attention reads as many keys and
 * values. Between these, how long a prompt takes. Medians, milliseconds. */
#include <stdio.h>
#include <stdlib.h>

#include "reading.h"

#include "model/gpt.h"
#include "train/config.h"

enum { WORDS = 32, WINDOW = 1024, VOCABULARY = 50257 };

/* WORDS words from where the text is, the weights read before each. */
static tacit_status measure(work *w, gpt_stepper *s, reading *r, float *logits)
{
    double reads[WORDS], steps[WORDS];
    const int64_t first = gpt_stepper_length(s);
    for (int32_t i = 0; i < WORDS; i++) {
        TRY(reading_time(w, r, &reads[i]));
        const double between = clock_seconds();
        gpt_stepper_read(s, &i, 1, logits);
        steps[i] = clock_seconds() - between;
    }
    qsort(reads, WORDS, sizeof *reads, rising);
    qsort(steps, WORDS, sizeof *steps, rising);
    printf("words %4d to %4d: reading %6.1f ms (%.1f GB/s), a word %6.1f ms, reading / a word %.2f\n",
           (int)first, (int)first + WORDS - 1, 1e3 * reads[WORDS / 2],
           4e-9 * (double)r->count / reads[WORDS / 2], 1e3 * steps[WORDS / 2],
           reads[WORDS / 2] / steps[WORDS / 2]);
    return TACIT_OK;
}

/* Up to the last words of the window. */
static void read_prompt(gpt_stepper *s)
{
    const int64_t count = WINDOW - WORDS - gpt_stepper_length(s);
    int32_t ids[WINDOW] = {0};
    const double start = clock_seconds();
    gpt_stepper_read(s, ids, count, NULL);
    printf("a prompt of %d tokens: %.1f ms each\n", (int)count,
           1e3 * (clock_seconds() - start) / (double)count);
}

static tacit_status measure_all(work *w, const learner *l, float *logits, uint32_t *sums)
{
    gpt_stepper *s;
    reading r = {l->parameters.block, l->parameters.size, sums};
    TRY(gpt_stepper_create(&s, l->encoder, &l->parameters, w->team));
    tacit_status status = measure(w, s, &r, logits);
    read_prompt(s);
    if (status == TACIT_OK)
        status = measure(w, s, &r, logits);
    gpt_stepper_destroy(s);
    return status;
}

static tacit_status run(tacit_context *context, work *w, settings *s)
{
    learner *l;
    TRY(settings_set(s, "encoder", "gpt-small"));
    TRY(settings_set(s, "readout", "mean"));
    TRY(settings_set(s, "window", "1024"));
    TRY(settings_set(s, "vocab", "50257"));
    TRY(learner_create(&l, context, s, shape_1(WINDOW + 1)));
    tacit_status status = config_resolve_training(s, context, l, INT64_C(1) << 30);
    if (status == TACIT_OK)
        status = learner_begin(l, s);
    float *logits = memory_alloc(context, VOCABULARY, sizeof *logits);
    uint32_t *sums = memory_alloc(context, (size_t)reading_blocks(l->parameters.size), sizeof *sums);
    if (status == TACIT_OK)
        status = logits && sums ? measure_all(w, l, logits, sums) : TACIT_NOMEM;
    memory_free(context, logits);
    memory_free(context, sums);
    learner_destroy(l);
    return status;
}

int main(void)
{
    tacit_context *context = NULL;
    settings *s = NULL;
    work *w = NULL;
    tacit_status status = tacit_context_create(&context, NULL);
    if (status == TACIT_OK)
        status = work_create(&w, context);
    if (status == TACIT_OK)
        status = config_create(&s, context, "next-word");
    if (status == TACIT_OK)
        status = run(context, w, s);
    if (status != TACIT_OK)
        fprintf(stderr, "bench: %s\n", context ? tacit_context_message(context) : "out of memory");
    if (context) {
        settings_destroy(s);
        work_destroy(w);
    }
    tacit_context_destroy(context);
    return status == TACIT_OK ? 0 : 1;
}
