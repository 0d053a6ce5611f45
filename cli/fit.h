/* --fit of `verify` and `identify`: the examples that a metric is learnt from, and what is said of it. */
#ifndef CLI_FIT_H
#define CLI_FIT_H

#include "command.h"
#include "json.h"

#define OPTION_FIT(group)                                                                                    \
    {                                                                                                        \
        "fit", TACIT_OPTION_TEXT, 0, 0, NULL, NULL, "",                                                      \
            "labelled examples, or such with --group: a metric is learnt from them, used before the cosine", \
            group                                                                                            \
    }

/* Opens what --fit names, without --only, which is of the data compared; *out stays NULL where it is not
 * given. */
tacit_status fit_open(session *s, tacit_dataset **out, const tacit_model *model);

/* Of the data compared, which need no groups. */
tacit_dataset_options fit_data_options(const session *s, const tacit_model *model, const char *split);

/* An empty line and one that says what was fitted, and one more where raw pixels were `measured` and are not;
 * nothing without --fit. */
void fit_print(const tacit_model *model, const tacit_fit *f, bool measured);

/* null without --fit. */
json_t *fit_describe(const tacit_fit *f);

#endif
