/* Embeddings to files that other programs read. */
#ifndef USE_EXPORT_H
#define USE_EXPORT_H

#include "base/file.h"
#include "data/dataset.h"

/* .npy version 1.0, little-endian float32 (count, dimension), C order. */
tacit_status export_npy(tacit_context *context, const char *path, const float *x, int64_t count,
                        int64_t dimension);

/* With data: "name,label,e0,e1,..." (label empty where there is none); without: "e0,e1,...". Quoted by RFC
 * 4180. */
tacit_status export_csv(tacit_context *context, const char *path, const float *x, int64_t count,
                        int64_t dimension, const dataset *d, int64_t first);

/* A field in quotes, its own quotes doubled. */
void export_quoted(file_writer *w, const char *text);

/* Writes "name",label, of example i, quoted as above. */
void export_names(file_writer *w, const dataset *d, int64_t i);

#endif
