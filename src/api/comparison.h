/* What `compare` finds, and the page that tells it. */
#ifndef API_COMPARISON_H
#define API_COMPARISON_H

#include "api/handles.h"

enum { COMPARED_MOST = 8, CURVE_POINTS = 120 };

#define ROWS(array) (sizeof(array) / sizeof *(array))

/* One method's training and uses. Numbers that were not measured are NAN. */
typedef struct compared {
    char method[32], family[32], encoder[32], summary[160];
    char *run; /* folder */
    /* training */
    int64_t steps, parameters, dimension;
    double examples;       /* views of examples that were learnt from */
    double seconds, bytes; /* of the training; peak of this process's memory meanwhile */
    int curve_count;
    double curve[CURVE_POINTS]; /* loss, means over equal runs of steps */
    double spread, effective_rank;
    /* uses */
    tacit_evaluation evaluation;
    tacit_clustering clusters;
    double odd; /* one-class AUROC, mean over the classes */
    tacit_retrieval retrieval;
    tacit_mapping map;
    tacit_restoration noise, holes;
    /* pictures: paths of PNG files, or NULL; of texts `groups` and `written` are text files */
    char *views, *restored, *map_picture, *groups, *repaired, *written;
} compared;

typedef struct comparison {
    tacit_context *context;
    const tacit_dataset *data;
    tacit_dataset_info info;
    double minutes; /* budget; 0: steps were given */
    uint64_t seed;
    int threads;
    bool tested; /* other examples than those that were learnt from judged */
    compared of[COMPARED_MOST];
    int count;
} comparison;

/* The whole page, and the numbers, whole or not at all. */
tacit_status comparison_write_page(const comparison *c, const char *path);
tacit_status comparison_write_json(const comparison *c, const char *path);

/* ---- findings ---- */

enum { FINDINGS_MOST = 16, FINDING_TEXT = 600 };

/* Sentences for people, the recommendation first. */
typedef struct findings {
    int count;
    char text[FINDINGS_MOST][FINDING_TEXT];
} findings;

void findings_make(const comparison *c, findings *out);

#endif
