/* Objectives: what is learnt. A method is one table row and a few functions; its family is which of them it
 * has.
 *
 *   pointwise   lane: read, forward to a loss that is a mean over the lane's examples, backward
 *   batchwise   lane: forward to embeddings; couple: the whole batch's loss and its gradient; lane: backward
 *
 * A method may have state beside the parameters: it makes it in `begin`, names it in method.blocks, and
 * changes it in before_step and after_step and nowhere else, so that a step can be done twice. The checkpoint
 * holds it, the model does not. */
#ifndef OBJECTIVE_OBJECTIVE_H
#define OBJECTIVE_OBJECTIVE_H

#include "base/settings.h"
#include "data/views.h"
#include "model/average.h"
#include "model/encoder.h"

/* SUPERVISED methods learn from labels: they are not offered for training from scratch on unlabelled data,
 * but what a learnt encoder is fine-tuned with. ELSEWHERE is no method at all, but the place of one where an
 * encoder comes alone. */
typedef enum family { SELF_PREDICTION, CONTRASTIVE, SUPERVISED, ELSEWHERE } family;

typedef struct objective objective;

enum { METHOD_BLOCKS = 4 };

/* Numbers that change from step to step, for the checkpoint. */
typedef struct state_block {
    const char *name; /* "queue" */
    int64_t count;
    float *data; /* (count): the method's own, aligned */
} state_block;

/* A method with its settings read and its parameters declared. */
typedef struct method {
    tacit_context *context;
    const objective *objective;
    const encoder *encoder; /* kept */
    int64_t width;          /* D of what the method embeds; the encoder's unless create says otherwise */
    void *state;            /* the method's own */
    state_block blocks[METHOD_BLOCKS];
    int block_count;                 /* 0 before `begin` */
    const parameter_average *target; /* what objective->target runs with; NULL before `begin` */
} method;

/* What a lane is told. */
typedef struct lane {
    const int64_t *examples; /* (count): numbers of the examples in the data set */
    int32_t *labels;         /* (count): theirs, only to be read; NULL: none are known */
    int64_t count;
    value views; /* (count * objective->views, H, W, C), or (.., columns) of rows, or (.., tokens) i32 of
                    texts: views of one example are neighbours. For `target`: (count *
                    objective->target_views, ..), the views after those */
    uint64_t seed;
    uint32_t epoch;
    const pixel_scale *pixels;    /* what the numbers of the views are */
    const row_features *features; /* of rows, which columns belong together; NULL: pictures */
    scratch *scratch;             /* of this worker */
} lane;

/* Another default for a common setting, where this method wants one. */
typedef struct default_value {
    const char *name, *text;
} default_value;

struct objective {
    const char *name;
    family family;
    const char *summary; /* one line, with author and year */
    int views;           /* of each example */
    bool fine;           /* wants many small patches: the default patch is then smaller */
    bool stream;         /* of texts: wants windows of all of them, one after the other, not texts */
    int ahead;           /* and so many more tokens behind each window */
    /* Of a stream: how many of the first `tokens` of a window, and what is ahead, are predicted. */
    int64_t (*asked)(const method *m, int64_t tokens);
    int target_views;        /* of each example, beside those; 0 without `target` */
    const setting *settings; /* the method's own rows */
    size_t setting_count;
    const default_value *defaults;      /* ends with {NULL, NULL} */
    const default_value *text_defaults; /* where the examples are texts; likewise, or NULL */
    /* Reads the settings and declares parameters beside the encoder's. */
    tacit_status (*create)(method *m, parameters *p, const settings *s);
    void (*destroy)(method *m);
    /* Pointwise: -> loss (1). Batchwise: -> embeddings (count * views, D). */
    value (*lane)(const method *m, tape *t, const lane *l);
    /* Batchwise, or NULL: target_views more views of each example -> (count * target_views, D), on a tape
     * that is bound to method.target and knows no gradients. Its lanes hold other examples than those of
     * `lane`. */
    value (*target)(const method *m, tape *t, const lane *l);
    /* embeddings (B * views, D) of the whole batch, in order, and what `target` made (B * target_views, D), a
     * constant (the invalid value without `target`) -> loss (1). NULL makes the method pointwise. */
    value (*couple)(const method *m, tape *t, value embeddings, value targets);
    /* Or NULL. Training is about to begin, or to go on, from the parameters p: makes the state and its first
     * values, fills method.blocks and method.target. Reads "seed", "batch" and the method's own settings. A
     * model that is only used never comes here. */
    tacit_status (*begin)(method *m, const parameters *p, const settings *s);
    /* Or NULL: before the lanes of step 0 .. steps-1, and after its update of the parameters. */
    void (*before_step)(const method *m, const parameters *p, int64_t step, int64_t steps);
    void (*after_step)(const method *m, int64_t step);
    /* What the model is used for: pictures (B, H, W, C) -> embeddings (B, method.width). NULL: the encoder's.
     */
    value (*embed)(const method *m, tape *t, value pictures);
    /* The pictures (B, H, W, C) as the method predicts them from `pictures`, damaged or not: rows of patches
     * (B, T, P) in the order of op_patchify with the patch of the encoder's settings. NULL: a method that
     * does not predict whole pictures. */
    value (*restore)(const method *m, tape *t, value pictures);
    /* The same of rows (B, columns), in which what is not known is 0 -> (B, columns). NULL: a method that
     * does not predict rows. */
    value (*restore_rows)(const method *m, tape *t, value rows);
    /* The patches (B, T-K, P) that `removed` (B, T-K) i32 names, as the method predicts them from those that
     * `kept` (B, K) names, of pictures (B, H, W, C). NULL: a method that hides nothing. */
    value (*inpaint)(const method *m, tape *t, value pictures, value kept, value removed);
    /* For people: what the method does to the examples of one lane, after a forward pass of its own on `t`.
     * Fills pictures (count, demonstrate_columns, H, W, C) f32, normalised as views are. NULL: nothing to
     * show. */
    int demonstrate_columns;
    const char *const *demonstrate_titles;
    tacit_status (*demonstrate)(const method *m, tape *t, const lane *l, float *pictures);
};

extern const objective *const objectives[];        /* NULL-terminated, in the order of the help */
const objective *objective_find(const char *name); /* NULL: none */
bool objective_is_offered(const objective *o);     /* for training on unlabelled data */
const char *family_name(family f); /* "self-prediction", "contrastive", "supervised", "trained elsewhere" */

#endif
