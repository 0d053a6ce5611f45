/* A linear classifier on embeddings as they are: what `classify` puts on an encoder. */
#ifndef USE_LINEAR_HEAD_H
#define USE_LINEAR_HEAD_H

#include "use/matrix.h"

typedef struct linear_head {
    tacit_context *context;
    int64_t columns;
    int32_t classes;
    float *wei;  /* (classes, columns) */
    float *bias; /* (classes) */
    double l2;   /* strength of the penalty it was fitted with, on standardised features */
} linear_head;

/* What heads are fitted to: rows (count) of the features, of at least two classes, else TACIT_ARGUMENT. All
 * the features, which are finite, give the mean and deviation they are standardised with: those need no
 * label. */
typedef struct labelled {
    matrix features;
    const int32_t *labels; /* (features.rows); read at `rows` only */
    int32_t classes;
    const int64_t *rows; /* (count), rising */
    int64_t count;
} labelled;

/* The penalty is chosen as by probe_select from 100 examples a class on, and fixed below (few_labels.h). On
 * failure *out is empty; linear_head_fini may be called in any case. */
tacit_status linear_head_fit(linear_head *out, work *w, const labelled *x, uint64_t seed);
void linear_head_fini(linear_head *h);

/* Logits of examples that the head which gives them has not seen: the rows are dealt to five folds, class by
 * class, and those of a fold judged by a head of the same penalty, fitted to the others; from 100 examples a
 * class on only the first fold is judged. logits (count, classes), label (count) of the *filled examples
 * judged; 0 where there are not two of a class. */
tacit_status linear_head_cross_fit(work *w, const labelled *x, double l2, uint64_t seed, float *logits,
                                   int32_t *label, int64_t *filled);

/* features wei^T + bias -> logits (rows, classes). TACIT_NONFINITE names a row with a logit that is not
 * finite. */
tacit_status linear_logits(work *w, matrix features, const float *wei, const float *bias, int32_t classes,
                           float *logits);

#endif
