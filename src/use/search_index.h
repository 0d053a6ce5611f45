/* An index: embeddings that are ready to be searched, with names and labels, and the file it is kept in.
 *
 * The file is safetensors: "embeddings" F32 (N, D), rows of length 1 or 0; "names" U8, each name ended by a
 * zero byte; where there are labels "labels" I32 (N) and "label_names" U8; metadata "format" is
 * "tacit-index", "model" the fingerprint of the model. */
#ifndef USE_SEARCH_INDEX_H
#define USE_SEARCH_INDEX_H

#include "data/dataset.h"
#include "model/safetensors.h"
#include "use/matrix.h"

typedef struct search_index {
    tacit_context *context;
    uint64_t model;           /* fingerprint of what the embeddings were made with */
    matrix unit;              /* (N, D): rows of length 1 or 0 */
    const int32_t *labels;    /* (N), 0 .. label_count-1, or NULL */
    const char **names;       /* (N) */
    const char **label_names; /* (label_count), or NULL */
    int32_t label_count;
    /* What holds the above: memory of its own, or the bytes of the file. */
    float *own_unit;
    int32_t *own_labels;
    char *own_names, *own_label_names;
    size_t names_size, label_names_size;
    const char *names_text, *label_names_text;
    safetensors_file file;
} search_index;

/* Of the embeddings x (N, D) of d's N examples; all is copied. search_index_fini also after a failure. */
tacit_status search_index_create(search_index *out, work *w, matrix x, const dataset *d, uint64_t model);
void search_index_fini(search_index *index);

/* Whole or not at all. */
tacit_status search_index_write(const search_index *index, const char *path);

/* Opens what was written. A file that is damaged or no index is TACIT_FORMAT; one of embeddings of another
 * model or width is TACIT_STATE. */
tacit_status search_index_read(search_index *out, work *w, const char *path, uint64_t model, int64_t columns);

/* Is d what the index was made of: as many examples, of the same names in the same order? TACIT_STATE says
 * what differs; `path` is for the message. */
tacit_status search_index_match(const search_index *index, const dataset *d, const char *path);

#endif
