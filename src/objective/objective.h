/* Objectives: what is learnt. A method is one table row and a few functions; its family is which of them it
 * has.
 *
 *   pointwise   lane: read, forward to a loss that is a mean over the lane's examples, backward
 *   batchwise   lane: forward to embeddings; couple: the whole batch's loss and its gradient; lane: backward
 */
#ifndef OBJECTIVE_OBJECTIVE_H
#define OBJECTIVE_OBJECTIVE_H

#include "base/settings.h"
#include "data/views.h"
#include "model/encoder.h"

typedef enum family { SELF_PREDICTION, CONTRASTIVE } family;

typedef struct objective objective;

/* A method with its settings read and its parameters declared. */
typedef struct method {
    tacit_context *context;
    const objective *objective;
    const encoder *encoder; /* kept */
    int64_t width;          /* D of what the method embeds; the encoder's unless create says otherwise */
    void *state;            /* the method's own */
} method;

/* What a lane is told. */
typedef struct lane {
    const int64_t *examples; /* (count): numbers of the examples in the data set */
    int64_t count;
    value views; /* (count * objective->views, H, W, C): views of one example are neighbours */
    uint64_t seed;
    uint32_t epoch;
    const pixel_scale *pixels; /* what the numbers of the views are */
    scratch *scratch;          /* of this worker */
} lane;

/* Another default for a common setting, where this method wants one. */
typedef struct default_value {
    const char *name, *text;
} default_value;

struct objective {
    const char *name;
    family family;
    const char *summary;     /* one line, with author and year */
    int views;               /* of each example */
    bool fine;               /* wants many small patches: the default patch is then smaller */
    const setting *settings; /* the method's own rows */
    size_t setting_count;
    const default_value *defaults; /* ends with {NULL, NULL} */
    /* Reads the settings and declares parameters beside the encoder's. */
    tacit_status (*create)(method *m, parameters *p, const settings *s);
    void (*destroy)(method *m);
    /* Pointwise: -> loss (1). Batchwise: -> embeddings (count * views, D). */
    value (*lane)(const method *m, tape *t, const lane *l);
    /* embeddings (B * views, D) of the whole batch, in order -> loss (1). NULL makes the method pointwise. */
    value (*couple)(const method *m, tape *t, value embeddings);
    /* What the model is used for: pictures (B, H, W, C) -> embeddings (B, method.width). NULL: the encoder's.
     */
    value (*embed)(const method *m, tape *t, value pictures);
    /* The pictures (B, H, W, C) as the method predicts them from `pictures`, damaged or not: rows of patches
     * (B, T, P) in the order of op_patchify with the patch of the encoder's settings. NULL: a method that
     * does not predict whole pictures. */
    value (*restore)(const method *m, tape *t, value pictures);
    /* For people: what the method does to the examples of one lane, after a forward pass of its own on `t`.
     * Fills pictures (count, demonstrate_columns, H, W, C) f32, normalised as views are. NULL: nothing to
     * show. */
    int demonstrate_columns;
    const char *const *demonstrate_titles;
    tacit_status (*demonstrate)(const method *m, tape *t, const lane *l, float *pictures);
};

extern const objective *const objectives[];        /* NULL-terminated, in the order of the help */
const objective *objective_find(const char *name); /* NULL: none */
const char *family_name(family f);                 /* "self-prediction", "contrastive" */

#endif
