/* Damage to pictures, for methods that learn to undo it, and for measuring how well they do. */
#ifndef DATA_AUGMENT_DAMAGE_H
#define DATA_AUGMENT_DAMAGE_H

#include "data/augment/augment.h"

/* In the order in which they happen to a picture: on its way through a lens, a sensor, a wire, and hands. */
typedef enum damage_kind {
    DAMAGE_GREY,   /* strength: share of the colour that is lost, 0 to 1 */
    DAMAGE_BLUR,   /* sigma of a Gaussian, pixels; 0 to 100 */
    DAMAGE_SCALE,  /* factor by which the sides shrink, before they grow again; from 1, which is nothing */
    DAMAGE_NOISE,  /* deviation of Gaussian noise, pixels being 0 to 1 */
    DAMAGE_PEPPER, /* salt and pepper: share of the pixels that become black or white, 0 to 1 */
    DAMAGE_HOLES,  /* share of the area that square blocks of `fill` hide, 0 to 0.9 */
    DAMAGE_KINDS
} damage_kind;

/* What a strength may be, and what it is unless settings say otherwise. */
typedef struct damage_row {
    const char *name; /* "noise" */
    float nothing;    /* the strength that leaves a picture as it is, also the least */
    float most;
} damage_row;
extern const damage_row damage_rows[DAMAGE_KINDS];

typedef struct damage_settings {
    bool on[DAMAGE_KINDS];
    float low[DAMAGE_KINDS], high[DAMAGE_KINDS]; /* range of the strength */
    float chance;                                /* of each kind that is on */
} damage_settings;

/* "noise,holes" -> on. TACIT_ARGUMENT names a word that is no kind, or that there is none. */
tacit_status damage_parse(tacit_context *context, const char *text, bool on[DAMAGE_KINDS]);

/* One kind of one strength. Values stay in [0, 1]; a strength of `nothing` leaves every bit. Holes: blocks
 * with sides from an eighth to a quarter of the picture's shorter one, anywhere, until at least this share is
 * covered, by less than one block more; `fill` (C) is their colour. A strength outside what is allowed, NaN
 * too, is TACIT_ARGUMENT. */
tacit_status damage_apply(damage_kind kind, float strength, draws *d, const float *fill, scratch *s,
                          canvas *c);

/* A picture of the example with number `example` in this epoch: each kind that is on with probability
 * `chance`, and if none falls, one of them; with strengths from their ranges. A function of the key: each
 * kind has draws of its own, so that it falls alike whatever else is on. */
tacit_status damage_picture(const damage_settings *o, uint64_t seed, uint32_t epoch, uint64_t example,
                            const float *fill, scratch *s, canvas *c);

#endif
