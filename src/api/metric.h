/* A metric learnt from examples of known groups, as verification and identification use it. */
#ifndef API_METRIC_H
#define API_METRIC_H

#include "api/embedded.h"
#include "use/within.h"

typedef struct metric {
    embedded data;        /* what is fitted; its model is NULL where nothing is */
    const int32_t *group; /* (data.count), borrowed */
    int32_t groups;
    uint64_t seed;
    within within;
    bool learnt; /* within is there */
} metric;

/* Without `fit` (NULL) there is no metric, and all else does nothing. Groups are those of fit, else its
 * labels, else TACIT_ARGUMENT. What is known before the fit goes to *out; labels that `compared` has too are
 * counted, and said. metric_close also after a failure. */
tacit_status metric_open(metric *m, tacit_model *model, const tacit_dataset *fit,
                         const tacit_dataset *compared, uint64_t seed, tacit_fit *out);
void metric_close(metric *m);

/* Fits anew to what `embed` makes of the examples: embedded_run, embedded_pixels, or embedded_untrained.
 * Pixels of more than METRIC_PIXELS numbers are not fitted, and what was fitted before is forgotten. */
enum { METRIC_PIXELS = 2048 };
tacit_status metric_learn(metric *m, tacit_status (*embed)(embedded *e));

/* What the fit found. */
void metric_report(const metric *m, tacit_fit *out);

/* Features by the same `embed` become W (x - m), if they were fitted. */
tacit_status metric_use(const metric *m, embedded *e);

#endif
