/* Encoders: from a lane of pictures, rows or texts to one embedding each. One file for each family; the table
 * is in encoder.c. */
#ifndef MODEL_ENCODER_H
#define MODEL_ENCODER_H

#include "model/parameters.h"

/* What of the tokens the embedding is: the mean of the patch tokens, the class token, or the means of the
 * patch tokens in each of side x side regions of the picture, one after the other. */
typedef enum readout { READOUT_MEAN, READOUT_CLASS, READOUT_REGIONS } readout;

/* How a token knows its place: by rows that are added, fixed ones (positions_fill) or learnt ones, or by
 * rotation of queries and keys. AUTO: fixed ones of pictures, learnt ones of texts. */
typedef enum positions { POSITIONS_AUTO, POSITIONS_SINCOS, POSITIONS_LEARNED, POSITIONS_ROTARY } positions;

/* What an encoder is built for. */
typedef struct encoder_settings {
    int height, width, channels; /* of a view */
    int patch;                   /* side of a patch; divides height and width */
    readout readout;
    int regions;  /* a side, for READOUT_REGIONS */
    double share; /* of the channels, for kinds that are scalable; else 1 */
    bool rows;    /* rows of a table instead, (channels) numbers each; the rest is then of no account */
    /* Of transformers: */
    positions positions;
    float epsilon;     /* of the norms; 0: 1e-6 of pictures, 1e-5 of texts */
    float layer_scale; /* first value of what each part of a block is multiplied by; 0: there is none */
    /* Of texts, and nothing else of the above but the readout: */
    int64_t window, vocabulary; /* tokens of a text at the most, and how many there are to choose from */
    float dropout;
} encoder_settings;

/* Residual networks have another stem for pictures up to this side. */
enum { ENCODER_SMALL_SIDE = 64 };

typedef struct encoder encoder;

/* A row of the table: a name and the sizes it stands for. */
typedef struct encoder_kind {
    const char *name, *summary;
    int width, depth, heads;
    bool scalable; /* its channels can be scaled; it normalises within a lane; its embedding is a mean by
                      default */
    bool words;    /* it takes texts */
    bool causal;   /* and a token sees those before it only */
    /* Declares the parameters under "encoder." and fills *out. Settings that do not fit are TACIT_ARGUMENT.
     */
    tacit_status (*create)(encoder **out, parameters *p, const struct encoder_kind *kind,
                           const encoder_settings *s);
} encoder_kind;

struct encoder {
    tacit_context *context;
    const encoder_kind *kind;
    encoder_settings settings;
    bool takes_rows;      /* what it was built for: rows of a table, not pictures */
    int64_t width;        /* D of the embedding */
    int64_t tokens;       /* patches of a picture, T; places of the last map of a convolutional encoder; the
                             window of a text */
    int64_t patch_width;  /* numbers of a patch, P; 0 where there are none */
    int64_t lane_minimum; /* examples that a default lane has at least, for batch norm within it; 0: any */
    /* pictures (B, H, W, C), rows (B, columns), or ids of texts (B, T) i32 -> embeddings (B, D) */
    value (*embed)(const encoder *e, tape *t, value pictures);
    /* Self-prediction: only the patches named by `index` (B, K) i32 are seen, or with the invalid value all
     * of them (K = T). patches (B, T, P) -> (B, 1 + K, D), class token first, after the final norm. NULL
     * where an encoder can not leave parts out, or has no tokens. */
    value (*encode_visible)(const encoder *e, tape *t, value patches, value index);
    /* Of texts: ids (B, T) i32, T up to the window, -1 where there is none, lengths (B) i32 of tokens in each
     * row, or the invalid value: all -> (B, T, D), after the final norm. NULL for others. */
    value (*encode_words)(const encoder *e, tape *t, value ids, value lengths);
    value words; /* of texts: the table (vocabulary, D) that ids are rows of */
    void (*destroy)(encoder *e);
};

/* What the settings of a kind that is no transformer must not ask for: TACIT_ARGUMENT. */
tacit_status encoder_refuse_transformers(tacit_context *context, const encoder_kind *kind,
                                         const encoder_settings *s);

extern const encoder_kind *const encoder_kinds[];   /* NULL-terminated */
const encoder_kind *encoder_find(const char *name); /* NULL: none */

#endif
