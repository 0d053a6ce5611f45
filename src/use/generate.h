/* Texts that a model goes on with, word by word. */
#ifndef USE_GENERATE_H
#define USE_GENERATE_H

#include "data/tokenizer.h"
#include "objective/learner.h"
#include "op/work.h"

typedef struct generation {
    int64_t prompt, cut; /* tokens of the prompt, and those of them, at its beginning, that the window had no
                            room for */
    int64_t tokens;      /* new ones */
    bool ended;          /* by the end of a text, or the text to stop at */
} generation;

/* Goes on from a prompt (`size` bytes; none: from the end of a text). What comes is told to `hear` as it
 * comes: whole UTF-8 characters, bytes that are none as U+FFFD; nothing of the prompt. Draws are a function
 * of options->seed, `sample` and the place in the text. When the window is full its older half is forgotten.
 * Stops with TACIT_CANCELLED when the context is asked to. TACIT_ARGUMENT: a model that does not predict the
 * next word, or options outside their ranges. */
tacit_status generate_run(const learner *l, work *w, const tokenizer *t, const void *prompt, size_t size,
                          const tacit_generate_options *options, int64_t sample, tacit_text_function hear,
                          void *user, generation *out);

#endif
