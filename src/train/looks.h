/* How a model looks at examples: views and their normalisation, by the settings and the kind of the data. */
#ifndef TRAIN_LOOKS_H
#define TRAIN_LOOKS_H

#include "base/settings.h"
#include "base/team.h"
#include "data/augment/augment.h"
#include "data/tokenizer.h"

/* What views are made of, beside the settings. */
typedef struct looks {
    const double *mean, *deviation; /* (channels of the data): of pixels in [0, 1], or of columns */
    const row_table *columns;       /* of a model's training data; NULL: those of the data at hand */
    bool training;                  /* as the method learns from them; else as examples are embedded */
    /* Texts. */
    const tokenizer *tokenizer;
    team *workers;
    const char *folder; /* where tokens may be kept; NULL: in memory */
} looks;

/* Side of the views of pictures, pixels: those that are learnt from, or those that are embedded. */
int looks_side(const settings *s, bool training);

/* Views of `d`, which is kept. `back` (may be NULL) becomes what turns views of pictures back into pictures.
 */
tacit_status looks_create(views **out, tacit_context *context, const dataset *d, const settings *s, looks l,
                          picture_view_options *back);

/* Replaces the views of training by those that --positives asks for. TACIT_ARGUMENT: a method without pairs,
 * or data without groups. How many examples have no partner is logged. */
tacit_status looks_pair(views **v, tacit_context *context, const dataset *d, const settings *s);

/* Mean and deviation (d->channels) as the training data have them. */
tacit_status looks_measure(const dataset *d, const settings *s, team *workers, double *mean,
                           double *deviation);

#endif
