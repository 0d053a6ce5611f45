/* What the handles of tacit.h hold. */
#ifndef API_HANDLES_H
#define API_HANDLES_H

#include "data/augment/augment.h"
#include "data/dataset.h"
#include "objective/learner.h"
#include "op/work.h"
#include "train/run.h"
#include "use/class_list.h"

struct tacit_dataset {
    tacit_context *context;
    dataset *data;
    char **paths; /* (path_count): as given, for config.json */
    int path_count;
};

struct tacit_config {
    tacit_context *context;
    settings *settings;
};

struct tacit_model {
    tacit_context *context;
    run_record record;
    learner *learner;
    work *work;
    class_list classes; /* of a classifier that is finished; else empty */
};

/* Opens a data set by paths: the body of tacit_dataset_open, for internal callers. */
tacit_status handle_open_dataset(tacit_dataset **out, tacit_context *context, const char *const *paths,
                                 int count, const dataset_options *options);
void handle_close_dataset(tacit_dataset *data);

/* What config.json says of a data set; borrowed from it. */
data_source handle_source(const tacit_dataset *data);

/* Of a view of the model that config.json describes, without the tokens that are ahead. */
shape handle_model_shape(const run_record *r);

/* Tells `stage` (NULL: nobody) that it is the turn of what embeddings are compared with: "groups of raw
 * pixels". */
void handle_tell_raw(void (*stage)(void *user, const char *what), void *user, const tacit_model *model,
                     const char *before, const char *after);

/* The beginning of text i on one line, as tacit_dataset_text gives it. */
tacit_status handle_text_line(const tacit_dataset *data, int64_t i, char *out, size_t size);

/* How a picture becomes a view of the model, and back. */
picture_view_options handle_model_look(const tacit_model *model);

/* Plain views of the data as the model sees them: its size and channels. `shown` is a copy of the data set
 * with the model's channels, which the caller keeps alive beside the views. */
tacit_status handle_model_views(const tacit_model *model, const tacit_dataset *data, dataset *shown,
                                views **out);

#endif
