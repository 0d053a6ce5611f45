/* The small transformer that self-prediction ends in: from rows of tokens to predicted patches, and patches
 * back to pictures. */
#ifndef OBJECTIVE_SELF_PREDICTION_DECODER_H
#define OBJECTIVE_SELF_PREDICTION_DECODER_H

#include "model/transformer.h"
#include "objective/objective.h"

/* Rows of a method's settings; `method` is their heading in the help. */
#define DECODER_SETTINGS(method)                                                                             \
    {"decoder-width", SETTING_WHOLE, 16, 4096, NULL, "auto", "", "width of the decoder, a multiple of 16",   \
     method},                                                                                                \
    {                                                                                                        \
        "decoder-depth", SETTING_WHOLE, 1, 32, NULL, "auto", "", "blocks of the decoder", method             \
    }

typedef struct decoder {
    tacit_context *context;
    int64_t tokens;      /* T: patches of a picture */
    int64_t patch_width; /* P: numbers of a patch */
    int64_t width;       /* Dd */
    bool class_row;      /* a class token stands before the patches */
    int depth;
    block_style style;
    block *blocks;
    norm_layer norm;
    linear_layer predict;
    tensor positions; /* (class_row + T, Dd), fixed, owned */
} decoder;

/* Reads "decoder-width" and "decoder-depth" (auto: half the encoder's width up to 512, two blocks, four from
 * a width of 384 on) and makes room. TACIT_ARGUMENT where the width is not a multiple of 16, or the patches
 * of the encoder's settings do not divide its pictures. Norms have the encoder's epsilon. Declares nothing.
 * After a failure nothing is owned.
 */
tacit_status decoder_create(decoder *d, const encoder *e, const settings *s, bool class_row);
void decoder_fini(decoder *d);

/* Heads of 32 numbers where they divide the width, a multiple of 16, else of 16. */
int decoder_heads(int64_t width);

/* Declares "decoder.blocks.N", "decoder.norm" and "decoder.pred"; what feeds the decoder is declared before
 * by the method. */
void decoder_declare(decoder *d, parameters *p);

/* x (B, class_row + T, Dd), without positions -> (B, K, P): the predictions at the tokens that `rows` (B, K)
 * i32 names, class token counted; the invalid value: at all. Norm and prediction work on single rows, so only
 * these are taken through them. */
value decoder_apply(const decoder *d, tape *t, value x, value rows);

/* (count, T) i32 on the tape: the tokens behind a class token, 1 .. T, for each example. */
value decoder_patch_rows(const decoder *d, tape *t, int64_t count);

/* Puts patch `number` (P) into a picture (H, W, C); NULL: zeros, which is the mean colour. */
void decoder_put_patch(const encoder_settings *s, int64_t number, const float *patch, float *picture);

/* patches (count, T, P) -> pictures (count, H, W, C): the inverse of op_patchify. */
void decoder_put_all(const encoder_settings *s, const float *patches, int64_t count, float *pictures);

#endif
