/* What classifiers need of runs, for tacit_resume and tacit_model_open. */
#ifndef API_CLASSIFIER_H
#define API_CLASSIFIER_H

#include "api/handles.h"
#include "use/label_parts.h"
#include "use/matrix.h"

/* Whether the settings are those of a classifier. */
bool classifier_is(const settings *s);

/* Which examples of `d` a classifier with these settings learns from. */
tacit_status classifier_parts(label_parts *out, const dataset *d, const settings *s);

/* Finds the temperature of the classifier that has been trained in folder `head`, and writes its
 * classes.json. `data` are all that were given. `out` may be NULL. */
tacit_status classifier_finish(tacit_context *context, const char *head, const tacit_dataset *data,
                               tacit_classifier *out);

/* Embeddings of rows (count) of `data` by the model, (count, learner_width), owned by the caller. */
tacit_status classifier_embed(tacit_model *model, const tacit_dataset *data, const int64_t *rows,
                              int64_t count, float **out);

/* Logits (rows, classes) by the classifier's own head. */
tacit_status classifier_logits(const tacit_model *model, matrix features, float *logits);

#endif
