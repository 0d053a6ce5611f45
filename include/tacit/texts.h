/* What a model of texts is used for beside the other uses: measuring its words, writing more of them. Part of
 * tacit.h, which includes it. Programs include tacit.h, whose conventions hold here. */
#ifndef TACIT_TEXTS_H
#define TACIT_TEXTS_H

#ifndef TACIT_H
#error "include tacit.h"
#endif

/* ---- how well words are predicted ---- */

typedef struct tacit_language {
    int64_t texts, bytes; /* that were read */
    int64_t tokens;       /* that were predicted */
    double loss;          /* mean of -log of the true token's share, nats */
    double perplexity;    /* exp(loss) */
    double bits_per_byte; /* of a model that predicts words in order: loss of all of them over the bytes; else
                             NAN */
} tacit_language;

/* How well a model of next-word or masked-word predicts `data`, texts. `share`, 0 to below 1: only the part
 * at the end that training with this --validation kept apart; 0: all. TACIT_ARGUMENT: another kind of model.
 */
TACIT_CALL tacit_measure_language(tacit_model *model, const tacit_dataset *data, double share,
                                  tacit_language *out);
/* The share that this model's training kept apart; 0: none. */
TACIT_API double tacit_model_validation(const tacit_model *model);

/* ---- writing ---- */

typedef struct tacit_generate_options {
    int64_t tokens;     /* new ones at the most: 200 */
    double temperature; /* 0 (always the likeliest) to 100: 0.8 */
    int64_t top_k;      /* of the k likeliest only; 0 (default): of all */
    double top_p;       /* of the likeliest that make up this share only, above 0 to 1: 1 */
    double
        repetition; /* how much less likely tokens of the window become, 0.1 to 10; 1 (default): not at all */
    const char *stop; /* text at which it ends, which is not told; NULL: none */
    uint64_t seed;    /* 1 */
} tacit_generate_options;
TACIT_API tacit_generate_options tacit_generate_options_default(void);

/* Hears a piece of text: `size` bytes, whole UTF-8 characters, no zero byte behind. */
typedef void (*tacit_text_function)(void *user, const char *text, size_t size);

typedef struct tacit_generation {
    int64_t prompt, cut; /* tokens of the prompt, and how many of them, at its beginning, did not fit into the
                            window */
    int64_t tokens;      /* new ones */
    bool ended;          /* at the end of a text, or at `stop` */
    double seconds;      /* that the new ones took */
} tacit_generation;

/* Goes on from `prompt` (`size` bytes, 0: from nothing) and tells `hear` what comes, as it comes. Text number
 * `sample` of this seed: the same bits for any number of threads. When the window is full its older half is
 * forgotten. TACIT_ARGUMENT: not a model of next-word, or options outside their ranges. TACIT_CANCELLED:
 * stopped on request. */
TACIT_CALL tacit_generate(tacit_model *model, const char *prompt, size_t size,
                          const tacit_generate_options *options, int64_t sample, tacit_text_function hear,
                          void *user, tacit_generation *out);

#endif
