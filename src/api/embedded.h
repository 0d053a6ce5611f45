/* A data set with its embeddings, or its pixels, as the uses take them. */
#ifndef API_EMBEDDED_H
#define API_EMBEDDED_H

#include "api/handles.h"
#include "use/matrix.h"

typedef struct embedded {
    tacit_model *model;
    dataset shown;
    views *views;
    int64_t *rows; /* (count): which examples of the data */
    int64_t count;
    float *features; /* (count, columns) of embedded_run or embedded_pixels, else NULL */
    int64_t columns;
} embedded;

/* All examples of `data`, or with label >= 0 those with that label (there must be labels). embedded_close
 * also after a failure. */
tacit_status embedded_open(embedded *e, tacit_model *model, const tacit_dataset *data, int32_t label);
void embedded_close(embedded *e);

/* Fills `features`; what was there before is freed. A run stops when the context is asked to. */
tacit_status embedded_run(embedded *e);
tacit_status embedded_pixels(embedded *e);
/* By the same encoder as it was before the first step. */
tacit_status embedded_untrained(embedded *e);

matrix embedded_matrix(const embedded *e);

/* One place on a sheet: example of the views, or an empty place when views is NULL. */
typedef struct sheet_cell {
    const views *views;
    int64_t example;
} sheet_cell;

/* Pictures as the model sees them, cells (rows, columns), to a PNG "folder/name". */
tacit_status embedded_sheet(tacit_model *model, const sheet_cell *cells, int rows, int columns,
                            const char *const *titles, const char *folder, const char *name);

#endif
